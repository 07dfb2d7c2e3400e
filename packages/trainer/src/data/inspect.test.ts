import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTinyModel, tinyRun, writeTinyData } from "../tiny-model.fixture.ts";
import { createByteTokenizer } from "./byte-tokenizer.fixture.ts";
import { inspectData } from "./inspect.ts";

const shared = { model: createTinyModel(), tokenizer: createByteTokenizer() };
const adapter = { kind: "lora", rank: 2 } as const;
let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "qtune-inspect-"));
});
afterAll(() => rm(directory, { recursive: true }));

test("shows tokens, mask and decoded target of the first samples", async () => {
  const config = tinyRun({ source: writeTinyData(directory), adapter });
  const { samples, statistics, learntShare, lengths, warnings } = await inspectData({
    ...shared,
    config,
    count: 2,
  });
  expect(samples).toHaveLength(2);
  const [first] = samples;
  expect(first?.target).toMatch(/^\d+<\/s>$/);
  expect(
    first?.tokens
      .filter(({ learnt }) => learnt)
      .map(({ text }) => text)
      .join(""),
  ).toBe(first?.target);
  expect(first?.endsTurn).toBe(true);
  expect(learntShare).toBeCloseTo(statistics.labelled / statistics.tokens, 12);
  expect(lengths.reduce((sum, { count }) => sum + count, 0)).toBe(36); // 40, 4 of them held out
  expect(warnings).toEqual([]);
});

test("warns of answers that never end and of cut samples", async () => {
  const source = path.join(directory, "endless.jsonl");
  const labels = Array.from({ length: 30 }, () => 5);
  await writeFile(
    source,
    Array.from({ length: 12 }, () => JSON.stringify({ input_ids: labels, labels })).join("\n"),
  );
  const config = tinyRun({ source, adapter, data: { maxTokens: 20 } });
  const { warnings } = await inspectData({ ...shared, config });
  expect(warnings[0]).toContain("8 of 8 samples do not end");
  expect(warnings[1]).toContain("8 samples lose 80 tokens");
});
