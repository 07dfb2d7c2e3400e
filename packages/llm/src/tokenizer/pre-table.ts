/**
 * How byte-level vocabularies cut text before merging. A GGUF file gives a name only (`tokenizer.ggml.pre`); this table
 * says what each name stands for, in the form of `tokenizer.json`.
 */
import { QtuneError } from "@qtune/base";
import { isJsonObject } from "../config/field-reader.ts";

/** How a byte-level vocabulary cuts text before merging, and its other habits. */
export interface PreRow {
  readonly normalizer: object | null;
  readonly cuts: readonly object[];
  /** Takes a whole piece of text that is a token as it is, whatever the merges say. */
  readonly ignoreMerges: boolean;
  readonly addBos: boolean;
}

/** The byte-level step, which cuts by GPT-2's pattern or not at all. */
export const byteLevel = (useRegex: boolean): object => ({
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
export const preTable: Readonly<Record<string, PreRow>> = {
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
 * Finds the GGUF name of the way in which a `tokenizer.json` cuts text.
 *
 * Errors: unimplemented where no name says the same.
 */
export function nameOfPre(json: Readonly<Record<string, unknown>>): string {
  const cuts = cutsOf(json["pre_tokenizer"]);
  const model = json["model"];
  const ignoresMerges = isJsonObject(model) && model["ignore_merges"] === true;
  for (const [name, row] of Object.entries(preTable)) {
    const isSame =
      cuts.join() === row.cuts.map(describe).join() && ignoresMerges === row.ignoreMerges;
    if (isSame && name !== "default") return name;
  }
  throw new QtuneError(
    "unimplemented",
    `no GGUF name is known for a vocabulary that cuts text by ${cuts.join(", then ") || "nothing"}`,
    { where: "tokenizer.json: pre_tokenizer" },
  );
}

function cutsOf(part: unknown): string[] {
  if (!isJsonObject(part)) return [];
  if (Array.isArray(part["pretokenizers"])) return part["pretokenizers"].map(describe);
  return [describe(part)];
}

/** Says what a step does, leaving out what makes no difference to the tokens. */
function describe(part: unknown): string {
  if (!isJsonObject(part)) return "nothing";
  const pattern = part["pattern"];
  if (part["type"] === "Split" && isJsonObject(pattern)) {
    return `Split ${String(pattern["Regex"] ?? pattern["String"])} ${String(part["behavior"])}`;
  }
  if (part["type"] === "Digits") return `Digits ${String(part["individual_digits"])}`;
  // Absent means true, as in the original.
  const usesRegex = part["use_regex"] !== false;
  return `${String(part["type"])} ${String(part["add_prefix_space"] === true)} ${String(usesRegex)}`;
}
