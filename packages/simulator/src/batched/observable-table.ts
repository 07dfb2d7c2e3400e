import { QtuneError, assertFinite, assertInteger } from "@qtune/base";
import type { Observable } from "@qtune/circuit";

/** Observables of a batch, split into what a table over the index can hold and Pauli strings that flip bits. */
export interface ObservableTable {
  readonly K: number;
  /** Diagonal parts [K, 2^n]; undefined when there is none. */
  readonly diagonal: Float64Array | undefined;
  readonly strings: readonly PauliString[];
}

/** `coefficient · P` of observable `k`; P|x⟩ = i^phase (−1)^{|x & zMask|} |x ^ xMask⟩. */
export interface PauliString {
  readonly k: number;
  readonly coefficient: number;
  readonly xMask: number;
  readonly zMask: number;
  readonly phase: number;
}

/** Compiles observables for n qubits. Effect: pure. The caller has checked that the qubits exist. */
export function compileObservables(observables: readonly Observable[], n: number): ObservableTable {
  const size = 2 ** n;
  const strings: PauliString[] = [];
  let diagonal: Float64Array | undefined;
  for (const [k, observable] of observables.entries()) {
    for (const term of observable.terms) {
      const string = { k, ...toMasks(term) };
      if (string.xMask !== 0) {
        strings.push(string);
        continue;
      }
      diagonal ??= new Float64Array(observables.length * size);
      for (let x = 0; x < size; x++) {
        diagonal[k * size + x]! += isOdd(x & string.zMask)
          ? -string.coefficient
          : string.coefficient; // k < K, x < size
      }
    }
  }
  return { K: observables.length, diagonal, strings };
}

/** Returns the masks of a Pauli term. */
export function toMasks(term: Observable["terms"][number]): Omit<PauliString, "k"> {
  let xMask = 0;
  let zMask = 0;
  let phase = 0;
  for (const { qubit, pauli } of term.paulis) {
    if (pauli !== "Z") xMask |= 1 << qubit;
    if (pauli !== "X") zMask |= 1 << qubit;
    if (pauli === "Y") phase += 1;
  }
  return { coefficient: term.coefficient, xMask, zMask, phase: phase % 4 };
}

/** Tells whether an integer has an odd number of ones. */
export function isOdd(bits: number): boolean {
  let rest = bits;
  rest ^= rest >>> 16;
  rest ^= rest >>> 8;
  rest ^= rest >>> 4;
  rest ^= rest >>> 2;
  rest ^= rest >>> 1;
  return (rest & 1) === 1;
}

/** Throws unless every observable is a finite sum over existing, distinct qubits. */
export function assertObservables(observables: readonly Observable[], n: number): void {
  for (const [k, observable] of observables.entries()) {
    for (const [t, term] of observable.terms.entries()) {
      const where = `observables[${k}].terms[${t}]`;
      assertFinite([term.coefficient], `${where}.coefficient`);
      for (const { qubit } of term.paulis)
        assertInteger(qubit, { min: 0, max: n - 1 }, `${where}.qubit`);
      if (new Set(term.paulis.map(({ qubit }) => qubit)).size !== term.paulis.length) {
        throw new QtuneError("invalid_argument", "expected each qubit once but one is repeated", {
          where,
        });
      }
    }
  }
}
