/**
 * Routing: SWAPs are put in until every pair of qubits that meets stands on a coupler. Look-ahead search after SABRE (Li,
 * Ding and Xie, ASPLOS 2019): score each SWAP next to a blocked gate by the distances of blocked and upcoming gates.
 * Own additions: commuting diagonal gates may overtake each other, a SWAP on a pair that has just met is cheaper (it
 * is synthesised together with the gate), and couplers count by their calibrated error.
 */
import { type Random, internalError } from "@qtune/base";
import { type Coupling, areCoupled, unreachable } from "./coupling.ts";
import type { Dependencies } from "./dependencies.ts";
import { type WorkOperation, isPair, relabel, workQubits } from "./work.ts";

/** A routed circuit. */
export interface Routed {
  /** On physical qubits. */
  readonly operations: readonly WorkOperation[];
  /** Physical qubit of each qubit before the first operation, [qubits]. */
  readonly initialLayout: readonly number[];
  /** Physical qubit of each qubit after the last operation, [qubits]. */
  readonly finalLayout: readonly number[];
  readonly swaps: number;
}

/** Upcoming gates that are looked at. */
const lookAhead = 20;
const lookAheadWeight = 0.5;
/** Repeated SWAPs of one qubit get less attractive by this much, so that others move too. */
const decayStep = 0.001;
const decayReset = 5;
/** What a SWAP gains when it merges with the gate before it, and what an average coupler error costs; in hops. */
const mergeBonus = 0.35;
const errorWeight = 0.1;

/**
 * Routes operations from a given layout.
 *
 * Range:  all placed qubits lie in one connected region of `coupling`.
 * Effect: pure but for reading `random`, which breaks ties.
 * Cost:   O(swaps · (front + look-ahead)).
 */
export function routeFrom(
  operations: readonly WorkOperation[],
  dependencies: Dependencies,
  coupling: Coupling,
  initialLayout: readonly number[],
  random: Random,
): Routed {
  const router = new Router(operations, dependencies, coupling, initialLayout, random);
  return router.route();
}

interface Gate {
  readonly a: number;
  readonly b: number;
}

class Router {
  readonly #operations: readonly WorkOperation[];
  readonly #successors: readonly (readonly number[])[];
  readonly #waits: Int32Array;
  readonly #coupling: Coupling;
  readonly #random: Random;
  readonly #initial: readonly number[];
  /** Physical qubit of each qubit of the circuit, and back (−1 where none is). */
  readonly #at: Int32Array;
  readonly #on: Int32Array;
  readonly #decay: Float64Array;
  /** The partner of the last two-qubit operation on each physical qubit; −1 when there was none. */
  readonly #lastPartner: Int32Array;
  readonly #errorCost: Float64Array;
  readonly #out: WorkOperation[] = [];
  /** Blocked two-qubit gates. */
  #front: number[] = [];
  #swaps = 0;

  constructor(
    operations: readonly WorkOperation[],
    { successors, waitsFor }: Dependencies,
    coupling: Coupling,
    layout: readonly number[],
    random: Random,
  ) {
    this.#operations = operations;
    this.#successors = successors;
    this.#waits = Int32Array.from(waitsFor);
    this.#coupling = coupling;
    this.#random = random;
    this.#initial = layout;
    this.#at = Int32Array.from(layout);
    this.#on = new Int32Array(coupling.size).fill(-1);
    layout.forEach((physical, qubit) => {
      this.#on[physical] = qubit;
    });
    this.#decay = new Float64Array(coupling.size).fill(1);
    this.#lastPartner = new Int32Array(coupling.size).fill(-1);
    this.#errorCost = relativeErrors(coupling);
  }

