/**
 * One device: accepts task batches, stores them, runs their chip jobs on the worker pool, and tells watchers. A batch goes
 * QUEUED, COMPILING, LOADING (its placement is stored in that transaction), RUNNING, then a final state. After a crash
 * everything unfinished is taken up again: jobs that were committed stay, the others run again from the stored placement
 * and give the same counts.
 */
import { EventEmitter } from "node:events";
import { type Abortable, QtuneError, isQtuneError, sleep } from "@qtune/base";
import { type ChipModel, type DriftState, newestSnapshot } from "@qtune/chip";
import type { ExecutionUsage } from "@qtune/circuit";
import { circuitV1, deviceV1 } from "@qtune/contracts";
import { toFailure, usageToWire } from "@qtune/rpc";
import type { ChipBatchRequest, JobResult, PlannedBatch } from "./compute/chip-work.ts";
import type { RowCarry } from "./compute/complete-rows.ts";
import type { WorkerPool } from "./compute/pool.ts";
import { FairQueue } from "./fair-queue.ts";
import { placementOf } from "./messages.ts";
import type { JobCommit, NewEvent, StoredBatch, TaskStore } from "./store/task-store.ts";

/** How the clock of a device runs. */
export type ClockMode = "instant" | "real-time";

/** Options of {@link createDeviceEngine}. */
export interface DeviceEngineOptions {
  /** Asked for at each use, since calibrations are added. */
  readonly chip: () => ChipModel;
  readonly store: TaskStore;
  readonly pool: WorkerPool;
  readonly clock: ClockMode;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  /** Makes this chip job of every batch fail, for tests. Absent: none. */
  readonly failJob?: number | undefined;
  /** How far the chip has drifted from a calibration by now. Absent result: it does not drift. */
  readonly driftOf: (snapshotId: string) => DriftState | undefined;
  /** Whether circuits of different batches may run side by side: not where they would disturb each other. */
  readonly mayShare: (snapshotId: string) => boolean;
  /** Share of a principal relative to others. */
  readonly weightOf: (principal: string) => number;
}

/** A batch that is not finished, with what the daemon keeps of it in memory. */
interface ActiveBatch {
  readonly id: string;
  readonly principal: string;
  message: deviceV1.TaskBatch;
  request: ChipBatchRequest;
  /** The plan that the estimate was made of; used when the calibration is still the same at loading. */
  readonly preplanned: PlannedBatch | undefined;
  /** The stored plan. Absent until the batch is loaded. */
  planned: PlannedBatch | undefined;
  /** Circuits before each job. */
  starts: readonly number[];
  readonly done: Set<number>;
  readonly running: Set<number>;
  readonly carries: Map<number, RowCarry>;
  readonly controller: AbortController;
  compiling: boolean;
  /** Placing it together with others has failed: it is placed alone. */
  alone: boolean;
}

/** What a finished or failed job changes in the store. */
type JobChanges = Pick<JobCommit, "results" | "firstRow" | "rows" | "endedTasks" | "used">;

/** A device that runs batches. */
export interface DeviceEngine {
  /** Checks, compiles and places a batch, storing nothing. Errors: those of the chip. */
  plan(request: ChipBatchRequest, options?: Abortable): Promise<PlannedBatch>;
  /** Takes a stored batch into the queue. `planned` saves planning again when the calibration is still the same. */
  enqueue(batch: StoredBatch, planned?: PlannedBatch): void;
  /** Cancels what has not run. */
  cancelBatch(id: string): deviceV1.TaskBatch;
  /** Cancels one row that has not begun to run. */
  cancelRow(batch: StoredBatch, row: number): deviceV1.Task;
  /** Waits until something about a batch, or its place in the queue, has changed. */
  waitForChange(id: string, signal: AbortSignal): Promise<void>;
  /** Where a batch stands. Absent once it runs. */
  position(id: string): deviceV1.QueuePosition | undefined;
  queue(): deviceV1.QueueInfo;
  /** Circuits of a principal that wait or run. */
  queuedCircuits(principal: string): number;
  /** Takes up what a crash or a stop has left. Returns how many batches. */
  restore(): number;
  /** Starts no more jobs and waits for those that run. */
  close(): Promise<void>;
}

