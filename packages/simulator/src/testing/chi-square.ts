/** Returns χ² of counts against a distribution. Range: the distribution lists outcomes with p > 0. */
export function chiSquare(
  counts: ReadonlyMap<string, number>,
  distribution: ReadonlyMap<string, number>,
  shots: number,
): number {
  return [...distribution].reduce(
    (sum, [key, p]) => sum + ((counts.get(key) ?? 0) - shots * p) ** 2 / (shots * p),
    0,
  );
}
