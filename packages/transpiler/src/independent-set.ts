/**
 * Many regions that do not exclude each other: greedy by fewest exclusions, restarts, then exchanges. An exact search takes
 * exponential time; this one comes within a tenth of it on small chips, which a test checks.
 */
import type { Random } from "@qtune/base";
import type { PreparedPlaces, PreparedShape } from "./prepared-places.ts";
import {
  type QubitSet,
  commonMembers,
  countCommon,
  countOutside,
  createQubitSet,
} from "./qubit-set.ts";

/** The regions of one shape as a graph: numbered 0 … R − 1 within the shape. */
interface Graph {
  readonly costs: Float64Array;
  /** What each region excludes, itself included, as bits. */
  readonly bits: readonly QubitSet[];
  /** The others that a region excludes, in the order of regions. */
  readonly neighbours: (region: number) => readonly number[];
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

function graphOf(prepared: PreparedPlaces, shape: PreparedShape): Graph {
  const { regions, mask, costs } = shape;
  const ownCosts = new Float64Array(regions.length);
  for (let number = 0; number < regions.length; number++)
    ownCosts[number] = costs[regions[number]!]!; // a region of the shape
  const excluded = (number: number) => commonMembers(prepared.conflicts[regions[number]!]!, mask); // a region of the shape
  const isAll = regions.length === prepared.conflicts.length && regions.every((r, i) => r === i);
  if (isAll)
    return { costs: ownCosts, bits: prepared.conflicts, neighbours: withoutSelf(excluded) };
  const numbers = new Int32Array(prepared.conflicts.length);
  regions.forEach((region, number) => {
    numbers[region] = number;
  });
  const renumbered = (number: number) => excluded(number).map((region) => numbers[region]!); // in the mask
  const bits = Array.from(regions.keys(), (number) =>
    createQubitSet(regions.length, renumbered(number)),
  );
  return { costs: ownCosts, bits, neighbours: withoutSelf(renumbered) };
}

/** Leaves the region itself out, and remembers. */
function withoutSelf(listOf: (region: number) => readonly number[]): Graph["neighbours"] {
  const known: (readonly number[])[] = [];
  return (region) => (known[region] ??= listOf(region).filter((other) => other !== region));
}

/** Takes the region that excludes the fewest others still open, again and again. */
function greedySet({ costs, bits }: Graph, random: Random | undefined): number[] {
  const R = costs.length;
  // What a region excludes, itself not counted, and how it is told from equals; what has closed since is subtracted.
  const score = new Float64Array(R);
  const empty = createQubitSet(R);
  for (let index = 0; index < R; index++) {
    const noise = random === undefined ? 0 : 4 * random.nextUniform();
    score[index] = countOutside(bits[index]!, empty) - 1 + noise + 0.5 * costs[index]!; // numbers of the graph
  }
  const closed = new Int32Array(R);
  const isOpen = createQubitSet(R, costs.keys());
  const out = createQubitSet(R);
  let open = Int32Array.from(costs.keys());
  const set: number[] = [];
  while (open.length > 0) {
    let best = open[0]!; // not empty
    for (let at = 1; at < open.length; at++) {
      const index = open[at]!; // in range, as all below
      if (score[index]! - closed[index]! < score[best]! - closed[best]!) best = index;
    }
    set.push(best);
    const row = bits[best]!; // a number of the graph
    for (let word = 0; word < out.length; word++) {
      out[word] = isOpen[word]! & row[word]!;
      isOpen[word]! &= ~row[word]!;
    }
    let left = 0;
    for (let at = 0; at < open.length; at++) {
      const index = open[at]!;
      if ((isOpen[index >>> 5]! & (1 << (index & 31))) === 0) continue;
      closed[index]! += countCommon(bits[index]!, out);
      open[left++] = index;
    }
    open = open.subarray(0, left);
  }
  return set;
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
    for (const other of neighbours(index)) excludedBy[other]! += sign; // numbers of the graph
  };
  for (const index of start) put(index, 1);
  for (let changed = true; changed;) {
    changed = false;
    for (const member of [...inside]) {
      const single: number[] = [];
      for (const other of neighbours(member)) if (excludedBy[other] === 1) single.push(other);
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