const { TaskState } = deviceV1;

/** Creates the engine of a device. */
export function createDeviceEngine(options: DeviceEngineOptions): DeviceEngine {
  const { store, pool, now } = options;
  const active = new Map<string, ActiveBatch>();
  const changes = new EventEmitter().setMaxListeners(0);
  const fair = new FairQueue(options.weightOf);
  const slots = options.clock === "instant" ? pool.size : 1;
  const inFlight = new Set<Promise<void>>();
  let secondsPerCircuit = 0.002;
  let closing = false;

  const notify = (id: string): void => {
    changes.emit(id);
    changes.emit("queue");
  };

  function schedule(): void {
    while (!closing && inFlight.size < slots) {
      const next = pickJob();
      if (next === undefined) return;
      const work = next.job === undefined ? compile(next.batch) : runJob(next.batch, next.job);
      const settled = work
        .catch((error: unknown) => fail(next.batch, next.job, error))
        .catch((error: unknown) =>
          options.log("a failure could not be stored", {
            batch: next.batch.id,
            error: String(error),
          }),
        )
        .finally(() => {
          inFlight.delete(settled);
          schedule();
        });
      inFlight.add(settled);
    }
  }

  /** The next piece of work: fair between principals, then by priority, then in order of acceptance. */
  function pickJob(): { batch: ActiveBatch; job?: number } | undefined {
    const ready = [...active.values()].flatMap((batch) => {
      if (batch.planned === undefined) return batch.compiling ? [] : [{ batch }];
      const job = nextJob(batch);
      return job === undefined ? [] : [{ batch, job }];
    });
    return fair.pick(ready, ({ batch }) => ({
      principal: batch.principal,
      priority: batch.message.priority,
    }));
  }

  async function compile(batch: ActiveBatch): Promise<void> {
    const request = placedRequest(batch.request);
    const company = companyOf(batch, request);
    if (company.length > 0) return compileShared([batch, ...company]);
    const startMs = startCompiling(batch);
    const { preplanned } = batch;
    const isCurrent =
      preplanned?.plan.snapshotId === request.snapshotId &&
      isSameDrift(preplanned.drift, request.drift);
    const planned = isCurrent
      ? preplanned
      : await pool.call("plan", { request }, { signal: batch.controller.signal });
    load(batch, request, planned, (now() - startMs) / 1000);
  }

  /** A request with what is decided when it is placed: calibration and drift. */
  function placedRequest(request: ChipBatchRequest): ChipBatchRequest {
    const { snapshotId: pinned } = request;
    const snapshotId = pinned === "" ? newestSnapshot(options.chip()).id : pinned;
    return { ...request, snapshotId, drift: driftFor(options, snapshotId, request.drift?.seconds) };
  }

  /** The batches that share the chip with one that allows it: as many as fill up its last chip job. */
  function companyOf(batch: ActiveBatch, request: ChipBatchRequest): readonly ActiveBatch[] {
    if (!canShare(batch) || !options.mayShare(request.snapshotId)) return [];
    const jobSize = options.chip().limits.maxCircuitsPerJob;
    let room = jobSize - (circuitsOf(batch) % jobSize || jobSize);
    const company: ActiveBatch[] = [];
    const waiting = [...active.values()].filter((other) => {
      if (other === batch || other.planned !== undefined || other.compiling) return false;
      return canShare(other) && other.request.shots === request.shots;
    });
    const byTurns = fair.order(waiting, (other) => ({
      principal: other.principal,
      priority: other.message.priority,
      chipSeconds: other.preplanned?.usage.chipSeconds ?? 1,
    }));
    for (const other of byTurns) {
      if (circuitsOf(other) > room) continue;
      const { snapshotId, drift } = placedRequest(other.request);
      if (snapshotId !== request.snapshotId || !isSameDrift(drift, request.drift)) continue;
      company.push(other);
      room -= circuitsOf(other);
    }
    return company;
  }

  /** Places batches together; where that fails, each is placed alone by its next turn. */
  async function compileShared(batches: readonly ActiveBatch[]): Promise<void> {
    const startMs = Math.min(...batches.map(startCompiling));
    const requests = batches.map(({ principal, request }) => ({
      principal,
      request: placedRequest(request),
    }));
    let planned: readonly PlannedBatch[];
    try {
      planned = await pool.call("planShared", { batches: requests });
    } catch (error) {
      if (closing) throw error;
      options.log("batches could not be placed together", { error: String(error) });
      for (const batch of batches) {
        batch.alone = true;
        batch.compiling = false;
      }
      return;
    }
    for (const [index, batch] of batches.entries()) {
      const own = planned[index];
      const request = requests[index]?.request;
      if (own === undefined || request === undefined || !active.has(batch.id)) continue; // cancelled meanwhile
      load(batch, request, own, (now() - startMs) / 1000);
    }
  }

  function startCompiling(batch: ActiveBatch): number {
    batch.compiling = true;
    const startMs = now();
    change(batch, {
      state: TaskState.TASK_STATE_COMPILING,
      timeline: {
        ...timelineOf(batch),
        queueSeconds: secondsSince(batch.message.createTime, startMs),
      },
    });
    return startMs;
  }

  function load(
    batch: ActiveBatch,
    request: ChipBatchRequest,
    planned: PlannedBatch,
    compileSeconds: number,
  ): void {
    batch.request = request;
    batch.compiling = false;
    batch.planned = planned;
    batch.starts = jobStarts(planned);
    batch.message = {
      ...batch.message,
      state: TaskState.TASK_STATE_LOADING,
      calibration: `${deviceOf(batch.message.name)}/calibrations/${planned.plan.snapshotId}`,
      startTime: new Date(now()),
      placement: placementOf(planned),
      timeline: { ...timelineOf(batch), compileSeconds },
    };
    store.load(batch.id, planned, batch.message, now());
    notify(batch.id);
  }

  async function runJob(batch: ActiveBatch, job: number): Promise<void> {
    const { planned } = batch;
    const chipJob = planned?.plan.jobs[job];
    if (planned === undefined || chipJob === undefined)
      throw new QtuneError("internal", "internal: the job is not in the plan");
    batch.running.add(job);
    if (batch.message.state !== TaskState.TASK_STATE_RUNNING)
      change(batch, { state: TaskState.TASK_STATE_RUNNING });
    if (job === options.failJob) throw new QtuneError("aborted", "the chip job failed on purpose");
    const startMs = now();
    fair.charge(batch.principal, planned.usage.chipSeconds / planned.plan.jobs.length);
    const given = {
      plan: { ...planned.plan, jobs: [] },
      job: chipJob,
      before: batch.starts[job] ?? 0,
      carry: batch.carries.get(job - 1) ?? [],
      skippedRows: new Set(store.endedRows(batch.id).keys()),
      share: planned.shares?.[job],
    };
    const result = await pool.call(
      "job",
      { request: batch.request, job: given },
      { signal: batch.controller.signal, background: true },
    );
    const emulateSeconds = (now() - startMs) / 1000;
    if (result.circuits > 0)
      secondsPerCircuit += 0.2 * (emulateSeconds / slots / result.circuits - secondsPerCircuit);
    if (options.clock === "real-time")
      await sleep(Math.max(0, result.chipSeconds - emulateSeconds) * 1000, {
        signal: batch.controller.signal,
      });
    commit(batch, job, result, emulateSeconds);
  }

  function commit(
    batch: ActiveBatch,
    job: number,
    result: JobResult,
    emulateSeconds: number,
  ): void {
    if (!active.has(batch.id)) return; // cancelled while the result was on its way
    batch.carries.set(job, result.carry);
    const results =
      result.results === undefined
        ? undefined
        : circuitV1.RowResults.decode(Buffer.from(result.results));
    const rows = results?.rows ?? 0;
    const ended =
      rows === 0 ? 0 : countBetween(store.endedRows(batch.id).keys(), results?.firstRow ?? 0, rows);
    const timeline = timelineOf(batch);
    batch.message = {
      ...batch.message,
      finishedTasks: batch.message.finishedTasks + rows - ended,
      usage: usageToWire(addUsage(batch, result)),
      timeline: {
        ...timeline,
        loadSeconds: timeline.loadSeconds + result.phases.loadSeconds,
        shotsSeconds: timeline.shotsSeconds + result.phases.shotsSeconds,
        postSeconds: timeline.postSeconds + result.phases.postSeconds,
        emulateSeconds: timeline.emulateSeconds + emulateSeconds,
      },
    };
    const used = {
      circuits: result.circuits,
      shots: result.circuits * batch.request.shots,
      chipSeconds: result.chipSeconds,
    };
    const firstRow = results?.firstRow ?? 0;
    storeJob(batch, job, { results: result.results, firstRow, rows, endedTasks: [], used });
  }

  /** Stores what a job has changed, and ends the batch with its last job. */
  function storeJob(batch: ActiveBatch, job: number, changed: JobChanges): void {
    batch.running.delete(job);
    batch.done.add(job);
    const events: NewEvent[] = changed.endedTasks.map((message) => ({ kind: "task", message }));
    if (changed.rows > 0) events.push({ kind: "results", job });
    if (batch.done.size === batch.planned?.plan.jobs.length) {
      batch.message = finalMessage(batch.message, now());
      active.delete(batch.id);
      changes.emit("queue");
    }
    const { id, principal, message } = batch;
    events.push({ kind: "batch", message });
    const carry = batch.carries.get(job) ?? [];
    store.commitJob({ ...changed, id, principal, job, carry, message, events }, now());
    notify(id);
  }

  /** Ends the tasks of a job that failed; the other jobs of its batch go on. */
  function failJob(batch: ActiveBatch, job: number, error: unknown): void {
    const parts = batch.planned?.plan.places.length ?? 1;
    const first = Math.floor((batch.starts[job] ?? 0) / parts);
    const circuits = batch.planned?.plan.jobs[job]?.circuits ?? 0;
    const end = Math.ceil(((batch.starts[job] ?? 0) + circuits) / parts);
    const ended = store.endedRows(batch.id);
    const failure = toFailure(error);
    const endedTasks = Array.from({ length: end - first }, (_, i) => first + i)
      .filter((row) => !ended.has(row))
      .map((row) => failedTask(batch.message.name, row, failure));
    const { finishedTasks, failedTasks } = batch.message;
    batch.message = {
      ...batch.message,
      finishedTasks: finishedTasks + endedTasks.length,
      failedTasks: failedTasks + endedTasks.length,
      failure,
    };
    const used = { circuits: 0, shots: 0, chipSeconds: 0 };
    storeJob(batch, job, { results: undefined, firstRow: 0, rows: 0, endedTasks, used });
  }

  function fail(batch: ActiveBatch, job: number | undefined, error: unknown): void {
    if (!active.has(batch.id)) return; // cancelled meanwhile, which is why its work was stopped
    if (closing && isQtuneError(error, "unavailable")) return; // taken up again by the next start
    const stops = batch.message.failurePolicy === deviceV1.FailurePolicy.FAILURE_POLICY_STOP;
    if (job !== undefined && !stops) {
      options.log("a chip job failed", { batch: batch.id, job, error: String(error) });
      failJob(batch, job, error);
      return;
    }
    options.log("a task batch failed", { batch: batch.id, error: String(error) });
    active.delete(batch.id);
    batch.controller.abort();
    const left = batch.message.tasks - batch.message.finishedTasks;
    const message = {
      ...batch.message,
      state: TaskState.TASK_STATE_FAILED,
      failure: toFailure(error),
      finishedTasks: batch.message.tasks,
      failedTasks: batch.message.failedTasks + left,
      endTime: new Date(now()),
    };
    store.update(batch.id, message, [{ kind: "batch", message }], now());
    notify(batch.id);
  }

  function change(batch: ActiveBatch, fields: Partial<deviceV1.TaskBatch>): void {
    batch.message = { ...batch.message, ...fields };
    store.update(batch.id, batch.message, [{ kind: "batch", message: batch.message }], now());
    notify(batch.id);
  }

  function enqueue({ id, principal, message }: StoredBatch, planned?: PlannedBatch): void {
    const stored = store.plan(id);
    const jobs = store.jobs(id);
    const request = chipRequestOf(id, message, store.payload(id));
    const batch: ActiveBatch = {
      id,
      principal,
      message,
      request: stored === undefined ? request : { ...request, drift: stored.drift },
      preplanned: planned,
      planned: stored,
      starts: stored === undefined ? [] : jobStarts(stored),
      done: new Set(jobs.map(({ job }) => job)),
      running: new Set(),
      carries: new Map(jobs.map(({ job, carry }) => [job, carry])),
      controller: new AbortController(),
      compiling: false,
      alone: false,
    };
    active.set(id, batch);
    fair.enter(
      principal,
      [...active.values()].map((each) => each.principal),
    );
    notify(id);
    schedule();
  }

  return {
    plan: (request, { signal } = {}) => pool.call("plan", { request }, { signal }),
    enqueue,
    cancelBatch: (id) => {
      const batch = active.get(id);
      const stored = batch?.message ?? store.find(id)?.message;
      if (stored === undefined) throw new QtuneError("not_found", `there is no task batch ${id}`);
      if (batch === undefined) return stored;
      active.delete(id);
      batch.controller.abort();
      const left = stored.tasks - stored.finishedTasks;
      const message = {
        ...batch.message,
        state: TaskState.TASK_STATE_CANCELLED,
        finishedTasks: stored.tasks,
        cancelledTasks: stored.cancelledTasks + left,
        endTime: new Date(now()),
      };
      store.update(id, message, [{ kind: "batch", message }], now());
      notify(id);
      schedule();
      return message;
    },
    cancelRow: (stored, row) => {
      const batch = active.get(stored.id);
      const begun = batch?.planned === undefined ? false : hasBegun(batch, batch.planned, row);
      if (batch === undefined || begun) {
        throw new QtuneError("failed_precondition", `task ${row} has begun to run or has ended`, {
          where: stored.message.name,
        });
      }
      const task = {
        ...deviceV1.Task.fromPartial({}),
        name: `${stored.message.name}/tasks/${row}`,
        row,
        state: TaskState.TASK_STATE_CANCELLED,
      };
      const { finishedTasks, cancelledTasks } = batch.message;
      batch.message = {
        ...batch.message,
        finishedTasks: finishedTasks + 1,
        cancelledTasks: cancelledTasks + 1,
      };
      store.endRows(batch.id, [task], batch.message, now());
      notify(batch.id);
      return task;
    },
    waitForChange: async (id, signal) => {
      const either = new AbortController();
      const events = [id, "queue"].map((name) =>
        onceEvent(changes, name, AbortSignal.any([signal, either.signal])),
      );
      try {
        await Promise.race(events);
      } finally {
        either.abort();
        await Promise.allSettled(events);
      }
    },
    position: (id) => {
      const batch = active.get(id);
      if (batch === undefined || batch.running.size > 0 || batch.done.size > 0) return undefined;
      const ahead = [...active.values()].filter((other) => comesBefore(other, batch));
      const circuits = ahead.reduce((sum, each) => sum + leftOf(each), 0);
      const chipSeconds = ahead.reduce(
        (sum, each) => sum + (each.message.estimate?.chipSeconds ?? 0),
        0,
      );
      const wait = options.clock === "instant" ? circuits * secondsPerCircuit : chipSeconds;
      const reason =
        ahead.length === 0
          ? "it is next"
          : `${ahead.length} task batches with ${circuits} circuits run before it`;
      return {
        batchesAhead: ahead.length,
        circuitsAhead: circuits,
        minWaitSeconds: wait * 0.5,
        maxWaitSeconds: wait * 2,
        reason,
      };
    },
    queue: () => {
      const circuits = [...active.values()].reduce((sum, each) => sum + leftOf(each), 0);
      return {
        taskBatches: active.size,
        circuits,
        drainSeconds: circuits * secondsPerCircuit,
        maxCircuits: 0,
      };
    },
    queuedCircuits: (principal) =>
      [...active.values()]
        .filter((each) => each.principal === principal)
        .reduce((sum, each) => sum + leftOf(each), 0),
    restore: () => {
      const left = store.unfinished();
      for (const batch of left) enqueue(batch);
      return left.length;
    },
    close: async () => {
      closing = true;
      for (const batch of active.values())
        batch.controller.abort(new QtuneError("unavailable", "the daemon is stopping"));
      await Promise.allSettled(inFlight);
      active.clear();
    },
  };
}

