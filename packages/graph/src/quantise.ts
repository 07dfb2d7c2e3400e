/**
 * Block quantisation of frozen matrices, in the layout of onnxruntime's MatMulNBits.
 *
 * Each row is cut into blocks of `blockSize` values along the inner dimension; a block has one float32 scale, and value v is
 * stored as round(v / scale) + zero with zero = 2^(bits − 1). Four-bit values stand two to a byte, the first in the low half.
 */
import { shapeSize } from "@qtune/base";
import type { WeightSource } from "./tensor.ts";

/** How a matrix is quantised. */
export interface QuantisedFormat {
  readonly bits: 4 | 8;
  /** Values that share a scale: a power of two, at least 16. */
  readonly blockSize: number;
  /** Quantises the transposed matrix, which the reverse pass multiplies by. */
  readonly transposed: boolean;
}

/** A quantised matrix. Shapes: packed uint8 [N, blocks, blockSize·bits/8], scales float32 [N, blocks]. */
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
 * Cost:   the result and one piece of 16 MiB in memory.
 */
export async function quantiseMatrix(
  source: WeightSource,
  format: QuantisedFormat,
  signal?: AbortSignal,
): Promise<QuantisedMatrix> {
  const [out = 1, into = 1] = source.shape;
  const { N, blocks, blockBytes } = quantisedSizes(source.shape, format);
  const packed = new Uint8Array(N * blocks * blockBytes);
  const scales = new Float32Array(N * blocks);
  const block = new Float32Array(format.blockSize);
  const put = (row: number, index: number): void => {
    const at = row * blocks + index;
    scales[at] = packBlock(
      block,
      format.bits,
      packed.subarray(at * blockBytes, (at + 1) * blockBytes),
    );
  };
  // Whole blocks of rows, so that a transposed block never straddles two pieces.
  const rowsPerBlock = format.blockSize;
  const step = Math.max(
    rowsPerBlock,
    Math.floor(pieceElements / into / rowsPerBlock) * rowsPerBlock,
  );
  for (let start = 0; start < out; start += step) {
    const end = Math.min(out, start + step);
    const isWhole = start === 0 && end === out;
    const elements = { start: start * into, end: end * into };
    const values = await source.readFloat32({ signal, ...(isWhole ? {} : { elements }) });
    if (format.transposed) quantiseColumns(values, { start, into, rows: end - start }, block, put);
    else quantiseRows(values, { start, into, rows: end - start }, block, put);
  }
  return { packed, scales };
}

interface Piece {
  /** First row of the piece. */
  readonly start: number;
  readonly rows: number;
  readonly into: number;
}

type PutBlock = (row: number, index: number) => void;

function quantiseRows(
  values: Float32Array,
  piece: Piece,
  block: Float32Array,
  put: PutBlock,
): void {
  for (let row = 0; row < piece.rows; row++) {
    for (let from = 0; from < piece.into; from += block.length) {
      const length = Math.min(block.length, piece.into - from);
      const at = row * piece.into + from;
      block.fill(0).set(values.subarray(at, at + length));
      put(piece.start + row, from / block.length);
    }
  }
}

function quantiseColumns(
  values: Float32Array,
  piece: Piece,
  block: Float32Array,
  put: PutBlock,
): void {
  for (let first = 0; first < piece.rows; first += block.length) {
    const length = Math.min(block.length, piece.rows - first);
    for (let column = 0; column < piece.into; column++) {
      block.fill(0);
      for (let k = 0; k < length; k++) block[k] = values[(first + k) * piece.into + column] ?? 0;
      put(column, (piece.start + first) / block.length);
    }
  }
}

/**
 * Packs one block and returns its scale. Eight bits use −127 … 127; four bits put the largest value at −8, which halves the
 * step that ±7 would need.
 */
function packBlock(block: Float32Array, bits: 4 | 8, packed: Uint8Array): number {
  let largest = 0;
  for (const value of block) if (Math.abs(value) > Math.abs(largest)) largest = value;
  const scale = Math.fround(bits === 8 ? Math.abs(largest) / 127 : largest / -8);
  const inverse = scale === 0 ? 0 : 1 / scale;
  const top = bits === 8 ? 255 : 15;
  const zero = bits === 8 ? 128 : 8;
  const code = (k: number): number =>
    Math.max(0, Math.min(top, Math.round((block[k] ?? 0) * inverse) + zero));
  for (let k = 0; k < packed.length; k++) {
    packed[k] = bits === 8 ? code(k) : code(2 * k) | (code(2 * k + 1) << 4);
  }
  return scale;
}

/** Returns the values that a quantised matrix stands for. Shapes: float32 [N, K], row-major. */
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
