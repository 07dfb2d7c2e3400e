import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openSafetensors } from "@qtune/weights";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AdapterKind, type AdapterOptions, adapterKinds } from "../adapter-config.ts";
import { createAdapter } from "../adapter.ts";
import { decoderSites } from "../model-sites.fixture.ts";
import { loadAdapter, saveAdapter } from "./adapter-files.ts";
import { mergeIntoWeight, toLora } from "./as-lora.ts";

const sites = decoderSites({ layers: 2, hidden: 16, query: 16, keyValue: 8, ffn: 24 });
const mpo = { bottleneck: [2, 2, 2], ranks: [1, 2, 2, 1] };
const base = { name: "tiny", sha256: "ab" };

function example(kind: AdapterKind, more: Partial<AdapterOptions> = {}) {
  const adapter = createAdapter({ kind, rank: 2, mpo, ...more }, sites);
  const values = adapter.initialValues(3);
  // Fill what starts at zero, so that a lost tensor cannot hide.
  for (const [name, data] of values)
    data.forEach((value, i) => (data[i] = value + Math.sin(i + name.length) / 8));
  return { adapter, values };
}

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "qtune-adapter-"));
});
afterEach(() => rm(directory, { recursive: true }));

describe.each(adapterKinds)("%s", (kind) => {
  test("comes back from its files unchanged, and writes the same bytes again", async () => {
    const { adapter, values } = example(kind);
    await saveAdapter(directory, adapter, values, { base });
    const loaded = await loadAdapter(directory, sites, base);
    expect(loaded.values).toEqual(values);
    expect(loaded.adapter.config).toEqual(adapter.config);
    const file = path.join(directory, "adapter_model.safetensors");
    const before = await readFile(file);
    await saveAdapter(directory, loaded.adapter, loaded.values, { base });
    expect((await readFile(file)).equals(before)).toBe(true);
  });
});

test("LoRA has the names and the settings of PEFT", async () => {
  const { adapter, values } = example("lora", { rslora: true });
  await saveAdapter(directory, adapter, values, { base });
  const set = await openSafetensors(path.join(directory, "adapter_model.safetensors"));
  const name = "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight";
  expect(set.tensors.get(name)?.shape).toEqual([8, 2]);
  expect(set.tensors.size).toBe(8);
  await set.close();
  expect(JSON.parse(await readFile(path.join(directory, "adapter_config.json"), "utf8"))).toEqual({
    peft_type: "LORA",
    r: 2,
    lora_alpha: 4,
    use_rslora: true,
    lora_dropout: 0,
    bias: "none",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: "tiny",
    target_modules: ["q_proj", "v_proj"],
    inference_mode: true,
  });
});

describe("loadAdapter refuses", () => {
  test("another base model, with both hashes", async () => {
    const { adapter, values } = example("BC");
    await saveAdapter(directory, adapter, values, { base });
    await expect(loadAdapter(directory, sites, { name: "other", sha256: "cd" })).rejects.toThrow(
      "expected an adapter of other (sha256 cd) but it was trained on tiny (sha256 ab)",
    );
  });
  test("a model of other widths, listing every tensor", async () => {
    const { adapter, values } = example("lora");
    await saveAdapter(directory, adapter, values, { base });
    const wider = decoderSites({ layers: 2, hidden: 32, query: 32, keyValue: 8, ffn: 24 });
    await expect(loadAdapter(directory, wider)).rejects.toMatchObject({ code: "invalid_argument" });
    const error = (await loadAdapter(directory, wider).catch((cause: unknown) => cause)) as {
      issues: unknown[];
    };
    expect(error.issues).toHaveLength(6); // q: A and B, v: A, in two layers
  });
  test("an unknown peft_type and a setting that changes the function", async () => {
    const { adapter, values } = example("lora");
    await saveAdapter(directory, adapter, values, { base });
    const file = path.join(directory, "adapter_config.json");
    const config = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...config, use_dora: true }));
    await expect(loadAdapter(directory, sites)).rejects.toThrow(
      "expected use_dora to be false but was given true",
    );
    await writeFile(file, JSON.stringify({ ...config, peft_type: "BOFT" }));
    await expect(loadAdapter(directory, sites)).rejects.toMatchObject({ code: "unimplemented" });
  });
  test("a folder without an adapter", async () => {
    await expect(loadAdapter(path.join(directory, "none"), sites)).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

test("values that are not finite are not written", async () => {
  const { adapter, values } = example("lora");
  const [name] = values.keys();
  values.get(name!)![3] = Number.NaN;
  await expect(saveAdapter(directory, adapter, values, { base })).rejects.toThrow(name!);
});

describe.each(["A", "B", "AB", "vera", "lokr", "tt"] as const)("%s as LoRA", (kind) => {
  test("has the same update at every module", () => {
    const { adapter, values } = example(kind, { classicalLayers: [1] });
    const lora = toLora(adapter, values);
    for (const site of adapter.sites) {
      const weight = new Float32Array(site.inFeatures * site.outFeatures).fill(0.25);
      const ours = mergeIntoWeight(adapter, values, site, weight);
      const exported = mergeIntoWeight(lora.adapter, lora.values, site, weight);
      expect(Math.max(...ours.map((value, i) => Math.abs(value - exported[i]!)))).toBeLessThan(
        1e-6,
      );
      expect(ours).not.toEqual(weight);
    }
  });
});

test.each(["BC", "BD"] as const)("%s is not linear and says so when it is to be merged", (kind) => {
  const { adapter, values } = example(kind);
  expect(() => toLora(adapter, values)).toThrow(
    /expected an adapter that is linear in x but B[CD] is not/,
  );
});
