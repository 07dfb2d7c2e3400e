/** Exact factors of small dense unitaries. */
import { type Matrix, matrixFrom } from "./matrix.ts";

/**
 * Returns the angles of a one-qubit unitary: e^{i phase} U3(theta, phi, lambda).
 *
 * Shapes: matrix [2, 2].
 */
export function eulerAngles(matrix: Matrix): {
  readonly theta: number;
  readonly phi: number;
  readonly lambda: number;
  readonly phase: number;
} {
  const at = (i: number): readonly [number, number] => {
    const re = matrix.re[i] ?? 0;
    const im = matrix.im[i] ?? 0;
    return [Math.hypot(re, im), Math.atan2(im, re)];
  };
  const [a, aPhase] = at(0);
  const [b, bPhase] = at(1);
  const [c, cPhase] = at(2);
  const [, dPhase] = at(3);
  const theta = 2 * Math.atan2(c, a);
  if (c < 1e-15) return { theta: 0, phi: 0, lambda: clean(dPhase - aPhase), phase: clean(aPhase) };
  if (a < 1e-15)
    return {
      theta: Math.PI,
      phi: 0,
      lambda: clean(bPhase + Math.PI - cPhase),
      phase: clean(cPhase),
    };
  if (b === 0) return { theta, phi: clean(cPhase - aPhase), lambda: 0, phase: clean(aPhase) };
  return {
    theta,
    phi: clean(cPhase - aPhase),
    lambda: clean(bPhase + Math.PI - aPhase),
    phase: clean(aPhase),
  };
}

/** Brings an angle into (−π, π]. */
function clean(angle: number): number {
  const turns = Math.round(angle / (2 * Math.PI));
  const rest = angle - turns * 2 * Math.PI;
  return rest <= -Math.PI + 1e-15 ? rest + 2 * Math.PI : rest;
}

/** A one-qubit matrix on `qubit`, acting where all the other qubits have their value. */
export interface TwoLevelFactor {
  readonly qubit: number;
  readonly controls: readonly { readonly qubit: number; readonly value: 0 | 1 }[];
  readonly matrix: Matrix;
}

/**
 * Returns factors in order of time whose product is the matrix.
 *
 * Maths: Givens rotations along a Gray code clear one column after the other, so that each acts on two indices that
 *        differ in one bit (Vartiainen, Möttönen, Salomaa, quant-ph/0312218).
 * Shapes: matrix [2^k, 2^k]; at most 4^k / 2 factors.
 */
export function twoLevelFactors(matrix: Matrix): readonly TwoLevelFactor[] {
  const N = matrix.size;
  const bits = Math.round(Math.log2(N));
  const gray = Array.from({ length: N }, (_, i) => i ^ (i >> 1));
  const re = Float64Array.from(matrix.re);
  const im = Float64Array.from(matrix.im);
  const applied: TwoLevelFactor[] = [];
  for (let col = 0; col < N; col++) {
    const column = gray[col] ?? 0;
    for (let row = N - 1; row > col; row--) {
      const upper = gray[row - 1] ?? 0;
      const lower = gray[row] ?? 0;
      const [ar, ai] = [re[upper * N + column] ?? 0, im[upper * N + column] ?? 0];
      const [br, bi] = [re[lower * N + column] ?? 0, im[lower * N + column] ?? 0];
      const norm = Math.hypot(ar, ai, br, bi);
      if (Math.hypot(br, bi) < 1e-15) continue;
      // G = [[ā, b̄], [b, −a]] / norm takes (a, b) to (norm, 0)
      const g = [
        ar / norm,
        -ai / norm,
        br / norm,
        -bi / norm,
        br / norm,
        bi / norm,
        -ar / norm,
        -ai / norm,
      ] as const;
      rotateRows(re, im, N, upper, lower, g);
      applied.push(inverseFactor(bits, upper, lower, g));
    }
    const [pr, pi] = [re[column * N + column] ?? 1, im[column * N + column] ?? 0];
    if (Math.abs(Math.atan2(pi, pr)) < 1e-15) continue;
    // the phase that is left on this column, together with a neighbour that is not touched
    const neighbour = column ^ 1;
    const g = [pr, -pi, 0, 0, 0, 0, 1, 0] as const;
    rotateRows(re, im, N, column, neighbour, g);
    applied.push(inverseFactor(bits, column, neighbour, g));
  }
  return applied.reverse();
}

type Entries = readonly [number, number, number, number, number, number, number, number];

function rotateRows(
  re: Float64Array,
  im: Float64Array,
  N: number,
  upper: number,
  lower: number,
  g: Entries,
): void {
  for (let col = 0; col < N; col++) {
    const [ar, ai] = [re[upper * N + col] ?? 0, im[upper * N + col] ?? 0];
    const [br, bi] = [re[lower * N + col] ?? 0, im[lower * N + col] ?? 0];
    re[upper * N + col] = g[0] * ar - g[1] * ai + g[2] * br - g[3] * bi;
    im[upper * N + col] = g[0] * ai + g[1] * ar + g[2] * bi + g[3] * br;
    re[lower * N + col] = g[4] * ar - g[5] * ai + g[6] * br - g[7] * bi;
    im[lower * N + col] = g[4] * ai + g[5] * ar + g[6] * bi + g[7] * br;
  }
}

/** The factor of the product that undoes a rotation: its adjoint, with the index whose bit is 0 first. */
function inverseFactor(bits: number, upper: number, lower: number, g: Entries): TwoLevelFactor {
  const qubit = Math.round(Math.log2(upper ^ lower));
  const controls = Array.from({ length: bits }, (_, bit) => bit)
    .filter((bit) => bit !== qubit)
    .map((bit) => ({ qubit: bit, value: ((upper >> bit) & 1) as 0 | 1 }));
  const adjoint = matrixFrom([g[0], g[4], g[2], g[6]], [-g[1], -g[5], -g[3], -g[7]]);
  if (upper < lower) return { qubit, controls, matrix: adjoint };
  const flipped = (values: Float64Array): readonly number[] => [
    values[3] ?? 0,
    values[2] ?? 0,
    values[1] ?? 0,
    values[0] ?? 0,
  ];
  return { qubit, controls, matrix: matrixFrom(flipped(adjoint.re), flipped(adjoint.im)) };
}
