/** Writes a ModelConfig as `config.json`, for models that came without one (GGUF). The keys are read by transformers 4 and 5. */
import type { ModelConfig, RopeScaling } from "../config/model-config.ts";

const classes = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
} as const;

/** Returns the content of `config.json`. Effect: pure. */
export function toHfConfig(config: ModelConfig): Record<string, unknown> {
  const { architecture, eosIds } = config;
  return {
    architectures: [classes[architecture]],
    model_type: architecture,
    hidden_act: "silu",
    hidden_size: config.hidden,
    intermediate_size: config.ffn,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    vocab_size: config.vocab,
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.eps,
    rope_theta: config.rope.theta,
    rope_scaling: toHfScaling(config.rope.scaling),
    tie_word_embeddings: config.tied,
    ...(architecture === "qwen2" ? {} : { attention_bias: config.qkvBias }),
    mlp_bias: config.mlpBias,
    ...(config.slidingWindow === undefined
      ? {}
      : { sliding_window: config.slidingWindow, use_sliding_window: true }),
    bos_token_id: config.bosId ?? null,
    eos_token_id: eosIds.length > 1 ? eosIds : (eosIds[0] ?? null),
    pad_token_id: config.padId ?? null,
  };
}

function toHfScaling(scaling: RopeScaling): Record<string, unknown> | null {
  switch (scaling.kind) {
    case "default":
      return null;
    case "linear":
      return { rope_type: "linear", factor: scaling.factor };
    case "dynamic":
      return { rope_type: "dynamic", factor: scaling.factor };
    case "llama3":
      return {
        rope_type: "llama3",
        factor: scaling.factor,
        low_freq_factor: scaling.lowFreqFactor,
        high_freq_factor: scaling.highFreqFactor,
        original_max_position_embeddings: scaling.originalMaxPositions,
      };
    case "yarn":
      return {
        rope_type: "yarn",
        factor: scaling.factor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        original_max_position_embeddings: scaling.originalMaxPositions,
        attention_factor: scaling.attentionFactor,
        truncate: scaling.truncate,
      };
    case "longrope":
      return {
        rope_type: "longrope",
        short_factor: scaling.shortFactor,
        long_factor: scaling.longFactor,
        original_max_position_embeddings: scaling.originalMaxPositions,
        attention_factor: scaling.attentionFactor,
      };
    case "factors":
      // The same divisors at every length: what longrope does with two equal lists and no change of cos and sin.
      return {
        rope_type: "longrope",
        short_factor: scaling.factors,
        long_factor: scaling.factors,
        original_max_position_embeddings: 1,
        attention_factor: 1,
      };
    default:
      return scaling satisfies never;
  }
}
