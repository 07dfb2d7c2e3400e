/**
 * Chooses where a circuit goes: a perfect match if there is one, else the best of several routed trials. A trial starts
 * from qubits dealt onto a compact part of the chip, then routes forwards and backwards so that the layout at the end
 * suits the start (Li, Ding and Xie 2019).
 */
import { createRandom, type Random, QtuneError, shuffleInPlace } from "@qtune/base";
import { type Coupling, areCoupled, couplingRegions, deadQubit, unreachable } from "./coupling.ts";
import { patternOf } from "./pattern.ts";
import { embeddingCost, findBestEmbedding } from "./perfect-layout.ts";
import { type Routed, createRoutingProblem, routeFrom } from "./sabre.ts";
import { type WorkCircuit, type WorkOperation, isPair, relabel } from "./work.ts";

/** How hard to look for a layout. */
export interface PlacementEffort {
  /** Steps of the search for a perfect match. */
  readonly perfectSteps: number;
  /** Routed trials where there is none: as many as make `gateBudget` two-qubit gates, within these bounds. */
  readonly minTrials: number;
  readonly maxTrials: number;
  readonly gateBudget: number;
  /** Passes forwards and backwards per trial, before the last ones. */
  readonly passes: number;
  /** Last passes forwards per trial, which differ in how ties are broken. */
  readonly finals: number;
}

/**
 * Places and routes a circuit.
 *
 * Effect: pure; the same for the same arguments.
 * Errors: failed_precondition when the circuit is wider than the largest connected region.
 */
export function placeAndRoute(
  circuit: WorkCircuit,
  coupling: Coupling,
  effort: PlacementEffort,
  seed: bigint,
): Routed & { readonly perfect: boolean } {
  const regions = couplingRegions(coupling);
  const largest = regions[0]?.length ?? 0;
  const pattern = patternOf(circuit, coupling.lengths);
  const perfect = findBestEmbedding(pattern, coupling, { maxSteps: effort.perfectSteps });
  if (perfect !== undefined)
    return { ...routeAlong(circuit.operations, perfect.layout), perfect: true };
  if (circuit.qubits > largest) throw tooWide(circuit.qubits, regions);
  const forwards = createRoutingProblem(circuit.operations, coupling);
  const backwards = createRoutingProblem(circuit.operations.toReversed(), coupling);
  const gates = Math.max(1, circuit.operations.filter(isPair).length);
  const trials = Math.min(
    effort.maxTrials,
    Math.max(effort.minTrials, Math.ceil(effort.gateBudget / gates)),
  );
  let best: { readonly layout: readonly number[]; readonly trial: number } | undefined;
  let bestCost = Infinity;
  for (let trial = 0; trial < trials; trial++) {
    const random = createRandom(seed, "route", trial);
    let layout: readonly number[] =
      trial === 0
        ? matchedLayout(circuit, coupling, regions)
        : compactLayout(circuit, coupling, regions, random);
    for (let pass = 0; pass < effort.passes; pass++) {
      layout = routeFrom(forwards, layout, random, false).finalLayout;
      layout = routeFrom(backwards, layout, random, false).finalLayout;
    }
    for (let last = 0; last < effort.finals; last++) {
      const { cost } = routeFrom(forwards, layout, createRandom(seed, "final", trial, last), false);
      if (cost >= bestCost) continue;
      best = { layout, trial: trial * effort.finals + last };
      bestCost = cost;
    }
  }
  if (best === undefined) throw tooWide(circuit.qubits, regions);
  const random = createRandom(
    seed,
    "final",
    Math.floor(best.trial / effort.finals),
    best.trial % effort.finals,
  );
  return { ...routeFrom(forwards, best.layout, random), perfect: false };
}

/** Routes from a layout that the caller has chosen; SWAPs are put in where it is not a perfect match. */
export function routeFromLayout(
  circuit: WorkCircuit,
  coupling: Coupling,
  layout: readonly number[],
  seed: bigint,
): Routed & { readonly perfect: boolean } {
  assertLayout(circuit, coupling, layout);
  if (embeddingCost(patternOf(circuit, coupling.lengths), coupling, layout) < Infinity)
    return { ...routeAlong(circuit.operations, layout), perfect: true };
  const problem = createRoutingProblem(circuit.operations, coupling);
  return { ...routeFrom(problem, layout, createRandom(seed, "route", "given")), perfect: false };
}

/** Puts operations onto physical qubits without routing. */
export function routeAlong(
  operations: readonly WorkOperation[],
  layout: readonly number[],
): Routed {
  return {
    operations: operations.map((operation) => relabel(operation, (qubit) => layout[qubit] ?? -1)),
    initialLayout: layout,
    finalLayout: layout,
    swaps: 0,
    cost: 0,
  };
}

