import { type WorkCircuit, type WorkOperation, relabel, workQubits } from "./work.ts";

/** Leaves idle qubits out: the others are numbered anew in order; `active` holds their old numbers. */
export function compactQubits(circuit: WorkCircuit): {
  compact: WorkCircuit;
  active: readonly number[];
} {
  const used = new Set(
    circuit.operations.flatMap((operation) =>
      operation.kind === "barrier" ? [] : workQubits(operation),
    ),
  );
  const active = [...used].sort((a, b) => a - b);
  const index = new Map(active.map((qubit, at) => [qubit, at]));
  const operations = circuit.operations.flatMap((operation): WorkOperation[] => {
    const kept =
      operation.kind === "barrier"
        ? { ...operation, qubits: operation.qubits.filter((qubit) => used.has(qubit)) }
        : operation;
    if (kept.kind === "barrier" && kept.qubits.length === 0) return [];
    return [relabel(kept, (qubit) => index.get(qubit) ?? -1)];
  });
  return { compact: { qubits: active.length, clbits: circuit.clbits, operations }, active };
}
