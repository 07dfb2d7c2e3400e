import { describe, expect, test } from "vitest";
import type { RopeScaling } from "../config/model-config.ts";
import { ropeFrequencies, ropeTables } from "./rope.ts";

function source(headDim: number, theta: number, scaling: RopeScaling, maxPositions = 8192) {
  return { headDim, maxPositions, rope: { theta, scaling } };
}

/** Asserts float32 frequencies against values printed with 9 digits. */
function expectFrequencies(
  frequencies: Float32Array,
  golden: Readonly<Record<number, number>>,
): void {
  for (const [index, value] of Object.entries(golden)) {
    const actual = frequencies[Number(index)] ?? Number.NaN;
    expect(Math.abs(actual - value) / value, `inv_freq[${index}]`).toBeLessThan(2e-7);
  }
}

describe("rotary frequencies", () => {
  // Golden values: transformers 5.18 modeling_rope_utils.py, printed in float32.
  test("of Llama-3.2-1B keep short waves, divide long ones and blend between", () => {
    const scaling: RopeScaling = {
      kind: "llama3",
      factor: 32,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositions: 8192,
    };
    expectFrequencies(ropeFrequencies(source(64, 5e5, scaling), 16), {
      1: 0.663601279,
      14: 0.00321144611,
      15: 0.00129054801,
      16: 0.000429556705,
      17: 9.70828623e-5,
      18: 1.94616387e-5,
      31: 9.41830649e-8,
    });
  });

  test("of YaRN follow the ramp, and cos and sin carry the attention factor", () => {
    const scaling: RopeScaling = {
      kind: "yarn",
      factor: 4,
      betaFast: 32,
      betaSlow: 1,
      originalMaxPositions: 32768,
      attentionFactor: 0.1 * Math.log(4) + 1,
      truncate: true,
    };
    const yarn = source(64, 1e6, scaling);
    expectFrequencies(ropeFrequencies(yarn, 16), {
      8: 0.0316227786,
      16: 0.000583333371,
      20: 4.44569851e-5,
      31: 3.84981632e-7,
    });
    expect(ropeTables(yarn, 1).cos[0]).toBeCloseTo(1.138629436, 6);
  });

  test("linear scaling divides, written-out factors divide one by one", () => {
    const plain = ropeFrequencies(source(8, 1e4, { kind: "default" }), 4);
    const linear = ropeFrequencies(source(8, 1e4, { kind: "linear", factor: 4 }), 4);
    const factors = ropeFrequencies(source(8, 1e4, { kind: "factors", factors: [1, 2, 4, 8] }), 4);
    plain.forEach((frequency, i) => {
      expect(linear[i]).toBeCloseTo(frequency / 4, 9);
      expect(factors[i]).toBeCloseTo(frequency / 2 ** i, 9);
    });
  });

  test("dynamic scaling stretches theta only beyond the original length", () => {
    const dynamic = source(8, 1e4, { kind: "dynamic", factor: 2, originalMaxPositions: 64 });
    const plain = ropeFrequencies(source(8, 1e4, { kind: "default" }), 4);
    expect(ropeFrequencies(dynamic, 64)).toEqual(plain);
    // theta' = 1e4·(2·128/64 − 1)^(8/6)
    const stretched = 1e4 * 3 ** (8 / 6);
    expect(ropeFrequencies(dynamic, 128)[1]).toBeCloseTo(stretched ** -0.25, 7);
  });

  test("longrope takes the long factors beyond the original length", () => {
    const scaling: RopeScaling = {
      kind: "longrope",
      originalMaxPositions: 16,
      shortFactor: [1, 1],
      longFactor: [1, 10],
      attentionFactor: 1.2,
    };
    const long = source(4, 1e4, scaling);
    expect(ropeFrequencies(long, 16)[1]).toBeCloseTo(0.01, 8);
    expect(ropeFrequencies(long, 17)[1]).toBeCloseTo(0.001, 9);
    expect(() => ropeFrequencies(source(8, 1e4, scaling), 4)).toThrow("expected 4 factors");
  });
});

test("tables hold cos and sin of every position", () => {
  const { cos, sin } = ropeTables(source(4, 100, { kind: "default" }), 3);
  expect(cos[0]).toBe(1);
  expect(sin[5]).toBeCloseTo(Math.sin(2 * 0.1), 6); // position 2, second frequency 100^(-1/2)
});
