import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createByteTokenizer } from "../data/byte-tokenizer.fixture.ts";
import { createTinyModel, tinyRun, writeTinyData } from "../tiny-model.fixture.ts";
import { planRun } from "./plan-run.ts";

const executor = createLocalExecutor({ threads: 1 });
let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "qtune-plan-"));
});
afterAll(async () => {
  await executor.close();
  await rm(directory, { recursive: true });
});

test("a plan says beforehand that a run would not fit into memory", async () => {
  const config = tinyRun({
    source: writeTinyData(directory),
    adapter: { kind: "lora", rank: 2, layers: [0] },
  });
  const model = createTinyModel();
  const shared = { config, tokenizer: createByteTokenizer(), executor, threads: 1 };
  expect((await planRun({ ...shared, model })).warnings).toEqual([]);
  const huge = { ...model, config: { ...model.config, layers: 20_000, ffn: 200_000 } };
  expect((await planRun({ ...shared, model: huge })).warnings.at(-1)).toMatch(
    /would be refused here: \d+\.\d GB are free; train\.microBatchTokens/,
  );
});
