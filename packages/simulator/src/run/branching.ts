/**
 * Runs circuits that measure in the middle, reset and decide by classical bits: every random outcome splits the run in
 * two, with its probability or with its share of the shots, so that no shot is computed twice.
 */
import { type Abortable, QtuneError, type Random, throwIfAborted } from "@qtune/base";
import { type Circuit, type Operation, bitsValue, holds } from "@qtune/circuit";
import type { Engine } from "../engines/engine.ts";
import type { Item } from "../plan/item.ts";
import { lowerOperations } from "../plan/lower.ts";

/** Outcomes lighter than this are not followed. */
const negligible = 1e-15;
/** Most branches of one run; beyond, sampling is the way. */
const maxBranches = 2 ** 20;

/** What a run collects, by the text of its classical bits: probabilities, or numbers of shots. */
export type Tally = Map<string, number>;

/** How a run splits. */
export type Split =
  | { readonly kind: "exact" }
  | { readonly kind: "shots"; readonly shots: number; readonly random: Random };

/**
 * Runs a bound circuit on an engine that is in its start state.
 *
 * Effect: changes the engine; adds to the tally. Shots are drawn from streams named by the path of the branch.
 * Errors: cancelled, resource_exhausted beyond a million branches, failed_precondition when a `while` goes on after its
 *         maxIterations.
 */
export async function runBranches(
  circuit: Circuit,
  engine: Engine,
  split: Split,
  options: Abortable = {},
): Promise<Tally> {
  const run = new BranchRun(circuit, engine, options);
  await run.follow(
    { operations: circuit.operations, index: 0, rounds: 0, next: undefined },
    new Uint8Array(circuit.clbits),
    split,
    1,
  );
  return run.tally;
}

/** Where a branch stands: the rest of a list, then the rest of the list around it. */
interface Frame {
  readonly operations: readonly Operation[];
  readonly index: number;
  /** Rounds that a loop has done, when this is the body of one. */
  readonly rounds: number;
  readonly next: Frame | undefined;
}

class BranchRun {
  readonly tally: Tally = new Map();
  readonly #circuit: Circuit;
  readonly #engine: Engine;
  readonly #options: Abortable;
  readonly #items = new WeakMap<Operation, readonly Item[]>();
  #branches = 0;

  constructor(circuit: Circuit, engine: Engine, options: Abortable) {
    this.#circuit = circuit;
    this.#engine = engine;
    this.#options = options;
  }

  /** Follows one branch to its end. `scale` is what its state must be multiplied by to have norm √p of the branch. */
  async follow(start: Frame, clbits: Uint8Array, split: Split, weight: number): Promise<void> {
    throwIfAborted(this.#options.signal);
    let frame: Frame | undefined = start;
    let pending: Item[] = [];
    for (;;) {
      while (frame !== undefined && frame.index >= frame.operations.length) frame = frame.next;
      if (frame === undefined || isReadOnly(frame)) break;
      const operation: Operation = frame.operations[frame.index]!; // index < length
      frame = { ...frame, index: frame.index + 1 };
      switch (operation.kind) {
        case "gate":
        case "unitary":
        case "phase":
          pending.push(...this.#itemsOf(operation));
          break;
        case "barrier":
        case "delay":
          break;
        case "assign": {
          const before = clbits.slice();
          operation.clbits.forEach((clbit, i) => {
            const value = operation.value[i] ?? 0;
            clbits[clbit] =
              typeof value === "number"
                ? value
                : (before[value.clbit] ?? 0) ^ (value.inverted === true ? 1 : 0);
          });
          break;
        }
        case "if":
          frame = enter(
            holds(operation.condition, clbits) ? operation.then : (operation.else ?? []),
            frame,
          );
          break;
        case "switch": {
          const value = bitsValue(operation.clbits, clbits);
          const taken = operation.cases.find(({ values }) => values.includes(value));
          frame = enter(taken?.body ?? operation.default ?? [], frame);
          break;
        }
        case "while":
          frame = this.#loop(operation, frame, clbits);
          break;
        case "measure":
        case "reset":
          await this.#engine.apply(pending, this.#options);
          pending = [];
          return this.#split(operation, frame, clbits, split, weight);
        default:
          operation satisfies never;
      }
    }
    await this.#engine.apply(pending, this.#options);
    await this.#finish(frame, clbits, split, weight);
  }

  #itemsOf(operation: Operation): readonly Item[] {
    const known = this.#items.get(operation) ?? lowerOperations([operation], this.#circuit);
    this.#items.set(operation, known);
    return known;
  }

  #loop(operation: Extract<Operation, { kind: "while" }>, frame: Frame, clbits: Uint8Array): Frame {
    if (!holds(operation.condition, clbits)) return frame;
    const rounds = frame.rounds + 1;
    if (rounds > operation.maxIterations) {
      throw new QtuneError(
        "failed_precondition",
        `a while loop still goes on after its ${operation.maxIterations} iterations`,
        {
          where: "circuit.operations",
        },
      );
    }
    // The body, then the loop again with its count.
    const again: Frame = {
      operations: [operation],
      index: 0,
      rounds,
      next: { ...frame, rounds: 0 },
    };
    return enter(operation.body, again);
  }

