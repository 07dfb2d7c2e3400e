/** What a user of models gets wrong, or what the machine cannot hold: refused before anything is compiled. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { writeTinyModel } from "../e2e/tiny-model.ts";
import { useCommands } from "./commands.suite.ts";

const folder = mkdtempSync(path.join(tmpdir(), "qtune-bad-model-"));
beforeAll(() => writeTinyModel(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { run, failureOf } = useCommands();

/** The message of a command that has to fail. */
async function messageOf(...args: string[]): Promise<string> {
  return (await failureOf(...args)).message;
}

describe("memory that is not free", () => {
  beforeEach(() => void vi.spyOn(process, "availableMemory").mockReturnValue(1e8));

  test("for what a server may be asked: it says how much, and three ways out", async () => {
    expect(await messageOf("serve", folder, "--port", "0", "--max-rows", "7")).toMatch(
      /needs about 0\.\d GB .* but 0\.1 GB are free; keep the base weights in int8 or int4, allow shorter texts than 1024 tokens or fewer than 7 at once, or take a smaller model/,
    );
  });

  test("for shorter texts: --context counts", async () => {
    expect(await messageOf("serve", folder, "--port", "0", "--context", "99")).toMatch(
      /shorter texts than 99 tokens/,
    );
  });

  test("for one text", async () => {
    const args = ["generate", "--model", folder, "--prompt", "ab", "--max-new-tokens", "50"];
    expect(await messageOf(...args)).toMatch(/shorter texts than 52 tokens, or take/);
  });
});

test("a tokenizer with more tokens than the embedding has rows: shown, and said", async () => {
  const wide = path.join(folder, "wide");
  await writeTinyModel(wide);
  const file = path.join(wide, "tokenizer.json");
  const json = JSON.parse(readFileSync(file, "utf8")) as { added_tokens: object[] };
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  json.added_tokens.push({ id: 270, content: "<more>", special: true, ...plain });
  writeFileSync(file, JSON.stringify(json));
  expect(await run("model", "show", wide)).toMatch(
    /cannot be run: .*knows 271 tokens but the embedding has 260 rows/,
  );
  expect(await messageOf("generate", "--model", wide, "--prompt", "a")).toMatch(/271 tokens/);
});

test("a server for longer texts than the model's context is refused", async () => {
  expect(await messageOf("serve", folder, "--port", "0", "--context", "1025")).toMatch(
    /--context: expected at most 1024 tokens, the model's context, but was given 1025/,
  );
});

test("a prompt that leaves too little of the context is refused, whatever memory there is", async () => {
  const args = ["generate", "--model", folder, "--prompt", "ab", "--max-new-tokens", "1023"];
  expect(await messageOf(...args)).toMatch(
    /at most 1024 tokens .* given 2 and asked for 1023 more/,
  );
});
