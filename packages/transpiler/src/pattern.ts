import { expandPairs } from "./expand-pairs.ts";
import { mergeLocals } from "./merge-locals.ts";
import { type NativeLengths, type NativeTemplate, scheduleTemplate } from "./template.ts";
import type { WorkCircuit } from "./work.ts";

/** What a circuit asks of the qubits it is placed on, as if every pair had a coupler. */
export interface Pattern {
  readonly qubits: number;
  /** Pairs of qubits, a < b, and the CZ between them. */
  readonly edges: readonly PatternEdge[];
  /** Pulses on each qubit, [qubits]. */
  readonly pulses: readonly number[];
  /** How long each qubit waits between two of its operations, ns, [qubits][waits]. */
  readonly waitsNs: readonly (readonly number[])[];
  /** Whether each qubit is read, [qubits]. */
  readonly measured: readonly boolean[];
}

export interface PatternEdge {
  readonly a: number;
  readonly b: number;
  readonly cz: number;
}

/** Returns what a circuit asks of the qubits it is placed on. Cost: linear; one expansion and one schedule. */
export function patternOf(circuit: WorkCircuit, lengths: NativeLengths): Pattern {
  const native = mergeLocals(expandPairs(circuit.operations));
  return patternOfTemplate(scheduleTemplate(native, circuit.clbits, lengths), circuit.qubits);
}

function patternOfTemplate(template: NativeTemplate, n: number): Pattern {
  const { pulseNs, czNs } = template.lengths;
  const cz = new Map<number, number>();
  const pulses = new Array<number>(n).fill(0);
  const measured = new Array<boolean>(n).fill(false);
  const waitsNs: number[][] = Array.from({ length: n }, () => []);
  const busyUntil = new Map<number, number>();
  for (const step of template.steps) {
    if (step.kind === "local" && !step.pulse) continue;
    const qubits = step.kind === "cz" ? [step.a, step.b] : [step.qubit];
    const lengthNs = step.kind === "cz" ? czNs : step.kind === "local" ? pulseNs : 0;
    for (const qubit of qubits) {
      const waitNs = step.startNs - (busyUntil.get(qubit) ?? step.startNs);
      // Waits before the readout do not change what is read, apart from relaxation; they are part of the schedule's price.
      if (waitNs > 0) waitsNs[qubit]?.push(waitNs);
      busyUntil.set(qubit, step.startNs + lengthNs);
    }
    if (step.kind === "measure") measured[step.qubit] = true;
    if (step.kind === "local") pulses[step.qubit] = (pulses[step.qubit] ?? 0) + 1;
    if (step.kind !== "cz") continue;
    const key = Math.min(step.a, step.b) * n + Math.max(step.a, step.b);
    cz.set(key, (cz.get(key) ?? 0) + 1);
  }
  const edges = [...cz].map(([key, count]) => ({ a: Math.floor(key / n), b: key % n, cz: count }));
  edges.sort((x, y) => x.a - y.a || x.b - y.b);
  return { qubits: n, edges, pulses, waitsNs, measured };
}
