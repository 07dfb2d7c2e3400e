/**
 * What a worker does for a chip: check and place a batch, run one chip job of a stored plan, show what the compiler makes
 * of a circuit. Everything here is a function of the request; what is kept between calls only saves time.
 */
import {
  type CalibrationSnapshot,
  type ChipModel,
  type DriftState,
  driftBy,
  findSnapshot,
} from "@qtune/chip";
import {
  type Circuit,
  type ExecutionUsage,
  assertCircuit,
  circuitFingerprint,
  parameterNames,
} from "@qtune/circuit";
import { circuitV1 } from "@qtune/contracts";
import {
  type ChipBatch,
  type ReadoutErrors,
  type TaskRunner,
  chipUsage,
  createTaskRunner,
  jobSeconds,
  planChipBatch,
  prepareChipBatch,
  readoutErrorsOf,
  runChipJob,
} from "@qtune/emulator";
import { batchFromWire, float64FromBytes, structureFromWire } from "@qtune/rpc";
import {
  type ChipJob,
  type ChipPlan,
  type CompileLevel,
  bindCompiled,
  compileCircuit,
  nativeCircuit,
  planChipJobs,
} from "@qtune/transpiler";
import { type RowCarry, completeRows } from "./complete-rows.ts";
import { assertOperationCount } from "./operation-count.ts";
import {
  type JobShare,
  type SharedBatch,
  planShared,
  scalePhases,
  totalSeconds,
} from "./share-chip.ts";
import { parseCircuitText, printNativeCircuit } from "../circuit-text.ts";

/** Idle qubits that packing keeps around each circuit. */
export type BufferQubits = 0 | 1;

/** A batch and how it is to run; plain data that travels to a worker. */
export interface ChipBatchRequest {
  /** Names the batch for the cache of a worker. */
  readonly key: string;
  /** A CircuitBatch message. */
  readonly payload: Uint8Array;
  readonly shots: number;
  readonly seed: bigint;
  readonly wantsCounts: boolean;
  readonly snapshotId: string;
  /** How far the chip has drifted from the snapshot. Absent: it does not drift. */
  readonly drift?: DriftState | undefined;
  /** Whether circuits run side by side. */
  readonly parallel: boolean;
  readonly level: CompileLevel;
  /** Qubit i of the circuit is qubit i of the chip. */
  readonly physical: boolean;
  /** Physical qubits to stay on. Empty: all. */
  readonly region: readonly number[];
  /** Returns expectation values after readout mitigation beside the raw ones. */
  readonly mitigate: boolean;
}

/** A plan with what it costs and what people want to see of it. */
export interface PlannedBatch {
  /** Its snapshot id is that of the calibration, whatever the drift. */
  readonly plan: ChipPlan;
  /** The drift that the plan was made for. */
  readonly drift?: DriftState | undefined;
  /** What its part of each job costs, where jobs are shared with other batches. [jobs] */
  readonly shares?: readonly JobShare[] | undefined;
  readonly usage: ExecutionUsage;
  readonly durationNs: number;
  readonly nativeOriginIr: string;
}

/** What one chip job gave. */
export interface JobResult {
  /** A RowResults message of the rows that this job completes; absent when it completes none. */
  readonly results?: Uint8Array;
  readonly carry: RowCarry;
  /** Seconds of the chip's clock, and how they divide. */
  readonly chipSeconds: number;
  readonly phases: JobShare;
  readonly circuits: number;
}

/** One job of a stored plan. */
export interface JobRequest {
  /** The plan without its jobs, which may be many. */
  readonly plan: ChipPlan;
  readonly job: ChipJob;
  /** Circuits in the jobs before this one. */
  readonly before: number;
  /** What the job before left of the row that goes on here. */
  readonly carry: RowCarry;
  /** Rows that were cancelled: they do not run. */
  readonly skippedRows: ReadonlySet<number>;
  /** What this part of a shared job costs. Absent: the job is not shared. */
  readonly share?: JobShare | undefined;
}

/** A batch that shares chip jobs with others, and whose it is. */
export interface SharedRequest {
  readonly principal: string;
  readonly request: ChipBatchRequest;
}

