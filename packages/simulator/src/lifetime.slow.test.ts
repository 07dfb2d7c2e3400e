import { allPauliZ, ringAnsatz } from "@qtune/circuit";
import { expect, test } from "vitest";
import { createLocalExecutor, createNoisySampler, createStateVector } from "./index.ts";
import { lowerOperations } from "./plan/lower.ts";

test.runIf(process.env["QTUNE_SLOW"] === "1")(
  "10,000 executors come and go without growing memory",
  { timeout: 600_000 },
  async () => {
    const circuit = ringAnsatz({ n: 4, layers: 1 });
    const batch = {
      circuit,
      shared: new Float64Array(16),
      rows: new Float64Array(4),
      B: 1,
      observables: allPauliZ(4),
    };
    const cycle = async (): Promise<void> => {
      const executor = createLocalExecutor({ threads: 2 });
      await executor.run(batch);
      await executor.close();
    };
    for (let i = 0; i < 500; i++) await cycle();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 9500; i++) await cycle();
    // Room for the collector's own pace, far below one page of memory per executor.
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  },
);

/** Wall-clock time from an abort to the rejection, ms. The machine must have a core to spare. */
async function abortTime(
  run: (signal: AbortSignal) => Promise<unknown>,
  afterMs: number,
): Promise<number> {
  const controller = new AbortController();
  let abortedAt = Number.POSITIVE_INFINITY;
  setTimeout(() => {
    abortedAt = performance.now();
    controller.abort();
  }, afterMs);
  await expect(run(controller.signal)).rejects.toMatchObject({ code: "cancelled" });
  return performance.now() - abortedAt;
}

test.runIf(process.env["QTUNE_SLOW"] === "1").each([1, 2])(
  "a state vector and a noisy task stop within 100 ms of an abort, %i threads",
  { timeout: 60_000 },
  async (threads) => {
    const turns = Array.from({ length: 4000 }, (_, i) => ({
      kind: "gate" as const,
      gate: i % 3 === 0 ? "CX" : "RY",
      qubits: i % 3 === 0 ? [i % 22, (i + 7) % 22] : [(5 * i) % 22],
      angles: i % 3 === 0 ? [] : [i],
    }));
    await using state = createStateVector(22, { threads, precision: "float32" });
    const items = lowerOperations(turns, {});
    expect(await abortTime((signal) => state.apply(items, { signal }), 400)).toBeLessThan(100);

    const sampler = createNoisySampler({ threads });
    const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
    const program = {
      qubits: 10,
      physicalQubits: Array.from({ length: 10 }, (_, qubit) => qubit),
      clbits: 10,
      steps: Array.from({ length: 500 }, (_, i) => ({
        kind: "unitary" as const,
        qubits: [i % 10],
        re: [c, -s, s, c],
        im: [0, 0, 0, 0],
      })),
      detuningSigmaRadPerNs: new Array<number>(10).fill(0.001),
      readout: {
        measured: [{ qubit: 0, clbit: 0 }],
        flips: [{ p10: 0, p01: 0 }],
        correlatedFlips: [],
      },
    };
    const sample = (signal: AbortSignal): Promise<unknown> =>
      sampler.sample(program, { shots: 2_000_000, seed: 1n, signal });
    expect(await abortTime(sample, 400)).toBeLessThan(100);
    await sampler.close();
  },
);
