/**
 * Perfect matches: places for a circuit where every pair of qubits that meet stands on a working coupler, so that no
 * SWAP is needed. Depth-first search in an order that keeps the placed part connected, with branch and bound on the
 * cost; the cheapest continuation is tried first. The number of steps is bounded, so time is, and since steps and not
 * milliseconds are counted, the answer is the same everywhere.
 */
import { type Coupling, areCoupled } from "./coupling.ts";
import type { Pattern } from "./pattern.ts";
import { regionKey } from "./qubit-set.ts";

/** A place for a pattern. */
export interface Embedding {
  /** Physical qubit of each qubit of the pattern, [qubits]. */
  readonly layout: readonly number[];
  /** −ln of the predicted fidelity of gates and readout. */
  readonly cost: number;
}

/** Limits of the search. */
export interface EmbeddingSearch {
  /** Nodes of the search tree to visit at most. Default 200,000. */
  readonly maxSteps?: number;
  /** Where a part that nothing placed touches may start. Default: everywhere. */
  readonly partStarts?: PartStarts;
}

/** How many free qubits a further part may start on: those nearest to what is placed, and those that cost least. */
export interface PartStarts {
  readonly nearest: number;
  readonly cheapest: number;
}

/**
 * Finds the cheapest perfect match, or undefined when there is none (or none within the steps).
 *
 * Cost:   at most `maxSteps` steps of some 100 ns; four-qubit patterns on 72 qubits take 1 ms.
 */
export function findBestEmbedding(
  pattern: Pattern,
  coupling: Coupling,
  search: EmbeddingSearch = {},
): Embedding | undefined {
  let best: Embedding | undefined;
  visitEmbeddings(pattern, coupling, search, {
    bound: () => best?.cost ?? Infinity,
    visit: (layout, cost) => {
      best = { layout: [...layout], cost };
    },
  });
  return best;
}

/** A match and the qubits that it takes, ascending. */
export interface RegionEmbedding extends Embedding {
  readonly qubits: readonly number[];
}

/**
 * Lists perfect matches, one per set of physical qubits (the cheapest found), sorted by cost, then by layout.
 *
 * Effect: pure; with fewer steps than the tree has nodes the steps are shared out over the starting qubits. Patterns with the
 *         same edges share one search.
 */
export function listEmbeddings(
  pattern: Pattern,
  coupling: Coupling,
  search: EmbeddingSearch = {},
): readonly RegionEmbedding[] {
  const regions = knownLayouts(pattern, coupling, search.maxSteps ?? 200_000);
  const costs = qubitCosts(pattern, coupling);
  const out = regions.map(({ qubits, layouts }): RegionEmbedding => {
    let layout = layouts[0] ?? [];
    let cost = Infinity;
    for (const candidate of layouts) {
      const own = layoutCost(pattern, coupling, costs, candidate);
      if (own >= cost - 1e-12) continue;
      layout = candidate;
      cost = own;
    }
    return { qubits, layout, cost };
  });
  return out.sort((x, y) => x.cost - y.cost || compareLayouts(x.layout, y.layout));
}

function layoutCost(
  { edges }: Pattern,
  { size, czCost }: Coupling,
  costs: readonly Float64Array[],
  layout: readonly number[],
): number {
  let cost = 0;
  for (let q = 0; q < layout.length; q++) cost += costs[q]![layout[q]!]!; // one row per qubit
  for (const { a, b, cz } of edges) cost += cz * czCost[layout[a]! * size + layout[b]!]!; // qubits of the pattern
  return cost;
}

/** All ways found to lay a structure on the same qubits. */
interface RegionLayouts {
  readonly qubits: readonly number[];
  readonly layouts: readonly (readonly number[])[];
}

const layoutsOf = new WeakMap<Coupling, Map<string, readonly RegionLayouts[]>>();

/** Structures whose layouts are kept per coupling; four-qubit ones take up to some 100 kB each. */
const keptStructures = 64;

