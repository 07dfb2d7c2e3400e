/**
 * A batch on a chip, step by step: measurements, placement, chip jobs, results. The plan is plain data that can be stored
 * when a task is loaded; running a job of a stored plan again gives the same counts. Executor and daemon share this.
 */
import { QtuneError, assertFinite, assertLength, throwIfAborted, yieldToOthers } from "@qtune/base";
import {
  type CalibrationSnapshot,
  type ChipModel,
  type NoiseKnobs,
  chipJobSeconds,
  validateShots,
} from "@qtune/chip";
import {
  type BatchResult,
  type CircuitBatch,
  type Counts,
  type ExecutionUsage,
  assertCircuit,
  parameterNames,
} from "@qtune/circuit";
import {
  type ChipExecution,
  type ChipJob,
  type ChipPlan,
  type PackingOptions,
  type ParameterLookup,
  planChipJobs,
  planChipSeconds,
} from "@qtune/transpiler";
import {
  type Estimate,
  type MeasurementPlan,
  estimateObservables,
  planMeasurements,
  restrictCounts,
} from "./measurement.ts";
import { type ReadoutErrors, readoutErrorsOf } from "./readout-mitigation.ts";
import { type ChipTask, type TaskRunner } from "./task-runner.ts";

/** A batch as a chip sees it: one circuit per row and measured circuit. */
export interface ChipBatch {
  readonly batch: CircuitBatch;
  readonly measurement: MeasurementPlan;
  readonly shots: number;
  readonly seed: bigint;
  /** Row and measured circuit of each chip task, in order. */
  readonly tasks: readonly { readonly row: number; readonly measured: number }[];
}

/** How a batch is prepared. */
export interface ChipBatchOptions {
  readonly chip: ChipModel;
  readonly shots: number;
  readonly seed: bigint;
  readonly wantsCounts: boolean;
  /** Finds measurements; default {@link planMeasurements}. One that remembers lets compiled structures be used again. */
  readonly measure?: typeof planMeasurements | undefined;
}

/**
 * Checks a batch and says what has to be measured.
 *
 * Errors: invalid_argument for a malformed circuit and for values that are missing or not finite; out_of_range for shots
 *         that the chip refuses.
 */
export function prepareChipBatch(batch: CircuitBatch, options: ChipBatchOptions): ChipBatch {
  const { chip, shots, seed, wantsCounts } = options;
  const issues = validateShots(chip, shots);
  if (issues.length > 0) throw QtuneError.fromIssues(issues, "out_of_range");
  assertCircuit(batch.circuit);
  assertBatchValues(batch);
  const measure = options.measure ?? planMeasurements;
  const measurement = measure(batch.circuit, batch.observables, wantsCounts);
  const tasks = Array.from({ length: batch.B }, (_, row) =>
    measurement.measured.map((_circuit, measured) => ({ row, measured })),
  ).flat();
  return { batch, measurement, shots, seed, tasks };
}

function assertBatchValues(batch: CircuitBatch): void {
  const shared = parameterNames(batch.circuit, "shared").length;
  const perRow = parameterNames(batch.circuit, "row").length;
  assertLength(batch.shared.length, [shared], "batch.shared");
  assertLength(batch.rows.length, [batch.B, perRow], "batch.rows");
  assertFinite(batch.shared, "batch.shared");
  assertFinite(batch.rows, "batch.rows");
}

/** Where a batch is planned. */
export interface PlacementOptions {
  readonly chip: ChipModel;
  readonly snapshot?: CalibrationSnapshot | undefined;
  readonly packing?: PackingOptions | undefined;
  /** What differs from the knobs of the chip: crosstalk counts in placing. */
  readonly knobs?: Partial<NoiseKnobs> | undefined;
}

/** Places the tasks of a batch and slices them into chip jobs. Effect: pure; see {@link planChipJobs}. */
export function planChipBatch(prepared: ChipBatch, options: PlacementOptions): ChipPlan {
  return planChipJobs({
    chip: options.chip,
    snapshot: options.snapshot,
    circuits: prepared.measurement.measured.map(({ circuit }) => circuit),
    items: prepared.tasks.map(({ measured }) => ({ shape: measured })),
    seed: prepared.seed,
    packing: options.packing,
    knobs: options.knobs,
  });
}

