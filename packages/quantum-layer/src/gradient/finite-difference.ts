import { pairwiseSumRows } from "@qtune/base";
import type { Circuit } from "@qtune/circuit";
import { type LayerCall, type LayerGradient, evaluateRows } from "./layer-batch.ts";

/**
 * Pulls a cotangent back by central differences, all evaluations in one batch. For circuits without shift rules and as
 * a check of the others; useless with shots unless `stepRad` is large.
 *
 * Maths:  f'(θ) ≈ (f(θ + ε) − f(θ − ε)) / 2ε, error O(ε²).
 * Shapes: cotangent [T, n]; `widened` is the circuit of `createOffsetCircuit`.
 * Cost:   2T(n + P) circuits.
 */
export async function finiteDifference(
  call: LayerCall,
  widened: Circuit,
  cotangent: Float64Array,
  stepRad: number,
): Promise<LayerGradient> {
  const { T } = call;
  const n = call.circuit.qubits;
  const P = call.weights.length;
  const inputWidth = T === 0 ? 0 : call.inputs.length / T;
  const width = inputWidth + P;
  const rows = new Float64Array(T * 2 * width * width); // per token: one pair of rows for each column
  for (let t = 0; t < T; t++) {
    for (let column = 0; column < width; column++) {
      for (let sign = 0; sign < 2; sign++) {
        const at = ((t * width + column) * 2 + sign) * width;
        rows.set(call.inputs.subarray(t * inputWidth, (t + 1) * inputWidth), at);
        rows[at + column]! += sign === 0 ? stepRad : -stepRad;
      }
    }
  }
  const { expectations, usage } = await evaluateRows(call, widened, rows, T * 2 * width);
  const inputs = new Float64Array(T * inputWidth);
  const perToken = new Float64Array(T * P);
  for (let t = 0; t < T; t++) {
    for (let column = 0; column < width; column++) {
      const up = (t * width + column) * 2 * n;
      let derivative = 0;
      for (let q = 0; q < n; q++) {
        const difference = expectations[up + q]! - expectations[up + n + q]!; // both rows are inside [B, n]
        derivative += (cotangent[t * n + q]! * difference) / (2 * stepRad);
      }
      if (column < inputWidth) inputs[t * inputWidth + column] = derivative;
      else perToken[t * P + column - inputWidth] = derivative;
    }
  }
  return { inputs, weights: pairwiseSumRows(perToken, T, P), usage };
}
