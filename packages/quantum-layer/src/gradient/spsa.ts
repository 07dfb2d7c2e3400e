import { type Random, pairwiseSumRows } from "@qtune/base";
import type { Circuit } from "@qtune/circuit";
import { type LayerCall, type LayerGradient, evaluateRows } from "./layer-batch.ts";

/** Settings of SPSA. */
export interface SpsaOptions {
  /** Perturbation, in radian. */
  readonly stepRad: number;
  /** Independent directions that are averaged. */
  readonly directions: number;
  readonly random: Random;
}

/**
 * Estimates the pulled-back cotangent by simultaneous perturbation: two circuits per token and direction, whatever the
 * number of parameters. Unbiased to O(ε²), with a variance that grows with the number of parameters.
 *
 * Maths:  g ≈ (f(θ + εΔ) − f(θ − εΔ)) / 2ε · Δ, Δ of independent signs (Spall, IEEE TAC 37, 1992).
 * Shapes: cotangent [T, n]; `widened` is the circuit of `createOffsetCircuit`. The signs of the weights are drawn per
 *         token too, which keeps the estimate unbiased and lowers its variance by the sum over tokens.
 * Cost:   2T · directions circuits.
 */
export async function spsa(
  call: LayerCall,
  widened: Circuit,
  cotangent: Float64Array,
  options: SpsaOptions,
): Promise<LayerGradient> {
  const { T } = call;
  const { stepRad, directions, random } = options;
  const n = call.circuit.qubits;
  const P = call.weights.length;
  const inputWidth = T === 0 ? 0 : call.inputs.length / T;
  const width = inputWidth + P;
  const signs = Float64Array.from({ length: T * directions * width }, () =>
    random.nextUint32() & 1 ? 1 : -1,
  );
  const rows = new Float64Array(2 * signs.length);
  for (let draw = 0; draw < T * directions; draw++) {
    const t = Math.floor(draw / directions);
    for (let column = 0; column < width; column++) {
      const base = column < inputWidth ? call.inputs[t * inputWidth + column]! : 0; // [T, n]
      const move = stepRad * signs[draw * width + column]!; // [T · directions, width]
      rows[2 * draw * width + column] = base + move;
      rows[(2 * draw + 1) * width + column] = base - move;
    }
  }
  const { expectations, usage } = await evaluateRows(call, widened, rows, 2 * T * directions);
  const perToken = new Float64Array(T * width);
  for (let draw = 0; draw < T * directions; draw++) {
    const t = Math.floor(draw / directions);
    let slope = 0;
    for (let q = 0; q < n; q++) {
      const difference = expectations[2 * draw * n + q]! - expectations[(2 * draw + 1) * n + q]!; // [B, n]
      slope += (cotangent[t * n + q]! * difference) / (2 * stepRad * directions);
    }
    for (let column = 0; column < width; column++) {
      perToken[t * width + column]! += slope * signs[draw * width + column]!; // inside both arrays
    }
  }
  const inputs = new Float64Array(T * inputWidth);
  const weightRows = new Float64Array(T * P);
  for (let t = 0; t < T; t++) {
    inputs.set(perToken.subarray(t * width, t * width + inputWidth), t * inputWidth);
    weightRows.set(perToken.subarray(t * width + inputWidth, (t + 1) * width), t * P);
  }
  return { inputs, weights: pairwiseSumRows(weightRows, T, P), usage };
}
