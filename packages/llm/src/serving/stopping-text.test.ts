import { expect, test } from "vitest";
import { createByteTokenizer } from "./byte-tokenizer.fixture.ts";
import { createStoppingText } from "./stopping-text.ts";

const tokenizer = createByteTokenizer();

function pieces(text: string, stops: readonly string[]) {
  const growing = createStoppingText(tokenizer, stops);
  const shown = tokenizer.encode(text).map((id) => growing.push(id));
  return { shown: [...shown, growing.end()], isStopped: growing.isStopped };
}

test("a stop string never shows, not even in part; what only looked like one does", () => {
  const { shown, isStopped } = pieces("a\n\nb\n\n\nc", ["\n\n\n"]);
  expect(shown.join("|")).not.toContain("\n\n\n");
  expect(shown.join("")).toBe("a\n\nb");
  expect(isStopped).toBe(true);
  expect(pieces("a\n\n", ["\n\n\n"])).toMatchObject({ isStopped: false });
  expect(pieces("a\n\n", ["\n\n\n"]).shown.join("")).toBe("a\n\n");
});

test("the first of several ends the text", () => {
  expect(pieces("one two three", ["three", "two", "nowhere"]).shown.join("")).toBe("one ");
});