function deviceOf(batchName: string): string {
  return batchName.split("/").slice(0, 2).join("/");
}

/** Returns what workers need to know of a batch. `snapshotId` is empty where the client pinned none and nothing is loaded. */
export function chipRequestOf(
  id: string,
  message: deviceV1.TaskBatch,
  payload: Uint8Array,
): ChipBatchRequest {
  const { options, compile, calibration, packing } = message;
  const shared = new Uint8Array(new SharedArrayBuffer(payload.length)); // every worker reads the same bytes
  shared.set(payload);
  return {
    key: id,
    payload: shared,
    shots: options?.shots ?? 0,
    seed: options?.seed ?? 0n,
    wantsCounts: options?.returns.includes(circuitV1.ReturnKind.RETURN_KIND_COUNTS) ?? false,
    snapshotId: calibration.split("/").at(-1) ?? "",
    ...(message.driftSeconds === undefined
      ? {}
      : { drift: { seconds: message.driftSeconds, rates: {}, seed: 0n } }),
    parallel: packing !== deviceV1.Packing.PACKING_NONE,
    level: compileLevel(compile?.level),
    physical: compile?.layout === deviceV1.LayoutMode.LAYOUT_MODE_PHYSICAL,
    region: compile?.region ?? [],
    mitigate: compile?.mitigateReadout ?? false,
  };
}

