/**
 * The detuning vectors over which distributions and expectations are averaged: 64 quasi-random points with equal
 * weights, a fixed set that is part of the model version. Points of the additive recurrence of Roberts ("The
 * unreasonable effectiveness of quasirandom sequences", 2018), mirrored in pairs so that odd moments vanish, each
 * coordinate mapped to the normal distribution and scaled to variance 1 over the set.
 */

/** Number of detuning vectors of a distribution. */
export const detuningVectors = 64;

/** Version of the set; changes when the vectors do. */
export const detuningSetVersion = 1;

/**
 * Returns the standard normal vectors of n qubits.
 *
 * Shapes: result [64][n].
 * Effect: pure.
 */
export function detuningSet(n: number): readonly Float64Array[] {
  const half = detuningVectors / 2;
  const alpha = recurrenceSteps(n);
  const points = Array.from(
    { length: half },
    (_, i) =>
      Float64Array.from({ length: n }, (_, d) => inverseNormal((0.5 + (i + 1) * alpha[d]!) % 1)), // d < n
  );
  for (let d = 0; d < n; d++) {
    const square = points.reduce((sum, point) => sum + point[d]! ** 2, 0) / half;
    for (const point of points) point[d]! /= Math.sqrt(square);
  }
  return [...points, ...points.map((point) => point.map((x) => -x))];
}

/** α_d = φ^−(d+1) mod 1 with φ the positive root of x^(n+1) = x + 1. */
function recurrenceSteps(n: number): Float64Array {
  let phi = 2;
  for (let i = 0; i < 60; i++) phi = (1 + phi) ** (1 / (n + 1));
  return Float64Array.from({ length: n }, (_, d) => phi ** -(d + 1) % 1);
}

/** The quantile function of the standard normal distribution, by Newton steps on its distribution function. */
export function inverseNormal(p: number): number {
  if (p > 0.5) return -inverseNormal(1 - p);
  // Tail asymptote as a start: p ≈ e^{−x²/2} / (x √2π).
  let x = -Math.sqrt(Math.max(0, -2 * Math.log(2 * p)));
  for (let i = 0; i < 50; i++) {
    const step = (normalDistribution(x) - p) / (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI));
    x -= Math.max(-0.5, Math.min(0.5, step));
    if (Math.abs(step) < 1e-14) break;
  }
  return x;
}

/** Φ(x) = 1/2 + φ(x) Σ x^(2k+1) / (1·3·5···(2k+1)), Abramowitz and Stegun 26.2.11. */
function normalDistribution(x: number): number {
  let term = x;
  let sum = x;
  for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && k < 500; k++) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
