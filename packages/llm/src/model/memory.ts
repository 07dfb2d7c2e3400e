/**
 * Predicts the memory of a decoder program, so that a run that cannot fit is refused before it starts.
 *
 * The count follows what the reverse pass keeps per row and layer; the factor for the allocator and the constant for the process
 * were fitted to peaks measured on Linux (BENCHMARKS.md). Host operations keep more: what crosses a cut has memory of its own.
 */
import { QtuneError } from "@qtune/base";
import type { ModelConfig } from "../config/model-config.ts";
import { hasIntegerDotProduct } from "@qtune/graph";
import { cacheLimitBytes, cacheRowBytes } from "../generation/cache.ts";
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
function valuesPerRow({ config, longest }: Pick<MemoryQuestion, "config" | "longest">): number {
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
  throw new QtuneError(
    "resource_exhausted",
    `this run needs about ${gigabytes(estimate.totalBytes)} (weights ${gigabytes(estimate.weightBytes)}, activations ` +
      `${gigabytes(estimate.activationBytes)}, logits ${gigabytes(estimate.logitBytes)}) but ${gigabytes(availableBytes)} are free; ` +
      `use fewer tokens per micro-batch than ${question.tokens}, ${question.recompute === "layers" ? "" : "compute layers again in the reverse pass, "}keep the base weights in int8 or int4, or take a smaller model`,
    { where: "memory", details: { ...estimate, availableBytes } },
  );
}

/** Prompt tokens that pass a generator together, at most, see `decodeRows`. */
const promptPieceTokens = 2048;

/** What is to be generated. */
export interface GenerationMemoryQuestion {
  readonly config: ModelConfig;
  /** Default `float32`. */
  readonly baseWeights?: BaseWeights | undefined;
  /** Texts under way together. */
  readonly rows: number;
  /** Tokens of the longest prompt. */
  readonly promptTokens: number;
  /** Most tokens of a text, prompt and answer. */
  readonly longest: number;
  /** Prompt tokens that pass the model together, at most. Default 2,048; a served queue takes 512. */
  readonly pieceTokens?: number | undefined;
}

/** Predicted memory of generation in bytes. */
export interface GenerationMemoryEstimate {
  readonly weightBytes: number;
  /** Keys and values, and what they leave behind while they grow. */
  readonly cacheBytes: number;
  /** Activations, attention and logits of the largest pass. */
  readonly workspaceBytes: number;
  /** The whole process, with the runtime itself. */
  readonly totalBytes: number;
}

/** Bytes per value of the frozen matrices as the kernels of generation pack them; float16 keeps both forms (measured). */
const generationBytes = { float32: 4, float16: 6.5, ...quantisedBytes };
const generationProcessBytes = 240e6;
/** A cache that grows stands beside the one it grew from. */
const growth = 2;

/** Predicts the memory of generation. Within about a quarter of what was measured for models of 26 and 135 million parameters. */
export function estimateGenerationMemory(
  question: GenerationMemoryQuestion,
): GenerationMemoryEstimate {
  const { config, baseWeights = "float32", longest, pieceTokens = promptPieceTokens } = question;
  const { layers, hidden, heads, kvHeads, headDim, ffn, vocab } = config;
  // More rows than the cache may hold wait for others to leave.
  const rowBytes = cacheRowBytes(config, longest);
  const rows = Math.max(1, Math.min(question.rows, Math.floor(cacheLimitBytes / rowBytes)));
  const perLayer = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * ffn;
  const isNarrow = baseWeights === "int8" || baseWeights === "int4";
  const headBytes = isNarrow ? quantisedBytes.int8 : 4;
  // The embedding is read as it is, the head has a packed form of its own, also where it is tied.
  const weightBytes =
    generationBytes[baseWeights] * layers * perLayer + (4 + headBytes) * vocab * hidden;
  const prompt = Math.min(question.promptTokens, pieceTokens);
  const together = Math.max(1, Math.min(rows, Math.floor(pieceTokens / prompt)));
  const activations = together * prompt * valuesPerRow({ config, longest: 0 });
  const attention = together * heads * prompt * Math.min(longest, question.promptTokens);
  const workspaceBytes = 4 * (activations + attention + 2 * rows * vocab);
  const cacheBytes = growth * rows * rowBytes;
  const totalBytes =
    generationProcessBytes + weightBytes + cacheBytes + allocatorFactor * workspaceBytes;
  return { weightBytes, cacheBytes, workspaceBytes, totalBytes };
}

/**
 * Throws `resource_exhausted` when generation would need more memory than there is, with the figures and three ways out.
 *
 * Range: availableBytes as the operating system reports it for new work.
 */
export function assertGenerationMemory(
  question: GenerationMemoryQuestion,
  availableBytes: number,
): GenerationMemoryEstimate {
  const estimate = estimateGenerationMemory(question);
  if (estimate.totalBytes <= availableBytes) return estimate;
  const { baseWeights = "float32", rows, longest } = question;
  const narrower = baseWeights === "int4" ? [] : ["keep the base weights in int8 or int4"];
  const ways = [
    ...narrower,
    `allow shorter texts than ${longest} tokens${rows > 1 ? ` or fewer than ${rows} at once` : ""}`,
    "take a smaller model",
    ...(narrower.length === 0 ? ["free memory that other programs hold"] : []),
  ];
  throw new QtuneError(
    "resource_exhausted",
    `generation needs about ${gigabytes(estimate.totalBytes)} (weights ${gigabytes(estimate.weightBytes)}, keys and values ` +
      `${gigabytes(estimate.cacheBytes)}, workspace ${gigabytes(estimate.workspaceBytes)}) but ${gigabytes(availableBytes)} are free; ` +
      `${ways.slice(0, -1).join(", ")}, or ${ways.at(-1)}`,
    { where: "memory", details: { ...estimate, availableBytes } },
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
