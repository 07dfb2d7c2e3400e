/**
 * Reading protobuf from a file by range: fields are walked, long ones are skipped, so that a file of any size is indexed
 * through a window of 64 kB. Wire format: https://protobuf.dev/programming-guides/encoding/.
 */
import { QtuneError } from "@qtune/base";
import type { RangeFile } from "../file.ts";

const windowBytes = 65_536;

/** One field as it stands in the file. */
export type ProtoField =
  | { readonly number: number; readonly kind: "varint"; readonly value: bigint }
  | {
      readonly number: number;
      readonly kind: "fixed";
      readonly sizeBytes: 4 | 8;
      readonly offset: number;
    }
  | {
      readonly number: number;
      readonly kind: "bytes";
      readonly offset: number;
      readonly end: number;
    };

/** Walks the fields of a message inside a file. */
export interface ProtoCursor {
  /** Yields the fields between two offsets. Errors: data_loss when a field ends outside. */
  fields(offset: number, end: number): AsyncGenerator<ProtoField>;
  /** Reads a bytes field, up to `limit` bytes. */
  bytes(field: ProtoField, limit: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Reads a float32 field. */
  float(field: ProtoField): Promise<number>;
  /** Reads a short text field. */
  text(field: ProtoField): Promise<string>;
  /** Reads one or many integers: a varint field, or a packed list of them. */
  integers(field: ProtoField): Promise<bigint[]>;
}

/** Creates a cursor over a file. */
export function createProtoCursor(file: RangeFile): ProtoCursor {
  let window = new Uint8Array(0);
  let windowStart = 0;

  async function byteAt(position: number): Promise<number> {
    if (position < windowStart || position >= windowStart + window.length) {
      const size = Math.min(windowBytes, file.sizeBytes - position);
      if (size <= 0) throw damaged(file, position, "the file ends inside a field");
      window = await file.read(position, size);
      windowStart = position;
    }
    return window[position - windowStart]!; // the window was just moved over it
  }

  async function varint(position: number, end: number): Promise<{ value: bigint; next: number }> {
    let value = 0n;
    for (let i = 0; i < 10; i++) {
      if (position + i >= end) throw damaged(file, position, "a number ends outside its message");
      const byte = await byteAt(position + i);
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return { value, next: position + i + 1 };
    }
    throw damaged(file, position, "a number is longer than 10 bytes");
  }

  async function* fields(offset: number, end: number): AsyncGenerator<ProtoField> {
    let position = offset;
    while (position < end) {
      const tag = await varint(position, end);
      const number = Number(tag.value >> 3n);
      const wire = Number(tag.value & 7n);
      position = tag.next;
      if (wire === 0) {
        const { value, next } = await varint(position, end);
        yield { number, kind: "varint", value };
        position = next;
      } else if (wire === 2) {
        const length = await varint(position, end);
        const last = length.next + Number(length.value);
        if (last > end) throw damaged(file, position, "a field ends outside its message");
        yield { number, kind: "bytes", offset: length.next, end: last };
        position = last;
      } else if (wire === 1 || wire === 5) {
        const sizeBytes = wire === 1 ? 8 : 4;
        if (position + sizeBytes > end)
          throw damaged(file, position, "a field ends outside its message");
        yield { number, kind: "fixed", sizeBytes, offset: position };
        position += sizeBytes;
      } else {
        throw damaged(file, position, `wire type ${wire} is unknown`);
      }
    }
  }

  async function bytes(field: ProtoField, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    if (field.kind !== "bytes") throw damaged(file, 0, `field ${field.number} should be bytes`);
    const size = field.end - field.offset;
    if (size > limit) {
      throw damaged(
        file,
        field.offset,
        `field ${field.number} has ${size} bytes, more than ${limit}`,
      );
    }
    return file.read(field.offset, size);
  }

  async function integers(field: ProtoField): Promise<bigint[]> {
    if (field.kind === "varint") return [field.value];
    if (field.kind !== "bytes") throw damaged(file, field.offset, "expected integers");
    const values: bigint[] = [];
    for (let position = field.offset; position < field.end;) {
      const { value, next } = await varint(position, field.end);
      values.push(value);
      position = next;
    }
    return values;
  }

  async function float(field: ProtoField): Promise<number> {
    if (field.kind !== "fixed" || field.sizeBytes !== 4) {
      throw damaged(file, 0, `field ${field.number} should be a float32`);
    }
    const word = await file.read(field.offset, 4);
    return new DataView(word.buffer).getFloat32(0, true);
  }

  const text = async (field: ProtoField): Promise<string> =>
    new TextDecoder().decode(await bytes(field, 65_536));
  return { fields, bytes, text, float, integers };
}

/** Creates the error for a place where a file stops making sense. */
function damaged(file: RangeFile, offset: number, problem: string): QtuneError {
  return new QtuneError(
    "data_loss",
    `${problem} (at byte ${offset}); the file is damaged or of another format`,
    {
      where: file.path,
    },
  );
}