/** Returns the values of a row by parameter name. */
export function rowLookup(batch: CircuitBatch): (row: number) => ParameterLookup {
  const shared = new Map(
    parameterNames(batch.circuit, "shared").map((name, index) => [
      name,
      batch.shared[index] ?? Number.NaN,
    ]),
  );
  const perRow = new Map(parameterNames(batch.circuit, "row").map((name, index) => [name, index]));
  return (row) => (parameter) => {
    const column = perRow.get(parameter);
    return (
      (column === undefined ? shared.get(parameter) : batch.rows[row * perRow.size + column]) ??
      Number.NaN
    );
  };
}

/** What running one job needs besides the plan. */
export interface JobOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each task with the number of tasks done in this job. */
  readonly onTask?: ((done: number) => void) | undefined;
}

/**
 * Tasks that are handed to the sampler together, so that its threads share them. Their angles are bound while the group
 * before is sampled; after each group, some 50 ms, others get their turn.
 */
const tasksInFlight = 128;

/**
 * Runs one chip job of a plan: the counts of its tasks by index into `prepared.tasks`.
 *
 * Effect: asynchronous, cancellable; the same for the same plan, whatever ran before.
 */
export async function runChipJob(
  prepared: ChipBatch,
  plan: ChipPlan,
  job: ChipJob,
  runner: TaskRunner,
  options: JobOptions = {},
): Promise<ReadonlyMap<number, Counts>> {
  const results = new Map<number, Counts>();
  const lookup = rowLookup(prepared.batch);
  const taskOf = ({ item, place }: ChipExecution["items"][number]): ChipTask => {
    const { row, measured } = prepared.tasks[item] ?? { row: 0, measured: 0 };
    const circuit = prepared.measurement.measured[measured]?.circuit;
    const where = plan.places[measured]?.[place];
    if (circuit === undefined || where === undefined)
      throw new QtuneError("invalid_argument", "the plan does not belong to this batch", {
        where: "plan",
      });
    return { circuit, values: lookup(row), place: where };
  };
  let groupBefore: Promise<void>[] = [];
  let inFlight: Promise<void>[] = [];
  for (const execution of job.executions) {
    const tasks = execution.items.map(taskOf);
    for (const [at, planned] of execution.items.entries()) {
      throwIfAborted(options.signal);
      const task = tasks[at];
      if (task === undefined) continue;
      if (inFlight.length >= tasksInFlight) {
        await Promise.all(groupBefore);
        groupBefore = inFlight;
        inFlight = [];
        await yieldToOthers(options.signal);
      }
      const { row, measured } = prepared.tasks[planned.item] ?? { row: 0, measured: 0 };
      const beside = runner.hasCrosstalk ? tasks.filter((other) => other !== task) : [];
      const { shots, seed } = prepared;
      const sampled = runner.sample(task, {
        shots,
        seed,
        index: row,
        part: measured,
        signal: options.signal,
        beside,
      });
      const stored = sampled.then((counts) => {
        results.set(planned.item, counts);
        options.onTask?.(results.size);
      });
      stored.catch(() => undefined); // it is thrown where it is awaited; this only keeps it from counting as unhandled
      inFlight.push(stored);
    }
  }
  await Promise.all([...groupBefore, ...inFlight]);
  return results;
}

/** What a chip run returns beside the raw values. */
export interface ChipBatchResult extends BatchResult {
  /** Expectation values after readout mitigation; present when it was asked for. The fields above stay raw. */
  readonly mitigated?: MitigatedExpectations;
}

/** Shapes: expectations, standardErrors [B, K]. */
export interface MitigatedExpectations {
  readonly expectations: Float64Array;
  readonly standardErrors: Float64Array;
  /** Mean ratio of variances, mitigated to raw: how many times more shots the same error takes. */
  readonly shotOverhead: number;
}

/**
 * Puts the counts of all tasks together. Shapes: expectations, standardErrors [B, K].
 *
 * Range: `errors` gives the readout errors of each task where mitigation is wanted; see {@link taskReadoutErrors}.
 */
