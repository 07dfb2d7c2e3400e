import type { CircuitBatch } from "@qtune/circuit";
import type { ChipBatchResult } from "./chip-run.ts";

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
export function spreadRows(
  result: ChipBatchResult,
  source: Int32Array,
  K: number,
): ChipBatchResult {
  const spread = (values: Float64Array): Float64Array => {
    const out = new Float64Array(source.length * K);
    source.forEach((from, row) => {
      out.set(values.subarray(from * K, (from + 1) * K), row * K);
    });
    return out;
  };
  const { mitigated, counts } = result;
  return {
    ...result,
    expectations: spread(result.expectations),
    standardErrors: spread(result.standardErrors),
    ...(counts === undefined
      ? {}
      : { counts: Array.from(source, (from) => counts[from] ?? new Map<string, number>()) }),
    ...(mitigated === undefined
      ? {}
      : {
          mitigated: {
            ...mitigated,
            expectations: spread(mitigated.expectations),
            standardErrors: spread(mitigated.standardErrors),
          },
        }),
  };
}
