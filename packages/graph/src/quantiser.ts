/**
 * Block quantisation in WebAssembly: values are copied into its memory in chunks that stay in the cache, codes are copied out.
 * Same codes and scales as the plain loops of `reference-quantiser.ts`, bit for bit.
 */
import { internalError } from "@qtune/base";
import { wasmBase64 } from "./gen/wasm.ts";
import type { MatrixPiece, QuantisedTarget, Quantiser } from "./quantise.ts";

/** Exports of assembly/quantise.ts. Pointers and sizes are numbers. */
interface Kernels {
  readonly quantiseAlong: (...words: readonly number[]) => void;
  readonly quantiseDown: (...words: readonly number[]) => void;
  readonly transposeBytes: (...words: readonly number[]) => void;
  readonly packNibbles: (...words: readonly number[]) => void;
}

/** Values that are copied in at once. */
const chunkElements = 1024 * 1024;
/** Rows of a chunk at least: so long are the strips in which turned codes are copied out. */
const chunkRows = 256;
/** Bytes in front, where a square of bytes is turned. */
const squareBytes = 512;
const pageBytes = 65_536;

let compiled: WebAssembly.Module | undefined;

/** The engine optimises a module while it is used: all quantisers share one. */
function compileOnce(): WebAssembly.Module {
  if (compiled !== undefined) return compiled;
  const bytes = Uint8Array.from(atob(wasmBase64), (char) => char.charCodeAt(0));
  compiled = new WebAssembly.Module(bytes);
  return compiled;
}

/** Where the parts of a chunk lie in memory, in bytes. */
interface Places {
  readonly values: number;
  readonly codes: number;
  readonly turned: number;
  readonly scales: number;
  readonly scratch: number;
  readonly end: number;
}

/**
 * Creates a quantiser with a memory of its own, which grows to what a chunk of the widest matrix needs (about 10 MB).
 *
 * Effect: one call at a time.
 */
export function createQuantiser(): Quantiser {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(compileOnce(), { env: { memory } });
  const kernels = exports as unknown as Kernels; // exports have no types; the generator wrote these
  return (piece, target) => {
    const unit = Math.max(target.blockSize, chunkRows);
    const step = Math.max(unit, Math.floor(chunkElements / piece.into / unit) * unit);
    const places = placeChunk(Math.min(step, piece.rows), piece.into, target.blockSize);
    const missing = Math.ceil((places.end - memory.buffer.byteLength) / pageBytes);
    if (missing > 0) memory.grow(missing);
    for (let row = 0; row < piece.rows; row += step) {
      const rows = Math.min(step, piece.rows - row);
      const values = piece.values.subarray(row * piece.into, (row + rows) * piece.into);
      new Float32Array(memory.buffer, places.values, values.length).set(values);
      const chunk: Chunk = { kernels, places, bytes: new Uint8Array(memory.buffer) };
      const part = { values, rows, into: piece.into, start: piece.start + row };
      if (target.transposed) quantiseDown(chunk, part, target);
      else quantiseAlong(chunk, part, target);
    }
  };
}

function placeChunk(rows: number, into: number, blockSize: number): Places {
  const blocks = (size: number): number => Math.ceil(size / blockSize);
  const codeBytes = blocks(rows) * blocks(into) * blockSize ** 2;
  const values = squareBytes;
  const codes = values + 4 * rows * into;
  const turned = codes + codeBytes;
  const scales = turned + codeBytes;
  const scratch = scales + 4 * Math.max(rows * blocks(into), into) + 8;
  return { values, codes, turned, scales, scratch, end: scratch + 8 * into };
}

interface Chunk {
  readonly kernels: Kernels;
  readonly places: Places;
  /** The whole memory. */
  readonly bytes: Uint8Array;
}

