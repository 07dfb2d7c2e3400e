import type { Abortable } from "@qtune/base";

/** Type of the amplitudes that a program works on. */
export type Precision = "float32" | "float64";

/** Bytes of one number of a precision. */
export function bytesOf(precision: Precision): 4 | 8 {
  return precision === "float32" ? 4 : 8;
}

/** The kinds of backend, best first. */
export type BackendKind = "relaxed-simd" | "simd" | "reference";

/** A program and the data that its registers point at. */
export interface TileJob {
  readonly precision: Precision;
  /** Address of the encoded program and number of its operations. */
  readonly program: number;
  readonly operations: number;
  /** How many times it runs; tile t sees register i at `base[i] + t · advance[i]`. */
  readonly tiles: number;
  /**
   * Tiles of one group, where several data sets take the same program: tile t of T = `groupTiles` sees register i at
   * `base[i] + (t mod T) · advance[i] + ⌊t / T⌋ · groupAdvance[i]`. Default: one group.
   */
  readonly groupTiles?: number | undefined;
  readonly groupAdvance?: Uint32Array | undefined;
  /** Shapes: base, advance uint32 [16]; register 1 is set by the backend from `scratch`. */
  readonly base: Uint32Array;
  readonly advance: Uint32Array;
  /** Scratch space: thread w works at `scratch + w · scratchBytes`. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Whether helping threads are worth waking. */
  readonly parallel: boolean;
}

/**
 * Runs programs of kernel calls on one memory. All backends compute the same within the tolerances of the kernel table,
 * and one backend computes the same bits whatever the number of threads, since tiles share nothing.
 *
 * Effect: `run` is synchronous on the calling thread. `runTiles` spreads tiles over the threads, lets other work of the
 *         calling thread in between, and stops within one tile and 20 ms when aborted; one job at a time, callers queue.
 * Errors: resource_exhausted when memory cannot grow, cancelled, unavailable when a worker died (the next job starts a
 *         fresh pool), failed_precondition after `close`.
 */
export interface Backend {
  readonly kind: BackendKind;
  /** Why this kind and number of threads, in words. */
  readonly reason: string;
  /** Threads that take part, the calling one included. */
  readonly threads: number;
  /** Makes sure that addresses below `bytes` exist. Earlier views may end there; take new ones. */
  reserve(bytes: number): void;
  /** First free address: below lies the backend's own control block. */
  readonly firstAddress: number;
  float32(address: number, length: number): Float32Array;
  float64(address: number, length: number): Float64Array;
  uint32(address: number, length: number): Uint32Array;
  int32(address: number, length: number): Int32Array;
  run(precision: Precision, program: number, operations: number, registers: Uint32Array): void;
  runTiles(job: TileJob, options?: Abortable): Promise<void>;
  /** Ends the workers and drops the memory. */
  close(): Promise<void>;
}
