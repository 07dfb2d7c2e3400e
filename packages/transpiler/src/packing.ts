/**
 * Many circuits on one chip: places on disjoint regions with a buffer of idle qubits between them. Regions form a graph in
 * which neighbours exclude each other. Circuits of one shape: a round is a large independent set of it (greedy by fewest
 * exclusions, restarts, then exchanges of one for two), the cheapest among the largest found. Several shapes, or crosstalk:
 * rounds are filled circuit by circuit where they block least. Everything is a pure function of its arguments; steps are
 * counted, not milliseconds.
 */
import { createRandom, type Random } from "@qtune/base";
import { largestSet } from "./independent-set.ts";
import { type PreparedPlaces, type PreparedShape, preparePlaces } from "./prepared-places.ts";
import { countOutside, createQubitSet, intersects, uniteInPlace } from "./qubit-set.ts";

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

/** A place of a shape, by its two indices. */
export interface ShapePlace {
  readonly shape: number;
  readonly place: number;
}

/** What circuits do to each other. */
export interface PackCrosstalk {
  /** −ln of the fidelity that a circuit loses to another one beside it; 0 where they do not meet. */
  readonly costBeside: (of: ShapePlace, beside: ShapePlace) => number;
  /** Largest −ln fidelity of each shape, crosstalk included: the floor. [shapes] */
  readonly maxCost: readonly number[];
}

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
  /** Absent: circuits beside each other do not matter. */
  readonly crosstalk?: PackCrosstalk | undefined;
}

/**
 * Packs circuits into rounds.
 *
 * Order:  the first waiting circuit (users take turns) is in the next round, so nobody starves; others fill the gaps.
 * Maths:  as many circuits per round as can be found, then the least sum of costs. With crosstalk the cost of a circuit is
 *         that of its place and of everything beside it, and no circuit of a round costs more than its shape may.
 * Effect: pure.
 * Cost:   for 200 four-qubit circuits on 72 qubits some ms.
 * Errors: none; an item whose shape has no places is in no round.
 */
