/**
 * Expectation values by pulling an observable back through the circuit as a sum of Pauli strings (Heisenberg picture;
 * Rudolph et al., arXiv 2505.21606). Exact while no term is dropped; what is dropped bounds the error by its l1 norm.
 */
import { type Abortable, throwIfAborted, yieldToOthers } from "@qtune/base";
import {
  type Matrix,
  type Observable,
  adjointMatrix,
  identityMatrix,
  multiplyMatrices,
} from "@qtune/circuit";
import { pauliOperator } from "../noise/step-operator.ts";
import type { Item } from "../plan/item.ts";
import { type Group, fuseItems } from "./fuse.ts";

/** How much is dropped. */
export interface PropagationOptions extends Abortable {
  /** Terms with a smaller coefficient are dropped. Default 0: none. */
  readonly minCoefficient?: number | undefined;
  /** Most terms at a time; the smallest are dropped beyond. Default 200,000. */
  readonly maxTerms?: number | undefined;
}

/** What came out. */
export interface PropagationResult {
  readonly expectation: number;
  /** Bound of the error: the sum of |coefficient| that was dropped. */
  readonly errorBound: number;
  readonly largestSum: number;
}

/**
 * Returns ⟨0|U† O U|0⟩ for items with bound angles on n qubits, of at most three qubits each.
 *
 * Cost: gates · terms.
 */
export async function propagatePaulis(
  observable: Observable,
  items: readonly Item[],
  n: number,
  options: PropagationOptions = {},
): Promise<PropagationResult> {
  const { minCoefficient = 0, maxTerms = 200_000 } = options;
  let terms = startTerms(observable, n);
  let errorBound = 0;
  let largestSum = terms.size;
  let sliceEnd = performance.now() + 20;
  for (const group of [...fuseItems(items, 2, 2)].reverse()) {
    terms = pullBack(terms, group);
    if (minCoefficient > 0 || terms.size > maxTerms)
      errorBound += dropSmall(terms, minCoefficient, maxTerms);
    largestSum = Math.max(largestSum, terms.size);
    throwIfAborted(options.signal);
    if (performance.now() > sliceEnd) {
      await yieldToOthers(options.signal);
      sliceEnd = performance.now() + 20;
    }
  }
  let expectation = 0;
  for (const [key, coefficient] of terms) if (!/[XY]/.test(key)) expectation += coefficient;
  return { expectation, errorBound, largestSum };
}

const letters = ["I", "X", "Y", "Z"] as const;

function startTerms(observable: Observable, n: number): Map<string, number> {
  const terms = new Map<string, number>();
  for (const { coefficient, paulis } of observable.terms) {
    const key = new Array<string>(n).fill("I");
    for (const { qubit, pauli } of paulis) key[qubit] = pauli;
    terms.set(key.join(""), (terms.get(key.join("")) ?? 0) + coefficient);
  }
  return terms;
}

/** Replaces P by U† P U on the qubits of a group. */
function pullBack(terms: Map<string, number>, group: Group): Map<string, number> {
  const { matrix, qubits } = denseOf(group);
  const images = transferRows(matrix, qubits.length);
  const out = new Map<string, number>();
  for (const [key, coefficient] of terms) {
    let index = 0;
    for (let j = qubits.length - 1; j >= 0; j--)
      index = 4 * index + letters.indexOf(key[qubits[j]!] as "I" | "X" | "Y" | "Z"); // a letter of a key
    if (index === 0) {
      out.set(key, (out.get(key) ?? 0) + coefficient);
      continue;
    }
    for (const { pauli, factor } of images[index] ?? []) {
      const next = replaceLetters(key, qubits, pauli);
      const sum = (out.get(next) ?? 0) + coefficient * factor;
      out.set(next, sum);
    }
  }
  for (const [key, coefficient] of out) if (Math.abs(coefficient) < 1e-16) out.delete(key);
  return out;
}

function replaceLetters(key: string, qubits: readonly number[], pauli: number): string {
  let text = key;
  let rest = pauli;
  for (const qubit of qubits) {
    text = text.slice(0, qubit) + letters[rest % 4]! + text.slice(qubit + 1); // rest % 4 is 0 … 3
    rest = Math.floor(rest / 4);
  }
  return text;
}

/** A group as one matrix over its targets and controls. */
function denseOf(group: Group): { readonly matrix: Matrix; readonly qubits: readonly number[] } {
  if (group.kind === "phase") {
    const matrix = identityMatrix(group.phases.length);
    group.phases.forEach((phase, x) => {
      matrix.re[x * matrix.size + x] = Math.cos(phase);
      matrix.im[x * matrix.size + x] = Math.sin(phase);
    });
    return { matrix, qubits: group.qubits };
  }
  if (group.controls.length === 0) return group;
  const qubits = [...group.qubits, ...group.controls.map(({ qubit }) => qubit)];
  const inner = group.matrix.size;
  const wanted = group.controls.reduce((sum, { value }, i) => sum + value * 2 ** i, 0);
  const matrix = identityMatrix(inner * 2 ** group.controls.length);
  for (let i = 0; i < inner; i++) {
    for (let j = 0; j < inner; j++) {
      const at = (wanted * inner + i) * matrix.size + wanted * inner + j;
      matrix.re[at] = group.matrix.re[i * inner + j]!; // inside
      matrix.im[at] = group.matrix.im[i * inner + j]!;
    }
  }
  return { matrix, qubits };
}

/** For every Pauli string P the strings P' with factor tr(P' U† P U) / 2^k. */
function transferRows(
  u: Matrix,
  k: number,
): readonly (readonly { readonly pauli: number; readonly factor: number }[])[] {
  const inverse = adjointMatrix(u);
  return Array.from({ length: 4 ** k }, (_, p) => {
    const pulled = multiplyMatrices(multiplyMatrices(inverse, toMatrix(p, k)), u);
    return Array.from({ length: 4 ** k }, (__, q) => {
      const pauli = pauliOperator(q, k);
      let trace = 0;
      for (let i = 0; i < u.size; i++) {
        for (let j = 0; j < u.size; j++) {
          const [a, b] = [i * u.size + j, j * u.size + i];
          trace += pauli.re[a]! * pulled.re[b]! - pauli.im[a]! * pulled.im[b]!; // inside
        }
      }
      return { pauli: q, factor: trace / u.size };
    }).filter(({ factor }) => Math.abs(factor) > 1e-14);
  });
}

function toMatrix(index: number, k: number): Matrix {
  const { re, im } = pauliOperator(index, k);
  return { size: 2 ** k, re: Float64Array.from(re), im: Float64Array.from(im) };
}

/** Drops small terms, then the smallest beyond the limit; returns the l1 norm of what went. */
function dropSmall(terms: Map<string, number>, minCoefficient: number, maxTerms: number): number {
  let dropped = 0;
  const drop = (key: string, coefficient: number): void => {
    dropped += Math.abs(coefficient);
    terms.delete(key);
  };
  for (const [key, coefficient] of terms)
    if (Math.abs(coefficient) < minCoefficient) drop(key, coefficient);
  if (terms.size > maxTerms) {
    const ordered = [...terms].sort(([, a], [, b]) => Math.abs(a) - Math.abs(b));
    for (const [key, coefficient] of ordered.slice(0, terms.size - maxTerms))
      drop(key, coefficient);
  }
  return dropped;
}
