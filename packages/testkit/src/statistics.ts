/** Total variation distance of two distributions given as maps; a missing outcome has probability 0. */
export function totalVariation(
  p: ReadonlyMap<string, number>,
  q: ReadonlyMap<string, number>,
): number {
  let sum = 0;
  for (const key of new Set([...p.keys(), ...q.keys()]))
    sum += Math.abs((p.get(key) ?? 0) - (q.get(key) ?? 0));
  return sum / 2;
}

/**
 * Returns a bound on the total variation distance between S samples and their distribution that a correct sampler
 * exceeds with probability below e^{−2 S t²}, t = 5 / (2 √S), that is about 4e-6.
 *
 * Maths: E[TVD] ≤ ½ √(K / S) for K outcomes; bounded differences (McDiarmid) give the tail.
 */
export function samplingBound(outcomes: number, S: number): number {
  return 0.5 * Math.sqrt(outcomes / S) + 2.5 / Math.sqrt(S);
}

/** Turns counts into frequencies. */
export function frequencies(counts: ReadonlyMap<string, number>): Map<string, number> {
  let total = 0;
  for (const count of counts.values()) total += count;
  return new Map([...counts].map(([key, count]) => [key, count / total]));
}
