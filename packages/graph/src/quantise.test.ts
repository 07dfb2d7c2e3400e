import { createRandom } from "@qtune/base";
import { relativeDistance } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { emitSegment } from "./emit.ts";
import {
  compile,
  createGraph,
  differentiate,
  interpret,
  type Value,
  type WeightSource,
} from "./index.ts";
import { optimise } from "./optimise.ts";
import { isSegment, partition } from "./partition.ts";
import {
  dequantiseMatrix,
  quantiseMatrix,
  widenColumns,
  type QuantisedFormat,
} from "./quantise.ts";
import { quantiseByReference } from "./reference-quantiser.ts";

function drawMatrix(
  out: number,
  into: number,
  label: string,
): { values: Float32Array; source: WeightSource } {
  const random = createRandom(17, label);
  const values = Float32Array.from({ length: out * into }, () => random.nextNormal());
  const readFloat32: WeightSource["readFloat32"] = async (options) =>
    values.slice(options?.elements?.start ?? 0, options?.elements?.end ?? values.length);
  return { values, source: { shape: [out, into], readFloat32 } };
}

const formats: readonly QuantisedFormat[] = ([4, 8] as const).flatMap((bits) =>
  [false, true].map((transposed) => ({ bits, blockSize: 32, transposed })),
);

describe.each(formats)("$bits bits, transposed $transposed", (format) => {
  test("keeps every value within half a step of its block", async () => {
    const { values, source } = drawMatrix(40, 70, "values");
    const matrix = await quantiseMatrix(source, format);
    const restored = dequantiseMatrix(matrix, source.shape, format);
    const [N, K] = format.transposed ? [70, 40] : [40, 70];
    const blocks = Math.ceil(K / 32);
    for (let n = 0; n < N; n++) {
      for (let k = 0; k < K; k++) {
        const original = values[format.transposed ? k * 70 + n : n * 70 + k] ?? 0;
        const step = Math.abs(matrix.scales[n * blocks + (k >> 5)] ?? 0);
        // Four bits reach +7 steps only where the largest value is negative: there a clipped value is off by up to one step.
        const bound = format.bits === 8 ? 0.5001 * step : 1.0001 * step;
        expect(Math.abs((restored[n * K + k] ?? 0) - original)).toBeLessThanOrEqual(bound);
      }
    }
  });

  test("multiplies as its definition says, forward and backward", async () => {
    const { source } = drawMatrix(24, 64, "product");
    const g = createGraph();
    const K = format.transposed ? 24 : 64;
    const x = g.input("x", "float", ["N", K]);
    const y = g.quantisedLinear(x, { name: "w", source, format, isExact: true });
    const loss = g.reduceSum(g.multiply(y, y));
    const [dx] = differentiate(g, loss, [x]);
    const outputs = { y, dx: dx ?? x };
    const random = createRandom(3);
    const feed: Value = {
      dims: [5, K],
      data: Float64Array.from({ length: 5 * K }, () => random.nextNormal()),
    };
    const expected = await interpret(g, { outputs, feeds: { x: feed } });
    const program = await compile(g, { outputs });
    const actual = await program.run({ x: feed });
    await program.close();
    for (const name of ["y", "dx"]) {
      const [a, b] = [actual[name]?.data, expected[name]?.data].map((data) =>
        Array.from(data as Float64Array),
      );
      expect(relativeDistance(a ?? [], b ?? [Number.NaN]), name).toBeLessThan(1e-5);
    }
  });
});

describe("WebAssembly gives the codes and scales of the plain loops, bit for bit", () => {
  const layouts = formats.flatMap((format) =>
    (["rows", "columns"] as const).map((order) => ({ ...format, order })),
  );
  // Rows and columns beyond squares of 16, blocks that end early, odd sizes, several chunks.
  const shapes = [[1, 1], [40, 70], [81, 33], [530, 2048]] as const; // prettier-ignore
  const draws: Readonly<Record<string, (x: number) => number>> = {
    ordinary: (x) => x,
    "of equal sizes": (x) => Math.round(2 * x) / 2,
    "mostly zeros of both signs": (x) => (x > 1.5 ? x : x < 0 ? -0 : 0),
    "from the smallest floats to the largest": (x) => x * 10 ** (18 * x),
    "not all finite": (x) => (x > 2.5 ? Number.NaN : x > 2.2 ? -Infinity : x),
  };
  test.each(layouts.filter(({ transposed, order }) => !transposed || order === "rows"))(
    "$bits bits, $order, transposed $transposed",
    async ({ order, ...format }) => {
      for (const [out, into] of shapes) {
        for (const [label, change] of Object.entries(draws)) {
          if (out > 81 && label !== "ordinary") continue; // the plain loops take their time
          for (const blockSize of out > 81 ? [32] : [16, 32, 128]) {
            const { values, source } = drawMatrix(out, into, label);
            values.set(values.map(change));
            const sized = { ...format, blockSize };
            const fast = await quantiseMatrix(source, sized, { order });
            const plain = { order, quantiser: quantiseByReference };
            const slow = await quantiseMatrix(source, sized, plain);
            const where = `${label} ${out}x${into} / ${blockSize}`;
            expect(Buffer.compare(fast.packed, slow.packed), where).toBe(0);
            expect(fast.scales, where).toEqual(slow.scales);
          }
        }
      }
    },
  );
});

