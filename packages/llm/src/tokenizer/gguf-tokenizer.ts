/**
 * Vocabularies inside GGUF files: with scores (`llama`, SentencePiece) or with merges (`gpt2`, byte-level BPE). The way
 * of cutting text that a file names is looked up in pre-table.ts.
 */
import { QtuneError } from "@qtune/base";
import { type GgufFile, type GgufValue, openGguf } from "@qtune/weights";
import type { MergedTokens, ScoredPieces, Vocabulary } from "./vocabulary.ts";
import { createHfTokenizer } from "./hf-tokenizer.ts";
import { byteLevel, preTable } from "./pre-table.ts";
import { createScoreTokenizer, type Piece, pieceTypes } from "./score-tokenizer.ts";
import { startWith } from "./tokenizer-json.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Reads the vocabulary of a GGUF file.
 *
 * Errors: not_found when the file has none, unimplemented for a kind that is not supported.
 */
export async function loadGgufTokenizer(filePath: string): Promise<Tokenizer> {
  const gguf = await openGguf(filePath);
  try {
    return createGgufTokenizer(gguf, filePath);
  } finally {
    await gguf.close();
  }
}

/** What both kinds of vocabulary have. */
interface GgufVocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly scores: readonly number[];
  readonly merges: readonly string[];
  readonly pre: string;
  readonly chatTemplate: string | undefined;
  id(role: string): number | undefined;
  flag(name: string): boolean | undefined;
}

function readVocabulary(values: ReadonlyMap<string, GgufValue>, file: string): GgufVocabulary {
  const at = (name: string): GgufValue | undefined => values.get(`tokenizer.ggml.${name}`);
  const list = <T>(name: string, isRight: (value: unknown) => value is T): readonly T[] => {
    const value = at(name) ?? [];
    if (Array.isArray(value) && value.every(isRight)) return value;
    throw new QtuneError(
      "data_loss",
      "expected a list of texts or of finite numbers, all of one kind",
      {
        where: `${file}: tokenizer.ggml.${name}`,
      },
    );
  };
  const isText = (value: unknown): value is string => typeof value === "string";
  const isNumber = (value: unknown): value is number =>
    typeof value === "number" && Number.isFinite(value);
  const tokens = list("tokens", isText);
  if (tokens.length === 0)
    throw new QtuneError("not_found", "expected a vocabulary in the file", { where: file });
  for (const name of ["scores", "token_type"]) {
    const value = at(name);
    if (!Array.isArray(value) || value.length === tokens.length) continue;
    const problem = `expected ${tokens.length} values, one for each token, but there are ${value.length}`;
    throw new QtuneError("data_loss", problem, { where: `${file}: tokenizer.ggml.${name}` });
  }
  const template = values.get("tokenizer.chat_template");
  const pre = at("pre");
  return {
    tokens,
    types: list("token_type", isNumber),
    scores: list("scores", isNumber),
    merges: list("merges", isText),
    pre: typeof pre === "string" ? pre : "default",
    chatTemplate: typeof template === "string" ? template : undefined,
    id: (role) => {
      const value = at(`${role}_token_id`);
      return typeof value === "number" ? value : undefined;
    },
    flag: (name) => {
      const value = at(name);
      return typeof value === "boolean" ? value : undefined;
    },
  };
}

/** Creates the tokenizer of an open GGUF file. */
export function createGgufTokenizer(gguf: GgufFile, file: string): Tokenizer {
  const vocabulary = readVocabulary(gguf.values, file);
  const parts = ggufTokenizerParts(gguf, file);
  if (parts.kind === "merges") return createHfTokenizer(parts);
  return createScoreTokenizer(parts.pieces, {
    space: "▁",
    dummyPrefix: parts.addPrefix ? "fragments" : "none",
    removeExtraSpaces: vocabulary.flag("remove_extra_whitespaces") ?? false,
    bosId: parts.bosId,
    eosId: parts.eosId,
    padId: parts.padId,
    addBos: vocabulary.flag("add_bos_token") ?? true,
    addEos: vocabulary.flag("add_eos_token") ?? false,
    parseControl: true,
    chatTemplate: parts.chatTemplate,
  });
}

