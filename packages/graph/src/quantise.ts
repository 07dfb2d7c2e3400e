/**
 * Block quantisation of frozen matrices.
 *
 * Each row of the matrix [N, K] is cut into blocks of `blockSize` values along K; a block has one float32 scale, and value v is
 * stored as round(v / scale) + zero with zero = 2^(bits − 1). Four-bit values stand two to a byte, the first in the low half.
 * Two orders of the same codes: `rows` is the layout of onnxruntime's MatMulNBits, `columns` the transposed matrix as signed
 * integers, which DequantizeLinear widens fastest.
 */
import { internalError, shapeSize, throwIfAborted, type Abortable } from "@qtune/base";
import { createQuantiser } from "./quantiser.ts";
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
/** Pieces are whole multiples of so many rows, where they do not end the matrix. */
const rowUnit = 64;

/**
 * Reads a matrix in pieces and quantises it.
 *
 * Shapes: source [out, in].
 * Cost:   the result and two pieces of 16 MiB in memory; one or two nanoseconds per element beside reading.
 */
export async function quantiseMatrix(
  source: WeightSource,
  format: QuantisedFormat,
  {
    order = "rows",
    signal,
    quantiser = createQuantiser(),
  }: {
    readonly order?: CodeOrder | undefined;
    /** Default: WebAssembly. */
    readonly quantiser?: Quantiser | undefined;
  } & Abortable = {},
): Promise<QuantisedMatrix> {
  const [out = 1, into = 1] = source.shape;
  if (format.transposed && order === "columns")
    throw internalError("columns hold matrices as they are");
  const target = createTarget(source.shape, format, order);
  // Whole blocks of rows, so that no transposed block straddles two pieces.
  const unit = Math.max(format.blockSize, rowUnit);
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
    quantiser({ values, start, rows: end - start, into }, target);
  }
  return { packed: target.packed, scales: target.scales };
}

/** Rows of a matrix. Shapes: values [rows, into]; row 0 is row `start` of the matrix. */
export interface MatrixPiece {
  readonly values: Float32Array;
  readonly start: number;
  readonly rows: number;
  readonly into: number;
}

/** Where the codes of a matrix go. */
export interface QuantisedTarget extends QuantisedMatrix, QuantisedFormat {
  readonly order: CodeOrder;
  /** Outer size as the format sees the matrix. */
  readonly N: number;
  readonly blocks: number;
}

/**
 * Quantises a piece of a matrix into its place. Pieces come in any order; all but the last begin and end at whole blocks.
 *
 * Effect: writes the codes and scales of the piece, nothing else.
 */
export type Quantiser = (piece: MatrixPiece, target: QuantisedTarget) => void;

function createTarget(
  shape: readonly number[],
  format: QuantisedFormat,
  order: CodeOrder,
): QuantisedTarget {
  const { N, K, blocks, blockBytes } = quantisedSizes(shape, format);
  const bytes = order === "rows" ? N * blocks * blockBytes : Math.ceil((N * K * format.bits) / 8);
  const scales = new Float32Array(N * blocks);
  return { ...format, order, N, blocks, packed: new Uint8Array(bytes), scales };
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
