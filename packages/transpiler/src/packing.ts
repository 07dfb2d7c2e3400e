/**
 * Many circuits on one chip: places on disjoint regions with a buffer of idle qubits between them. Regions of one shape
 * form a graph in which neighbours exclude each other; a round is a large independent set of it (greedy by fewest
 * exclusions, restarts, then exchanges of one for two), the cheapest among the largest found. Everything is a pure
 * function of its arguments; steps are counted, not milliseconds.
 */
import { createRandom, type Random } from "@qtune/base";
import {
  type QubitSet,
  addQubit,
  countOutside,
  createQubitSet,
  intersects,
  uniteInPlace,
} from "./qubit-set.ts";

/** A region that a circuit of some shape may take. */
export interface Place {
  /** Physical qubits. */
  readonly qubits: readonly number[];
  /** −ln of the predicted fidelity there. */
  readonly cost: number;
}

/** A circuit that waits for a place. */
export interface PackItem {
  /** Index into the list of shapes: circuits of one shape fit the same places. */
  readonly shape: number;
  /** Whose circuit it is; users take turns. Absent: one user. */
  readonly user?: string;
}

/** Where one circuit of a round goes. */
export interface PackedItem {
  /** Index into the items. */
  readonly item: number;
  /** Index into the places of its shape. */
  readonly place: number;
}

/** Circuits that run side by side in one execution. */
export type Round = readonly PackedItem[];

/** What the packer needs to know. */
export interface PackProblem {
  /** Number of sites of the chip. */
  readonly size: number;
  /** Qubits that a used qubit keeps idle: its neighbours on the lattice, or nothing. [size] */
  readonly buffer: readonly (readonly number[])[];
  /** Allowed places of each shape. */
  readonly shapes: readonly (readonly Place[])[];
  readonly items: readonly PackItem[];
  readonly seed: bigint;
  /** Restarts per set of places. Default 12. */
  readonly restarts?: number;
}

/**
 * Packs circuits into rounds.
 *
 * Order:  the first waiting circuit (users take turns) is in the next round, so nobody starves; others fill the gaps.
 * Effect: pure.
 * Cost:   for 200 four-qubit circuits on 72 qubits some ms (one shape) to tens of ms (many shapes).
 * Errors: none; an item whose shape has no places is in no round.
 */
export function packRounds(problem: PackProblem): readonly Round[] {
  const prepared = problem.shapes.map((places) => preparePlaces(problem, places));
  const largest = new Map<number, readonly number[]>();
  const waiting = takeTurns(problem.items, (item) => (problem.shapes[item.shape]?.length ?? 0) > 0);
  const rounds: Round[] = [];
  while (waiting.length > 0) {
    const shape = onlyShape(problem.items, waiting);
    if (shape === undefined) {
      rounds.push(mixedRound(problem, prepared, waiting, rounds.length));
      continue;
    }
    const known =
      largest.get(shape) ??
      largestSet(
        prepared[shape] ?? [],
        createRandom(problem.seed, "pack", shape),
        problem.restarts ?? 12,
      );
    largest.set(shape, known);
    rounds.push(...evenRounds(known, waiting.splice(0)));
  }
  return rounds;
}

/** Deals items of one shape onto its places; the last rounds leave out the worst places instead of running half empty. */
function evenRounds(places: readonly number[], items: readonly number[]): Round[] {
  const count = Math.ceil(items.length / Math.max(1, places.length));
  const rounds: Round[] = [];
  let next = 0;
  for (let round = 0; round < count; round++) {
    const size = Math.ceil((items.length - next) / (count - round));
    rounds.push(
      items.slice(next, next + size).map((item, at) => ({ item, place: places[at] ?? 0 })),
    );
    next += size;
  }
  return rounds;
}