  route(): Routed {
    const ready: number[] = [];
    this.#waits.forEach((count, index) => {
      if (count === 0) ready.push(index);
    });
    this.#advance(ready);
    let sinceProgress = 0;
    const patience = 10 + 2 * this.#coupling.qubits.length;
    while (this.#front.length > 0) {
      if (sinceProgress >= patience) this.#force();
      else this.#applySwap(...this.#bestSwap());
      sinceProgress += 1;
      if (sinceProgress % decayReset === 0) this.#decay.fill(1);
      const free = this.#front.filter((index) => this.#isExecutable(index));
      if (free.length === 0) continue;
      const freed = new Set(free);
      this.#front = this.#front.filter((index) => !freed.has(index));
      this.#advance(free);
      this.#decay.fill(1);
      sinceProgress = 0;
    }
    return {
      operations: this.#out,
      initialLayout: this.#initial,
      finalLayout: [...this.#at],
      swaps: this.#swaps,
    };
  }

  /** Emits everything that can be emitted, in the order of the circuit where there is a choice; the rest becomes the front. */
  #advance(ready: number[]): void {
    ready.sort((a, b) => a - b);
    for (let next = 0; next < ready.length; next++) {
      const index = ready[next] ?? 0;
      if (!this.#isExecutable(index)) {
        this.#front.push(index);
        continue;
      }
      const operation = this.#operations[index];
      if (operation === undefined) throw internalError("a routed operation is not there");
      const placed = relabel(operation, (qubit) => this.#at[qubit] ?? -1);
      this.#out.push(placed);
      if (isPair(placed)) this.#notePair(placed.a, placed.b);
      for (const successor of this.#successors[index] ?? []) {
        this.#waits[successor]! -= 1; // successor < operations
        if (this.#waits[successor] === 0) ready.push(successor);
      }
    }
  }

  #isExecutable(index: number): boolean {
    const operation = this.#operations[index];
    if (operation === undefined || !isPair(operation)) return true;
    return areCoupled(this.#coupling, this.#at[operation.a] ?? -1, this.#at[operation.b] ?? -1);
  }

  #gate(index: number): Gate {
    const operation = this.#operations[index];
    if (operation === undefined || !isPair(operation))
      throw internalError("only two-qubit gates wait for a SWAP");
    return operation;
  }

  #notePair(a: number, b: number): void {
    this.#lastPartner[a] = b;
    this.#lastPartner[b] = a;
  }

  /** The next two-qubit gates behind the front, nearest first. */
  #upcoming(): Gate[] {
    const out: Gate[] = [];
    const seen = new Set<number>(this.#front);
    const queue = [...this.#front];
    for (let next = 0; next < queue.length && out.length < lookAhead; next++) {
      for (const successor of this.#successors[queue[next] ?? 0] ?? []) {
        if (seen.has(successor)) continue;
        seen.add(successor);
        queue.push(successor);
        const operation = this.#operations[successor];
        if (operation !== undefined && isPair(operation)) out.push(operation);
      }
    }
    return out;
  }

  #bestSwap(): [number, number] {
    const front = this.#front.map((index) => this.#gate(index));
    const upcoming = this.#upcoming();
    const touching = this.#weightsByQubit(front, upcoming);
    let best: [number, number] | undefined;
    let bestScore = Infinity;
    let ties = 0;
    for (const [p, q] of this.#candidates(front)) {
      const score = this.#score(p, q, touching);
      if (score < bestScore - 1e-9) {
        best = [p, q];
        bestScore = score;
        ties = 1;
      } else if (score < bestScore + 1e-9) {
        ties += 1;
        if (this.#random.nextBelow(ties) === 0) best = [p, q];
      }
    }
    if (best === undefined) throw internalError("a blocked gate has no neighbour to swap with");
    return best;
  }

  /** SWAPs over couplers next to qubits of blocked gates, each once. */
  #candidates(front: readonly Gate[]): [number, number][] {
    const out: [number, number][] = [];
    const seen = new Set<number>();
    for (const gate of front) {
      for (const qubit of [gate.a, gate.b]) {
        const p = this.#at[qubit] ?? -1;
        for (const q of this.#coupling.neighbours[p] ?? []) {
          const key = Math.min(p, q) * this.#coupling.size + Math.max(p, q);
          if (seen.has(key)) continue;
          seen.add(key);
          out.push([p, q]);
        }
      }
    }
    return out;
  }

  /** For each qubit of the circuit: the partners of its waiting gates and how much each counts. */
  #weightsByQubit(
    front: readonly Gate[],
    upcoming: readonly Gate[],
  ): Map<number, { other: number; weight: number }[]> {
    const out = new Map<number, { other: number; weight: number }[]>();
    const add = (gates: readonly Gate[], weight: number) => {
      for (const { a, b } of gates) {
        for (const [qubit, other] of [
          [a, b],
          [b, a],
        ] as const) {
          const list = out.get(qubit) ?? [];
          list.push({ other, weight });
          out.set(qubit, list);
        }
      }
    };
    add(front, 1 / Math.max(1, front.length));
    add(upcoming, lookAheadWeight / Math.max(1, upcoming.length));
    return out;
  }

  /** Change of the weighted distances by a SWAP of the physical qubits p and q, worsened by decay and coupler error. */
  #score(
    p: number,
    q: number,
    touching: ReadonlyMap<number, readonly { other: number; weight: number }[]>,
  ): number {
    const { distance, size } = this.#coupling;
    let change = 0;
    for (const [from, to] of [
      [p, q],
      [q, p],
    ] as const) {
      const qubit = this.#on[from]!; // from < size
      if (qubit < 0) continue;
      for (const { other, weight } of touching.get(qubit) ?? []) {
        const partner = this.#at[other]!; // a qubit of the circuit
        if (partner === to) continue;
        change += weight * (distance[to * size + partner]! - distance[from * size + partner]!);
      }
    }
    const bonus = this.#lastPartner[p] === q && this.#lastPartner[q] === p ? mergeBonus : 0;
    const decay = Math.max(this.#decay[p]!, this.#decay[q]!) - 1; // p, q < size
    const scale = 1 / Math.max(1, this.#front.length);
    return (
      change + scale * (errorWeight * this.#errorCost[p * size + q]! - bonus) + 10 * decay * scale
    );
  }

  #applySwap(p: number, q: number): void {
    const a = this.#on[p] ?? -1;
    const b = this.#on[q] ?? -1;
    this.#on[p] = b;
    this.#on[q] = a;
    if (a >= 0) this.#at[a] = q;
    if (b >= 0) this.#at[b] = p;
    this.#out.push({ kind: "swap", a: p, b: q, routed: true });
    this.#swaps += 1;
    this.#decay[p]! += decayStep; // p, q < size
    this.#decay[q]! += decayStep;
    this.#notePair(p, q);
  }

  /** Brings the closest blocked gate together along a shortest path: the way out of a cycle. */
  #force(): void {
    const { distance, size, neighbours } = this.#coupling;
    const apart = (gate: Gate) =>
      distance[(this.#at[gate.a] ?? 0) * size + (this.#at[gate.b] ?? 0)] ?? unreachable;
    const gate = this.#front
      .map((index) => this.#gate(index))
      .reduce((best, other) => (apart(other) < apart(best) ? other : best));
    while (apart(gate) > 1) {
      const from = this.#at[gate.a] ?? 0;
      const target = this.#at[gate.b] ?? 0;
      const step = (neighbours[from] ?? []).find(
        (next) => (distance[next * size + target] ?? unreachable) < apart(gate),
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

/** Counts the operations that use each qubit; tests and layouts rank qubits by it. */
export function pairDegrees(operations: readonly WorkOperation[], qubits: number): Int32Array {
  const degree = new Int32Array(qubits);
  for (const operation of operations) {
    if (isPair(operation)) for (const qubit of workQubits(operation)) degree[qubit]! += 1; // below `qubits`
  }
  return degree;
}
