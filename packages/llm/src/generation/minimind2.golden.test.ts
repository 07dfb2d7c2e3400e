import { readFile } from "node:fs/promises";
import path from "node:path";
import { findData } from "@qtune/testkit";
import { openSafetensors } from "@qtune/weights";
import { expect, test } from "vitest";
import { parseModelConfig } from "../config/parse-config.ts";
import { createGenerator } from "./generator.ts";

const configPath = findData("models/minimind2-small/config.json");

/** Written by tools/golden/greedy_golden.py, which names the versions. */
const golden = path.resolve(import.meta.dirname, "../../testdata/generation/minimind2-small.json");

test.skipIf(configPath === undefined)(
  "MiniMind2 generates 64 tokens greedily as transformers does",
  async () => {
    interface Item {
      readonly promptIds: readonly number[];
      readonly ids: readonly number[];
    }
    const { items } = JSON.parse(await readFile(golden, "utf8")) as { items: readonly Item[] };
    const config = parseModelConfig(JSON.parse(await readFile(configPath ?? "", "utf8")));
    const set = await openSafetensors(
      path.join(path.dirname(configPath ?? ""), "model.safetensors"),
    );
    const generator = await createGenerator({ config, tensors: set.tensors });
    const results = await generator.generate({
      promptIds: items.map(({ promptIds }) => promptIds),
      maxNewTokens: 64,
    });
    expect(results.map(({ ids }) => ids)).toEqual(items.map(({ ids }) => ids));
    await generator.close();
    await set.close();
  },
);
