/**
 * Sums over all amplitudes with the signs of Z strings, many strings at a time: the strings share what they have in common
 * (the fast Walsh–Hadamard transform, with the branches left out that no string needs).
 */

type Numbers = Float32Array | Float64Array;

/**
 * Returns Σ_x (−1)^{|x & mask|} values[x] for each mask.
 *
 * Shapes: values [2^n], overwritten; masks and result [count].
 * Cost:   for strings on few neighbouring qubits some 5·2^n additions in all; never more than n·2^n.
 */
export function walshSumsInPlace(values: Numbers, masks: readonly number[]): Float64Array {
  const found = new Map<number, number>();
  sumHalves(values, 0, values.length, 0, [...new Set(masks)], found);
  return Float64Array.from(masks, (mask) => found.get(mask) ?? 0);
}

/** `prefix` holds the bits that were folded away; the masks left are below `size`. */
function sumHalves(
  values: Numbers,
  start: number,
  size: number,
  prefix: number,
  masks: readonly number[],
  found: Map<number, number>,
): void {
  const [first] = masks;
  if (masks.length === 1 && first === 0) {
    let sum = 0;
    for (let x = start; x < start + size; x++) sum += values[x]!; // inside
    found.set(prefix, sum);
    return;
  }
  const half = size / 2;
  const plain = masks.filter((mask) => mask < half);
  const signed = masks.filter((mask) => mask >= half).map((mask) => mask - half);
  const middle = start + half;
  if (plain.length === 0) {
    for (let x = start; x < middle; x++) values[x + half] = values[x]! - values[x + half]!;
  } else if (signed.length === 0) {
    for (let x = start; x < middle; x++) values[x]! += values[x + half]!;
  } else {
    for (let x = start; x < middle; x++) {
      const [a, b] = [values[x]!, values[x + half]!];
      values[x] = a + b;
      values[x + half] = a - b;
    }
  }
  if (plain.length > 0) sumHalves(values, start, half, prefix, plain, found);
  if (signed.length > 0) sumHalves(values, middle, half, prefix + half, signed, found);
}

/**
 * Writes Σ_mask coefficient · (−1)^{|x & mask|} for every x: the transpose of {@link walshSumsInPlace}.
 *
 * Shapes: values [2^n], overwritten.
 * Cost:   as there.
 */
export function writeWalshInPlace(
  values: Numbers,
  coefficients: ReadonlyMap<number, number>,
): void {
  writeHalves(values, 0, values.length, [...coefficients]);
}

function writeHalves(
  values: Numbers,
  start: number,
  size: number,
  terms: readonly (readonly [mask: number, coefficient: number])[],
): void {
  const [first] = terms;
  if (terms.length === 0 || (terms.length === 1 && first?.[0] === 0)) {
    values.fill(first?.[1] ?? 0, start, start + size);
    return;
  }
  const half = size / 2;
  const plain = terms.filter(([mask]) => mask < half);
  const signed = terms
    .filter(([mask]) => mask >= half)
    .map(([mask, value]) => [mask - half, value] as const);
  const middle = start + half;
  if (signed.length === 0) {
    writeHalves(values, start, half, plain);
    values.copyWithin(middle, start, middle);
    return;
  }
  writeHalves(values, start, half, plain);
  writeHalves(values, middle, half, signed);
  for (let x = start; x < middle; x++) {
    const [a, b] = [values[x]!, values[x + half]!];
    values[x] = a + b;
    values[x + half] = a - b;
  }
}
