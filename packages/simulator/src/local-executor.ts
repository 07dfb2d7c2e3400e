/**
 * The exact executor of this process: batched state vectors, adjoint gradients, and sampling from exact distributions.
 * Circuits have final measurements only; `simulate` runs everything else.
 */
import {
  QtuneError,
  assertFinite,
  assertInteger,
  assertLength,
  createRandom,
  pairwiseSumRows,
  throwIfAborted,
} from "@qtune/base";
import {
  type BatchGradient,
  type BatchResult,
  type CircuitBatch,
  type Counts,
  type ExecutionUsage,
  type Executor,
  type ExecutorDescription,
  type ExecutorEstimate,
  type Observable,
  type RunOptions,
} from "@qtune/circuit";
import { type Backend, type Precision, createBackend } from "@qtune/kernels";
import { BatchedEngine, type BatchedResult } from "./batched/batched-engine.ts";
import {
  type ObservableTable,
  compileObservables,
  isOdd,
  toMasks,
} from "./batched/observable-table.ts";
import { type Plan, compilePlan, maxBatchedQubits } from "./plan/plan.ts";
import { countIndices, bitString, sampleIndices } from "./sampling.ts";

/** How a local executor computes. */
export interface LocalExecutorOptions {
  /** Precision where a call names none. Default: float32. */
  readonly precision?: Precision | undefined;
  /** Threads, the calling one included. Default: the processors, at most 8. */
  readonly threads?: number | undefined;
  /** A backend to use instead of the fastest that loads; it is closed with the executor. */
  readonly backend?: Backend | undefined;
}

const maxRows = 4_000_000;
const maxShots = 100_000_000;

/**
 * Creates the executor that simulates circuits exactly in this process.
 *
 * Range:  circuits of up to 14 qubits with measurements at the end.
 * Effect: owns a memory from the first run, and threads from the first large one, until closed. Threads never keep the
 *         process alive. The same batch gives the same bits for any number of threads; B rows give what B single rows
 *         give, bit for bit.
 * Errors: out_of_range for threads below 1.
 *
 * @example
 * const executor = createLocalExecutor({ precision: "float64" });
 * const { expectations } = await executor.run({ circuit, shared, rows, B, observables: allPauliZ(4) });
 * await executor.close();
 */
export function createLocalExecutor(
  options: LocalExecutorOptions = {},
): Executor & Required<Pick<Executor, "vjp">> {
  if (options.threads !== undefined)
    assertInteger(options.threads, { min: 1, max: 1024 }, "threads");
  return new LocalExecutor(options);
}

class LocalExecutor implements Executor {
  readonly #options: LocalExecutorOptions;
  readonly #plans = new WeakMap<CircuitBatch["circuit"], Plan>();
  readonly #observables = new WeakMap<readonly Observable[], Map<number, ObservableTable>>();
  #backend: Backend | undefined;
  #engine: BatchedEngine | undefined;
  #isClosed = false;

  constructor(options: LocalExecutorOptions) {
    this.#options = options;
    this.#backend = options.backend;
  }

  async describe(): Promise<ExecutorDescription> {
    return {
      name: "simulator.exact",
      limits: { maxQubits: maxBatchedQubits, maxOperations: 1_000_000, maxRows },
      shots: { min: 1, max: maxShots },
      exact: true,
      seedable: true,
      gradients: "adjoint",
    };
  }

  async estimate(batch: CircuitBatch, options: RunOptions = {}): Promise<ExecutorEstimate> {
    const plan = this.#planOf(batch);
    const amplitudes = 2 ** plan.n * batch.B * Math.max(1, plan.blocks.length);
    return {
      circuits: batch.B,
      shots: batch.B * (options.shots ?? 0),
      chipSeconds: 0,
      parallelSlots: 1,
      wallSeconds: 5e-5 + amplitudes * 2e-9,
    };
  }

