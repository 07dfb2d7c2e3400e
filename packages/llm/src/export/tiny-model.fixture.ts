/** A tiny model with random weights in memory, for tests of exports. */
import { createRandom } from "@qtune/base";
import type { TensorSource } from "@qtune/weights";
import type { ModelConfig } from "../config/model-config.ts";
import { parseModelConfig } from "../config/parse-config.ts";
import { listWeights } from "../config/weight-names.ts";
import type { TokenizerFiles } from "../sources/model-files.ts";
import type { ExportedModel } from "./export-safetensors.ts";

/** Creates a model of a family with the given tokenizer. */
export function createTinyModel(
  family: "llama" | "qwen2" | "qwen3",
  tokenizerFiles: TokenizerFiles,
  change: object = {},
): ExportedModel {
  const rawConfig = {
    model_type: family,
    architectures: [`${family[0]?.toUpperCase()}${family.slice(1)}ForCausalLM`],
    hidden_act: "silu",
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    vocab_size: 448,
    max_position_embeddings: 128,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    bos_token_id: 1,
    eos_token_id: 2,
    torch_dtype: "float32",
    ...change,
  };
  const config = parseModelConfig(rawConfig);
  return {
    config,
    rawConfig,
    generationConfig: {},
    tokenizerFiles,
    identity: { source: "hf:example/tiny", sha256: "0".repeat(64), origin: {}, licence: "MIT" },
    tensors: { tensors: randomTensors(config) },
  };
}

function randomTensors(config: ModelConfig): ReadonlyMap<string, TensorSource> {
  const random = createRandom(5, "tiny-model");
  const tensors = new Map<string, TensorSource>();
  for (const { hf, shape } of listWeights(config)) {
    const own = random.fork(hf);
    const size = shape.reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: size }, () => own.nextNormal() * 0.1);
    tensors.set(hf, {
      name: hf,
      dtype: "F32",
      shape,
      range: undefined,
      readBytes: () => Promise.resolve(new Uint8Array(values.slice().buffer)),
      readFloat32: () => Promise.resolve(values.slice()),
    });
  }
  return tensors;
}
