/** Intervals for measured quantities: Wilson for shares, Student's t for means and ratios. */

/** Lower and upper end of a 95% interval. */
export type Interval = readonly [low: number, high: number];

/** The 97.5% quantile of the standard normal distribution. */
const normalQuantile = 1.959963984540054;

/**
 * Returns Wilson's interval for a share of successes (JASA 22, 1927): it stays inside [0, 1] and is honest at 0 and 1.
 *
 * Range: 0 ≤ successes ≤ trials; no trials give [0, 1].
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  if (trials === 0) return [0, 1];
  const z2 = normalQuantile ** 2;
  const share = successes / trials;
  const centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const spread = Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials ** 2));
  const half = (normalQuantile * spread) / (1 + z2 / trials);
  // The ends are exact at 0 and 1, whatever rounding says.
  return [
    successes === 0 ? 0 : Math.max(0, centre - half),
    successes === trials ? 1 : Math.min(1, centre + half),
  ];
}

/** A mean with its standard error and 95% interval. */
export interface Estimate {
  readonly value: number;
  readonly standardError: number;
  readonly interval: Interval;
}

/**
 * Estimates Σ sums / Σ weights over independent items: the mean loss per token, where items have different lengths.
 *
 * Maths: linearised variance of a ratio, n/(n−1) · Σ (sum_i − ratio · weight_i)² / (Σ weights)²; t with n − 1 degrees.
 */
export function ratioEstimate(sums: readonly number[], weights: readonly number[]): Estimate {
  const n = sums.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const value = sums.reduce((sum, item) => sum + item, 0) / total;
  if (n < 2)
    return {
      value,
      standardError: Number.POSITIVE_INFINITY,
      interval: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
    };
  const squares = sums.reduce((sum, item, i) => sum + (item - value * (weights[i] ?? 0)) ** 2, 0);
  const standardError = Math.sqrt(((n / (n - 1)) * squares) / total ** 2);
  const half = studentQuantile(0.975, n - 1) * standardError;
  return { value, standardError, interval: [value - half, value + half] };
}

/** Estimates the mean of independent values. */
export function meanEstimate(values: readonly number[]): Estimate {
  return ratioEstimate(
    values,
    values.map(() => 1),
  );
}

/**
 * Returns the quantile of Student's t distribution by bisection of its cumulative function.
 *
 * Range: 0 < p < 1, degrees ≥ 1.
 */
export function studentQuantile(p: number, degrees: number): number {
  let low = -1e4;
  let high = 1e4;
  for (let step = 0; step < 200; step++) {
    const middle = (low + high) / 2;
    if (studentCumulative(middle, degrees) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Returns P(T ≤ t) for Student's t, by the incomplete beta function. */
export function studentCumulative(t: number, degrees: number): number {
  const tail = 0.5 * incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5);
  return t > 0 ? 1 - tail : tail;
}

/** Regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

/** The continued fraction, by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m < 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    const factor = d * c;
    result *= factor;
    if (Math.abs(factor - 1) < 1e-15) break;
  }
  return result;
}

/** ln Γ(x) for x > 0, by Stirling's series after shifting x above 10. */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 10) {
    shift -= Math.log(z);
    z += 1;
  }
  const inverse = 1 / z;
  const series =
    inverse * (1 / 12 - inverse ** 2 * (1 / 360 - inverse ** 2 * (1 / 1260 - inverse ** 2 / 1680)));
  return shift + (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series;
}