export function combineChipResults(
  prepared: ChipBatch,
  counts: readonly (Counts | undefined)[],
  usage: ExecutionUsage,
  errors?: readonly ReadoutErrors[],
): ChipBatchResult {
  const { batch, measurement } = prepared;
  const parts = measurement.measured.length;
  const ofRow = (row: number) =>
    measurement.measured.map((_, part) => counts[row * parts + part] ?? new Map<string, number>());
  const raw = estimateRows(prepared, (row) => estimateObservables(measurement, ofRow(row)));
  const asked = measurement.counts;
  const rows = Array.from({ length: batch.B }, (_, row) => row);
  const mitigated =
    errors === undefined
      ? undefined
      : estimateRows(prepared, (row) =>
          estimateObservables(
            measurement,
            ofRow(row),
            errors.slice(row * parts, (row + 1) * parts),
          ),
        );
  return {
    ...raw,
    usage,
    ...(asked === undefined
      ? {}
      : {
          counts: rows.map((row) =>
            restrictCounts(ofRow(row)[asked.measured] ?? new Map(), asked.clbits),
          ),
        }),
    ...(mitigated === undefined
      ? {}
      : {
          mitigated: {
            ...mitigated,
            shotOverhead: meanVarianceRatio(mitigated.standardErrors, raw.standardErrors),
          },
        }),
  };
}

function estimateRows(
  { batch }: ChipBatch,
  estimate: (row: number) => readonly Estimate[],
): Pick<BatchResult, "expectations" | "standardErrors"> {
  const K = batch.observables.length;
  const expectations = new Float64Array(batch.B * K);
  const standardErrors = new Float64Array(batch.B * K);
  for (let row = 0; row < batch.B; row++) {
    estimate(row).forEach(({ mean, variance }, k) => {
      expectations[row * K + k] = mean;
      standardErrors[row * K + k] = Math.sqrt(variance);
    });
  }
  return { expectations, standardErrors };
}

function meanVarianceRatio(mitigated: Float64Array, raw: Float64Array): number {
  let sum = 0;
  let count = 0;
  mitigated.forEach((error, index) => {
    const before = raw[index] ?? 0;
    if (before === 0) return;
    sum += (error / before) ** 2;
    count += 1;
  });
  return count === 0 ? 1 : sum / count;
}

/** Returns the published readout errors behind each task of a plan, by index into `prepared.tasks`. */
export function taskReadoutErrors(
  prepared: ChipBatch,
  plan: ChipPlan,
  runner: TaskRunner,
  snapshot: CalibrationSnapshot,
): readonly ReadoutErrors[] {
  const out = new Array<ReadoutErrors>(prepared.tasks.length).fill(new Map());
  const known = new Map<string, ReadoutErrors>();
  for (const job of plan.jobs) {
    for (const { items } of job.executions) {
      for (const { item, place } of items) {
        const measured = prepared.tasks[item]?.measured ?? 0;
        const circuit = prepared.measurement.measured[measured]?.circuit;
        const where = plan.places[measured]?.[place];
        if (circuit === undefined || where === undefined) continue;
        const key = `${measured}.${place}`;
        const errors =
          known.get(key) ?? readoutErrorsOf(runner.compile(circuit, where), snapshot, runner.knobs);
        known.set(key, errors);
        out[item] = errors;
      }
    }
  }
  return out;
}

/** Returns what a plan costs on the virtual clock of the chip. */
export function chipUsage(
  prepared: Pick<ChipBatch, "tasks" | "shots" | "seed">,
  plan: ChipPlan,
  chip: ChipModel,
): ExecutionUsage {
  return {
    circuits: prepared.tasks.length,
    shots: prepared.tasks.length * prepared.shots,
    chipSeconds: planChipSeconds(plan, chip, prepared.shots),
    chipJobs: plan.executions,
    parallelMax: plan.parallelMax,
    parallelMean: plan.parallelMean,
    snapshotId: plan.snapshotId,
    seed: prepared.seed,
  };
}

/** Returns the chip seconds of one job of a plan: what the virtual clock advances by when it has run. */
export function jobSeconds(job: ChipJob, chip: ChipModel, shots: number): number {
  return chipJobSeconds(chip.timing, {
    circuits: job.circuits,
    executions: job.executions.length,
    shots,
  });
}
