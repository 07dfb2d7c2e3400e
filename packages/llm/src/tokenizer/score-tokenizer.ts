/** A tokenizer over a vocabulary with scores: special tokens are cut out first, the rest is merged by score. */
import { QtuneError } from "@qtune/base";
import { encodeByScore, type ScoredVocabulary } from "./score-bpe.ts";
import type { SpecialTokens, Tokenizer } from "./tokenizer.ts";

/** What a piece is, in the numbering that SentencePiece and GGUF share. */
export const pieceTypes = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

/** A piece of the vocabulary; its id is its place in the list. */
export interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: number;
}

/** How a text is prepared and how a vocabulary wraps it. */
export interface ScoreTokenizerOptions {
  /** The character that stands for a space inside pieces: `▁` in SentencePiece, a plain space in llama2.c. */
  readonly space: "▁" | " ";
  /**
   * Where a space is put in front: never, before the whole text (SentencePiece), or before each stretch of text that
   * starts or follows a special token (llama.cpp, and Hugging Face's converted vocabularies).
   */
  readonly dummyPrefix: "none" | "text" | "fragments";
  /** Joins runs of spaces and trims the text, as some vocabularies were trained. */
  readonly removeExtraSpaces: boolean;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Whether the text of control tokens is recognised in what is encoded, as chat formats need. */
  readonly parseControl: boolean;
  readonly chatTemplate: string | undefined;
}

const byteText = /^<0x([0-9A-F]{2})>$/;

/**
 * Creates a tokenizer over pieces with scores.
 *
 * Errors: invalid_argument when the byte tokens are incomplete.
 */
export function createScoreTokenizer(
  pieces: readonly Piece[],
  options: ScoreTokenizerOptions,
): Tokenizer {
  const vocabulary = indexPieces(pieces);
  const specials = findSpecials(pieces, vocabulary, options);
  const splitter = createSplitter(pieces, options);
  const bytes = pieces.map((piece) => pieceBytes(piece, options.space));
  const prepare = (text: string): string =>
    options.removeExtraSpaces ? text.replace(/ +/g, " ").replace(/^ | $/g, "") : text;

  const encode: Tokenizer["encode"] = (text, { addSpecial = true } = {}) => {
    const ids: number[] = [];
    if (addSpecial && options.addBos && options.bosId !== undefined) ids.push(options.bosId);
    let wantsPrefix = options.dummyPrefix !== "none";
    for (const part of splitter(text)) {
      const isSymbol = typeof part === "number" && pieces[part]?.type === pieceTypes.userDefined;
      if (typeof part === "string") {
        const prepared = (wantsPrefix ? " " : "") + prepare(part);
        for (const id of encodeByScore(prepared.replaceAll(" ", options.space), vocabulary))
          ids.push(id);
        wantsPrefix = false;
      } else if (isSymbol && options.dummyPrefix === "text") {
        if (wantsPrefix) ids.push(...encodeByScore(options.space, vocabulary));
        ids.push(part);
        wantsPrefix = false;
      } else {
        ids.push(part);
        wantsPrefix = options.dummyPrefix !== "none";
      }
    }
    if (addSpecial && options.addEos && options.eosId !== undefined) ids.push(options.eosId);
    return ids;
  };

  const decode: Tokenizer["decode"] = (ids, { skipSpecial = true } = {}) => {
    const chunks: Uint8Array[] = [];
    let isStart = true;
    for (const id of ids) {
      const piece = pieces[id];
      const isControl = piece?.type === pieceTypes.control || piece?.type === pieceTypes.unknown;
      if (piece === undefined || (skipSpecial && isControl)) continue;
      let chunk = bytes[id]!; // one entry per piece
      if (isStart && !isControl && options.dummyPrefix !== "none" && chunk[0] === 0x20)
        chunk = chunk.subarray(1);
      if (!isControl) isStart = false;
      chunks.push(chunk);
    }
    return new TextDecoder().decode(Buffer.concat(chunks));
  };

  const tokenBytes = (id: number): Uint8Array => bytes[id] ?? new Uint8Array(0);
  return {
    vocabSize: pieces.length,
    specials,
    chatTemplate: options.chatTemplate,
    templateVariables: templateVariables(pieces, options),
    encode,
    decode,
    normalize: (text) => text,
    tokenBytes,
  };
}

function indexPieces(pieces: readonly Piece[]): ScoredVocabulary {
  const ids = new Map<string, number>();
  const scores = Float64Array.from(pieces, (piece) => piece.score);
  const byteIds: number[] = [];
  let unkId = 0;
  for (const [id, { text, type }] of pieces.entries()) {
    if (type === pieceTypes.normal || type === pieceTypes.userDefined) {
      if (!ids.has(text)) ids.set(text, id);
    } else if (type === pieceTypes.unknown) unkId = id;
    else if (type === pieceTypes.byte)
      byteIds[Number.parseInt(byteText.exec(text)?.[1] ?? "0", 16)] = id;
  }
  const count = Object.keys(byteIds).length;
  if (count !== 0 && count !== 256) {
    throw new QtuneError("invalid_argument", `expected 256 byte tokens but there are ${count}`, {
      where: "vocabulary",
    });
  }
  return { ids, scores, byteIds: count === 0 ? undefined : byteIds, unkId };
}

function findSpecials(
  pieces: readonly Piece[],
  vocabulary: ScoredVocabulary,
  options: ScoreTokenizerOptions,
): SpecialTokens {
  const all = new Map<string, number>();
  for (const [id, { text, type }] of pieces.entries()) {
    if (type === pieceTypes.control || type === pieceTypes.unknown) all.set(text, id);
  }
  const { bosId, eosId, padId } = options;
  return { bosId, eosId, padId, unkId: vocabulary.unkId, all };
}

/** Cuts the tokens that are matched before anything is merged out of a text: ids among pieces of text. */
function createSplitter(
  pieces: readonly Piece[],
  options: ScoreTokenizerOptions,
): (text: string) => (string | number)[] {
  const whole = new Map<string, number>();
  for (const [id, { text, type }] of pieces.entries()) {
    const isWhole =
      type === pieceTypes.userDefined || (options.parseControl && type === pieceTypes.control);
    if (isWhole && text !== "") whole.set(text, id);
  }
  if (whole.size === 0) return (text) => (text === "" ? [] : [text]);
  const longestFirst = [...whole.keys()].sort((a, b) => b.length - a.length);
  const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const pattern = new RegExp(`(${longestFirst.map(escape).join("|")})`);
  return (text) =>
    text
      .split(pattern)
      .filter((part) => part !== "")
      .map((part) => whole.get(part) ?? part);
}

function pieceBytes(piece: Piece, space: string): Uint8Array {
  const byte = piece.type === pieceTypes.byte ? byteText.exec(piece.text)?.[1] : undefined;
  if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
  return new TextEncoder().encode(piece.text.replaceAll(space, " "));
}

function templateVariables(
  pieces: readonly Piece[],
  { bosId, eosId, padId }: ScoreTokenizerOptions,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, id] of Object.entries({
    bos_token: bosId,
    eos_token: eosId,
    pad_token: padId,
  })) {
    const text = id === undefined ? undefined : pieces[id]?.text;
    if (text !== undefined) variables[name] = text;
  }
  return variables;
}
