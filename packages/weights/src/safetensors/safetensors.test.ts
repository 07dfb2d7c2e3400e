import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSafetensors } from "./open-safetensors.ts";
import { float32ToBytes, writeSafetensors, type TensorToWrite } from "./write-safetensors.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-safetensors-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const at = (name: string): string => path.join(folder, name);

function tensor(
  name: string,
  dtype: "F32" | "F16" | "BF16",
  shape: number[],
  values: number[],
): TensorToWrite {
  return { name, dtype, shape, read: () => float32ToBytes(Float32Array.from(values), dtype) };
}

/** Writes a file from raw header text and data, as a hostile writer might. */
async function writeRaw(
  header: string,
  data: Uint8Array,
  lengthField = header.length,
): Promise<string> {
  const bytes = new Uint8Array(8 + header.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(lengthField), true);
  bytes.set(new TextEncoder().encode(header), 8);
  bytes.set(data, 8 + header.length);
  await writeFile(at("raw.safetensors"), bytes);
  return at("raw.safetensors");
}

const entry = (begin: number, end: number, shape = [1], dtype = "F32"): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe("writeSafetensors and openSafetensors", () => {
  test("keep values, shapes, types and metadata", async () => {
    await writeSafetensors(
      at("a.safetensors"),
      [
        tensor("b", "F16", [2], [0.5, -1]),
        tensor("a", "F32", [2, 2], [1, 2, 3, 4]),
        tensor("c", "BF16", [0, 3], []),
      ],
      { metadata: { note: "grüß" } },
    );
    const set = await openSafetensors(at("a.safetensors"));
    expect(set.metadata).toEqual({ format: "pt", note: "grüß" });
    expect([...set.tensors.keys()]).toEqual(["a", "b", "c"]);
    expect(set.tensors.get("a")).toMatchObject({ dtype: "F32", shape: [2, 2] });
    expect(await set.tensors.get("a")?.readFloat32()).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(await set.tensors.get("b")?.readFloat32()).toEqual(Float32Array.of(0.5, -1));
    expect(await set.tensors.get("c")?.readFloat32()).toEqual(new Float32Array(0));
    await set.close();
  });

  test("read a part of a tensor and refuse one outside it", async () => {
    await writeSafetensors(at("a.safetensors"), [tensor("a", "F16", [4], [1, 2, 3, 4])]);
    const set = await openSafetensors(at("a.safetensors"));
    const a = set.tensors.get("a");
    expect(await a?.readFloat32({ elements: { start: 1, end: 3 } })).toEqual(Float32Array.of(2, 3));
    await expect(a?.readFloat32({ elements: { start: 1, end: 5 } })).rejects.toThrow(
      /within 0 to 4/,
    );
    await set.close();
    await expect(a?.readFloat32()).rejects.toMatchObject({ code: "failed_precondition" });
  });

  test("pad the header so that data starts at a multiple of 8", async () => {
    await writeSafetensors(at("a.safetensors"), [tensor("abc", "F32", [1], [1])]);
    const bytes = await readFile(at("a.safetensors"));
    expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);
  });

  test("leave nothing behind when a tensor cannot be read", async () => {
    const broken: TensorToWrite = {
      ...tensor("a", "F32", [1], [1]),
      read: () => Promise.reject(new Error("no such layer")),
    };
    await expect(writeSafetensors(at("a.safetensors"), [broken])).rejects.toThrow("no such layer");
    expect(await readdir(folder)).toEqual([]);
  });

  test("refuse a name given twice and bytes that do not fill the shape", async () => {
    const a = tensor("a", "F32", [1], [1]);
    await expect(writeSafetensors(at("a.safetensors"), [a, a])).rejects.toThrow(/each name once/);
    const short = { ...a, shape: [2] };
    await expect(writeSafetensors(at("a.safetensors"), [short])).rejects.toThrow(
      /expected 8 bytes/,
    );
  });
});

