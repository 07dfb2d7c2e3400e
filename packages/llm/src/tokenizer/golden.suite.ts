/** Runs golden files of tokenizers: token ids, decoded text, chat renders and assistant masks of the Python originals. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { ChatMessage } from "../template/chat-message.ts";
import { encodeChat } from "../template/encode-chat.ts";
import { renderChat } from "../template/render-chat.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Folder of the golden files, made by tools/golden/tokenizer_golden.py; versions inside. */
export const goldenFolder = path.resolve(import.meta.dirname, "../../testdata/tokenizers");

interface ChatCase {
  readonly messages: readonly ChatMessage[];
  readonly sha256: string;
  readonly ids: number[];
  readonly mask: string;
  readonly promptIds: number[];
}

interface TextCase {
  readonly text: string;
  readonly ids: number[];
  readonly withSpecial?: number[];
  readonly decoded?: string;
  readonly decodedPlain?: string;
}

/** A golden file. */
export interface Golden {
  readonly texts: TextCase[];
  readonly chats?: ChatCase[];
}

/** Reads a golden file by name. */
export const readGolden = (name: string): Golden =>
  JSON.parse(readFileSync(path.join(goldenFolder, name), "utf8")) as Golden;

/** Runs every case of a golden file on a tokenizer. */
export function runGolden(file: Golden, load: () => Promise<Tokenizer>): void {
  test.each(file.texts)("text $text", async ({ text, ids, withSpecial, decoded, decodedPlain }) => {
    const tokenizer = await load();
    expect(tokenizer.encode(text, { addSpecial: false })).toEqual(ids);
    if (withSpecial !== undefined) expect(tokenizer.encode(text)).toEqual(withSpecial);
    if (decoded !== undefined) expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(decoded);
    if (decodedPlain !== undefined) expect(tokenizer.decode(ids)).toBe(decodedPlain);
  });

  const chats = file.chats ?? [];
  if (chats.length === 0) return;
  test.each(chats)("chat $messages.0.content, $messages.length messages", async (chat) => {
    const tokenizer = await load();
    const rendered = renderChat(tokenizer, chat.messages);
    expect(createHash("sha256").update(rendered).digest("hex")).toBe(chat.sha256);
    const { ids, assistantMask } = encodeChat(tokenizer, chat.messages);
    expect(ids).toEqual(chat.ids);
    expect([...assistantMask].join("")).toBe(chat.mask);
    const prompt = renderChat(tokenizer, chat.messages.slice(0, -1), { addGenerationPrompt: true });
    expect(tokenizer.encode(prompt, { addSpecial: false })).toEqual(chat.promptIds);
  });
}
