/**
 * What the readers have in common: a tensor is known by name, type, shape and place before a byte of it is read.
 */
import type { Abortable } from "@qtune/base";

/** Where a tensor's bytes lie, for a runtime that maps the file itself. */
export interface FileRange {
  readonly path: string;
  /** First byte, from the start of the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A part of a tensor, in elements of its flattened, row-major form. */
export interface ElementRange {
  readonly start: number;
  readonly end: number;
}

/** Options of a read. */
export interface ReadOptions extends Abortable {
  /** Reads these elements only; both ends fall on block borders of a quantised type. Default: all. */
  readonly elements?: ElementRange | undefined;
}

/**
 * One tensor of a file, read when asked.
 *
 * Effect: reading leaves the source as it was; two reads give equal, separate arrays. Nothing is cached.
 * Errors: data_loss when the file has shrunk or changed, cancelled on abort, failed_precondition after close.
 */
export interface TensorSource {
  readonly name: string;
  /** Element type as its file names it: `F32`, `F16`, `BF16`, `I8`, `Q4_K`, … */
  readonly dtype: string;
  /** Row-major, slowest dimension first, whatever the file's own order. */
  readonly shape: readonly number[];
  /** Absent where the tensor is computed from others (dequantised initialisers, permuted rows). */
  readonly range: FileRange | undefined;
  /** Reads the bytes as they are stored, starting at a multiple of 8 in memory. */
  readBytes(options?: ReadOptions): Promise<Uint8Array>;
  /** Reads the values as float32, dequantised where needed. */
  readFloat32(options?: ReadOptions): Promise<Float32Array>;
}

/** The tensors of one file or of several that belong together. */
export interface TensorSet {
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** Text beside the tensors: `__metadata__` of safetensors; empty where a format has none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Closes the files; reading afterwards fails. */
  close(): Promise<void>;
}
