import { readFile } from "node:fs/promises";
import path from "node:path";
import { openSafetensors } from "@qtune/weights";
import { findData } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { parseModelConfig } from "../config/parse-config.ts";
import { createGenerator } from "./generator.ts";

const goldenPath = findData("models/stories260K/golden.json");

interface GoldenItem {
  readonly ids: readonly number[];
  readonly greedy_ids: readonly number[];
}

describe.skipIf(goldenPath === undefined)("stories260K", () => {
  test("continues four prompts of different lengths, together, as an independent implementation does", async () => {
    const folder = path.dirname(goldenPath ?? "");
    const read = async (name: string): Promise<string> => readFile(path.join(folder, name), "utf8");
    const { items } = JSON.parse(await read("golden.json")) as { items: readonly GoldenItem[] };
    const config = parseModelConfig(JSON.parse(await read("config.json")));
    const { tensors, close } = await openSafetensors(path.join(folder, "model.safetensors"));
    const generator = await createGenerator({ config, tensors });
    const results = await generator.generate({
      promptIds: items.map(({ ids }) => ids),
      maxNewTokens: 200,
      stopIds: [],
    });
    items.forEach(({ greedy_ids }, k) => expect(results[k]?.ids).toEqual(greedy_ids));
    await generator.close();
    await close();
  });
});
