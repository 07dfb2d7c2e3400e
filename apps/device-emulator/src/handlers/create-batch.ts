/** From a request to a stored batch: checks in the order permission, request id, fields, limits, quotas, compiler. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type Issue, QtuneError } from "@qtune/base";
import { type ChipModel, findSnapshot, newestSnapshot } from "@qtune/chip";
import { circuitV1, deviceV1 } from "@qtune/contracts";
import { type CallContext, estimateToWire, usageToWire } from "@qtune/rpc";
import type { ChipBatchRequest, PlannedBatch } from "../compute/chip-work.ts";
import { chipRequestOf, driftFor } from "../engine.ts";
import { placementOf } from "../messages.ts";
import type { DevicePorts } from "./ports.ts";
import { notFound } from "./names.ts";

const dayMs = 24 * 3600 * 1000;
/** A batch, its results and its request id live this long. */
const retentionMs = 7 * dayMs;
/** Largest number of rows of one batch. */
export const maxRows = 1_000_000;
/** The drift model ends 400 days after a calibration. */
const maxDriftSeconds = 400 * 86_400;
const maxLabels = 64;
const maxLabelLength = 256;

/** Checks, plans and stores a batch; with validate_only it stores nothing. */
export async function createTaskBatch(
  ports: DevicePorts,
  request: deviceV1.CreateTaskBatchRequest,
  context: CallContext,
): Promise<deviceV1.TaskBatch> {
  const chip = ports.chipOf(request.parent);
  const { principal } = context;
  const idempotency =
    request.requestId === "" ? undefined : { id: request.requestId, hash: hashOf(request) };
  if (idempotency !== undefined && !request.validateOnly) {
    const known = ports.store.findRequest(principal.name, idempotency);
    if (known !== undefined) return known.message;
  }
  ports.assertOnline();
  const given = request.taskBatch;
  if (given?.batch === undefined) {
    throw QtuneError.fromIssues([
      { where: "task_batch.batch", expected: "a batch", given: "none" },
    ]);
  }
  assertFields(given, given.batch);
  const payload = circuitV1.CircuitBatch.encode(given.batch).finish();
  const id = randomUUID();
  const message = newMessage(given, {
    name: `${request.parent}/taskBatches/${id}`,
    tasks: given.batch.rows,
    chip,
    nowMs: ports.now(),
  });
  ports.quotas.assertRoom(principal, message.tasks);
  const planned = await planOf(ports, chip, chipRequestOf(id, message, payload), context.signal);
  ports.quotas.assertChipSeconds(principal, planned.usage.chipSeconds);
  const estimated = { ...message, estimate: estimateOf(ports, planned) };
  if (request.validateOnly)
    return {
      ...estimated,
      name: "",
      placement: placementOf(planned),
      usage: usageToWire(planned.usage),
    };
  const body = { id, principal: principal.name, message: estimated, payload };
  const { batch, created } = ports.store.create(
    idempotency === undefined ? body : { ...body, request: idempotency },
    ports.now(),
  );
  if (created) ports.engine.enqueue(batch, planned);
  return batch.message;
}

/** The body without its request id; the wire form of equal messages is equal. */
function hashOf(request: deviceV1.CreateTaskBatchRequest): string {
  const body = deviceV1.CreateTaskBatchRequest.encode({ ...request, requestId: "" }).finish();
  return createHash("sha256").update(body).digest("hex");
}

async function planOf(
  ports: DevicePorts,
  chip: ChipModel,
  request: ChipBatchRequest,
  signal: AbortSignal,
): Promise<PlannedBatch> {
  const { snapshotId } = request;
  // A stale pin is refused here, before anything is compiled.
  const { id } = snapshotId === "" ? newestSnapshot(chip) : findSnapshot(chip, { id: snapshotId });
  const drift = driftFor(ports, id, request.drift?.seconds);
  return ports.engine.plan({ ...request, snapshotId: id, drift }, { signal });
}

function estimateOf(
  ports: DevicePorts,
  { usage, plan }: PlannedBatch,
): circuitV1.ExecutionEstimate {
  const { circuits, drainSeconds } = ports.engine.queue();
  const perCircuit = circuits === 0 ? 0.001 : drainSeconds / circuits;
  const busySeconds = ports.clock === "real-time" ? usage.chipSeconds : usage.circuits * perCircuit;
  return estimateToWire({
    circuits: usage.circuits,
    shots: usage.shots,
    chipSeconds: usage.chipSeconds,
    parallelSlots: plan.parallelMax,
    wallSeconds: drainSeconds + busySeconds,
  });
}

