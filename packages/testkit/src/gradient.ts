/** What {@link centralDifferences} needs to know. */
export interface DifferenceOptions {
  /** Half the distance of the two points, relative to max(1, |x|). Default 1e-5, right for float64. */
  readonly step?: number;
  /** Elements to differentiate; default all. */
  readonly indices?: readonly number[];
}

/**
 * Computes df/dx by central differences, changing and restoring one element of `x` at a time.
 *
 * Maths: (f(x + h) − f(x − h)) / 2h, error O(h²).
 */
export async function centralDifferences(
  f: (x: Float64Array) => number | Promise<number>,
  x: Float64Array,
  options: DifferenceOptions = {},
): Promise<Map<number, number>> {
  const { step = 1e-5, indices = x.map((_, index) => index) } = options;
  const derivative = new Map<number, number>();
  for (const index of indices) {
    const kept = x[index] ?? Number.NaN;
    const h = step * Math.max(1, Math.abs(kept));
    x[index] = kept + h;
    const above = await f(x);
    x[index] = kept - h;
    const below = await f(x);
    x[index] = kept;
    derivative.set(index, (above - below) / (2 * h));
  }
  return derivative;
}

/** Returns max |a − b| / max(|a|, |b|, floor): the distance of two gradients relative to the larger one. */
export function relativeDistance(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  floor = 1e-12,
): number {
  let scale = floor;
  let distance = 0;
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const left = a[i] ?? Number.NaN;
    const right = b[i] ?? Number.NaN;
    scale = Math.max(scale, Math.abs(left), Math.abs(right));
    if (!(Math.abs(left - right) <= distance)) distance = Math.abs(left - right);
  }
  return distance / scale;
}
