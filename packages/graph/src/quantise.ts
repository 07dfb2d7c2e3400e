/**
 * Block quantisation of frozen matrices.
 *
 * Each row of the matrix [N, K] is cut into blocks of `blockSize` values along K; a block has one float32 scale, and value v is
 * stored as round(v / scale) + zero with zero = 2^(bits − 1). Four-bit values stand two to a byte, the first in the low half.
 * Two orders of the same codes: `rows` is the layout of onnxruntime's MatMulNBits, `columns` the transposed matrix as signed
 * integers, which DequantizeLinear widens fastest.
 */
import { internalError, shapeSize, throwIfAborted, type Abortable } from "@qtune/base";
import type { WeightSource } from "./tensor.ts";

/** How a matrix is quantised. */
export interface QuantisedFormat {
  readonly bits: 4 | 8;
  /** Values that share a scale: a power of two, at least 16. */
  readonly blockSize: number;
  /** Quantises the transposed matrix, which the reverse pass multiplies by. */
  readonly transposed: boolean;
}

/** How codes lie: `rows` [N, blocks, blockSize·bits/8] and scales [N, blocks]; `columns` [K, N] and scales [blocks, N]. */
export type CodeOrder = "rows" | "columns";

/** A quantised matrix: codes and float32 scales in one of the orders. */
export interface QuantisedMatrix {
  readonly packed: Uint8Array;
  readonly scales: Float32Array;
}

/** Returns outer size N, inner size K and the number of blocks of a matrix [out, in] as a format sees it. */
export function quantisedSizes(
  shape: readonly number[],
  { blockSize, transposed, bits }: QuantisedFormat,
): {
  readonly N: number;
  readonly K: number;
  readonly blocks: number;
  readonly blockBytes: number;
} {
  const [out = 1, into = 1] = shape;
  const [N, K] = transposed ? [into, out] : [out, into];
  return { N, K, blocks: Math.ceil(K / blockSize), blockBytes: (blockSize * bits) / 8 };
}

/** Elements that are read at once. */
const pieceElements = 4 * 1024 * 1024;

/**
 * Reads a matrix in pieces and quantises it.
 *
 * Shapes: source [out, in].
 * Cost:   the result and two pieces of 16 MiB in memory; some nanoseconds per element.
 */
export async function quantiseMatrix(
  source: WeightSource,
  format: QuantisedFormat,
  { order = "rows", signal }: { readonly order?: CodeOrder | undefined } & Abortable = {},
): Promise<QuantisedMatrix> {
  const [out = 1, into = 1] = source.shape;
  if (format.transposed && order === "columns")
    throw internalError("columns hold matrices as they are");
  const target = createTarget(source.shape, format, order);
  // Whole blocks of rows, so that neither a transposed block nor a tile straddles two pieces.
  const unit = Math.max(format.blockSize, tileRows);
  const step = Math.max(unit, Math.floor(pieceElements / into / unit) * unit);
  const read = (start: number): Promise<Float32Array> => {
    const end = Math.min(out, start + step);
    const elements = { start: start * into, end: end * into };
    return source.readFloat32({ signal, ...(start === 0 && end === out ? {} : { elements }) });
  };
  let next = read(0);
  for (let start = 0; start < out; start += step) {
    const values = await next;
    throwIfAborted(signal);
    const end = Math.min(out, start + step);
    // The next piece is read while this one is worked on.
    if (end < out) next = read(end);
    const piece = { values, start, rows: end - start, into };
    if (order === "columns") quantiseIntoColumns(piece, target);
    else if (format.transposed) quantiseAcrossRows(piece, target);
    else quantiseAlongRows(piece, target);
  }
  return { packed: target.packed, scales: target.scales };
}

interface Piece {
  readonly values: Float32Array;
  /** First row of the piece. */
  readonly start: number;
  readonly rows: number;
  readonly into: number;
}

interface Target extends QuantisedMatrix {
  readonly bits: 4 | 8;
  readonly blockSize: number;
  readonly N: number;
  readonly blocks: number;
}

function createTarget(shape: readonly number[], format: QuantisedFormat, order: CodeOrder): Target {
  const { bits, blockSize } = format;
  const { N, K, blocks, blockBytes } = quantisedSizes(shape, format);
  const bytes = order === "rows" ? N * blocks * blockBytes : Math.ceil((N * K * bits) / 8);
  const scales = new Float32Array(N * blocks);
  return { bits, blockSize, N, blocks, packed: new Uint8Array(bytes), scales };
}

