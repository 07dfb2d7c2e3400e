/**
 * The places of a packing problem as bits: equal sets of qubits are one region whatever the shape, and each region knows which
 * others it excludes.
 */
import type { PackProblem } from "./packing.ts";
import {
  type QubitSet,
  addQubit,
  commonMembers,
  createQubitSet,
  regionKey,
  uniteInPlace,
} from "./qubit-set.ts";

/** Regions and what they exclude. R regions. */
export interface PreparedPlaces {
  /** Qubits of each region and the buffer around them. [R] */
  readonly halos: readonly QubitSet[];
  /** Regions that each region excludes, itself included, as bits. [R] */
  readonly conflicts: readonly Uint32Array[];
  /** All regions, as bits. */
  readonly all: Uint32Array;
  readonly shapes: readonly PreparedShape[];
}

/** The places of one shape. */
export interface PreparedShape {
  /** Its regions, ascending by place. */
  readonly regions: Int32Array;
  /** The same as bits. */
  readonly mask: Uint32Array;
  /** Index into the places of the shape, by region; −1 where it has none. [R] */
  readonly places: Int32Array;
  /** Cost by region. [R] */
  readonly costs: Float64Array;
}

/** Prepares the places of a problem. Cost: O(places + R² / 32 · qubits of a halo). */
export function preparePlaces(problem: PackProblem): PreparedPlaces {
  const numbers = new Map<number | string, number>();
  /** The same by list: circuits of one structure share the lists of their places. */
  const numbersOfLists = new Map<readonly number[], number>();
  const regions: (readonly number[])[] = [];
  const ofShapes = problem.shapes.map((places) =>
    places.map(({ qubits }) => {
      const known = numbersOfLists.get(qubits);
      if (known !== undefined) return known;
      const key = regionKey(ascending(qubits), problem.size);
      const number = numbers.get(key) ?? regions.push(qubits) - 1;
      numbers.set(key, number);
      numbersOfLists.set(qubits, number);
      return number;
    }),
  );
  const halos = regions.map((qubits) => {
    const halo = createQubitSet(problem.size, qubits);
    for (const qubit of qubits)
      for (const near of problem.buffer[qubit] ?? []) addQubit(halo, near);
    return halo;
  });
  const all = createQubitSet(regions.length, regions.keys());
  return {
    halos,
    conflicts: findConflicts(problem.size, regions, halos),
    all,
    shapes: problem.shapes.map((places, shape) =>
      prepareShape(places, ofShapes[shape] ?? [], regions.length),
    ),
  };
}

/** Qubits ascending; most lists are so already. */
function ascending(qubits: readonly number[]): readonly number[] {
  const isSorted = qubits.every((qubit, i) => i === 0 || qubit > qubits[i - 1]!); // i ≥ 1
  return isSorted ? qubits : qubits.toSorted((a, b) => a - b);
}

/** A region excludes all that hold one of the qubits of its halo. */
function findConflicts(
  size: number,
  regions: readonly (readonly number[])[],
  halos: readonly QubitSet[],
): readonly Uint32Array[] {
  const holding = Array.from({ length: size }, () => createQubitSet(regions.length));
  for (let region = 0; region < regions.length; region++)
    for (const qubit of regions[region]!) addQubit(holding[qubit]!, region); // sites of the chip
  return halos.map((halo) => {
    const out = createQubitSet(regions.length);
    for (const qubit of commonMembers(halo, halo)) uniteInPlace(out, holding[qubit]!); // sites of the chip
    return out;
  });
}

function prepareShape(
  places: readonly { readonly cost: number }[],
  regions: readonly number[],
  R: number,
): PreparedShape {
  const byRegion = new Int32Array(R).fill(-1);
  const costs = new Float64Array(R).fill(Infinity);
  places.forEach(({ cost }, place) => {
    const region = regions[place] ?? 0;
    if (cost >= costs[region]!) return; // region < R; of two places on the same qubits the cheaper one
    byRegion[region] = place;
    costs[region] = cost;
  });
  const own = [...new Set(regions)];
  return {
    regions: Int32Array.from(own),
    mask: createQubitSet(R, own),
    places: byRegion,
    costs,
  };
}