function assertLayout(circuit: WorkCircuit, coupling: Coupling, layout: readonly number[]): void {
  const alive = new Set(coupling.qubits);
  if (layout.length !== circuit.qubits || new Set(layout).size !== layout.length) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${circuit.qubits} different qubits but was given [${layout.join(", ")}]`,
      { where: "layout" },
    );
  }
  for (const [index, qubit] of layout.entries()) {
    if (!alive.has(qubit)) {
      throw deadQubit(`layout[${index}]`, qubit);
    }
  }
  const start = layout[0] ?? 0;
  const cutOff = layout.find(
    (qubit) => coupling.distance[start * coupling.size + qubit] === unreachable,
  );
  if (cutOff !== undefined && circuit.operations.some(isPair)) {
    throw QtuneError.fromIssues(
      [
        {
          where: "layout",
          expected: "qubits of one connected region",
          given: `${start} and ${cutOff}, which no chain of couplers joins`,
        },
      ],
      "failed_precondition",
    );
  }
}

/** The error for a circuit that fits nowhere; says which size does. */
export function tooWide(qubits: number, regions: readonly (readonly number[])[]): QtuneError {
  const sizes = regions.map((region) => region.length);
  const largest = sizes[0] ?? 0;
  const sizesText = `${sizes.slice(0, 6).join(", ")}${sizes.length > 6 ? ", …" : ""}`;
  return QtuneError.fromIssues(
    [
      {
        where: "circuit.qubits",
        expected: `at most ${largest} qubits, the size of the largest connected region`,
        given: String(qubits),
        hint: `circuits of up to ${largest} qubits fit this calibration (its regions have ${sizesText})`,
      },
    ],
    "failed_precondition",
    { qubits, largestRegion: largest, regions: sizes },
  );
}

/** Deals the qubits at random onto a compact part of the largest region. */
function compactLayout(
  circuit: WorkCircuit,
  coupling: Coupling,
  regions: readonly (readonly number[])[],
  random: Random,
): number[] {
  const [region = []] = regions;
  const start = region[random.nextBelow(region.length)] ?? 0;
  return shuffleInPlace(growPart(coupling, start, circuit.qubits), random);
}

/** Puts the busiest qubit into the middle of the largest region and each next one beside those that it meets. */
function matchedLayout(
  circuit: WorkCircuit,
  coupling: Coupling,
  regions: readonly (readonly number[])[],
): number[] {
  const [region = []] = regions;
  const weight = interactionWeights(circuit);
  const total = weight.map((row) => row.reduce((sum, value) => sum + value, 0));
  const layout = new Array<number>(circuit.qubits).fill(-1);
  const free = new Set(region);
  const distance = (a: number, b: number) =>
    coupling.distance[a * coupling.size + b] ?? unreachable;
  const placed: number[] = [];
  for (let count = 0; count < circuit.qubits; count++) {
    let next = -1;
    let nextPull = -1;
    for (let q = 0; q < circuit.qubits; q++) {
      if (layout[q] !== -1) continue;
      const pull =
        placed.reduce((sum, other) => sum + (weight[q]?.[other] ?? 0), 0) + 1e-3 * (total[q] ?? 0);
      if (pull > nextPull) {
        next = q;
        nextPull = pull;
      }
    }
    let spot = -1;
    let least = Infinity;
    for (const candidate of free) {
      const reach =
        placed.length === 0
          ? region.reduce((sum, other) => sum + distance(candidate, other), 0)
          : placed.reduce(
              (sum, other) =>
                sum +
                ((weight[next]?.[other] ?? 0) + 1e-3) * distance(candidate, layout[other] ?? 0),
              0,
            );
      if (reach < least) {
        least = reach;
        spot = candidate;
      }
    }
    layout[next] = spot;
    free.delete(spot);
    placed.push(next);
  }
  return layout;
}

/** How often each two qubits meet, early gates counting more. [qubits][qubits] */
function interactionWeights(circuit: WorkCircuit): number[][] {
  const weight = Array.from({ length: circuit.qubits }, () =>
    new Array<number>(circuit.qubits).fill(0),
  );
  const pairs = circuit.operations.filter(isPair);
  pairs.forEach(({ a, b }, index) => {
    const value = 1 / (1 + index / circuit.qubits);
    const [rowA, rowB] = [weight[a], weight[b]];
    if (rowA !== undefined) rowA[b] = (rowA[b] ?? 0) + value;
    if (rowB !== undefined) rowB[a] = (rowB[a] ?? 0) + value;
  });
  return weight;
}

/**
 * Grows a compact connected part of a coupling from a qubit: always the neighbour with the most couplers into the part,
 * the cheapest couplers first among equals.
 *
 * Range: the region of `start` has at least `count` qubits.
 */
export function growPart(coupling: Coupling, start: number, count: number): number[] {
  const part = [start];
  const inside = new Set(part);
  while (part.length < count) {
    let best = -1;
    let bestRank: readonly [number, number] = [-1, Infinity];
    for (const member of part) {
      for (const next of coupling.neighbours[member] ?? []) {
        if (inside.has(next)) continue;
        const links = (coupling.neighbours[next] ?? []).filter(
          (other) => inside.has(other) && areCoupled(coupling, next, other),
        );
        const cost =
          links.reduce(
            (sum, other) => sum + (coupling.czCost[next * coupling.size + other] ?? 0),
            0,
          ) / links.length;
        if (
          links.length > bestRank[0] ||
          (links.length === bestRank[0] &&
            (cost < bestRank[1] || (cost === bestRank[1] && next < best)))
        ) {
          best = next;
          bestRank = [links.length, cost];
        }
      }
    }
    if (best === -1) break;
    part.push(best);
    inside.add(best);
  }
  return part;
}
