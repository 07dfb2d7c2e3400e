/**
 * Many regions that do not exclude each other: greedy by fewest exclusions, restarts, then exchanges. An exact search takes
 * exponential time; this one comes within a tenth of it on small chips, which a test checks.
 */
import type { Random } from "@qtune/base";
import type { PreparedPlaces, PreparedShape } from "./prepared-places.ts";
import { addQubit, commonMembers, createQubitSet } from "./qubit-set.ts";

/** The regions of one shape as a graph: numbered 0 … R − 1 within the shape. */
interface Graph {
  readonly costs: Float64Array;
  readonly neighbours: readonly Int32Array[];
  /** The same as bits, each region itself included. */
  readonly bits: readonly Uint32Array[];
}

/** Restarts without a larger set after which no more are tried. */
const patience = 2;

/**
 * Finds many places of a shape that do not exclude each other: indices of places, the cheapest first.
 *
 * Cost: O(R² + restarts · Σ exclusions) for R places.
 */
export function largestSet(
  prepared: PreparedPlaces,
  shape: PreparedShape | undefined,
  random: Random,
  restarts: number,
): readonly number[] {
  if (shape === undefined) return [];
  const graph = graphOf(prepared, shape);
  const costOf = (set: readonly number[]) =>
    set.reduce((sum, index) => sum + (graph.costs[index] ?? 0), 0);
  let best: readonly number[] = [];
  let lastGain = 0;
  for (let attempt = 0; attempt < restarts && attempt - lastGain <= patience; attempt++) {
    const set = exchange(graph, greedySet(graph, attempt === 0 ? undefined : random));
    const isCheaper = set.length === best.length && costOf(set) < costOf(best) - 1e-12;
    if (set.length > best.length) lastGain = attempt;
    if (set.length > best.length || isCheaper) best = set;
  }
  return best
    .toSorted((a, b) => (graph.costs[a] ?? 0) - (graph.costs[b] ?? 0) || a - b)
    .map((index) => shape.places[shape.regions[index] ?? 0] ?? 0);
}

function graphOf(prepared: PreparedPlaces, { regions, mask, costs }: PreparedShape): Graph {
  const numbers = new Int32Array(prepared.conflicts.length).fill(-1);
  regions.forEach((region, number) => {
    numbers[region] = number;
  });
  const bits: Uint32Array[] = [];
  const neighbours: Int32Array[] = [];
  for (const own of regions) {
    const near = commonMembers(prepared.conflicts[own] ?? mask, mask);
    const row = createQubitSet(regions.length);
    const list = new Int32Array(near.length - 1); // a region excludes itself, too
    let length = 0;
    for (const region of near) {
      const number = numbers[region]!; // in the mask, so it has a number
      addQubit(row, number);
      if (region !== own) list[length++] = number;
    }
    bits.push(row);
    neighbours.push(list);
  }
  const ownCosts = new Float64Array(regions.length);
  for (let number = 0; number < regions.length; number++)
    ownCosts[number] = costs[regions[number]!]!; // a region of the shape
  return { costs: ownCosts, neighbours, bits };
}

/** Takes the region that excludes the fewest others still open, again and again. */
function greedySet({ costs, neighbours }: Graph, random: Random | undefined): number[] {
  const score = new Float64Array(costs.length);
  for (let index = 0; index < score.length; index++) {
    const noise = random === undefined ? 0 : 4 * random.nextUniform();
    score[index] = neighbours[index]!.length + noise + 0.5 * costs[index]!; // numbers of the graph
  }
  const open = new Uint8Array(score.length).fill(1);
  const set: number[] = [];
  for (;;) {
    let best = -1;
    for (let index = 0; index < open.length; index++) {
      if (open[index] === 1 && (best === -1 || score[index]! < score[best]!)) best = index; // both in range
    }
    if (best === -1) return set;
    set.push(best);
    open[best] = 0;
    const excluded = neighbours[best]!; // a number of the graph, as all below
    for (let i = 0; i < excluded.length; i++) {
      const out = excluded[i]!;
      if (open[out] === 0) continue;
      open[out] = 0;
      const relieved = neighbours[out]!;
      for (let j = 0; j < relieved.length; j++) score[relieved[j]!]! -= 1;
    }
  }
}

/**
 * Improves a set by exchanges: one member for two that only it excludes, or one for a cheaper one that only it excludes,
 * until neither is possible.
 */
function exchange(graph: Graph, start: readonly number[]): number[] {
  const { costs, neighbours } = graph;
  const inside = new Set(start);
  const excludedBy = new Int32Array(costs.length);
  const put = (index: number, sign: 1 | -1) => {
    if (sign === 1) inside.add(index);
    else inside.delete(index);
    for (const other of neighbours[index]!) excludedBy[other]! += sign; // numbers of the graph
  };
  for (const index of start) put(index, 1);
  for (let changed = true; changed;) {
    changed = false;
    for (const member of [...inside]) {
      const single: number[] = [];
      for (const other of neighbours[member]!) if (excludedBy[other] === 1) single.push(other);
      const pair = firstPair(single, graph);
      const cheaper = single.find((other) => costs[other]! < costs[member]! - 1e-12);
      if (pair === undefined && cheaper === undefined) continue;
      put(member, -1);
      for (const index of pair ?? [cheaper ?? member]) put(index, 1);
      changed = true;
    }
  }
  return [...inside];
}

/** The first two of `list` that do not exclude each other. */
function firstPair(
  list: readonly number[],
  { bits }: Graph,
): readonly [number, number] | undefined {
  const free = createQubitSet(bits.length, list);
  for (const a of list) {
    const row = bits[a]!; // a number of the graph
    for (let word = 0; word < free.length; word++) {
      const open = free[word]! & ~row[word]!; // same size
      if (open !== 0) return [a, 32 * word + 31 - Math.clz32(open & -open)];
    }
  }
  return undefined;
}
