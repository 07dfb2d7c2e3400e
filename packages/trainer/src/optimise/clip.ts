import type { Values } from "./adamw.ts";

/** Returns the Euclidean norm over all tensors, summed in float64 in the order of the map. */
export function globalNorm(gradients: ReadonlyMap<string, Values>): number {
  let sum = 0;
  for (const values of gradients.values()) {
    for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!; // i is inside the array
  }
  return Math.sqrt(sum);
}

/**
 * Scales the gradients in place so that their global norm is at most `maxNorm`, and returns the norm before.
 *
 * Maths: coefficient = min(1, maxNorm / (norm + 1e-6)), as torch clips.
 */
export function clipInPlace(gradients: ReadonlyMap<string, Values>, maxNorm: number): number {
  const norm = globalNorm(gradients);
  const coefficient = Math.min(1, maxNorm / (norm + 1e-6));
  if (coefficient < 1) {
    for (const values of gradients.values()) {
      for (let i = 0; i < values.length; i++) values[i]! *= coefficient; // i is inside the array
    }
  }
  return norm;
}
