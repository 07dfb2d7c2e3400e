/**
 * Steps of a noisy program as real matrices on Pauli components. A density matrix of n qubits is ρ
 * = Σ v_j P_j / 2^n with Pauli strings P_j, index j = Σ p_k 4^k and I X Y Z = 0 1 2 3; a step maps
 * v to R v.
 *
 * Maths: R_ij = tr(P_i Σ K P_j K†) / 2^k over the k qubits of the step, with Kraus operators K.
 */
import type { NoisyStep } from "../noisy-program.ts";

/** A step that does not depend on the detuning. Shapes: matrix float64 [4^k, 4^k]. */
export interface TransferMatrix {
  readonly qubits: readonly number[];
  readonly matrix: Float64Array;
}

type Matrix = { readonly re: ArrayLike<number>; readonly im: ArrayLike<number> };

const known = new WeakMap<NoisyStep, TransferMatrix>();

/** Returns the transfer matrix of a step; the same step object is worked out once. */
export function transferMatrixOf(step: Exclude<NoisyStep, { kind: "detuning" }>): TransferMatrix {
  const found = known.get(step);
  if (found !== undefined) return found;
  const qubits = step.kind === "reset" ? [step.qubit] : step.qubits;
  const made = { qubits, matrix: transferOf(step, qubits.length) };
  known.set(step, made);
  return made;
}

function transferOf(step: Exclude<NoisyStep, { kind: "detuning" }>, k: number): Float64Array {
  switch (step.kind) {
    case "pauli":
      return pauliTransfer(step.probabilities, k);
    case "unitary":
      return krausTransfer([step], k);
    case "kraus":
      return krausTransfer(step.operators, k);
    case "reset":
      return krausTransfer(
        [
          { re: [1, 0, 0, 0], im: [0, 0, 0, 0] },
          { re: [0, 1, 0, 0], im: [0, 0, 0, 0] },
        ],
        k,
      );
    default:
      return step satisfies never;
  }
}

/**
 * A Pauli mixture keeps every component, times the probability that it commutes less the one that
 * it does not.
 */
function pauliTransfer(probabilities: readonly number[], k: number): Float64Array {
  const size = 4 ** k;
  const matrix = new Float64Array(size * size);
  for (let component = 0; component < size; component++) {
    let factor = 0;
    for (const [error, probability] of probabilities.entries()) {
      factor += commutes(component, error) ? probability : -probability;
    }
    matrix[component * size + component] = factor;
  }
  return matrix;
}

/**
 * Tells whether two Pauli strings commute: they differ at an even number of places where neither is
 * I.
 */
function commutes(left: number, right: number): boolean {
  let odd = false;
  for (let a = left, b = right; a > 0 && b > 0; a = Math.floor(a / 4), b = Math.floor(b / 4)) {
    const [p, q] = [a % 4, b % 4];
    if (p !== 0 && q !== 0 && p !== q) odd = !odd;
  }
  return !odd;
}

/**
 * A Pauli string is one entry per row: P|c⟩ = phase(c) |c ⊕ flip⟩, so a conjugation needs no matrix
 * product.
 */
interface PauliString {
  readonly flip: number;
  readonly phases: readonly { readonly re: number; readonly im: number }[];
}

function pauliString(index: number, k: number): PauliString {
  const size = 2 ** k;
  let flip = 0;
  const phases = Array.from({ length: size }, () => ({ re: 1, im: 0 }));
  for (let qubit = 0; qubit < k; qubit++) {
    const letter = Math.floor(index / 4 ** qubit) % 4;
    if (letter === 1 || letter === 2) flip |= 1 << qubit;
    for (const [column, phase] of phases.entries()) {
      const one = ((column >> qubit) & 1) === 1;
      // Y|0⟩ = i|1⟩, Y|1⟩ = −i|0⟩, Z|1⟩ = −|1⟩
      if (letter === 2)
        phases[column] = one ? { re: phase.im, im: -phase.re } : { re: -phase.im, im: phase.re };
      if (letter === 3 && one) phases[column] = { re: -phase.re, im: -phase.im };
    }
  }
  return { flip, phases };
}

const strings = [1, 2].map((k) =>
  Array.from({ length: 4 ** k }, (_, index) => pauliString(index, k)),
);

function krausTransfer(operators: readonly Matrix[], k: number): Float64Array {
  const size = 4 ** k;
  const dim = 2 ** k;
  const basis = strings[k - 1] ?? Array.from({ length: size }, (_, index) => pauliString(index, k));
  const matrix = new Float64Array(size * size);
  for (const operator of operators) {
    for (const [j, string] of basis.entries()) {
      const image = conjugate(operator, string, dim);
      for (const [i, other] of basis.entries()) {
        matrix[i * size + j]! += traceWith(other, image, dim) / dim;
      }
    }
  }
  return matrix;
}

/** K P K†. Shapes: [dim, dim]. */
function conjugate({ re, im }: Matrix, { flip, phases }: PauliString, dim: number): Matrix {
  const outRe = new Float64Array(dim * dim);
  const outIm = new Float64Array(dim * dim);
  for (let row = 0; row < dim; row++) {
    for (let col = 0; col < dim; col++) {
      for (let inner = 0; inner < dim; inner++) {
        // K[row, inner ⊕ flip] · phase(inner) · conj K[col, inner]
        const phase = phases[inner]!;
        const left = row * dim + (inner ^ flip);
        const right = col * dim + inner;
        const a = re[left]! * phase.re - im[left]! * phase.im;
        const b = re[left]! * phase.im + im[left]! * phase.re;
        outRe[row * dim + col]! += a * re[right]! + b * im[right]!;
        outIm[row * dim + col]! += b * re[right]! - a * im[right]!;
      }
    }
  }
  return { re: outRe, im: outIm };
}

/** Real part of tr(P M); it has no other for a Hermitian M. */
function traceWith({ flip, phases }: PauliString, { re, im }: Matrix, dim: number): number {
  let sum = 0;
  for (let column = 0; column < dim; column++) {
    // (P M)[r, r] = phase(c) M[c, r] with r = c ⊕ flip
    const phase = phases[column]!;
    const entry = column * dim + (column ^ flip);
    sum += phase.re * re[entry]! - phase.im * im[entry]!;
  }
  return sum;
}

/**
 * Returns the product `left · right` of two transfer matrices of the same qubits. Shapes: [size,
 * size].
 */
export function multiplyTransfer(
  left: Float64Array,
  right: Float64Array,
  size: number,
): Float64Array {
  const out = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let inner = 0; inner < size; inner++) {
      const factor = left[row * size + inner]!;
      if (factor === 0) continue;
      for (let col = 0; col < size; col++)
        out[row * size + col]! += factor * right[inner * size + col]!;
    }
  }
  return out;
}
