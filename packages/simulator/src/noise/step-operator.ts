import { internalError } from "@qtune/base";
import type { NoisyStep } from "@qtune/chip";

/** A complex matrix [2^k, 2^k], row-major. */
export interface Operator {
  readonly re: ArrayLike<number>;
  readonly im: ArrayLike<number>;
}

const paulis: readonly Operator[] = [
  { re: [1, 0, 0, 1], im: [0, 0, 0, 0] },
  { re: [0, 1, 1, 0], im: [0, 0, 0, 0] },
  { re: [0, 0, 0, 0], im: [0, -1, 1, 0] },
  { re: [1, 0, 0, -1], im: [0, 0, 0, 0] },
];

/** Returns the Pauli string of an index Σ p_j 4^j as a matrix; the first qubit is the least significant bit. */
export function pauliOperator(index: number, k: number): Operator {
  let product: Operator = { re: [1], im: [0] };
  for (let j = 0; j < k; j++)
    product = kronecker(paulis[Math.floor(index / 4 ** j) % 4] ?? product, product);
  return product;
}

/** Returns high ⊗ low. */
function kronecker(high: Operator, low: Operator): Operator {
  const h = Math.round(Math.sqrt(high.re.length));
  const l = Math.round(Math.sqrt(low.re.length));
  const size = h * l;
  const re = new Float64Array(size * size);
  const im = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const a = Math.floor(i / l) * h + Math.floor(j / l);
      const b = (i % l) * l + (j % l);
      re[i * size + j] = high.re[a]! * low.re[b]! - high.im[a]! * low.im[b]!; // inside both
      im[i * size + j] = high.re[a]! * low.im[b]! + high.im[a]! * low.re[b]!;
    }
  }
  return { re, im };
}

/** Returns the qubits that a step acts on. */
export function stepQubits(step: NoisyStep): readonly number[] {
  return step.kind === "detuning" || step.kind === "reset" ? [step.qubit] : step.qubits;
}

/** Returns the Kraus operators of a step at a fixed detuning vector. Shapes: each [2^k, 2^k]. */
export function krausOperators(
  step: NoisyStep,
  detuningRadPerNs: ArrayLike<number>,
): readonly Operator[] {
  switch (step.kind) {
    case "unitary":
      return [step];
    case "kraus":
      return step.operators;
    case "pauli":
      return step.probabilities.flatMap((probability, index) => {
        if (probability === 0) return [];
        const { re, im } = pauliOperator(index, step.qubits.length);
        const root = Math.sqrt(probability);
        return [{ re: Array.from(re, (x) => root * x), im: Array.from(im, (x) => root * x) }];
      });
    case "detuning": {
      const half = ((detuningRadPerNs[step.qubit] ?? 0) * step.durationNs) / 2;
      const [c, s] = [Math.cos(half), Math.sin(half)];
      return [{ re: [c, 0, 0, c], im: [-s, 0, 0, s] }];
    }
    case "reset":
      return [
        { re: [1, 0, 0, 0], im: [0, 0, 0, 0] },
        { re: [0, 1, 0, 0], im: [0, 0, 0, 0] },
      ];
    default:
      throw internalError(`unknown step ${JSON.stringify(step satisfies never)}`);
  }
}
