import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { argmax, assertSampling, likeliest, penaliseInPlace, sampleToken } from "./sampler.ts";

/** Logits of a known distribution. */
const probabilities = [0.5, 0.25, 0.15, 0.1];
const logits = Float32Array.from(probabilities, Math.log);

function frequencies(options: Parameters<typeof sampleToken>[1], draws = 4000): number[] {
  const random = createRandom(9);
  const counts = [0, 0, 0, 0];
  for (let k = 0; k < draws; k++) {
    const id = sampleToken(logits, options, random);
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

describe("sampling", () => {
  // 4,000 draws: five standard deviations of a frequency are at most 0.04.
  test("draws by probability at temperature 1", () => {
    frequencies({ temperature: 1 }).forEach((share, id) =>
      expect(Math.abs(share - (probabilities[id] ?? 0))).toBeLessThan(0.04),
    );
  });

  test("squares the odds at temperature 1/2", () => {
    const squares = probabilities.map((p) => p * p);
    const total = squares.reduce((sum, p) => sum + p, 0);
    frequencies({ temperature: 0.5 }).forEach((share, id) =>
      expect(Math.abs(share - (squares[id] ?? 0) / total)).toBeLessThan(0.04),
    );
  });

  test("keeps the k likeliest, the nucleus, and what is not far below the likeliest", () => {
    const kept = (options: Parameters<typeof sampleToken>[1]): number[] =>
      frequencies({ temperature: 1, ...options }).flatMap((share, id) => (share > 0 ? [id] : []));
    expect(kept({ topK: 2 })).toEqual([0, 1]);
    expect(kept({ topP: 0.75 })).toEqual([0, 1]);
    expect(kept({ topP: 0.76 })).toEqual([0, 1, 2]);
    expect(kept({ minP: 0.25 })).toEqual([0, 1, 2]);
    expect(kept({ topP: 0.01 })).toEqual([0]);
  });

  test("refuses settings outside their range, naming them", () => {
    expect(() => assertSampling({ topP: 0 })).toThrow(
      "generate.topP: expected above 0 and at most 1 but was given 0",
    );
    expect(() => assertSampling({ temperature: -1 })).toThrow("generate.temperature");
    expect(() => assertSampling({ topK: 0.5 })).toThrow("generate.topK");
  });
});

test("argmax takes the first of equals", () => {
  expect(argmax(Float32Array.of(1, 3, 3))).toBe(1);
});

test("the likeliest tokens come with their log-probabilities", () => {
  const top = likeliest(logits, 2);
  expect(top.map(({ id }) => id)).toEqual([0, 1]);
  expect(top[1]?.logProbability).toBeCloseTo(Math.log(0.25), 6);
});

test("a repetition penalty divides positive and multiplies negative logits, once per id", () => {
  const scores = Float32Array.of(2, -2, 2);
  penaliseInPlace(scores, [0, 1, 0], 2);
  expect([...scores]).toEqual([1, -4, 2]);
});
