/** SimulatorService over the worker pool: the exact local executor, one batch per worker at a time. */
import { QtuneError } from "@qtune/base";
import { circuitV1, type simulatorV1 } from "@qtune/contracts";
import {
  type ServiceHandlers,
  descriptionToWire,
  estimateToWire,
  float64ToBytes,
  messageLimits,
  rowResultsToWire,
  rowsPerChunk,
  runOptionsFromWire,
  usageToWire,
} from "@qtune/rpc";
import type { WorkerPool } from "../compute/pool.ts";
import type { SimulatorArguments } from "../compute/protocol.ts";
import { gatherBatch } from "./gather-rows.ts";
import { resultParts } from "./tasks.ts";

/** Creates the handlers of SimulatorService. */
export function createSimulatorHandlers(
  pool: WorkerPool,
): ServiceHandlers<typeof simulatorV1.SimulatorServiceService> {
  const run = async (request: simulatorV1.RunRequest, signal: AbortSignal) => {
    const { result, B, K } = await pool.call("simulate", argumentsOf(request), { signal });
    return { results: rowResultsToWire(result, K, 0, B), usage: usageToWire(result.usage) };
  };
  const pullBack = (request: simulatorV1.VjpRequest, signal: AbortSignal) =>
    pool.call("pullBack", { ...argumentsOf(request), cotangent: request.cotangent }, { signal });

  return {
    describe: async (_, { signal }) => ({
      description: descriptionToWire(await pool.call("describeSimulator", {}, { signal })),
    }),
    run: async (request, { signal }) => {
      const response = await run(request, signal);
      assertFitsOneMessage(circuitV1.RowResults.encode(response.results).finish().length);
      return response;
    },
    runStream: async function* (parts, { signal }) {
      const { header, batch } = await gatherBatch(
        parts,
        (each: simulatorV1.RunRequest) => each.batch,
      );
      const { results, usage } = await run({ ...header, batch }, signal);
      for (const value of resultParts(results, new Set()))
        yield { part: { $case: "results", value } };
      yield { part: { $case: "usage", value: usage } };
    },
    estimate: async (request, { signal }) => ({
      estimate: estimateToWire(await pool.call("estimate", argumentsOf(request), { signal })),
    }),
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
      const { header, batch, cotangent } = await gatherBatch(
        parts,
        (each: simulatorV1.VjpRequest) => each.batch,
      );
      const { gradient, B, width } = await pullBack({ ...header, batch, cotangent }, signal);
      const step = rowsPerChunk(width * 8);
      for (let firstRow = 0; firstRow < B; firstRow += step) {
        const rows = Math.min(step, B - firstRow);
        const rowGradient = float64ToBytes(
          gradient.rows.subarray(firstRow * width, (firstRow + rows) * width),
        );
        yield { part: { $case: "rows", value: { firstRow, rows, rowGradient } } };
      }
      const value = {
        sharedGradient: float64ToBytes(gradient.shared),
        usage: usageToWire(gradient.usage),
      };
      yield { part: { $case: "end", value } };
    },
  };
}

/** What a worker gets: the batch still encoded, so that reading it blocks no other caller. */
function argumentsOf(request: {
  readonly batch?: circuitV1.CircuitBatch | undefined;
  readonly options?: circuitV1.RunOptions | undefined;
}): SimulatorArguments {
  if (request.batch === undefined)
    throw QtuneError.fromIssues([{ where: "batch", expected: "a batch", given: "none" }]);
  return {
    payload: circuitV1.CircuitBatch.encode(request.batch).finish(),
    options: runOptionsFromWire(request.options),
  };
}

function assertFitsOneMessage(sizeBytes: number): void {
  if (sizeBytes <= messageLimits.maxMessageBytes) return;
  throw new QtuneError(
    "out_of_range",
    `the answer takes ${sizeBytes} bytes, one message holds ${messageLimits.maxMessageBytes}; call the stream method`,
    { where: "batch" },
  );
}
