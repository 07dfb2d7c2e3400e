/** Density matrices the plain way: a vector of 2n qubits, index = row + 2^n · column, in float64. */
import { QtuneError } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { type PlainState, applyOperatorInPlace, createPlainState } from "./plain-state.ts";
import { type Operator, krausOperators, stepQubits } from "./step-operator.ts";

/** Most qubits of a density matrix: 4^12 complex numbers in float64 are 256 MiB. */
export const maxDensityQubits = 12;

/** Throws `out_of_range` beyond 12 qubits. */
export function assertDensityQubits(n: number): void {
  if (n <= maxDensityQubits) return;
  throw new QtuneError(
    "out_of_range",
    `a density matrix takes at most ${maxDensityQubits} qubits but was given ${n}; sample shots instead`,
    { where: "program.qubits" },
  );
}

/**
 * Returns the populations after a program at a fixed detuning vector.
 *
 * Shapes: detuningRadPerNs [n]; result [2^n].
 * Cost:   steps · 4^n · 16 flops for steps of one qubit, 64 for two.
 * Errors: out_of_range beyond 12 qubits.
 */
export function densityMatrixPopulations(
  program: NoisyProgram,
  detuningRadPerNs: ArrayLike<number>,
): Float64Array {
  const n = program.qubits;
  assertDensityQubits(n);
  const state = createPlainState(2 * n);
  for (const step of program.steps) applyChannelInPlace(state, n, step, detuningRadPerNs);
  return Float64Array.from({ length: 2 ** n }, (_, x) => state.re[x + 2 ** n * x]!); // the diagonal
}

function applyChannelInPlace(
  state: PlainState,
  n: number,
  step: NoisyStep,
  detuning: ArrayLike<number>,
): void {
  const qubits = stepQubits(step);
  applyOperatorInPlace(
    state,
    [...qubits, ...qubits.map((qubit) => qubit + n)],
    superoperatorOf(step, detuning),
  );
}

const superoperators = new WeakMap<NoisyStep, Operator>();

/** The superoperator of a step; steps are shared by the programs of a batch, so those without detuning are kept. */
function superoperatorOf(step: NoisyStep, detuning: ArrayLike<number>): Operator {
  if (step.kind === "detuning") return sumOfKraus(krausOperators(step, detuning));
  const known = superoperators.get(step) ?? sumOfKraus(krausOperators(step, detuning));
  superoperators.set(step, known);
  return known;
}

/** Σ conj(K) ⊗ K: the channel as a matrix on the vector of a density matrix, row bits low. Shapes: [4^k, 4^k]. */
export function sumOfKraus(operators: readonly Operator[]): Operator {
  const dim = Math.round(Math.sqrt(operators[0]?.re.length ?? 1));
  const size = dim * dim;
  const re = new Float64Array(size * size);
  const im = new Float64Array(size * size);
  for (const operator of operators) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const low = (i % dim) * dim + (j % dim);
        const high = Math.floor(i / dim) * dim + Math.floor(j / dim);
        re[i * size + j]! +=
          operator.re[low]! * operator.re[high]! + operator.im[low]! * operator.im[high]!; // inside
        im[i * size + j]! +=
          operator.im[low]! * operator.re[high]! - operator.re[low]! * operator.im[high]!;
      }
    }
  }
  return { re, im };
}
