/** The weights a model has: names of Hugging Face, names of GGUF, shapes. One table for reading, checking and writing. */
import type { ModelConfig } from "./model-config.ts";

/** One weight of a model, or of each layer of it. */
export interface WeightRow {
  /** Hugging Face name; `{i}` stands for the layer. */
  readonly hf: string;
  /** GGUF name; `{i}` stands for the layer. */
  readonly gguf: string;
  /** Shapes: `[out, in]` for matrices, `[width]` for vectors. */
  readonly shape: (config: ModelConfig) => readonly number[];
  /** Whether a model has it. */
  readonly isIn: (config: ModelConfig) => boolean;
  /** Rows that llama files in GGUF store in another order: those of the query or key heads. */
  readonly rotatedHeads?: (config: ModelConfig) => number;
}

const always = (): boolean => true;
const query = (c: ModelConfig): number => c.heads * c.headDim;
const keyValue = (c: ModelConfig): number => c.kvHeads * c.headDim;

/** Every weight once, in the order of the computation. */
export const weightTable: readonly WeightRow[] = [
  {
    hf: "model.embed_tokens.weight",
    gguf: "token_embd.weight",
    shape: (c) => [c.vocab, c.hidden],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.input_layernorm.weight",
    gguf: "blk.{i}.attn_norm.weight",
    shape: (c) => [c.hidden],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.self_attn.q_proj.weight",
    gguf: "blk.{i}.attn_q.weight",
    shape: (c) => [query(c), c.hidden],
    isIn: always,
    rotatedHeads: (c) => c.heads,
  },
  {
    hf: "model.layers.{i}.self_attn.q_proj.bias",
    gguf: "blk.{i}.attn_q.bias",
    shape: (c) => [query(c)],
    isIn: (c) => c.qkvBias,
    rotatedHeads: (c) => c.heads,
  },
  {
    hf: "model.layers.{i}.self_attn.k_proj.weight",
    gguf: "blk.{i}.attn_k.weight",
    shape: (c) => [keyValue(c), c.hidden],
    isIn: always,
    rotatedHeads: (c) => c.kvHeads,
  },
  {
    hf: "model.layers.{i}.self_attn.k_proj.bias",
    gguf: "blk.{i}.attn_k.bias",
    shape: (c) => [keyValue(c)],
    isIn: (c) => c.qkvBias,
    rotatedHeads: (c) => c.kvHeads,
  },
  {
    hf: "model.layers.{i}.self_attn.v_proj.weight",
    gguf: "blk.{i}.attn_v.weight",
    shape: (c) => [keyValue(c), c.hidden],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.self_attn.v_proj.bias",
    gguf: "blk.{i}.attn_v.bias",
    shape: (c) => [keyValue(c)],
    isIn: (c) => c.qkvBias,
  },
  {
    hf: "model.layers.{i}.self_attn.q_norm.weight",
    gguf: "blk.{i}.attn_q_norm.weight",
    shape: (c) => [c.headDim],
    isIn: (c) => c.qkNorm,
  },
  {
    hf: "model.layers.{i}.self_attn.k_norm.weight",
    gguf: "blk.{i}.attn_k_norm.weight",
    shape: (c) => [c.headDim],
    isIn: (c) => c.qkNorm,
  },
  {
    hf: "model.layers.{i}.self_attn.o_proj.weight",
    gguf: "blk.{i}.attn_output.weight",
    shape: (c) => [c.hidden, query(c)],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.self_attn.o_proj.bias",
    gguf: "blk.{i}.attn_output.bias",
    shape: (c) => [c.hidden],
    isIn: (c) => c.outputBias,
  },
  {
    hf: "model.layers.{i}.post_attention_layernorm.weight",
    gguf: "blk.{i}.ffn_norm.weight",
    shape: (c) => [c.hidden],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.mlp.gate_proj.weight",
    gguf: "blk.{i}.ffn_gate.weight",
    shape: (c) => [c.ffn, c.hidden],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.mlp.gate_proj.bias",
    gguf: "blk.{i}.ffn_gate.bias",
    shape: (c) => [c.ffn],
    isIn: (c) => c.mlpBias,
  },
  {
    hf: "model.layers.{i}.mlp.up_proj.weight",
    gguf: "blk.{i}.ffn_up.weight",
    shape: (c) => [c.ffn, c.hidden],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.mlp.up_proj.bias",
    gguf: "blk.{i}.ffn_up.bias",
    shape: (c) => [c.ffn],
    isIn: (c) => c.mlpBias,
  },
  {
    hf: "model.layers.{i}.mlp.down_proj.weight",
    gguf: "blk.{i}.ffn_down.weight",
    shape: (c) => [c.hidden, c.ffn],
    isIn: always,
  },
  {
    hf: "model.layers.{i}.mlp.down_proj.bias",
    gguf: "blk.{i}.ffn_down.bias",
    shape: (c) => [c.hidden],
    isIn: (c) => c.mlpBias,
  },
  { hf: "model.norm.weight", gguf: "output_norm.weight", shape: (c) => [c.hidden], isIn: always },
  {
    hf: "lm_head.weight",
    gguf: "output.weight",
    shape: (c) => [c.vocab, c.hidden],
    isIn: (c) => !c.tied,
  },
];

/** A weight of one model. */
export interface WeightPlace {
  readonly hf: string;
  readonly gguf: string;
  readonly shape: readonly number[];
  /** Heads whose rows a llama file in GGUF stores in another order; 0 for none. */
  readonly rotatedHeads: number;
}

/** Lists every weight of a model, layer by layer. Effect: pure. */
export function listWeights(config: ModelConfig): WeightPlace[] {
  const rows = weightTable.filter((row) => row.isIn(config));
  const first = rows.findIndex((row) => row.hf.includes("{i}"));
  const last = rows.findLastIndex((row) => row.hf.includes("{i}"));
  const isRotated = config.architecture === "llama" || config.architecture === "mistral";
  const place = (row: WeightRow, layer: number): WeightPlace => ({
    hf: row.hf.replace("{i}", `${layer}`),
    gguf: row.gguf.replace("{i}", `${layer}`),
    shape: row.shape(config),
    rotatedHeads: isRotated ? (row.rotatedHeads?.(config) ?? 0) : 0,
  });
  const places = rows.slice(0, first).map((row) => place(row, 0));
  for (let layer = 0; layer < config.layers; layer++) {
    places.push(...rows.slice(first, last + 1).map((row) => place(row, layer)));
  }
  return [...places, ...rows.slice(last + 1).map((row) => place(row, 0))];
}
