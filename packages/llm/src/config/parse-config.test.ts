import { describe, expect, test } from "vitest";
import { parseModelConfig } from "./parse-config.ts";

const llama = {
  model_type: "llama",
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 5,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  vocab_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
};

describe("parseModelConfig", () => {
  test("reads a file of transformers 4", () => {
    const config = parseModelConfig({
      ...llama,
      rope_theta: 5e5,
      rope_scaling: {
        rope_type: "llama3",
        factor: 32,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      },
      tie_word_embeddings: true,
      torch_dtype: "bfloat16",
      bos_token_id: 1,
      eos_token_id: [2, 3],
    });
    expect(config).toEqual({
      architecture: "llama",
      layers: 5,
      hidden: 64,
      heads: 8,
      kvHeads: 4,
      headDim: 8,
      ffn: 172,
      vocab: 512,
      maxPositions: 512,
      rope: {
        theta: 5e5,
        scaling: {
          kind: "llama3",
          factor: 32,
          lowFreqFactor: 1,
          highFreqFactor: 4,
          originalMaxPositions: 8192,
        },
      },
      eps: 1e-5,
      tied: true,
      qkvBias: false,
      outputBias: false,
      mlpBias: false,
      qkNorm: false,
      slidingWindow: undefined,
      bosId: 1,
      eosIds: [2, 3],
      padId: undefined,
      storedDtype: "bfloat16",
    });
  });

  test("reads a file of transformers 5", () => {
    const config = parseModelConfig({
      ...llama,
      model_type: "qwen3",
      dtype: "float16",
      rope_parameters: { rope_theta: 1e6, rope_type: "default" },
      layer_types: ["full_attention"],
    });
    expect(config).toMatchObject({
      architecture: "qwen3",
      qkNorm: true,
      headDim: 128,
      rope: { theta: 1e6, scaling: { kind: "default" } },
      storedDtype: "float16",
      slidingWindow: undefined,
    });
  });

  test("knows the biases of each family", () => {
    const biases = (model_type: string, attention_bias = false): boolean[] => {
      const config = parseModelConfig({ ...llama, model_type, attention_bias });
      return [config.qkvBias, config.outputBias];
    };
    expect(biases("llama")).toEqual([false, false]);
    expect(biases("llama", true)).toEqual([true, true]);
    expect(biases("qwen2")).toEqual([true, false]);
    expect(biases("qwen3")).toEqual([false, false]);
  });

  test("lets the generation config decide the token ids", () => {
    const generationConfig = { eos_token_id: [4, 5], pad_token_id: 0 };
    const config = parseModelConfig({ ...llama, eos_token_id: 2 }, { generationConfig });
    expect(config.eosIds).toEqual([4, 5]);
    expect(config.padId).toBe(0);
  });

  test("takes a window where the family or a layer asks for one", () => {
    const windowOf = (more: object): number | undefined =>
      parseModelConfig({ ...llama, sliding_window: 4096, ...more }).slidingWindow;
    expect(windowOf({ model_type: "qwen2", use_sliding_window: false })).toBeUndefined();
    expect(windowOf({ model_type: "qwen2", use_sliding_window: true })).toBe(4096);
    expect(windowOf({ model_type: "mistral" })).toBe(4096);
    expect(windowOf({ model_type: "mistral", sliding_window: null })).toBeUndefined();
  });

  test("fills in what yarn and longrope leave out, as transformers does", () => {
    const scalingOf = (rope_scaling: object): unknown =>
      parseModelConfig({ ...llama, max_position_embeddings: 131_072, rope_scaling }).rope.scaling;
    const yarn = { type: "yarn", factor: 4, original_max_position_embeddings: 32_768 };
    expect(scalingOf(yarn)).toMatchObject({ betaFast: 32, betaSlow: 1, truncate: true });
    expect(scalingOf(yarn)).toHaveProperty("attentionFactor", 1.1386294361119891);
    const long = {
      type: "su",
      short_factor: [1, 1, 1, 1],
      long_factor: [1, 2, 3, 4],
      original_max_position_embeddings: 4096,
    };
    expect(scalingOf(long)).toMatchObject({ kind: "longrope", longFactor: [1, 2, 3, 4] });
    expect(scalingOf(long)).toHaveProperty(
      "attentionFactor",
      Math.sqrt(1 + Math.log(32) / Math.log(4096)),
    );
  });

  test.each([
    ["an unknown architecture", { model_type: "gpt2" }, /model_type: expected one of llama/],
    ["a misspelt architecture", { model_type: "lama" }, /did you mean llama/],
    ["no architecture", { model_type: undefined }, /model_type.*nothing/],
    [
      "an unknown rope type",
      { rope_scaling: { rope_type: "mrope" } },
      /rope_scaling\.rope_type: expected one of default/,
    ],
    ["a scaling without its factor", { rope_scaling: { type: "linear" } }, /rope_scaling\.factor/],
    [
      "factors of the wrong length",
      { rope_scaling: { type: "longrope", short_factor: [1], long_factor: [1, 1, 1, 1] } },
      /short_factor: expected 4 numbers/,
    ],
    [
      "partial rotation",
      { rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.5 } },
      /partial_rotary_factor/,
    ],
    ["partial rotation without a scaling", { partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
    [
      "a scaling that is not named",
      { rope_scaling: { factor: 4 } },
      /rope_scaling\.rope_type: expected one of default.*nothing beside factor/,
    ],
    [
      "rope settings of single layers",
      { rope_parameters: { full_attention: { rope_type: "default" } } },
      /rope_type: .*nothing beside full_attention/,
    ],
    [
      "llama3 scaling with bounds in the wrong order",
      {
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 4,
          high_freq_factor: 4,
          original_max_position_embeddings: 64,
        },
      },
      /high_freq_factor: expected more than low_freq_factor = 4/,
    ],
    ["another activation", { hidden_act: "gelu" }, /hidden_act/],
    ["a quantised checkpoint", { quantization_config: { quant_method: "gptq" } }, /GGUF/],
    ["heads that do not divide", { num_key_value_heads: 3 }, /divisor of num_attention_heads = 8/],
    ["an odd head width", { hidden_size: 72 }, /head_dim: expected an even integer/],
    ["a size of zero", { num_hidden_layers: 0 }, /num_hidden_layers/],
    ["a billion layers", { num_hidden_layers: 1e9 }, /expected an integer from 1 to 1024/],
    [
      "a token id outside the vocabulary",
      { eos_token_id: 600 },
      /vocab_size: expected more than the token id 600/,
    ],
  ])("refuses %s", (_, change, message) => {
    expect(() => parseModelConfig({ ...llama, ...change })).toThrow(message);
  });

  test("reports all problems at once", () => {
    expect(() => parseModelConfig({ ...llama, hidden_size: "x", vocab_size: -1 })).toThrow(
      /1 more problem/,
    );
  });
});
