import type { BatchResult, CircuitBatch, Counts } from "@qtune/circuit";

/**
 * Leaves one row of each set of rows with exactly equal values (bit for bit; 0 and −0 differ).
 *
 * Shapes: result.batch has U ≤ B rows in the order of first occurrence; source [B] holds the row of each old one.
 */
export function uniqueRows(batch: CircuitBatch): {
  readonly batch: CircuitBatch;
  readonly source: Int32Array;
} {
  const width = batch.B === 0 ? 0 : batch.rows.length / batch.B;
  const bits = new BigUint64Array(batch.rows.slice().buffer);
  const known = new Map<string, number>();
  const kept: number[] = [];
  const source = new Int32Array(batch.B);
  for (let row = 0; row < batch.B; row++) {
    const key = bits.subarray(row * width, (row + 1) * width).join(",");
    const found = known.get(key);
    source[row] = found ?? kept.length;
    if (found !== undefined) continue;
    known.set(key, kept.length);
    kept.push(row);
  }
  const rows = new Float64Array(kept.length * width);
  kept.forEach((row, index) => {
    rows.set(batch.rows.subarray(row * width, (row + 1) * width), index * width);
  });
  return { batch: { ...batch, rows, B: kept.length }, source };
}

/** Gives every row the result of the row that stood in for it. Shapes: source [B]. */
export function spreadRows(result: BatchResult, source: Int32Array, K: number): BatchResult {
  const expectations = new Float64Array(source.length * K);
  const standardErrors = new Float64Array(source.length * K);
  const counts: Counts[] = [];
  source.forEach((from, row) => {
    expectations.set(result.expectations.subarray(from * K, (from + 1) * K), row * K);
    standardErrors.set(result.standardErrors.subarray(from * K, (from + 1) * K), row * K);
    if (result.counts !== undefined) counts.push(result.counts[from] ?? new Map());
  });
  return {
    ...result,
    expectations,
    standardErrors,
    ...(result.counts === undefined ? {} : { counts }),
  };
}
