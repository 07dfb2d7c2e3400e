/** Configurations as both generations of transformers write them; made by tools/golden/config_golden.py. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { ModelConfig } from "./model-config.ts";
import { parseModelConfig } from "./parse-config.ts";

const folder = path.resolve(import.meta.dirname, "../../testdata/config");
const read = (name: string): Record<string, unknown> =>
  (
    JSON.parse(readFileSync(path.join(folder, name), "utf8")) as {
      configs: Record<string, unknown>;
    }
  ).configs;
const four = read("transformers-4.json");
const five = read("transformers-5.json");

const common = {
  layers: 2,
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  ffn: 128,
  vocab: 256,
  bosId: 1,
  eosIds: [2],
};

/** What each configuration says, written down by hand. */
const expected: Record<string, Partial<ModelConfig>> = {
  llama: {
    architecture: "llama",
    headDim: 16,
    eps: 1e-5,
    tied: false,
    rope: { theta: 1e4, scaling: { kind: "default" } },
  },
  llama3: {
    architecture: "llama",
    tied: true,
    rope: {
      theta: 5e5,
      scaling: {
        kind: "llama3",
        factor: 32,
        lowFreqFactor: 1,
        highFreqFactor: 4,
        originalMaxPositions: 1024,
      },
    },
  },
  "llama-linear": { rope: { theta: 1e4, scaling: { kind: "linear", factor: 2 } } },
  "llama-dynamic": {
    rope: { theta: 1e4, scaling: { kind: "dynamic", factor: 2, originalMaxPositions: 4096 } },
  },
  qwen2: {
    architecture: "qwen2",
    qkvBias: true,
    outputBias: false,
    tied: true,
    slidingWindow: undefined,
  },
  "qwen2-yarn": {
    rope: {
      theta: 1e6,
      scaling: {
        kind: "yarn",
        factor: 4,
        betaFast: 32,
        betaSlow: 1,
        originalMaxPositions: 1024,
        attentionFactor: 0.1 * Math.log(4) + 1,
        truncate: true,
      },
    },
  },
  qwen3: {
    architecture: "qwen3",
    headDim: 32,
    qkNorm: true,
    qkvBias: false,
    slidingWindow: undefined,
  },
  mistral: { architecture: "mistral", slidingWindow: 1024, qkvBias: false },
};

describe.each(Object.entries(expected))("%s", (name, config) => {
  test("is read the same from either generation", () => {
    expect(parseModelConfig(four[name])).toMatchObject({ ...common, ...config });
    expect(parseModelConfig(five[name])).toEqual(parseModelConfig(four[name]));
  });
});
