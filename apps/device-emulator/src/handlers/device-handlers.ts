/** DeviceService over the engine and the store. */
import { QtuneError } from "@qtune/base";
import { newestSnapshot } from "@qtune/chip";
import { circuitV1, deviceV1 } from "@qtune/contracts";
import { type CallContext, type ServiceHandlers, messageLimits } from "@qtune/rpc";
import { calibrationToWire, deviceToWire } from "../messages.ts";
import type { StoredBatch } from "../store/task-store.ts";
import { createTaskBatch, maxRows } from "./create-batch.ts";
import { gatherBatch } from "./gather-rows.ts";
import { notFound, pageOffset, pageSizeOf, parseTaskName } from "./names.ts";
import { type DevicePorts, owns } from "./ports.ts";
import { taskOf, tasksFrom } from "./tasks.ts";
import { watchTasks } from "./watch-tasks.ts";

/** Creates the handlers of DeviceService. */
export function createDeviceHandlers(
  ports: DevicePorts,
): ServiceHandlers<typeof deviceV1.DeviceServiceService> {
  const { store, engine, book } = ports;

  const findOwn = (
    name: string,
    kind: "task batch" | "task",
    context: CallContext,
  ): { batch: StoredBatch; row: number } => {
    const { device, batch: id, row } = parseTaskName(name, kind);
    ports.chipOf(device);
    const batch = store.find(id);
    if (batch === undefined || !owns(context.principal, batch)) throw notFound(kind, name);
    if (row !== undefined && row >= batch.message.tasks) throw notFound("task", name);
    return { batch, row: row ?? 0 };
  };
  const withPosition = ({ id, message }: StoredBatch): deviceV1.TaskBatch => ({
    ...message,
    position: engine.position(id),
  });

  return {
    listDevices: async ({ pageSize, pageToken }) => {
      pageSizeOf(pageSize);
      const devices = pageOffset(pageToken) === 0 ? [describeDevice(ports)] : [];
      return { devices, nextPageToken: "" };
    },
    getDevice: async ({ name }) => {
      ports.chipOf(name);
      return describeDevice(ports);
    },
    getCalibration: async (request) => getCalibration(ports, request),
    listCalibrations: async ({ parent, pageSize, pageToken }) => {
      const chip = ports.chipOf(parent);
      const size = pageSizeOf(pageSize);
      const offset = pageOffset(pageToken);
      const newestFirst = [...book.entries()].reverse();
      const page = newestFirst.slice(offset, offset + size);
      return {
        calibrations: page.map(({ snapshot, effectiveMs }) =>
          calibrationToWire(chip, snapshot, { effectiveMs, values: false, document: false }),
        ),
        nextPageToken: offset + size < newestFirst.length ? String(offset + size) : "",
      };
    },
    watchCalibration: async function* ({ device }, { signal }) {
      ports.chipOf(device);
      for (let sent = ""; ; await book.waitForNext(signal)) {
        const chip = book.chip();
        const snapshot = newestSnapshot(chip);
        if (snapshot.id === sent) continue;
        sent = snapshot.id;
        yield {
          calibration: calibrationToWire(chip, snapshot, {
            effectiveMs: book.effectiveMs(sent),
            values: true,
            document: false,
          }),
        };
      }
    },
    createTaskBatch: (request, context) => createTaskBatch(ports, request, context),
    streamTaskBatch: async (parts, context) =>
      createTaskBatch(ports, await gatherTaskBatch(parts), context),
    getTaskBatch: async ({ name }, context) =>
      withPosition(findOwn(name, "task batch", context).batch),
    listTaskBatches: async ({ parent, pageSize, pageToken, states }, { principal }) => {
      ports.chipOf(parent);
      pageOffset(pageToken);
      const page = store.list({
        principal: principal.name,
        pageSize: pageSizeOf(pageSize),
        pageToken,
        states,
      });
      return { taskBatches: page.batches.map(withPosition), nextPageToken: page.nextPageToken };
    },
    cancelTaskBatch: async ({ name }, context) =>
      engine.cancelBatch(findOwn(name, "task batch", context).batch.id),
    deleteTaskBatch: async ({ name }, context) => {
      const { batch } = findOwn(name, "task batch", context);
      if (batch.message.endTime === undefined) {
        throw new QtuneError("failed_precondition", "the batch has not ended; cancel it first", {
          where: name,
        });
      }
      store.delete(batch.id);
      return {};
    },
    getTask: async ({ name }, context) => {
      const { batch, row } = findOwn(name, "task", context);
      return taskOf(store, batch, row, true);
    },
    listTasks: async ({ parent, pageSize, pageToken, includeResults }, context) => {
      const { batch } = findOwn(parent, "task batch", context);
      return tasksFrom(store, batch, {
        first: pageOffset(pageToken),
        size: pageSizeOf(pageSize),
        includeResults,
      });
    },
    cancelTask: async ({ name }, context) => {
      const { batch, row } = findOwn(name, "task", context);
      return engine.cancelRow(batch, row);
    },
    watchTasks: (request, context) =>
      watchTasks(
        ports,
        findOwn(request.name, "task batch", context).batch,
        request,
        context.signal,
      ),
    getUsage: async ({ device }, { principal }) => {
      ports.chipOf(device);
      const used = store.usage(principal.name);
      return {
        principal: principal.name,
        sinceTime: used.sinceMs === 0 ? undefined : new Date(used.sinceMs),
        circuits: BigInt(used.circuits),
        shots: BigInt(used.shots),
        chipSeconds: used.chipSeconds,
        queuedCircuits: engine.queuedCircuits(principal.name),
        chipSecondsQuota: principal.quotas.chipSeconds,
        queuedCircuitsQuota: principal.quotas.queuedCircuits,
      };
    },
    previewTranspile: async (request, { signal }) => previewTranspile(ports, request, signal),
  };
}

