/**
 * Answer extraction of the task `gsm8k` 3.0 of lm-evaluation-harness: what counts as the answer inside a generated
 * text. Two filters, strict and flexible, then one normalisation of both sides and a comparison of strings, so that
 * `18.00` is not `18`.
 */

/** Name and version printed with every score. */
export const gsm8kScorer = "gsm8k 3.0";

/** What the filters return where nothing matches. */
export const invalidAnswer = "[invalid]";

/** Whether an output is right under either filter. */
export interface AnswerScore {
  readonly strict: boolean;
  readonly flexible: boolean;
}

/** Returns the first number after `#### `, normalised. */
export function extractStrict(output: string): string {
  const match = /#### (-?[0-9.,]+)/.exec(output)?.[1];
  return match === undefined ? invalidAnswer : normaliseAnswer(match);
}

/** Returns the last number of the text, normalised. */
export function extractFlexible(output: string): string {
  const match = [...output.matchAll(/(-?[$0-9.,]{2,})|(-?[0-9]+)/g)].at(-1)?.[0];
  return match === undefined ? invalidAnswer : normaliseAnswer(match);
}

/** Removes `,`, `$`, everything up to the last `#### ` and a final `.`, in this order, and lower-cases. */
export function normaliseAnswer(text: string): string {
  return text
    .replaceAll(",", "")
    .replaceAll("$", "")
    .replace(/^[\s\S]*#### /, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

/** Compares an output with the reference answer (a bare number or a whole worked answer). */
export function scoreAnswer(output: string, reference: string): AnswerScore {
  const expected = normaliseAnswer(reference);
  return {
    strict: extractStrict(output) === expected,
    flexible: extractFlexible(output) === expected,
  };
}
