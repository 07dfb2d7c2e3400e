/** Turns generated ids into text as they come, without ever showing half a character. */
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A text that grows. */
export interface TextStream {
  /** Adds an id and returns the text that is new and complete; empty while a character is incomplete. */
  push(id: number): string;
  /** Returns what is left at the end: an incomplete character as U+FFFD. */
  end(): string;
}

/** Ids whose text is decoded again with each new id: long enough for the longest character and for joins of spaces. */
const windowIds = 16;

/**
 * Creates a stream of text. The pieces joined are `tokenizer.decode` of all ids.
 *
 * Cost: decoding of at most 32 ids per id.
 */
export function createTextStream(tokenizer: Tokenizer): TextStream {
  let ids: number[] = [];
  let shown = "";
  const text = (): string => tokenizer.decode(ids);
  const release = (complete: string): string => {
    const piece = complete.slice(shown.length);
    shown = complete;
    return piece;
  };
  return {
    push: (id) => {
      ids.push(id);
      const now = text();
      // A replacement character at the end may be the beginning of one: wait for the rest.
      const piece = release(
        now.endsWith("\ufffd") ? now.slice(0, Math.max(shown.length, now.search(/\ufffd+$/))) : now,
      );
      if (ids.length >= 2 * windowIds && shown === now) {
        ids = ids.slice(-windowIds);
        shown = text();
      }
      return piece;
    },
    end: () => release(text()),
  };
}
