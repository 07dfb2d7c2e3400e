/**
 * Refuses texts that cannot fit into the context before they are cut into tokens: that takes up to ten microseconds per
 * character in one go, and nobody else is answered meanwhile.
 */
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { requestError } from "./api-error.ts";
import type { ServedModel } from "./served-model.ts";

/** Longest tokens, found once per tokenizer. */
const longestTokens = new WeakMap<Tokenizer, number>();

function longestTokenBytes(tokenizer: Tokenizer): number {
  const known = longestTokens.get(tokenizer);
  if (known !== undefined) return known;
  let longest = 1;
  for (let id = 0; id < tokenizer.vocabSize; id++)
    longest = Math.max(longest, tokenizer.tokenBytes(id).length);
  longestTokens.set(tokenizer, longest);
  return longest;
}

/**
 * Throws when texts together have more bytes than the context could hold if every token were the longest there is.
 *
 * Errors: invalid_argument with `context_length_exceeded`.
 */
export function assertTextsFit(
  { tokenizer, scheduler }: Pick<ServedModel, "tokenizer" | "scheduler">,
  texts: readonly string[],
): void {
  const context = scheduler.config.maxPositions;
  const given = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const most = context * longestTokenBytes(tokenizer);
  if (given <= most) return;
  throw requestError(
    "invalid_argument",
    `this model's context is ${context} tokens, which are at most ${most} bytes of text, but ${given} were given; send a shorter text`,
    { apiCode: "context_length_exceeded" },
  );
}
