import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createScoringProgram } from "../model/decoder-program.ts";
import { tinyConfig, tinyTensors } from "../model/tiny-model.fixture.ts";
import { createByteTokenizer } from "../serving/byte-tokenizer.fixture.ts";
import { findBaseQuality, measureBaseQuality, saveBaseQuality } from "./base-quality.ts";

const config = tinyConfig({ vocab: 259, hidden: 32, headDim: 8 });
const tensors = tinyTensors(config);
const text = "It is a truth universally acknowledged that a single text must be in want of tokens.";
let cacheDir = "";
beforeAll(async () => {
  cacheDir = await mkdtemp(path.join(tmpdir(), "qtune-quality-"));
});
afterAll(() => rm(cacheDir, { recursive: true }));

test("perplexities are those of the windows, and fewer bits change them more", async () => {
  const tokenizer = createByteTokenizer();
  const request = { config, tensors, sha256: "ab".repeat(32), tokenizer, text, windowTokens: 30 };
  const quality = await measureBaseQuality({ ...request, maxTokens: 70 });
  const program = await createScoringProgram({ config, tensors });
  const ids = tokenizer.encode(text).slice(0, 70);
  const windows = [ids.slice(0, 30), ids.slice(30, 60), ids.slice(60)];
  const { loss, count } = await program.run(windows.map((w) => ({ ids: w, labels: w })));
  await program.close();
  const [exact, half, eight, four] = quality.rows;
  expect(quality.tokens).toBe(count);
  expect(exact?.perplexity).toBeCloseTo(Math.exp(loss / count), 3);
  expect(exact?.change).toBe(0);
  expect(Math.abs(half?.change ?? 1)).toBeLessThan(1e-3);
  expect(Math.abs(eight?.change ?? 1)).toBeLessThan(0.02);
  expect(Math.abs(four?.change ?? 0)).toBeGreaterThan(Math.abs(half?.change ?? 1));
  await expect(measureBaseQuality({ ...request, text: "x" })).rejects.toThrow("two tokens");

  expect(await findBaseQuality(quality.model, cacheDir)).toBeUndefined();
  await saveBaseQuality(quality, cacheDir);
  expect(await findBaseQuality(quality.model, cacheDir)).toEqual(quality);
  await writeFile(path.join(cacheDir, "quality", `${quality.model}.json`), "{");
  expect(await findBaseQuality(quality.model, cacheDir)).toBeUndefined();
});
