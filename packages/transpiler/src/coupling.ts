import { QtuneError } from "@qtune/base";
import type { NativeLengths } from "./template.ts";

/**
 * What placing and routing need to know of a chip on one day: which qubits and couplers work, and what each operation
 * costs, as −ln of its fidelity, so that costs add up.
 */
export interface Coupling {
  /** Number of sites; qubits are 0 … size − 1, dead ones included. */
  readonly size: number;
  /** Working qubits, ascending. */
  readonly qubits: readonly number[];
  /** Neighbours of each site over working couplers, ascending; empty for dead qubits. */
  readonly neighbours: readonly (readonly number[])[];
  /** −ln fidelity of CZ, [size, size]; infinite where there is no working coupler. */
  readonly czCost: Float64Array;
  /** −ln fidelity of one pulse, [size]. */
  readonly pulseCost: Float64Array;
  /** −ln fidelity of reading one qubit (mean of both states), [size]. */
  readonly readoutCost: Float64Array;
  /** −ln fidelity of a wait on a qubit. */
  readonly idleCost: (qubit: number, waitNs: number) => number;
  /** How long native instructions take, for schedules made before placing. */
  readonly lengths: NativeLengths;
  /** Hops between qubits over working couplers, [size, size]; 65,535 when there is no way. */
  readonly distance: Uint16Array;
}

/** The value of `distance` for qubits in different regions. */
export const unreachable = 0xffff;

/** A working coupler and what its CZ costs. */
export interface CouplerCost {
  readonly a: number;
  readonly b: number;
  readonly cost: number;
}

/** A working qubit and what its operations cost. */
export interface QubitCost {
  readonly qubit: number;
  readonly pulse: number;
  readonly readout: number;
}

/** Creates the coupling of working qubits and couplers. Cost: O(size · couplers), once per snapshot. */
export function createCoupling(options: {
  readonly size: number;
  readonly qubits: readonly QubitCost[];
  readonly couplers: readonly CouplerCost[];
  readonly lengths: NativeLengths;
  /** Default: waits cost nothing. */
  readonly idleCost?: (qubit: number, waitNs: number) => number;
}): Coupling {
  const { size, qubits, couplers, lengths, idleCost = () => 0 } = options;
  const czCost = new Float64Array(size * size).fill(Infinity);
  const pulseCost = new Float64Array(size).fill(Infinity);
  const readoutCost = new Float64Array(size).fill(Infinity);
  for (const { qubit, pulse, readout } of qubits) {
    pulseCost[qubit] = pulse;
    readoutCost[qubit] = readout;
  }
  const neighbours: number[][] = Array.from({ length: size }, () => []);
  for (const { a, b, cost } of couplers) {
    if (pulseCost[a] === Infinity || pulseCost[b] === Infinity) continue;
    czCost[a * size + b] = cost;
    czCost[b * size + a] = cost;
    neighbours[a]?.push(b);
    neighbours[b]?.push(a);
  }
  for (const list of neighbours) list.sort((x, y) => x - y);
  const alive = qubits.map((entry) => entry.qubit).sort((x, y) => x - y);
  return {
    size,
    qubits: alive,
    neighbours,
    czCost,
    pulseCost,
    readoutCost,
    idleCost,
    lengths,
    distance: allDistances(size, neighbours),
  };
}

/**
 * Keeps some qubits only, with the couplers among them.
 *
 * Errors: failed_precondition for a qubit that does not work.
 */
export function restrictCoupling(
  coupling: Coupling,
  qubits: readonly number[],
  where = "region",
): Coupling {
  const kept = new Set(qubits);
  const alive = new Set(coupling.qubits);
  for (const [index, qubit] of qubits.entries()) {
    if (!alive.has(qubit)) {
      throw deadQubit(`${where}[${index}]`, qubit);
    }
  }
  const neighbours = coupling.neighbours.map((list, qubit) =>
    kept.has(qubit) ? list.filter((other) => kept.has(other)) : [],
  );
  const czCost = new Float64Array(coupling.czCost.length).fill(Infinity);
  neighbours.forEach((list, a) => {
    for (const b of list)
      czCost[a * coupling.size + b] = coupling.czCost[a * coupling.size + b] ?? Infinity;
  });
  return {
    ...coupling,
    qubits: coupling.qubits.filter((qubit) => kept.has(qubit)),
    neighbours,
    czCost,
    distance: allDistances(coupling.size, neighbours),
  };
}

/** The error for a qubit that the calibration does not know. */
export function deadQubit(where: string, qubit: number): QtuneError {
  const given = String(qubit);
  return QtuneError.fromIssues(
    [{ where, expected: "a working qubit", given, hint: "pick another" }],
    "failed_precondition",
  );
}

/** Returns the connected regions, the largest first, each ascending. */
export function couplingRegions(coupling: Coupling): readonly (readonly number[])[] {
  const seen = new Set<number>();
  const regions: number[][] = [];
  for (const start of coupling.qubits) {
    if (seen.has(start)) continue;
    const region = coupling.qubits.filter(
      (q) => coupling.distance[start * coupling.size + q] !== unreachable,
    );
    for (const qubit of region) seen.add(qubit);
    regions.push(region);
  }
  return regions.sort((x, y) => y.length - x.length || (x[0] ?? 0) - (y[0] ?? 0));
}

/** Tells whether a working coupler joins two qubits. */
export function areCoupled(coupling: Coupling, a: number, b: number): boolean {
  return coupling.distance[a * coupling.size + b] === 1;
}

function allDistances(size: number, neighbours: readonly (readonly number[])[]): Uint16Array {
  const distance = new Uint16Array(size * size).fill(unreachable);
  const queue = new Int32Array(size);
  for (let start = 0; start < size; start++) {
    distance[start * size + start] = 0;
    queue[0] = start;
    let end = 1;
    for (let next = 0; next < end; next++) {
      const from = queue[next]!; // next < end ≤ size
      const hops = distance[start * size + from]! + 1;
      for (const to of neighbours[from] ?? []) {
        if (distance[start * size + to] !== unreachable) continue;
        distance[start * size + to] = hops;
        queue[end++] = to;
      }
    }
  }
  return distance;
}
