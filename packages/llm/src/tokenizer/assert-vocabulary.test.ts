import path from "node:path";
import { expect, test } from "vitest";
import { assertVocabulary } from "./assert-vocabulary.ts";
import { goldenFolder } from "./golden.suite.ts";
import { loadTokenizer } from "./load-tokenizer.ts";

test("an embedding may be longer than the vocabulary, but not shorter", async () => {
  const tokenizer = await loadTokenizer({
    tokenizerJson: path.join(goldenFolder, "tiny-byte-level.json"),
  });
  const { vocabSize } = tokenizer;
  assertVocabulary(tokenizer, { vocab: vocabSize }, "model");
  assertVocabulary(tokenizer, { vocab: vocabSize + 64 }, "model");
  expect(() => assertVocabulary(tokenizer, { vocab: vocabSize - 1 }, "model")).toThrow(
    /model: the tokenizer knows \d+ tokens but the embedding has \d+ rows/,
  );
});
