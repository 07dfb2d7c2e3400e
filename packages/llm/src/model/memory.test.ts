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
  // bench/training-step.bench.ts minimind2, r 8, 30% labelled, float32: VmHWM in megabytes.
  test.each([
    [508, {}],
    [1104, { tokens: 1536, longest: 192, labelled: 464 }],
    [618, { tokens: 1536, longest: 192, labelled: 464, isCheckpointed: true }],
  ])("is within a fifth of the %i MB that were measured", (measuredMb, changes) => {
    const { totalBytes } = estimateDecoderMemory({ ...question, ...changes });
    expect(Math.abs(totalBytes / (measuredMb * 1e6) - 1)).toBeLessThan(0.2);
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

  test("too large for the machine is refused with the figures and ways out", () => {
    expect(() => assertMemory(question, 1e8)).toThrow(
      /needs about 0\.\d GB .* but 0\.1 GB are free; use fewer tokens .* again in the reverse pass, .* int8 or int4, or take a smaller model/,
    );
    expect(assertMemory(question, 1e12)).toEqual(estimateDecoderMemory(question));
  });
});
