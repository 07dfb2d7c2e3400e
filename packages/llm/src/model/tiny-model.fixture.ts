/** A random model of our own, small enough to differentiate numerically. For tests. */
import { createRandom } from "@qtune/base";
import type { WeightSource } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";
import type { OnLinear } from "./on-linear.ts";

/** Configuration of the tiny model; fields may be set differently. */
export function tinyConfig(changes: Partial<ModelConfig> = {}): ModelConfig {
  return {
    architecture: "llama",
    layers: 2,
    hidden: 16,
    heads: 4,
    kvHeads: 2,
    headDim: 4,
    ffn: 24,
    vocab: 32,
    maxPositions: 64,
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
    ...changes,
  };
}

/** Random weights of a configuration under their Hugging Face names. */
export function tinyTensors(config: ModelConfig, seed = 1): ReadonlyMap<string, WeightSource> {
  const tensors = new Map<string, WeightSource>();
  const add = (name: string, shape: readonly number[], center = 0): void => {
    const random = createRandom(seed, name);
    const size = shape.reduce((product, dim) => product * dim, 1);
    const scale = center === 0 ? 1 / Math.sqrt(shape.at(-1) ?? 1) : 0.2;
    const values = Float32Array.from({ length: size }, () => center + scale * random.nextNormal());
    const readFloat32: WeightSource["readFloat32"] = async (options) =>
      values.slice(options?.elements?.start ?? 0, options?.elements?.end ?? size);
    tensors.set(name, { shape, dtype: "F32", readFloat32 });
  };
  const { hidden, heads, kvHeads, headDim, ffn, vocab } = config;
  add("model.embed_tokens.weight", [vocab, hidden]);
  add("model.norm.weight", [hidden], 1);
  if (!config.tied) add("lm_head.weight", [vocab, hidden]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const sizes = { q_proj: heads * headDim, k_proj: kvHeads * headDim, v_proj: kvHeads * headDim };
    for (const [name, size] of Object.entries(sizes)) {
      add(`${prefix}.self_attn.${name}.weight`, [size, hidden]);
      if (config.qkvBias) add(`${prefix}.self_attn.${name}.bias`, [size]);
    }
    add(`${prefix}.self_attn.o_proj.weight`, [hidden, heads * headDim]);
    add(`${prefix}.mlp.gate_proj.weight`, [ffn, hidden]);
    add(`${prefix}.mlp.up_proj.weight`, [ffn, hidden]);
    add(`${prefix}.mlp.down_proj.weight`, [hidden, ffn]);
    add(`${prefix}.input_layernorm.weight`, [hidden], 1);
    add(`${prefix}.post_attention_layernorm.weight`, [hidden], 1);
    if (config.qkNorm) {
      add(`${prefix}.self_attn.q_norm.weight`, [headDim], 1);
      add(`${prefix}.self_attn.k_norm.weight`, [headDim], 1);
    }
  }
  return tensors;
}

/** Adds low-rank updates `y + B(A x)` to the named modules: the simplest adapter. */
export function lowRank(modules: readonly string[], rank = 2, scale = 1): OnLinear {
  return ({ graph, module, path, x, y, inFeatures, outFeatures }) => {
    if (!modules.includes(module)) return y;
    const a = graph.parameter(`${path}.lora_A.weight`, [rank, inFeatures]);
    const b = graph.parameter(`${path}.lora_B.weight`, [outFeatures, rank]);
    return graph.add(y, graph.multiply(graph.linear(graph.linear(x, a), b), scale));
  };
}