test("products in int8 arithmetic stay within one percent of the float ones", async () => {
  const { source } = drawMatrix(64, 128, "int8");
  const g = createGraph();
  const x = g.input("x", "float", ["N", 128]);
  const format: QuantisedFormat = { bits: 8, blockSize: 32, transposed: false };
  const outputs = {
    fast: g.quantisedLinear(x, { name: "w", source, format }),
    exact: g.quantisedLinear(x, { name: "w", source, format, isExact: true }),
  };
  const program = await compile(g, { outputs });
  const random = createRandom(4);
  const { fast, exact } = await program.run({
    x: { dims: [16, 128], data: Float32Array.from({ length: 2048 }, () => random.nextNormal()) },
  });
  await program.close();
  const distance = relativeDistance(fast?.data as Float32Array, exact?.data as Float32Array);
  expect(distance).toBeLessThan(0.01);
});

describe.each([4, 8] as const)("a matrix of %i bits that is widened", (bits) => {
  const format: QuantisedFormat = { bits, blockSize: 32, transposed: false };

  test("holds the values of the product in few bits", async () => {
    // 70 rows: more than a tile; 81 values of 4 bits: pairs straddle rows.
    const { source } = drawMatrix(81, 70, "order");
    const rows = dequantiseMatrix(await quantiseMatrix(source, format), source.shape, format);
    const matrix = await quantiseMatrix(source, format, { order: "columns" });
    const columns = widenColumns(matrix, source.shape, format);
    for (let n = 0; n < 81; n++)
      for (let k = 0; k < 70; k++) expect(columns[k * 81 + n]).toBe(rows[n * 70 + k]);
  });

  test.each(["float32", "float64"] as const)(
    "multiplies forward and backward as its definition says, in %s",
    async (precision) => {
      const { source } = drawMatrix(25, 70, "widened");
      const g = createGraph();
      const x = g.input("x", "float", ["N", 70]);
      const y = g.matMul(x, g.widenedWeight({ name: "w", source, format }));
      const loss = g.reduceSum(g.multiply(y, y));
      const [dx = x] = differentiate(g, loss, [x]);
      const outputs = { y, dx };
      const random = createRandom(3);
      const data = Float64Array.from({ length: 350 }, () => random.nextNormal());
      const feeds = { x: { dims: [5, 70], data } };
      const expected = await interpret(g, { outputs, feeds });
      const program = await compile(g, { outputs, precision });
      const actual = await program.run(feeds);
      await program.close();
      for (const name of ["y", "dx"]) {
        const [a, b] = [actual[name]?.data, expected[name]?.data].map((values) =>
          Array.from(values as Float64Array),
        );
        const bound = precision === "float32" ? 1e-5 : 1e-12;
        expect(relativeDistance(a ?? [], b ?? [Number.NaN]), name).toBeLessThan(bound);
      }
    },
  );
});

test("a matrix that is to be widened is given as it is", () => {
  const { source } = drawMatrix(4, 32, "wrong");
  const format: QuantisedFormat = { bits: 8, blockSize: 32, transposed: true };
  expect(() => createGraph().widenedWeight({ name: "w", source, format })).toThrow(
    "expected a matrix [out, in] that is not transposed",
  );
});

test("widening stands before all other nodes, once per use, so that it is computed just before it is used", () => {
  const { source } = drawMatrix(32, 32, "emitted");
  const format: QuantisedFormat = { bits: 8, blockSize: 32, transposed: false };
  const g = createGraph();
  const x = g.input("x", "float", ["N", 32]);
  const hidden = g.tanh(g.matMul(x, g.widenedWeight({ name: "w", source, format })));
  const [dx = x] = differentiate(g, g.reduceSum(hidden), [x]);
  const { nodes, resolve } = optimise(g.nodes, [hidden, dx]);
  const [segment] = partition(nodes, [resolve(hidden), resolve(dx)]).steps.filter(isSegment);
  const place = { location: "weights.bin", offset: 0, sizeBytes: 1 };
  const { model } = emitSegment(segment!, "float32", () => ({ ...place, scales: place }));
  const ops = model.nodes.map(({ op }) => op);
  expect(ops.slice(0, 2)).toEqual(["DequantizeLinear", "DequantizeLinear"]);
  expect(ops.slice(2)).not.toContain("DequantizeLinear");
});
