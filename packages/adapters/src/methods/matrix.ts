/** Small dense matrices in float64, row-major: what merging and exports need. */

/** Multiplies matrices. Shapes: a [m, k], b [k, n], result [m, n]. */
export function multiply(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  [m, k, n]: readonly [number, number, number],
): Float64Array {
  const result = new Float64Array(m * n);
  for (let row = 0; row < m; row++) {
    for (let inner = 0; inner < k; inner++) {
      const factor = a[row * k + inner]!; // [m, k]
      for (let column = 0; column < n; column++) {
        result[row * n + column]! += factor * b[inner * n + column]!; // [k, n]
      }
    }
  }
  return result;
}

/** Returns the identity [size, size]. */
export function identityMatrix(size: number): Float32Array {
  const values = new Float32Array(size * size);
  for (let i = 0; i < size; i++) values[i * size + i] = 1;
  return values;
}
