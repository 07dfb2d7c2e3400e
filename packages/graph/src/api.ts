/** Types of compiled programs: what a graph becomes, and what computes its host operations. */
import type { Abortable } from "@qtune/base";
import type { Tensor, Value } from "./tensor.ts";
import type { WeightStore } from "./weight-store.ts";

/** One host operation to compute. */
export interface HostCall {
  readonly kind: string;
  /** Inputs in order; for `<kind>.vjp` followed by the cotangents of the outputs. */
  readonly inputs: readonly Value[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Name of the first output, for messages. */
  readonly name: string;
}

/**
 * Computes all host operations of one kind and level, so that a handler can put many circuits into one batch.
 * Returns one list of outputs per call. Float outputs may be float32 or float64. Inputs are valid until the promise settles: their
 * memory is used again.
 */
export type HostHandler = (
  calls: readonly HostCall[],
  options: Abortable,
) => Promise<readonly (readonly Value[])[]>;

/** How a graph is compiled. */
export interface CompileOptions {
  /** What the program returns, by name. Outputs of stage `gradient` are returned by `takeGradients`. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Handlers by kind, `<kind>.vjp` included. Default none. */
  readonly hostOperations?: Readonly<Record<string, HostHandler>> | undefined;
  /** Default `float32`. */
  readonly precision?: "float32" | "float64" | undefined;
  /** Threads of onnxruntime. Default: the cores of the machine, at most 8. */
  readonly threads?: number | undefined;
  /** Execution providers in order of preference. Default `["cpu"]`. */
  readonly providers?: readonly string[] | undefined;
  /** Whether onnxruntime keeps a second, packed copy of the weights: faster by a few percent, twice the memory. Default true. */
  readonly prepack?: boolean | undefined;
  /**
   * Whether threads spin while they wait for each other: faster by a quarter where a run is many small operations and the cores
   * are free, slower by half where others need them. Default false.
   */
  readonly spin?: boolean | undefined;
  /** Where weights lie; programs of one store share them. Default: a store of the program's own, removed on close. */
  readonly weightStore?: WeightStore | undefined;
  /** Writes an onnxruntime profile next to the model files. */
  readonly profile?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of one run. */
export interface RunProgramOptions extends Abortable {
  /** Memory that outputs are written into, by output name; may be the memory of a feed (caches). */
  readonly into?: Readonly<Record<string, Value>> | undefined;
}

/**
 * A compiled graph.
 *
 * Effect: `bindParameters` sets the values that the following runs use and starts a new step. Each `run` adds to the sums of the
 *         gradient outputs; `takeGradients` returns the sums and clears them. One call at a time.
 * Errors: invalid_argument names the feed whose type, rank or dimension does not fit.
 */
export interface Program {
  /** Names of the inputs to feed. */
  readonly inputs: readonly string[];
  /** Names of the parameters to bind. */
  readonly parameters: readonly string[];
  /** Names that `takeGradients` returns. */
  readonly gradients: readonly string[];
  /** Copies parameter values, by name. All parameters must be bound before the first run; later calls may name some. */
  bindParameters(values: Readonly<Record<string, Float32Array | Float64Array>>): void;
  /** Computes the batch outputs. */
  run(
    feeds: Readonly<Record<string, Value>>,
    options?: RunProgramOptions,
  ): Promise<Record<string, Value>>;
  /** Returns the gradient outputs, summed over the runs since the last take, and clears the sums. */
  takeGradients(options?: Abortable): Promise<Record<string, Float64Array>>;
  /** How the program is cut and what its files weigh. */
  readonly report: ProgramReport;
  close(): Promise<void>;
}

/** How a program is cut. */
export interface ProgramReport {
  /** onnxruntime sessions, in order of execution. */
  readonly segments: readonly {
    readonly stage: "step" | "batch" | "gradient";
    readonly level: number;
    readonly nodes: number;
    readonly path: string;
  }[];
  /** Bytes of the frozen weights, each tensor once. */
  readonly weightBytes: number;
  readonly compileMs: number;
}