  async run(batch: CircuitBatch, options: RunOptions = {}): Promise<BatchResult> {
    throwIfAborted(options.signal);
    const plan = this.#check(batch, options);
    const { shots, returns = [] } = options;
    const K = batch.observables.length;
    const isSampled = shots !== undefined;
    const wantsDistribution = isSampled || returns.includes("probabilities");
    const result = await this.#engineOf().run(
      {
        plan,
        observables: this.#observableTableOf(batch, plan.n),
        precision: this.#precisionOf(options),
        shared: batch.shared,
        rows: batch.rows,
        B: batch.B,
        probabilities: wantsDistribution,
      },
      options,
    );
    const probabilities = returns.includes("probabilities")
      ? { probabilities: rowsOf(batch.B, (row) => distribution(plan, result, row)) }
      : {};
    if (!isSampled) {
      if (returns.includes("counts")) {
        throw new QtuneError(
          "invalid_argument",
          "expected a number of shots with counts but was given none",
          { where: "options.shots" },
        );
      }
      return {
        expectations: result.expectations,
        standardErrors: new Float64Array(batch.B * K),
        ...probabilities,
        usage: usageOf(batch.B, 0),
      };
    }
    const seed = options.seed ?? drawSeed();
    const sampled = sampleRows({ plan, batch, result, shots, seed });
    const counts = returns.includes("counts") ? { counts: sampled.counts } : {};
    return {
      expectations: sampled.expectations,
      standardErrors: sampled.standardErrors,
      ...counts,
      ...probabilities,
      usage: { ...usageOf(batch.B, batch.B * shots), seed },
    };
  }

  async vjp(
    batch: CircuitBatch,
    cotangent: Float64Array,
    options: RunOptions = {},
  ): Promise<BatchGradient> {
    throwIfAborted(options.signal);
    const plan = this.#check(batch, options);
    assertLength(cotangent.length, [batch.B, batch.observables.length], "cotangent");
    assertFinite(cotangent, "cotangent");
    if (options.shots !== undefined) {
      throw new QtuneError(
        "invalid_argument",
        "expected no shots, since adjoint gradients are exact; use shift rules for sampled ones",
        {
          where: "options.shots",
        },
      );
    }
    const result = await this.#engineOf().run(
      {
        plan,
        observables: this.#observableTableOf(batch, plan.n),
        precision: this.#precisionOf(options),
        shared: batch.shared,
        rows: batch.rows,
        B: batch.B,
        cotangent,
        probabilities: false,
      },
      options,
    );
    return {
      shared: pairwiseSumRows(result.sharedGradients, result.tiles, plan.Ps),
      rows: result.rowGradients,
      usage: usageOf(batch.B, 0),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const backend = this.#backend;
    this.#backend = undefined;
    this.#engine = undefined;
    await backend?.close();
  }

  #precisionOf(options: RunOptions): Precision {
    return options.precision ?? this.#options.precision ?? "float32";
  }

  #engineOf(): BatchedEngine {
    if (this.#isClosed) throw new QtuneError("failed_precondition", "the executor is closed");
    this.#backend ??= createBackend({ threads: this.#options.threads });
    this.#engine ??= new BatchedEngine(this.#backend);
    return this.#engine;
  }

  #planOf(batch: CircuitBatch): Plan {
    const known = this.#plans.get(batch.circuit);
    if (known !== undefined) return known;
    const plan = compilePlan(batch.circuit);
    this.#plans.set(batch.circuit, plan);
    return plan;
  }

  #observableTableOf(batch: CircuitBatch, n: number): ObservableTable {
    const byQubits = this.#observables.get(batch.observables) ?? new Map<number, ObservableTable>();
    this.#observables.set(batch.observables, byQubits);
    const known = byQubits.get(n);
    if (known !== undefined) return known;
    assertObservables(batch.observables, n);
    const table = compileObservables(batch.observables, n);
    byQubits.set(n, table);
    return table;
  }

  /** Checks a batch at the door and returns its plan. */
  #check(batch: CircuitBatch, options: RunOptions): Plan {
    if (this.#isClosed) throw new QtuneError("failed_precondition", "the executor is closed");
    assertInteger(batch.B, { min: 1, max: maxRows }, "batch.B");
    const plan = this.#planOf(batch);
    assertLength(batch.shared.length, [plan.Ps], "batch.shared");
    assertLength(batch.rows.length, [batch.B, plan.Pr], "batch.rows");
    assertFinite(batch.shared, "batch.shared");
    assertFinite(batch.rows, "batch.rows");
    if (options.shots !== undefined)
      assertInteger(options.shots, { min: 1, max: maxShots }, "options.shots");
    return plan;
  }
}

/** Throws unless every observable is a finite sum over existing, distinct qubits. */
export function assertObservables(observables: readonly Observable[], n: number): void {
  for (const [k, observable] of observables.entries()) {
    for (const [t, term] of observable.terms.entries()) {
      const where = `observables[${k}].terms[${t}]`;
      assertFinite([term.coefficient], `${where}.coefficient`);
      for (const { qubit } of term.paulis)
        assertInteger(qubit, { min: 0, max: n - 1 }, `${where}.qubit`);
      if (new Set(term.paulis.map(({ qubit }) => qubit)).size !== term.paulis.length) {
        throw new QtuneError("invalid_argument", "expected each qubit once but one is repeated", {
          where,
        });
      }
    }
  }
}

