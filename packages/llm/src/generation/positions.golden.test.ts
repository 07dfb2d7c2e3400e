import { readFile } from "node:fs/promises";
import path from "node:path";
import { relativeDistance } from "@qtune/testkit";
import { openSafetensors } from "@qtune/weights";
import { describe, expect, test } from "vitest";
import { parseModelConfig } from "../config/parse-config.ts";
import { createRopeCache } from "../model/batch.ts";
import { createCache } from "./cache.ts";
import { compileGeneration, extendCache } from "./generation-program.ts";

/** Written by tools/golden/positions_golden.py, which names the versions. */
const folder = path.resolve(import.meta.dirname, "../../testdata/decoder");
const piece = 512;

interface Golden {
  readonly length: number;
  readonly positions: readonly number[];
  readonly logits: readonly (readonly number[])[];
}

describe.each(["llama3", "llama-yarn", "qwen2", "qwen3"])("%s up to position 8,192", (name) => {
  const read = async (file: string): Promise<unknown> =>
    JSON.parse(await readFile(path.join(folder, name, file), "utf8"));
  const goldenOf = async (version: string) => (await read(`positions.${version}.json`)) as Golden;

  test("has the same configuration and logits in transformers 4 and 5", async () => {
    const [old, now] = [await read("config.v4.json"), await read("config.v5.json")];
    expect(parseModelConfig(old)).toEqual(parseModelConfig(now));
    const [before, after] = [await goldenOf("v4"), await goldenOf("v5")];
    before.logits.forEach((row, k) =>
      expect(relativeDistance(row, after.logits[k] ?? [])).toBeLessThan(1e-7),
    );
  });

  test("has those logits here, through the cache", async () => {
    const golden = await goldenOf("v4");
    const config = parseModelConfig(await read("config.v4.json"));
    const set = await openSafetensors(path.join(folder, name, "model.safetensors"));
    const program = await compileGeneration({ config, tensors: set.tensors, threads: 1 });
    const rope = createRopeCache(config)(golden.length);
    const cache = createCache(config);
    cache.reserve(1, golden.length);
    for (let known = 0; known < golden.length; known += piece) {
      const ids = Array.from({ length: piece }, (_, k) => idAt(known + k));
      const extension = { ids: [ids], known: [known], kept: [1], start: 0 };
      const logits = await extendCache(program, cache, extension, rope, undefined);
      const row = golden.positions.indexOf(known + piece - 1);
      if (row < 0) continue;
      const distance = relativeDistance(logits, golden.logits[row] ?? []);
      expect(distance, `position ${known + piece - 1}`).toBeLessThan(1e-5);
    }
    await program.close();
    await set.close();
  });
});

/** The text of the script. */
function idAt(t: number): number {
  return (31 * t + ((t * t) % 17)) % 64;
}
