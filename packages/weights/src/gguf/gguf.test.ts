import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gguf as parseWithLibrary } from "@huggingface/gguf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TypedValue } from "./gguf-value.ts";
import { openGguf } from "./open-gguf.ts";
import { type GgufType, ggufTypes } from "./quant-table.ts";
import { quantizeGguf, type WritableGgufType } from "./quantize.ts";
import { writeGguf, type GgufTensorToWrite } from "./write-gguf.ts";

const testdata = path.resolve(import.meta.dirname, "../../testdata/gguf");

/** Made by tools/golden/gguf_golden.py; versions inside. */
const golden = JSON.parse(readFileSync(path.join(testdata, "blocks.json"), "utf8")) as {
  blocks: Record<GgufType, { bytes: string; values: string }>;
  values: string;
  quantised: Record<WritableGgufType, string>;
};

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));
const floatsOf = (base64: string): Float32Array => new Float32Array(bytesOf(base64).buffer);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-gguf-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("every type", () => {
  const cases = Object.keys(ggufTypes).filter((name) => name !== "F32") as GgufType[];
  test.each(cases)("%s is read bit for bit as the Python package reads it", (name) => {
    const { bytes, values } = golden.blocks[name];
    expect(ggufTypes[name].toFloat32(bytesOf(bytes))).toEqual(floatsOf(values));
  });

  test.each(["F16", "BF16", "Q8_0"] as const)(
    "%s is written bit for bit as it writes it",
    (name) => {
      expect(quantizeGguf(floatsOf(golden.values), name)).toEqual(bytesOf(golden.quantised[name]));
    },
  );

  test("Q8_0 refuses what does not fill its blocks", () => {
    expect(() => quantizeGguf(new Float32Array(33), "Q8_0")).toThrow(/blocks of 32/);
  });
});

describe("openGguf", () => {
  test("reads a file of the Python package: metadata of all types, shapes, values", async () => {
    const file = await openGguf(path.join(testdata, "tiny.gguf"));
    expect(Object.fromEntries(file.values)).toMatchObject({
      "general.architecture": "llama",
      "general.name": "tiny",
      "t.u8": 200,
      "t.i8": -5,
      "t.u16": 60_000,
      "t.i16": -30_000,
      "t.u32": 4_000_000_000,
      "t.i32": -2_000_000_000,
      "t.u64": 2n ** 60n + 1n,
      "t.i64": -(2 ** 40),
      "t.f32": 0.5,
      "t.f64": 0.1,
      "t.bool": true,
      "t.text": "grüß 你好",
      "t.texts": ["a", "", "你"],
      "t.numbers": [1, 2, 3],
      "t.floats": [0.5, -1.5],
    });
    const a = file.tensors.get("a.weight");
    expect(a).toMatchObject({ dtype: "F32", shape: [2, 32] });
    expect((await a?.readFloat32())?.[33]).toBe(33);
    expect(await file.tensors.get("c.bias")?.readFloat32()).toEqual(Float32Array.of(0, 1, 2, 3, 4));
    const b = file.tensors.get("b.weight");
    expect(b).toMatchObject({ dtype: "Q8_0", shape: [4, 64] });
    expect(await b?.readBytes()).toEqual(bytesOf(golden.quantised.Q8_0));
    const second = await b?.readFloat32({ elements: { start: 64, end: 128 } });
    expect(second).toEqual((await b?.readFloat32())?.slice(64, 128));
    await expect(b?.readFloat32({ elements: { start: 0, end: 33 } })).rejects.toThrow(
      /steps of 32/,
    );
    await file.close();
  });
});

describe("writeGguf", () => {
  const values = new Map<string, TypedValue>([
    ["general.architecture", { type: "string", value: "llama" }],
    ["n", { type: "uint32", value: 7 }],
    ["f", { type: "float32", value: 0.5 }],
    ["b", { type: "bool", value: true }],
    ["texts", { type: "array", of: "string", value: ["你好", ""] }],
    ["scores", { type: "array", of: "float32", value: [1.5, -2] }],
  ]);
  const tensor = (
    name: string,
    type: WritableGgufType,
    shape: number[],
    data: number[],
  ): GgufTensorToWrite => ({
    name,
    type,
    shape,
    read: () => quantizeGguf(Float32Array.from(data), type),
  });

  test("writes what it and another reader read back", async () => {
    const file = path.join(folder, "x.gguf");
    const numbers = Array.from({ length: 64 }, (_, i) => i - 32);
    await writeGguf(file, values, [
      tensor("odd", "F16", [3], [1, 2, 3]),
      tensor("w", "Q8_0", [2, 32], numbers),
    ]);
    const own = await openGguf(file);
    expect(own.values.get("texts")).toEqual(["你好", ""]);
    expect(own.values.get("scores")).toEqual([1.5, -2]);
    expect(await own.tensors.get("odd")?.readFloat32()).toEqual(Float32Array.of(1, 2, 3));
    expect(own.tensors.get("w")?.shape).toEqual([2, 32]);
    await own.close();
    const other = await parseWithLibrary(file, { allowLocalFile: true });
    expect(other.metadata).toMatchObject({ "general.architecture": "llama", n: 7, b: true });
    expect(other.tensorInfos.map((info) => [info.name, info.shape.map(Number)])).toEqual([
      ["odd", [3]],
      ["w", [32, 2]],
    ]);
  });

  test("refuses bytes that do not fill the shape and rows that do not fill blocks", async () => {
    const file = path.join(folder, "x.gguf");
    await expect(writeGguf(file, values, [tensor("w", "F32", [3], [1])])).rejects.toThrow(
      /expected 12 bytes/,
    );
    await expect(writeGguf(file, values, [tensor("w", "Q8_0", [33], [])])).rejects.toThrow(
      /steps of 32/,
    );
    await expect(readFile(file)).rejects.toThrow();
  });
});

