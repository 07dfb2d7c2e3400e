import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openGguf, quantizeGguf, type TypedValue, writeGguf } from "@qtune/weights";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseGgufConfig } from "./gguf-config.ts";
import type { ModelConfig } from "./model-config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-gguf-config-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const count = (value: number): TypedValue => ({ type: "uint32", value });
const real = (value: number): TypedValue => ({ type: "float32", value });
const text = (value: string): TypedValue => ({ type: "string", value });

const llama: Record<string, TypedValue> = {
  "general.architecture": text("llama"),
  "llama.block_count": count(3),
  "llama.context_length": count(256),
  "llama.embedding_length": count(16),
  "llama.feed_forward_length": count(32),
  "llama.attention.head_count": count(4),
  "llama.attention.head_count_kv": count(2),
  "llama.attention.layer_norm_rms_epsilon": real(1e-5),
  "llama.rope.freq_base": real(500_000),
};

/** Writes a file with the given metadata and tensors of zeros, and reads its configuration. */
async function read(
  values: Record<string, TypedValue>,
  shapes: Record<string, number[]> = { "token_embd.weight": [40, 16] },
): Promise<ModelConfig> {
  const file = path.join(folder, "x.gguf");
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const read = (): Uint8Array => quantizeGguf(new Float32Array(size).fill(2), "F32");
    return { name, type: "F32", shape, read } as const;
  });
  await writeGguf(file, new Map(Object.entries(values)), tensors);
  const gguf = await openGguf(file);
  try {
    return await parseGgufConfig(gguf, file);
  } finally {
    await gguf.close();
  }
}

describe("parseGgufConfig", () => {
  test("reads sizes, and takes a tied head and biases from the tensors there are", async () => {
    const config = await read(
      {
        ...llama,
        "tokenizer.ggml.eos_token_id": count(2),
        "tokenizer.ggml.eot_token_id": count(5),
      },
      { "token_embd.weight": [40, 16], "blk.0.attn_q.bias": [16] },
    );
    expect(config).toMatchObject({
      architecture: "llama",
      layers: 3,
      hidden: 16,
      heads: 4,
      kvHeads: 2,
      headDim: 4,
      vocab: 40,
      eps: 1e-5,
      tied: true,
      qkvBias: true,
      outputBias: false,
      qkNorm: false,
      eosIds: [2, 5],
      rope: { theta: 500_000, scaling: { kind: "default" } },
    });
    const untied = await read(llama, { "token_embd.weight": [40, 16], "output.weight": [40, 16] });
    expect(untied.tied).toBe(false);
  });

  test("reads the head width where it differs from the quotient", async () => {
    const config = await read({ ...llama, "llama.attention.key_length": count(8) });
    expect(config.headDim).toBe(8);
  });

  test("reads rope scaling by rule and by divisors", async () => {
    const linear = {
      "llama.rope.scaling.type": text("linear"),
      "llama.rope.scaling.factor": real(4),
    };
    expect((await read({ ...llama, ...linear })).rope.scaling).toEqual({
      kind: "linear",
      factor: 4,
    });
    const yarn = {
      ...linear,
      "llama.rope.scaling.type": text("yarn"),
      "llama.rope.scaling.original_context_length": count(64),
    };
    expect((await read({ ...llama, ...yarn })).rope.scaling).toMatchObject({
      kind: "yarn",
      originalMaxPositions: 64,
    });
    const divisors = await read(llama, { "token_embd.weight": [40, 16], "rope_freqs.weight": [2] });
    expect(divisors.rope.scaling).toEqual({ kind: "factors", factors: [2, 2] });
  });

  test.each<[string, Record<string, TypedValue>, RegExp]>([
    [
      "an unknown architecture",
      { "general.architecture": text("mamba") },
      /expected one of llama, qwen2, qwen3/,
    ],
    [
      "an unknown rope type",
      { "llama.rope.scaling.type": text("longrope"), "llama.rope.scaling.factor": real(2) },
      /rope\.scaling\.type: expected none, linear or yarn/,
    ],
    [
      "an architecture that is a word of JavaScript",
      { "general.architecture": text("constructor") },
      /expected one of llama/,
    ],
    [
      "no heads",
      { "llama.attention.head_count": count(0) },
      /head_count: expected a number above 0/,
    ],
    ["no layers", { "llama.block_count": count(0) }, /block_count: expected a number above 0/],
    [
      "an eps that is no number",
      { "llama.attention.layer_norm_rms_epsilon": real(NaN) },
      /layer_norm_rms_epsilon: expected a number above 0 but was given NaN/,
    ],
    [
      "a negative theta",
      { "llama.rope.freq_base": real(-1) },
      /freq_base: expected a number above/,
    ],
    [
      "heads that do not divide",
      { "llama.attention.head_count_kv": count(3) },
      /expected a divisor of attention\.head_count = 4/,
    ],
    ["an odd head width", { "llama.attention.key_length": count(5) }, /expected an even integer/],
    [
      "partial rotation",
      { "llama.rope.dimension_count": count(2), "llama.attention.key_length": count(4) },
      /dimension_count: expected 4, the width of a head/,
    ],
    [
      "values of another width",
      { "llama.attention.value_length": count(6) },
      /value_length: expected 4, the width of a head/,
    ],
    [
      "an end token outside the vocabulary",
      { "tokenizer.ggml.eos_token_id": count(40) },
      /expected token ids from 0 to 39/,
    ],
    ["experts", { "llama.expert_count": count(8) }, /mixtures of experts/],
    [
      "a size that is no number",
      { "llama.block_count": text("three") },
      /block_count: expected a number/,
    ],
  ])("refuses %s", async (_, change, message) => {
    await expect(read({ ...llama, ...change })).rejects.toThrow(message);
  });

  test("names a missing key and a missing embedding", async () => {
    const { "llama.block_count": _, ...rest } = llama;
    await expect(read(rest)).rejects.toThrow(
      /llama\.block_count: expected a number above 0 but was given nothing/,
    );
    await expect(read(llama, {})).rejects.toThrow(/token_embd\.weight/);
  });

  test("refuses a billion layers before it lists their weights", async () => {
    await expect(read({ ...llama, "llama.block_count": count(1e9) })).rejects.toThrow(
      "llama.block_count: expected at most 1024 but was given 1000000000",
    );
  });
});
