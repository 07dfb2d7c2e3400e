import type { OnProgress } from "@qtune/base";
import type { Circuit } from "./circuit.ts";
import type { Observable } from "./observable.ts";

/**
 * One circuit structure and the values of its parameters for B rows.
 *
 * Shapes: shared float64 [Ps], rows float64 [B, Pr] row-major, in the order of the parameters of each role in
 *         `circuit.parameters`. B is given because Pr may be 0.
 */
export interface CircuitBatch {
  readonly circuit: Circuit;
  readonly shared: Float64Array;
  readonly rows: Float64Array;
  readonly B: number;
  /** What to estimate, K observables. Empty: nothing but what `RunOptions.returns` asks for. */
  readonly observables: readonly Observable[];
}

/** How a batch is run. Defaults: exact (no shots), expectations only. */
export interface RunOptions {
  /** Shots per circuit. Absent: exact values; executors that can only sample refuse with `invalid_argument`. */
  readonly shots?: number | undefined;
  /** Seed of everything random. Absent: the executor draws one and reports it. */
  readonly seed?: bigint | undefined;
  /** What to return beside expectations. */
  readonly returns?: readonly ("counts" | "probabilities")[] | undefined;
  /** `float32` is what training uses; `float64` is the reference. Default: the executor's own. */
  readonly precision?: "float32" | "float64" | undefined;
  /** Makes a retry return the first answer where the executor keeps tasks. */
  readonly requestId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** Outcome counts of one row: bit string c[m−1] … c[0] to number of shots. Only outcomes that occurred. */
export type Counts = ReadonlyMap<string, number>;

/**
 * What came back.
 *
 * Shapes: expectations [B, K]; standardErrors [B, K], zeros when exact; counts and probabilities one entry per row.
 */
export interface BatchResult {
  readonly expectations: Float64Array;
  readonly standardErrors: Float64Array;
  readonly counts?: readonly Counts[];
  /** Exact or predicted distribution per row, only outcomes with p > 1e-12. */
  readonly probabilities?: readonly ReadonlyMap<string, number>[];
  readonly usage: ExecutionUsage;
}

/** What a run has cost, and on what it ran. */
export interface ExecutionUsage {
  /** Circuits executed, after de-duplication. */
  readonly circuits: number;
  /** Shots in all; 0 when exact. */
  readonly shots: number;
  /** Time the chip was busy, in seconds of its (virtual) clock; 0 for simulators. */
  readonly chipSeconds: number;
  /** Chip executions (each holds one or more circuits side by side); 0 for simulators. */
  readonly chipJobs: number;
  /** Most circuits that ran side by side in one chip execution. */
  readonly parallelMax: number;
  /** Mean number of circuits per chip execution; 0 for simulators. */
  readonly parallelMean: number;
  /** Calibration snapshot that was used. */
  readonly snapshotId?: string;
  /** The seed that was used. */
  readonly seed?: bigint;
}

/** A cotangent pulled back to the values. Shapes: shared [Ps], rows [B, Pr]. */
export interface BatchGradient {
  readonly shared: Float64Array;
  readonly rows: Float64Array;
  readonly usage: ExecutionUsage;
}

/** What an executor can do. */
export interface ExecutorDescription {
  /** E.g. `simulator.exact`, `emulator:wukong-72`, `grpc://127.0.0.1:7272/devices/wukong-72`. */
  readonly name: string;
  readonly limits: {
    readonly maxQubits: number;
    readonly maxOperations: number;
    readonly maxRows: number;
  };
  /** Allowed shots; absent when it computes exact values only. */
  readonly shots?: { readonly min: number; readonly max: number };
  /** Whether exact expectation values can be asked for. */
  readonly exact: boolean;
  readonly seedable: boolean;
  /** `adjoint` where `vjp` is there; else callers use shift rules. */
  readonly gradients: "adjoint" | "none";
}

/** What a batch would cost. */
export interface ExecutorEstimate {
  readonly circuits: number;
  readonly shots: number;
  readonly chipSeconds: number;
  readonly parallelSlots: number;
  readonly wallSeconds: number;
}

/**
 * Runs one circuit structure for many rows of values, in this process or on a remote machine.
 *
 * Shapes: batch.shared [Ps], batch.rows [B, Pr], float64. Expectation values [B, K] for K observables.
 * Order:  row b of the result belongs to row b of `rows`, whatever finished first. Sums over rows are a fixed
 *         pairwise tree by row index (`pairwiseSumRows` of base), so they depend on neither chunks nor threads.
 * Effect: calls share nothing; the next may start before the last one settles. Abort rejects with `cancelled`.
 * Errors: invalid_argument for an unbound or non-finite value, out_of_range beyond the described limits, unavailable
 *         when nothing answers, deadline_exceeded.
 */
export interface Executor {
  describe(): Promise<ExecutorDescription>;
  /** What a batch would cost, running nothing. */
  estimate(batch: CircuitBatch, options?: RunOptions): Promise<ExecutorEstimate>;
  run(batch: CircuitBatch, options?: RunOptions): Promise<BatchResult>;
  /** Pulls a cotangent float64 [B, K] back to the values. Absent where one can only measure. */
  vjp?(batch: CircuitBatch, cotangent: Float64Array, options?: RunOptions): Promise<BatchGradient>;
  close(): Promise<void>;
}