/** The drift of a device at the time that a client pins, or by its clock. */
export function driftFor(
  { driftOf }: Pick<DeviceEngineOptions, "driftOf">,
  snapshotId: string,
  pinnedSeconds: number | undefined,
): DriftState | undefined {
  const drift = driftOf(snapshotId);
  if (drift === undefined || pinnedSeconds === undefined) return drift;
  return { ...drift, seconds: pinnedSeconds };
}

function isSameDrift(a: DriftState | undefined, b: DriftState | undefined): boolean {
  return a?.seconds === b?.seconds && a?.seed === b?.seed;
}

/** Batches that name qubits of their own, or want the chip for themselves, do not share it. */
function canShare({ message, request, alone }: ActiveBatch): boolean {
  const isShared = message.packing === deviceV1.Packing.PACKING_SHARED;
  return isShared && !alone && !request.physical && request.region.length === 0;
}

function circuitsOf({ message, preplanned }: ActiveBatch): number {
  return preplanned?.usage.circuits ?? message.tasks;
}

function compileLevel(level: number | undefined): 0 | 1 | 2 | 3 {
  return level === 0 || level === 1 || level === 3 ? level : 2;
}

/** The next job of a batch that may start: not while the row it continues is still running in the job before. */
function nextJob(batch: ActiveBatch): number | undefined {
  const { planned } = batch;
  if (planned === undefined) return undefined;
  const parts = planned.plan.places.length;
  for (let job = 0; job < planned.plan.jobs.length; job++) {
    if (batch.done.has(job) || batch.running.has(job)) continue;
    const continues = (batch.starts[job] ?? 0) % parts !== 0;
    return continues && !batch.done.has(job - 1) ? undefined : job;
  }
  return undefined;
}