export function packRounds(problem: PackProblem): readonly Round[] {
  const prepared = preparePlaces(problem);
  const restarts = problem.restarts ?? 12;
  const waiting = takeTurns(problem.items, (item) => (problem.shapes[item.shape]?.length ?? 0) > 0);
  const rounds: Round[] = [];
  while (waiting.length > 0) {
    const shape = onlyShape(problem.items, waiting);
    if (shape === undefined || problem.crosstalk !== undefined) {
      rounds.push(mixedRound(problem, prepared, waiting, rounds.length));
      continue;
    }
    const random = createRandom(problem.seed, "pack", shape);
    const places = largestSet(prepared, prepared.shapes[shape], random, restarts);
    rounds.push(...evenRounds(places, waiting.splice(0)));
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

interface FilledRound {
  readonly packed: readonly PackedItem[];
  readonly cost: number;
}

/** Fills one round from circuits of several shapes and takes them out of `waiting`. */
function mixedRound(
  problem: PackProblem,
  prepared: PreparedPlaces,
  waiting: number[],
  round: number,
): Round {
  const random = createRandom(problem.seed, "mixed", round);
  const order = byScarcity(problem, prepared, waiting);
  let best: FilledRound = { packed: [], cost: Infinity };
  const tries = Math.max(1, Math.round((problem.restarts ?? 12) / 3));
  for (let attempt = 0; attempt < tries; attempt++) {
    const filled = fillRound(problem, prepared, order, attempt === 0 ? undefined : random);
    const isLarger = filled.packed.length > best.packed.length;
    const isCheaper =
      filled.packed.length === best.packed.length && filled.cost < best.cost - 1e-12;
    if (isLarger || isCheaper) best = filled;
  }
  const taken = new Set(best.packed.map(({ item }) => item));
  const rest = waiting.filter((item) => !taken.has(item));
  waiting.splice(0, waiting.length, ...rest);
  return best.packed;
}

/** The first waiting circuit, then those with the fewest places (rings before paths); equal ones keep their order. */
function byScarcity(
  problem: PackProblem,
  prepared: PreparedPlaces,
  waiting: readonly number[],
): readonly number[] {
  const [first, ...rest] = waiting;
  const places = (item: number) =>
    prepared.shapes[problem.items[item]?.shape ?? -1]?.regions.length ?? 0;
  return [
    ...(first === undefined ? [] : [first]),
    ...rest.toSorted((a, b) => places(a) - places(b)),
  ];
}

/** Weight of a circuit's own cost, and of what crosstalk costs it and its neighbours, against one more blocked qubit. */
const costWeight = 0.1;
const crosstalkWeight = 10;

/** Places circuits one after the other where they block and disturb least. */
function fillRound(
  problem: PackProblem,
  prepared: PreparedPlaces,
  order: readonly number[],
  random: Random | undefined,
): FilledRound {
  const blocked = createQubitSet(problem.size);
  const open = prepared.all.slice();
  const beside = new Company(problem.crosstalk);
  const packed: PackedItem[] = [];
  let cost = 0;
  for (const item of order) {
    const shape = problem.items[item]?.shape ?? 0;
    const choices = prepared.shapes[shape];
    if (choices === undefined || !intersects(open, choices.mask)) continue;
    let best: { region: number; added: number } | undefined;
    let bestScore = Infinity;
    for (const region of choices.regions) {
      if ((open[region >>> 5]! & (1 << (region & 31))) === 0) continue; // one bit per region
      const halo = prepared.halos[region] ?? blocked;
      const score =
        countOutside(halo, blocked) +
        costWeight * choices.costs[region]! + // a region of this shape
        (random === undefined ? 0 : 2 * random.nextUniform());
      if (score >= bestScore) continue;
      const added = beside.costOfJoining(shape, choices, region);
      if (score + crosstalkWeight * added >= bestScore) continue;
      best = { region, added };
      bestScore = score + crosstalkWeight * added;
    }
    if (best === undefined) continue; // nothing is open, or only where crosstalk goes below a floor
    packed.push({ item, place: choices.places[best.region]! });
    cost += choices.costs[best.region]! + best.added;
    beside.join(shape, choices, best.region);
    uniteInPlace(blocked, prepared.halos[best.region] ?? blocked);
    const out = prepared.conflicts[best.region];
    if (out !== undefined)
      for (let word = 0; word < open.length; word++) open[word]! &= ~out[word]!;
    if (open.every((word) => word === 0)) break;
  }
  return { packed, cost };
}

/** The circuits of a round so far and what each of them costs with its neighbours. Lives for one round. */
class Company {
  readonly #crosstalk: PackCrosstalk | undefined;
  readonly #members: { readonly at: ShapePlace; cost: number }[] = [];

  constructor(crosstalk: PackCrosstalk | undefined) {
    this.#crosstalk = crosstalk;
  }

  /** What crosstalk would cost all together; infinite where somebody would fall below the floor. */
  costOfJoining(shape: number, choices: PreparedShape, region: number): number {
    if (this.#crosstalk === undefined) return 0;
    const { costBeside, maxCost } = this.#crosstalk;
    const at = { shape, place: choices.places[region] ?? 0 };
    let own = 0;
    let others = 0;
    for (const member of this.#members) {
      own += costBeside(at, member.at);
      const theirs = costBeside(member.at, at);
      if (member.cost + theirs > (maxCost[member.at.shape] ?? Infinity)) return Infinity;
      others += theirs;
    }
    const total = (choices.costs[region] ?? 0) + own;
    return total > (maxCost[shape] ?? Infinity) + 1e-12 ? Infinity : own + others;
  }

  join(shape: number, choices: PreparedShape, region: number): void {
    if (this.#crosstalk === undefined) return;
    const { costBeside } = this.#crosstalk;
    const at = { shape, place: choices.places[region] ?? 0 };
    let cost = choices.costs[region] ?? 0;
    for (const member of this.#members) {
      cost += costBeside(at, member.at);
      member.cost += costBeside(member.at, at);
    }
    this.#members.push({ at, cost });
  }
}
