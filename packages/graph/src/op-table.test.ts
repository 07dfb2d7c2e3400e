import { createRandom } from "@qtune/base";
import { centralDifferences, relativeDistance } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import {
  compile,
  createGraph,
  differentiate,
  interpret,
  type Graph,
  type Tensor,
  type Value,
} from "./index.ts";
import { opTable } from "./op-table.ts";
import type { OpName } from "./op.ts";

/** How an operation is tried: float operands by shape, and what is built of them. */
interface Sample {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (g: Graph, x: readonly Tensor[]) => Tensor;
  /** Keeps operands positive: for logarithm, root and divisor. */
  readonly isPositive?: boolean;
}

const first = (x: readonly Tensor[], index = 0): Tensor => x[index] as Tensor; // samples use what they declare
const int64 = (g: Graph, values: readonly number[], dims = [values.length]): Tensor =>
  g.constant(BigInt64Array.from(values, BigInt), dims);

const samples: Partial<Record<OpName, readonly Sample[]>> = {
  add: [
    { shapes: [[2, 3], [3]], build: (g, x) => g.add(first(x), first(x, 1)) },
    {
      shapes: [
        [2, 1, 3],
        [4, 1],
      ],
      build: (g, x) => g.add(first(x), first(x, 1)),
    },
  ],
  subtract: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: (g, x) => g.subtract(first(x), first(x, 1)),
    },
  ],
  multiply: [
    {
      shapes: [
        [2, 3],
        [1, 3],
      ],
      build: (g, x) => g.multiply(first(x), first(x, 1)),
    },
  ],
  divide: [
    { shapes: [[2, 3], [3]], build: (g, x) => g.divide(first(x), first(x, 1)), isPositive: true },
  ],
  negate: [{ shapes: [[4]], build: (g, x) => g.negate(first(x)) }],
  exp: [{ shapes: [[4]], build: (g, x) => g.exp(first(x)) }],
  log: [{ shapes: [[4]], build: (g, x) => g.log(first(x)), isPositive: true }],
  sqrt: [{ shapes: [[4]], build: (g, x) => g.sqrt(first(x)), isPositive: true }],
  sin: [{ shapes: [[4]], build: (g, x) => g.sin(first(x)) }],
  cos: [{ shapes: [[4]], build: (g, x) => g.cos(first(x)) }],
  tanh: [{ shapes: [[4]], build: (g, x) => g.tanh(first(x)) }],
  sigmoid: [{ shapes: [[4]], build: (g, x) => g.sigmoid(first(x)) }],
  silu: [{ shapes: [[2, 4]], build: (g, x) => g.silu(first(x)) }],
  reshape: [{ shapes: [[2, 6]], build: (g, x) => g.reshape(first(x), [3, -1]) }],
  transpose: [
    { shapes: [[2, 3, 4]], build: (g, x) => g.transpose(first(x), [2, 0, 1]) },
    { shapes: [[2, 3]], build: (g, x) => g.transpose(first(x)) },
  ],
  expand: [{ shapes: [[2, 1]], build: (g, x) => g.expand(first(x), [3, 2, 4]) }],
  concat: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: (g, x) => g.concat(x, -1),
    },
  ],
  slice: [{ shapes: [[2, 5]], build: (g, x) => g.slice(first(x), 1, 1, 4) }],
  gather: [
    { shapes: [[4, 2]], build: (g, x) => g.gather(first(x), int64(g, [3, 0, 3, 1], [2, 2])) },
  ],
  scatterRows: [
    { shapes: [[3, 2]], build: (g, x) => g.scatterRows(first(x), int64(g, [1, 4, 1]), 5) },
  ],
  gatherRows: [
    {
      shapes: [[3, 2]],
      build: (g, x) =>
        g.gatherRows(first(x), int64(g, [2, -1, 0, -1], [2, 2]), int64(g, [2, -1, 0])),
    },
  ],
  matMul: [false, true].flatMap((transposeA) =>
    [false, true].flatMap((transposeB): Sample[] => {
      const a = transposeA ? [3, 2] : [2, 3];
      const b = transposeB ? [4, 3] : [3, 4];
      const build: Sample["build"] = (g, x) =>
        g.matMul(first(x), first(x, 1), { transposeA, transposeB, scale: 0.5 });
      return [
        { shapes: [a, b], build },
        {
          shapes: [
            [2, 2, ...a],
            [2, 1, ...b],
          ],
          build,
        },
        { shapes: [[2, ...a], b], build },
      ];
    }),
  ),
  addMatMul: [
    {
      shapes: [
        [2, 4],
        [2, 3],
        [3, 4],
      ],
      build: (g, x) => g.addMatMul(first(x), first(x, 1), first(x, 2)),
    },
    {
      shapes: [[4], [3, 2], [4, 3]],
      build: (g, x) =>
        g.addMatMul(first(x), first(x, 1), first(x, 2), {
          transposeA: true,
          transposeB: true,
          scale: 2,
        }),
    },
  ],
  reduceSum: [
    { shapes: [[2, 3, 4]], build: (g, x) => g.reduceSum(first(x), [0, -1]) },
    { shapes: [[2, 3]], build: (g, x) => g.reduceSum(first(x), [1], true) },
  ],
  softmax: [{ shapes: [[3, 4]], build: (g, x) => g.softmax(first(x)) }],
  logSoftmax: [{ shapes: [[3, 4]], build: (g, x) => g.logSoftmax(first(x)) }],
  rmsNorm: [{ shapes: [[3, 4], [4]], build: (g, x) => g.rmsNorm(first(x), first(x, 1), 1e-5) }],
  crossEntropy: [
    { shapes: [[3, 5]], build: (g, x) => g.crossEntropy(first(x), int64(g, [4, 0, 2])) },
  ],
  subtractOneHot: [
    { shapes: [[3, 5]], build: (g, x) => g.subtractOneHot(first(x), int64(g, [4, 0, 2])) },
  ],
  rotary: [
    {
      shapes: [
        [3, 8],
        [5, 2],
        [5, 2],
      ],
      build: (g, x) =>
        g.rotary(
          first(x),
          int64(g, [4, 0, 2]),
          g.constant([1, 0.5, 0.2, 0.3, 0.9, 0.1, 0.4, 0.6, 0.8, 0.7], [5, 2]),
          g.constant([0, 0.1, 0.4, 0.2, 0.3, 0.5, 0.6, 0.8, 0.7, 0.9], [5, 2]),
        ),
    },
  ],
};

