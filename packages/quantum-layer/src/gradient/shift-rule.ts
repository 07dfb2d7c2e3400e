/**
 * Parameter-shift rules: the derivative of an expectation value with respect to a gate's angle as a weighted sum of the
 * same expectation at shifted angles. Exact, and all that hardware can do. The rules stand in the gate table.
 */
import { QtuneError } from "@qtune/base";
import { type ShiftRule, findGate } from "@qtune/circuit";

/** Returns the shift rule of one angle of a gate. Errors: invalid_argument for a gate that the table does not know. */
export function shiftRuleOf(gate: string, angle: number, where: string): ShiftRule["terms"] {
  const rule = findGate(gate)?.shifts[angle];
  if (rule === undefined) {
    throw new QtuneError(
      "invalid_argument",
      `expected a gate of the gate table with ${angle + 1} angles but was given ${gate}; expand definitions first`,
      { where },
    );
  }
  return rule.terms;
}
