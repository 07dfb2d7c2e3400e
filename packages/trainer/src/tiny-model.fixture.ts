/** A random decoder of our own with a byte vocabulary: everything a training needs, in milliseconds. For tests. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { createRandom } from "@qtune/base";
import type { WeightSource } from "@qtune/graph";
import type { ModelConfig } from "@qtune/llm";
import type { RunConfigInput } from "./config/run-config.ts";
import { validateRunConfig } from "./config/parse-run-config.ts";
import type { RunConfig } from "./config/run-config.ts";
import type { TrainerModel } from "./model.ts";

const config: ModelConfig = {
  architecture: "llama",
  layers: 2,
  hidden: 16,
  heads: 2,
  kvHeads: 1,
  headDim: 8,
  ffn: 24,
  vocab: 264,
  maxPositions: 512,
  rope: { theta: 10_000, scaling: { kind: "default" } },
  eps: 1e-5,
  tied: true,
  qkvBias: false,
  outputBias: false,
  mlpBias: false,
  qkNorm: false,
  slidingWindow: undefined,
  bosId: 1,
  eosIds: [2],
  padId: 0,
  storedDtype: "float32",
};

/** Creates the model: two layers, 16 wide, with weights from a seed. */
export function createTinyModel(seed = 1): TrainerModel {
  const tensors = new Map<string, WeightSource>();
  const add = (name: string, shape: readonly number[], center = 0): void => {
    const random = createRandom(seed, name);
    const size = shape.reduce((product, dim) => product * dim, 1);
    const scale = center === 0 ? 1 / Math.sqrt(shape.at(-1) ?? 1) : 0.1;
    const values = Float32Array.from({ length: size }, () => center + scale * random.nextNormal());
    const readFloat32: WeightSource["readFloat32"] = async (options) =>
      values.slice(options?.elements?.start ?? 0, options?.elements?.end ?? size);
    tensors.set(name, { shape, dtype: "F32", readFloat32 });
  };
  const { hidden, heads, kvHeads, headDim, ffn, vocab } = config;
  add("model.embed_tokens.weight", [vocab, hidden]);
  add("model.norm.weight", [hidden], 1);
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `model.layers.${layer}`;
    add(`${at}.self_attn.q_proj.weight`, [heads * headDim, hidden]);
    add(`${at}.self_attn.k_proj.weight`, [kvHeads * headDim, hidden]);
    add(`${at}.self_attn.v_proj.weight`, [kvHeads * headDim, hidden]);
    add(`${at}.self_attn.o_proj.weight`, [hidden, heads * headDim]);
    add(`${at}.mlp.gate_proj.weight`, [ffn, hidden]);
    add(`${at}.mlp.up_proj.weight`, [ffn, hidden]);
    add(`${at}.mlp.down_proj.weight`, [hidden, ffn]);
    add(`${at}.input_layernorm.weight`, [hidden], 1);
    add(`${at}.post_attention_layernorm.weight`, [hidden], 1);
  }
  return { config, tensors: { tensors }, identity: { source: "tiny", sha256: `seed-${seed}` } };
}

/** Tensor network that fits 16 wide layers. */
export const tinyNetwork = { bottleneck: [2, 2, 2], ranks: [1, 2, 2, 1] };

/** Writes a data file of short sums, so that a step takes milliseconds, and returns its path. */
export function writeTinyData(directory: string): string {
  const random = createRandom(5);
  const lines = Array.from({ length: 40 }, () => {
    const [a, b] = [random.nextBelow(10), random.nextBelow(10)];
    return JSON.stringify({ prompt: `${a}+${b}`, completion: String(a + b) });
  });
  const file = path.join(directory, "tiny.jsonl");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

/** A run on the tiny model: 4 examples a step of the given file. */
export function tinyRun(changes: {
  readonly source: string;
  readonly adapter: RunConfigInput["adapter"];
  readonly train?: RunConfigInput["train"];
  readonly data?: RunConfigInput["data"];
  readonly eval?: RunConfigInput["eval"];
  readonly executor?: RunConfigInput["executor"];
}): RunConfig {
  return validateRunConfig({
    model: "tiny",
    adapter: changes.adapter,
    data: { source: changes.source, validation: 4, ...changes.data },
    train: {
      steps: 6,
      batchExamples: 4,
      lr: 0.01,
      warmupSteps: 1,
      microBatchTokens: 64,
      threads: 1,
      ...changes.train,
    },
    eval: changes.eval ?? {},
    executor: changes.executor ?? {},
  });
}
