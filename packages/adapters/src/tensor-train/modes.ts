import { QtuneError } from "@qtune/base";

/**
 * Modes of common widths. 256 to 27648 are those of the released code (QLLM-peft @64033a0, November 2025); 576 is ours.
 */
const publishedModes: Readonly<Record<number, readonly number[]>> = {
  256: [4, 4, 4, 4],
  512: [8, 4, 4, 4],
  576: [8, 6, 4, 3],
  1024: [8, 8, 4, 4],
  2048: [8, 8, 8, 4],
  2560: [8, 8, 8, 5],
  3584: [8, 8, 8, 7],
  4096: [8, 8, 8, 8],
  5120: [10, 8, 8, 8],
  18944: [37, 8, 8, 8],
  20480: [40, 8, 8, 8],
  27648: [27, 16, 8, 8],
};

/**
 * Factorises a width into modes, largest first: the table for known widths, else the factors with the smallest sum,
 * which is what keeps the cores small.
 *
 * Errors: invalid_argument when a mode larger than 64 is left (the width has a large prime factor).
 *
 * @example
 * factoriseWidth(896, 4); // [8, 7, 4, 4]
 */
export function factoriseWidth(width: number, modes: number): readonly number[] {
  const known = publishedModes[width];
  if (known?.length === modes) return known;
  const best = smallestSum(width, modes, width);
  const largest = best?.[0] ?? width;
  if (best === undefined || largest > 64) {
    throw new QtuneError(
      "invalid_argument",
      `expected a width that splits into ${modes} modes of at most 64 but was given ${width}; name its modes in adapter.mpo.modes`,
      { where: "adapter.mpo" },
    );
  }
  return best;
}

/** The factorisation into `count` factors, none larger than `limit`, with the smallest sum. */
function smallestSum(width: number, count: number, limit: number): readonly number[] | undefined {
  if (count === 1) return width <= limit ? [width] : undefined;
  let best: readonly number[] | undefined;
  for (let factor = 1; factor <= Math.min(width, limit); factor++) {
    if (width % factor !== 0) continue;
    const rest = smallestSum(width / factor, count - 1, factor);
    if (rest === undefined) continue;
    const candidate = [factor, ...rest];
    if (best === undefined || sum(candidate) < sum(best)) best = candidate;
  }
  return best;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
