/**
 * The exact executor of this process: batched state vectors, adjoint gradients, and sampling from exact distributions.
 * Circuits that the batched engine does not take (more than 14 qubits, measurements in the middle) run row by row with
 * the engine that suits them. Gradients beyond 14 qubits run row by row on one large state vector.
 */
import {
  QtuneError,
  type Random,
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
  type Circuit,
  type CircuitBatch,
  type Counts,
  type ExecutionUsage,
  type Executor,
  type ExecutorDescription,
  type ExecutorEstimate,
  type Observable,
  type PauliTerm,
  type RunOptions,
  assertCircuit,
  bindCircuit,
  parameterNames,
} from "@qtune/circuit";
import { type Backend, type Precision, createBackend } from "@qtune/kernels";
import { BatchedEngine, type BatchedResult } from "./batched/batched-engine.ts";
import {
  type ObservableTable,
  assertObservables,
  compileObservables,
  isOdd,
  toMasks,
} from "./batched/observable-table.ts";
import { compileAdjoint, createAdjointEngine } from "./engines/adjoint-engine.ts";
import { assertBoundAngles } from "./plan/check-angles.ts";
import { type Plan, canBatch, compilePlan, splitMeasurements } from "./plan/plan.ts";
import { exactDistribution, sampleCircuit, simulate } from "./run/simulate.ts";
import { countIndices, bitString, sampleIndices } from "./sampling.ts";

/** How a local executor computes. */
export interface LocalExecutorOptions {
  /** Precision where a call names none. Default: float32. */
  readonly precision?: Precision | undefined;
  /** Threads, the calling one included. Default: the processors, at most 8. */
  readonly threads?: number | undefined;
  /** Most bytes that the states of a gradient beyond 14 qubits may take. Default and limit: 3 GiB. */
  readonly memoryBytes?: number | undefined;
  /** A backend to use instead of the fastest that loads; it is closed with the executor. */
  readonly backend?: Backend | undefined;
}

const maxRows = 4_000_000;
const maxShots = 100_000_000;

