import { describe, expect, test } from "vitest";
import {
  assertGenerationMemory,
  assertMemory,
  estimateDecoderMemory,
  estimateGenerationMemory,
  type MemoryQuestion,
} from "./memory.ts";
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
    [618, { tokens: 1536, longest: 192, labelled: 464, recompute: "layers" as const }],
  ])("is within a fifth of the %i MB that were measured", (measuredMb, changes) => {
    const { totalBytes } = estimateDecoderMemory({ ...question, ...changes });
    expect(Math.abs(totalBytes / (measuredMb * 1e6) - 1)).toBeLessThan(0.2);
  });

  test("counts frozen matrices once, in few bits for each direction and packed where the integer kernel is used", () => {
    const matrices = 8 * (512 * 64 * 20 + 3 * 512 * 1408);
    const head = 4 * 6400 * 512;
    const widest = 4 * 512 * 1408;
    const weightBytes = (changes: Partial<MemoryQuestion>): number =>
      estimateDecoderMemory({ ...question, ...changes }).weightBytes;
    expect(weightBytes({})).toBe(4 * matrices + head);
    expect(weightBytes({ baseWeights: "float16" })).toBe(2 * matrices + head + 2 * widest);
    const widened = { baseWeights: "int4", quantisedKernel: "widened" } as const;
    expect(weightBytes(widened)).toBe(0.625 * matrices + head + 2 * widest);
    const integer = { ...widened, quantisedKernel: "integer" } as const;
    expect(weightBytes(integer)).toBe(4 * 0.625 * matrices + head);
    expect(weightBytes({ ...integer, isTraining: false })).toBe(2 * 0.625 * matrices + head);
  });

  test("too large for the machine is refused with the figures and ways out", () => {
    expect(() => assertMemory(question, 1e8)).toThrow(
      /needs about 0\.\d GB .* but 0\.1 GB are free; use fewer tokens .* again in the reverse pass, .* int8 or int4, or take a smaller model/,
    );
    expect(assertMemory(question, 1e12)).toEqual(estimateDecoderMemory(question));
  });
});

describe("predicted memory of generation", () => {
  const smollm2 = tinyConfig({
    layers: 30,
    hidden: 576,
    heads: 9,
    kvHeads: 3,
    headDim: 64,
    ffn: 1536,
    vocab: 49_152,
    maxPositions: 2048,
  });
  const one = { config: smollm2, rows: 1, promptTokens: 256, longest: 272 };
  // VmHWM of a process that opens the model and generates, in megabytes.
  test.each([
    [360, { config: small, longest: 320 }],
    [727, { config: small, rows: 64, promptTokens: 128, longest: 160 }],
    [934, {}],
    [1210, { promptTokens: 2000, longest: 2008 }],
    [1229, { baseWeights: "float16" as const }],
    [489, { baseWeights: "int8" as const }],
    [440, { baseWeights: "int4" as const }],
  ])("is within a quarter of the %i MB that were measured", (measuredMb, changes) => {
    const { totalBytes } = estimateGenerationMemory({ ...one, ...changes });
    expect(Math.abs(totalBytes / (measuredMb * 1e6) - 1)).toBeLessThan(0.25);
  });

  test("counts no more rows than the cache may hold, and long prompts by their pieces", () => {
    const longest = 2048;
    const bytesOf = (changes: object) =>
      estimateGenerationMemory({ ...one, longest, promptTokens: longest, ...changes });
    expect(bytesOf({ rows: 256 }).cacheBytes).toBe(bytesOf({ rows: 11 }).cacheBytes);
    expect(bytesOf({ rows: 11 }).cacheBytes).toBeLessThanOrEqual(2 * 2 ** 30);
    expect(bytesOf({ pieceTokens: 512 }).workspaceBytes).toBeLessThan(
      bytesOf({}).workspaceBytes / 3,
    );
  });

  test("too large for the machine is refused with the figures and three ways out", () => {
    const many = { ...one, rows: 16, longest: 2048 };
    expect(() => assertGenerationMemory(many, 1e9)).toThrow(
      /needs about \d\.\d GB \(weights 0\.7 GB, keys and values .* but 1\.0 GB are free; keep the base weights in int8 or int4, allow shorter texts than 2048 tokens or fewer than 16 at once, or take a smaller model/,
    );
    expect(() => assertGenerationMemory({ ...many, baseWeights: "int4" }, 1e8)).toThrow(
      /free; allow shorter texts .*, take a smaller model, or free memory that other programs hold/,
    );
    expect(assertGenerationMemory(one, 1e12)).toEqual(estimateGenerationMemory(one));
  });
});
