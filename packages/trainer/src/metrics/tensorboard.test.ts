import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";
import {
  createTensorBoardWriter,
  encodeRecord,
  encodeScalarEvent,
  encodeVersionEvent,
} from "./tensorboard.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("crc32c has its check value", () => {
  expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
});

test("the first record equals the one that TensorBoard writes", () => {
  const record = encodeRecord(encodeVersionEvent(1_700_000_000));
  expect(hex(record)).toBe(
    "1800000000000000a37f4b220900000040fc54d9411a0d627261696e2e4576656e743a32eced8f9d",
  );
});

test("a scalar event carries time, step, tag and value", () => {
  // Fields by hand: 09 double 0; 10 varint 300 = ac02; 2a len { 0a len { 0a len tag, 15 float 0.5 } }.
  expect(hex(encodeScalarEvent(300, { l: 0.5 }, 0))).toBe(
    "09000000000000000010ac022a0a0a080a016c150000003f",
  );
});

test("a file is the version record followed by one record per step", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "qtune-tb-"));
  try {
    const writer = createTensorBoardWriter(directory, 12);
    writer.write(1, { "train/loss": 2 }, 13);
    writer.close();
    const expected = [encodeVersionEvent(12), encodeScalarEvent(1, { "train/loss": 2 }, 13)].map(
      encodeRecord,
    );
    expect(hex(readFileSync(writer.file))).toBe(expected.map(hex).join(""));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
