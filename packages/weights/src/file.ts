/** Reading by byte range, so that a model file never becomes one buffer. */
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { QtuneError, throwIfAborted } from "@qtune/base";
import type { FileRange, ReadOptions, TensorSource } from "./tensor.ts";
import type { DtypeRow } from "./dtype-table.ts";

/** A file open for reading by range. */
export interface RangeFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Reads exactly `sizeBytes` bytes; the result starts at a multiple of 8 in memory. */
  read(offset: number, sizeBytes: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Largest piece read at once, so that an abort is noticed and the kernel's own 2 GiB limit stays out of reach. */
const pieceBytes = 64 * 2 ** 20;

/**
 * Opens a file for reading by range.
 *
 * Errors: not_found, permission_denied; data_loss when a range ends beyond the file.
 */
export async function openRangeFile(filePath: string): Promise<RangeFile> {
  const absolute = path.resolve(filePath);
  let handle: FileHandle;
  try {
    handle = await open(absolute, "r");
  } catch (cause) {
    throw openError(filePath, cause);
  }
  const status = await handle.stat();
  if (!status.isFile()) {
    await handle.close();
    throw new QtuneError("invalid_argument", "expected a file but was given a folder", {
      where: filePath,
    });
  }
  return new NodeRangeFile(absolute, status.size, handle);
}

function openError(filePath: string, cause: unknown): QtuneError {
  const reason = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (reason === "EACCES" || reason === "EPERM") {
    return new QtuneError("permission_denied", "may not be read", { where: filePath, cause });
  }
  if (reason === "ENOENT" || reason === "ENOTDIR") {
    return new QtuneError("not_found", "there is no such file", { where: filePath, cause });
  }
  return QtuneError.from(cause);
}

class NodeRangeFile implements RangeFile {
  readonly path: string;
  readonly sizeBytes: number;
  #handle: FileHandle | undefined;

  constructor(filePath: string, sizeBytes: number, handle: FileHandle) {
    this.path = filePath;
    this.sizeBytes = sizeBytes;
    this.#handle = handle;
  }

  async read(
    offset: number,
    sizeBytes: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#handle === undefined) {
      throw new QtuneError("failed_precondition", "the file is closed", { where: this.path });
    }
    if (offset < 0 || offset + sizeBytes > this.sizeBytes) {
      throw truncated(this.path, offset + sizeBytes, this.sizeBytes);
    }
    const bytes = new Uint8Array(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      throwIfAborted(signal);
      const length = Math.min(pieceBytes, sizeBytes - done);
      const { bytesRead } = await this.#handle.read(bytes, done, length, offset + done);
      if (bytesRead === 0) throw truncated(this.path, offset + sizeBytes, offset + done);
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }
}

function truncated(filePath: string, expected: number, given: number): QtuneError {
  return new QtuneError(
    "data_loss",
    `expected at least ${expected} bytes but the file ends at ${given}; it is truncated, fetch it again`,
    { where: filePath, details: { expectedBytes: expected, givenBytes: given } },
  );
}

/** A tensor stored in one piece in a file. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Makes a readable tensor of a stored one; `row` says how its bytes are read. */
export function tensorInFile(file: RangeFile, stored: StoredTensor, row: DtypeRow): TensorSource {
  const { name, dtype, shape, offset, sizeBytes } = stored;
  const range: FileRange = { path: file.path, offset, sizeBytes };
  const readBytes = async (options: ReadOptions = {}): Promise<Uint8Array> => {
    const { start, size } = byteRange(stored, row, options);
    return file.read(offset + start, size, options.signal);
  };
  const readFloat32 = async (options: ReadOptions = {}): Promise<Float32Array> =>
    row.toFloat32(await readBytes(options));
  return { name, dtype, shape, range, readBytes, readFloat32 };
}

/** Translates elements into bytes, checking that both ends fall on block borders. */
function byteRange(
  stored: StoredTensor,
  row: DtypeRow,
  options: ReadOptions,
): { start: number; size: number } {
  if (options.elements === undefined) return { start: 0, size: stored.sizeBytes };
  const { start, end } = options.elements;
  const count = (stored.sizeBytes / row.blockBytes) * row.blockSize;
  const isAligned = start % row.blockSize === 0 && end % row.blockSize === 0;
  if (!Number.isInteger(start) || start < 0 || start > end || end > count || !isAligned) {
    throw new QtuneError(
      "out_of_range",
      `expected a range within 0 to ${count} in steps of ${row.blockSize} but was given ${start} to ${end}`,
      { where: `tensor ${stored.name}` },
    );
  }
  const blockOf = (element: number): number => (element / row.blockSize) * row.blockBytes;
  return { start: blockOf(start), size: blockOf(end) - blockOf(start) };
}
