/** SimulatorService over the worker pool: the exact local executor, one batch per worker at a time. */
import { QtuneError } from "@qtune/base";
import {
  type BatchGradient,
  type BatchResult,
  type CircuitBatch,
  parameterNames,
} from "@qtune/circuit";
import type { simulatorV1 } from "@qtune/contracts";
import { circuitV1 } from "@qtune/contracts";
import {
  type ServiceHandlers,
  descriptionToWire,
  estimateToWire,
  float64FromBytes,
  float64ToBytes,
  messageLimits,
  rowResultsToWire,
  rowsPerChunk,
  runOptionsFromWire,
  usageToWire,
} from "@qtune/rpc";
import { readBatch } from "../read-batch.ts";
import type { WorkerPool } from "../compute/pool.ts";
import { gatherBatch } from "./gather-rows.ts";
import { resultParts } from "./tasks.ts";

/** Creates the handlers of SimulatorService. */
export function createSimulatorHandlers(
  pool: WorkerPool,
): ServiceHandlers<typeof simulatorV1.SimulatorServiceService> {
  const run = async (
    batch: CircuitBatch,
    options: circuitV1.RunOptions | undefined,
    signal: AbortSignal,
  ): Promise<BatchResult> =>
    pool.call("simulate", { batch, options: runOptionsFromWire(options) }, { signal });
  const pullBack = async (
    request: simulatorV1.VjpRequest,
    signal: AbortSignal,
  ): Promise<{ batch: CircuitBatch; gradient: BatchGradient }> => {
    const batch = readBatch(request.batch);
    const cotangent = float64FromBytes(
      request.cotangent,
      batch.B * batch.observables.length,
      "cotangent",
    );
    const gradient = await pool.call(
      "pullBack",
      { batch, cotangent, options: runOptionsFromWire(request.options) },
      { signal },
    );
    return { batch, gradient };
  };

  return {
    describe: async (_, { signal }) => ({
      description: descriptionToWire(await pool.call("describeSimulator", {}, { signal })),
    }),
    run: async (request, { signal }) => {
      const batch = readBatch(request.batch);
      const result = await run(batch, request.options, signal);
      const results = rowResultsToWire(result, batch.observables.length, 0, batch.B);
      assertFitsOneMessage(circuitV1.RowResults.encode(results).finish().length);
      return { results, usage: usageToWire(result.usage) };
    },
    runStream: async function* (parts, { signal }) {
      const gathered = await gatherBatch(parts, (header: simulatorV1.RunRequest) => header.batch);
      const batch = readBatch(gathered.batch);
      const result = await run(batch, gathered.header.options, signal);
      const whole = rowResultsToWire(result, batch.observables.length, 0, batch.B);
      for (const value of resultParts(whole, new Set()))
        yield { part: { $case: "results", value } };
      yield { part: { $case: "usage", value: usageToWire(result.usage) } };
    },
    estimate: async (request, { signal }) => {
      const given = {
        batch: readBatch(request.batch),
        options: runOptionsFromWire(request.options),
      };
      return { estimate: estimateToWire(await pool.call("estimate", given, { signal })) };
    },
    vjp: async (request, { signal }) => {
      const { gradient } = await pullBack(request, signal);
      assertFitsOneMessage(gradient.rows.byteLength + gradient.shared.byteLength);
      return {
        sharedGradient: float64ToBytes(gradient.shared),
        rowGradient: float64ToBytes(gradient.rows),
        usage: usageToWire(gradient.usage),
      };
    },
    vjpStream: async function* (parts, { signal }) {
      const { batch, gradient } = await pullBack(await gatherVjp(parts), signal);
      const width = parameterNames(batch.circuit, "row").length;
      const step = rowsPerChunk(width * 8);
      for (let firstRow = 0; firstRow < batch.B; firstRow += step) {
        const rows = Math.min(step, batch.B - firstRow);
        const rowGradient = float64ToBytes(
          gradient.rows.subarray(firstRow * width, (firstRow + rows) * width),
        );
        yield { part: { $case: "rows", value: { firstRow, rows, rowGradient } } };
      }
      yield {
        part: {
          $case: "end",
          value: {
            sharedGradient: float64ToBytes(gradient.shared),
            usage: usageToWire(gradient.usage),
          },
        },
      };
    },
  };
}

async function gatherVjp(
  parts: AsyncIterable<simulatorV1.VjpStreamRequest>,
): Promise<simulatorV1.VjpRequest> {
  const { header, batch, cotangent } = await gatherBatch(
    parts,
    (each: simulatorV1.VjpRequest) => each.batch,
  );
  return { ...header, batch, cotangent };
}

function assertFitsOneMessage(sizeBytes: number): void {
  if (sizeBytes <= messageLimits.maxMessageBytes) return;
  throw new QtuneError(
    "out_of_range",
    `the answer takes ${sizeBytes} bytes, one message holds ${messageLimits.maxMessageBytes}; call the stream method`,
    {
      where: "batch",
    },
  );
}
