import { type WorkCircuit, isDiagonalLocal, isPair } from "./work.ts";
import { pairCzCount } from "./pair-cost.ts";

/** What a circuit asks of the qubits it is placed on: who meets whom how often, pulses and readout per qubit. */
export interface Pattern {
  readonly qubits: number;
  /** Pairs of qubits, a < b, and the CZ between them. */
  readonly edges: readonly PatternEdge[];
  /** Pulses on each qubit, [qubits]. */
  readonly pulses: readonly number[];
  /** Whether each qubit is read, [qubits]. */
  readonly measured: readonly boolean[];
}

export interface PatternEdge {
  readonly a: number;
  readonly b: number;
  readonly cz: number;
}

/** Returns what a circuit asks of the qubits it is placed on. Pulses are estimated: two per CZ and those of its own. */
export function patternOf(circuit: WorkCircuit): Pattern {
  const cz = new Map<number, number>();
  const pulses = new Array<number>(circuit.qubits).fill(0);
  const measured = new Array<boolean>(circuit.qubits).fill(false);
  const addPulses = (qubit: number, count: number) => {
    pulses[qubit] = (pulses[qubit] ?? 0) + count;
  };
  for (const operation of circuit.operations) {
    if (operation.kind === "measure") measured[operation.qubit] = true;
    if (operation.kind === "local" && !isDiagonalLocal(operation.factors))
      addPulses(operation.qubit, 1);
    if (!isPair(operation)) continue;
    const key =
      Math.min(operation.a, operation.b) * circuit.qubits + Math.max(operation.a, operation.b);
    const count = pairCzCount(operation);
    cz.set(key, (cz.get(key) ?? 0) + count);
    addPulses(operation.a, Math.max(0, count - 1));
    addPulses(operation.b, Math.max(0, count - 1));
  }
  const edges = [...cz].map(([key, count]) => ({
    a: Math.floor(key / circuit.qubits),
    b: key % circuit.qubits,
    cz: count,
  }));
  edges.sort((x, y) => x.a - y.a || x.b - y.b);
  return { qubits: circuit.qubits, edges, pulses, measured };
}

/** Returns a text that is equal for patterns that are placed alike. */
export function patternKey(pattern: Pattern): string {
  const edges = pattern.edges.map(({ a, b, cz }) => `${a}-${b}x${cz}`).join(",");
  return `${pattern.qubits}|${edges}|${pattern.pulses.join(",")}|${pattern.measured.map((read) => (read ? 1 : 0)).join("")}`;
}
