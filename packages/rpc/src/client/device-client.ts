/**
 * A chip as a service, in terms of circuit: submit a batch, watch it through broken connections, gather its results.
 * Everything else of DeviceService is there as plain calls under `service`.
 */
import { randomUUID } from "node:crypto";
import { type Abortable, type OnProgress, QtuneError } from "@qtune/base";
import type { BatchResult, CircuitBatch, RunOptions } from "@qtune/circuit";
import { deviceV1 } from "@qtune/contracts";
import {
  batchToWire,
  createResultCollector,
  runOptionsToWire,
  usageFromWire,
} from "../convert/execution.ts";
import { messageLimits } from "../limits.ts";
import { fromFailure } from "../status.ts";
import { type Channel, type ChannelOptions, createChannel } from "./channel.ts";
import { resumeStream } from "./resume-stream.ts";
import { rowChunks } from "./row-chunks.ts";
import { type ServiceClient, createServiceClient } from "./service-client.ts";

/** How circuits share the chip: with circuits of the same batch, with any that wait, or not at all. */
export type Packing = "batch" | "shared" | "none";

/** How a batch is run on a device, beside what every executor takes. */
export interface SubmitOptions extends RunOptions {
  /** `devices/{device}`. */
  readonly device: string;
  readonly packing?: Packing | undefined;
  /** Id of a calibration snapshot, or its resource name. Absent: the current one. */
  readonly calibration?: string | undefined;
  /** Seconds since the calibration at which drift is evaluated, to replay a placement. Absent: the clock of the device. */
  readonly driftSeconds?: number | undefined;
  readonly priority?: number | undefined;
  readonly compile?: Partial<deviceV1.CompileOptions> | undefined;
  readonly labels?: ReadonlyMap<string, string> | undefined;
}

/** How results are gathered. */
export interface ResultOptions extends RunOptions {
  /** Expectation values as measured, or after readout mitigation, which the batch must have asked for. Default `raw`. */
  readonly report?: "raw" | "mitigated" | undefined;
}

/** A device service. */
export interface DeviceClient {
  /** Every method of DeviceService over messages. */
  readonly service: ServiceClient<typeof deviceV1.DeviceServiceService>;
  readonly channel: Channel;
  /** Stores a batch at the service; a retry with the same `requestId` returns the first answer. */
  submit(batch: CircuitBatch, options: SubmitOptions): Promise<deviceV1.TaskBatch>;
  /** Checks, compiles and estimates a batch, storing nothing. */
  validate(batch: CircuitBatch, options: SubmitOptions): Promise<deviceV1.TaskBatch>;
  /** Yields the events of a batch until it ends, going on by cursor when the connection breaks. */
  watch(name: string, options?: WatchOptions): AsyncIterable<deviceV1.WatchTasksResponse>;
  /** Waits for a batch and returns its results. Errors: what the batch failed with; cancelled when it was cancelled. */
  results(name: string, batch: CircuitBatch, options?: ResultOptions): Promise<BatchResult>;
  close(): void;
}

/** Options of {@link DeviceClient.watch}. */
export interface WatchOptions extends Abortable {
  readonly cursor?: string;
  readonly includeResults?: boolean;
}

/** Creates the client of a device service. Errors: invalid_argument for a bad target. */
export function createDeviceClient(options: ChannelOptions): DeviceClient {
  const channel = createChannel(options);
  return deviceClientOn(channel);
}

/** Creates the client of a device service on a channel; closing it closes the channel. */
export function deviceClientOn(channel: Channel): DeviceClient {
  const service = createServiceClient(deviceV1.DeviceServiceService, channel);
  const watch: DeviceClient["watch"] = (name, { signal, cursor, includeResults = false } = {}) =>
    resumeStream({
      name,
      signal,
      cursor,
      open: (from) =>
        service.watchTasks(
          { name, cursor: from, includeResults },
          { signal, deadlineMs: Infinity },
        ),
      isFinal,
    });
  return {
    service,
    channel,
    submit: (batch, options) =>
      submit(service, createRequest(batch, options, false), options.signal),
    validate: (batch, options) =>
      submit(service, createRequest(batch, options, true), options.signal),
    watch,
    results: (name, batch, options = {}) => collectResults(watch, name, batch, options),
    close: () => channel.close(),
  };
}

