/**
 * Vocabulary files of llama2.c (`tok512.bin`, `tokenizer.bin`): int32 longest piece, then per token float32 score, int32
 * length, bytes. The file does not say how many tokens there are: it is read to its end.
 */
import { readFile } from "node:fs/promises";
import { QtuneError } from "@qtune/base";
import { createScoreTokenizer, type Piece, pieceTypes } from "./score-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Id of the token for byte 0; the ids before it are unknown, BOS and EOS. */
const firstByteId = 3;

/**
 * Reads a llama2.c vocabulary.
 *
 * Errors: not_found; data_loss for a file that is cut off, or of the old form without byte tokens.
 */
export async function loadLlama2cTokenizer(filePath: string): Promise<Tokenizer> {
  const pieces = parseLlama2cVocabulary(await readFile(filePath), filePath);
  return createScoreTokenizer(pieces, {
    space: " ",
    dummyPrefix: "text",
    removeExtraSpaces: false,
    bosId: 1,
    eosId: 2,
    padId: undefined,
    addBos: true,
    addEos: false,
    parseControl: false,
    chatTemplate: undefined,
  });
}

/** Reads the pieces of a llama2.c vocabulary; `<s>` and `</s>` lose the newlines the file puts around them. */
export function parseLlama2cVocabulary(bytes: Uint8Array, file: string): Piece[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const pieces: Piece[] = [];
  let position = 4;
  while (position < bytes.length) {
    const length = position + 8 <= bytes.length ? view.getInt32(position + 4, true) : -1;
    if (length < 0 || position + 8 + length > bytes.length) {
      throw new QtuneError(
        "data_loss",
        `token ${pieces.length} ends beyond the file; it is cut off`,
        {
          where: file,
        },
      );
    }
    const score = view.getFloat32(position, true);
    const text = decoder.decode(bytes.subarray(position + 8, position + 8 + length));
    pieces.push(toPiece(pieces.length, text, score));
    position += 8 + length;
  }
  if (pieces[firstByteId]?.text !== "<0x00>") {
    throw new QtuneError(
      "data_loss",
      `expected the byte token <0x00> as token ${firstByteId} but it is ${JSON.stringify(pieces[firstByteId]?.text)}; ` +
        "files of the old form have byte tokens that collide with letters, take a newer one",
      { where: file },
    );
  }
  return pieces;
}

function toPiece(id: number, text: string, score: number): Piece {
  if (id === 0) return { text, score, type: pieceTypes.unknown };
  if (id < firstByteId) return { text: text.trim(), score, type: pieceTypes.control };
  const isByte = id < firstByteId + 256;
  return { text, score, type: isByte ? pieceTypes.byte : pieceTypes.normal };
}
