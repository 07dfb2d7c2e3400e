import type { Abortable } from "@qtune/base";
import { type Generator, assertGenerationMemory, createGenerator } from "@qtune/llm";
import { createCircuitRunner, placeForEvaluation } from "../loop/circuits.ts";
import type { EvaluationTarget } from "./evaluation.ts";
import { decoderOf } from "../model.ts";

/** What will be generated, to know beforehand whether it fits into memory. */
export interface ExpectedTexts {
  /** Texts under way together. */
  readonly rows: number;
  /** Tokens of the longest prompt. */
  readonly promptTokens: number;
  /** Most tokens of a text, prompt and answer. */
  readonly longest: number;
  /** Prompt tokens that pass the model together, at most. Default 2,048; a served queue takes 512. */
  readonly pieceTokens?: number | undefined;
}

/**
 * Compiles a target for generation: the model with its adapter, unmerged; its circuits run by the target's executor, or in
 * the graph where they are small and exact.
 *
 * Effect: the caller closes the generator; model and executor stay open.
 * Errors: resource_exhausted, before anything is compiled, where the expected texts would need more memory than is free.
 */
export async function createTargetGenerator(
  target: EvaluationTarget,
  options: Abortable & { readonly expected?: ExpectedTexts | undefined } = {},
): Promise<Generator> {
  const { model, adapter, executor, circuits, threads, tokenizer } = target;
  if (options.expected !== undefined) {
    const { config, baseWeights } = model;
    // Texts beyond the context are refused for that, later.
    const longest = Math.min(options.expected.longest, config.maxPositions);
    const question = { config, baseWeights, ...options.expected, longest };
    assertGenerationMemory(question, process.availableMemory());
  }
  const runner = createCircuitRunner(executor, circuits ?? {});
  const placed = adapter && placeForEvaluation(adapter.adapter, circuits ?? {}).adapter;
  runner.setLabel("generate");
  const generator = await createGenerator({
    ...decoderOf(model),
    threads,
    knownIds: tokenizer.vocabSize,
    signal: options.signal,
    ...(placed === undefined
      ? {}
      : {
          onLinear: (call) => placed.onLinear(call),
          hostOperations: runner.handlers,
        }),
  });
  if (adapter !== undefined) generator.bindParameters(Object.fromEntries(adapter.values));
  return generator;
}
