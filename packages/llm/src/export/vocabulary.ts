/** The vocabulary of a model, read for export and written as metadata of a GGUF file. */
import { readFile } from "node:fs/promises";
import { QtuneError } from "@qtune/base";
import { openGguf, type TypedValue } from "@qtune/weights";
import { isJsonObject } from "../config/field-reader.ts";
import type { TokenizerFiles } from "../sources/model-files.ts";
import { ggufTokenizerParts } from "../tokenizer/gguf-tokenizer.ts";
import { readHfTokenizerParts } from "../tokenizer/hf-tokenizer.ts";
import { parseLlama2cVocabulary } from "../tokenizer/llama2c-tokenizer.ts";
import { pieceTypes } from "../tokenizer/score-tokenizer.ts";
import { readSentencePiece } from "../tokenizer/sentencepiece-tokenizer.ts";
import { nameOfPre } from "../tokenizer/pre-table.ts";
import type { MergedTokens, ScoredPieces, Vocabulary } from "../tokenizer/vocabulary.ts";

/** Reads the vocabulary of a model for export. Errors: unimplemented for a kind that cannot be written. */
export async function readVocabularyOf(files: TokenizerFiles): Promise<Vocabulary> {
  if (files.sentencePiece !== undefined) return fromSentencePiece(files.sentencePiece, files);
  if (files.tokenizerJson !== undefined)
    return { kind: "merges", ...(await readHfTokenizerParts(files)) };
  if (files.gguf !== undefined) return fromGguf(files.gguf);
  if (files.llama2c !== undefined) return fromLlama2c(files.llama2c);
  throw new QtuneError("not_found", "the model has no tokenizer to export", { where: "tokenizer" });
}

async function fromSentencePiece(file: string, files: TokenizerFiles): Promise<ScoredPieces> {
  const { pieces, settings } = await readSentencePiece(file);
  const parts = files.tokenizerConfig === undefined ? undefined : await readHfTokenizerParts(files);
  const idOrNone = (id: number): number | undefined => (id >= 0 ? id : undefined);
  return {
    kind: "scores",
    pieces,
    addPrefix: settings.addDummyPrefix,
    bosId: idOrNone(settings.bosId),
    eosId: idOrNone(settings.eosId),
    padId: idOrNone(settings.padId),
    chatTemplate: parts?.chatTemplate,
  };
}

async function fromGguf(file: string): Promise<Vocabulary> {
  const gguf = await openGguf(file);
  try {
    return ggufTokenizerParts(gguf, file);
  } finally {
    await gguf.close();
  }
}

async function fromLlama2c(file: string): Promise<ScoredPieces> {
  const pieces = parseLlama2cVocabulary(await readFile(file), file).map((piece) =>
    piece.type === pieceTypes.normal ? { ...piece, text: piece.text.replaceAll(" ", "▁") } : piece,
  );
  return {
    kind: "scores",
    pieces,
    addPrefix: true,
    bosId: 1,
    eosId: 2,
    padId: undefined,
    chatTemplate: undefined,
  };
}

/**
 * Returns the vocabulary as metadata of a GGUF file, padded to the rows of the embedding.
 *
 * Errors: unimplemented for a byte-level vocabulary whose way of cutting text has no GGUF name.
 */
export function toGgufValues(vocabulary: Vocabulary, rows: number): Map<string, TypedValue> {
  return vocabulary.kind === "scores"
    ? scoredValues(vocabulary, rows)
    : mergedValues(vocabulary, rows);
}

/** A token as GGUF stores it. */
interface GgufToken {
  readonly text: string;
  readonly score: number;
  readonly type: number;
}

/** Fills a list up to the rows of the embedding with tokens that mean nothing. */
function padTokens(tokens: readonly GgufToken[], rows: number): GgufToken[] {
  const padding = Array.from({ length: Math.max(0, rows - tokens.length) }, (_, i) => ({
    text: `[PAD${tokens.length + i}]`,
    score: -10_000,
    type: pieceTypes.unused,
  }));
  return [...tokens, ...padding];
}