function jobStarts({ plan }: PlannedBatch): number[] {
  let sum = 0;
  return plan.jobs.map(({ circuits }) => {
    const start = sum;
    sum += circuits;
    return start;
  });
}

function hasBegun(batch: ActiveBatch, planned: PlannedBatch, row: number): boolean {
  const parts = planned.plan.places.length;
  return [...batch.done, ...batch.running].some((job) => {
    const start = batch.starts[job] ?? 0;
    const end = start + (planned.plan.jobs[job]?.circuits ?? 0);
    return start < (row + 1) * parts && end > row * parts;
  });
}

function failedTask(batchName: string, row: number, failure: circuitV1.Failure): deviceV1.Task {
  const name = `${batchName}/tasks/${row}`;
  const empty = deviceV1.Task.fromPartial({ name, row });
  return { ...empty, state: TaskState.TASK_STATE_FAILED, failure };
}

function leftOf({ message }: ActiveBatch): number {
  return message.tasks - message.finishedTasks;
}

function comesBefore(other: ActiveBatch, batch: ActiveBatch): boolean {
  if (other === batch || leftOf(other) === 0) return false;
  if (other.message.priority !== batch.message.priority)
    return other.message.priority > batch.message.priority;
  return (other.message.createTime?.getTime() ?? 0) <= (batch.message.createTime?.getTime() ?? 0);
}

