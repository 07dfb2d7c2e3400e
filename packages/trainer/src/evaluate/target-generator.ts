import type { Abortable } from "@qtune/base";
import { type Generator, createGenerator } from "@qtune/llm";
import { createCircuitRunner, placeForEvaluation } from "../loop/circuits.ts";
import type { EvaluationTarget } from "./evaluation.ts";
import { decoderOf } from "../model.ts";

/**
 * Compiles a target for generation: the model with its adapter, unmerged; its circuits run by the target's executor, or in
 * the graph where they are small and exact.
 *
 * Effect: the caller closes the generator; model and executor stay open.
 */
export async function createTargetGenerator(
  target: EvaluationTarget,
  options: Abortable = {},
): Promise<Generator> {
  const { model, adapter, executor, circuits, threads, tokenizer } = target;
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
