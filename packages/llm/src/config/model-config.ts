/**
 * What the engine needs to know of a decoder model, whatever file it was read from: `config.json` of both generations
 * (parse-config.ts) and the metadata of a GGUF file (gguf-config.ts) give the same value.
 */

/** Most layers of a model: ten times those of the deepest there are, and few enough to list their weights. */
export const maxLayers = 1024;

/** Families the engine runs. `llama` covers Llama 2 and 3.x, TinyLlama, SmolLM2 and MiniMind2. */
export type Architecture = "llama" | "mistral" | "qwen2" | "qwen3";

/**
 * How the rotary frequencies `inv_freq_i = theta^(-2i/headDim)` are scaled; formulas in the `rope` table of the model.
 * Every default of the format is filled in, so that no reader needs another.
 */
export type RopeScaling =
  | { readonly kind: "default" }
  | { readonly kind: "linear"; readonly factor: number }
  | { readonly kind: "dynamic"; readonly factor: number; readonly originalMaxPositions: number }
  | {
      readonly kind: "llama3";
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  | {
      readonly kind: "yarn";
      readonly factor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly originalMaxPositions: number;
      /** Multiplies cos and sin; `0.1·ln(factor) + 1` where the file names none. */
      readonly attentionFactor: number;
      /** Whether the ends of the ramp are rounded to whole dimensions. */
      readonly truncate: boolean;
    }
  | {
      readonly kind: "longrope";
      readonly originalMaxPositions: number;
      /** Divisors of the frequencies up to the original length. Shapes: [headDim / 2]. */
      readonly shortFactor: readonly number[];
      /** Divisors beyond the original length. Shapes: [headDim / 2]. */
      readonly longFactor: readonly number[];
      /** Multiplies cos and sin. */
      readonly attentionFactor: number;
    }
  /** Divisors written out, as a GGUF file stores llama3 scaling (`rope_freqs.weight`). Shapes: [headDim / 2]. */
  | { readonly kind: "factors"; readonly factors: readonly number[] };

/** Rotary position embedding. */
export interface RopeConfig {
  readonly theta: number;
  readonly scaling: RopeScaling;
}

/** A decoder model. Sizes count elements; token ids index the vocabulary. */
export interface ModelConfig {
  readonly architecture: Architecture;
  readonly layers: number;
  readonly hidden: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads; divides `heads`. */
  readonly kvHeads: number;
  /** Width of one head; need not be hidden / heads. */
  readonly headDim: number;
  /** Inner width of the gated MLP. */
  readonly ffn: number;
  /** Rows of the embedding, padding included; the tokenizer may know fewer ids. */
  readonly vocab: number;
  /** Longest sequence, in tokens. */
  readonly maxPositions: number;
  readonly rope: RopeConfig;
  /** Added to the mean square in RMSNorm. */
  readonly eps: number;
  /** Whether the output head is the embedding. */
  readonly tied: boolean;
  /** Whether q_proj, k_proj and v_proj have a bias. */
  readonly qkvBias: boolean;
  /** Whether o_proj has a bias. */
  readonly outputBias: boolean;
  /** Whether gate_proj, up_proj and down_proj have a bias. */
  readonly mlpBias: boolean;
  /** Whether q and k pass RMSNorm per head before RoPE (Qwen3). */
  readonly qkNorm: boolean;
  /** Attention reaches this many tokens back; absent: all. */
  readonly slidingWindow: number | undefined;
  /** First token of a text, where the model has one. */
  readonly bosId: number | undefined;
  /** Tokens that end a text or a turn; the first is the one to write. */
  readonly eosIds: readonly number[];
  readonly padId: number | undefined;
  /** Type of the weights as published: `float32`, `float16`, `bfloat16`, or a GGUF type. */
  readonly storedDtype: string | undefined;
}