function timelineOf({ message }: { message: deviceV1.TaskBatch }): deviceV1.Timeline {
  return (
    message.timeline ?? {
      queueSeconds: 0,
      compileSeconds: 0,
      loadSeconds: 0,
      shotsSeconds: 0,
      postSeconds: 0,
      emulateSeconds: 0,
    }
  );
}

function secondsSince(start: Date | undefined, nowMs: number): number {
  return Math.max(0, nowMs - (start?.getTime() ?? nowMs)) / 1000;
}

function countBetween(rows: Iterable<number>, first: number, count: number): number {
  let found = 0;
  for (const row of rows) if (row >= first && row < first + count) found++;
  return found;
}

function addUsage(batch: ActiveBatch, result: JobResult): ExecutionUsage {
  const before = batch.message.usage;
  const planned = batch.planned?.usage;
  const circuits = (before?.circuits ?? 0) + result.circuits;
  const finished = [...batch.done].reduce(
    (sum, job) => sum + (batch.planned?.plan.jobs[job]?.executions.length ?? 0),
    0,
  );
  return {
    circuits,
    shots: circuits * batch.request.shots,
    chipSeconds: (before?.chipSeconds ?? 0) + result.chipSeconds,
    chipJobs: finished,
    parallelMax: planned?.parallelMax ?? 0,
    parallelMean: planned?.parallelMean ?? 0,
    snapshotId: batch.request.snapshotId,
    seed: batch.request.seed,
  };
}

function finalMessage(message: deviceV1.TaskBatch, nowMs: number): deviceV1.TaskBatch {
  const { tasks, failedTasks, cancelledTasks } = message;
  const succeeded = tasks - failedTasks - cancelledTasks;
  const { TASK_STATE_SUCCEEDED, TASK_STATE_FAILED, TASK_STATE_CANCELLED } = TaskState;
  const state =
    succeeded > 0
      ? TASK_STATE_SUCCEEDED
      : failedTasks > 0
        ? TASK_STATE_FAILED
        : TASK_STATE_CANCELLED;
  return { ...message, state, finishedTasks: tasks, position: undefined, endTime: new Date(nowMs) };
}

async function onceEvent(emitter: EventEmitter, name: string, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      emitter.off(name, onEvent);
      reject(signal.reason as Error); // the reason of our own signals is an Error
    };
    const onEvent = (): void => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    if (signal.aborted) return reject(signal.reason as Error);
    emitter.once(name, onEvent);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