/** Blocks run along the rows of the source. Codes in the order `rows`. */
function quantiseAlongRows({ values, start, rows, into }: Piece, target: Target): void {
  const { blockSize, blocks, scales, bits } = target;
  const zero = bits === 8 ? 128 : 8;
  const filled = blocks * blockSize;
  // The last block of a row is filled up with codes of zero.
  const codes = new Uint8Array(filled).fill(zero);
  for (let row = 0; row < rows; row++) {
    const n = start + row;
    const own = scales.subarray(n * blocks, (n + 1) * blocks);
    quantiseRow(values, row * into, into, blockSize, zero, 0, codes, 0, 1, own);
    packCodes(codes, filled, target, (n * filled * bits) / 8);
  }
}

/** Sides of the tiles in which a matrix is turned: a line of the cache holds the codes of a column, all of it stays near. */
const tileRows = 64;
const tileColumns = 1024;

/** Blocks run along the rows of the source. Signed codes in the order `columns`. */
function quantiseIntoColumns({ values, start, rows, into }: Piece, target: Target): void {
  const { blockSize, N, scales, bits } = target;
  const zero = bits === 8 ? 128 : 8;
  const tile = new Uint8Array(tileColumns * tileRows);
  const rowScales = new Float32Array(tileColumns / blockSize);
  for (let top = 0; top < rows; top += tileRows) {
    const width = Math.min(tileRows, rows - top);
    for (let from = 0; from < into; from += tileColumns) {
      const length = Math.min(tileColumns, into - from);
      for (let row = 0; row < width; row++) {
        const at = (top + row) * into + from;
        quantiseRow(values, at, length, blockSize, zero, zero, tile, row, tileRows, rowScales);
        for (let block = 0; block * blockSize < length; block++)
          scales[(from / blockSize + block) * N + start + top + row] = rowScales[block] ?? 0;
      }
      for (let k = 0; k < length; k++) {
        const codes = tile.subarray(k * tileRows, k * tileRows + width);
        putCodes(codes, target, (from + k) * N + start + top);
      }
    }
  }
}

/** Writes codes from an element on; two share a byte where they have four bits. */
function putCodes(codes: Uint8Array, { bits, packed }: Target, to: number): void {
  if (bits === 8) {
    packed.set(codes, to);
    return;
  }
  for (let i = 0; i < codes.length; i++) {
    const at = to + i;
    packed[at >> 1] = (packed[at >> 1] ?? 0) | ((codes[i] ?? 0) << ((at & 1) << 2));
  }
}

/** Blocks run across the rows of the source, down its columns. Codes in the order `rows`. */
function quantiseAcrossRows({ values, start, rows, into }: Piece, target: Target): void {
  const { blockSize, blocks, scales, bits } = target;
  const zero = bits === 8 ? 128 : 8;
  const extremes = new Float32Array(into);
  const inverses = new Float64Array(into);
  const codes = new Uint8Array(into * blockSize);
  for (let first = 0; first < rows; first += blockSize) {
    const length = Math.min(blockSize, rows - first);
    const block = (start + first) / blockSize;
    extremes.fill(0);
    for (let k = 0; k < length; k++) keepLargest(values, (first + k) * into, extremes);
    for (let n = 0; n < into; n++) {
      const scale = scaleOf(extremes[n] ?? 0, zero);
      scales[n * blocks + block] = scale;
      inverses[n] = scale === 0 ? 0 : 1 / scale;
    }
    codes.fill(zero);
    for (let k = 0; k < length; k++)
      writeAcross(values, (first + k) * into, inverses, zero, codes, k, blockSize);
    for (let n = 0; n < into; n++) {
      const own = codes.subarray(n * blockSize, (n + 1) * blockSize);
      packCodes(own, blockSize, target, ((n * blocks + block) * blockSize * bits) / 8);
    }
  }
}

/** Keeps the value of largest size of each column. */
function keepLargest(values: Float32Array, at: number, extremes: Float32Array): void {
  for (let n = 0; n < extremes.length; n++) {
    const value = values[at + n] ?? 0;
    if (Math.abs(value) > Math.abs(extremes[n] ?? 0)) extremes[n] = value;
  }
}

