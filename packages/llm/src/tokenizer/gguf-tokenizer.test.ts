import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createProtoCursor, openRangeFile, type TypedValue, writeGguf } from "@qtune/weights";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goldenFolder, readGolden, runGolden } from "./golden.suite.ts";
import { loadGgufTokenizer } from "./gguf-tokenizer.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-gguf-vocabulary-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const text = (value: string): TypedValue => ({ type: "string", value });
const texts = (value: string[]): TypedValue => ({ type: "array", of: "string", value });
const integers = (value: number[]): TypedValue => ({ type: "array", of: "int32", value });
const floats = (value: number[]): TypedValue => ({ type: "array", of: "float32", value });
const id = (value: number): TypedValue => ({ type: "uint32", value });
const flag = (value: boolean): TypedValue => ({ type: "bool", value });

async function write(name: string, values: Record<string, TypedValue>): Promise<string> {
  const file = path.join(folder, name);
  const prefixed = Object.entries(values).map(
    ([key, value]) => [`tokenizer.ggml.${key}`, value] as const,
  );
  await writeGguf(file, new Map([["general.architecture", text("llama")], ...prefixed]), []);
  return file;
}

/** The byte-level vocabulary of our own, as a GGUF file would hold it. */
async function writeMerges(more: Record<string, TypedValue> = {}): Promise<string> {
  const json = JSON.parse(
    readFileSync(path.join(goldenFolder, "tiny-byte-level.json"), "utf8"),
  ) as {
    model: { vocab: Record<string, number>; merges: [string, string][] };
    added_tokens: { id: number }[];
  };
  const tokens = Object.entries(json.model.vocab).sort(([, a], [, b]) => a - b);
  const special = new Set(json.added_tokens.map((token) => token.id));
  return write("merges.gguf", {
    model: text("gpt2"),
    pre: text("qwen2"),
    tokens: texts(tokens.map(([token]) => token)),
    token_type: integers(tokens.map(([, index]) => (special.has(index) ? 3 : 1))),
    merges: texts(json.model.merges.map((pair) => pair.join(" "))),
    bos_token_id: id(1),
    eos_token_id: id(2),
    ...more,
  });
}

/** The SentencePiece vocabulary of our own, as a GGUF file would hold it. */
async function writeScores(more: Record<string, TypedValue> = {}): Promise<string> {
  const file = await openRangeFile(path.join(goldenFolder, "tiny-sentencepiece.model"));
  const cursor = createProtoCursor(file);
  const tokens: string[] = [];
  const scores: number[] = [];
  const types: number[] = [];
  for await (const message of cursor.fields(0, file.sizeBytes)) {
    if (message.number !== 1 || message.kind !== "bytes") continue;
    types.push(1);
    for await (const field of cursor.fields(message.offset, message.end)) {
      if (field.number === 1) tokens.push(await cursor.text(field));
      if (field.number === 2) scores.push(await cursor.float(field));
      if (field.number === 3 && field.kind === "varint")
        types[types.length - 1] = Number(field.value);
    }
  }
  await file.close();
  return write("scores.gguf", {
    model: text("llama"),
    tokens: texts(tokens),
    scores: floats(scores),
    token_type: integers(types),
    bos_token_id: id(1),
    eos_token_id: id(2),
    ...more,
  });
}

describe("a vocabulary with merges", () => {
  runGolden(readGolden("tiny-byte-level.golden.json"), async () =>
    loadGgufTokenizer(await writeMerges()),
  );

  test("puts BOS in front where the file says so, and only once", async () => {
    const tokenizer = await loadGgufTokenizer(await writeMerges({ add_bos_token: flag(true) }));
    expect(tokenizer.encode("a")[0]).toBe(1);
    expect(tokenizer.encode("a", { addSpecial: false })[0]).not.toBe(1);
    expect(tokenizer.specials).toMatchObject({ bosId: 1, eosId: 2 });
    expect(tokenizer.templateVariables).toMatchObject({ eos_token: "<|im_end|>" });
  });

  test("is refused where a merge is no pair", async () => {
    for (const merge of ["ab", "", " b"]) {
      const file = await writeMerges({ merges: texts([merge]) });
      await expect(loadGgufTokenizer(file)).rejects.toThrow(/merges\[0\]: expected two tokens/);
    }
    const file = await writeMerges({ pre: text("constructor") });
    await expect(loadGgufTokenizer(file)).rejects.toThrow(/expected one of default/);
  });

  test("is refused where its way of cutting text is unknown", async () => {
    const file = await writeMerges({ pre: text("deepseek-v3") });
    await expect(loadGgufTokenizer(file)).rejects.toThrow(/expected one of default.*deepseek-v3/);
  });
});

describe("a vocabulary with scores", () => {
  const { texts: cases } = readGolden("tiny-sentencepiece.golden.json");
  // Special and user-defined tokens inside a text follow llama.cpp here: the text after one gets a space in front.
  const plain = cases.filter((one) => !/<s>|<turn>/.test(one.text));
  runGolden({ texts: plain }, async () => loadGgufTokenizer(await writeScores()));

  test("is refused where scores or types are missing, too few or no numbers", async () => {
    const load = async (more: Parameters<typeof writeScores>[0]) =>
      loadGgufTokenizer(await writeScores(more));
    await expect(load({ scores: floats([1, 2]) })).rejects.toThrow(
      /ggml\.scores: expected \d+ values, one for each token, but there are 2/,
    );
    await expect(load({ scores: floats([]) })).rejects.toThrow(/ggml\.scores: expected \d+ values/);
    await expect(load({ scores: floats(Array<number>(440).fill(NaN)) })).rejects.toThrow(
      /scores: expected a list of/,
    );
    await expect(load({ scores: text("none") })).rejects.toThrow(/scores: expected a list of/);
    await expect(load({ token_type: integers([1]) })).rejects.toThrow(/token_type: expected \d+/);
    const bare = { model: text("llama"), tokens: texts(["a", "b"]) };
    await expect(loadGgufTokenizer(await write("bare.gguf", bare))).rejects.toThrow(
      /scores: expected a score for each token but was given nothing/,
    );
  });

  test("puts a space in front of each stretch of text, unless the file says otherwise", async () => {
    const tokenizer = await loadGgufTokenizer(await writeScores());
    const without = await loadGgufTokenizer(await writeScores({ add_space_prefix: flag(false) }));
    const a = tokenizer.encode("cat", { addSpecial: false });
    expect(tokenizer.encode("<s>cat", { addSpecial: false })).toEqual([1, ...a]);
    expect(without.encode(" cat", { addSpecial: false })).toEqual(a);
    expect(tokenizer.encode("cat")).toEqual([1, ...a]);
  });
});

test("a file without a vocabulary, or with one of another kind, is refused", async () => {
  await expect(loadGgufTokenizer(await write("none.gguf", {}))).rejects.toMatchObject({
    code: "not_found",
  });
  const other = await write("other.gguf", { model: text("bert"), tokens: texts(["a"]) });
  await expect(loadGgufTokenizer(other)).rejects.toThrow(/llama or gpt2 but it is bert/);
});
