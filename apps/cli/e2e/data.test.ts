/** `qtune data show` and `qtune inspect` as a user calls them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { runCommandLine } from "../src/command-line.ts";
import { writeTinyModel } from "./tiny-model.ts";

let folder = "";
let records = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-data-"));
  records = path.join(folder, "records.jsonl");
  const lines = Array.from({ length: 12 }, (_, k) =>
    JSON.stringify({ prompt: `${k} + 1 =`, completion: String(k + 1) }),
  );
  await writeFile(records, lines.join("\n"));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs a command line and returns what it wrote to stdout. */
async function run(...args: string[]): Promise<string> {
  let text = "";
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  await runCommandLine(args, new AbortController().signal);
  vi.restoreAllMocks();
  return text;
}

describe("data show", () => {
  test("reads a file as a run would", async () => {
    const shown = JSON.parse(
      await run("data", "show", records, "--count", "1", "--json"),
    ) as object;
    expect(shown).toEqual({
      examples: 12,
      kinds: ["12 prompt"],
      first: [{ id: "records.jsonl:1", kind: "prompt", prompt: "0 + 1 =", completion: "1" }],
    });
    expect(await run("data", "show", records)).toContain("records.jsonl:3\nprompt: 2 + 1 =");
  });

  test("says where a record is wrong", async () => {
    const file = path.join(folder, "bad.jsonl");
    await writeFile(file, '{"prompt":"a","completion":"b"}\n{"prompt":1}\n');
    const error = await run("data", "show", file, "--json");
    expect(error).toContain("bad.jsonl");
    expect(error).toContain('"line":2');
    expect(process.exitCode).toBe(2);
  });
});

test("inspect shows what a run learns from, with what is learnt in brackets", async () => {
  const model = path.join(folder, "model");
  await writeTinyModel(model);
  const config = path.join(folder, "run.yaml");
  await writeFile(
    config,
    `model: ${model}\ndata: { source: ${records}, validation: 2 }\nadapter: { kind: lora, rank: 2 }\n`,
  );
  const text = await run("inspect", config, "--count", "1");
  expect(text).toMatch(/10 examples, \d+ tokens, [\d.]+ % of them learnt/);
  expect(text).toMatch(/⟦\d+<\|end\|>/);
  const document = JSON.parse(await run("inspect", config, "--count", "2", "--json")) as {
    samples: unknown[];
    warnings: string[];
  };
  expect(document.samples).toHaveLength(2);
});