/** Copies codes, two to a byte where they have four bits. */
function packCodes(codes: Uint8Array, count: number, { bits, packed }: Target, to: number): void {
  if (bits === 8) {
    packed.set(codes, to);
    return;
  }
  for (let k = 0; k < count; k += 2)
    packed[to + (k >> 1)] = (codes[k] ?? 0) | ((codes[k + 1] ?? 0) << 4);
}

/** Eight bits use −127 … 127; four bits put the largest value at −8, which halves the step that ±7 would need. */
function scaleOf(largest: number, zero: number): number {
  return Math.fround(zero === 128 ? Math.abs(largest) / 127 : largest / -8);
}

/**
 * Quantises blocks of one row; its codes go to `place` and every `stride` from there. The loops are short and plain: this is
 * where the time of loading goes.
 */
function quantiseRow(
  values: Float32Array,
  at: number,
  length: number,
  blockSize: number,
  zero: number,
  flip: number,
  codes: Uint8Array,
  place: number,
  stride: number,
  scales: Float32Array,
): void {
  const top = 2 * zero - 1;
  const offset = zero + 0.5;
  for (let from = 0, block = 0; from < length; from += blockSize, block++) {
    const end = Math.min(length, from + blockSize);
    let low = 0;
    let high = 0;
    for (let k = from; k < end; k++) {
      const value = values[at + k] ?? 0;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const scale = scaleOf(high >= -low ? high : low, zero);
    scales[block] = scale;
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let k = from; k < end; k++) {
      // Codes are positive, so cutting off the fraction rounds half up.
      const code = ((values[at + k] ?? 0) * inverse + offset) | 0;
      codes[place + k * stride] = (code > top ? top : code) ^ flip;
    }
  }
}

/** Writes the codes of a row of the source, each into the block of its column. */
function writeAcross(
  values: Float32Array,
  at: number,
  inverses: Float64Array,
  zero: number,
  codes: Uint8Array,
  place: number,
  blockSize: number,
): void {
  const top = 2 * zero - 1;
  const offset = zero + 0.5;
  for (let n = 0; n < inverses.length; n++) {
    const code = ((values[at + n] ?? 0) * (inverses[n] ?? 0) + offset) | 0;
    codes[n * blockSize + place] = code > top ? top : code;
  }
}

/** Returns the values that a quantised matrix in the order `rows` stands for. Shapes: float32 [N, K], row-major. */
export function dequantiseMatrix(
  { packed, scales }: QuantisedMatrix,
  shape: readonly number[],
  format: QuantisedFormat,
): Float32Array {
  const { N, K, blocks, blockBytes } = quantisedSizes(shape, format);
  const zero = format.bits === 8 ? 128 : 8;
  const values = new Float32Array(shapeSize([N, K]));
  for (let row = 0; row < N; row++) {
    for (let k = 0; k < K; k++) {
      const at = row * blocks + Math.floor(k / format.blockSize);
      const inside = k % format.blockSize;
      const byte = packed[at * blockBytes + (format.bits === 8 ? inside : inside >> 1)] ?? 0;
      const code = format.bits === 8 ? byte : inside % 2 === 0 ? byte & 15 : byte >> 4;
      values[row * K + k] = (code - zero) * (scales[at] ?? 0);
    }
  }
  return values;
}

/** Returns the values that a quantised matrix in the order `columns` stands for. Shapes: float32 [K, N], row-major. */
export function widenColumns(
  { packed, scales }: QuantisedMatrix,
  shape: readonly number[],
  format: QuantisedFormat,
): Float32Array {
  const { N, K } = quantisedSizes(shape, format);
  return Float32Array.from({ length: K * N }, (_, element) => {
    const byte = packed[format.bits === 8 ? element : element >> 1] ?? 0;
    const code =
      format.bits === 8 ? byte ^ 128 : ((element % 2 === 0 ? byte & 15 : byte >> 4) ^ 8) & 15;
    const block = Math.floor(Math.floor(element / N) / format.blockSize);
    return (code - (format.bits === 8 ? 128 : 8)) * (scales[block * N + (element % N)] ?? 0);
  });
}
