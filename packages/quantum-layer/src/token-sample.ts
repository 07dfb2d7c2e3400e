import { type Random, assertInteger } from "@qtune/base";

/** Tokens that stand for all: their indices, ascending, and the factor that makes sums over them unbiased. */
export interface TokenSample {
  readonly indices: Int32Array;
  readonly scale: number;
}

/**
 * Draws `count` of T tokens without replacement, or takes all of them when there are no more.
 *
 * Maths: E[scale · Σ_sample g] = Σ_all g with scale = T / count.
 */
export function sampleTokens(T: number, count: number, random: Random): TokenSample {
  assertInteger(T, { min: 0, max: 2 ** 31 }, "sampleTokens.T");
  assertInteger(count, { min: 1, max: 2 ** 31 }, "sampleTokens.count");
  const indices = Int32Array.from({ length: T }, (_, t) => t);
  if (count >= T) return { indices, scale: 1 };
  for (let i = 0; i < count; i++) {
    const j = i + random.nextBelow(T - i);
    const kept = indices[i]!; // i and j are below T
    indices[i] = indices[j]!;
    indices[j] = kept;
  }
  return { indices: indices.slice(0, count).sort(), scale: T / count };
}
