import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { type AdapterOptions, adapterKinds, isLinearKind } from "./adapter-config.ts";
import { createAdapter } from "./adapter.ts";
import { createBench, normals, site } from "./graph.fixture.ts";
import { decoderSites, widths } from "./model-sites.fixture.ts";
import { narrowTensorTrain } from "./presets.ts";

const mpo = { bottleneck: [2, 2, 2], ranks: [1, 2, 3, 1] };

/** Every kind, and the variants that build other graphs. */
const variants: readonly (readonly [string, AdapterOptions])[] = [
  ...adapterKinds.map((kind) => [kind, { kind, rank: 3, mpo }] as const),
  ["BC, product of branches", { kind: "BC", rank: 3, fusion: "hadamard" }],
  ["ABC on a path", { kind: "ABC", rank: 2, mpo, ansatz: "path", qlayers: 2 }],
  ["rank-stabilised LoRA", { kind: "lora", rank: 3, rslora: true, alpha: 5 }],
];

/** Values without zeros or symmetries, so that every gradient is exercised. */
function livelyValues(adapter: ReturnType<typeof createAdapter>): Map<string, Float64Array> {
  return new Map(
    adapter.tensors.map(({ parameter, shape }) => {
      const size = shape.reduce((product, dim) => product * dim, 1);
      return [parameter, normals(size, parameter).map((value) => value / 2)];
    }),
  );
}

describe.each(variants)("%s", (_, options) => {
  test("leaves the output bit-identical at the start", async () => {
    for (const init of ["matched", "published", "lora"] as const) {
      const bench = createBench({ ...options, init });
      const { y } = await bench.run(bench.adapter.initialValues(5));
      expect(y).toEqual(bench.base);
    }
  });

  test("has the gradients of central differences in every tensor", async () => {
    const bench = createBench(options);
    const values = livelyValues(bench.adapter);
    const { gradients } = await bench.run(values);
    const step = 1e-5;
    for (const { parameter } of bench.adapter.tensors) {
      const data = values.get(parameter)!;
      const analytic = gradients.get(parameter)!;
      const scale = Math.max(...analytic.map(Math.abs));
      expect(scale, parameter).toBeGreaterThan(0);
      const stride = Math.max(1, Math.floor(data.length / 5)); // five elements of each tensor
      for (let i = 0; i < data.length; i += stride) {
        const kept = data[i]!;
        data[i] = kept + step;
        const up = (await bench.run(values)).loss;
        data[i] = kept - step;
        const down = (await bench.run(values)).loss;
        data[i] = kept;
        expect(
          Math.abs((up - down) / (2 * step) - analytic[i]!) / scale,
          `${parameter}[${i}]`,
        ).toBeLessThan(1e-6);
      }
    }
  });
});

describe.each(variants.filter(([, options]) => isLinearKind(options.kind)))("%s", (_, options) => {
  test("adds its two matrices to the output: y + s b (a x)", async () => {
    const bench = createBench(options, 2);
    const lively = livelyValues(bench.adapter);
    const values = new Map([...lively].map(([name, data]) => [name, Float32Array.from(data)]));
    const { y } = await bench.run(values);
    const { rank, a, b, scale } = bench.adapter.updateOf(site, values);
    for (let t = 0; t < 2; t++)
      for (let o = 0; o < site.outFeatures; o++) {
        let sum = bench.base[t * site.outFeatures + o]!;
        for (let r = 0; r < rank; r++)
          for (let i = 0; i < site.inFeatures; i++)
            sum +=
              scale *
              b[o * rank + r]! *
              a[r * site.inFeatures + i]! *
              bench.x[t * site.inFeatures + i]!;
        expect(y[t * site.outFeatures + o]).toBeCloseTo(sum, 9);
      }
  });
});

/** Within four standard errors of 1/3, and close enough for a factor of two to be noticed. */
function expectMatched({ mean, standardError }: { mean: number; standardError: number }): void {
  expect(Math.abs(mean - 1 / 3)).toBeLessThan(4 * standardError);
  expect(standardError).toBeLessThan(0.05);
}

