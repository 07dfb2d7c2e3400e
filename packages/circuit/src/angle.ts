/**
 * Angles of gates: a number, or an affine expression of the circuit's parameters. Everything that a variational
 * circuit needs (weights, data, `2*x - y + pi/2`) is affine, and affine expressions keep derivatives trivial.
 */

/** `constant + Σ coefficient · parameter`, in radian. Terms are sorted by parameter name, without zeros or repeats. */
export interface AffineAngle {
  readonly constant: number;
  readonly terms: readonly AngleTerm[];
}

/** One term of an {@link AffineAngle}. */
export interface AngleTerm {
  readonly parameter: string;
  readonly coefficient: number;
}

/** An angle in radian: bound (a number) or depending on parameters. */
export type Angle = number | AffineAngle;

/**
 * Largest magnitude of an angle, of a coefficient and of an exponent: 2^53, 9.0e15. Beyond it a float64 does not tell
 * one radian from the next, and sums and products of such values would leave the range of numbers.
 */
export const maxAngle = 2 ** 53;

/** Tells whether a number can be an angle, a coefficient or an exponent: at most {@link maxAngle} large, not NaN. */
export function isAngleSize(value: number): boolean {
  return Math.abs(value) <= maxAngle;
}

/** Tells whether all numbers of an angle are of a size that angles have. */
export function isUsableAngle(angle: Angle): boolean {
  return isBoundAngle(angle)
    ? isAngleSize(angle)
    : isAngleSize(angle.constant) && angle.terms.every((term) => isAngleSize(term.coefficient));
}

/** Writes an angle for a message, `0.5` or `2*x + 0.5`. */
export function describeAngle(angle: Angle): string {
  if (isBoundAngle(angle)) return String(angle);
  const terms = angle.terms.map((term) => `${term.coefficient}*${term.parameter}`);
  return [...terms, ...(angle.constant === 0 ? [] : [String(angle.constant)])].join(" + ");
}

/** Tells whether an angle depends on no parameter. */
export function isBoundAngle(angle: Angle): angle is number {
  return typeof angle === "number";
}

/** Returns the angle that is one parameter. */
export function parameterAngle(parameter: string): AffineAngle {
  return { constant: 0, terms: [{ parameter, coefficient: 1 }] };
}

/** Returns the sum of two angles, a number where no parameter is left. */
export function addAngles(a: Angle, b: Angle): Angle {
  if (isBoundAngle(a) && isBoundAngle(b)) return a + b + 0; // −0 becomes 0
  const left = toAffine(a);
  const right = toAffine(b);
  const coefficients = new Map<string, number>();
  for (const term of [...left.terms, ...right.terms]) {
    coefficients.set(term.parameter, (coefficients.get(term.parameter) ?? 0) + term.coefficient);
  }
  return fromTerms(left.constant + right.constant, coefficients);
}

/** Returns an angle times a number. */
export function scaleAngle(angle: Angle, factor: number): Angle {
  if (isBoundAngle(angle)) return angle * factor + 0;
  return fromTerms(
    angle.constant * factor,
    new Map(angle.terms.map((term) => [term.parameter, term.coefficient * factor])),
  );
}

/** Returns the value of an angle. Errors: the caller's `lookup` decides what an unknown parameter is. */
export function evaluateAngle(angle: Angle, lookup: (parameter: string) => number): number {
  if (isBoundAngle(angle)) return angle;
  let sum = angle.constant;
  for (const term of angle.terms) sum += term.coefficient * lookup(term.parameter);
  return sum;
}

function toAffine(angle: Angle): AffineAngle {
  return isBoundAngle(angle) ? { constant: angle, terms: [] } : angle;
}

function fromTerms(constant: number, coefficients: ReadonlyMap<string, number>): Angle {
  const terms = [...coefficients]
    .filter(([, coefficient]) => coefficient !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([parameter, coefficient]) => ({ parameter, coefficient }));
  return terms.length === 0 ? constant + 0 : { constant: constant + 0, terms };
}

/**
 * Returns an angle with parameters replaced by other angles; names that `replace` does not know stay.
 *
 * Cost: linear in the number of terms.
 */
export function substituteAngle(
  angle: Angle,
  replace: (parameter: string) => Angle | undefined,
): Angle {
  if (isBoundAngle(angle)) return angle;
  let sum: Angle = angle.constant;
  for (const term of angle.terms) {
    sum = addAngles(
      sum,
      scaleAngle(replace(term.parameter) ?? parameterAngle(term.parameter), term.coefficient),
    );
  }
  return sum;
}

/** Tells whether two angles are the same expression. NaN equals NaN. */
export function equalAngles(a: Angle, b: Angle): boolean {
  if (isBoundAngle(a) || isBoundAngle(b)) return Object.is(a, b) || a === b;
  return (
    a.constant === b.constant &&
    a.terms.length === b.terms.length &&
    a.terms.every((term, i) => {
      const other = b.terms[i];
      return (
        other !== undefined &&
        term.parameter === other.parameter &&
        term.coefficient === other.coefficient
      );
    })
  );
}
