/** Tokenizers of `tokenizer.json`, run by @huggingface/tokenizers. */
import { readFile } from "node:fs/promises";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { QtuneError } from "@qtune/base";
import { isJsonObject } from "../config/field-reader.ts";
import type { TokenizerFiles } from "../sources/model-files.ts";
import { byteLevelBytes } from "./byte-level.ts";
import type { SpecialTokens, Tokenizer } from "./tokenizer.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a tokenizer is made of: `tokenizer.json` and the texts with a role. */
export interface HfTokenizerParts {
  readonly json: Json;
  /** `tokenizer_config.json`, merged with `special_tokens_map.json`. */
  readonly config: Json;
  readonly chatTemplate: string | undefined;
}

/**
 * Reads `tokenizer.json` with `tokenizer_config.json`, `special_tokens_map.json` and `chat_template.jinja` where there.
 *
 * Errors: data_loss for a damaged file, unimplemented for a kind of tokenizer the library does not know.
 */
export async function loadHfTokenizer(files: TokenizerFiles): Promise<Tokenizer> {
  const parts = await readHfTokenizerParts(files);
  try {
    return createHfTokenizer(parts);
  } catch (cause) {
    if (cause instanceof QtuneError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QtuneError("unimplemented", `the tokenizer library refuses the file: ${reason}`, {
      where: files.tokenizerJson ?? "tokenizer.json",
      cause,
    });
  }
}

/** Reads the files that loadHfTokenizer makes a tokenizer of. */
export async function readHfTokenizerParts(files: TokenizerFiles): Promise<HfTokenizerParts> {
  const json = await readObject(files.tokenizerJson);
  const map = await readObject(files.specialTokensMap);
  const config = { ...map, ...(await readObject(files.tokenizerConfig)) };
  const ownFile =
    files.chatTemplate === undefined ? undefined : await readFile(files.chatTemplate, "utf8");
  return { json, config, chatTemplate: ownFile ?? templateOf(config["chat_template"]) };
}

async function readObject(file: string | undefined): Promise<Json> {
  if (file === undefined) return {};
  try {
    const json: unknown = JSON.parse(await readFile(file, "utf8"));
    if (isJsonObject(json)) return json;
  } catch (cause) {
    throw new QtuneError("data_loss", "expected JSON; the file is damaged", { where: file, cause });
  }
  throw new QtuneError("data_loss", "expected a JSON object", { where: file });
}

/** A template is a text, or a list of named ones of which `default` is meant. */
function templateOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const entries = value.filter(isJsonObject);
  const chosen = entries.find((entry) => entry["name"] === "default") ?? entries[0];
  return typeof chosen?.["template"] === "string" ? chosen["template"] : undefined;
}

/** Creates a tokenizer of parsed files. */
export function createHfTokenizer({ json, config, chatTemplate }: HfTokenizerParts): Tokenizer {
  const library = new Library(withUnicodeDigits(json), config);
  const added = library.get_added_tokens_decoder();
  // Not spread into Math.max: a vocabulary is longer than a call may have arguments.
  const vocabSize =
    1 + Array.from(library.get_vocab(true).values()).reduce((a, b) => Math.max(a, b), -1);
  const variables = textsWithRole(config);
  const isNfc = JSON.stringify(json["normalizer"] ?? null).includes('"NFC"');
  const toBytes = tokenByteRule(json);

  const decode: Tokenizer["decode"] = (ids, { skipSpecial = true } = {}) => {
    const known = Array.from(ids).filter((id) => library.id_to_token(id) !== undefined);
    if (known.length === 0) return "";
    // The clean-up that old configurations ask for is meant for WordPiece; on BPE it would eat spaces.
    return library.decode(known, {
      skip_special_tokens: skipSpecial,
      clean_up_tokenization_spaces: false,
    });
  };
  // Masks ask for the bytes of every token of a data set, so each is spelt out once.
  const spelt: (Uint8Array | undefined)[] = [];
  const spell = (id: number): Uint8Array => {
    const text = added.get(id)?.content;
    if (text !== undefined) return new TextEncoder().encode(text);
    return toBytes(library.id_to_token(id) ?? "");
  };
  const tokenBytes = (id: number): Uint8Array => (spelt[id] ??= spell(id));
  return {
    vocabSize,
    specials: findSpecials(library, variables),
    chatTemplate,
    templateVariables: variables,
    encode: (text, { addSpecial = true } = {}) =>
      text === "" && !addSpecial
        ? []
        : library.encode(text, { add_special_tokens: addSpecial }).ids,
    decode,
    normalize: (text) => (isNfc ? text.normalize("NFC") : text),
    tokenBytes,
  };
}

/**
 * Writes the Digits pre-tokeniser as a split by pattern: the original cuts at every Unicode number (½, Ⅷ), the library's
 * own one at ASCII digits only.
 */
function withUnicodeDigits(json: Json): Json {
  const rewrite = (part: unknown): unknown => {
    if (!isJsonObject(part)) return part;
    if (Array.isArray(part["pretokenizers"])) {
      return { ...part, pretokenizers: part["pretokenizers"].map(rewrite) };
    }
    if (part["type"] !== "Digits") return part;
    const Regex = part["individual_digits"] === true ? "\\p{N}" : "\\p{N}+";
    return { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
  };
  return { ...json, pre_tokenizer: rewrite(json["pre_tokenizer"] ?? null) };
}

/** Collects `bos_token`, `eos_token`, … as texts; files write them as text or as an object with `content`. */
function textsWithRole(config: Json): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(config)) {
    if (!/^\w+_token$/.test(name)) continue;
    const content = isJsonObject(value) ? value["content"] : value;
    if (typeof content === "string") texts[name] = content;
  }
  return texts;
}

function findSpecials(
  library: Library,
  variables: Readonly<Record<string, string>>,
): SpecialTokens {
  const idOf = (name: string): number | undefined => {
    const text = variables[name];
    return text === undefined ? undefined : library.token_to_id(text);
  };
  const all = new Map<string, number>();
  for (const [id, token] of library.get_added_tokens_decoder()) {
    if (token.special) all.set(token.content, id);
  }
  return {
    bosId: idOf("bos_token"),
    eosId: idOf("eos_token"),
    padId: idOf("pad_token"),
    unkId: idOf("unk_token"),
    all,
  };
}

/** Says how a token's spelling becomes bytes: byte-level alphabet, or SentencePiece's `▁` and `<0x0A>`. */
function tokenByteRule(json: Json): (token: string) => Uint8Array {
  const isByteLevel = JSON.stringify(json["decoder"] ?? null).includes('"ByteLevel"');
  const encoder = new TextEncoder();
  if (isByteLevel) return (token) => byteLevelBytes(token) ?? encoder.encode(token);
  return (token) => {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    return encoder.encode(token.replaceAll("▁", " "));
  };
}
