/**
 * A two-layer Llama of our own with random weights and a byte-level tokenizer, as a Hugging Face folder: small enough to
 * train dozens of steps in a second, real enough that every code path of a model source runs.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { createRandom } from "@qtune/base";
import { float32ToBytes, writeSafetensors } from "@qtune/weights";

const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  vocab_size: 260,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  hidden_act: "silu",
  tie_word_embeddings: true,
  bos_token_id: 256,
  eos_token_id: 257,
  torch_dtype: "float32",
} as const;

const chatTemplate =
  "{% for message in messages %}{{ '<|start|>' + message['role'] + '\n' + message['content'] + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant\n' }}{% endif %}";

/** Writes the model into a folder. The same seed gives the same bytes. */
export async function writeTinyModel(folder: string, seed = 1): Promise<void> {
  await mkdir(folder, { recursive: true });
  const {
    hidden_size: d,
    intermediate_size: f,
    num_key_value_heads: kv,
    head_dim: h,
    vocab_size: V,
  } = config;
  const shapes: [string, number[]][] = [
    ["model.embed_tokens.weight", [V, d]],
    ["model.norm.weight", [d]],
  ];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `model.layers.${layer}`;
    shapes.push(
      [`${at}.input_layernorm.weight`, [d]],
      [`${at}.post_attention_layernorm.weight`, [d]],
      [`${at}.self_attn.q_proj.weight`, [d, d]],
      [`${at}.self_attn.k_proj.weight`, [kv * h, d]],
      [`${at}.self_attn.v_proj.weight`, [kv * h, d]],
      [`${at}.self_attn.o_proj.weight`, [d, d]],
      [`${at}.mlp.gate_proj.weight`, [f, d]],
      [`${at}.mlp.up_proj.weight`, [f, d]],
      [`${at}.mlp.down_proj.weight`, [d, f]],
    );
  }
  const root = createRandom(seed, "tiny-model");
  await writeSafetensors(
    path.join(folder, "model.safetensors"),
    shapes.map(([name, shape]) => ({
      name,
      shape,
      dtype: "F32" as const,
      read: () => {
        const random = root.fork(name);
        const size = shape.reduce((product, dim) => product * dim, 1);
        const spread = 1 / Math.sqrt(shape.at(-1) ?? 1);
        return float32ToBytes(
          Float32Array.from({ length: size }, () =>
            shape.length === 1 ? 1 : spread * random.nextNormal(),
          ),
          "F32",
        );
      },
    })),
  );
  await writeFile(path.join(folder, "config.json"), JSON.stringify(config));
  await writeFile(
    path.join(folder, "generation_config.json"),
    JSON.stringify({ eos_token_id: 257 }),
  );
  await writeFile(path.join(folder, "tokenizer.json"), JSON.stringify(byteTokenizer()));
  await writeFile(
    path.join(folder, "tokenizer_config.json"),
    JSON.stringify({
      tokenizer_class: "PreTrainedTokenizerFast",
      bos_token: "<|start|>",
      eos_token: "<|end|>",
      pad_token: "<|pad|>",
      chat_template: chatTemplate,
    }),
  );
}

/** A byte-level tokenizer without merges: one token per byte, three special tokens. */
function byteTokenizer(): unknown {
  const special = (id: number, content: string): unknown => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  });
  const pieces = byteAlphabet();
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [special(256, "<|start|>"), special(257, "<|end|>"), special(258, "<|pad|>")],
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: {
      type: "ByteLevel",
      add_prefix_space: true,
      trim_offsets: false,
      use_regex: true,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: [],
    },
  };
}

/** The printable stand-in of each byte in byte-level tokenizers: visible Latin-1 stands for itself, the rest starts at U+0100. */
function byteAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible =
      (byte >= 0x21 && byte <= 0x7e) ||
      (byte >= 0xa1 && byte <= 0xac) ||
      (byte >= 0xae && byte <= 0xff);
    return String.fromCodePoint(visible ? byte : next++);
  });
}
