/**
 * Routing: SWAPs are put in until every pair of qubits that meets stands on a coupler. Look-ahead search after SABRE (Li,
 * Ding and Xie, ASPLOS 2019): score each SWAP next to a blocked gate by the distances of blocked and upcoming gates.
 * Own additions: commuting diagonal gates may overtake each other, a SWAP on a pair that has just met is cheaper (it
 * is synthesised together with the gate), and couplers count by their calibrated error.
 */
import { type Random, internalError } from "@qtune/base";
import type { Coupling } from "./coupling.ts";
import { type Dependencies, dependenciesOf } from "./dependencies.ts";
import { pairCzCount } from "./pair-cost.ts";
import { type WorkOperation, isPair, relabel } from "./work.ts";

/** A routed circuit. */
export interface Routed {
  /** On physical qubits. */
  readonly operations: readonly WorkOperation[];
  /** Physical qubit of each qubit before the first operation, [qubits]. */
  readonly initialLayout: readonly number[];
  /** Physical qubit of each qubit after the last operation, [qubits]. */
  readonly finalLayout: readonly number[];
  readonly swaps: number;
  /** Estimated −ln fidelity of two-qubit gates and SWAPs, for comparing trials of one circuit. */
  readonly cost: number;
}

/** Upcoming gates that are looked at. */
const lookAhead = 20;
const lookAheadWeight = 0.5;
/** Repeated SWAPs of one qubit get less attractive by this much, so that others move too. */
const decayStep = 0.003;
const decayWeight = 10;
const decayReset = 5;
/** What each CZ counts that a SWAP saves by merging with the gate before it, and what a coupler error does; in hops. */
const mergeBonus = 0.1;
const errorWeight = 0.1;

/**
 * Routes a circuit from a given layout.
 *
 * Range:  all placed qubits lie in one connected region of the coupling.
 * Effect: pure but for reading `random`, which breaks ties. With `emit` false only layouts and counts are found.
 * Cost:   O(swaps · (front + look-ahead)), a few µs per SWAP.
 */
export function routeFrom(
  problem: RoutingProblem,
  initialLayout: readonly number[],
  random: Random,
  emit = true,
): Routed {
  return new Router(problem, initialLayout, random, emit).route();
}

/** A circuit in the form that routing works on; made once and used by all trials. */
export interface RoutingProblem {
  readonly operations: readonly WorkOperation[];
  readonly dependencies: Dependencies;
  readonly coupling: Coupling;
  /** Qubits of each two-qubit operation, −1 for all others. */
  readonly gateA: Int32Array;
  readonly gateB: Int32Array;
  /** CZ of each two-qubit operation. */
  readonly czOf: Int32Array;
  /** Calibrated error of each coupler relative to the mean, [size, size]. */
  readonly errors: Float64Array;
}

/** Prepares routing. Cost: linear. */
export function createRoutingProblem(
  operations: readonly WorkOperation[],
  coupling: Coupling,
): RoutingProblem {
  const gateA = new Int32Array(operations.length).fill(-1);
  const gateB = new Int32Array(operations.length).fill(-1);
  const czOf = new Int32Array(operations.length);
  operations.forEach((operation, index) => {
    if (!isPair(operation)) return;
    gateA[index] = operation.a;
    gateB[index] = operation.b;
    czOf[index] = pairCzCount(operation);
  });
  return {
    operations,
    dependencies: dependenciesOf(operations),
    coupling,
    gateA,
    gateB,
    czOf,
    errors: relativeErrors(coupling),
  };
}

