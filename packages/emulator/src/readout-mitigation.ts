/**
 * Readout mitigation by inverting the published confusion of each qubit (Bravyi et al. 2021, tensored model). Unbiased while
 * flips are independent and as calibrated; correlated flips and drift since the calibration stay in. The price is variance:
 * every result says by how much.
 */
import { QtuneError } from "@qtune/base";
import {
  type CalibrationSnapshot,
  type NoiseKnobs,
  createCalibrationView,
  defaultKnobs,
} from "@qtune/chip";
import type { Counts } from "@qtune/circuit";
import type { CompiledCircuit } from "@qtune/transpiler";

/** P(read 1 | prepared 0) and P(read 0 | prepared 1) of the qubit behind a classical bit. */
export interface ReadoutError {
  readonly p10: number;
  readonly p01: number;
}

/** Readout errors by classical bit. */
export type ReadoutErrors = ReadonlyMap<number, ReadoutError>;

/**
 * Returns the published readout errors behind the classical bits of a compiled circuit.
 *
 * Range: `readoutErrorScale` as in the knobs of the noise model, which scale what the chip does and what is known of it alike.
 */
export function readoutErrorsOf(
  compiled: CompiledCircuit,
  snapshot: CalibrationSnapshot,
  { readoutErrorScale }: Pick<NoiseKnobs, "readoutErrorScale"> = defaultKnobs,
): ReadoutErrors {
  const view = createCalibrationView(snapshot);
  const errors = new Map<number, ReadoutError>();
  for (const step of compiled.template.steps) {
    if (step.kind !== "measure") continue;
    const scaled = (p: number | undefined): number => Math.min(1, (p ?? 0) * readoutErrorScale);
    errors.set(step.clbit, {
      p10: scaled(view.readoutP10[step.qubit]),
      p01: scaled(view.readoutP01[step.qubit]),
    });
  }
  return errors;
}

/**
 * Returns what a read bit counts for in the mitigated value of Z.
 *
 * Maths: ⟨Z⟩read = (1 − p10 − p01) ⟨Z⟩ + p01 − p10, solved for ⟨Z⟩; products of such weights are unbiased for products of Z.
 * Errors: failed_precondition when reading says nothing (p10 + p01 = 1).
 */
export function mitigatedZ(bit: 0 | 1, { p10, p01 }: ReadoutError): number {
  const contrast = 1 - p10 - p01;
  if (Math.abs(contrast) < 1e-3) {
    throw new QtuneError(
      "failed_precondition",
      `a readout with P(1|0) = ${p10} and P(0|1) = ${p01} tells nothing; use other qubits`,
      { where: "mitigation" },
    );
  }
  return ((bit === 0 ? 1 : -1) - (p01 - p10)) / contrast;
}

/** A distribution that may have small negative parts, and what mitigation costs. */
export interface MitigatedDistribution {
  /** Sums to 1; entries below 0 are left as they are, so that means stay unbiased. */
  readonly quasiProbabilities: ReadonlyMap<string, number>;
  /** Standard error of each entry. */
  readonly standardErrors: ReadonlyMap<string, number>;
  /** How many times more shots give the same error as without mitigation: squared 1-norm of the inverse. */
  readonly shotOverhead: number;
}

/** Bits up to which distributions are mitigated: 2^12 outcomes. */
const maxBits = 12;

/**
 * Mitigates counts: the inverse confusion of each bit applied to the frequencies.
 *
 * Maths:  per bit A⁻¹ with A = [[1 − p10, p01], [p10, 1 − p01]]; variance of an entry Σ_k (A⁻¹)² f_k − (entry)², over S.
 * Cost:   O(m 2^m) for m bits.
 * Errors: out_of_range beyond 12 bits, failed_precondition as {@link mitigatedZ}.
 */
export function mitigateCounts(counts: Counts, errors: ReadoutErrors): MitigatedDistribution {
  const [sample = ""] = counts.keys();
  const m = sample.length;
  if (m > maxBits) {
    throw new QtuneError(
      "out_of_range",
      `expected at most ${maxBits} bits but was given ${m}; mitigate expectation values instead`,
      { where: "counts" },
    );
  }
  const frequencies = new Float64Array(2 ** m);
  const shots = [...counts.values()].reduce((sum, count) => sum + count, 0);
  for (const [bits, count] of counts) frequencies[Number.parseInt(`0${bits}`, 2)] = count / shots;
  const first = frequencies.slice();
  const second = frequencies.slice();
  let norm = 1;
  for (let bit = 0; bit < m; bit++) {
    const inverse = inverseConfusion(errors.get(bit) ?? { p10: 0, p01: 0 });
    applyBitInPlace(first, bit, inverse);
    applyBitInPlace(
      second,
      bit,
      inverse.map((entry) => entry * entry),
    );
    norm *= Math.max(
      Math.abs(inverse[0]!) + Math.abs(inverse[2]!),
      Math.abs(inverse[1]!) + Math.abs(inverse[3]!),
    ); // four entries
  }
  const text = (index: number) => (m === 0 ? "" : index.toString(2).padStart(m, "0"));
  const entries = [...first].flatMap((value, index) =>
    Math.abs(value) > 1e-12 ? [[text(index), value] as const] : [],
  );
  const spread = entries.map(([bits, value]) => {
    const variance =
      Math.max(0, (second[Number.parseInt(`0${bits}`, 2)] ?? 0) - value * value) / shots;
    return [bits, Math.sqrt(variance)] as const;
  });
  return {
    quasiProbabilities: new Map(entries),
    standardErrors: new Map(spread),
    shotOverhead: norm * norm,
  };
}

/** A⁻¹, row-major. */
function inverseConfusion(error: ReadoutError): readonly number[] {
  const { p10, p01 } = error;
  mitigatedZ(0, error); // refuses what cannot be inverted
  const contrast = 1 - p10 - p01;
  return [(1 - p01) / contrast, -p01 / contrast, -p10 / contrast, (1 - p10) / contrast];
}

function applyBitInPlace(values: Float64Array, bit: number, matrix: readonly number[]): void {
  const [a = 1, b = 0, c = 0, d = 1] = matrix;
  const stride = 2 ** bit;
  for (let index = 0; index < values.length; index++) {
    if ((index & stride) !== 0) continue;
    const zero = values[index]!; // index + stride is inside: its bit is not set
    const one = values[index + stride]!;
    values[index] = a * zero + b * one;
    values[index + stride] = c * zero + d * one;
  }
}
