import { QtuneError } from "@qtune/base";
import { maxAngle } from "@qtune/circuit";
import type { Slot } from "./plan.ts";

/** Values of a batch. Shapes: shared [Ps]; rows [B, Pr]. */
export interface AngleValues {
  readonly shared: Float64Array;
  readonly rows: Float64Array;
  readonly B: number;
}

/**
 * Throws when values and coefficients make an angle that no circuit could hold.
 *
 * Range:  the magnitudes of constant and terms of an angle add up to at most 2^53 radian.
 * Cost:   one pass over the values; one over all angles of all rows only where some value is very large.
 * Errors: invalid_argument with the row and the angle.
 */
export function assertBoundAngles(slots: readonly Slot[], values: AngleValues): void {
  const largest = Math.max(largestOf(values.shared), largestOf(values.rows));
  const isSafe = ({ constant, shared, rows }: Slot): boolean =>
    [...shared, ...rows].reduce(
      (sum, { coefficient }) => sum + Math.abs(coefficient) * largest,
      Math.abs(constant),
    ) <= maxAngle;
  const open = slots.filter((slot) => !isSafe(slot));
  if (open.length === 0) return;
  const Pr = values.rows.length / values.B;
  for (let row = 0; row < values.B; row++) {
    for (const slot of open) {
      const size = magnitude(slot, values.shared, values.rows.subarray(row * Pr, (row + 1) * Pr));
      if (size <= maxAngle) continue;
      throw new QtuneError(
        "invalid_argument",
        `expected values that make angles of at most 2^53 radian but those of row ${row} make one of ${size}; reduce them modulo 4π`,
        { where: slot.rows.length > 0 ? `batch.rows[${row}]` : "batch.shared" },
      );
    }
  }
}

function magnitude(slot: Slot, shared: Float64Array, row: Float64Array): number {
  const sum = (terms: Slot["shared"], values: Float64Array): number =>
    terms.reduce(
      (total, { index, coefficient }) => total + Math.abs(coefficient * (values[index] ?? 0)),
      0,
    );
  return Math.abs(slot.constant) + sum(slot.shared, shared) + sum(slot.rows, row);
}

function largestOf(values: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!)); // i < length
  return largest;
}