/** Operations that are tried elsewhere: sources in compile.test.ts, the cache in cached-attention.test.ts, few bits in quantise.test.ts. */
const elsewhere: readonly OpName[] = [
  "input",
  "parameter",
  "weight",
  "constant",
  "accumulate",
  "hostOperation",
  "cachedAttention",
  "quantisedWeight",
  "widenedWeight",
  "quantisedLinear",
];

test("every operation of the table is tried", () => {
  expect([...Object.keys(samples), ...elsewhere].sort()).toEqual(Object.keys(opTable).sort());
});

function drawValue(dims: readonly number[], seed: string, isPositive: boolean): Float64Array {
  const random = createRandom(seed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return Float64Array.from({ length: size }, () =>
    isPositive ? 0.5 + random.nextUniform() : random.nextNormal(),
  );
}

/** Builds a sample, and a loss that weighs every element of its result differently. */
function buildSample(sample: Sample) {
  const g = createGraph();
  // The operands are inputs, so that nothing is hoisted and one session holds all.
  const x = sample.shapes.map((shape, k) => g.input(`x${k}`, "float", shape));
  const y = sample.build(g, x);
  const size = y.shape.reduce<number>((product, dim) => product * Number(dim), 1);
  const weights = g.constant(
    Float64Array.from({ length: size }, (_, i) => Math.cos(i + 1)),
    y.shape.map(Number),
  );
  const loss = g.reduceSum(g.multiply(y, weights));
  const used = x.filter((input) => g.nodes.some(({ inputs }) => inputs.includes(input)));
  const gradients = differentiate(g, loss, used);
  const outputs: Record<string, Tensor> = { y, loss };
  used.forEach((input, k) => (outputs[`d${input.name}`] = gradients[k] as Tensor));
  return { g, outputs, used };
}

const cases = Object.entries(samples).flatMap(([op, list]) =>
  list.map((sample, k): [string, Sample] => [`${op} (${k})`, sample]),
);

describe.each(cases)("%s", (name, sample) => {
  const { g, outputs, used } = buildSample(sample);
  const feeds: Record<string, Value> = Object.fromEntries(
    used.map((input) => {
      const dims = input.shape.map(Number);
      return [
        input.name,
        { dims, data: drawValue(dims, `${name} ${input.name}`, sample.isPositive === true) },
      ];
    }),
  );

  test.each([
    ["float64", 1e-12],
    ["float32", 2e-5],
  ] as const)(
    "has the same values and gradients by definition and in onnxruntime, %s",
    async (precision, tolerance) => {
      const expected = await interpret(g, { outputs, feeds });
      const program = await compile(g, { outputs, precision, threads: 1 });
      const actual = await program.run(feeds);
      await program.close();
      for (const key of Object.keys(outputs)) {
        expect(actual[key]?.dims, key).toEqual(expected[key]?.dims);
        const [a, b] = [actual[key]?.data, expected[key]?.data].map((data) =>
          Array.from(data as Float64Array, Number),
        );
        expect(relativeDistance(a ?? [], b ?? [Number.NaN], 0.1), key).toBeLessThan(tolerance);
      }
    },
  );

  test("has the derivative that central differences give", async () => {
    const analytic = await interpret(g, { outputs, feeds });
    for (const input of used) {
      const x = (feeds[input.name]?.data as Float64Array).slice();
      const lossAt = async (changed: Float64Array): Promise<number> => {
        const value: Value = { dims: input.shape.map(Number), data: changed };
        const result = await interpret(g, {
          outputs: { loss: outputs["loss"] as Tensor },
          feeds: { ...feeds, [input.name]: value },
        });
        return Number(result["loss"]?.data[0]);
      };
      const numeric = await centralDifferences(lossAt, x);
      const gradient = analytic[`d${input.name}`]?.data as Float64Array;
      expect(relativeDistance(gradient, [...numeric.values()], 0.1), input.name).toBeLessThan(1e-8);
    }
  });
});
