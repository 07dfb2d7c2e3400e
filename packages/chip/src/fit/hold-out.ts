import type { RealRun } from "./real-runs.ts";

/**
 * Chooses what to hold out when the user does not: of every experiment with runs of several lengths
 * on the same qubits, the longest where there are two lengths, a middle one where there are more.
 */
export function chooseHeldOut(runs: readonly RealRun[]): readonly string[] {
  const groups = new Map<string, { readonly id: string; readonly length: number }[]>();
  for (const { id, experiment, executed } of runs) {
    const gates = executed.operations.filter(({ kind }) => kind === "gate");
    const qubits = [
      ...new Set(gates.flatMap((gate) => (gate.kind === "gate" ? gate.qubits : []))),
    ].sort();
    if (qubits.length === 0 || experiment === "readout") continue;
    const key = `${experiment} ${qubits.join(",")}`;
    groups.set(key, [...(groups.get(key) ?? []), { id, length: gates.length }]);
  }
  return [...groups.values()].flatMap((group) => {
    const lengths = [...new Set(group.map(({ length }) => length))].sort((a, b) => a - b);
    if (lengths.length < 2) return [];
    const chosen = lengths.length === 2 ? lengths[1] : lengths[lengths.length >> 1];
    return group.filter(({ length }) => length === chosen).map(({ id }) => id);
  });
}