/** Orders items so that users take turns; each user's own order stays. */
function takeTurns(items: readonly PackItem[], keep: (item: PackItem) => boolean): number[] {
  const queues = new Map<string, number[]>();
  items.forEach((item, index) => {
    if (!keep(item)) return;
    const queue = queues.get(item.user ?? "") ?? [];
    queue.push(index);
    queues.set(item.user ?? "", queue);
  });
  const out: number[] = [];
  const longest = Math.max(0, ...[...queues.values()].map((queue) => queue.length));
  for (let turn = 0; turn < longest; turn++) {
    for (const queue of queues.values()) {
      const item = queue[turn];
      if (item !== undefined) out.push(item);
    }
  }
  return out;
}

function onlyShape(items: readonly PackItem[], waiting: readonly number[]): number | undefined {
  const shape = items[waiting[0] ?? 0]?.shape;
  return waiting.every((index) => items[index]?.shape === shape) ? shape : undefined;
}

interface PreparedPlace {
  readonly index: number;
  readonly cost: number;
  readonly qubits: QubitSet;
  /** Its qubits and the buffer around them. */
  readonly halo: QubitSet;
}

function preparePlaces(problem: PackProblem, places: readonly Place[]): readonly PreparedPlace[] {
  return places.map(({ qubits, cost }, index) => {
    const halo = createQubitSet(problem.size, qubits);
    for (const qubit of qubits)
      for (const near of problem.buffer[qubit] ?? []) addQubit(halo, near);
    return { index, cost, qubits: createQubitSet(problem.size, qubits), halo };
  });
}

/** Fills one round from circuits of several shapes and takes them out of `waiting`. */
function mixedRound(
  problem: PackProblem,
  prepared: readonly (readonly PreparedPlace[])[],
  waiting: number[],
  round: number,
): Round {
  const random = createRandom(problem.seed, "mixed", round);
  let best: Round = [];
  let bestCost = Infinity;
  const tries = Math.max(1, Math.round((problem.restarts ?? 12) / 3));
  for (let attempt = 0; attempt < tries; attempt++) {
    const { packed, cost } = fillRound(
      problem,
      prepared,
      waiting,
      attempt === 0 ? undefined : random,
    );
    if (packed.length > best.length || (packed.length === best.length && cost < bestCost)) {
      best = packed;
      bestCost = cost;
    }
  }
  const taken = new Set(best.map(({ item }) => item));
  const rest = waiting.filter((item) => !taken.has(item));
  waiting.splice(0, waiting.length, ...rest);
  return best;
}

/** The first waiting circuit, then those with the fewest places (rings before paths); equal ones keep their order. */
function byScarcity(
  problem: PackProblem,
  prepared: readonly (readonly PreparedPlace[])[],
  waiting: readonly number[],
): readonly number[] {
  const [first, ...rest] = waiting;
  const places = (item: number) => prepared[problem.items[item]?.shape ?? -1]?.length ?? 0;
  return [
    ...(first === undefined ? [] : [first]),
    ...rest.toSorted((a, b) => places(a) - places(b)),
  ];
}

/** Places circuits one after the other where they block least; a shape that found no place is not tried again. */
function fillRound(
  problem: PackProblem,
  prepared: readonly (readonly PreparedPlace[])[],
  waiting: readonly number[],
  random: Random | undefined,
): { packed: PackedItem[]; cost: number } {
  const used = createQubitSet(problem.size);
  const blocked = createQubitSet(problem.size);
  const open = new Map<number, readonly PreparedPlace[]>();
  const packed: PackedItem[] = [];
  let cost = 0;
  for (const item of byScarcity(problem, prepared, waiting)) {
    const shape = problem.items[item]?.shape ?? 0;
    const free = (open.get(shape) ?? prepared[shape] ?? []).filter(
      (place) => !intersects(place.qubits, blocked) && !intersects(place.halo, used),
    );
    open.set(shape, free);
    let best: PreparedPlace | undefined;
    let bestScore = Infinity;
    for (const place of free) {
      const noise = random === undefined ? 0 : 2 * random.nextUniform();
      const score = countOutside(place.halo, blocked) + noise + 0.1 * place.cost;
      if (score < bestScore) {
        best = place;
        bestScore = score;
      }
    }
    if (best === undefined) {
      if (
        [...open.values()].every((places) => places.length === 0) &&
        open.size === prepared.length
      )
        break;
      continue;
    }
    packed.push({ item, place: best.index });
    cost += best.cost;
    uniteInPlace(used, best.qubits);
    uniteInPlace(blocked, best.halo);
  }
  return { packed, cost };
}