/** One chip with its caches. */
export interface ChipWork {
  plan(request: ChipBatchRequest): PlannedBatch;
  /** Plans batches of different clients together; all have the same calibration, drift and shots. */
  planShared(batches: readonly SharedRequest[]): readonly PlannedBatch[];
  runJob(request: ChipBatchRequest, job: JobRequest, signal: AbortSignal): Promise<JobResult>;
  preview(request: PreviewRequest): PreviewResult;
}

/** A circuit that somebody wants to see compiled. */
export interface PreviewRequest {
  /** A CircuitStructure message. */
  readonly structure: Uint8Array;
  /** Values of the parameters, shared first; empty: zeros. */
  readonly values: Uint8Array;
  readonly snapshotId: string;
  readonly level: CompileLevel;
  readonly physical: boolean;
  readonly region: readonly number[];
  readonly seed: bigint;
}

/** What the compiler made of it. */
export interface PreviewResult {
  readonly nativeOriginIr: string;
  readonly qubits: readonly number[];
  readonly predictedFidelity: number;
  readonly durationNs: number;
  readonly cz: number;
  readonly pulses: number;
  readonly parallelSlots: number;
  readonly snapshotId: string;
  readonly report: readonly string[];
}

/** Batches that a worker keeps decoded; a batch of a thousand rows of 16 values takes some 200 kB. */
const keptBatches = 16;

/** Creates the work of a chip. Effect: owns caches, nothing else. */
export function createChipWork(chip: ChipModel, bufferQubits: BufferQubits): ChipWork {
  const batches = new Map<string, ChipBatch>();
  const measurements = new Map<string, ChipBatch["measurement"]>();
  const runners = new Map<string, TaskRunner>();

  const prepare = (request: ChipBatchRequest): ChipBatch => {
    const known = batches.get(request.key);
    if (known !== undefined) return known;
    const message = circuitV1.CircuitBatch.decode(Buffer.from(request.payload)); // a copy: the payload is shared memory
    const batch = batchFromWire(message, parseCircuitText, "task_batch.batch");
    assertOperationCount(batch.circuit, maxOperationsOf(chip));
    const fresh = prepareChipBatch(batch, { chip, ...request });
    const prepared = { ...fresh, measurement: shareMeasurement(measurements, fresh, request) };
    rememberBatch(batches, request.key, prepared);
    return prepared;
  };
  const runnerOf = (request: ChipBatchRequest): TaskRunner => {
    const snapshot = driftedSnapshot(chip, request);
    const key = `${snapshot.id} ${request.level}`;
    const runner = runners.get(key) ?? createTaskRunner({ chip, snapshot, level: request.level });
    rememberBatch(runners, key, runner);
    return runner;
  };

  const readoutErrorsAt = (prepared: ChipBatch, plan: ChipPlan, request: ChipBatchRequest) => {
    const known = new Map<string, ReadoutErrors>();
    const snapshot = findSnapshot(chip, { id: request.snapshotId }); // what is published: drift is unknown to mitigation
    const runner = runnerOf(request);
    return (part: number, place: number): ReadoutErrors => {
      const key = `${part}.${place}`;
      const circuit = prepared.measurement.measured[part]?.circuit;
      const where = plan.places[part]?.[place];
      if (circuit === undefined || where === undefined) return new Map();
      const errors =
        known.get(key) ?? readoutErrorsOf(runner.compile(circuit, where), snapshot, runner.knobs);
      known.set(key, errors);
      return errors;
    };
  };

  return {
    plan: (request) => {
      const prepared = prepare(request);
      const plan = packedPlan(prepared, chip, request, bufferQubits);
      return {
        plan,
        drift: request.drift,
        usage: chipUsage(prepared, plan, chip),
        ...describePlan(prepared, plan, runnerOf(request), chip),
      };
    },
    planShared: (batches) => {
      const prepared = batches.map(({ request }) => prepare(request));
      const [first] = batches;
      if (first === undefined) return [];
      const snapshot = driftedSnapshot(chip, first.request);
      const shared = planShared({
        chip,
        snapshot,
        batches: batches.map(({ principal }, index) => ({ principal, ...partOf(prepared[index]) })),
        seed: first.request.seed,
        shots: first.request.shots,
        bufferQubits,
      });
      return batches.flatMap(({ request }, index) => {
        const own = prepared[index];
        const part = shared[index];
        if (own === undefined || part === undefined) return [];
        const plan = { ...part.plan, snapshotId: request.snapshotId };
        const usage = { ...chipUsage(own, plan, chip), chipSeconds: totalSeconds(part.shares) };
        const about = describePlan(own, plan, runnerOf(request), chip);
        return [{ plan, shares: part.shares, drift: request.drift, usage, ...about }];
      });
    },
    runJob: async (request, { plan, job: whole, before, carry, skippedRows, share }, signal) => {
      const prepared = prepare(request);
      const job = withoutRows(whole, prepared, skippedRows);
      const counts = await runChipJob(prepared, plan, job, runnerOf(request), { signal });
      const errorsAt = request.mitigate ? readoutErrorsAt(prepared, plan, request) : undefined;
      const outcome = { job, counts, before, circuits: whole.circuits, carry, errorsAt };
      const rows = completeRows(prepared, outcome);
      if (share !== undefined) {
        // The round takes as long as before; whoever cancelled a circuit of it does not pay for that circuit.
        const phases = scalePhases(share, job.circuits / whole.circuits);
        return { ...rows, chipSeconds: totalSeconds([phases]), phases, circuits: job.circuits };
      }
      const chipSeconds = job.circuits === 0 ? 0 : jobSeconds(job, chip, request.shots);
      return {
        ...rows,
        chipSeconds,
        phases: chipPhases(chip, job, chipSeconds),
        circuits: job.circuits,
      };
    },
    preview: (request) => preview(chip, request, bufferQubits),
  };
}