class Router {
  readonly #problem: RoutingProblem;
  readonly #waits: Int32Array;
  readonly #random: Random;
  readonly #initial: readonly number[];
  /** Physical qubit of each qubit of the circuit, and back (−1 where none is). */
  readonly #at: Int32Array;
  readonly #on: Int32Array;
  readonly #decay: Float64Array;
  /** The partner of the last two-qubit operation on each physical qubit; −1 when there was none. */
  readonly #lastPartner: Int32Array;
  /** CZ of the last two-qubit operation on each physical qubit, SWAPs merged with it included. */
  readonly #lastCz: Int32Array;
  readonly #out: WorkOperation[] = [];
  readonly #emit: boolean;
  /** Two-qubit gates that wait for a SWAP only, in the order of the circuit. */
  #blocked: number[] = [];
  /** The first blocked gate of each qubit: what SWAPs are chosen for. */
  #front: number[] = [];
  /** Partners of each qubit among front and upcoming gates, and how much each counts: list q runs from start[q] to start[q + 1]. */
  readonly #start: Int32Array;
  #partner = new Int32Array(0);
  #weight = new Float64Array(0);
  /** Marks of the last search that has seen an operation. */
  readonly #seen: Int32Array;
  #search = 0;
  #swaps = 0;
  #cost = 0;

  constructor(problem: RoutingProblem, layout: readonly number[], random: Random, emit: boolean) {
    const { operations, dependencies, coupling } = problem;
    this.#problem = problem;
    this.#waits = Int32Array.from(dependencies.waitsFor);
    this.#random = random;
    this.#initial = layout;
    this.#emit = emit;
    this.#at = Int32Array.from(layout);
    this.#on = new Int32Array(coupling.size).fill(-1);
    layout.forEach((physical, qubit) => {
      this.#on[physical] = qubit;
    });
    this.#decay = new Float64Array(coupling.size).fill(1);
    this.#lastPartner = new Int32Array(coupling.size).fill(-1);
    this.#lastCz = new Int32Array(coupling.size);
    this.#start = new Int32Array(layout.length + 1);
    this.#seen = new Int32Array(operations.length);
  }

