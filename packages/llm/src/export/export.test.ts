import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openGguf, type TensorSource } from "@qtune/weights";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openModel } from "../sources/open-model.ts";
import { goldenFolder, readGolden } from "../tokenizer/golden.suite.ts";
import { loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import { exportGguf, exportGgufLora } from "./export-gguf.ts";
import { exportSafetensors } from "./export-safetensors.ts";
import { createTinyModel } from "./tiny-model.fixture.ts";

const byteLevel = { tokenizerJson: path.join(goldenFolder, "tiny-byte-level.json") };
const scores = { sentencePiece: path.join(goldenFolder, "tiny-sentencepiece.model") };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-export-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

type Tensors = ReadonlyMap<string, TensorSource>;

/** Compares all weights of two models. */
async function expectSameWeights(given: Tensors, expected: Tensors): Promise<void> {
  expect([...given.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, tensor] of expected) {
    expect(await given.get(name)?.readFloat32(), name).toEqual(await tensor.readFloat32());
  }
}

describe("exportSafetensors", () => {
  test("writes a folder that opens as the same model", async () => {
    const model = createTinyModel("llama", byteLevel);
    await exportSafetensors(model, folder);
    const opened = await openModel(folder);
    expect(opened.config).toEqual(model.config);
    await expectSameWeights(opened.tensors.tensors, model.tensors.tensors);
    const tokenizer = await loadTokenizer({
      tokenizerJson: path.join(folder, "tiny-byte-level.json"),
    });
    expect(tokenizer.vocabSize).toBeGreaterThan(256);
    await opened.close();
  });

  test("cuts large weights into shards under an index", async () => {
    const model = createTinyModel("qwen3", scores);
    await exportSafetensors(model, folder, { maxShardBytes: 60_000 });
    const index = JSON.parse(
      await readFile(path.join(folder, "model.safetensors.index.json"), "utf8"),
    ) as {
      weight_map: Record<string, string>;
    };
    expect(new Set(Object.values(index.weight_map)).size).toBeGreaterThan(1);
    const opened = await openModel(folder);
    await expectSameWeights(opened.tensors.tensors, model.tensors.tensors);
    await opened.close();
  });

  test("merges in float32 and unties the head where a merge changes it", async () => {
    const model = createTinyModel("llama", byteLevel);
    const merge = (name: string, weight: Float32Array): Float32Array =>
      name === "lm_head.weight" ? weight.map((value) => value + 1) : weight;
    await exportSafetensors(model, folder, { merge, untie: true });
    const opened = await openModel(folder);
    expect(opened.config.tied).toBe(false);
    const embedding = await opened.tensors.tensors.get("model.embed_tokens.weight")?.readFloat32();
    const head = await opened.tensors.tensors.get("lm_head.weight")?.readFloat32();
    expect(head).toEqual(embedding?.map((value) => value + 1));
    await opened.close();
  });

  test("writes a vocabulary with scores as tokenizer.json that gives the same ids", async () => {
    await exportSafetensors(createTinyModel("llama", scores), folder);
    const tokenizer = await loadTokenizer({
      tokenizerJson: path.join(folder, "tokenizer.json"),
      tokenizerConfig: path.join(folder, "tokenizer_config.json"),
    });
    const { texts } = readGolden("tiny-sentencepiece.golden.json");
    for (const { text, ids } of texts.filter((one) => !/<s>|<turn>/.test(one.text))) {
      expect(tokenizer.encode(text, { addSpecial: false }), text).toEqual(ids);
      expect(tokenizer.encode(text), text).toEqual([1, ...ids]);
    }
  });

  test("says in the card where the weights come from and under which terms", async () => {
    await exportSafetensors(createTinyModel("llama", byteLevel), folder, {
      card: { title: "Tiny", notes: ["not a clinical tool"] },
    });
    const card = await readFile(path.join(folder, "README.md"), "utf8");
    expect(card).toMatch(/base_model: example\/tiny\nlicense: mit/);
    expect(card).toMatch(/# Tiny[^]*not a clinical tool[^]*sha256[^]*0{64}/);
  });
});

describe("exportGguf", () => {
  test.each(["llama", "qwen2", "qwen3"] as const)(
    "writes a %s file that opens as the same model",
    async (family) => {
      const model = createTinyModel(family, byteLevel);
      const file = path.join(folder, "tiny.gguf");
      await exportGguf(model, file, { type: "F32" });
      const opened = await openModel(file);
      expect(opened.config).toEqual({ ...model.config, storedDtype: "F32" });
      await expectSameWeights(opened.tensors.tensors, model.tensors.tensors);
      const tokenizer = await loadTokenizer(opened.tokenizerFiles);
      expect(tokenizer.vocabSize).toBe(model.config.vocab);
      for (const { text, ids } of readGolden("tiny-byte-level.golden.json").texts) {
        expect(tokenizer.encode(text), text).toEqual(ids);
      }
      await opened.close();
    },
  );

  test("stores query rows of llama files as neighbours, those of other families as they are", async () => {
    for (const family of ["llama", "qwen2"] as const) {
      const model = createTinyModel(family, byteLevel);
      await exportGguf(model, path.join(folder, "x.gguf"), { type: "F32" });
      const gguf = await openGguf(path.join(folder, "x.gguf"));
      const stored = await gguf.tensors.get("blk.0.attn_q.weight")?.readFloat32();
      const original = await model.tensors.tensors
        .get("model.layers.0.self_attn.q_proj.weight")
        ?.readFloat32();
      // Heads of 8 rows: the second stored row of a llama head is row 4 of the original.
      expect(stored?.slice(32, 64)).toEqual(
        family === "llama" ? original?.slice(128, 160) : original?.slice(32, 64),
      );
      await gguf.close();
    }
  });

  test("keeps vocabularies with scores", async () => {
    const file = path.join(folder, "tiny.gguf");
    await exportGguf(createTinyModel("llama", scores), file, { type: "Q8_0" });
    const tokenizer = await loadTokenizer({ gguf: file });
    for (const { text, ids } of readGolden("tiny-sentencepiece.golden.json").texts) {
      if (/<s>|<turn>/.test(text)) continue;
      expect(tokenizer.encode(text, { addSpecial: false }), text).toEqual(ids);
    }
  });

  test("stores vectors as F32 and rows that do not fill blocks as F16", async () => {
    const file = path.join(folder, "tiny.gguf");
    await exportGguf(createTinyModel("llama", byteLevel, { intermediate_size: 44 }), file, {
      type: "Q8_0",
    });
    const gguf = await openGguf(file);
    expect(gguf.tensors.get("blk.0.attn_q.weight")?.dtype).toBe("Q8_0");
    expect(gguf.tensors.get("blk.0.ffn_down.weight")?.dtype).toBe("F16");
    expect(gguf.tensors.get("output_norm.weight")?.dtype).toBe("F32");
    await gguf.close();
  });

  test("writes Llama 3 scaling as divisors that come back", async () => {
    const rope_scaling = {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    };
    const file = path.join(folder, "tiny.gguf");
    await exportGguf(createTinyModel("llama", byteLevel, { rope_scaling }), file);
    const opened = await openModel(file);
    const { scaling } = opened.config.rope;
    expect(scaling.kind).toBe("factors");
    expect(scaling).toHaveProperty("factors.0", 1);
    expect(scaling).toHaveProperty("factors.3", 8);
    await opened.close();
  });

  test("refuses scaling that the format has no words for", async () => {
    const model = createTinyModel("llama", byteLevel, {
      rope_scaling: { rope_type: "dynamic", factor: 2 },
    });
    await expect(exportGguf(model, path.join(folder, "x.gguf"))).rejects.toMatchObject({
      code: "unimplemented",
    });
  });
});

describe("exportGgufLora", () => {
  const { config } = createTinyModel("llama", byteLevel);
  const path0 = "model.layers.1.self_attn.q_proj";
  const lora = (change = {}): Parameters<typeof exportGgufLora>[0] => ({
    alpha: 8,
    modules: [
      {
        path: path0,
        rank: 2,
        a: Float32Array.from({ length: 64 }, (_, i) => i),
        b: Float32Array.from({ length: 64 }, (_, i) => i),
        ...change,
      },
    ],
  });

  test("writes A as it is and B with its rows in the file's order", async () => {
    const file = path.join(folder, "lora.gguf");
    await exportGgufLora(lora(), config, file);
    const gguf = await openGguf(file);
    expect(Object.fromEntries(gguf.values)).toMatchObject({
      "general.type": "adapter",
      "general.architecture": "llama",
      "adapter.type": "lora",
      "adapter.lora.alpha": 8,
    });
    expect([...gguf.tensors.keys()]).toEqual([
      "blk.1.attn_q.weight.lora_a",
      "blk.1.attn_q.weight.lora_b",
    ]);
    const b = gguf.tensors.get("blk.1.attn_q.weight.lora_b");
    expect(b?.shape).toEqual([32, 2]);
    expect((await b?.readFloat32())?.slice(0, 6)).toEqual(Float32Array.of(0, 1, 8, 9, 2, 3));
    await gguf.close();
  });

  test.each([
    ["a module the model does not have", { path: "model.layers.9.mlp.up_proj" }, /no such module/],
    ["matrices that do not fit", { rank: 3 }, /A \[3, 32\] and B \[32, 3\]/],
    ["the head of a model that ties it", { path: "lm_head" }, /merge instead/],
  ])("refuses %s", async (_, change, message) => {
    const written = exportGgufLora(lora(change), config, path.join(folder, "lora.gguf"));
    await expect(written).rejects.toThrow(message);
  });
});