/** The layouts of the edges of a pattern, whatever their gates: circuits of one structure search once. */
function knownLayouts(
  { qubits, edges }: Pattern,
  coupling: Coupling,
  maxSteps: number,
): readonly RegionLayouts[] {
  const known = layoutsOf.get(coupling) ?? new Map<string, readonly RegionLayouts[]>();
  layoutsOf.set(coupling, known);
  const key = `${qubits} ${maxSteps} ${edges.map(({ a, b }) => `${a}-${b}`).join(" ")}`;
  const found = known.get(key) ?? searchLayouts(qubits, edges, coupling, maxSteps);
  known.delete(key);
  known.set(key, found);
  const [oldest] = known.keys();
  if (known.size > keptStructures && oldest !== undefined) known.delete(oldest);
  return found;
}

/**
 * A structure that falls into parts matches almost everywhere. What packs well is compact: a further part starts on one of
 * so many of the nearest free qubits, or on one of the cheapest; and so many steps are enough.
 */
const partStarts: PartStarts = { nearest: 6, cheapest: 2 };
const maxStepsInParts = 8_000;

function searchLayouts(
  qubits: number,
  edges: Pattern["edges"],
  coupling: Coupling,
  maxSteps: number,
): readonly RegionLayouts[] {
  const plain: Pattern = {
    qubits,
    edges: edges.map(({ a, b }) => ({ a, b, cz: 1 })),
    pulses: new Array<number>(qubits).fill(1),
    waitsNs: [],
    measured: new Array<boolean>(qubits).fill(true),
  };
  if (isConnected(plain)) return searchRegions(plain, coupling, { maxSteps });
  const few = { maxSteps: Math.min(maxSteps, maxStepsInParts) };
  const compact = searchRegions(plain, coupling, { ...few, partStarts });
  return compact.length > 0 ? compact : searchRegions(plain, coupling, few);
}

function searchRegions(
  pattern: Pattern,
  coupling: Coupling,
  search: EmbeddingSearch,
): readonly RegionLayouts[] {
  const { qubits } = pattern;
  const bySet = new Map<
    number | string,
    { qubits: readonly number[]; layouts: (readonly number[])[] }
  >();
  const scratch = new Array<number>(qubits).fill(0);
  visitEmbeddings(pattern, coupling, search, {
    bound: () => Infinity,
    visit: (layout) => {
      sortInto(scratch, layout);
      const key = regionKey(scratch, coupling.size);
      const region = bySet.get(key);
      if (region === undefined)
        bySet.set(key, { qubits: scratch.slice(), layouts: [layout.slice()] });
      else region.layouts.push(layout.slice());
    },
  });
  return [...bySet.values()];
}

/** Writes the qubits of a layout into `out`, ascending; layouts are short. */
function sortInto(out: number[], layout: readonly number[]): void {
  for (let i = 0; i < layout.length; i++) {
    const qubit = layout[i]!; // i < length
    let at = i;
    for (; at > 0 && out[at - 1]! > qubit; at--) out[at] = out[at - 1]!; // 0 ≤ at − 1 < i
    out[at] = qubit;
  }
}

function isConnected({ qubits, edges }: Pattern): boolean {
  const reached = new Set([0]);
  for (let before = 0; before < reached.size;) {
    before = reached.size;
    for (const { a, b } of edges) {
      if (reached.has(a)) reached.add(b);
      if (reached.has(b)) reached.add(a);
    }
  }
  return reached.size >= qubits;
}

function compareLayouts(x: readonly number[], y: readonly number[]): number {
  for (let i = 0; i < x.length; i++) {
    if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0);
  }
  return 0;
}

/** Returns the cost of a layout: infinite when a pair has no coupler. */
export function embeddingCost(
  pattern: Pattern,
  coupling: Coupling,
  layout: readonly number[],
): number {
  let cost = 0;
  layout.forEach((qubit, q) => {
    cost += qubitCost(pattern, coupling, q, qubit);
  });
  for (const { a, b, cz } of pattern.edges) {
    cost += cz * (coupling.czCost[(layout[a] ?? 0) * coupling.size + (layout[b] ?? 0)] ?? Infinity);
  }
  return cost;
}

function qubitCost(pattern: Pattern, coupling: Coupling, q: number, qubit: number): number {
  let cost = (pattern.pulses[q] ?? 0) * (coupling.pulseCost[qubit] ?? Infinity);
  for (const waitNs of pattern.waitsNs[q] ?? []) cost += coupling.idleCost(qubit, waitNs);
  return cost + (pattern.measured[q] === true ? (coupling.readoutCost[qubit] ?? Infinity) : 0);
}

