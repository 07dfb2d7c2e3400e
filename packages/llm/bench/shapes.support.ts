/** Shapes of real models with random weights, and the simplest adapters, for benchmarks. */
import { open, rename, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRandom, shapeSize } from "@qtune/base";
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

/**
 * Random weights, written to a file once and read by range from then on, as a downloaded model is.
 *
 * Effect: leaves `qtune-bench-weights-<shapes>.bin` in the folder for temporary files.
 */
export async function benchTensors(
  name: ShapeName,
  config: ModelConfig,
): Promise<ReadonlyMap<string, WeightSource>> {
  const file = path.join(tmpdir(), `qtune-bench-weights-${name}.bin`);
  const { tensors, sizeBytes } = layOut(config);
  const known = await stat(file).catch(() => undefined);
  if (known?.size !== sizeBytes) await writeRandom(`${file}.part`, [...tensors.values()]);
  if (known?.size !== sizeBytes) await rename(`${file}.part`, file);
  const handle = await open(file, "r");
  const source = ({ shape, offset }: Placed): WeightSource => {
    const size = shapeSize(shape);
    return {
      shape,
      dtype: "F32",
      range: { path: file, offset, sizeBytes: 4 * size },
      async readFloat32({ elements: { start, end } = { start: 0, end: size } } = {}) {
        const values = new Float32Array(end - start);
        await handle.read(values, 0, values.byteLength, offset + 4 * start);
        return values;
      },
    };
  };
  return new Map([...tensors].map(([tensor, placed]) => [tensor, source(placed)]));
}

interface Placed {
  readonly shape: readonly number[];
  readonly offset: number;
  /** Standard deviation and mean of the values. */
  readonly scale: number;
  readonly center: number;
}

function layOut(config: ModelConfig): { tensors: ReadonlyMap<string, Placed>; sizeBytes: number } {
  const tensors = new Map<string, Placed>();
  let offset = 0;
  const add = (name: string, shape: readonly number[], center = 0): void => {
    const scale = center === 1 ? 0.1 : 1 / Math.sqrt(shape.at(-1) ?? 1);
    tensors.set(name, { shape, offset, scale, center });
    offset += 4 * shapeSize(shape);
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
  return { tensors, sizeBytes: offset };
}

async function writeRandom(file: string, tensors: readonly Placed[]): Promise<void> {
  const handle = await open(file, "w");
  let state = createRandom(1).nextUint32();
  try {
    for (const { shape, offset, scale, center } of tensors) {
      const size = shapeSize(shape);
      for (let start = 0; start < size; start += 1 << 22) {
        const values = new Float32Array(Math.min(1 << 22, size - start));
        for (let k = 0; k < values.length; k++) {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          values[k] = center + scale * (state / 2147483648 - 1) * Math.sqrt(3);
        }
        await handle.write(values, 0, values.byteLength, offset + 4 * start);
      }
    }
  } finally {
    await handle.close();
  }
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
