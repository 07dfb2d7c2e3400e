/**
 * Parameter-shift rules: the derivative of an expectation value with respect to a gate's angle as a weighted sum of the
 * same expectation at shifted angles. Exact, and all that hardware can do.
 *
 * Two terms serve gates whose generator has two eigenvalues one apart (Mitarai et al. 2018, Schuld et al. 2019); four
 * terms serve controlled rotations, whose generator has the eigenvalues 0, ±1/2 (Anselmetti et al., NJP 23, 2021).
 */
import { QtuneError } from "@qtune/base";

/** One evaluation of a shift rule: shift the angle, weigh the result. */
export interface ShiftTerm {
  readonly shiftRad: number;
  readonly coefficient: number;
}

const twoTerms: readonly ShiftTerm[] = [
  { shiftRad: Math.PI / 2, coefficient: 0.5 },
  { shiftRad: -Math.PI / 2, coefficient: -0.5 },
];

const nearCoefficient = (Math.SQRT2 + 1) / (4 * Math.SQRT2);
const farCoefficient = (Math.SQRT2 - 1) / (4 * Math.SQRT2);

const fourTerms: readonly ShiftTerm[] = [
  { shiftRad: Math.PI / 2, coefficient: nearCoefficient },
  { shiftRad: -Math.PI / 2, coefficient: -nearCoefficient },
  { shiftRad: (3 * Math.PI) / 2, coefficient: -farCoefficient },
  { shiftRad: (-3 * Math.PI) / 2, coefficient: farCoefficient },
];

const shiftRules: Readonly<Record<string, readonly ShiftTerm[]>> = {
  RX: twoTerms,
  RY: twoTerms,
  RZ: twoTerms,
  P: twoTerms,
  RXX: twoTerms,
  RYY: twoTerms,
  RZZ: twoTerms,
  CP: twoTerms,
  CRX: fourTerms,
  CRY: fourTerms,
  CRZ: fourTerms,
};

/** Returns the shift rule of a gate. Errors: unimplemented for a gate whose angle has none. */
export function shiftRuleOf(gate: string, where: string): readonly ShiftTerm[] {
  const rule = shiftRules[gate];
  if (rule === undefined) {
    throw new QtuneError(
      "unimplemented",
      `expected a gate with a shift rule (${Object.keys(shiftRules).join(", ")}) but was given ${gate}; use spsa or finite-difference`,
      { where },
    );
  }
  return rule;
}