describe("shards", () => {
  async function writeShards(weightMap: Record<string, string>): Promise<void> {
    await writeSafetensors(at("model-00001-of-00002.safetensors"), [tensor("a", "F32", [1], [1])]);
    await writeSafetensors(at("model-00002-of-00002.safetensors"), [tensor("b", "F32", [1], [2])]);
    await writeFile(at("model.safetensors.index.json"), JSON.stringify({ weight_map: weightMap }));
  }

  test("open as one set through the folder", async () => {
    await writeShards({
      a: "model-00001-of-00002.safetensors",
      b: "model-00002-of-00002.safetensors",
    });
    const set = await openSafetensors(folder);
    expect(await set.tensors.get("b")?.readFloat32()).toEqual(Float32Array.of(2));
    await set.close();
  });

  test("name every missing file", async () => {
    await writeShards({ a: "x.safetensors", b: "y.safetensors" });
    await expect(openSafetensors(folder)).rejects.toThrow(/x\.safetensors, y\.safetensors/);
  });

  test("name every missing tensor", async () => {
    await writeShards({ z: "model-00001-of-00002.safetensors" });
    await expect(openSafetensors(folder)).rejects.toThrow(/z \(in model-00001/);
  });

  test("may not point out of the folder", async () => {
    await writeShards({ a: "../a.safetensors" });
    await expect(openSafetensors(folder)).rejects.toThrow(/plain file name/);
  });
});

describe("a damaged or hostile file", () => {
  const four = new Uint8Array(4);
  const cases: [string, () => Promise<string>, RegExp][] = [
    ["a header length beyond the file", () => writeRaw("{}", four, 2 ** 50), /length field/],
    ["a header that is no JSON", () => writeRaw("{{", four), /not JSON/],
    ["a header that is no object", () => writeRaw("[]", new Uint8Array(0)), /JSON object/],
    [
      "an unknown type",
      () => writeRaw(JSON.stringify({ a: entry(0, 4, [1], "F4") }), four),
      /a\.dtype.*F4/,
    ],
    ["a negative size", () => writeRaw(JSON.stringify({ a: entry(0, 4, [-1]) }), four), /a\.shape/],
    [
      "a size that overflows",
      () => writeRaw(JSON.stringify({ a: entry(0, 4, [2 ** 40, 2 ** 40]) }), four),
      /bytes for F32/,
    ],
    [
      "offsets the wrong way round",
      () => writeRaw(JSON.stringify({ a: entry(4, 0) }), four),
      /begin ≤ end/,
    ],
    [
      "tensors that overlap",
      () => writeRaw(JSON.stringify({ a: entry(0, 4), b: entry(0, 4) }), four),
      /overlaps/,
    ],
    [
      "a gap between tensors",
      () => writeRaw(JSON.stringify({ a: entry(0, 4), b: entry(8, 12) }), new Uint8Array(12)),
      /gap/,
    ],
    [
      "data beyond the end",
      () => writeRaw(JSON.stringify({ a: entry(0, 4) }), new Uint8Array(3)),
      /truncated/,
    ],
    [
      "bytes after the data",
      () => writeRaw(JSON.stringify({ a: entry(0, 4) }), new Uint8Array(5)),
      /bytes follow/,
    ],
    [
      "a name that comes twice",
      () => {
        const twice = JSON.stringify({ "a\\b": entry(0, 4), X: entry(0, 4) });
        return writeRaw(twice.replace('"X"', '"\\u0061\\\\b"'), four);
      },
      /each name once.*twice/,
    ],
    [
      "a field that comes twice",
      () => writeRaw('{"a":{"dtype":"F32","shape":[1],"shape" :[1],"data_offsets":[0,4]}}', four),
      /holds "shape" twice/,
    ],
    [
      "metadata that is no text",
      () => writeRaw(JSON.stringify({ __metadata__: { a: 1 } }), new Uint8Array(0)),
      /text values/,
    ],
  ];

  test.each(cases)("with %s is refused", async (_, write, message) => {
    const file = await write();
    await expect(openSafetensors(file)).rejects.toMatchObject({ code: "data_loss" });
    await expect(openSafetensors(file)).rejects.toThrow(message);
  });

  test("that is missing is named", async () => {
    await expect(openSafetensors(at("none.safetensors"))).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(openSafetensors(folder)).rejects.toThrow(/model\.safetensors/);
  });

  test("that shrinks after it was opened is noticed", async () => {
    await writeSafetensors(at("a.safetensors"), [tensor("a", "F32", [4], [1, 2, 3, 4])]);
    const set = await openSafetensors(at("a.safetensors"));
    await truncate(at("a.safetensors"), 20);
    await expect(set.tensors.get("a")?.readFloat32()).rejects.toMatchObject({ code: "data_loss" });
    await set.close();
  });
});
