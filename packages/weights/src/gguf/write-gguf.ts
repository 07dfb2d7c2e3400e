/** Writes GGUF files (version 3, little-endian), tensor by tensor. */
import { type Abortable, QtuneError, shapeSize, throwIfAborted } from "@qtune/base";
import { writeFileAtomically } from "../atomic-file.ts";
import { arrayTypeId, scalarTypes, stringTypeId, type TypedValue } from "./gguf-value.ts";
import { ggufTypes } from "./quant-table.ts";
import type { WritableGgufType } from "./quantize.ts";

/** A tensor to be written; its bytes are asked for when its turn comes. */
export interface GgufTensorToWrite {
  readonly name: string;
  readonly type: WritableGgufType;
  /** Row-major, slowest dimension first. */
  readonly shape: readonly number[];
  /** Returns the encoded bytes, as quantizeGguf gives them. */
  readonly read: () => Promise<Uint8Array> | Uint8Array;
}

const alignment = 32;

/**
 * Writes a GGUF file, atomically (temporary name, flush, rename).
 *
 * Cost:   memory of the largest tensor.
 * Errors: invalid_argument when bytes do not fill a shape, or a row is no whole number of blocks.
 */
export async function writeGguf(
  filePath: string,
  values: ReadonlyMap<string, TypedValue>,
  tensors: readonly GgufTensorToWrite[],
  options: Abortable = {},
): Promise<void> {
  const { header, sizes } = buildHeader(values, tensors, filePath);
  await writeFileAtomically(filePath, async (sink) => {
    await sink.write(header);
    for (const [index, tensor] of tensors.entries()) {
      throwIfAborted(options.signal);
      const bytes = await tensor.read();
      const expected = sizes[index];
      if (bytes.byteLength !== expected) {
        const problem = `expected ${expected} bytes but was given ${bytes.byteLength}`;
        throw new QtuneError("invalid_argument", problem, {
          where: `${filePath}: tensor ${tensor.name}`,
        });
      }
      await sink.write(bytes);
      await sink.write(new Uint8Array(padding(bytes.byteLength)));
    }
  });
}

const padding = (sizeBytes: number): number => (alignment - (sizeBytes % alignment)) % alignment;

/** Collects little-endian values into one piece of bytes. */
function createWriter(): {
  readonly uint32: (value: number) => void;
  readonly uint64: (value: number) => void;
  readonly text: (value: string) => void;
  readonly scalar: (type: keyof typeof scalarTypes, value: number | bigint | boolean) => void;
  readonly finish: () => Uint8Array;
} {
  const chunks: Uint8Array[] = [];
  const scalar = (type: keyof typeof scalarTypes, value: number | bigint | boolean): void => {
    const bytes = new Uint8Array(scalarTypes[type].sizeBytes);
    scalarTypes[type].write(new DataView(bytes.buffer), 0, value);
    chunks.push(bytes);
  };
  const uint64 = (value: number): void => scalar("uint64", value);
  const text = (value: string): void => {
    const bytes = new TextEncoder().encode(value);
    uint64(bytes.length);
    chunks.push(bytes);
  };
  const finish = (): Uint8Array => {
    const bytes = Buffer.concat(chunks);
    return Buffer.concat([bytes, Buffer.alloc(padding(bytes.length))]);
  };
  return { uint32: (value) => scalar("uint32", value), uint64, text, scalar, finish };
}

function buildHeader(
  values: ReadonlyMap<string, TypedValue>,
  tensors: readonly GgufTensorToWrite[],
  filePath: string,
): { header: Uint8Array; sizes: number[] } {
  const writer = createWriter();
  writer.uint32(0x46554747); // the letters GGUF
  writer.uint32(3);
  writer.uint64(tensors.length);
  writer.uint64(values.size);
  for (const [key, value] of values) {
    writer.text(key);
    writeValue(writer, value);
  }
  const sizes: number[] = [];
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    const { id, blockSize, blockBytes } = ggufTypes[type];
    if ((shape.at(-1) ?? 1) % blockSize !== 0) {
      const problem = `expected a last dimension in steps of ${blockSize} but it is ${shape.at(-1)}`;
      throw new QtuneError("invalid_argument", problem, { where: `${filePath}: tensor ${name}` });
    }
    writer.text(name);
    writer.uint32(shape.length);
    for (const size of shape.toReversed()) writer.uint64(size);
    writer.uint32(id);
    writer.uint64(offset);
    const sizeBytes = (shapeSize(shape) / blockSize) * blockBytes;
    sizes.push(sizeBytes);
    offset += sizeBytes + padding(sizeBytes);
  }
  return { header: writer.finish(), sizes };
}

function writeValue(writer: ReturnType<typeof createWriter>, value: TypedValue): void {
  switch (value.type) {
    case "string":
      writer.uint32(stringTypeId);
      writer.text(value.value);
      return;
    case "array":
      writer.uint32(arrayTypeId);
      writer.uint32(value.of === "string" ? stringTypeId : scalarTypes[value.of].id);
      writer.uint64(value.value.length);
      for (const element of value.value) {
        if (value.of === "string") writer.text(String(element));
        else if (typeof element !== "string") writer.scalar(value.of, element);
      }
      return;
    default:
      writer.uint32(scalarTypes[value.type].id);
      writer.scalar(value.type, value.value);
  }
}