describe("the matched start", () => {
  // The signal is measured through the adapter itself: the zero factor F is replaced by one unit row, so that the output
  // is scale · (what flows into F), for x ~ N(0, I), averaged over draws of the other tensors.
  const wide = { ...site, inFeatures: 128, outFeatures: 128 };
  const kinds: readonly AdapterOptions[] = [
    { kind: "lora", rank: 4 },
    { kind: "B", rank: 4 },
    { kind: "BC", rank: 4 },
    { kind: "BD", rank: 4 },
  ];

  test.each(kinds)("lets a signal of 1/√3 into the zero factor of $kind", async (options) => {
    const zeroName = options.kind === "lora" ? "lora_B.weight" : "qx_B";
    expectMatched(await signalInto(options, zeroName, wide));
  });

  test.each(["A", "AB", "ABC"] as const)(
    "lets a signal of 1/√3 into the last core of MPO_B of %s",
    async (kind) => {
      const bottleneck = kind === "A" ? [2, 2, 2, 2] : narrowTensorTrain.bottleneck; // A pushes every row of it
      const options: AdapterOptions = { kind, rank: 4, mpo: { ...narrowTensorTrain, bottleneck } };
      expectMatched(await signalInto(options, "qx_mpo_B.3", wide));
    },
  );

  test("is the same function for AB and ABC", () => {
    const sites = decoderSites(widths["minimind2-small"]);
    const [ab, abc] = (["AB", "ABC"] as const).map((kind) =>
      createAdapter({ kind, rank: 4, mpo: narrowTensorTrain }, sites).initialValues(3),
    );
    for (const [name, data] of ab!) expect(abc!.get(name), name).toEqual(data);
    const Q = abc!.get("model.layers.0.self_attn.q_proj.qx_Q")!;
    expect(Q.every((value) => value === 0)).toBe(true);
  });
});

function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean square of what flows into a zero factor over independent draws of the adapter, with its standard error. */
async function signalInto(
  options: AdapterOptions,
  zeroName: string,
  at: typeof site,
): Promise<{ readonly mean: number; readonly standardError: number }> {
  const means: number[] = [];
  const bench = createBench({ ...options, alpha: options.rank }, 2, at); // scale 1
  for (let seed = 0; seed < 60; seed++) {
    const values: Map<string, Float32Array> = bench.adapter.initialValues(seed);
    const factor = values.get(`${at.path}.${zeroName}`)!;
    const random = createRandom(seed, "unit");
    // A random factor with rows of unit length on average: its output has the mean square of its input.
    const columns = bench.adapter.tensors.find(({ name }) => name === zeroName)!.shape[1]!;
    factor.forEach((__, i) => (factor[i] = random.nextNormal() / Math.sqrt(columns)));
    const { y } = await bench.run(values);
    const squares = y.map((value, i) => (value - bench.base[i]!) ** 2);
    means.push(meanOf(squares) / meanOf(bench.x.map((value) => value * value))); // as if x had mean square 1
  }
  const mean = meanOf(means);
  const variance = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (means.length - 1);
  return { mean, standardError: Math.sqrt(variance / means.length) };
}

test("values depend on seed and names only, not on the other modules", () => {
  const sites = decoderSites(widths["minimind2-small"]);
  const all = createAdapter({ kind: "lora", rank: 2 }, sites).initialValues(9);
  const one = createAdapter({ kind: "lora", rank: 2, layers: [7] }, sites).initialValues(9);
  for (const [name, data] of one) expect(all.get(name)).toEqual(data);
  expect(one.size).toBe(4);
});

test.each([
  [{ kind: "BC", rank: 1 }, "adapter.rank: expected 2 or more for a circuit"],
  [{ kind: "B", rank: 2, fusion: "hadamard" }, "adapter.fusion: expected BC or ABC"],
  [
    { kind: "AB", rank: 2, mpo: { bottleneck: [2, 2], ranks: [1, 2] } },
    "adapter.mpo.ranks: expected 3 ranks",
  ],
] as const)("%j is refused", (options, message) => {
  expect(() => createAdapter(options, [site])).toThrow(message);
});
