import { QtuneError } from "@qtune/base";
import type { ModelConfig } from "../config/model-config.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Throws unless every id of the tokenizer has a row in the embedding. The embedding may be longer (padding).
 *
 * Errors: failed_precondition with both sizes and the tokens that are too many.
 */
export function assertVocabulary(
  tokenizer: Tokenizer,
  config: Pick<ModelConfig, "vocab">,
  where: string,
): void {
  if (tokenizer.vocabSize <= config.vocab) return;
  const first = tokenizer.decode([config.vocab], { skipSpecial: false });
  throw new QtuneError(
    "failed_precondition",
    `the tokenizer knows ${tokenizer.vocabSize} tokens but the embedding has ${config.vocab} rows ` +
      `(the first without one is ${JSON.stringify(first)}); they belong to different models, or tokens were added without rows`,
    { where, details: { tokens: tokenizer.vocabSize, rows: config.vocab } },
  );
}
