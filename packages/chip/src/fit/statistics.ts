/** Statistics of counts. */

/**
 * Total variation distance between counts and a distribution: half the sum of the differences, in
 * 0..1.
 */
export function totalVariationOf(
  counts: ReadonlyMap<number, number>,
  distribution: Float64Array,
): number {
  const shots = [...counts.values()].reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (const [outcome, p] of distribution.entries()) {
    sum += Math.abs((counts.get(outcome) ?? 0) / shots - p);
  }
  return sum / 2;
}

/**
 * Returns the distance that a perfect model would show: the mean total variation between S shots
 * and the distribution that they come from.
 *
 * Maths:  each frequency is normal with variance p (1 − p) / S, so its mean deviation is √(2 p (1 −
 *         p) / (π S)).
 */
export function samplingFloor(distribution: ArrayLike<number>, shots: number): number {
  let sum = 0;
  for (const p of Array.from(distribution)) {
    sum += Math.sqrt((2 * Math.max(0, p * (1 - p))) / (Math.PI * shots));
  }
  return sum / 2;
}

/** Log-likelihood of counts, up to a constant: Σ counts ln p. A probability of 0 counts as 1e−9. */
export function logLikelihoodOf(
  counts: ReadonlyMap<number, number>,
  distribution: Float64Array,
): number {
  let sum = 0;
  for (const [outcome, count] of counts) {
    if (count > 0) sum += count * Math.log(Math.max(1e-9, distribution[outcome] ?? 0));
  }
  return sum;
}