/** Divides the seconds of a job: what is neither loading nor processing is shots. */
function chipPhases({ timing }: ChipModel, { circuits }: ChipJob, chipSeconds: number): JobShare {
  if (circuits === 0) return { loadSeconds: 0, shotsSeconds: 0, postSeconds: 0 };
  const loadSeconds = (timing.loadMs + circuits * timing.compileMs) / 1000;
  const postSeconds = timing.postProcessMs / 1000;
  return { loadSeconds, shotsSeconds: chipSeconds - loadSeconds - postSeconds, postSeconds };
}

/** Largest number of operations that the device describes. */
export function maxOperationsOf(chip: ChipModel): number {
  return chip.limits.maxLayers * chip.topology.qubits;
}

/** Equal structures share one measurement plan, so that what runners compiled for one batch serves the next. */
function shareMeasurement(
  known: Map<string, ChipBatch["measurement"]>,
  prepared: ChipBatch,
  request: ChipBatchRequest,
): ChipBatch["measurement"] {
  const { circuit, observables } = prepared.batch;
  const key = `${circuitFingerprint(circuit)} ${JSON.stringify(observables)} ${request.wantsCounts}`;
  const measurement = known.get(key) ?? prepared.measurement;
  rememberBatch(known, key, measurement);
  return measurement;
}

function rememberBatch<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.delete(key);
  cache.set(key, value);
  const [oldest] = cache.keys();
  if (cache.size > keptBatches && oldest !== undefined) cache.delete(oldest);
}

/** Leaving tasks out changes no others: counts depend on neither order nor, crosstalk off, neighbours. */
function withoutRows(job: ChipJob, prepared: ChipBatch, skipped: ReadonlySet<number>): ChipJob {
  if (skipped.size === 0) return job;
  const executions = job.executions
    .map(({ items }) => ({
      items: items.filter(({ item }) => !skipped.has(prepared.tasks[item]?.row ?? -1)),
    }))
    .filter(({ items }) => items.length > 0);
  return { executions, circuits: executions.reduce((sum, { items }) => sum + items.length, 0) };
}

function packedPlan(
  prepared: ChipBatch,
  chip: ChipModel,
  request: ChipBatchRequest,
  bufferQubits: BufferQubits,
): ChipPlan {
  const region = request.region.length === 0 ? undefined : request.region;
  const plan = planChipBatch(prepared, {
    chip,
    snapshot: driftedSnapshot(chip, request),
    packing: {
      parallel: request.parallel,
      region,
      layout: request.physical ? "physical" : "auto",
      bufferQubits,
    },
  });
  return { ...plan, snapshotId: request.snapshotId };
}