/** Blocks run along the rows. */
function quantiseAlong(chunk: Chunk, { rows, into, start }: MatrixPiece, target: QuantisedTarget) {
  const { kernels, places, bytes } = chunk;
  const { bits, blockSize, blocks, packed } = target;
  const filled = blocks * blockSize;
  const { values, codes, turned } = places;
  kernels.quantiseAlong(values, rows, into, blockSize, zeroOf(target), codes, places.scales);
  const scales = new Float32Array(bytes.buffer, places.scales, rows * blocks);
  if (target.order === "rows") {
    target.scales.set(scales, start * blocks);
    if (bits === 4) kernels.packNibbles(codes, rows * filled);
    const size = (rows * filled * bits) / 8;
    packed.set(bytes.subarray(codes, codes + size), (start * filled * bits) / 8);
    return;
  }
  putColumns(scales, rows, start, target);
  kernels.transposeBytes(codes, rows, into, filled, turned, rows, zeroOf(target), 0);
  if (bits === 4 && target.N % 2 === 1) return putStraddling(chunk, rows, into, start, target);
  putStrips(chunk, into, rows, target, (k) => k * target.N + start);
}

/** Blocks run down the columns. */
function quantiseDown(chunk: Chunk, { rows, into, start }: MatrixPiece, target: QuantisedTarget) {
  const { kernels, places, bytes } = chunk;
  const { blockSize, blocks } = target;
  const ownBlocks = Math.ceil(rows / blockSize);
  const filled = ownBlocks * blockSize;
  const { codes, turned } = places;
  // What fills the last block up is zero.
  if (filled > rows) bytes.fill(zeroOf(target), turned, turned + into * filled);
  for (let block = 0; block < ownBlocks; block++) {
    const first = block * blockSize;
    const count = Math.min(blockSize, rows - first);
    const values = places.values + 4 * first * into;
    const { scales, scratch } = places;
    kernels.quantiseDown(values, count, into, zeroOf(target), codes, scales, scratch);
    kernels.transposeBytes(codes, count, into, into, turned + first, filled, 0, 0);
    const column = start / blockSize + block;
    const own = new Float32Array(bytes.buffer, scales, into);
    for (let n = 0; n < into; n++) target.scales[n * blocks + column] = own[n] ?? 0;
  }
  putStrips(chunk, into, filled, target, (n) => n * blocks * blockSize + start);
}

function zeroOf({ bits }: QuantisedTarget): number {
  return bits === 8 ? 128 : 8;
}

/** Turns the scales of rows. Shapes: scales [rows, blocks] into [blocks, N]. */
function putColumns(
  scales: Float32Array,
  rows: number,
  start: number,
  { N, blocks, scales: to }: QuantisedTarget,
): void {
  for (let block = 0; block < blocks; block++)
    for (let row = 0; row < rows; row++)
      to[block * N + start + row] = scales[row * blocks + block] ?? 0;
}

/** Copies turned codes out. Shapes: [strips, length]; `elementOf` says which element a strip begins at. */
function putStrips(
  { kernels, places: { turned }, bytes }: Chunk,
  strips: number,
  length: number,
  { bits, packed }: QuantisedTarget,
  elementOf: (strip: number) => number,
): void {
  if ((length * bits) % 8 !== 0) throw internalError("a strip of codes ends inside a byte");
  if (bits === 4) kernels.packNibbles(turned, strips * length);
  const size = (length * bits) / 8;
  for (let strip = 0; strip < strips; strip++) {
    const from = turned + strip * size;
    packed.set(bytes.subarray(from, from + size), (elementOf(strip) * bits) / 8);
  }
}

/** Copies turned codes of four bits out where the rows of the result begin inside a byte. */
function putStraddling(
  { places: { turned }, bytes }: Chunk,
  rows: number,
  into: number,
  start: number,
  { N, packed }: QuantisedTarget,
): void {
  for (let k = 0; k < into; k++) {
    for (let row = 0; row < rows; row++) {
      const at = k * N + start + row;
      const code = bytes[turned + k * rows + row] ?? 0;
      packed[at >> 1] = (packed[at >> 1] ?? 0) | (code << ((at & 1) << 2));
    }
  }
}
