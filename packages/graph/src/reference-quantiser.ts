/** Block quantisation in plain loops: the definition of codes and scales, which the fast one is tested against. */
import type { MatrixPiece, QuantisedTarget } from "./quantise.ts";

/** Quantises a piece of a matrix, see `Quantiser`. */
export function quantiseByReference(piece: MatrixPiece, target: QuantisedTarget): void {
  const { rows, into, start } = piece;
  const { blockSize, transposed } = target;
  // Blocks run along the rows of the piece, or down its columns where the matrix is transposed.
  const [lines, length] = transposed ? [into, rows] : [rows, into];
  const [firstLine, firstBlock] = transposed ? [0, start / blockSize] : [start, 0];
  for (let line = 0; line < lines; line++) {
    for (let from = 0; from < length; from += blockSize) {
      const values = Array.from({ length: Math.min(blockSize, length - from) }, (_, k) => {
        const at = transposed ? (from + k) * into + line : line * into + from + k;
        return piece.values[at] ?? 0;
      });
      putBlock(target, firstLine + line, firstBlock + from / blockSize, values);
    }
  }
}

function putBlock(target: QuantisedTarget, n: number, block: number, values: readonly number[]) {
  const { bits, blockSize, blocks, N, scales, order } = target;
  const zero = bits === 8 ? 128 : 8;
  const extreme = target.transposed ? firstExtreme(values) : positiveExtreme(values);
  const scale = scaleOf(extreme, zero);
  scales[order === "rows" ? n * blocks + block : block * N + n] = scale;
  const inverse = scale === 0 ? 0 : 1 / scale;
  const count = order === "rows" ? blockSize : values.length;
  for (let k = 0; k < count; k++) {
    // What fills a block up is zero.
    const value = values[k];
    const code = value === undefined ? zero : roundCode(value * inverse, zero);
    if (order === "rows") putCode(target, (n * blocks + block) * blockSize + k, code);
    else putCode(target, (block * blockSize + k) * N + n, code ^ zero);
  }
}

/** Codes are positive, so cutting off the fraction rounds half up. */
function roundCode(steps: number, zero: number): number {
  return Math.min(2 * zero - 1, (steps + zero + 0.5) | 0);
}

/** Writes the code of an element; two share a byte where they have four bits. */
function putCode({ bits, packed }: QuantisedTarget, at: number, code: number): void {
  if (bits === 8) packed[at] = code;
  else packed[at >> 1] = (packed[at >> 1] ?? 0) | (code << ((at & 1) << 2));
}

/** The value of largest size; the positive one of two equals. */
function positiveExtreme(values: readonly number[]): number {
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  return high >= -low ? high : low;
}

/** The value of largest size; the first of equals. */
function firstExtreme(values: readonly number[]): number {
  let extreme = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  return extreme;
}

/** Eight bits use −127 … 127; four bits put the largest value at −8, which halves the step that ±7 would need. */
function scaleOf(largest: number, zero: number): number {
  return Math.fround(zero === 128 ? Math.abs(largest) / 127 : largest / -8);
}
