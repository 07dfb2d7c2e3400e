import { describe, expect, test } from "vitest";
import { describeBackend } from "./conformance/backend.suite.ts";
import {
  type Backend,
  type TileJob,
  availableBackends,
  createBackend,
  encodeProgram,
  place,
} from "./index.ts";

/** Processor time of this process in ms: what an abort costs does not depend on what else the machine does. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

for (const kind of availableBackends()) {
  describeBackend(`${kind} backend, one thread`, () => createBackend({ kind, threads: 1 }));
}

test("Node 24 loads the relaxed SIMD build", () => {
  expect(availableBackends()).toEqual(["relaxed-simd", "simd", "reference"]);
});

/** Each tile writes cosines of its own angles, so that every tile leaves a trace. */
function cosineJob(backend: Backend, tiles: number, repeats = 1): { job: TileJob; out: number } {
  const W = 4;
  const rows = 16384;
  const out = rows + tiles * W * 8;
  backend.reserve(out + tiles * 2 * W * 8 + 65536);
  backend.float64(rows, tiles * W).set(Float64Array.from({ length: tiles * W }, (_, i) => i / 10));
  const call = {
    kernel: "cosSin",
    arguments: { angles: place(2, 0), blocks: 1, W, out: place(3, 0) },
  } as const;
  const program = encodeProgram(Array.from({ length: repeats }, () => call));
  backend.uint32(8192, program.length).set(program);
  const base = new Uint32Array(16);
  const advance = new Uint32Array(16);
  base.set([0, 0, rows, out]);
  advance.set([0, 0, W * 8, 2 * W * 8]);
  const job: TileJob = {
    precision: "float64",
    program: 8192,
    operations: repeats,
    tiles,
    base,
    advance,
    scratch: 0,
    scratchBytes: 0,
    parallel: true,
  };
  return { job, out };
}

describe("tiles on threads", () => {
  test("give the same bits for any number of threads", async () => {
    const results = [];
    for (const threads of [1, 2, 3]) {
      const backend = createBackend({ threads });
      const { job, out } = cosineJob(backend, 500);
      await backend.runTiles(job);
      results.push([...backend.float64(out, 4000)]);
      await backend.close();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(results[0]?.[1]).toBeCloseTo(Math.cos(0.1), 15);
  });

  test("stop within 100 ms of an abort and leave the backend usable", async () => {
    const backend = createBackend({ threads: 2 });
    const { job } = cosineJob(backend, 100_000, 100);
    const controller = new AbortController();
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = cpuMs();
      controller.abort();
    }, 30);
    await expect(backend.runTiles(job, { signal: controller.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(cpuMs() - abortedAt).toBeLessThan(100);
    const again = cosineJob(backend, 10);
    await backend.runTiles(again.job);
    expect(backend.float64(again.out, 1)[0]).toBe(1);
    await backend.close();
  });

  test("report a worker that dies and recover with fresh threads", async () => {
    const backend = createBackend({ threads: 2 });
    const { job } = cosineJob(backend, 1000);
    const bad = { ...job, base: job.base.slice() };
    bad.base[3] = 0xfff00000;
    await expect(backend.runTiles(bad)).rejects.toThrow();
    const again = cosineJob(backend, 1000);
    await backend.runTiles(again.job);
    expect(backend.float64(again.out + 999 * 64, 1)[0]).toBeCloseTo(Math.cos(399.6), 12);
    await backend.close();
  });
});

test("a named number of threads below 1 is refused", () => {
  expect(() => createBackend({ threads: 0 })).toThrow(/threads: expected an integer of at least 1/);
});

test("memory beyond 4 GiB is refused with the figure", async () => {
  const backend = createBackend({ threads: 1 });
  expect(() => backend.reserve(5 * 2 ** 30)).toThrow(/5120.0 MiB could not be reserved/);
  await backend.close();
});
