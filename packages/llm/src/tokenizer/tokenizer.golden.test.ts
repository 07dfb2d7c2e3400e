/** Token ids against the Python originals; made by tools/golden/tokenizer_golden.py, versions inside the files. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { findData } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { encodeChat } from "../template/encode-chat.ts";
import { renderChat } from "../template/render-chat.ts";
import type { ChatMessage } from "../template/chat-message.ts";
import { loadTokenizer } from "./load-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

const folder = path.resolve(import.meta.dirname, "../../testdata/tokenizers");

interface TextCase {
  readonly text: string;
  readonly ids: number[];
  readonly decoded: string;
}

interface ChatCase {
  readonly messages: readonly ChatMessage[];
  readonly sha256: string;
  readonly ids: number[];
  readonly mask: string;
  readonly promptIds: number[];
}

interface Golden {
  readonly texts: (TextCase & { withSpecial?: number[]; decodedPlain?: string })[];
  readonly chats?: ChatCase[];
}

const golden = (name: string): Golden =>
  JSON.parse(readFileSync(path.join(folder, name), "utf8")) as Golden;

/** Runs every case of a golden file on a tokenizer. */
function runGolden(file: Golden, load: () => Promise<Tokenizer>): void {
  test.each(file.texts)("text $text", async ({ text, ids, withSpecial, decoded, decodedPlain }) => {
    const tokenizer = await load();
    expect(tokenizer.encode(text, { addSpecial: false })).toEqual(ids);
    if (withSpecial !== undefined) expect(tokenizer.encode(text)).toEqual(withSpecial);
    expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(decoded);
    if (decodedPlain !== undefined) expect(tokenizer.decode(ids)).toBe(decodedPlain);
  });

  test.each(file.chats ?? [])(
    "chat $messages.0.content, $messages.length messages",
    async (chat) => {
      const tokenizer = await load();
      const rendered = renderChat(tokenizer, chat.messages);
      expect(createHash("sha256").update(rendered).digest("hex")).toBe(chat.sha256);
      const { ids, assistantMask } = encodeChat(tokenizer, chat.messages);
      expect(ids).toEqual(chat.ids);
      expect([...assistantMask].join("")).toBe(chat.mask);
      const prompt = renderChat(tokenizer, chat.messages.slice(0, -1), {
        addGenerationPrompt: true,
      });
      expect(tokenizer.encode(prompt, { addSpecial: false })).toEqual(chat.promptIds);
    },
  );
}

describe("a small byte-level vocabulary of our own", () => {
  const load = (): Promise<Tokenizer> =>
    loadTokenizer({ tokenizerJson: path.join(folder, "tiny-byte-level.json") });
  runGolden(golden("tiny-byte-level.golden.json"), load);

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
    loadTokenizer({ sentencePiece: path.join(folder, "tiny-sentencepiece.model") });
  const file = golden("tiny-sentencepiece.golden.json");
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
  runGolden(golden("minimind2.json"), () =>
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
