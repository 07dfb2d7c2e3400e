import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { type AnsatzKind, countAnsatzWeights, createAnsatz } from "./ansatz.ts";
import { circuitsPerToken, planQuantumWork } from "./plan.ts";
import { type GradientMethod, createQuantumLayer } from "./quantum-layer.ts";
import { createReferenceExecutor } from "./reference-executor.fixture.ts";
import { sampleTokens } from "./token-sample.ts";
import { addUsage, noUsage } from "./usage.ts";

const kinds: readonly AnsatzKind[] = ["ring", "path", "product"];

function draws(count: number, label: string): Float64Array {
  const random = createRandom(11, label);
  return Float64Array.from({ length: count }, () => 3 * (random.nextUniform() - 0.5));
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

describe.each(kinds)("the %s ansatz", (ansatz) => {
  test.each([
    [2, 1],
    [4, 1],
    [5, 3],
  ])("of %i qubits and %i layers has the weights its count says", (n, layers) => {
    expect(createAnsatz({ n, layers, ansatz }).weightCount).toBe(
      countAnsatzWeights({ n, layers, ansatz }),
    );
  });

  test("uploads each input once per layer", () => {
    const { circuit } = createAnsatz({ n: 3, layers: 2, ansatz });
    const uses = JSON.stringify(circuit.operations).split('"x[1]"').length - 1;
    expect(uses).toBe(2);
  });

  test.each(["parameter-shift", "finite-difference"] as const)(
    "has exact gradients by %s",
    async (gradient) => {
      const n = 3;
      const layer = createQuantumLayer({
        n,
        layers: 2,
        ansatz,
        gradient,
        executor: createReferenceExecutor(),
      });
      const inputs = draws(2 * n, "inputs");
      const weights = draws(layer.weightCount, "weights");
      const cotangent = draws(2 * n, "cotangent");
      const loss = async (x: Float64Array, w: Float64Array): Promise<number> => {
        const { values } = await layer.forward(x, w);
        return values.reduce((sum, value, i) => sum + value * cotangent[i]!, 0);
      };
      const step = 1e-4;
      const numeric = async (
        x: Float64Array,
        w: Float64Array,
        moved: Float64Array,
      ): Promise<number[]> => {
        const slopes: number[] = [];
        for (let i = 0; i < moved.length; i++) {
          const kept = moved[i]!;
          moved[i] = kept + step;
          const up = await loss(x, w);
          moved[i] = kept - step;
          const down = await loss(x, w);
          moved[i] = kept;
          slopes.push((up - down) / (2 * step));
        }
        return slopes;
      };
      const analytic = await layer.backward(inputs, weights, cotangent);
      // Central differences with step 1e-4 are good to about 1e-8 here: third derivatives are below 10.
      expect(
        largestDifference(analytic.inputs, await numeric(inputs, weights, inputs)),
      ).toBeLessThan(1e-7);
      expect(
        largestDifference(analytic.weights, await numeric(inputs, weights, weights)),
      ).toBeLessThan(1e-7);
    },
  );
});

test("without entanglement the layer is a product of rotations", async () => {
  const layer = createQuantumLayer({
    n: 2,
    layers: 1,
    ansatz: "product",
    executor: createReferenceExecutor(),
  });
  // weights b0_0, b0_1, d0_0, d0_1: RY angles add up on each qubit, ⟨Z⟩ = cos of the sum.
  const { values } = await layer.forward(
    Float64Array.of(0.3, -0.4),
    Float64Array.of(0.1, 0.2, 0.5, 0.7),
  );
  expect(values[0]).toBeCloseTo(Math.cos(0.9), 12);
  expect(values[1]).toBeCloseTo(Math.cos(0.5), 12);
});

test("two qubits of a ring follow the formula worked out by hand", async () => {
  // Only h_0 and the first CRZ act: control 0 in RY(h)|0⟩, target |0⟩, so CRZ(a) gives qubit 0 the phase -a/2 on |1⟩.
  // Then RY(b) on qubit 0: ⟨Z_0⟩ = cos h cos b − sin h sin b cos(a/2).
  const layer = createQuantumLayer({ n: 2, layers: 1, executor: createReferenceExecutor() });
  const [h, a, b] = [0.7, 1.1, 0.4];
  const { values } = await layer.forward(
    Float64Array.of(h, 0),
    Float64Array.of(a, 0, b, 0, 0, 0, 0, 0),
  );
  expect(values[0]).toBeCloseTo(
    Math.cos(h) * Math.cos(b) - Math.sin(h) * Math.sin(b) * Math.cos(a / 2),
    12,
  );
});

describe("parameter shift", () => {
  test("takes 57 circuits per token for four qubits and one layer, forward included", () => {
    const cost = circuitsPerToken({ n: 4, layers: 1, gradient: "parameter-shift" });
    expect(cost.forward + cost.backward).toBe(57);
    const deep = circuitsPerToken({ n: 8, layers: 8, gradient: "parameter-shift" });
    expect(deep.forward + deep.backward).toBe(897);
  });

  test("sends one batch, or as many as the executor's row limit asks for, with equal results", async () => {
    const [large, small] = [createReferenceExecutor(), createReferenceExecutor(50)];
    const results = await Promise.all(
      [large, small].map((executor) => {
        const layer = createQuantumLayer({ n: 4, layers: 1, executor });
        return layer.backward(draws(8, "x"), draws(16, "w"), draws(8, "c"));
      }),
    );
    expect(large.batches).toEqual([112]);
    expect(small.batches).toEqual([50, 50, 12]);
    expect(results[0]?.weights).toEqual(results[1]?.weights);
    expect(results[0]?.usage.circuits).toBe(112);
  });

  test("measures values and derivatives together, for any cotangent", async () => {
    const layer = createQuantumLayer({ n: 4, layers: 1, executor: createReferenceExecutor() });
    const [x, w, c] = [draws(8, "x"), draws(16, "w"), draws(8, "c")];
    const together = await layer.measure(x, w);
    const { usage: _, ...apart } = await layer.backward(x, w, c);
    expect(together.usage.circuits).toBe(2 * 57);
    expect(together.values).toEqual((await layer.forward(x, w)).values);
    expect(together.pullBack(c)).toEqual(apart);
  });

  test("from shots scatters around the exact gradient within five standard errors", async () => {
    const shots = 4000;
    const executor = createReferenceExecutor();
    const exact = createQuantumLayer({ n: 3, layers: 1, executor });
    const sampled = createQuantumLayer({ n: 3, layers: 1, executor, shots, seed: 5 });
    const call = [draws(3, "x"), draws(12, "w"), Float64Array.of(1, 0, 0)] as const;
    const [a, b] = [await exact.backward(...call), await sampled.backward(...call)];
    // Each evaluation has standard deviation at most 1/√shots; the four coefficients have norm below 0.62.
    expect(largestDifference(a.weights, b.weights)).toBeLessThan(
      (5 * 0.62 * Math.SQRT2) / Math.sqrt(shots),
    );
    expect(largestDifference(a.weights, b.weights)).toBeGreaterThan(0);
  });
});

test("SPSA is right on average", async () => {
  const executor = createReferenceExecutor();
  const call = [draws(6, "x"), draws(6, "w"), Float64Array.of(1, -1, 0.5, 0.2, 1, 1)] as const;
  const exact = createQuantumLayer({ n: 3, layers: 1, ansatz: "product", executor });
  const directions = 4000;
  const estimated = createQuantumLayer({
    n: 3,
    layers: 1,
    ansatz: "product",
    gradient: "spsa",
    stepRad: 0.01,
    directions,
    executor,
  });
  const [a, b] = [await exact.backward(...call), await estimated.backward(...call)];
  // The variance of one direction is below the squared norm of the gradient of one token, here below 6.
  expect(largestDifference(a.weights, b.weights)).toBeLessThan(5 * Math.sqrt((2 * 6) / directions));
});

describe("a call", () => {
  const layer = createQuantumLayer({
    n: 2,
    layers: 1,
    executor: createReferenceExecutor(),
    shots: 100,
    seed: 3,
  });
  const [inputs, weights] = [draws(4, "x"), draws(8, "w")];

  test("with the same label gives the same counts, with another label others", async () => {
    const one = await layer.forward(inputs, weights, { label: ["step", 1] });
    expect(await layer.forward(inputs, weights, { label: ["step", 1] })).toEqual(one);
    expect((await layer.forward(inputs, weights, { label: ["step", 2] })).values).not.toEqual(
      one.values,
    );
  });

  test("of no token returns nothing", async () => {
    expect((await layer.forward(new Float64Array(0), weights)).values).toHaveLength(0);
    const back = await layer.backward(new Float64Array(0), weights, new Float64Array(0));
    expect([...back.weights]).toEqual(new Array<number>(8).fill(0));
  });

  test("names the value that is not finite", async () => {
    await expect(layer.forward(Float64Array.of(0, Number.NaN), weights)).rejects.toThrow(
      "quantumLayer.inputs[1]",
    );
  });

  test("refuses a wrong number of weights", async () => {
    await expect(layer.forward(inputs, new Float64Array(3))).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });
});

test("adjoint on an executor that only runs circuits says what to do", async () => {
  const gradient: GradientMethod = "adjoint";
  const layer = createQuantumLayer({
    n: 2,
    layers: 1,
    gradient,
    executor: createReferenceExecutor(),
  });
  await expect(
    layer.backward(new Float64Array(2), new Float64Array(8), new Float64Array(2)),
  ).rejects.toThrow(/reference only runs circuits; use parameter-shift/);
});

test("rounding the angles makes near circuits equal", async () => {
  const layer = createQuantumLayer({
    n: 2,
    layers: 1,
    quantiseRad: 0.1,
    executor: createReferenceExecutor(),
  });
  const weights = new Float64Array(8);
  const { values } = await layer.forward(Float64Array.of(0.31, 0, 0.29, 0), weights);
  expect(values[0]).toBe(values[2]);
});

describe("planQuantumWork", () => {
  const work = {
    n: 4,
    layers: 1,
    modules: 1,
    steps: 3,
    tokensPerStep: 500,
    gradient: "parameter-shift",
  } as const;

  test("counts circuits and shots, and takes chip seconds from the executor", async () => {
    const plan = await planQuantumWork(
      { ...work, sampledTokens: 64, shots: 1000 },
      createReferenceExecutor(),
    );
    expect(plan).toMatchObject({
      circuitsPerStep: 3648,
      circuits: 10_944,
      shots: 10_944_000,
      tokens: 64,
    });
    expect(plan.chipSeconds).toBeCloseTo(10.944, 9);
  });

  test("says how many tokens the budget allows", async () => {
    const plan = await planQuantumWork(work, createReferenceExecutor(), {
      circuits: 3 * 57 * 10,
      shots: 1e12,
    });
    expect(plan.tokensWithinBudget).toBe(10);
  });

  test("refuses a budget below one token", async () => {
    await expect(
      planQuantumWork(work, createReferenceExecutor(), { circuits: 100 }),
    ).rejects.toMatchObject({
      code: "resource_exhausted",
    });
  });
});

describe("sampleTokens", () => {
  test("draws distinct tokens in order, with the factor that keeps sums unbiased", () => {
    const { indices, scale } = sampleTokens(100, 25, createRandom(1));
    expect(new Set(indices).size).toBe(25);
    expect([...indices]).toEqual([...indices].sort((a, b) => a - b));
    expect(scale).toBe(4);
  });
  test("takes all tokens when there are no more", () => {
    expect(sampleTokens(3, 64, createRandom(1))).toEqual({
      indices: Int32Array.of(0, 1, 2),
      scale: 1,
    });
  });
});

test("usages add up, the mean of parallel circuits weighted by chip jobs", () => {
  const a = { ...noUsage, circuits: 10, chipJobs: 2, parallelMax: 8, parallelMean: 5 };
  const b = {
    ...noUsage,
    circuits: 2,
    chipJobs: 1,
    parallelMax: 2,
    parallelMean: 2,
    snapshotId: "s1",
  };
  expect(addUsage(a, b)).toEqual({
    ...noUsage,
    circuits: 12,
    chipJobs: 3,
    parallelMax: 8,
    parallelMean: 4,
    snapshotId: "s1",
  });
});
