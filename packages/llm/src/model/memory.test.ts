import { describe, expect, test } from "vitest";
import { assertMemory, estimateDecoderMemory } from "./memory.ts";
import { tinyConfig } from "./tiny-model.fixture.ts";

const small = tinyConfig({
  layers: 8,
  hidden: 512,
  heads: 8,
  kvHeads: 2,
  headDim: 64,
  ffn: 1408,
  vocab: 6400,
});
const question = { config: small, isTraining: true, tokens: 512, longest: 64, labelled: 152 };

describe("predicted memory", () => {
  test("of a small model is within a quarter of the peak that was measured", () => {
    // bench/training-step.ts minimind2 8x64 8 0.3, float32: VmHWM 508 MB.
    const { totalBytes } = estimateDecoderMemory(question);
    expect(Math.abs(totalBytes / 508e6 - 1)).toBeLessThan(0.25);
  });

  test("counts frozen weights once in float32, and once per direction in few bits", () => {
    const parameters = 8 * (512 * 64 * 20 + 3 * 512 * 1408);
    const head = 6400 * 512;
    expect(estimateDecoderMemory(question).weightBytes).toBe(4 * (parameters + head));
    const int4 = { ...question, baseWeights: "int4" } as const;
    expect(estimateDecoderMemory(int4).weightBytes).toBe(
      2 * 0.625 * (parameters + head) + 4 * head,
    );
    expect(estimateDecoderMemory({ ...int4, isTraining: false }).weightBytes).toBe(
      0.625 * (parameters + head) + 4 * head,
    );
  });

  test("too large for the machine is refused with the figures and three ways out", () => {
    expect(() => assertMemory(question, 1e8)).toThrow(
      /needs about 0\.\d GB .* but 0\.1 GB are free; use fewer tokens .* int8 or int4, or take a smaller model/,
    );
    expect(assertMemory(question, 1e12)).toEqual(estimateDecoderMemory(question));
  });
});
