/**
 * Predicts the memory of a decoder program, so that a run that cannot fit is refused before it starts.
 *
 * The count follows what the reverse pass keeps per row and layer; the factor for the allocator and the constant for the process
 * were fitted to peaks measured on Linux (BENCHMARKS.md). Host operations keep more: what crosses a cut has memory of its own.
 */
import { QtuneError } from "@qtune/base";
import type { ModelConfig } from "../config/model-config.ts";
import { hasIntegerDotProduct } from "@qtune/graph";
import type { BaseWeights, QuantisedKernel, Recompute } from "./decoder.ts";

/** What is to be run. */
export interface MemoryQuestion {
  readonly config: ModelConfig;
  /** Default `float32`. */
  readonly baseWeights?: BaseWeights | undefined;
  /** Default: as training and scoring choose it. */
  readonly quantisedKernel?: QuantisedKernel | undefined;
  /** Whether a reverse pass is run. */
  readonly isTraining: boolean;
  /** What it computes again. Default `nothing`. */
  readonly recompute?: Recompute | undefined;
  /** Tokens of a micro-batch. */
  readonly tokens: number;
  /** Longest sequence of a micro-batch. */
  readonly longest: number;
  /** Labelled positions of a micro-batch. */
  readonly labelled: number;
}

/** Predicted memory in bytes. */
export interface MemoryEstimate {
  readonly weightBytes: number;
  readonly activationBytes: number;
  readonly logitBytes: number;
  /** The whole process, with the runtime itself. */
  readonly totalBytes: number;
}

/** Bytes per value of a frozen matrix in few bits. */
const quantisedBytes = { int8: 1 + 4 / 32, int4: 0.5 + 4 / 32 };
const processBytes = 150e6;
const allocatorFactor = 1.3;

/** Predicts the memory of one micro-batch. Within about a quarter of what was measured. */
export function estimateDecoderMemory(question: MemoryQuestion): MemoryEstimate {
  const { config, isTraining, tokens, labelled } = question;
  const weightBytes = countWeightBytes(question);
  const activationBytes = 4 * tokens * heldPerRow(question);
  // Logits, their logarithms, and in training the probabilities.
  const logitBytes = 4 * labelled * config.vocab * (isTraining ? 3 : 2);
  const totalBytes = processBytes + weightBytes + allocatorFactor * (activationBytes + logitBytes);
  return { weightBytes, activationBytes, logitBytes, totalBytes };
}

function countWeightBytes({
  config,
  baseWeights = "float32",
  quantisedKernel = hasIntegerDotProduct() ? "integer" : "widened",
  isTraining,
}: MemoryQuestion): number {
  const { layers, hidden, heads, kvHeads, headDim, ffn, vocab, tied } = config;
  const perLayer = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * ffn;
  // Embedding and head stay float32.
  const ends = 4 * vocab * hidden * (tied ? 1 : 2);
  if (baseWeights === "float32") return 4 * layers * perLayer + ends;
  const largestMatrix = 4 * hidden * Math.max(ffn, heads * headDim);
  if (baseWeights === "float16") return 2 * layers * perLayer + ends + 2 * largestMatrix;
  const narrow = quantisedBytes[baseWeights] * layers * perLayer + ends;
  if (quantisedKernel === "widened") return narrow + 2 * largestMatrix;
  // The reverse pass has a copy of its own, and the kernel packs each anew.
  return narrow + (isTraining ? 3 : 1) * quantisedBytes[baseWeights] * layers * perLayer;
}

/** Values held per row at the peak: what waits for the reverse pass, and the work of the layer under way. */
function heldPerRow(question: MemoryQuestion): number {
  const { config, longest, isTraining, recompute = "nothing" } = question;
  const underWay = (isTraining ? 2 : 1) * valuesPerRow(question);
  if (!isTraining) return underWay;
  if (recompute === "layers")
    return underWay + valuesPerRow(question) + config.layers * config.hidden;
  const attention = recompute === "attention" ? config.heads * longest : 0;
  return underWay + config.layers * (valuesPerRow(question) - attention);
}

/** Values that one layer keeps per row: residuals and norms, attention, and the four of the gated MLP. */
function valuesPerRow({ config, longest }: MemoryQuestion): number {
  const { hidden, heads, kvHeads, headDim, ffn } = config;
  return 3 * hidden + (heads + 2 * kvHeads) * headDim + heads * longest + 4 * ffn;
}

/**
 * Throws `resource_exhausted` when a run would need more memory than there is, with the figures and three ways out.
 *
 * Range: availableBytes as the operating system reports it for new work.
 */
export function assertMemory(question: MemoryQuestion, availableBytes: number): MemoryEstimate {
  const estimate = estimateDecoderMemory(question);
  if (estimate.totalBytes <= availableBytes) return estimate;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new QtuneError(
    "resource_exhausted",
    `this run needs about ${gigabytes(estimate.totalBytes)} (weights ${gigabytes(estimate.weightBytes)}, activations ` +
      `${gigabytes(estimate.activationBytes)}, logits ${gigabytes(estimate.logitBytes)}) but ${gigabytes(availableBytes)} are free; ` +
      `use fewer tokens per micro-batch than ${question.tokens}, ${question.recompute === "layers" ? "" : "compute layers again in the reverse pass, "}keep the base weights in int8 or int4, or take a smaller model`,
    { where: "memory", details: { ...estimate, availableBytes } },
  );
}
