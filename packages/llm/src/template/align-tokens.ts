/**
 * Where each token lies in the text it came from. The tokenizer library gives no offsets, but tokens stand for bytes, so
 * the text is walked along: exact for byte-level vocabularies, and for SentencePiece but for the space it puts in front.
 */
import { internalError } from "@qtune/base";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A stretch of bytes of the UTF-8 text. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

function matches(text: Uint8Array, position: number, token: Uint8Array): boolean {
  if (position + token.length > text.length) return false;
  for (let i = 0; i < token.length; i++) if (text[position + i] !== token[i]) return false;
  return true;
}

/**
 * Finds the bytes of each token of an encoded text.
 *
 * Shapes: ids [T]; result [T], in order and without overlap.
 * Errors: internal when a token is not what stands in the text, which would be a bug of the tokenizer.
 */
export function alignTokens(
  tokenizer: Tokenizer,
  text: string,
  ids: readonly number[],
): ByteSpan[] {
  const bytes = new TextEncoder().encode(tokenizer.normalize(text));
  let position = 0;
  return ids.map((id, index) => {
    let token = tokenizer.tokenBytes(id);
    // A space that the vocabulary put in front is in the token but not in the text.
    if (!matches(bytes, position, token) && token[0] === 0x20) token = token.subarray(1);
    // Special tokens may swallow the white space around them.
    while (!matches(bytes, position, token) && isSpace(bytes[position])) position += 1;
    if (!matches(bytes, position, token)) {
      throw internalError(
        `token ${index} (id ${id}) does not stand at byte ${position} of the text`,
      );
    }
    const start = position;
    position += token.length;
    return { start, end: position };
  });
}
