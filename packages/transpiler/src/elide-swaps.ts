import { type WorkCircuit, type WorkOperation, relabel } from "./work.ts";

/** A circuit without SWAPs, and where each qubit ends up. */
export interface Elided {
  readonly circuit: WorkCircuit;
  /** The qubit of the new circuit that holds each qubit of the old one at the end, [qubits]. */
  readonly final: readonly number[];
}

/**
 * Leaves out the SWAPs that a circuit asks for: what follows is written on the exchanged qubits instead.
 *
 * Effect: pure. Cost: linear.
 */
export function elideSwaps(circuit: WorkCircuit): Elided {
  const at = Array.from({ length: circuit.qubits }, (_, qubit) => qubit);
  const operations: WorkOperation[] = [];
  for (const operation of circuit.operations) {
    if (operation.kind !== "swap") {
      operations.push(relabel(operation, (qubit) => at[qubit] ?? qubit));
      continue;
    }
    const kept = at[operation.a] ?? operation.a;
    at[operation.a] = at[operation.b] ?? operation.b;
    at[operation.b] = kept;
  }
  return { circuit: { ...circuit, operations }, final: at };
}
