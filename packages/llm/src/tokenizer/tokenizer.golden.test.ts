/** Token ids against the Python originals; made by tools/golden/tokenizer_golden.py, versions inside the files. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { findData } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { goldenFolder, readGolden, runGolden } from "./golden.suite.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

describe("a small byte-level vocabulary of our own", () => {
  const load = (): Promise<Tokenizer> =>
    loadTokenizer({ tokenizerJson: path.join(goldenFolder, "tiny-byte-level.json") });
  runGolden(readGolden("tiny-byte-level.golden.json"), load);

  test("gives the bytes of each token, which add up to the text in its normal form", async () => {
    const tokenizer = await load();
    const text = "cafe\u0301 小猫 <|im_end|>";
    const bytes = Buffer.concat(tokenizer.encode(text).map((id) => tokenizer.tokenBytes(id)));
    expect(bytes.toString()).toBe(text.normalize("NFC"));
  });

  test("decodes nothing for an id that is no token", async () => {
    const tokenizer = await load();
    expect(tokenizer.decode([tokenizer.vocabSize + 5])).toBe("");
    expect(tokenizer.decode([])).toBe("");
  });
});

describe("a small SentencePiece vocabulary of our own", () => {
  const load = (): Promise<Tokenizer> =>
    loadTokenizer({ sentencePiece: path.join(goldenFolder, "tiny-sentencepiece.model") });
  const file = readGolden("tiny-sentencepiece.golden.json");
  // The Python original never recognises control tokens in a text; chat formats need it, so ours does.
  const plain = file.texts.filter(({ text }) => !text.includes("<s>"));
  expect(plain.length).toBeGreaterThan(10);
  runGolden({ texts: plain }, load);

  test("puts BOS in front, and recognises control tokens in a text", async () => {
    const tokenizer = await load();
    expect(tokenizer.encode("<s>a")[0]).toBe(1);
    expect(tokenizer.encode("<s>a", { addSpecial: false }).filter((id) => id === 1)).toHaveLength(
      1,
    );
  });
});

describe("MiniMind2", () => {
  const json = findData("models/minimind2-small/tokenizer.json");
  const config = findData("models/minimind2-small/tokenizer_config.json");
  if (json === undefined || config === undefined) {
    test.skip("needs models/minimind2-small", () => undefined);
    return;
  }
  runGolden(readGolden("minimind2.json"), () =>
    loadTokenizer({ tokenizerJson: json, tokenizerConfig: config }),
  );
});

describe("stories260K", () => {
  const vocabulary = findData("models/stories260K/tok512.bin");
  const expected = findData("models/stories260K/golden.json");
  if (vocabulary === undefined || expected === undefined) {
    test.skip("needs models/stories260K", () => undefined);
    return;
  }
  const { items } = JSON.parse(readFileSync(expected, "utf8")) as {
    items: { prompt: string; ids: number[]; greedy_ids: number[]; greedy_text: string }[];
  };
  test.each(items)("prompt $prompt", async ({ prompt, ids, greedy_ids, greedy_text }) => {
    const tokenizer = await loadTokenizer({ llama2c: vocabulary });
    expect(tokenizer.encode(prompt)).toEqual(ids);
    expect(tokenizer.decode([...ids, ...greedy_ids]).trimStart()).toBe(
      (prompt + greedy_text).trimStart(),
    );
  });

  test("the empty text is BOS alone", async () => {
    const tokenizer = await loadTokenizer({ llama2c: vocabulary });
    expect(tokenizer.encode("")).toEqual([1]);
    expect(tokenizer.encode("Once upon a time")).toEqual([1, 403, 407, 261, 378]);
  });
});
