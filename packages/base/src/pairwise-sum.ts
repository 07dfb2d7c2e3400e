/**
 * Sums rows as a fixed pairwise tree by row index: the result depends on neither chunks nor threads, and the rounding
 * error grows with log B instead of B.
 *
 * Shapes: rows float64 [B, width], row-major; result [width].
 * Effect: changes `rows` (they are the scratch space) and returns a new array.
 */
export function pairwiseSumRows(rows: Float64Array, B: number, width: number): Float64Array {
  for (let stride = 1; stride < B; stride *= 2) {
    for (let row = 0; row + stride < B; row += 2 * stride) {
      const to = row * width;
      const from = (row + stride) * width;
      for (let column = 0; column < width; column++) {
        rows[to + column] = (rows[to + column] ?? 0) + (rows[from + column] ?? 0);
      }
    }
  }
  return B === 0 ? new Float64Array(width) : rows.slice(0, width);
}
