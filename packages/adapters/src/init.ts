/** How a tensor starts: a rule, and the values it gives from a stream of random numbers. */
import { type Random, shapeSize } from "@qtune/base";

/** A rule for initial values. `identity` is scaled by `value` and needs a square matrix. */
export type InitRule =
  | { readonly kind: "zero" }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "identity"; readonly value: number }
  | { readonly kind: "uniform"; readonly bound: number }
  | { readonly kind: "normal"; readonly standardDeviation: number };

/** Zeros. */
export const zero: InitRule = { kind: "zero" };

/** Kaiming's uniform rule: bound √(6 / ((1 + a²) fanIn)); a = √5 gives 1/√fanIn, a = 0 gives √(6/fanIn). */
export function kaimingUniform(fanIn: number, a: number): InitRule {
  return { kind: "uniform", bound: Math.sqrt(6 / ((1 + a * a) * fanIn)) };
}

/** Draws the values of a tensor. Effect: the result depends on rule, shape and the stream only. */
export function drawValues(rule: InitRule, shape: readonly number[], random: Random): Float32Array {
  const values = new Float32Array(shapeSize(shape));
  switch (rule.kind) {
    case "zero":
      return values;
    case "constant":
      return values.fill(rule.value);
    case "identity": {
      const width = shape[1] ?? 1;
      for (let i = 0; i < Math.min(shape[0] ?? 0, width); i++) values[i * width + i] = rule.value;
      return values;
    }
    case "uniform":
      return values.map(() => rule.bound * (2 * random.nextUniform() - 1));
    case "normal":
      return values.map(() => rule.standardDeviation * random.nextNormal());
  }
}