describe("a damaged or hostile file", () => {
  const original = readFileSync(path.join(testdata, "tiny.gguf"));

  async function open(change: (bytes: Buffer) => Buffer | void): Promise<unknown> {
    const bytes = Buffer.from(original);
    const file = path.join(folder, "bad.gguf");
    await writeFile(file, change(bytes) ?? bytes);
    return openGguf(file);
  }
  const place = (text: string): number => original.indexOf(text);

  test.each<[string, (bytes: Buffer) => Buffer | void, RegExp]>([
    ["other letters at its start", (b) => void b.write("XXXX"), /letters GGUF/],
    ["version 1", (b) => void b.writeUInt32LE(1, 4), /version 1/],
    ["big-endian numbers", (b) => void b.writeUInt32BE(3, 4), /big-endian/],
    ["a huge number of tensors", (b) => void b.writeBigUInt64LE(2n ** 62n, 8), /expected a count/],
    [
      "many tensors that are not there",
      (b) => void b.writeBigUInt64LE(2n ** 40n, 8),
      /beyond the file|damaged|dimensions|count/,
    ],
    [
      "a huge number of values",
      (b) => void b.writeBigUInt64LE(2n ** 40n, 16),
      /type|beyond|count|twice/,
    ],
    [
      "a key longer than the file",
      (b) => void b.writeBigUInt64LE(2n ** 40n, 24),
      /ends beyond the file/,
    ],
    [
      "a list longer than the file",
      (b) => void b.writeBigUInt64LE(2n ** 40n, place("t.numbers") + 9 + 8),
      /list of|ends beyond/,
    ],
    [
      "an unknown type of value",
      (b) => void b.writeUInt32LE(77, place("t.u8") + 4),
      /value type 77/,
    ],
    [
      "an unknown type of tensor",
      (b) => void b.writeUInt32LE(77, place("c.bias") + 6 + 4 + 8),
      /tensor type 77/,
    ],
    [
      "too many dimensions",
      (b) => void b.writeUInt32LE(9, place("c.bias") + 6),
      /at most 4 dimensions/,
    ],
    [
      "an offset beyond the file",
      (b) => void b.writeBigUInt64LE(2n ** 40n, place("c.bias") + 6 + 4 + 8 + 4),
      /truncated/,
    ],
    [
      "an offset out of step",
      (b) => void b.writeBigUInt64LE(257n, place("b.weight") + 8 + 4 + 16 + 4),
      /steps of 32/,
    ],
    [
      "tensors that overlap",
      (b) => void b.writeBigUInt64LE(0n, place("b.weight") + 8 + 4 + 16 + 4),
      /overlaps/,
    ],
    ["an end in the middle of its header", (b) => b.subarray(0, 200), /beyond the file/],
    ["an end in the middle of its data", (b) => b.subarray(0, original.length - 300), /truncated/],
    ["nothing in it", (b) => b.subarray(0, 0), /beyond the file/],
  ])("with %s is refused", async (_, change, message) => {
    await expect(open(change)).rejects.toThrow(message);
  });

  test.each<[TypedValue]>([
    [{ type: "float32", value: 1.5 }],
    [{ type: "uint32", value: 0 }],
    [{ type: "uint32", value: 48 }],
    [{ type: "uint64", value: 2n ** 40n }],
    [{ type: "string", value: "32" }],
  ])("with an impossible alignment is refused: %o", async (alignment) => {
    const file = path.join(folder, "aligned.gguf");
    await writeGguf(file, new Map([["general.alignment", alignment]]), []);
    await expect(openGguf(file)).rejects.toThrow(/general\.alignment: expected a power of two/);
  });

  test("never brings the reader down, whatever single byte is wrong", async () => {
    const header = place("c.bias") + 30;
    for (let at = 0; at < header; at += 3) {
      const opened = open((bytes) => void bytes.writeUInt8(bytes[at]! ^ 0xff, at));
      const file = await opened.catch((error: unknown) => {
        expect(error).toHaveProperty("name", "QtuneError");
        return undefined;
      });
      await (file as Awaited<ReturnType<typeof openGguf>> | undefined)?.close();
    }
  });
});
