import { describe, expect, test } from "vitest";
import { createAdamState, stepAdamInPlace } from "./adamw.ts";
import { clipInPlace } from "./clip.ts";
import { scheduleFactor } from "./schedule.ts";

/** Rates of transformers 5.18 for base rate 1, 3 warm-up steps of 10. */
const goldenRates = {
  linear: [0, 0.333333, 0.666667, 1, 0.857143, 0.714286, 0.571429, 0.428571, 0.285714, 0.142857],
  cosine: [0, 0.333333, 0.666667, 1, 0.950484, 0.811745, 0.61126, 0.38874, 0.188255, 0.049516],
  constant: [0, 0.333333, 0.666667, 1, 1, 1, 1, 1, 1, 1],
} as const;

describe.each(["linear", "cosine", "constant"] as const)("the %s schedule", (kind) => {
  test("has the rates of the reference", () => {
    goldenRates[kind].forEach((rate, step) =>
      expect(scheduleFactor({ kind, warmupSteps: 3, steps: 10 }, step)).toBeCloseTo(rate, 6),
    );
  });
});

test("a step outside the schedule is refused", () => {
  expect(() => scheduleFactor({ kind: "linear", warmupSteps: 0, steps: 5 }, 5)).toThrow(
    "train.step",
  );
});

describe("AdamW", () => {
  test("takes the steps of torch in float64", () => {
    const w = new Map([["w", Float64Array.of(1)]]);
    const state = createAdamState(w);
    const seen = [1, -2, 0.5].map((gradient) => {
      const gradients = new Map([["w", Float64Array.of(gradient)]]);
      stepAdamInPlace(w, gradients, state, { learningRate: 0.1, weightDecay: 0.01 });
      return w.get("w")?.[0];
    });
    const golden = [0.899000001, 0.9347113534710749, 0.9474457083193505]; // torch 2.13
    golden.forEach((value, i) => expect(seen[i]).toBeCloseTo(value, 12));
  });

  test("multiplies the rate of a tensor by its factor", () => {
    const parameters = new Map([
      ["a", Float64Array.of(0)],
      ["b", Float64Array.of(0)],
    ]);
    const gradients = new Map([
      ["a", Float64Array.of(1)],
      ["b", Float64Array.of(1)],
    ]);
    stepAdamInPlace(parameters, gradients, createAdamState(parameters), {
      learningRate: 0.1,
      learningRateFactor: (name) => (name === "b" ? 16 : 1),
    });
    expect(parameters.get("b")?.[0]).toBeCloseTo(16 * (parameters.get("a")?.[0] ?? 0), 12);
  });
});

describe("clipInPlace", () => {
  test("scales a long gradient to the norm and leaves a short one", () => {
    const long = new Map([["w", Float64Array.of(3, 4)]]);
    expect(clipInPlace(long, 1)).toBe(5);
    expect(Math.hypot(...(long.get("w") ?? []))).toBeCloseTo(1, 6);
    const short = new Map([["w", Float64Array.of(0.3, 0.4)]]);
    expect(clipInPlace(short, 1)).toBeCloseTo(0.5, 12);
    expect([...(short.get("w") ?? [])]).toEqual([0.3, 0.4]);
  });
});