function rowsOf<T>(B: number, make: (row: number) => T): readonly T[] {
  return Array.from({ length: B }, (_, row) => make(row));
}

/** A seed for a caller that gave none; it is reported, so that the run can be repeated. */
function drawSeed(): bigint {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return (BigInt(words[1] ?? 0) << 32n) | BigInt(words[0] ?? 0);
}

function usageOf(circuits: number, shots: number): ExecutionUsage {
  return { circuits, shots, chipSeconds: 0, chipJobs: 0, parallelMax: 1, parallelMean: 0 };
}

/** Moves the bits of a basis state to the classical bits that they are measured into; without measurements, as it is. */
function readOut(plan: Plan, index: number): number {
  if (plan.measured.length === 0) return index;
  let value = 0;
  for (const { qubit, clbit } of plan.measured)
    if (((index >>> qubit) & 1) === 1) value += 2 ** clbit;
  return value;
}

function outputBits(plan: Plan): number {
  return plan.measured.length === 0 ? plan.n : plan.clbits;
}

function rowProbabilities(plan: Plan, result: BatchedResult, row: number): Float64Array {
  return result.probabilities.subarray(row * 2 ** plan.n, (row + 1) * 2 ** plan.n);
}

/** The exact distribution of a row, only outcomes with p > 1e-12. */
function distribution(plan: Plan, result: BatchedResult, row: number): ReadonlyMap<string, number> {
  const sums = new Map<number, number>();
  for (const [index, p] of rowProbabilities(plan, result, row).entries()) {
    const outcome = readOut(plan, index);
    sums.set(outcome, (sums.get(outcome) ?? 0) + p);
  }
  const bits = outputBits(plan);
  return new Map(
    [...sums]
      .filter(([, p]) => p > 1e-12)
      .sort(([a], [b]) => a - b)
      .map(([index, p]) => [bitString(index, bits), p]),
  );
}

interface SamplingJob {
  readonly plan: Plan;
  readonly batch: CircuitBatch;
  readonly result: BatchedResult;
  readonly shots: number;
  readonly seed: bigint;
}

/**
 * Samples every row from its own stream. Diagonal observables are averaged over the same shots that are counted; a
 * Pauli string that flips bits would be measured in its own basis, so it gets `shots` draws of its own.
 */
function sampleRows(job: SamplingJob): {
  counts: readonly Counts[];
  expectations: Float64Array;
  standardErrors: Float64Array;
} {
  const { plan, batch, result, shots, seed } = job;
  const K = batch.observables.length;
  const expectations = new Float64Array(batch.B * K);
  const standardErrors = new Float64Array(batch.B * K);
  const counts = rowsOf(batch.B, (row) => {
    const random = createRandom(seed, "row", row);
    const drawn = sampleIndices(rowProbabilities(plan, result, row), shots, random.fork("shots"));
    for (const [k, observable] of batch.observables.entries()) {
      const isDiagonal = observable.terms.every((term) => toMasks(term).xMask === 0);
      if (!isDiagonal) {
        throw new QtuneError(
          "unimplemented",
          "expected observables of Z only when sampling; rotate the basis in the circuit, or ask for exact values",
          {
            where: `observables[${k}]`,
          },
        );
      }
      const { mean, standardError } = averageDiagonal(observable, drawn);
      expectations[row * K + k] = mean;
      standardErrors[row * K + k] = standardError;
    }
    return countIndices(
      drawn.map((index) => readOut(plan, index)),
      outputBits(plan),
    );
  });
  return { counts, expectations, standardErrors };
}

/** Mean and standard error of a diagonal observable over drawn basis states. */
function averageDiagonal(
  observable: Observable,
  drawn: Uint32Array,
): { mean: number; standardError: number } {
  const terms = observable.terms.map(toMasks);
  let sum = 0;
  let squares = 0;
  for (const index of drawn) {
    const value = terms.reduce(
      (total, { zMask, coefficient }) =>
        total + (isOdd(index & zMask) ? -coefficient : coefficient),
      0,
    );
    sum += value;
    squares += value * value;
  }
  const shots = drawn.length;
  const mean = sum / shots;
  const variance = Math.max(0, squares / shots - mean * mean);
  return { mean, standardError: Math.sqrt(variance / Math.max(1, shots - 1)) };
}
