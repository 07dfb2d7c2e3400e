/**
 * Vocabularies inside GGUF files: with scores (`llama`, SentencePiece) or with merges (`gpt2`, byte-level BPE). A file
 * names its way of cutting text by `tokenizer.ggml.pre` only; the table below says what each name stands for.
 */
import { QtuneError } from "@qtune/base";
import { type GgufFile, type GgufValue, openGguf } from "@qtune/weights";
import { createHfTokenizer } from "./hf-tokenizer.ts";
import { createScoreTokenizer, type Piece, pieceTypes } from "./score-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** How a byte-level vocabulary cuts text before merging, and its other habits. */
interface PreRow {
  readonly normalizer: object | null;
  readonly cuts: readonly object[];
  /** Takes a whole piece of text that is a token as it is, whatever the merges say. */
  readonly ignoreMerges: boolean;
  readonly addBos: boolean;
}

const byteLevel = (useRegex: boolean): object => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

const split = (pattern: string): object => ({
  type: "Split",
  pattern: { Regex: pattern },
  behavior: "Isolated",
  invert: false,
});

/** The pattern that Llama 3 and Qwen share but for how many digits stay together. */
const words = (digits: string): string =>
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
  `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const gpt2: PreRow = {
  normalizer: null,
  cuts: [byteLevel(true)],
  ignoreMerges: false,
  addBos: false,
};

/** Every way of cutting that is supported, by the name in the file. */
const preTable: Readonly<Record<string, PreRow>> = {
  default: gpt2,
  "gpt-2": gpt2,
  qwen2: {
    normalizer: { type: "NFC" },
    cuts: [split(words("\\p{N}")), byteLevel(false)],
    ignoreMerges: false,
    addBos: false,
  },
  "llama-bpe": {
    normalizer: null,
    cuts: [split(words("\\p{N}{1,3}")), byteLevel(false)],
    ignoreMerges: true,
    addBos: true,
  },
  smollm: {
    normalizer: null,
    cuts: [{ type: "Digits", individual_digits: true }, byteLevel(true)],
    ignoreMerges: false,
    addBos: false,
  },
};

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
    throw new QtuneError("data_loss", "expected a list of one kind of value", {
      where: `${file}: tokenizer.ggml.${name}`,
    });
  };
  const isText = (value: unknown): value is string => typeof value === "string";
  const isNumber = (value: unknown): value is number => typeof value === "number";
  const tokens = list("tokens", isText);
  if (tokens.length === 0)
    throw new QtuneError("not_found", "expected a vocabulary in the file", { where: file });
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
  const kind = gguf.values.get("tokenizer.ggml.model");
  const vocabulary = readVocabulary(gguf.values, file);
  if (kind === "llama") return createFromScores(vocabulary);
  if (kind === "gpt2") return createFromMerges(vocabulary, file);
  throw new QtuneError(
    "unimplemented",
    `expected a vocabulary of kind llama or gpt2 but it is ${String(kind)}`,
    {
      where: `${file}: tokenizer.ggml.model`,
    },
  );
}

function createFromScores(vocabulary: GgufVocabulary): Tokenizer {
  const pieces: Piece[] = vocabulary.tokens.map((text, id) => ({
    text,
    score: vocabulary.scores[id] ?? 0,
    type: vocabulary.types[id] ?? pieceTypes.normal,
  }));
  return createScoreTokenizer(pieces, {
    space: "▁",
    dummyPrefix: (vocabulary.flag("add_space_prefix") ?? true) ? "fragments" : "none",
    removeExtraSpaces: vocabulary.flag("remove_extra_whitespaces") ?? false,
    bosId: vocabulary.id("bos") ?? 1,
    eosId: vocabulary.id("eos") ?? 2,
    padId: vocabulary.id("padding"),
    addBos: vocabulary.flag("add_bos_token") ?? true,
    addEos: vocabulary.flag("add_eos_token") ?? false,
    parseControl: true,
    chatTemplate: vocabulary.chatTemplate,
  });
}

function createFromMerges(vocabulary: GgufVocabulary, file: string): Tokenizer {
  const row = preTable[vocabulary.pre];
  if (row === undefined) {
    const known = Object.keys(preTable).join(", ");
    throw new QtuneError("unimplemented", `expected one of ${known} but it is ${vocabulary.pre}`, {
      where: `${file}: tokenizer.ggml.pre`,
    });
  }
  const { tokens, types } = vocabulary;
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
  return createHfTokenizer({ json, config, chatTemplate: vocabulary.chatTemplate });
}

/** A post-processor that puts BOS in front. */
function startWith(token: string, id: number): object {
  const template = [
    { SpecialToken: { id: token, type_id: 0 } },
    { Sequence: { id: "A", type_id: 0 } },
  ];
  return {
    type: "TemplateProcessing",
    single: template,
    pair: [...template, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}
