/**
 * Noisy stabilizer circuits with many qubits: one noiseless run on a tableau, and for every shot the Pauli string by which
 * it differs, 32 shots to a word (Gidney, "Stim", arXiv 2103.02202). Takes Clifford unitaries, resets and Pauli mixtures;
 * channels that are no Pauli mixtures and detuned qubits are left to the other engines.
 */
import { type Abortable, type Random, throwIfAborted } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { type Counts, matrixFrom } from "@qtune/circuit";
import { type CliffordTable, cliffordTable } from "../engines/clifford-table.ts";
import { createTableau } from "../engines/tableau.ts";
import { bytesText, flipReadoutInPlace } from "./readout.ts";

/** A step as frames take it. */
type FrameStep =
  | { readonly kind: "gate"; readonly qubits: readonly number[]; readonly table: CliffordTable }
  | { readonly kind: "reset"; readonly qubit: number }
  | {
      readonly kind: "mixture";
      readonly qubits: readonly number[];
      readonly probabilities: readonly number[];
    };

/**
 * Draws counts of a program, or returns undefined where it holds a step that frames do not take.
 *
 * Range:  any number of qubits and measured bits.
 * Effect: advances no stream but forks of `random`; cancellable between steps.
 * Cost:   per step and qubit, shots / 32 words; memory 8 bytes for 32 shots and qubit.
 */
export function sampleFrames(
  program: NoisyProgram,
  shots: number,
  random: Random,
  options: Abortable = {},
): Counts | undefined {
  const steps = toFrameSteps(program);
  if (steps === undefined) return undefined;
  const reference = referenceBits(program.qubits, steps);
  const frames = new Frames(program.qubits, shots, random.fork("frames"));
  for (const step of steps) {
    throwIfAborted(options.signal);
    if (step.kind === "gate") frames.applyGate(step.qubits, step.table);
    else if (step.kind === "reset") frames.reset(step.qubit);
    else frames.applyMixture(step.qubits, step.probabilities);
  }
  return readFrames(program, frames, reference, shots, random.fork("readout"));
}

function toFrameSteps(program: NoisyProgram): readonly FrameStep[] | undefined {
  const steps: FrameStep[] = [];
  for (const step of program.steps) {
    const taken = toFrameStep(step, program.detuningSigmaRadPerNs);
    if (taken === undefined) return undefined;
    if (taken !== "nothing") steps.push(taken);
  }
  return steps;
}

function toFrameStep(
  step: NoisyStep,
  sigmas: readonly number[],
): FrameStep | "nothing" | undefined {
  switch (step.kind) {
    case "unitary": {
      const table = cliffordTable(matrixFrom(step.re, step.im));
      return table === undefined ? undefined : { kind: "gate", qubits: step.qubits, table };
    }
    case "pauli":
      return { kind: "mixture", qubits: step.qubits, probabilities: step.probabilities };
    case "reset":
      return step;
    case "detuning":
      return (sigmas[step.qubit] ?? 0) === 0 ? "nothing" : undefined;
    case "kraus":
      return undefined;
    default:
      return step satisfies never;
  }
}

/** One outcome of the circuit without noise. */
function referenceBits(n: number, steps: readonly FrameStep[]): Uint8Array {
  const tableau = createTableau(n);
  for (const step of steps) {
    if (step.kind === "gate") tableau.applyClifford(step);
    if (step.kind !== "reset") continue;
    const value = tableau.weights(step.qubit).one === 1 ? 1 : 0;
    tableau.projectInPlace(step.qubit, value, 1, value === 1);
  }
  return tableau.collapse();
}

/** The Pauli strings of all shots. Z on a qubit in |0⟩ changes nothing, so drawing it makes random outcomes random. */
class Frames {
  readonly #words: number;
  readonly #shots: number;
  readonly #random: Random;
  readonly #x: readonly Uint32Array[];
  readonly #z: readonly Uint32Array[];

