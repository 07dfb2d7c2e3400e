import type { Random } from "@qtune/base";
import type { Counts } from "@qtune/circuit";

/**
 * Draws outcome indices from a distribution.
 *
 * Shapes: probabilities [N], need not be normalised; result uint32 [shots], in the order of the draws.
 * Effect: advances `random` by `shots` uniform numbers.
 * Cost:   N + shots · log N.
 */
export function sampleIndices(
  probabilities: ArrayLike<number>,
  shots: number,
  random: Random,
): Uint32Array {
  const N = probabilities.length;
  const cumulative = new Float64Array(N);
  let sum = 0;
  for (let i = 0; i < N; i++) {
    sum += Math.max(0, probabilities[i]!); // i < N
    cumulative[i] = sum;
  }
  const drawn = new Uint32Array(shots);
  for (let shot = 0; shot < shots; shot++) {
    const target = random.nextUniform() * sum;
    let low = 0;
    let high = N - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (cumulative[middle]! > target) high = middle;
      else low = middle + 1;
    }
    drawn[shot] = low;
  }
  return drawn;
}

/** Returns the bit string of an index: bit m − 1 first. */
export function bitString(index: number, bits: number): string {
  let text = "";
  for (let bit = bits - 1; bit >= 0; bit--)
    text += Math.floor(index / 2 ** bit) % 2 === 1 ? "1" : "0";
  return text;
}

/** Counts drawn indices as bit strings; only outcomes that occurred. */
export function countIndices(drawn: ArrayLike<number>, bits: number): Counts {
  const byIndex = new Map<number, number>();
  for (let i = 0; i < drawn.length; i++) byIndex.set(drawn[i]!, (byIndex.get(drawn[i]!) ?? 0) + 1); // i < length
  return new Map(
    [...byIndex].sort(([a], [b]) => a - b).map(([index, count]) => [bitString(index, bits), count]),
  );
}