function assertFields(given: deviceV1.TaskBatch, batch: circuitV1.CircuitBatch): void {
  const issues: Issue[] = [];
  const { options, priority, labels, compile, packing } = given;
  if (options?.shots === undefined) {
    issues.push({
      where: "task_batch.options.shots",
      expected: "a number of shots",
      given: "none",
      hint: "a chip only samples",
    });
  }
  if (options?.returns.includes(circuitV1.ReturnKind.RETURN_KIND_PROBABILITIES) === true) {
    issues.push({
      where: "task_batch.options.returns",
      expected: "COUNTS",
      given: "PROBABILITIES",
      hint: "a chip returns counts",
    });
  }
  if (batch.observables.length === 0 && (options?.returns.length ?? 0) === 0) {
    issues.push({
      where: "task_batch.options.returns",
      expected: "COUNTS, or observables in the batch",
      given: "neither",
    });
  }
  if (priority > 9)
    issues.push({ where: "task_batch.priority", expected: "0 to 9", given: String(priority) });
  if (labels.size > maxLabels)
    issues.push({
      where: "task_batch.labels",
      expected: `at most ${maxLabels}`,
      given: String(labels.size),
    });
  for (const [key, value] of labels) {
    if (key.length > maxLabelLength || value.length > maxLabelLength) {
      issues.push({
        where: `task_batch.labels[${key.slice(0, 40)}]`,
        expected: `at most ${maxLabelLength} characters`,
      });
    }
  }
  if ((compile?.level ?? 0) > 3)
    issues.push({
      where: "task_batch.compile.level",
      expected: "0 to 3",
      given: String(compile?.level),
    });
  if (!isKnown(deviceV1.Packing, packing))
    issues.push({
      where: "task_batch.packing",
      expected: "BATCH, SHARED or NONE",
      given: String(packing),
    });
  if (batch.rows < 1)
    issues.push({
      where: "task_batch.batch.rows",
      expected: "at least 1",
      given: String(batch.rows),
    });
  const { driftSeconds } = given;
  if (driftSeconds !== undefined && !(driftSeconds >= 0 && driftSeconds <= maxDriftSeconds))
    issues.push({
      where: "task_batch.drift_seconds",
      expected: `0 to ${maxDriftSeconds} s (400 days)`,
      given: String(driftSeconds),
    });
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  if (batch.rows > maxRows) {
    throw new QtuneError(
      "out_of_range",
      `expected at most ${maxRows} rows but was given ${batch.rows}; send several batches`,
      {
        where: "task_batch.batch.rows",
      },
    );
  }
}

function isKnown(table: Readonly<Record<string, number>>, value: number): boolean {
  return Object.values(table).includes(value);
}

interface NewMessage {
  readonly name: string;
  readonly tasks: number;
  readonly chip: ChipModel;
  readonly nowMs: number;
}

/** What is stored: the client's wishes with every default filled in, and nothing that only the service may set. */
function newMessage(
  given: deviceV1.TaskBatch,
  { name, tasks, chip, nowMs }: NewMessage,
): deviceV1.TaskBatch {
  const { PACKING_UNSPECIFIED, PACKING_BATCH, PACKING_SHARED } = deviceV1.Packing;
  const seeded = given.options?.seed !== undefined;
  if (
    given.calibration !== "" &&
    !given.calibration.startsWith(`devices/${chip.name}/calibrations/`)
  ) {
    throw notFound("calibration", given.calibration.slice(0, 200));
  }
  return deviceV1.TaskBatch.fromPartial({
    name,
    state: deviceV1.TaskState.TASK_STATE_QUEUED,
    options: { ...given.options, seed: given.options?.seed ?? randomBytes(8).readBigUInt64LE() },
    calibration: given.calibration.endsWith("/current") ? "" : given.calibration,
    packing:
      given.packing === PACKING_UNSPECIFIED
        ? seeded
          ? PACKING_BATCH
          : PACKING_SHARED
        : given.packing,
    compile: given.compile,
    driftSeconds: given.driftSeconds,
    failurePolicy: given.failurePolicy,
    priority: given.priority,
    labels: given.labels,
    tasks,
    createTime: new Date(nowMs),
    expireTime: new Date(nowMs + retentionMs),
  });
}
