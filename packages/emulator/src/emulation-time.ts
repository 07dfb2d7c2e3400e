import type { ChipBatch } from "./chip-run.ts";

/** Circuits of four qubits and 1,000 shots per second on two cores: measured, see BENCHMARKS.md. */
const referenceRate = 500;

/**
 * Predicts how long this process emulates a batch, in seconds: from one measured rate, in proportion to shots, operations
 * and 2^qubits. Good to a factor of a few.
 */
export function emulationSeconds(prepared: ChipBatch, qubits: number): number {
  const operations = prepared.batch.circuit.operations.length;
  const relative = (prepared.shots / 1000) * (operations / 32) * 2 ** Math.max(0, qubits - 4);
  return (prepared.tasks.length * relative) / referenceRate;
}
