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
