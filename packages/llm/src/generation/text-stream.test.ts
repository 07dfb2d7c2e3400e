import { expect, test } from "vitest";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { createTextStream } from "./text-stream.ts";

/** One token per UTF-8 byte. */
const bytes: Pick<Tokenizer, "decode"> = {
  decode: (ids) => new TextDecoder().decode(Uint8Array.from(ids)),
};

function stream(text: string): string[] {
  const growing = createTextStream(bytes as Tokenizer); // decoding is all that a stream needs
  return [...[...new TextEncoder().encode(text)].map((id) => growing.push(id)), growing.end()];
}

test("pieces add up to the text, with no half character among them", () => {
  const text = "三个苹果 🍎 and a pear, ".repeat(8);
  const pieces = stream(text);
  expect(pieces.join("")).toBe(text);
  expect(pieces.join("|")).not.toContain("\ufffd");
});

test("an incomplete character at the end is shown as a replacement character", () => {
  const growing = createTextStream(bytes as Tokenizer);
  expect(growing.push(0xe4)).toBe("");
  expect(growing.end()).toBe("\ufffd");
});