  /** Splits at a measurement or reset. */
  async #split(
    operation: Extract<Operation, { kind: "measure" | "reset" }>,
    frame: Frame,
    clbits: Uint8Array,
    split: Split,
    weight: number,
  ): Promise<void> {
    const { qubit } = operation;
    const { one, total } = this.#engine.weights(qubit);
    const p = Math.min(1, Math.max(0, one / total));
    const parts = divide(split, p, weight);
    const open = parts.filter((part) => part !== undefined);
    const saved = open.length > 1 ? this.#engine.save() : undefined;
    this.#branches += open.length - 1;
    if (this.#branches > maxBranches) {
      throw new QtuneError(
        "resource_exhausted",
        `expected at most ${maxBranches} branches but the measurements of this circuit make more; give a number of shots`,
        {
          where: "circuit.operations",
        },
      );
    }
    for (const [index, part] of open.entries()) {
      if (index > 0) this.#engine.restore(saved);
      const chance = part.value === 1 ? p : 1 - p;
      const flip = operation.kind === "reset" && part.value === 1;
      this.#engine.projectInPlace(qubit, part.value, 1 / Math.sqrt(total * chance), flip);
      const bits = clbits.slice();
      if (operation.kind === "measure") bits[operation.clbit] = part.value;
      await this.follow(frame, bits, part.split, part.weight);
    }
  }

  /** Reads what is left to measure all at once, where the engine can. */
  async #finish(
    frame: Frame | undefined,
    clbits: Uint8Array,
    split: Split,
    weight: number,
  ): Promise<void> {
    const reads = readsOf(frame, this.#circuit);
    if (reads.length === 0) return this.#add(clbits, split.kind === "exact" ? weight : split.shots);
    const { populations, sampleBits } = this.#engine;
    if (split.kind === "exact" && populations !== undefined) {
      this.#addPopulations(this.#engine.populations!(), reads, clbits, weight); // checked
      return;
    }
    if (split.kind === "shots" && sampleBits !== undefined) {
      const bits = await this.#engine.sampleBits!(
        split.shots,
        split.random.fork("final"),
        this.#options,
      ); // checked
      const n = bits.length / split.shots;
      for (let shot = 0; shot < split.shots; shot++) {
        const read =
          clbits.length > 0 || this.#circuit.clbits > 0 ? clbits.slice() : new Uint8Array(n);
        for (const { qubit, clbit } of reads) read[clbit] = bits[shot * n + qubit]!; // inside
        this.#add(read, 1);
      }
      return;
    }
    const operations = reads.map(({ qubit, clbit }): Operation => ({
      kind: "measure",
      qubit,
      clbit,
    }));
    const bits = this.#circuit.clbits > 0 ? clbits : new Uint8Array(this.#circuit.qubits);
    await this.#measureInTurn(operations, 0, bits, split, weight);
  }

  /** Measures one qubit after the other, splitting at each that is not certain. */
  async #measureInTurn(
    operations: readonly Operation[],
    index: number,
    clbits: Uint8Array,
    split: Split,
    weight: number,
  ): Promise<void> {
    const operation = operations[index];
    if (operation?.kind !== "measure")
      return this.#add(clbits, split.kind === "exact" ? weight : split.shots);
    const { one, total } = this.#engine.weights(operation.qubit);
    const p = Math.min(1, Math.max(0, one / total));
    const open = divide(split, p, weight);
    const saved = open.length > 1 ? this.#engine.save() : undefined;
    this.#branches += open.length - 1;
    if (this.#branches > maxBranches) {
      throw new QtuneError(
        "resource_exhausted",
        `expected at most ${maxBranches} outcomes but the distribution has more; give a number of shots`,
        {
          where: "circuit",
        },
      );
    }
    for (const [at, part] of open.entries()) {
      throwIfAborted(this.#options.signal);
      if (at > 0) this.#engine.restore(saved);
      this.#engine.projectInPlace(
        operation.qubit,
        part.value,
        1 / Math.sqrt(total * (part.value === 1 ? p : 1 - p)),
        false,
      );
      const bits = clbits.slice();
      bits[operation.clbit] = part.value;
      await this.#measureInTurn(operations, index + 1, bits, part.split, part.weight);
    }
  }

  #addPopulations(
    populations: Float64Array,
    reads: readonly Read[],
    clbits: Uint8Array,
    weight: number,
  ): void {
    const read = this.#circuit.clbits > 0 ? clbits.slice() : new Uint8Array(this.#circuit.qubits);
    const sums = new Map<number, number>();
    const byQubit = reads.map(({ qubit }) => qubit);
    let total = 0;
    for (let x = 0; x < populations.length; x++) {
      const p = populations[x]!; // inside
      total += p;
      if (p < 1e-18) continue;
      let key = 0;
      for (let j = 0; j < byQubit.length; j++) key += ((x >>> byQubit[j]!) & 1) * 2 ** j; // j < length
      sums.set(key, (sums.get(key) ?? 0) + p);
    }
    for (const [key, p] of sums) {
      reads.forEach(({ clbit }, j) => {
        read[clbit] = Math.floor(key / 2 ** j) % 2;
      });
      this.#add(read, (weight * p) / total);
    }
  }

  #add(clbits: Uint8Array, amount: number): void {
    let text = "";
    for (let bit = clbits.length - 1; bit >= 0; bit--) text += clbits[bit] === 1 ? "1" : "0";
    this.tally.set(text, (this.tally.get(text) ?? 0) + amount);
  }
}

