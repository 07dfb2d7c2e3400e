import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, createGraph, interpret, openWeightStore, type WeightSource } from "./index.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-weight-store-test-"));
});
afterAll(async () => rm(folder, { recursive: true }));

function memorySource(
  values: Float32Array,
  shape: readonly number[],
): WeightSource & { reads: number } {
  const source = {
    shape,
    reads: 0,
    readFloat32: async (options?: { elements?: { start: number; end: number } | undefined }) => {
      source.reads += 1;
      return values.slice(options?.elements?.start ?? 0, options?.elements?.end ?? values.length);
    },
  };
  return source as WeightSource & { reads: number };
}

async function runLinear(
  source: WeightSource,
  store: Awaited<ReturnType<typeof openWeightStore>>,
): Promise<number[]> {
  const g = createGraph();
  const x = g.input("x", "float", ["N", 2]);
  const program = await compile(g, {
    outputs: { y: g.linear(x, g.weight("w", source)) },
    weightStore: store,
  });
  const { y } = await program.run({ x: { dims: [1, 2], data: Float32Array.of(1, 10) } });
  await program.close();
  return Array.from(y?.data as Float32Array);
}

describe("a weight store", () => {
  test("reads a tensor once for several programs, and removes its folder on close", async () => {
    const store = await openWeightStore();
    const source = memorySource(Float32Array.of(1, 2, 3, 4), [2, 2]);
    expect(await runLinear(source, store)).toEqual([21, 43]);
    expect(await runLinear(source, store)).toEqual([21, 43]);
    expect(source.reads).toBe(1);
    expect(store.writtenBytes).toBe(16);
    await store.close();
    await expect(readdir(store.directory)).rejects.toThrow("ENOENT");
    await expect(store.place(source, "float32")).rejects.toMatchObject({
      code: "failed_precondition",
    });
  });

  test("links a tensor that lies in a file as float32, and leaves that file alone", async () => {
    const file = path.join(folder, "model.bin");
    const bytes = new Uint8Array(Float32Array.of(-1, 5, 6, 7, 8, -1).buffer);
    await writeFile(file, bytes);
    const source: WeightSource = {
      shape: [2, 2],
      dtype: "F32",
      range: { path: file, offset: 4, sizeBytes: 16 },
      readFloat32: async () => Float32Array.of(5, 6, 7, 8),
    };
    const store = await openWeightStore();
    expect(await runLinear(source, store)).toEqual([65, 87]);
    await store.close();
    expect(new Uint8Array(await readFile(file))).toEqual(bytes);
  });

  test("keeps a tensor in float16 where asked to, rounded alike in every precision", async () => {
    const values = Float32Array.of(1.0001, 2, 3, 4.0009765625);
    const rounded = Float16Array.from(values);
    const g = createGraph();
    const x = g.input("x", "float", ["N", 2]);
    const outputs = {
      y: g.linear(x, g.weight("w", memorySource(values, [2, 2]), { storage: "float16" })),
    };
    const store = await openWeightStore();
    const feeds = { x: { dims: [1, 2], data: Float32Array.of(1, 10) } };
    const expected = [0, 2].map((row) => (rounded[row] ?? 0) + 10 * (rounded[row + 1] ?? 0));
    for (const precision of ["float32", "float64"] as const) {
      const program = await compile(g, { outputs, weightStore: store, precision });
      const { y } = await program.run(feeds);
      await program.close();
      y?.data.forEach((value, k) =>
        expect(Number(value)).toBeCloseTo(expected[k] ?? Number.NaN, 5),
      );
      if (precision === "float32") expect(store.writtenBytes).toBe(8);
    }
    const { y } = await interpret(g, { outputs, feeds });
    expect(Array.from(y?.data as Float64Array)).toEqual(expected);
    await store.close();
  });
});