/**
 * Creates the executor that simulates circuits exactly in this process.
 *
 * Range:  batches and gradients of circuits of up to 14 qubits with measurements at the end; other circuits run row by
 *         row. Gradients need measurements at the end, and memory for 2.5 state vectors: 27 qubits in float32, 26 in float64.
 * Effect: owns a memory from the first run, and threads from the first large one, until closed. Threads never keep the
 *         process alive. The same batch gives the same bits for any number of threads; B rows give what B single rows
 *         give, bit for bit.
 * Errors: out_of_range for threads below 1. A gradient that does not fit the memory is resource_exhausted with the figure, before
 *         anything is allocated.
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
      limits: { maxQubits: 72, maxOperations: 1_000_000, maxRows },
      shots: { min: 1, max: maxShots },
      exact: true,
      seedable: true,
      gradients: "adjoint",
    };
  }

  async estimate(batch: CircuitBatch, options: RunOptions = {}): Promise<ExecutorEstimate> {
    const steps = canBatch(batch.circuit)
      ? this.#planOf(batch).blocks.length
      : batch.circuit.operations.length;
    const n = Math.min(40, batch.circuit.qubits);
    const amplitudes = 2 ** n * batch.B * Math.max(1, steps);
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
    if (!canBatch(batch.circuit)) return this.#runRows(batch, options);
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
    const strings = listStrings(batch.observables, (term) => toMasks(term).xMask !== 0);
    const exact = await this.#estimateStrings(plan, batch, strings, options);
    const sampled = sampleRows({ plan, batch, result, shots, seed, strings, exact });
    const counts = returns.includes("counts") ? { counts: sampled.counts } : {};
    return {
      expectations: sampled.expectations,
      standardErrors: sampled.standardErrors,
      ...counts,
      ...probabilities,
      usage: { ...usageOf(batch.B, batch.B * shots), seed },
    };
  }

  /** Exact expectations [B, strings] of Pauli strings that flip bits, from which their shots are drawn. */
  async #estimateStrings(
    plan: Plan,
    batch: CircuitBatch,
    strings: readonly PauliString[],
    options: RunOptions,
  ): Promise<Float64Array> {
    if (strings.length === 0) return new Float64Array(0);
    const { expectations } = await this.#engineOf().run(
      {
        plan,
        observables: compileObservables(strings.map(observableOf), plan.n),
        precision: "float64",
        shared: batch.shared,
        rows: batch.rows,
        B: batch.B,
        probabilities: false,
      },
      options,
    );
    return expectations;
  }

  /** Runs each row alone, whatever the circuit holds; with shots, every Pauli string gets so many draws of its own. */
  async #runRows(batch: CircuitBatch, options: RunOptions): Promise<BatchResult> {
    this.#checkRows(batch, options);
    assertCircuit(batch.circuit);
    const { shots, returns = [], signal } = options;
    const limits = {
      precision: this.#precisionOf(options),
      threads: this.#options.threads,
      signal,
    };
    const K = batch.observables.length;
    const seed = shots === undefined ? undefined : (options.seed ?? drawSeed());
    const expectations = new Float64Array(batch.B * K);
    const standardErrors = new Float64Array(batch.B * K);
    const counts: Counts[] = [];
    const probabilities: ReadonlyMap<string, number>[] = [];
    const strings = listStrings(batch.observables, () => true);
    for (let row = 0; row < batch.B; row++) {
      const circuit = bindRow(batch, row);
      if (K > 0 && seed === undefined) {
        const exact = await simulate(circuit, { ...limits, observables: batch.observables });
        expectations.set(exact.expectations ?? [], row * K);
      }
      if (K > 0 && shots !== undefined && seed !== undefined) {
        const observables = strings.map(observableOf);
        const { expectations: exact = [] } = await simulate(circuit, { ...limits, observables });
        const random = createRandom(seed, "row", row);
        for (const [index, { k, term }] of strings.entries()) {
          const value = averageString(exact[index] ?? 0, shots, random.fork("string", index));
          const at = row * K + k;
          expectations[at]! += term.coefficient * value.mean; // k < K
          standardErrors[at] = Math.hypot(
            standardErrors[at]!,
            term.coefficient * value.standardError,
          );
        }
      }
      if (returns.includes("probabilities"))
        probabilities.push(await exactDistribution(circuit, limits));
      if (shots !== undefined && seed !== undefined && returns.includes("counts")) {
        counts.push(
          await sampleCircuit(circuit, { ...limits, shots, seed: createRandomSeed(seed, row) }),
        );
      }
    }
    const usage = usageOf(batch.B, batch.B * (shots ?? 0));
    return {
      expectations,
      standardErrors,
      ...(returns.includes("counts") && shots !== undefined ? { counts } : {}),
      ...(returns.includes("probabilities") ? { probabilities } : {}),
      usage: seed === undefined ? usage : { ...usage, seed },
    };
  }

  async vjp(
    batch: CircuitBatch,
    cotangent: Float64Array,
    options: RunOptions = {},
  ): Promise<BatchGradient> {
    throwIfAborted(options.signal);
    const plan = canBatch(batch.circuit) ? this.#check(batch, options) : undefined;
    if (plan === undefined) this.#checkRows(batch, options);
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
    if (plan === undefined) return this.#pullBackRows(batch, cotangent, options);
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

  /** Gradients of a circuit that is too large for the batched engine, row after row. */
  async #pullBackRows(
    batch: CircuitBatch,
    cotangent: Float64Array,
    options: RunOptions,
  ): Promise<BatchGradient> {
    const { circuit, observables, B } = batch;
    assertCircuit(circuit);
    assertObservables(observables, circuit.qubits);
    const { unitary } = splitMeasurements(circuit);
    const { threads, memoryBytes } = this.#options;
    const precision = this.#precisionOf(options);
    await using engine = createAdjointEngine(circuit.qubits, { precision, threads, memoryBytes });
    const plan = compileAdjoint({ ...circuit, operations: unitary });
    assertBoundAngles(plan.slots, batch);
    const K = observables.length;
    const shared = new Float64Array(B * plan.Ps);
    const rows = new Float64Array(B * plan.Pr);
    for (let row = 0; row < B; row++) {
      const gradient = await engine.pullBack(
        plan,
        observables,
        cotangent.subarray(row * K, (row + 1) * K),
        { shared: batch.shared, row: batch.rows.subarray(row * plan.Pr, (row + 1) * plan.Pr) },
        options,
      );
      shared.set(gradient.shared, row * plan.Ps);
      rows.set(gradient.row, row * plan.Pr);
    }
    return { shared: pairwiseSumRows(shared, B, plan.Ps), rows, usage: usageOf(B, 0) };
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
    this.#checkRows(batch, options);
    assertBoundAngles(plan.slots, batch);
    return plan;
  }

  #checkRows(batch: CircuitBatch, options: RunOptions): void {
    if (this.#isClosed) throw new QtuneError("failed_precondition", "the executor is closed");
    assertInteger(batch.B, { min: 1, max: maxRows }, "batch.B");
    assertLength(
      batch.shared.length,
      [parameterNames(batch.circuit, "shared").length],
      "batch.shared",
    );
    assertLength(
      batch.rows.length,
      [batch.B, parameterNames(batch.circuit, "row").length],
      "batch.rows",
    );
    assertFinite(batch.shared, "batch.shared");
    assertFinite(batch.rows, "batch.rows");
    if (options.shots !== undefined)
      assertInteger(options.shots, { min: 1, max: maxShots }, "options.shots");
  }
}