function describeDevice(ports: DevicePorts): deviceV1.Device {
  const { ClockMode, DeviceState } = deviceV1;
  const chip = ports.book.chip();
  return deviceToWire(chip, {
    state: ports.isOnline() ? DeviceState.DEVICE_STATE_ONLINE : DeviceState.DEVICE_STATE_DRAINING,
    clock:
      ports.clock === "instant" ? ClockMode.CLOCK_MODE_INSTANT : ClockMode.CLOCK_MODE_REAL_TIME,
    queue: ports.engine.queue(),
    maxQubits: newestSnapshot(chip).qubits.length,
    maxRows,
  });
}

function getCalibration(
  ports: DevicePorts,
  { which, includeDocument }: deviceV1.GetCalibrationRequest,
): deviceV1.Calibration {
  if (which === undefined)
    throw QtuneError.fromIssues([
      { where: "which", expected: "a name or a time", given: "neither" },
    ]);
  const entry = which.$case === "name" ? byName(ports, which.value) : byTime(ports, which.value);
  return calibrationToWire(ports.book.chip(), entry.snapshot, {
    effectiveMs: entry.effectiveMs,
    values: true,
    document: includeDocument,
  });
}

function byName(
  ports: DevicePorts,
  name: string,
): ReturnType<DevicePorts["book"]["entries"]>[number] {
  const [device = "", id = ""] = name.split("/calibrations/");
  const chip = ports.chipOf(device);
  const wanted = id === "current" ? newestSnapshot(chip).id : id;
  const entry = ports.book.entries().find(({ snapshot }) => snapshot.id === wanted);
  if (entry === undefined) throw notFound("calibration", name.slice(0, 200));
  return entry;
}

function byTime(
  ports: DevicePorts,
  { device, time }: deviceV1.CalibrationTime,
): ReturnType<DevicePorts["book"]["entries"]>[number] {
  ports.chipOf(device);
  const atMs = time?.getTime() ?? 0;
  const entry = ports.book.entries().findLast(({ effectiveMs }) => effectiveMs <= atMs);
  if (entry === undefined)
    throw notFound("calibration", `${device} at ${new Date(atMs).toISOString()}`);
  return entry;
}

async function gatherTaskBatch(
  parts: AsyncIterable<deviceV1.StreamTaskBatchRequest>,
): Promise<deviceV1.CreateTaskBatchRequest> {
  const { header, batch } = await gatherBatch(
    parts,
    (each: deviceV1.CreateTaskBatchRequest) => each.taskBatch?.batch,
  );
  return {
    ...header,
    taskBatch: { ...deviceV1.TaskBatch.fromPartial({}), ...header.taskBatch, batch },
  };
}

async function previewTranspile(
  ports: DevicePorts,
  request: deviceV1.PreviewTranspileRequest,
  signal: AbortSignal,
): Promise<deviceV1.PreviewTranspileResponse> {
  const chip = ports.chipOf(request.device);
  if (request.structure === undefined)
    throw QtuneError.fromIssues([{ where: "structure", expected: "a circuit", given: "none" }]);
  const level = request.compile?.level ?? 2;
  if (level > 3)
    throw QtuneError.fromIssues([
      { where: "compile.level", expected: "0 to 3", given: String(level) },
    ]);
  const pinned = request.calibration.split("/calibrations/")[1] ?? "current";
  const result = await ports.pool.call(
    "preview",
    {
      request: {
        structure: circuitV1.CircuitStructure.encode(request.structure).finish(),
        values: request.parameterValues,
        snapshotId: pinned === "current" ? newestSnapshot(chip).id : pinned,
        level: level as 0 | 1 | 2 | 3, // checked above
        physical: request.compile?.layout === deviceV1.LayoutMode.LAYOUT_MODE_PHYSICAL,
        region: request.compile?.region ?? [],
        seed: request.seed,
      },
    },
    { signal },
  );
  return {
    nativeOriginir: result.nativeOriginIr.slice(0, messageLimits.maxMessageBytes),
    region: {
      qubits: result.qubits.map((qubit) => Math.max(0, qubit)),
      predictedFidelity: result.predictedFidelity,
    },
    durationNs: result.durationNs,
    czCount: result.cz,
    pulseCount: result.pulses,
    snapshotId: result.snapshotId,
    parallelSlots: result.parallelSlots,
    report: [...result.report],
  };
}
