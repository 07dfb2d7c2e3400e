/**
 * Batches of different clients in the same executions of the chip. They are packed together, circuits by turns between
 * clients, and the plan is then cut into one plan per batch, so that each batch runs, is stored and comes back after a crash
 * as if it were alone: a packed circuit gives the counts of the same circuit alone on the same qubits. What is shared is the
 * time of the chip: every job is paid for in parts.
 */
import { type CalibrationSnapshot, type ChipModel, chipJobSeconds } from "@qtune/chip";
import type { Circuit } from "@qtune/circuit";
import { type ChipJob, type ChipPlan, planChipJobs } from "@qtune/transpiler";

/** A batch that shares. */
export interface SharedBatch {
  readonly principal: string;
  /** Its measured circuits. */
  readonly circuits: readonly Circuit[];
  /** Which of them each of its tasks runs. */
  readonly shapes: readonly number[];
}

/** Batches that may share: one calibration, one number of shots. */
export interface ShareRequest {
  readonly chip: ChipModel;
  readonly snapshot: CalibrationSnapshot;
  readonly batches: readonly SharedBatch[];
  readonly seed: bigint;
  readonly shots: number;
  /** Idle qubits around each circuit. With 0 the batches must not disturb each other: crosstalk is off. */
  readonly bufferQubits: 0 | 1;
}

/** Seconds of the chip's clock by phase: compiling to pulses and loading, shots, processing. */
export interface JobShare {
  readonly loadSeconds: number;
  readonly shotsSeconds: number;
  readonly postSeconds: number;
}

/** The part of one batch: its plan, numbered as if it were alone, and its share of each job. */
export interface SharedPart {
  readonly plan: ChipPlan;
  readonly shares: readonly JobShare[];
}

/** A task of a batch. */
interface Turn {
  readonly batch: number;
  readonly task: number;
}

/**
 * Plans batches together.
 *
 * Order:  clients take turns circuit by circuit, and so do the batches of one client; each batch keeps its own order.
 * Maths:  an execution is paid for by its circuits in equal parts, loading and processing of a job by all its circuits.
 * Effect: pure.
 * Errors: those of {@link planChipJobs}.
 */
export function planShared(request: ShareRequest): readonly SharedPart[] {
  const { chip, snapshot, batches, seed, bufferQubits } = request;
  const offsets = batches.map((_, index) =>
    batches.slice(0, index).reduce((sum, { circuits }) => sum + circuits.length, 0),
  );
  const turns = takeTurns(batches);
  const plan = planChipJobs({
    chip,
    snapshot,
    circuits: batches.flatMap(({ circuits }) => circuits),
    items: turns.map(({ batch, task }) => ({
      shape: (offsets[batch] ?? 0) + (batches[batch]?.shapes[task] ?? 0),
      user: batches[batch]?.principal ?? "",
    })),
    seed,
    packing: { bufferQubits },
  });
  return batches.map(({ circuits }, batch) => {
    const places = plan.places.slice(offsets[batch], (offsets[batch] ?? 0) + circuits.length);
    return cutOut({ ...plan, places }, turns, batch, request);
  });
}

/** Clients by turns, and within a client its batches by turns. */
function takeTurns(batches: readonly SharedBatch[]): readonly Turn[] {
  const queues = new Map<string, Turn[][]>();
  batches.forEach(({ principal, shapes }, batch) => {
    const own = queues.get(principal) ?? [];
    own.push(shapes.map((_, task) => ({ batch, task })));
    queues.set(principal, own);
  });
  return interleave([...queues.values()].map(interleave));
}

function interleave<T>(queues: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...queues.map((queue) => queue.length));
  return Array.from({ length: longest }, (_, turn) =>
    queues.flatMap((queue) => queue.slice(turn, turn + 1)),
  ).flat();
}

function cutOut(
  plan: ChipPlan,
  turns: readonly Turn[],
  batch: number,
  { chip, shots }: ShareRequest,
): SharedPart {
  const parts = plan.jobs.flatMap((job) => {
    const executions = job.executions.flatMap(({ items }) => {
      const own = items.flatMap((planned) => {
        const turn = turns[planned.item];
        return turn?.batch === batch ? [{ ...planned, item: turn.task }] : [];
      });
      return own.length === 0 ? [] : [{ items: own, beside: items.length }];
    });
    const circuits = executions.reduce((sum, { items }) => sum + items.length, 0);
    if (circuits === 0) return [];
    const executionShares = executions.reduce(
      (sum, each) => sum + each.items.length / each.beside,
      0,
    );
    const share = shareOf(chip, { circuits, executionShares, ofCircuits: job.circuits, shots });
    const own: ChipJob = { circuits, executions: executions.map(({ items }) => ({ items })) };
    return [{ job: own, share, beside: executions.map((each) => each.beside) }];
  });
  const beside = parts.flatMap((part) => part.beside);
  const executions = beside.length;
  return {
    plan: {
      ...plan,
      jobs: parts.map(({ job }) => job),
      executions,
      parallelMax: Math.max(0, ...beside),
      parallelMean: beside.reduce((sum, count) => sum + count, 0) / Math.max(1, executions),
    },
    shares: parts.map(({ share }) => share),
  };
}

function shareOf(
  { timing }: ChipModel,
  part: {
    readonly circuits: number;
    readonly executionShares: number;
    readonly ofCircuits: number;
    readonly shots: number;
  },
): JobShare {
  const { circuits, executionShares, ofCircuits, shots } = part;
  const fixed = { circuits: 0, executions: 0, shots };
  const perExecution =
    chipJobSeconds(timing, { ...fixed, executions: 1 }) - chipJobSeconds(timing, fixed);
  const share = circuits / ofCircuits;
  return {
    loadSeconds: (share * timing.loadMs + circuits * timing.compileMs) / 1000,
    shotsSeconds: executionShares * perExecution,
    postSeconds: (share * timing.postProcessMs) / 1000,
  };
}

/** Returns a share made smaller. */
export function scalePhases(share: JobShare, factor: number): JobShare {
  return {
    loadSeconds: share.loadSeconds * factor,
    shotsSeconds: share.shotsSeconds * factor,
    postSeconds: share.postSeconds * factor,
  };
}

/** Returns the chip seconds of shares. */
export function totalSeconds(shares: readonly JobShare[]): number {
  return shares.reduce(
    (sum, { loadSeconds, shotsSeconds, postSeconds }) =>
      sum + loadSeconds + shotsSeconds + postSeconds,
    0,
  );
}
