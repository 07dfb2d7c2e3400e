import type { Abortable } from "@qtune/base";
import type { HostHandler, ProgramReport, WeightSource } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";
import type { Sequence } from "./batch.ts";
import type { OnLinear } from "./on-linear.ts";

/** What training, scoring and generation programs have in common. */
export interface DecoderOptions {
  readonly config: ModelConfig;
  /** Weights under their Hugging Face names. */
  readonly tensors: ReadonlyMap<string, WeightSource>;
  /** Called at each linear module, in order of execution. Default: the frozen model. */
  readonly onLinear?: OnLinear | undefined;
  /** Handlers of the host operations that `onLinear` adds, `<kind>.vjp` included. */
  readonly hostOperations?: Readonly<Record<string, HostHandler>> | undefined;
  /** Default `float32`; `float64` for gradient checks. */
  readonly precision?: "float32" | "float64" | undefined;
  /** Threads of onnxruntime. Default: the cores of the machine, at most 8. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The loss of a batch: sums over its labelled positions, so that sums of several micro-batches divided by the sum of
 * their counts are exact whatever the lengths.
 */
export interface BatchLoss {
  /** Sum of the negative log-likelihoods, in nats. */
  readonly loss: number;
  /** Labelled positions. */
  readonly count: number;
  /** Tokens that passed the model, padding not counted. */
  readonly tokens: number;
  /** Negative log-likelihood of each labelled position: sequences in order, positions ascending. Shape [count]. */
  readonly nll: Float32Array | Float64Array;
}

/** A frozen decoder with trainable adapters, compiled. One call at a time. */
export interface DecoderProgram {
  /** Names of the parameters that `onLinear` added. */
  readonly parameters: readonly string[];
  readonly report: ProgramReport;
  /** Copies parameter values, by name; all must be bound before the first run. */
  bindParameters(values: Readonly<Record<string, Float32Array | Float64Array>>): void;
  /**
   * Computes the loss of a micro-batch; a training program also adds the gradient of the summed loss to its sums.
   *
   * Cost: rows are real tokens only, whatever the lengths; attention is padded to the longest sequence.
   * Errors: invalid_argument when a sequence is empty, too long, holds an id outside the vocabulary, or nothing is labelled.
   */
  run(sequences: readonly Sequence[], options?: Abortable): Promise<BatchLoss>;
  /** Returns the gradients of the summed loss over the runs since the last take, by parameter name, and clears the sums. */
  takeGradients(options?: Abortable): Promise<Record<string, Float64Array>>;
  close(): Promise<void>;
}