  constructor(n: number, shots: number, random: Random) {
    this.#words = Math.ceil(shots / 32);
    this.#shots = shots;
    this.#random = random;
    this.#x = Array.from({ length: n }, () => new Uint32Array(this.#words));
    this.#z = Array.from({ length: n }, () => this.#randomWords());
  }

  #randomWords(): Uint32Array {
    return Uint32Array.from({ length: this.#words }, () => this.#random.nextUint32());
  }

  /** Whether the measured value of a qubit differs from the reference in a shot. */
  isFlipped(qubit: number, shot: number): boolean {
    return ((this.#x[qubit]![shot >>> 5]! >>> (shot & 31)) & 1) === 1; // inside
  }

  /** Conjugation is linear in the bits of a string: each X and Z adds the bits of its image. */
  applyGate(qubits: readonly number[], table: CliffordTable): void {
    const old = qubits.map((qubit) => [this.#x[qubit]!.slice(), this.#z[qubit]!.slice()] as const); // qubits of the program
    for (const qubit of qubits) {
      this.#x[qubit]!.fill(0);
      this.#z[qubit]!.fill(0);
    }
    for (const [j, [oldX, oldZ]] of old.entries()) {
      this.#addImage(qubits, table.image[4 ** j]!, oldX); // X on qubit j
      this.#addImage(qubits, table.image[3 * 4 ** j]!, oldZ);
    }
  }

  #addImage(qubits: readonly number[], image: number, shots: Uint32Array): void {
    let rest = image;
    for (const qubit of qubits) {
      this.#multiply(qubit, rest % 4, shots);
      rest = Math.floor(rest / 4);
    }
  }

  /** Multiplies the strings of some shots by a Pauli on a qubit. */
  #multiply(qubit: number, pauli: number, shots: Uint32Array): void {
    for (const [plane, isSet] of [
      [this.#x[qubit]!, pauli === 1 || pauli === 2], // qubits of the program
      [this.#z[qubit]!, pauli >= 2],
    ] as const) {
      if (isSet) for (let word = 0; word < this.#words; word++) plane[word]! ^= shots[word]!; // as many words
    }
  }

  reset(qubit: number): void {
    this.#x[qubit]!.fill(0); // a qubit of the program
    this.#z[qubit]!.set(this.#randomWords());
  }

  /** Errors are rare: draws how many shots to skip up to the next one. */
  applyMixture(qubits: readonly number[], probabilities: readonly number[]): void {
    const total = probabilities.reduce((sum, p, index) => (index === 0 ? sum : sum + p), 0);
    if (total <= 0) return;
    const perLog = total >= 1 ? 0 : 1 / Math.log1p(-total);
    const hits = probabilities.map(() => new Uint32Array(this.#words)); // by outcome
    for (let shot = this.#skip(perLog); shot < this.#shots; shot += 1 + this.#skip(perLog)) {
      let rest = this.#random.nextUniform() * total;
      let index = 1;
      while (index + 1 < probabilities.length && rest >= probabilities[index]!)
        rest -= probabilities[index++]!; // index < length
      hits[index]![shot >>> 5]! |= 1 << (shot & 31); // inside
    }
    for (const [index, shots] of hits.entries())
      if (index > 0) this.#addImage(qubits, index, shots);
  }

  #skip(perLog: number): number {
    return perLog === 0 ? 0 : Math.floor(Math.log(1 - this.#random.nextUniform()) * perLog);
  }
}

/** Counts by text c[clbits − 1] … c[0], with the errors of readout. */
function readFrames(
  program: NoisyProgram,
  frames: Frames,
  reference: Uint8Array,
  shots: number,
  random: Random,
): Counts {
  const { readout } = program;
  const counts = new Map<string, number>();
  const bits = new Uint8Array(readout.measured.length);
  for (let shot = 0; shot < shots; shot++) {
    for (const [bit, { qubit }] of readout.measured.entries())
      bits[bit] = reference[qubit]! ^ (frames.isFlipped(qubit, shot) ? 1 : 0); // a qubit of the program
    flipReadoutInPlace(bits, readout, random);
    const key = bytesText(bits, program);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