/**
 * Reads the vocabulary of an open GGUF file in the form that exports need.
 *
 * Errors: not_found when the file has none, unimplemented for a kind that is not supported.
 */
export function ggufTokenizerParts(gguf: GgufFile, file: string): Vocabulary {
  const kind = gguf.values.get("tokenizer.ggml.model");
  const vocabulary = readVocabulary(gguf.values, file);
  if (kind === "llama") {
    if (vocabulary.scores.length > 0) return scoredParts(vocabulary);
    const problem =
      "expected a score for each token but was given nothing; without them text is cut wrongly";
    throw new QtuneError("data_loss", problem, { where: `${file}: tokenizer.ggml.scores` });
  }
  if (kind === "gpt2") return mergedParts(vocabulary, file);
  throw new QtuneError(
    "unimplemented",
    `expected a vocabulary of kind llama or gpt2 but it is ${String(kind)}`,
    { where: `${file}: tokenizer.ggml.model` },
  );
}

function scoredParts(vocabulary: GgufVocabulary): ScoredPieces {
  const pieces: Piece[] = vocabulary.tokens.map((text, id) => ({
    text,
    score: vocabulary.scores[id] ?? 0,
    type: vocabulary.types[id] ?? pieceTypes.normal,
  }));
  return {
    kind: "scores",
    pieces,
    addPrefix: vocabulary.flag("add_space_prefix") ?? true,
    bosId: vocabulary.id("bos") ?? 1,
    eosId: vocabulary.id("eos") ?? 2,
    padId: vocabulary.id("padding"),
    chatTemplate: vocabulary.chatTemplate,
  };
}

function mergedParts(vocabulary: GgufVocabulary, file: string): MergedTokens {
  const row = Object.hasOwn(preTable, vocabulary.pre) ? preTable[vocabulary.pre] : undefined;
  if (row === undefined) {
    const known = Object.keys(preTable).join(", ");
    throw new QtuneError("unimplemented", `expected one of ${known} but it is ${vocabulary.pre}`, {
      where: `${file}: tokenizer.ggml.pre`,
    });
  }
  const { tokens, types } = vocabulary;
  const broken = vocabulary.merges.findIndex((merge) => merge.indexOf(" ", 1) < 1);
  if (broken >= 0) {
    const given = JSON.stringify(vocabulary.merges[broken]).slice(0, 80);
    throw new QtuneError(
      "data_loss",
      `expected two tokens with a space between but was given ${given}`,
      {
        where: `${file}: tokenizer.ggml.merges[${broken}]`,
      },
    );
  }
  const added = tokens.flatMap((content, id) => {
    const type = types[id];
    if (type !== pieceTypes.control && type !== pieceTypes.userDefined) return [];
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, special: type === pieceTypes.control, ...plain }];
  });
  const bosId = vocabulary.id("bos");
  const bos =
    (vocabulary.flag("add_bos_token") ?? row.addBos) && bosId !== undefined
      ? tokens[bosId]
      : undefined;
  const json = {
    version: "1.0",
    added_tokens: added,
    normalizer: row.normalizer,
    pre_tokenizer: { type: "Sequence", pretokenizers: row.cuts },
    post_processor: bos === undefined || bosId === undefined ? null : startWith(bos, bosId),
    decoder: byteLevel(true),
    model: {
      type: "BPE",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: vocabulary.merges,
      ignore_merges: row.ignoreMerges,
    },
  };
  const config: Record<string, string> = {};
  for (const [name, role] of Object.entries({
    bos: "bos",
    eos: "eos",
    pad: "padding",
    unk: "unknown",
  })) {
    const token = tokens[vocabulary.id(role) ?? -1];
    if (token !== undefined) config[`${name}_token`] = token;
  }
  return { kind: "merges", json, config, chatTemplate: vocabulary.chatTemplate };
}
