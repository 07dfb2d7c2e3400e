/** A simulator as a service, in terms of circuit. Large batches travel as streams. */
import type {
  BatchGradient,
  BatchResult,
  CircuitBatch,
  ExecutorDescription,
  ExecutorEstimate,
  RunOptions,
} from "@qtune/circuit";
import { parameterNames } from "@qtune/circuit";
import { QtuneError } from "@qtune/base";
import { simulatorV1 } from "@qtune/contracts";
import { float64FromBytes, float64ToBytes } from "../bytes.ts";
import {
  batchToWire,
  createResultCollector,
  descriptionFromWire,
  estimateFromWire,
  runOptionsToWire,
  usageFromWire,
} from "../convert/execution.ts";
import { messageLimits } from "../limits.ts";
import { type Channel, type ChannelOptions, createChannel } from "./channel.ts";
import { rowChunks } from "./row-chunks.ts";
import { type ServiceClient, createServiceClient } from "./service-client.ts";

/** A simulator service. */
export interface SimulatorClient {
  /** Every method of SimulatorService over messages. */
  readonly service: ServiceClient<typeof simulatorV1.SimulatorServiceService>;
  readonly channel: Channel;
  describe(options?: RunOptions): Promise<ExecutorDescription>;
  estimate(batch: CircuitBatch, options?: RunOptions): Promise<ExecutorEstimate>;
  run(batch: CircuitBatch, options?: RunOptions): Promise<BatchResult>;
  /** Shapes: cotangent float64 [B, K]; result shared [Ps], rows [B, Pr]. */
  vjp(batch: CircuitBatch, cotangent: Float64Array, options?: RunOptions): Promise<BatchGradient>;
  close(): void;
}

/** Creates the client of a simulator service. Errors: invalid_argument for a bad target. */
export function createSimulatorClient(options: ChannelOptions): SimulatorClient {
  return simulatorClientOn(createChannel(options));
}

type SimulatorService = ServiceClient<typeof simulatorV1.SimulatorServiceService>;

/** Creates the client of a simulator service on a channel; closing it closes the channel. */
export function simulatorClientOn(channel: Channel): SimulatorClient {
  const service = createServiceClient(simulatorV1.SimulatorServiceService, channel);
  return {
    service,
    channel,
    describe: async ({ signal } = {}) =>
      descriptionFromWire((await service.describe({}, { signal })).description),
    estimate: async (batch, options = {}) => {
      const request = { batch: batchToWire(batch), options: runOptionsToWire(options) };
      return estimateFromWire(
        (await service.estimate(request, { signal: options.signal })).estimate,
      );
    },
    run: (batch, options = {}) =>
      isLarge(batch) ? runStreamed(service, batch, options) : runUnary(service, batch, options),
    vjp: (batch, cotangent, options = {}) => {
      const large = isLarge(batch) || cotangent.byteLength > messageLimits.unaryBytes;
      return large
        ? vjpStreamed(service, { batch, cotangent, options })
        : vjpUnary(service, { batch, cotangent, options });
    },
    close: () => channel.close(),
  };
}

/** Answers count too: 16 outcomes a row of about 16 bytes each are more than the values of most rows. */
function isLarge(batch: CircuitBatch): boolean {
  return (
    batch.rows.byteLength > messageLimits.unaryBytes ||
    batch.B * Math.max(256, 16 * batch.observables.length) > messageLimits.unaryBytes
  );
}

async function runUnary(
  service: SimulatorService,
  batch: CircuitBatch,
  options: RunOptions,
): Promise<BatchResult> {
  const request = { batch: batchToWire(batch), options: runOptionsToWire(options) };
  const { results, usage } = await service.run(request, {
    signal: options.signal,
    deadlineMs: Infinity,
  });
  const collector = createResultCollector(batch.B, batch.observables.length, options);
  if (results !== undefined) collector.add(results);
  return collector.finish(usageFromWire(usage));
}

async function runStreamed(
  service: SimulatorService,
  batch: CircuitBatch,
  options: RunOptions,
): Promise<BatchResult> {
  const wire = batchToWire(batch);
  const requests = (function* (): Generator<simulatorV1.RunStreamRequest> {
    const header = {
      batch: { ...wire, rowValues: Buffer.alloc(0) },
      options: runOptionsToWire(options),
    };
    yield { part: { $case: "header", value: header } };
    for (const value of rowChunks(wire)) yield { part: { $case: "chunk", value } };
  })();
  const collector = createResultCollector(batch.B, batch.observables.length, options);
  for await (const { part } of service.runStream(requests, {
    signal: options.signal,
    deadlineMs: Infinity,
  })) {
    if (part?.$case === "results") collector.add(part.value);
    else if (part?.$case === "usage") return collector.finish(usageFromWire(part.value));
  }
  throw endedEarly();
}

interface VjpArguments {
  readonly batch: CircuitBatch;
  readonly cotangent: Float64Array;
  readonly options: RunOptions;
}

async function vjpUnary(
  service: SimulatorService,
  { batch, cotangent, options }: VjpArguments,
): Promise<BatchGradient> {
  const request = {
    batch: batchToWire(batch),
    cotangent: float64ToBytes(cotangent),
    options: runOptionsToWire(options),
  };
  const response = await service.vjp(request, { signal: options.signal, deadlineMs: Infinity });
  const { shared, rows } = parameterCounts(batch);
  return {
    shared: float64FromBytes(response.sharedGradient, shared, "shared_gradient"),
    rows: float64FromBytes(response.rowGradient, batch.B * rows, "row_gradient"),
    usage: usageFromWire(response.usage),
  };
}

async function vjpStreamed(
  service: SimulatorService,
  { batch, cotangent, options }: VjpArguments,
): Promise<BatchGradient> {
  const wire = batchToWire(batch);
  const requests = (function* (): Generator<simulatorV1.VjpStreamRequest> {
    const header = {
      batch: { ...wire, rowValues: Buffer.alloc(0) },
      cotangent: Buffer.alloc(0),
      options: runOptionsToWire(options),
    };
    yield { part: { $case: "header", value: header } };
    for (const value of rowChunks({ ...wire, cotangent: float64ToBytes(cotangent) }))
      yield { part: { $case: "chunk", value } };
  })();
  const counts = parameterCounts(batch);
  const rows = new Float64Array(batch.B * counts.rows);
  let received = 0;
  for await (const { part } of service.vjpStream(requests, {
    signal: options.signal,
    deadlineMs: Infinity,
  })) {
    if (part?.$case === "rows") {
      const { firstRow, rows: count, rowGradient } = part.value;
      rows.set(
        float64FromBytes(rowGradient, count * counts.rows, "row_gradient"),
        firstRow * counts.rows,
      );
      received += count;
    } else if (part?.$case === "end") {
      if (received !== batch.B) throw endedEarly();
      const shared = float64FromBytes(part.value.sharedGradient, counts.shared, "shared_gradient");
      return { shared, rows, usage: usageFromWire(part.value.usage) };
    }
  }
  throw endedEarly();
}

function parameterCounts({ circuit }: CircuitBatch): { shared: number; rows: number } {
  return {
    shared: parameterNames(circuit, "shared").length,
    rows: parameterNames(circuit, "row").length,
  };
}

function endedEarly(): QtuneError {
  return new QtuneError("data_loss", "the stream ended before all rows came", {
    where: "simulator",
  });
}
