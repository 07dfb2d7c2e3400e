/** Random damage to files of every format: a reader either reads or refuses with an error of ours, and stays alive. */
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRandom, isQtuneError, type Random } from "@qtune/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGguf } from "./gguf/open-gguf.ts";
import { openOnnx } from "./onnx/open-onnx.ts";
import { openSafetensors } from "./safetensors/open-safetensors.ts";
import { float32ToBytes, writeSafetensors } from "./safetensors/write-safetensors.ts";
import type { TensorSet } from "./tensor.ts";

let folder: string;
let safetensors: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-hostile-"));
  const file = path.join(folder, "whole.safetensors");
  const tensor = (name: string, values: number[]) =>
    ({
      name,
      dtype: "F32",
      shape: [values.length],
      read: () => float32ToBytes(Float32Array.from(values), "F32"),
    }) as const;
  await writeSafetensors(file, [tensor("a", [1, 2, 3]), tensor("b", [4])]);
  safetensors = await readFile(file);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const gguf = readFileSync(path.resolve(import.meta.dirname, "../testdata/gguf/tiny.gguf"));

/** ONNX: one initialiser `w` of two float32 values, written by hand. */
const onnx = Buffer.from([
  8, 8, 58, 19, 42, 17, 8, 2, 16, 1, 66, 1, 119, 74, 8, 0, 0, 128, 63, 0, 0, 0, 64,
]);

/** Changes some bytes, cuts the end off or repeats a piece. */
function damage(whole: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(whole);
  const changes = 1 + random.nextBelow(4);
  for (let i = 0; i < changes; i++) bytes[random.nextBelow(bytes.length)] = random.nextBelow(256);
  const cut = random.nextBelow(3) === 0 ? random.nextBelow(bytes.length) : bytes.length;
  const start = random.nextBelow(bytes.length);
  const repeated =
    random.nextBelow(4) === 0 ? bytes.subarray(start, start + random.nextBelow(64)) : [];
  return Buffer.concat([bytes.subarray(0, cut), Buffer.from(repeated)]);
}

async function readAll(set: TensorSet): Promise<void> {
  try {
    for (const tensor of set.tensors.values()) await tensor.readFloat32();
  } finally {
    await set.close();
  }
}

test.each<[string, () => Buffer, (file: string) => Promise<TensorSet>]>([
  ["safetensors", () => safetensors, openSafetensors],
  ["GGUF", () => gguf, openGguf],
  ["ONNX", () => onnx, openOnnx],
])("damaged %s files are read or refused", async (name, whole, open) => {
  await writeFile(path.join(folder, "x"), whole());
  await readAll(await open(path.join(folder, "x"))); // the undamaged file is a valid one
  const seed = 17;
  for (let round = 0; round < 100; round++) {
    const random = createRandom(seed, name, round);
    const file = path.join(folder, "damaged.bin");
    await writeFile(file, damage(whole(), random));
    try {
      await readAll(await open(file));
    } catch (error) {
      expect(isQtuneError(error), `seed ${seed}, ${name}, round ${round}: ${String(error)}`).toBe(
        true,
      );
    }
  }
});
