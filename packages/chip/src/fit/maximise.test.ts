import { describe, expect, test } from "vitest";
import {
  type CountsModel,
  maximiseLikelihood,
  profileInterval,
  solve,
  standardErrors,
} from "./maximise.ts";

/** Counts of a coin: `heads` of `shots`, with P(heads) a function of the parameters. */
function coin(
  heads: number,
  shots: number,
  probability: (values: Float64Array) => number,
  bounds: { readonly min: readonly number[]; readonly max: readonly number[] },
): CountsModel {
  return {
    counts: [
      new Map([
        [0, shots - heads],
        [1, heads],
      ]),
    ],
    distributions: (values) => [Float64Array.of(1 - probability(values), probability(values))],
    ...bounds,
  };
}

describe("a coin with 30 heads of 100", () => {
  const model = coin(30, 100, ([p = 0]) => p, { min: [0.001], max: [0.999] });
  const maximum = maximiseLikelihood(model, Float64Array.of(0.8));

  test("has its maximum at the frequency, with the binomial standard error", () => {
    expect(maximum.values[0]).toBeCloseTo(0.3, 4);
    expect(standardErrors(maximum.information, 1)[0]).toBeCloseTo(Math.sqrt((0.3 * 0.7) / 100), 4);
  });

  test("has the likelihood interval of a binomial", () => {
    const { low, high } = profileInterval(model, maximum, 0, 0.09);
    const loss = (p: number): number =>
      30 * Math.log(0.3 / p) + 70 * Math.log(0.7 / (1 - p)) - 3.841 / 2;
    expect(loss(low)).toBeCloseTo(0, 1);
    expect(loss(high)).toBeCloseTo(0, 1);
    expect(low).toBeLessThan(0.3);
    expect(high).toBeGreaterThan(0.3);
  });
});

test("a parameter that shows only by its square gets an interval on both sides of zero", () => {
  const model = coin(505, 1000, ([x = 0]) => 0.5 + x * x, { min: [-0.7], max: [0.7] });
  const maximum = maximiseLikelihood(model, Float64Array.of(0.1));
  const { low, high } = profileInterval(model, maximum, 0, 0.05);
  expect(Math.abs(maximum.values[0] ?? 0)).toBeCloseTo(Math.sqrt(0.005), 2);
  expect(low + high).toBeCloseTo(0, 2);
  expect(high).toBeGreaterThan(0.15);
});

test("a maximum outside the bounds ends at the bound, and the interval stays inside", () => {
  const model = coin(99, 100, ([p = 0]) => p, { min: [0.1], max: [0.9] });
  const maximum = maximiseLikelihood(model, Float64Array.of(0.5));
  expect(maximum.values[0]).toBe(0.9);
  expect(profileInterval(model, maximum, 0, 0.05).high).toBe(0.9);
});

test("what the counts cannot tell has no finite error", () => {
  const model = coin(30, 100, ([p = 0]) => p, { min: [0.001, -1], max: [0.999, 1] });
  const maximum = maximiseLikelihood(model, Float64Array.of(0.5, 0));
  expect(standardErrors(maximum.information, 2)[1]).toBe(Infinity);
});

test("a fixed parameter stays where it is", () => {
  const model = coin(30, 100, ([a = 0, b = 0]) => a * b, { min: [0.01, 0.01], max: [0.99, 0.99] });
  const { values } = maximiseLikelihood(model, Float64Array.of(0.5, 0.4), new Set([0]));
  expect(values[0]).toBe(0.5);
  expect(values[1]).toBeCloseTo(0.6, 3);
});

test("small systems are solved with pivoting", () => {
  const [x, y] = solve(
    [
      [0, 2],
      [3, 1],
    ],
    [4, 5],
  );
  expect([x, y]).toEqual([1, 2]);
});
