/** Batches of small ansatz circuits with fixed angles, for tests. */
import { type CircuitBatch, allPauliZ, ringAnsatz } from "@qtune/circuit";

/** Returns B circuits of one layer that differ in their inputs, with Z of each qubit as observables. */
export function ansatzBatch(
  B: number,
  { n = 2, ansatz = "ring" }: { readonly n?: number; readonly ansatz?: "ring" | "path" } = {},
): CircuitBatch {
  const circuit = ringAnsatz({ n, layers: 1, ansatz });
  const count = (role: string): number =>
    circuit.parameters.filter((each) => each.role === role).length;
  return {
    circuit,
    B,
    shared: Float64Array.from({ length: count("shared") }, (_, i) => 0.1 * i),
    rows: Float64Array.from({ length: B * count("row") }, (_, i) => Math.sin(i + n - 2)),
    observables: allPauliZ(n),
  };
}
