/**
 * The header of a GGUF file (version 2 and 3, little-endian): metadata and places of tensors. Every length is checked
 * against what is left of the file before anything is allocated.
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { type Issue, QtuneError, shapeSize } from "@qtune/base";
import type { RangeFile, StoredTensor } from "../file.ts";
import { arrayTypeId, type GgufValue, scalarTypeOf, stringTypeId } from "./gguf-value.ts";
import { type GgufType, ggufTypeOf, ggufTypes } from "./quant-table.ts";

/** What a header says. */
export interface GgufHeader {
  readonly version: number;
  readonly values: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly (StoredTensor & { readonly dtype: GgufType })[];
}

/** Says that the part of the file that was read ends inside the header. */
class NeedsMore extends Error {}

const maxAlignment = 2 ** 20;
const alignments = new Set(Array.from({ length: 21 }, (_, k) => 2 ** k));
const firstReadBytes = 4 * 2 ** 20;
const maxHeaderBytes = 512 * 2 ** 20;

/**
 * Reads the header of a GGUF file.
 *
 * Cost:   reads 4 MiB, more only where the vocabulary is larger.
 * Errors: data_loss for a damaged or hostile file, unimplemented for a version, byte order or tensor type not known.
 */
export async function readGgufHeader(file: RangeFile): Promise<GgufHeader> {
  for (let size = firstReadBytes; ; size *= 4) {
    const bytes = await file.read(0, Math.min(size, file.sizeBytes));
    try {
      return parseHeader(bytes, file);
    } catch (error) {
      if (!(error instanceof NeedsMore)) throw error;
      if (bytes.length === file.sizeBytes || size > maxHeaderBytes) {
        throw damaged(file, "the header ends beyond the file; the file is truncated");
      }
    }
  }
}

function damaged(file: RangeFile, problem: string, where = ""): QtuneError {
  return new QtuneError("data_loss", problem, { where: `${file.path}${where}` });
}

/** Reads values one after another from the bytes of the header. */
class HeaderReader {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  readonly #file: RangeFile;
  position = 0;

