/** Shapes of real models with random weights, and the simplest adapters, for benchmarks. */
import { createRandom } from "@qtune/base";
import type { HostHandler, WeightSource } from "@qtune/graph";
import type { ModelConfig, OnLinear } from "@qtune/llm";

/** Layers and widths by name. */
export const shapes = {
  minimind2: { layers: 8, hidden: 512, heads: 8, kvHeads: 2, headDim: 64, ffn: 1408, vocab: 6400 },
  smollm2: { layers: 30, hidden: 576, heads: 9, kvHeads: 3, headDim: 64, ffn: 1536, vocab: 49152 },
  llama1b: {
    layers: 16,
    hidden: 2048,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    ffn: 8192,
    vocab: 128256,
  },
};

/** Name of a model whose shapes are known. */
export type ShapeName = keyof typeof shapes;

/** Returns the configuration of a model by its shapes. */
export function benchConfig(name: ShapeName): ModelConfig {
  return {
    ...shapes[name],
    architecture: "llama",
    maxPositions: 8192,
    rope: { theta: 1e5, scaling: { kind: "default" } },
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
}

/** Random weights that are made when read. */
export function benchTensors(config: ModelConfig): ReadonlyMap<string, WeightSource> {
  const tensors = new Map<string, WeightSource>();
  const add = (name: string, shape: readonly number[], center = 0): void => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const scale = center === 1 ? 0.1 : 1 / Math.sqrt(shape.at(-1) ?? 1);
    const readFloat32: WeightSource["readFloat32"] = async ({ elements } = {}) => {
      const random = createRandom(1, name, elements?.start ?? 0);
      let state = random.nextUint32();
      return Float32Array.from({ length: (elements?.end ?? size) - (elements?.start ?? 0) }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return center + scale * (state / 2147483648 - 1) * 1.7;
      });
    };
    tensors.set(name, { shape, readFloat32 });
  };
  const { hidden, heads, kvHeads, headDim, ffn, vocab } = config;
  add("model.embed_tokens.weight", [vocab, hidden]);
  add("model.norm.weight", [hidden], 1);
  for (let layer = 0; layer < config.layers; layer++) {
    const p = `model.layers.${layer}`;
    add(`${p}.self_attn.q_proj.weight`, [heads * headDim, hidden]);
    add(`${p}.self_attn.k_proj.weight`, [kvHeads * headDim, hidden]);
    add(`${p}.self_attn.v_proj.weight`, [kvHeads * headDim, hidden]);
    add(`${p}.self_attn.o_proj.weight`, [hidden, heads * headDim]);
    add(`${p}.mlp.gate_proj.weight`, [ffn, hidden]);
    add(`${p}.mlp.up_proj.weight`, [ffn, hidden]);
    add(`${p}.mlp.down_proj.weight`, [hidden, ffn]);
    add(`${p}.input_layernorm.weight`, [hidden], 1);
    add(`${p}.post_attention_layernorm.weight`, [hidden], 1);
  }
  return tensors;
}

/** Adds LoRA to q_proj and v_proj and notes the sizes of its parameters. */
export function benchLora(rank: number, sizes: Map<string, number>): OnLinear {
  return ({ graph, module, path, x, y, inFeatures, outFeatures }) => {
    if (module !== "q_proj" && module !== "v_proj") return y;
    const a = graph.parameter(`${path}.lora_A.weight`, [rank, inFeatures]);
    const b = graph.parameter(`${path}.lora_B.weight`, [outFeatures, rank]);
    sizes.set(a.name, rank * inFeatures).set(b.name, rank * outFeatures);
    return graph.add(y, graph.multiply(graph.linear(graph.linear(x, a), b), 2));
  };
}

/** Adapters with a host operation between the two factors, computed at no cost: what the cuts alone cost. */
export function benchHost(rank: number, sizes: Map<string, number>): OnLinear {
  return ({ graph, module, path, x, y, inFeatures, outFeatures }) => {
    if (module !== "q_proj" && module !== "v_proj") return y;
    const a = graph.parameter(`${path}.lora_A.weight`, [rank, inFeatures]);
    const b = graph.parameter(`${path}.lora_B.weight`, [outFeatures, rank]);
    const theta = graph.parameter(`${path}.theta`, [4 * rank]);
    sizes
      .set(a.name, rank * inFeatures)
      .set(b.name, rank * outFeatures)
      .set(theta.name, 4 * rank);
    const h = graph.linear(x, a);
    const [q = h] = graph.hostOperation({ kind: "circuit", inputs: [h, theta], outputs: [h] });
    return graph.add(y, graph.multiply(graph.linear(graph.add(h, q), b), 2));
  };
}

/** Host operations that return at once. */
export const freeCircuits: Record<string, HostHandler> = {
  circuit: async (calls) => calls.map(({ inputs: [h] }) => (h === undefined ? [] : [h])),
  "circuit.vjp": async (calls) =>
    calls.map(({ inputs: [, theta, dq] }) =>
      theta === undefined || dq === undefined ? [] : [dq, theta],
    ),
};
