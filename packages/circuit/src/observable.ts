import { QtuneError } from "@qtune/base";

/** A Pauli operator on one qubit. */
export type Pauli = "X" | "Y" | "Z";

/** `coefficient · ⊗ paulis`; qubits not listed carry the identity. Qubits are sorted and distinct. */
export interface PauliTerm {
  readonly coefficient: number;
  readonly paulis: readonly { readonly qubit: number; readonly pauli: Pauli }[];
}

/** A Hermitian observable: a real sum of Pauli strings. */
export interface Observable {
  readonly terms: readonly PauliTerm[];
}

/** Returns the observable Z on one qubit. */
export function pauliZ(qubit: number): Observable {
  return { terms: [{ coefficient: 1, paulis: [{ qubit, pauli: "Z" }] }] };
}

/** Returns Z on each of n qubits: the readout of a quantum layer. */
export function allPauliZ(n: number): readonly Observable[] {
  return Array.from({ length: n }, (_, qubit) => pauliZ(qubit));
}

/**
 * Returns the observable that a text says: `0.5 Z0 Z1 - 1.2 X3 + 2`. Factors stand side by side or with `*`; a term
 * without Paulis is a constant.
 *
 * Errors: invalid_argument naming the place, a repeated qubit in a term included.
 */
export function parseObservable(text: string): Observable {
  const terms: PauliTerm[] = [];
  const pattern =
    /\s*(?:([+-])|(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([XYZI])(\d+)|(\*))/y;
  let coefficient = 1;
  let paulis: { readonly qubit: number; readonly pauli: Pauli }[] = [];
  let factors = 0;
  const fault = (at: number, expected: string): QtuneError =>
    QtuneError.fromIssues([
      {
        where: "observable",
        column: at + 1,
        excerpt: text,
        expected,
        given: JSON.stringify(text.slice(at, at + 1)),
      },
    ]);
  const finish = (at: number): void => {
    if (factors === 0) throw fault(at, "a number or a Pauli operator like Z0");
    const sorted = [...paulis].sort((a, b) => a.qubit - b.qubit);
    if (new Set(sorted.map((one) => one.qubit)).size !== sorted.length)
      throw fault(at, "each qubit once per term");
    terms.push({ coefficient, paulis: sorted });
    [coefficient, paulis, factors] = [1, [], 0];
  };
  const end = text.trimEnd().length;
  let at = 0;
  while (at < end) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) throw fault(at, "+, -, a number or a Pauli operator like Z0");
    const [, sign, number, pauli, qubit] = match;
    if (sign !== undefined) {
      if (factors > 0) finish(at);
      if (sign === "-") coefficient = -coefficient;
    } else if (number !== undefined) {
      coefficient *= Number(number);
      factors += 1;
    } else if (pauli !== undefined) {
      if (pauli !== "I") paulis.push({ qubit: Number(qubit), pauli: pauli as Pauli }); // the pattern allows no other letter
      factors += 1;
    }
    at = pattern.lastIndex;
  }
  finish(end);
  return { terms };
}

/** Returns an observable as text that {@link parseObservable} reads. */
export function printObservable(observable: Observable): string {
  if (observable.terms.length === 0) return "0";
  return observable.terms
    .map(({ coefficient, paulis }, i) => {
      const sign = coefficient < 0 ? (i === 0 ? "-" : " - ") : i === 0 ? "" : " + ";
      const factors = [
        String(Math.abs(coefficient)),
        ...paulis.map(({ qubit, pauli }) => `${pauli}${qubit}`),
      ];
      return sign + factors.join(" ");
    })
    .join("");
}