  constructor(bytes: Uint8Array, file: RangeFile) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
  }

  #take(sizeBytes: number): number {
    const at = this.position;
    if (at + sizeBytes > this.#file.sizeBytes) {
      throw damaged(this.#file, `a value of ${sizeBytes} bytes at byte ${at} ends beyond the file`);
    }
    if (at + sizeBytes > this.#bytes.length) throw new NeedsMore();
    this.position += sizeBytes;
    return at;
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A 64-bit count: larger than any file means a damaged one. */
  count(): number {
    const value = Number(this.#view.getBigUint64(this.#take(8), true));
    if (value > 2 ** 48)
      throw damaged(this.#file, `expected a count at byte ${this.position - 8} but it is ${value}`);
    return value;
  }

  text(): string {
    const length = this.count();
    const at = this.#take(length);
    return this.#bytes.toString("utf8", at, at + length);
  }

  value(typeId: number, depth = 0): GgufValue {
    if (typeId === stringTypeId) return this.text();
    const scalar = scalarTypeOf(typeId);
    if (scalar !== undefined) return scalar.read(this.#view, this.#take(scalar.sizeBytes));
    if (typeId !== arrayTypeId || depth > 3) {
      throw damaged(
        this.#file,
        `value type ${typeId} at byte ${this.position} is unknown or nested too deep`,
      );
    }
    const elementType = this.uint32();
    const length = this.count();
    // The shortest element takes a byte, so a longer list cannot fit.
    if (length > this.#file.sizeBytes - this.position) {
      throw damaged(
        this.#file,
        `a list of ${length} values at byte ${this.position} ends beyond the file`,
      );
    }
    const values: GgufValue[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(elementType, depth + 1));
    return values;
  }
}

function parseHeader(bytes: Uint8Array, file: RangeFile): GgufHeader {
  const reader = new HeaderReader(bytes, file);
  const version = readVersion(reader, file);
  const tensorCount = reader.count();
  const valueCount = reader.count();
  const values = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) {
    const key = reader.text();
    if (values.has(key)) throw damaged(file, `the key ${key} comes twice`);
    values.set(key, reader.value(reader.uint32()));
  }
  const places: TensorPlace[] = [];
  for (let i = 0; i < tensorCount; i++) places.push(readPlace(reader, file));
  return { version, values, tensors: placeTensors(places, values, reader.position, file) };
}

function readVersion(reader: HeaderReader, file: RangeFile): number {
  const magic = reader.uint32();
  if (magic !== 0x46554747)
    throw damaged(file, "expected a GGUF file, which starts with the letters GGUF");
  const version = reader.uint32();
  if (version === 2 || version === 3) return version;
  const isBigEndian = version >>> 24 !== 0 && (version & 0xffffff) === 0;
  const problem = isBigEndian
    ? "big-endian GGUF files are not supported"
    : `GGUF version ${version} is not supported`;
  throw new QtuneError("unimplemented", problem, { where: file.path });
}

interface TensorPlace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly typeId: number;
  readonly offset: number;
}

function readPlace(reader: HeaderReader, file: RangeFile): TensorPlace {
  const name = reader.text();
  const rank = reader.uint32();
  if (rank > 4)
    throw damaged(file, `expected at most 4 dimensions but there are ${rank}`, `: tensor ${name}`);
  const shape: number[] = [];
  // The file names the fastest dimension first.
  for (let i = 0; i < rank; i++) shape.unshift(reader.count());
  return { name, shape, typeId: reader.uint32(), offset: reader.count() };
}

function placeTensors(
  places: readonly TensorPlace[],
  values: ReadonlyMap<string, GgufValue>,
  headerEnd: number,
  file: RangeFile,
): GgufHeader["tensors"] {
  const alignment = values.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || !alignments.has(alignment)) {
    throw damaged(
      file,
      `expected a power of two up to ${maxAlignment} but was given ${String(alignment).slice(0, 40)}`,
      ": general.alignment",
    );
  }
  const dataStart = Math.ceil(headerEnd / alignment) * alignment;
  const issues: Issue[] = [];
  const tensors: (StoredTensor & { dtype: GgufType })[] = [];
  const names = new Set<string>();
  for (const { name, shape, typeId, offset } of places) {
    const where = `tensor ${name}`;
    const dtype = ggufTypeOf(typeId);
    if (dtype === undefined) {
      const known = Object.keys(ggufTypes).join(", ");
      throw new QtuneError(
        "unimplemented",
        `GGUF tensor type ${typeId} is not supported; ${known} are`,
        {
          where: `${file.path}: ${where}`,
        },
      );
    }
    const { blockSize, blockBytes } = ggufTypes[dtype];
    const width = shape.at(-1) ?? 1;
    if (width % blockSize !== 0) {
      const expected = `a last dimension in steps of ${blockSize} for ${dtype}`;
      issues.push({ where, file: file.path, expected, given: `${width}` });
    }
    if (names.has(name))
      issues.push({ where, file: file.path, expected: "each name once", given: "it again" });
    names.add(name);
    if (offset % alignment !== 0) {
      const expected = `an offset in steps of ${alignment}`;
      issues.push({ where, file: file.path, expected, given: `${offset}` });
    }
    const sizeBytes = (shapeSize(shape) / blockSize) * blockBytes;
    tensors.push({ name, dtype, shape, offset: dataStart + offset, sizeBytes });
  }
  issues.push(...overlapIssues(tensors, file));
  if (issues.length > 0) throw QtuneError.fromIssues(issues, "data_loss");
  return tensors;
}

/** Returns tensors that overlap another or end beyond the file. */
function overlapIssues(tensors: readonly StoredTensor[], file: RangeFile): Issue[] {
  const issues: Issue[] = [];
  let end = 0;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset)) {
    const where = `tensor ${tensor.name}`;
    const tensorEnd = tensor.offset + tensor.sizeBytes;
    if (tensor.offset < end) {
      issues.push({
        where,
        file: file.path,
        expected: `an offset of at least ${end}`,
        given: `${tensor.offset}`,
        hint: "it overlaps the tensor before it",
      });
    }
    if (!(tensorEnd <= file.sizeBytes)) {
      issues.push({
        where,
        file: file.path,
        expected: `${tensorEnd} bytes`,
        given: `a file of ${file.sizeBytes}`,
        hint: "the file is truncated, fetch it again",
      });
    }
    end = Math.max(end, tensorEnd);
  }
  return issues;
}