function commonValues(
  tokens: readonly GgufToken[],
  ids: Readonly<Record<string, number | undefined>>,
  chatTemplate: string | undefined,
): Map<string, TypedValue> {
  const values = new Map<string, TypedValue>();
  const texts = tokens.map((token) => token.text);
  values.set("tokenizer.ggml.tokens", { type: "array", of: "string", value: texts });
  const types = tokens.map((token) => token.type);
  values.set("tokenizer.ggml.token_type", { type: "array", of: "int32", value: types });
  for (const [role, id] of Object.entries(ids)) {
    if (id !== undefined)
      values.set(`tokenizer.ggml.${role}_token_id`, { type: "uint32", value: id });
  }
  if (chatTemplate !== undefined) {
    values.set("tokenizer.chat_template", { type: "string", value: chatTemplate });
  }
  return values;
}

function scoredValues(vocabulary: ScoredPieces, rows: number): Map<string, TypedValue> {
  const { bosId, eosId, padId, chatTemplate, addPrefix } = vocabulary;
  const tokens = padTokens(vocabulary.pieces, rows);
  const unkId = tokens.findIndex((token) => token.type === pieceTypes.unknown);
  const ids = { bos: bosId, eos: eosId, padding: padId, unknown: unkId < 0 ? undefined : unkId };
  const scores = tokens.map((token) => token.score);
  return new Map<string, TypedValue>([
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.pre", { type: "string", value: "default" }],
    ["tokenizer.ggml.scores", { type: "array", of: "float32", value: scores }],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: bosId !== undefined }],
    ["tokenizer.ggml.add_space_prefix", { type: "bool", value: addPrefix }],
    ...commonValues(tokens, ids, chatTemplate),
  ]);
}

function mergedValues(vocabulary: MergedTokens, rows: number): Map<string, TypedValue> {
  const { json, config, chatTemplate } = vocabulary;
  const model = json["model"];
  if (!isJsonObject(model) || !isJsonObject(model["vocab"]) || !Array.isArray(model["merges"])) {
    throw new QtuneError(
      "unimplemented",
      "only byte-level BPE and SentencePiece can be written as GGUF",
      {
        where: "tokenizer.json",
      },
    );
  }
  const tokens: GgufToken[] = [];
  for (const [text, id] of Object.entries(model["vocab"])) {
    tokens[Number(id)] = { text, score: 0, type: pieceTypes.normal };
  }
  for (const added of Array.isArray(json["added_tokens"]) ? json["added_tokens"] : []) {
    if (!isJsonObject(added)) continue;
    const type = added["special"] === true ? pieceTypes.control : pieceTypes.userDefined;
    tokens[Number(added["id"])] = { text: String(added["content"]), score: 0, type };
  }
  for (let id = 0; id < tokens.length; id++) {
    tokens[id] ??= { text: `[PAD${id}]`, score: 0, type: pieceTypes.unused };
  }
  const padded = padTokens(tokens, rows);
  const idOf = (role: string): number | undefined => {
    const value = config[`${role}_token`];
    const text = isJsonObject(value) ? value["content"] : value;
    const id = padded.findIndex((token) => token.text === text);
    return id < 0 ? undefined : id;
  };
  const merges = model["merges"].map((merge) =>
    Array.isArray(merge) ? merge.join(" ") : String(merge),
  );
  const bosId = idOf("bos");
  const addsBos = JSON.stringify(json["post_processor"] ?? null).includes('"SpecialToken"');
  return new Map<string, TypedValue>([
    ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: nameOfPre(json) }],
    ["tokenizer.ggml.merges", { type: "array", of: "string", value: merges }],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: addsBos && bosId !== undefined }],
    ...commonValues(
      padded,
      { bos: bosId, eos: idOf("eos"), padding: idOf("pad"), unknown: idOf("unk") },
      chatTemplate,
    ),
  ]);
}
