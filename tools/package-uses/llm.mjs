import { modelTable, parseModelConfig } from "@qtune/llm";

const config = parseModelConfig({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 5,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  vocab_size: 512,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
});
if (config.headDim !== 8 || modelTable["minimind2-small"] === undefined)
  throw new Error("the head size is width over heads");
console.log("ok");