/** The cost of each qubit of a pattern on each qubit of the chip, [qubits][size]; infinite on dead ones. */
function qubitCosts(pattern: Pattern, coupling: Coupling): readonly Float64Array[] {
  return Array.from({ length: pattern.qubits }, (_, q) => {
    const costs = new Float64Array(coupling.size).fill(Infinity);
    for (const qubit of coupling.qubits) costs[qubit] = qubitCost(pattern, coupling, q, qubit);
    return costs;
  });
}

/** Tells whether some qubit of a pattern meets more partners than any qubit of the chip has neighbours. */
function isTooCrowded(pattern: Pattern, coupling: Coupling): boolean {
  const degree = new Int32Array(pattern.qubits);
  for (const { a, b } of pattern.edges) {
    degree[a]! += 1; // qubits of the pattern
    degree[b]! += 1;
  }
  const most = coupling.neighbours.reduce((max, list) => Math.max(max, list.length), 0);
  return degree.some((count) => count > most);
}

interface Visitor {
  /** Matches that cost as much or more are not visited. */
  readonly bound: () => number;
  readonly visit: (layout: readonly number[], cost: number) => void;
}

interface PlacedNeighbour {
  readonly q: number;
  readonly cz: number;
}

function visitEmbeddings(
  pattern: Pattern,
  coupling: Coupling,
  search: EmbeddingSearch,
  visitor: Visitor,
): void {
  if (pattern.qubits === 0 || pattern.qubits > coupling.qubits.length) return;
  if (isTooCrowded(pattern, coupling)) return;
  const { order, earlier } = searchOrder(pattern);
  const costs = qubitCosts(pattern, coupling);
  const leastRest = leastRemainingCosts(costs, coupling, order, earlier);
  const layout = new Array<number>(pattern.qubits).fill(-1);
  const used = new Uint8Array(coupling.size);
  const total = search.maxSteps ?? 200_000;
  const starts = search.partStarts;
  /** Qubits in use, for structures that fall into parts. */
  const placedQubits: number[] = [];
  let steps = 0;
  let allowed = 0;

  const descend = (depth: number, cost: number): void => {
    if (depth === order.length) {
      visitor.visit(layout, cost);
      return;
    }
    const q = order[depth] ?? 0;
    const placed = earlier[depth] ?? [];
    for (const { qubit, cost: added } of continuations(q, placed)) {
      // Sorted, where the bound is finite: the rest costs more. The margin keeps sums in another order from looking cheaper.
      if (cost + added + (leastRest[depth + 1] ?? 0) >= visitor.bound() - 1e-12) return;
      if (++steps > allowed) return;
      layout[q] = qubit;
      used[qubit] = 1;
      placedQubits.push(qubit);
      descend(depth + 1, cost + added);
      placedQubits.pop();
      used[qubit] = 0;
    }
  };

  const continuations = (
    q: number,
    placed: readonly PlacedNeighbour[],
  ): readonly Continuation[] => {
    const [anchor] = placed;
    if (anchor === undefined) {
      const free = startsFor(q).filter(({ qubit }) => used[qubit] === 0);
      return starts === undefined || placedQubits.length === 0
        ? free
        : startsOfPart(free, placedQubits, coupling, starts);
    }
    const out: Continuation[] = [];
    for (const qubit of coupling.neighbours[layout[anchor.q] ?? -1] ?? []) {
      if (used[qubit] === 1) continue;
      let cost = costs[q]?.[qubit] ?? Infinity;
      for (const { q: other, cz } of placed) {
        const at = layout[other] ?? 0;
        cost += areCoupled(coupling, at, qubit)
          ? cz * (coupling.czCost[at * coupling.size + qubit] ?? Infinity)
          : Infinity;
      }
      if (cost < Infinity) out.push({ qubit, cost });
    }
    return out.sort((x, y) => x.cost - y.cost || x.qubit - y.qubit);
  };
  const sortedStarts: Continuation[][] = [];
  /** Everything that a qubit without placed neighbours may take, the cheapest first. */
  const startsFor = (q: number): readonly Continuation[] => {
    sortedStarts[q] ??= coupling.qubits
      .map((qubit) => ({ qubit, cost: costs[q]?.[qubit] ?? Infinity }))
      .filter(({ cost }) => cost < Infinity)
      .sort((x, y) => x.cost - y.cost || x.qubit - y.qubit);
    return sortedStarts[q];
  };

  // Every starting qubit gets an equal share of the steps that are left, so no corner of the chip is forgotten.
  const roots = continuations(order[0] ?? 0, []);
  roots.forEach(({ qubit, cost }, index) => {
    if (cost + (leastRest[1] ?? 0) >= visitor.bound() - 1e-12) return;
    allowed = steps + Math.ceil((total - steps) / (roots.length - index));
    layout[order[0] ?? 0] = qubit;
    used[qubit] = 1;
    placedQubits.push(qubit);
    descend(1, cost);
    placedQubits.pop();
    used[qubit] = 0;
  });
}

