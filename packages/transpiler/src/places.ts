/**
 * Where a circuit could go on a chip: all perfect matches, or, where there is none, compact regions in which it is routed.
 */
import { QtuneError } from "@qtune/base";
import type { Circuit } from "@qtune/circuit";
import { cancelPairs } from "./cancel.ts";
import { compactQubits } from "./compact-qubits.ts";
import { consolidate } from "./consolidate.ts";
import { type Coupling, couplingRegions } from "./coupling.ts";
import { lowerCircuit } from "./lower.ts";
import type { Place } from "./packing.ts";
import { type Pattern, patternOf } from "./pattern.ts";
import { type RegionEmbedding, listEmbeddings } from "./perfect-layout.ts";
import { growPart, tooWide } from "./place-and-route.ts";
import { reorder } from "./reorder.ts";

/** A place for a circuit of some shape. */
export interface CircuitPlace extends Place {
  /** Physical qubit of each qubit of the circuit, −1 for idle ones; absent where the circuit has to be routed in the region. */
  readonly layout?: readonly number[];
  /** The circuit runs as it is written, on the qubits that it names. */
  readonly physical?: true;
}

/** Which places are good enough. */
export interface PlaceOptions {
  /** Places whose predicted fidelity is below this share of the best one are not used. Default 0.5. */
  readonly relativeFloor?: number | undefined;
  /** Places with a predicted fidelity below this are not used. Default 0. */
  readonly minFidelity?: number | undefined;
  /** Most places that are kept, the cheapest. Default 1,200. */
  readonly maxPlaces?: number | undefined;
}

/** Steps of the search for perfect matches. */
const searchSteps = 300_000;

/**
 * Lists the places of a circuit, the cheapest first.
 *
 * Effect: pure.
 * Cost:   four qubits on 72: 1 to 10 ms.
 * Errors: failed_precondition when the circuit is wider than the largest region, or when no place reaches the floor.
 */
export function listPlaces(
  circuit: Circuit,
  coupling: Coupling,
  options: PlaceOptions = {},
): readonly CircuitPlace[] {
  const { compact, active } = compactQubits(lowerCircuit(circuit));
  if (active.length === 0) return [];
  const operations = cancelPairs(consolidate(cancelPairs(compact.operations)));
  const ordered = { ...compact, operations: reorder(operations, coupling.lengths) };
  const pattern = patternOf(ordered, coupling.lengths);
  const found = listEmbeddings(pattern, coupling, { maxSteps: searchSteps });
  if (found.length === 0) return aboveFloor(routedPlaces(pattern, coupling), options);
  return aboveFloor(found, options).map((place) => spreadLayout(circuit, active, place));
}

/** The layout of a circuit from that of its active qubits. */
function spreadLayout(
  circuit: Circuit,
  active: readonly number[],
  { qubits, layout, cost }: RegionEmbedding,
): CircuitPlace {
  const spread = new Array<number>(circuit.qubits).fill(-1);
  active.forEach((qubit, index) => {
    spread[qubit] = layout[index] ?? -1;
  });
  return { qubits, layout: spread, cost };
}

/** One compact region around each qubit that has room. The cost is that of mean couplers, with one SWAP per third gate. */
function routedPlaces(pattern: Pattern, coupling: Coupling): CircuitPlace[] {
  const regions = couplingRegions(coupling);
  if ((regions[0]?.length ?? 0) < pattern.qubits) throw tooWide(pattern.qubits, regions);
  const cz = pattern.edges.reduce((sum, edge) => sum + edge.cz, 0);
  const bySet = new Map<string, CircuitPlace>();
  for (const region of regions) {
    if (region.length < pattern.qubits) continue;
    for (const start of region) {
      const qubits = growPart(coupling, start, pattern.qubits).sort((a, b) => a - b);
      bySet.set(qubits.join(","), {
        qubits,
        cost: 2 * cz * meanCzCost(coupling, qubits) + readoutCost(coupling, qubits),
      });
    }
  }
  return [...bySet.values()].sort(
    (x, y) => x.cost - y.cost || (x.qubits[0] ?? 0) - (y.qubits[0] ?? 0),
  );
}

function meanCzCost(coupling: Coupling, qubits: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (const a of qubits) {
    for (const b of qubits) {
      const cost = coupling.czCost[a * coupling.size + b] ?? Infinity;
      if (a >= b || cost === Infinity) continue;
      sum += cost;
      count += 1;
    }
  }
  return count === 0 ? 0 : sum / count;
}

function readoutCost(coupling: Coupling, qubits: readonly number[]): number {
  return qubits.reduce((sum, qubit) => sum + (coupling.readoutCost[qubit] ?? 0), 0);
}

/**
 * Returns the largest −ln fidelity that the floor of {@link PlaceOptions} allows beside the best place.
 */
export function costLimit(bestCost: number, options: PlaceOptions): number {
  const { relativeFloor = 0.5, minFidelity = 0 } = options;
  return Math.min(
    bestCost - Math.log(Math.max(relativeFloor, 1e-300)),
    -Math.log(Math.max(minFidelity, 1e-300)),
  );
}

/** The places that are good enough. Shapes: `places` sorted by cost. */
function aboveFloor<P extends Place>(places: readonly P[], options: PlaceOptions): readonly P[] {
  const { minFidelity = 0, maxPlaces = 1200 } = options;
  const [best] = places;
  if (best === undefined) return [];
  const limit = costLimit(best.cost, options);
  const kept = places.filter((place) => place.cost <= limit + 1e-12).slice(0, maxPlaces);
  if (kept.length > 0) return kept;
  const predictedFidelity = Math.exp(-best.cost);
  throw QtuneError.fromIssues(
    [
      {
        where: "packing.minFidelity",
        expected: `a place with a predicted fidelity of at least ${minFidelity}`,
        given: `${predictedFidelity.toPrecision(3)} at best (qubits ${best.qubits.join(", ")})`,
        hint: "lower the floor or shorten the circuit",
      },
    ],
    "failed_precondition",
    { best: best.qubits, predictedFidelity },
  );
}