/**
 * Finds many places that do not exclude each other: indices, the cheapest first.
 *
 * Cost: O(places² + restarts · Σ exclusions).
 */
function largestSet(
  places: readonly PreparedPlace[],
  random: Random,
  restarts: number,
): readonly number[] {
  const conflicts = places.map((place) =>
    places.flatMap((other, index) =>
      other !== place && intersects(place.qubits, other.halo) ? [index] : [],
    ),
  );
  const costOf = (set: readonly number[]) =>
    set.reduce((sum, index) => sum + (places[index]?.cost ?? 0), 0);
  let best: readonly number[] = [];
  for (let attempt = 0; attempt < restarts; attempt++) {
    const start = greedySet(places, conflicts, attempt === 0 ? undefined : random);
    const set = exchange(places, conflicts, start);
    if (
      set.length > best.length ||
      (set.length === best.length && costOf(set) < costOf(best) - 1e-12)
    )
      best = set;
  }
  return [...best].sort((a, b) => (places[a]?.cost ?? 0) - (places[b]?.cost ?? 0) || a - b);
}

/** Takes the place that excludes the fewest others still open, again and again. */
function greedySet(
  places: readonly PreparedPlace[],
  conflicts: readonly (readonly number[])[],
  random: Random | undefined,
): number[] {
  const degree = conflicts.map((list) => list.length);
  const noise = places.map(
    (place) => (random === undefined ? 0 : 4 * random.nextUniform()) + 0.5 * place.cost,
  );
  const open = new Set(places.keys());
  const set: number[] = [];
  while (open.size > 0) {
    let best = -1;
    let bestScore = Infinity;
    for (const index of open) {
      const score = degree[index]! + noise[index]!; // index < places
      if (score < bestScore) {
        best = index;
        bestScore = score;
      }
    }
    set.push(best);
    open.delete(best);
    for (const out of conflicts[best] ?? []) {
      if (!open.delete(out)) continue;
      for (const other of conflicts[out] ?? []) degree[other]! -= 1; // other < places
    }
  }
  return set;
}

/**
 * Improves a set by exchanges: one member for two that only it excludes, or one for a cheaper one that only it excludes,
 * until neither is possible.
 */
function exchange(
  places: readonly PreparedPlace[],
  conflicts: readonly (readonly number[])[],
  start: readonly number[],
): number[] {
  const inside = new Set(start);
  const excludedBy = new Int32Array(places.length);
  for (const index of inside) for (const other of conflicts[index] ?? []) excludedBy[other]! += 1; // other < places
  const put = (index: number, sign: 1 | -1) => {
    if (sign === 1) inside.add(index);
    else inside.delete(index);
    for (const other of conflicts[index] ?? []) excludedBy[other]! += sign; // other < places
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const member of [...inside]) {
      const single = (conflicts[member] ?? []).filter(
        (other) => excludedBy[other] === 1 && !inside.has(other),
      );
      const pair = firstPair(single, conflicts);
      const cheaper = single.find(
        (other) => (places[other]?.cost ?? 0) < (places[member]?.cost ?? 0) - 1e-12,
      );
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
  conflicts: readonly (readonly number[])[],
): readonly [number, number] | undefined {
  for (const [at, a] of list.entries()) {
    const excluded = new Set(conflicts[a]);
    const b = list.slice(at + 1).find((other) => !excluded.has(other));
    if (b !== undefined) return [a, b];
  }
  return undefined;
}
