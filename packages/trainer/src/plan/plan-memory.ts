/** The memory of a training, predicted from the micro-batches that it will really run. */
import {
  type MemoryEstimate,
  type MemoryQuestion,
  assertMemory,
  estimateDecoderMemory,
  type Recompute,
} from "@qtune/llm";
import { QtuneError } from "@qtune/base";
import type { RunConfig } from "../config/run-config.ts";
import { type BatchOrder, microBatches } from "../data/batches.ts";
import type { TrainerModel } from "../model.ts";

/** Predicts the peak memory of the largest micro-batch of the first pass over the data. */
export function estimateTrainingMemory(
  config: RunConfig,
  model: TrainerModel,
  order: BatchOrder,
): MemoryEstimate {
  return estimateDecoderMemory(largestQuestion(config, model, order));
}

/**
 * Refuses a training that would not fit into the memory that is free.
 *
 * Range:  availableBytes as the operating system reports it for new work.
 * Errors: resource_exhausted with the figures and the settings that help.
 */
export function assertTrainingFits(
  config: RunConfig,
  model: TrainerModel,
  order: BatchOrder,
  availableBytes: number,
): void {
  try {
    assertMemory(largestQuestion(config, model, order), availableBytes);
  } catch (error) {
    const { code, message, details } = QtuneError.from(error);
    const settings =
      "train.microBatchTokens, train.gradientCheckpointing, train.baseWeights, model";
    throw new QtuneError(code, `${message} (${settings})`, {
      where: "train",
      details,
      cause: error,
    });
  }
}

/** Sequences from this length on have their attention weights computed again: less would gain little memory. */
const longAttention = 256;

/** Chooses what the reverse pass of a training computes again. */
export function chooseRecompute(
  { gradientCheckpointing }: RunConfig["train"],
  order: BatchOrder,
): Recompute {
  if (gradientCheckpointing) return "layers";
  for (let step = 0; step < order.stepsPerEpoch; step++)
    if (order.batch(step).some(({ ids }) => ids.length >= longAttention)) return "attention";
  return "nothing";
}

function largestQuestion(
  { train }: RunConfig,
  model: TrainerModel,
  order: BatchOrder,
): MemoryQuestion {
  const common = {
    config: model.config,
    baseWeights: train.baseWeights,
    isTraining: true,
    recompute: chooseRecompute(train, order),
  };
  let largest: MemoryQuestion = { ...common, tokens: 1, longest: 1, labelled: 1 };
  let most = 0;
  for (let step = 0; step < order.stepsPerEpoch; step++) {
    for (const part of microBatches(order.batch(step), train.microBatchTokens)) {
      const lengths = part.map(({ ids }) => ids.length);
      const question = {
        ...common,
        tokens: lengths.reduce((sum, length) => sum + length, 0),
        longest: Math.max(...lengths),
        labelled: part.reduce((sum, { labelled }) => sum + labelled, 0),
      };
      const { totalBytes } = estimateDecoderMemory(question);
      if (totalBytes > most) [most, largest] = [totalBytes, question];
    }
  }
  return largest;
}
