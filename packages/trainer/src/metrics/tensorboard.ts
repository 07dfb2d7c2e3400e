/**
 * TensorBoard event files: records of length, masked CRC-32C of the length, payload, masked CRC-32C of the payload, all
 * little-endian; the payload is a protobuf `tensorflow.Event`. Scalars only, which is what training needs.
 */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { crc32c } from "./crc32c.ts";

/** Appends scalars to one event file. */
export interface TensorBoardWriter {
  readonly file: string;
  /** Writes the scalars of one step. Tags as `train/loss`. */
  write(step: number, scalars: Readonly<Record<string, number>>, wallTime: number): void;
  close(): void;
}

/** Creates an event file in `directory`. `wallTime` is in seconds since 1970. */
export function createTensorBoardWriter(directory: string, wallTime: number): TensorBoardWriter {
  const name = `events.out.tfevents.${Math.floor(wallTime)}.${hostname()}.${process.pid}.0`;
  const file = path.join(directory, name);
  const handle = openSync(file, "a");
  const append = (payload: Uint8Array): void => {
    writeSync(handle, encodeRecord(payload));
  };
  append(encodeVersionEvent(wallTime));
  return {
    file,
    write(step, scalars, time) {
      append(encodeScalarEvent(step, scalars, time));
    },
    close() {
      fsyncSync(handle);
      closeSync(handle);
    },
  };
}

/** Frames a payload as one record of an event file. */
export function encodeRecord(payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(8 + 4 + payload.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(payload.length), true);
  view.setUint32(8, mask(crc32c(record.subarray(0, 8))), true);
  record.set(payload, 12);
  view.setUint32(12 + payload.length, mask(crc32c(payload)), true);
  return record;
}

/** Encodes the event that starts each file. */
export function encodeVersionEvent(wallTime: number): Uint8Array {
  return concat([
    double(1, wallTime),
    lengthDelimited(3, new TextEncoder().encode("brain.Event:2")),
  ]);
}

/** Encodes the scalars of one step as one event. */
export function encodeScalarEvent(
  step: number,
  scalars: Readonly<Record<string, number>>,
  wallTime: number,
): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    lengthDelimited(
      1,
      concat([lengthDelimited(1, new TextEncoder().encode(tag)), float(2, value)]),
    ),
  );
  return concat([
    double(1, wallTime),
    concat([Uint8Array.of(2 << 3), varint(step)]),
    lengthDelimited(5, concat(values)),
  ]);
}

/** The rotation and offset that TensorFlow applies to checksums stored beside their data. */
function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

function double(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(9);
  bytes[0] = (field << 3) | 1;
  new DataView(bytes.buffer).setFloat64(1, value, true);
  return bytes;
}

function float(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = (field << 3) | 5;
  new DataView(bytes.buffer).setFloat32(1, value, true);
  return bytes;
}

function lengthDelimited(field: number, payload: Uint8Array): Uint8Array {
  return concat([Uint8Array.of((field << 3) | 2), varint(payload.length), payload]);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