interface Continuation {
  readonly qubit: number;
  readonly cost: number;
}

/**
 * The continuations where a further part may start: the nearest (equally near ones in the order of their costs), then the
 * cheapest. Shapes: `sorted` by cost.
 */
function startsOfPart(
  sorted: readonly Continuation[],
  placed: readonly number[],
  { size, distance }: Coupling,
  { nearest, cheapest }: PartStarts,
): readonly Continuation[] {
  const near: { readonly each: Continuation; readonly hops: number }[] = [];
  for (const each of sorted) {
    let hops = Infinity;
    for (const other of placed) hops = Math.min(hops, distance[other * size + each.qubit]!); // sites of the chip
    if (near.length === nearest && hops >= near[nearest - 1]!.hops) continue; // nearest ≥ 1
    let at = near.length;
    while (at > 0 && near[at - 1]!.hops > hops) at--;
    near.splice(at, 0, { each, hops });
    if (near.length > nearest) near.pop();
  }
  return [...new Set([...near.map(({ each }) => each), ...sorted.slice(0, cheapest)])];
}

/** What the qubits from each depth on cost at least: every operation on the best qubit or coupler of the chip. */
function leastRemainingCosts(
  costs: readonly Float64Array[],
  coupling: Coupling,
  order: readonly number[],
  earlier: readonly (readonly PlacedNeighbour[])[],
): readonly number[] {
  const least = (values: Float64Array | undefined) =>
    values?.reduce((best, cost) => Math.min(best, cost), Infinity) ?? Infinity;
  const cz = least(coupling.czCost);
  const rest = new Array<number>(order.length + 1).fill(0);
  for (let depth = order.length - 1; depth >= 0; depth--) {
    let cost = least(costs[order[depth] ?? 0]);
    for (const placed of earlier[depth] ?? []) cost += placed.cz * cz;
    rest[depth] = (rest[depth + 1] ?? 0) + cost;
  }
  return rest;
}

/** Orders qubits so that each one (where possible) has placed neighbours, as many as possible, the busiest first. */
function searchOrder(pattern: Pattern): { order: number[]; earlier: PlacedNeighbour[][] } {
  const neighbours: PlacedNeighbour[][] = Array.from({ length: pattern.qubits }, () => []);
  for (const { a, b, cz } of pattern.edges) {
    neighbours[a]?.push({ q: b, cz });
    neighbours[b]?.push({ q: a, cz });
  }
  const order: number[] = [];
  const earlier: PlacedNeighbour[][] = [];
  const placed = new Set<number>();
  while (order.length < pattern.qubits) {
    let best = -1;
    let bestRank: readonly [number, number] = [-1, -1];
    for (let q = 0; q < pattern.qubits; q++) {
      if (placed.has(q)) continue;
      const list = neighbours[q] ?? [];
      const rank = [list.filter((other) => placed.has(other.q)).length, list.length] as const;
      if (rank[0] > bestRank[0] || (rank[0] === bestRank[0] && rank[1] > bestRank[1])) {
        best = q;
        bestRank = rank;
      }
    }
    earlier.push((neighbours[best] ?? []).filter((other) => placed.has(other.q)));
    order.push(best);
    placed.add(best);
  }
  return { order, earlier };
}