type DeviceService = ServiceClient<typeof deviceV1.DeviceServiceService>;

const packingToWire = {
  batch: deviceV1.Packing.PACKING_BATCH,
  shared: deviceV1.Packing.PACKING_SHARED,
  none: deviceV1.Packing.PACKING_NONE,
} as const;

function createRequest(
  batch: CircuitBatch,
  options: SubmitOptions,
  validateOnly: boolean,
): deviceV1.CreateTaskBatchRequest {
  const {
    device,
    packing,
    calibration = "",
    priority = 0,
    compile,
    labels,
    driftSeconds,
  } = options;
  return deviceV1.CreateTaskBatchRequest.fromPartial({
    parent: device,
    requestId: validateOnly ? "" : (options.requestId ?? randomUUID()),
    validateOnly,
    taskBatch: {
      batch: batchToWire(batch),
      options: runOptionsToWire(options),
      calibration:
        calibration === "" || calibration.includes("/")
          ? calibration
          : `${device}/calibrations/${calibration}`,
      packing: packing === undefined ? 0 : packingToWire[packing],
      priority,
      compile,
      driftSeconds,
      labels: new Map(labels ?? []),
    },
  });
}

async function submit(
  service: DeviceService,
  request: deviceV1.CreateTaskBatchRequest,
  signal: AbortSignal | undefined,
): Promise<deviceV1.TaskBatch> {
  const batch = request.taskBatch?.batch;
  if (batch === undefined || batch.rowValues.length <= messageLimits.unaryBytes)
    return service.createTaskBatch(request, { signal });
  const header = {
    ...request,
    taskBatch: { ...request.taskBatch, batch: { ...batch, rowValues: Buffer.alloc(0) } },
  };
  return service.streamTaskBatch(
    function* () {
      yield deviceV1.StreamTaskBatchRequest.fromPartial({
        part: { $case: "header", value: header },
      });
      for (const value of rowChunks(batch)) yield { part: { $case: "chunk", value } };
    },
    { signal },
  );
}

/** Tells whether a state is final. */
export function isFinalTaskState(state: deviceV1.TaskState): boolean {
  const { TASK_STATE_SUCCEEDED, TASK_STATE_FAILED, TASK_STATE_CANCELLED } = deviceV1.TaskState;
  return (
    state === TASK_STATE_SUCCEEDED || state === TASK_STATE_FAILED || state === TASK_STATE_CANCELLED
  );
}

function isFinal({ event }: deviceV1.WatchTasksResponse): boolean {
  return event?.$case === "taskBatch" && isFinalTaskState(event.value.state);
}

async function collectResults(
  watch: DeviceClient["watch"],
  name: string,
  batch: CircuitBatch,
  options: ResultOptions,
): Promise<BatchResult> {
  const collector = createResultCollector(batch.B, batch.observables.length, options);
  let failed: deviceV1.Task | undefined;
  for await (const { event } of watch(name, { signal: options.signal, includeResults: true })) {
    switch (event?.$case) {
      case "results":
        collector.add(event.value);
        report(options.onProgress, collector.received, batch.B);
        break;
      case "task":
        failed ??= event.value;
        break;
      case "taskBatch":
        if (isFinalTaskState(event.value.state)) return finishBatch(event.value, failed, collector);
        break;
      case undefined:
        break; // a kind of event that this version does not know
      default:
        event satisfies never;
    }
  }
  throw new QtuneError("unavailable", "the batch was not finished", { where: name });
}

function finishBatch(
  final: deviceV1.TaskBatch,
  failed: deviceV1.Task | undefined,
  collector: ReturnType<typeof createResultCollector>,
): BatchResult {
  if (final.state === deviceV1.TaskState.TASK_STATE_CANCELLED) {
    throw new QtuneError("cancelled", "the task batch was cancelled", { where: final.name });
  }
  const failure = final.failure ?? failed?.failure;
  if (failure !== undefined) throw fromFailure(failure);
  return collector.finish(usageFromWire(final.usage));
}

function report(onProgress: OnProgress | undefined, done: number, total: number): void {
  onProgress?.({ phase: "chip", done, total, unit: "circuits" });
}