  route(): Routed {
    const ready: number[] = [];
    this.#waits.forEach((count, index) => {
      if (count === 0) ready.push(index);
    });
    this.#advance(ready);
    let sinceProgress = 0;
    const patience = 10 + 2 * this.#problem.coupling.qubits.length;
    while (this.#blocked.length > 0) {
      if (sinceProgress >= patience) this.#force();
      else this.#swapBest();
      sinceProgress += 1;
      if (sinceProgress % decayReset === 0) this.#decay.fill(1);
      const free = this.#blocked.filter((index) => this.#isExecutable(index));
      if (free.length === 0) continue;
      this.#blocked = this.#blocked.filter((index) => !this.#isExecutable(index));
      this.#advance(free);
      this.#decay.fill(1);
      sinceProgress = 0;
    }
    return {
      operations: this.#out,
      initialLayout: this.#initial,
      finalLayout: [...this.#at],
      swaps: this.#swaps,
      cost: this.#cost,
    };
  }

  /** Emits what can be emitted; the rest is blocked. Then looks again at what SWAPs are for. */
  #advance(ready: number[]): void {
    const { operations, dependencies } = this.#problem;
    for (let next = 0; next < ready.length; next++) {
      const index = ready[next]!; // next < length
      if (!this.#isExecutable(index)) {
        this.#blocked.push(index);
        continue;
      }
      this.#emitOperation(operations[index], index);
      for (const successor of dependencies.successors[index] ?? []) {
        this.#waits[successor]! -= 1; // successor < operations
        if (this.#waits[successor] === 0) ready.push(successor);
      }
    }
    this.#blocked.sort((a, b) => a - b);
    this.#lookAhead();
  }

  #emitOperation(operation: WorkOperation | undefined, index: number): void {
    if (operation === undefined) throw internalError("a routed operation is not there");
    const { gateA, gateB, czOf, coupling } = this.#problem;
    const a = gateA[index]!; // index < operations
    if (a >= 0) {
      const p = this.#at[a]!; // qubits of the circuit
      const q = this.#at[gateB[index]!]!;
      // A gate right after a SWAP of its pair is synthesised with it and costs nothing more.
      const free = this.#isLastPair(p, q) && this.#lastCz[p] === 3;
      this.#cost += free ? 0 : coupling.czCost[p * coupling.size + q]! * czOf[index]!;
      this.#notePair(p, q, free ? 3 : czOf[index]!);
    }
    if (this.#emit) this.#out.push(relabel(operation, (qubit) => this.#at[qubit] ?? -1));
  }

  #isExecutable(index: number): boolean {
    const { gateA, gateB, coupling } = this.#problem;
    const a = gateA[index]!; // index < operations
    if (a < 0) return true;
    return coupling.distance[this.#at[a]! * coupling.size + this.#at[gateB[index]!]!] === 1;
  }

  /** Finds the front (the first blocked gate of each qubit) and the next gates behind it, and lists partners by qubit. */
  #lookAhead(): void {
    const { dependencies, gateA, gateB } = this.#problem;
    this.#search += 1;
    const busy = new Set<number>();
    const upcoming: number[] = [];
    this.#front = [];
    for (const index of this.#blocked) {
      const a = gateA[index]!; // index < operations
      const b = gateB[index]!;
      this.#seen[index] = this.#search;
      if (busy.has(a) || busy.has(b)) {
        if (upcoming.length < lookAhead) upcoming.push(index);
      } else this.#front.push(index);
      busy.add(a);
      busy.add(b);
    }
    const queue = [...this.#front];
    for (let next = 0; next < queue.length && upcoming.length < lookAhead; next++) {
      for (const successor of dependencies.successors[queue[next]!] ?? []) {
        if (this.#seen[successor] === this.#search) continue;
        this.#seen[successor] = this.#search;
        queue.push(successor);
        if (gateA[successor]! >= 0) upcoming.push(successor); // successor < operations
      }
    }
    this.#listPartners(upcoming);
  }

  #listPartners(upcoming: readonly number[]): void {
    const { gateA, gateB } = this.#problem;
    const start = this.#start.fill(0);
    const gates = [...this.#front, ...upcoming];
    for (const index of gates) {
      start[gateA[index]! + 1]! += 1; // qubits of the circuit
      start[gateB[index]! + 1]! += 1;
    }
    for (let q = 0; q + 1 < start.length; q++) start[q + 1]! += start[q]!;
    const fill = start.slice();
    if (this.#partner.length < 2 * gates.length) {
      this.#partner = new Int32Array(4 * gates.length);
      this.#weight = new Float64Array(4 * gates.length);
    }
    const frontWeight = 1 / Math.max(1, this.#front.length);
    const upcomingWeight = lookAheadWeight / Math.max(1, upcoming.length);
    gates.forEach((index, order) => {
      const a = gateA[index]!; // qubits of the circuit
      const b = gateB[index]!;
      const weight = order < this.#front.length ? frontWeight : upcomingWeight;
      this.#partner[fill[a]!] = b;
      this.#weight[fill[a]!++] = weight;
      this.#partner[fill[b]!] = a;
      this.#weight[fill[b]!++] = weight;
    });
  }

  /** Makes the SWAP with the best score among those next to a qubit of the front. */
  #swapBest(): void {
    const { coupling, gateA, gateB } = this.#problem;
    let bestP = -1;
    let bestQ = -1;
    let bestScore = Infinity;
    let ties = 0;
    const consider = (p: number) => {
      for (const q of coupling.neighbours[p] ?? []) {
        const score = this.#score(p, q);
        if (score > bestScore + 1e-9) continue;
        if (score < bestScore - 1e-9) ties = 0;
        ties += 1;
        if (ties > 1 && this.#random.nextBelow(ties) !== 0) continue;
        bestP = p;
        bestQ = q;
        bestScore = Math.min(score, bestScore);
      }
    };
    for (const index of this.#front) {
      consider(this.#at[gateA[index]!]!); // qubits of the circuit
      consider(this.#at[gateB[index]!]!);
    }
    if (bestP < 0) throw internalError("a blocked gate has no neighbour to swap with");
    this.#applySwap(bestP, bestQ);
  }

  /** Change of the weighted distances by a SWAP of the physical qubits p and q, worsened by decay and coupler error. */
  #score(p: number, q: number): number {
    const { coupling, errors } = this.#problem;
    const scale = 1 / this.#front.length;
    const bonus = mergeBonus * (3 - this.#swapCz(p, q));
    const decay = Math.max(this.#decay[p]!, this.#decay[q]!) - 1; // p, q < size
    const extra = errorWeight * errors[p * coupling.size + q]! - bonus + decayWeight * decay;
    return this.#moved(p, q) + this.#moved(q, p) + scale * extra;
  }

  /** Change of the weighted distances of the qubit on `from` when it moves to `to`. */
  #moved(from: number, to: number): number {
    const { distance, size } = this.#problem.coupling;
    const qubit = this.#on[from]!; // from < size
    if (qubit < 0) return 0;
    let change = 0;
    const end = this.#start[qubit + 1]!; // one list per qubit
    for (let k = this.#start[qubit]!; k < end; k++) {
      const partner = this.#at[this.#partner[k]!]!;
      if (partner !== to)
        change +=
          this.#weight[k]! * (distance[to * size + partner]! - distance[from * size + partner]!);
    }
    return change;
  }

  #applySwap(p: number, q: number): void {
    const { coupling } = this.#problem;
    const a = this.#on[p]!; // p, q < size
    const b = this.#on[q]!;
    this.#on[p] = b;
    this.#on[q] = a;
    if (a >= 0) this.#at[a] = q;
    if (b >= 0) this.#at[b] = p;
    if (this.#emit) this.#out.push({ kind: "swap", a: p, b: q, routed: true });
    this.#cost += coupling.czCost[p * coupling.size + q]! * this.#swapCz(p, q);
    this.#swaps += 1;
    this.#decay[p]! += decayStep;
    this.#decay[q]! += decayStep;
    this.#notePair(p, q, 3);
  }

  #isLastPair(p: number, q: number): boolean {
    return this.#lastPartner[p] === q && this.#lastPartner[q] === p;
  }

  /** CZ that a SWAP adds: those of a SWAP, or what is left to three when it merges with the gate before it. */
  #swapCz(p: number, q: number): number {
    if (!this.#isLastPair(p, q)) return 3;
    return this.#lastCz[p] === 3 ? 0 : 1; // CX and SWAP take two CZ together, two CZ and SWAP three
  }

  #notePair(p: number, q: number, cz: number): void {
    this.#lastPartner[p] = q;
    this.#lastPartner[q] = p;
    this.#lastCz[p] = cz;
    this.#lastCz[q] = cz;
  }

  /** Brings the closest blocked gate together along a shortest path: the way out of a cycle. */
  #force(): void {
    const { coupling, gateA, gateB } = this.#problem;
    const { distance, size, neighbours } = coupling;
    const apart = (index: number) =>
      distance[this.#at[gateA[index]!]! * size + this.#at[gateB[index]!]!]!; // blocked gates have two qubits
    const gate = this.#blocked.reduce((best, other) => (apart(other) < apart(best) ? other : best));
    while (apart(gate) > 1) {
      const from = this.#at[gateA[gate]!]!;
      const target = this.#at[gateB[gate]!]!;
      const step = (neighbours[from] ?? []).find(
        (next) => distance[next * size + target]! < apart(gate),
      );
      if (step === undefined)
        throw internalError("two qubits of one region have no way to each other");
      this.#applySwap(from, step);
    }
  }
}

/** Calibrated error of each coupler relative to the mean, [size, size]; 0 where there is none. */
function relativeErrors(coupling: Coupling): Float64Array {
  let sum = 0;
  let count = 0;
  for (const cost of coupling.czCost) {
    if (cost === Infinity) continue;
    sum += cost;
    count += 1;
  }
  const mean = count === 0 ? 0 : sum / count;
  return coupling.czCost.map((cost) => (cost === Infinity || mean === 0 ? 0 : cost / mean - 1));
}