/** The circuit with the values of one row. */
function bindRow(batch: CircuitBatch, row: number): Circuit {
  const rowNames = parameterNames(batch.circuit, "row");
  const values = new Map<string, number>();
  parameterNames(batch.circuit, "shared").forEach((name, i) =>
    values.set(name, batch.shared[i] ?? 0),
  );
  rowNames.forEach((name, i) => values.set(name, batch.rows[row * rowNames.length + i] ?? 0));
  return values.size === 0 ? batch.circuit : bindCircuit(batch.circuit, values);
}

/** The seed of a row. */
function createRandomSeed(seed: bigint, row: number): bigint {
  return BigInt(`0x${createRandom(seed, "row", row).key}`);
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

/** A term of an observable, which is measured in its own basis. */
interface PauliString {
  /** Index of the observable. */
  readonly k: number;
  readonly term: PauliTerm;
}

function listStrings(
  observables: readonly Observable[],
  isWanted: (term: PauliTerm) => boolean,
): readonly PauliString[] {
  return observables.flatMap(({ terms }, k) => terms.filter(isWanted).map((term) => ({ k, term })));
}

function observableOf({ term }: PauliString): Observable {
  return { terms: [{ ...term, coefficient: 1 }] };
}

interface SamplingJob {
  readonly plan: Plan;
  readonly batch: CircuitBatch;
  readonly result: BatchedResult;
  readonly shots: number;
  readonly seed: bigint;
  readonly strings: readonly PauliString[];
  /** Exact values [B, strings]. */
  readonly exact: Float64Array;
}

/**
 * Samples every row from its own stream. Diagonal terms are averaged over the same shots that are counted; a Pauli
 * string that flips bits is measured in its own basis, so it gets `shots` draws of its own.
 */
function sampleRows(job: SamplingJob): {
  counts: readonly Counts[];
  expectations: Float64Array;
  standardErrors: Float64Array;
} {
  const { plan, batch, result, shots, seed, strings, exact } = job;
  const K = batch.observables.length;
  const expectations = new Float64Array(batch.B * K);
  const standardErrors = new Float64Array(batch.B * K);
  const counts = rowsOf(batch.B, (row) => {
    const random = createRandom(seed, "row", row);
    const drawn = sampleIndices(rowProbabilities(plan, result, row), shots, random.fork("shots"));
    for (const [k, observable] of batch.observables.entries()) {
      const diagonal = { terms: observable.terms.filter((term) => toMasks(term).xMask === 0) };
      let { mean, standardError } = averageDiagonal(diagonal, drawn);
      for (const [index, { k: own, term }] of strings.entries()) {
        if (own !== k) continue;
        const value = averageString(
          exact[row * strings.length + index] ?? 0,
          shots,
          random.fork("string", index),
        );
        mean += term.coefficient * value.mean;
        standardError = Math.hypot(standardError, term.coefficient * value.standardError);
      }
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

/** Mean and standard error of `shots` outcomes ±1 with a given mean. */
function averageString(
  exact: number,
  shots: number,
  random: Random,
): { mean: number; standardError: number } {
  const p = (1 + exact) / 2;
  let ones = 0;
  for (let shot = 0; shot < shots; shot++) if (random.nextUniform() < p) ones += 1;
  const mean = (2 * ones) / shots - 1;
  return { mean, standardError: Math.sqrt((1 - mean * mean) / Math.max(1, shots - 1)) };
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