interface Read {
  readonly qubit: number;
  readonly clbit: number;
}

interface Part {
  readonly value: 0 | 1;
  readonly split: Split;
  readonly weight: number;
}

/** The outcomes to follow: those with probability, or with shots. */
function divide(split: Split, p: number, weight: number): readonly Part[] {
  const parts: Part[] = [];
  if (split.kind === "exact") {
    if ((1 - p) * weight > negligible) parts.push({ value: 0, split, weight: (1 - p) * weight });
    if (p * weight > negligible) parts.push({ value: 1, split, weight: p * weight });
    return parts;
  }
  let ones = 0;
  if (p > 1 - 1e-12) ones = split.shots;
  else if (p >= 1e-12)
    for (let shot = 0; shot < split.shots; shot++) if (split.random.nextUniform() < p) ones += 1;
  const zeros = split.shots - ones;
  if (zeros > 0)
    parts.push({
      value: 0,
      split: { kind: "shots", shots: zeros, random: split.random.fork(0) },
      weight,
    });
  if (ones > 0)
    parts.push({
      value: 1,
      split: { kind: "shots", shots: ones, random: split.random.fork(1) },
      weight,
    });
  return parts;
}

function enter(operations: readonly Operation[], next: Frame): Frame {
  return { operations, index: 0, rounds: 0, next };
}

/** Whether nothing but measurements of distinct bits is left. */
function isReadOnly(frame: Frame): boolean {
  for (let at: Frame | undefined = frame; at !== undefined; at = at.next) {
    for (let i = at.index; i < at.operations.length; i++) {
      const { kind } = at.operations[i]!; // i < length
      if (kind !== "measure" && kind !== "barrier" && kind !== "delay") return false;
    }
  }
  return true;
}

/** The final measurements; all qubits where the circuit has no classical bit. */
function readsOf(frame: Frame | undefined, circuit: Circuit): readonly Read[] {
  if (circuit.clbits === 0)
    return Array.from({ length: circuit.qubits }, (_, qubit) => ({ qubit, clbit: qubit }));
  const reads = new Map<number, number>();
  for (let at = frame; at !== undefined; at = at.next) {
    for (const operation of at.operations.slice(at.index))
      if (operation.kind === "measure") reads.set(operation.clbit, operation.qubit);
  }
  return [...reads].map(([clbit, qubit]) => ({ qubit, clbit }));
}