/** The calibration that a request names, as far as the chip has drifted from it. */
function driftedSnapshot(
  chip: ChipModel,
  { snapshotId, drift }: Pick<ChipBatchRequest, "snapshotId" | "drift">,
): CalibrationSnapshot {
  const snapshot = findSnapshot(chip, { id: snapshotId });
  return drift === undefined ? snapshot : driftBy(snapshot, chip.topology, drift);
}

function partOf(prepared: ChipBatch | undefined): Pick<SharedBatch, "circuits" | "shapes"> {
  return {
    circuits: prepared?.measurement.measured.map(({ circuit }) => circuit) ?? [],
    shapes: prepared?.tasks.map(({ measured }) => measured) ?? [],
  };
}

function describePlan(
  prepared: ChipBatch,
  plan: ChipPlan,
  runner: TaskRunner,
  chip: ChipModel,
): { durationNs: number; nativeOriginIr: string } {
  const circuit = prepared.measurement.measured[0]?.circuit;
  const place = plan.places[0]?.[0];
  if (circuit === undefined || place === undefined) return { durationNs: 0, nativeOriginIr: "" };
  const compiled = runner.compile(circuit, place);
  const { batch } = prepared;
  const values = valuesByName(circuit, batch.shared, batch.rows);
  return {
    durationNs: compiled.durationNs,
    nativeOriginIr: printNativeCircuit(nativeCircuit(compiled, chip.topology.qubits, values)),
  };
}

/** Parameter values by name, from shared values and the first row. */
function valuesByName(
  circuit: Circuit,
  shared: ArrayLike<number>,
  row: ArrayLike<number>,
): (name: string) => number {
  const named = new Map<string, number>();
  parameterNames(circuit, "shared").forEach((name, i) => named.set(name, shared[i] ?? 0));
  parameterNames(circuit, "row").forEach((name, i) => named.set(name, row[i] ?? 0));
  return (name) => named.get(name) ?? 0;
}

function preview(
  chip: ChipModel,
  request: PreviewRequest,
  bufferQubits: BufferQubits,
): PreviewResult {
  const circuit = structureFromWire(
    circuitV1.CircuitStructure.decode(request.structure),
    parseCircuitText,
  );
  assertCircuit(circuit);
  assertOperationCount(circuit, maxOperationsOf(chip));
  const snapshot = findSnapshot(chip, { id: request.snapshotId });
  const layout = request.physical ? "physical" : "auto";
  const region = request.region.length === 0 ? undefined : request.region;
  const compiled = compileCircuit(circuit, {
    chip,
    snapshot,
    level: request.physical ? 0 : request.level,
    layout,
    region,
    seed: request.seed,
  });
  const values = previewValues(circuit, request.values);
  const scheduled = bindCompiled(compiled, values);
  const alone = planChipJobs({
    chip,
    snapshot,
    circuits: [circuit],
    items: Array.from({ length: 200 }, () => ({ shape: 0 })),
    seed: request.seed,
    packing: { bufferQubits },
  });
  return {
    nativeOriginIr: printNativeCircuit(nativeCircuit(compiled, chip.topology.qubits, values)),
    qubits: compiled.layout.initial,
    predictedFidelity: compiled.predictedFidelity,
    durationNs: scheduled.durationNs,
    cz: compiled.report.cz,
    pulses: compiled.report.pulses,
    parallelSlots: request.physical ? 1 : alone.parallelMax,
    snapshotId: snapshot.id,
    report: compiled.report.passes.map(
      ({ pass, cz, operations }) => `${pass}: ${cz} CZ, ${operations} operations`,
    ),
  };
}

function previewValues(circuit: Circuit, bytes: Uint8Array): (name: string) => number {
  const names = [...parameterNames(circuit, "shared"), ...parameterNames(circuit, "row")];
  const values =
    bytes.length === 0
      ? new Float64Array(names.length)
      : float64FromBytes(bytes, names.length, "parameter_values");
  const named = new Map(names.map((name, i) => [name, values[i] ?? 0]));
  return (name) => named.get(name) ?? 0;
}
