/**
 * Compiles noisy programs for batched trajectories: one row per shot, errors drawn where they happen (kernels,
 * assembly/trajectory.ts). What a program is apart from the angles of its pulses is compiled once, into words of kernel
 * calls and a tape that fills in the parameters; the programs of a batch only run the tape.
 *
 * What is diagonal on one qubit stays pending: phases of pulses and gates, detuning, the damping of no-jump operators.
 * A two-qubit diagonal leaves only its conditional phase. Resets, and channels without a diagonal no-jump operator, jump in
 * every row. Left out: channels of two qubits other than Pauli mixtures; such programs run shot by shot.
 */
import type { NoisyProgram, NoisyReadout, NoisyStep } from "@qtune/chip";
import { type KernelName, kernelNames, operationWords, place } from "@qtune/kernels";
import { type JumpChannel, type Turn, splitJumps, splitTurn } from "./one-qubit.ts";
import { type Operator, krausOperators, stepQubits } from "./step-operator.ts";

/** The registers of a trajectory program. */
export const trajectoryRegisters = {
  scratch: 1,
  parameters: 2,
  outcomes: 3,
  tile: 4,
  constants: 5,
} as const;

/** Most qubits of batched trajectories: four rows of 2^14 amplitudes in float32 are 512 KiB. */
export const maxTrajectoryQubits = 14;

/**
 * A compiled structure: constants that its programs share, and parameters of each; both float64. The key of the task stands
 * in the first two words of the parameters.
 */
export interface TrajectoryStructure {
  readonly W: number;
  readonly words: Uint32Array;
  readonly constants: Float64Array;
  readonly operations: number;
  readonly scratchBytes: number;
  readonly parameterCount: number;
  /**
   * Returns the parameters of a program of this structure, undefined for another one. They are a function of the program
   * alone: whatever program the structure was compiled from, the same numbers come out.
   */
  bind(program: NoisyProgram): Float64Array | undefined;
}

/** A program with the structure it was bound to. */
export interface BoundTrajectories {
  readonly structure: TrajectoryStructure;
  readonly parameters: Float64Array;
}

/** Structures kept per readout table, which the programs of one template share. */
const keptStructures = 4;

const structures = new WeakMap<NoisyReadout, TrajectoryStructure[]>();

/** Compiles a program for tiles of W rows; undefined when it holds a step that batched trajectories do not take. */
export function compileTrajectories(
  program: NoisyProgram,
  W: number,
): BoundTrajectories | undefined {
  if (program.qubits > maxTrajectoryQubits || program.readout.measured.length > 31)
    return undefined;
  const known = structures.get(program.readout) ?? [];
  for (const structure of known) {
    const parameters = structure.W === W ? structure.bind(program) : undefined;
    if (parameters !== undefined) return { structure, parameters };
  }
  const compiler = new TrajectoryCompiler(program, W);
  for (const [index, step] of program.steps.entries())
    if (!compiler.add(step, index)) return undefined;
  const structure = compiler.finish();
  const parameters = structure.bind(program);
  if (parameters === undefined) return undefined;
  structures.set(program.readout, [structure, ...known.slice(0, keptStructures - 1)]);
  return { structure, parameters };
}

/** What the tape does: moves the phase that is pending on a qubit, and writes it where kernels read it. */
const tapeCodes = { addPhase: 0, turn: 1, writePhase: 2, writeAllPhases: 3 } as const;
/** Numbers of one entry: code, qubit or turn, place among the parameters, value. */
const tapeWidth = 4;

interface Pending {
  tau: number;
  scale: number;
}

/** A unitary of one qubit, whose angles may differ from program to program. */
interface OpenTurn {
  readonly index: number;
  readonly qubit: number;
  readonly turn: Turn;
  /** Where its pending factor and its cosine stand; −1 where it is diagonal, which is part of the structure. */
  readonly own: number;
  readonly at: number;
}

type ChannelStep = Extract<NoisyStep, { kind: "kraus" | "reset" }>;

/** Most jumps that happen in every row: each may halve the norm, which float32 bears some 100 times. */
const maxSureJumps = 48;

class TrajectoryCompiler {
  readonly #program: NoisyProgram;
  readonly #W: number;
  readonly #rowBytes: number;
  readonly #amps: number;
  readonly #plane: number;
  readonly #pending: Pending[];
  readonly #psi = 0;
  readonly #delta: number;
  readonly #sitesAt: number;
  readonly #scratch: number;
  #words = new Uint32Array(256 * operationWords);
  #operations = 0;
  readonly #parameters: number[] = [0, 0];
  readonly #constants: number[] = [];
  #sites = 0;
  #sureJumps = 0;
  #tape: number[] = [];
  #turns: OpenTurn[] = [];
  readonly #stored = new Map<Float64Array, number>();
  /** The place of the pending factors as last written, while they are unchanged. */
  #snapshot: number | undefined;

  constructor(program: NoisyProgram, W: number) {
    this.#program = program;
    this.#W = W;
    this.#rowBytes = 4 * W;
    this.#amps = 2 ** program.qubits;
    this.#plane = this.#amps * this.#rowBytes;
    this.#pending = program.detuningSigmaRadPerNs.map(() => ({ tau: 0, scale: 1 }));
    this.#delta = 2 * this.#plane;
    this.#sitesAt = this.#delta + 8 * W * (program.qubits + (program.qubits % 2));
    const mostSites = program.steps.filter(
      ({ kind }) => kind === "pauli" || kind === "kraus" || kind === "reset",
    ).length;
    this.#scratch = this.#sitesAt + 64 * Math.ceil(mostSites / 16);
    const sigmas = this.#store(program.detuningSigmaRadPerNs);
    this.#call("drawDetunings", [
      place(1, this.#delta),
      sigmas,
      program.qubits,
      W,
      ...this.#keyAndTile(),
      place(1, this.#scratch),
    ]);
    this.#call("drawSites", [
      place(1, this.#sitesAt),
      mostSites,
      ...this.#keyAndTile(),
      place(1, this.#scratch),
    ]);
    this.#call("prepareZero", [place(1, this.#psi), this.#plane, this.#amps, this.#rowBytes]);
  }

  /** Adds a step; false when batched trajectories do not take it. */
  add(step: NoisyStep, index: number): boolean {
    switch (step.kind) {
      case "unitary":
        return this.#addUnitary(step, index);
      case "detuning":
        this.#pending[step.qubit]!.tau += step.durationNs; // one entry per qubit
        this.#snapshot = undefined;
        return true;
      case "pauli":
        return this.#addPauli(step);
      case "kraus":
      case "reset":
        return this.#addChannel(step);
      default:
        return step satisfies never;
    }
  }

  finish(): TrajectoryStructure {
    const { readout } = this.#program;
    const weights = new Float64Array(this.#amps).fill(1);
    for (const [qubit, { scale }] of this.#pending.entries()) {
      if (scale === 1) continue;
      for (let x = 0; x < this.#amps; x++)
        if (((x >>> qubit) & 1) === 1) weights[x]! *= scale * scale; // x < amps
    }
    const table = [
      readout.measured.length,
      readout.correlatedFlips.length,
      ...readout.measured.flatMap(({ qubit }, bit) => [
        qubit,
        readout.flips[bit]?.p10 ?? 0,
        readout.flips[bit]?.p01 ?? 0,
      ]),
      ...readout.correlatedFlips.flatMap(({ first, second, probability }) => [
        first,
        second,
        probability,
      ]),
    ];
    this.#call("measureRows", [
      ...this.#state(),
      this.#store(weights),
      this.#store(table),
      ...this.#keyAndTile(),
      place(trajectoryRegisters.outcomes, 0),
      place(1, this.#scratch),
    ]);
    const randomBytes = 64 * (2 + readout.measured.length + readout.correlatedFlips.length);
    return new CompiledStructure(this.#program, {
      W: this.#W,
      words: this.#words.slice(0, this.#operations * operationWords),
      operations: this.#operations,
      parameters: Float64Array.from(this.#parameters),
      constants: Float64Array.from(this.#constants),
      scratchBytes: this.#scratch + 256 + 24 * this.#W + this.#amps * this.#rowBytes + randomBytes,
      tape: Float64Array.from(this.#tape),
      turns: this.#turns,
    });
  }

  #addUnitary(step: Extract<NoisyStep, { kind: "unitary" }>, index: number): boolean {
    const [first = 0, second = 0] = step.qubits;
    if (step.qubits.length === 1) {
      this.#addTurn(first, splitTurn(step), index);
      return true;
    }
    if (step.qubits.length === 2 && isDiagonal(step)) {
      const phase = (i: number): number => Math.atan2(step.im[5 * i]!, step.re[5 * i]!); // sixteen entries
      const [none, low, high, both] = [phase(0), phase(1), phase(2), phase(3)];
      this.#addPhase(first, low - none);
      this.#addPhase(second, high - none);
      this.#phaseOnes(2 ** first + 2 ** second, both - low - high + none);
      return true;
    }
    return this.#addDense(step);
  }

  #addTurn(qubit: number, turn: Turn, index: number): void {
    const pending = this.#pending[qubit]!; // one entry per qubit
    let own = -1;
    let at = -1;
    if (turn.sin !== 0) {
      own = this.#reserve([pending.tau, 0, pending.scale]);
      at = this.#reserve([0, 0]);
      this.#call("pulse", [
        ...this.#state(),
        qubit,
        this.#deltaOf(qubit),
        parameterPlace(own),
        parameterPlace(at),
        place(1, this.#scratch),
      ]);
      pending.tau = 0;
      pending.scale = 1;
    }
    this.#tape.push(tapeCodes.turn, this.#turns.length, 0, 0);
    this.#turns.push({ index, qubit, turn, own, at });
    this.#snapshot = undefined;
  }

  #addPhase(qubit: number, angle: number): void {
    this.#tape.push(tapeCodes.addPhase, qubit, 0, angle);
    this.#snapshot = undefined;
  }

  #phaseOnes(mask: number, angle: number): void {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const isFlip = Math.abs(c + 1) < 1e-15;
    if (Math.abs(c - 1) < 1e-15 && Math.abs(s) < 1e-15) return;
    this.#call("phaseOnes", [...this.#state(), mask, this.#store(isFlip ? [-1, 0] : [c, s])]);
  }

  /** Any other unitary: what is pending on its qubits is applied first. */
  #addDense(step: Extract<NoisyStep, { kind: "unitary" }>): boolean {
    for (const qubit of step.qubits) {
      const { tau, scale } = this.#pending[qubit]!; // one entry per qubit
      const own = this.#reserve([tau, 0, scale]);
      this.#tape.push(tapeCodes.writePhase, qubit, own + 1, 0);
      this.#call("applyPending", [
        ...this.#state(),
        qubit,
        this.#deltaOf(qubit),
        parameterPlace(own),
        place(1, this.#scratch),
      ]);
      this.#pending[qubit] = { tau: 0, scale: 1 };
    }
    this.#snapshot = undefined;
    const size = 2 ** step.qubits.length;
    const entries = new Float32Array(size * size * 8);
    for (let i = 0; i < size * size; i++) {
      entries.fill(step.re[i]!, 8 * i, 8 * i + 4); // each number fills a vector
      entries.fill(step.im[i]!, 8 * i + 4, 8 * i + 8);
    }
    const qubits = Int32Array.from({ length: 4 }, (_, i) => step.qubits[i] ?? 0);
    this.#call("applyMatrix", [
      place(1, this.#psi),
      ...this.#state(),
      step.qubits.length,
      this.#store(new Float64Array(qubits.buffer)),
      0,
      0,
      this.#store(new Float64Array(entries.buffer)),
      0,
      place(1, this.#scratch),
    ]);
    return true;
  }

  #addPauli(step: Extract<NoisyStep, { kind: "pauli" }>): boolean {
    const [first = 0, second = first] = step.qubits;
    if (step.qubits.length > 2) return false;
    const known = knownPauliSite(step, this.#W);
    if (known.length > 0) this.#site("pauliSite", [first, second], known);
    return true;
  }

  #addChannel(step: ChannelStep): boolean {
    const [qubit = 0, other] = stepQubits(step);
    if (other !== undefined) return false;
    const channel = knownChannel(step, this.#W);
    if (channel.site[0] === 1 && ++this.#sureJumps > maxSureJumps) return false;
    const { ratioRe, ratioIm } = channel;
    if (channel.site.length > 0)
      this.#site("jumpSite", [this.#program.qubits, qubit], channel.site);
    this.#pending[qubit]!.scale *= Math.hypot(ratioRe, ratioIm); // one entry per qubit
    this.#addPhase(qubit, Math.atan2(ratioIm, ratioRe));
    return true;
  }

  #site(kernel: "pauliSite" | "jumpSite", qubits: readonly number[], site: Float64Array): void {
    this.#call(kernel, [
      ...this.#state(),
      ...qubits,
      place(1, this.#delta),
      this.#pendingTable(),
      this.#storeOnce(site),
      place(1, this.#sitesAt),
      this.#sites++,
      ...this.#keyAndTile(),
      place(1, this.#scratch),
    ]);
  }

  #state(): [number, number, number, number] {
    return [place(1, this.#psi), this.#plane, this.#amps, this.#rowBytes];
  }

  #keyAndTile(): [number, number] {
    return [place(trajectoryRegisters.parameters, 0), place(trajectoryRegisters.tile, 0)];
  }

  #deltaOf(qubit: number): number {
    return place(1, this.#delta + 8 * this.#W * qubit);
  }

  /** The pending factors of all qubits as they are now. */
  #pendingTable(): number {
    if (this.#snapshot === undefined) {
      this.#snapshot = this.#reserve(this.#pending.flatMap(({ tau, scale }) => [tau, 0, scale]));
      this.#tape.push(tapeCodes.writeAllPhases, 0, this.#snapshot + 1, 0);
    }
    return parameterPlace(this.#snapshot);
  }

  /** Stores constants and returns their place. */
  #store(values: ArrayLike<number>): number {
    return place(trajectoryRegisters.constants, 8 * append(this.#constants, values));
  }

  /** Stores what many steps share once. */
  #storeOnce(values: Float64Array): number {
    const at = this.#stored.get(values) ?? this.#store(values);
    this.#stored.set(values, at);
    return at;
  }

  /** Reserves parameters and returns their position. */
  #reserve(values: ArrayLike<number>): number {
    return append(this.#parameters, values);
  }

  #call(kernel: KernelName, args: readonly number[]): void {
    const at = this.#operations * operationWords;
    if (at + operationWords > this.#words.length) {
      const larger = new Uint32Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[at] = codes[kernel];
    this.#words.set(args, at + 1);
    this.#operations += 1;
  }
}

/** Appends numbers at an even position, that is 16-byte aligned, and returns it. */
function append(list: number[], values: ArrayLike<number>): number {
  const at = list.length;
  for (let i = 0; i < values.length; i++) list.push(values[i]!); // i < length
  if (values.length % 2 === 1) list.push(0);
  return at;
}

function parameterPlace(at: number): number {
  return place(trajectoryRegisters.parameters, 8 * at);
}

/** What the compiler hands to a structure. */
interface CompiledParts {
  readonly W: number;
  readonly words: Uint32Array;
  readonly operations: number;
  readonly scratchBytes: number;
  readonly constants: Float64Array;
  /** Parameters before the tape has run. */
  readonly parameters: Float64Array;
  readonly tape: Float64Array;
  readonly turns: readonly OpenTurn[];
}

class CompiledStructure implements TrajectoryStructure {
  readonly W: number;
  readonly words: Uint32Array;
  readonly constants: Float64Array;
  readonly operations: number;
  readonly scratchBytes: number;
  readonly parameterCount: number;
  readonly #program: NoisyProgram;
  readonly #parts: CompiledParts;
  readonly #phases: Float64Array;

  constructor(program: NoisyProgram, parts: CompiledParts) {
    this.W = parts.W;
    this.words = parts.words;
    this.constants = parts.constants;
    this.operations = parts.operations;
    this.scratchBytes = parts.scratchBytes;
    this.parameterCount = parts.parameters.length;
    this.#program = program;
    this.#parts = parts;
    this.#phases = new Float64Array(program.qubits);
  }

  bind(program: NoisyProgram): Float64Array | undefined {
    if (!this.#hasSteps(program)) return undefined;
    const parameters = this.#parts.parameters.slice();
    return this.#runTape(program, parameters) ? parameters : undefined;
  }

  /** Whether all steps but the matrices of single qubits are those of this structure. */
  #hasSteps({ steps, qubits, detuningSigmaRadPerNs }: NoisyProgram): boolean {
    const own = this.#program;
    if (steps.length !== own.steps.length || qubits !== own.qubits) return false;
    for (let qubit = 0; qubit < qubits; qubit++)
      if (detuningSigmaRadPerNs[qubit] !== own.detuningSigmaRadPerNs[qubit]) return false;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!; // i < length
      const known = own.steps[i]!; // as many
      if (step !== known && !areTurnsOfOneQubit(step, known)) return false;
    }
    return true;
  }

  /** Fills in the parameters; false where a pulse has become diagonal or the other way round. */
  #runTape({ steps }: NoisyProgram, parameters: Float64Array): boolean {
    const { tape, turns } = this.#parts;
    const phases = this.#phases.fill(0);
    for (let entry = 0; entry < tape.length; entry += tapeWidth) {
      const first = tape[entry + 1]!; // entries have four numbers
      const at = tape[entry + 2]!;
      switch (tape[entry]) {
        case tapeCodes.addPhase:
          phases[first]! += tape[entry + 3]!;
          break;
        case tapeCodes.turn:
          if (!this.#turn(turns[first]!, steps, parameters)) return false;
          break;
        case tapeCodes.writePhase:
          parameters[at] = phases[first]!;
          phases[first] = 0;
          break;
        default:
          for (let qubit = 0; qubit < phases.length; qubit++)
            parameters[at + 3 * qubit] = phases[qubit]!;
      }
    }
    return true;
  }

  #turn(open: OpenTurn, steps: readonly NoisyStep[], parameters: Float64Array): boolean {
    const step = steps[open.index]!; // the structure fits
    const isOwn = step === this.#program.steps[open.index];
    const turn = isOwn || step.kind !== "unitary" ? open.turn : splitTurn(step);
    if ((turn.sin !== 0) !== open.own >= 0) return false;
    const phases = this.#phases;
    phases[open.qubit]! += turn.before;
    if (open.own >= 0) {
      parameters[open.own + 1] = phases[open.qubit]!;
      parameters[open.at] = turn.cos;
      parameters[open.at + 1] = turn.sin;
      phases[open.qubit] = 0;
    }
    phases[open.qubit]! += turn.after;
    return true;
  }
}

function areTurnsOfOneQubit(a: NoisyStep, b: NoisyStep): boolean {
  return (
    a.kind === "unitary" &&
    b.kind === "unitary" &&
    a.qubits.length === 1 &&
    b.qubits.length === 1 &&
    a.qubits[0] === b.qubits[0]
  );
}

const codes = Object.fromEntries(kernelNames.map((name, index) => [name, index + 1])) as Record<
  KernelName,
  number
>; // every name

/** A channel and the parameters of its site; no parameters when it never jumps. */
interface KnownChannel {
  readonly ratioRe: number;
  readonly ratioIm: number;
  readonly site: Float64Array;
}

// Steps are shared by the programs of a chip, so what a step is needs to be found once for a number of rows.
const channels = new WeakMap<NoisyStep, { W: number; channel: KnownChannel }>();
const pauliSites = new WeakMap<NoisyStep, { W: number; site: Float64Array }>();

function knownChannel(step: ChannelStep, W: number): KnownChannel {
  const known = channels.get(step);
  if (known?.W === W) return known.channel;
  const operators = krausOperators(step, []);
  const channel = describeChannel(splitJumps(operators) ?? jumpAlways(operators), W);
  channels.set(step, { W, channel });
  return channel;
}

/** A channel without a no-jump operator that can be undone: every row draws one of its operators. */
function jumpAlways(operators: readonly Operator[]): JumpChannel {
  return { ratioRe: 1, ratioIm: 0, largest: 1, jumps: operators };
}

function describeChannel(channel: JumpChannel, W: number): KnownChannel {
  const { largest, ratioRe, ratioIm, jumps } = channel;
  const entries = jumps.flatMap(({ re, im }) =>
    [0, 1, 2, 3].flatMap((i) => [re[i] ?? 0, im[i] ?? 0]),
  );
  const site =
    jumps.length > 0 && largest > 0
      ? [
          largest,
          perLog(largest),
          jumps.length,
          missesAll(largest, W),
          ratioRe,
          ratioIm,
          ...entries,
        ]
      : [];
  return { ratioRe, ratioIm, site: Float64Array.from(site) };
}

function knownPauliSite(step: Extract<NoisyStep, { kind: "pauli" }>, W: number): Float64Array {
  const known = pauliSites.get(step);
  if (known?.W === W) return known.site;
  const site = Float64Array.from(describePauliSite(step.probabilities, W));
  pauliSites.set(step, { W, site });
  return site;
}

function describePauliSite(probabilities: readonly number[], W: number): readonly number[] {
  const total = probabilities.reduce((sum, p, index) => (index === 0 ? sum : sum + p), 0);
  if (total <= 0) return [];
  const outcomes: number[] = [];
  let sum = 0;
  for (const [index, p] of probabilities.entries()) {
    if (index === 0 || p === 0) continue;
    sum += p;
    outcomes.push(sum / total, index % 4, Math.floor(index / 4));
  }
  return [total, perLog(total), outcomes.length / 3, missesAll(total, W), ...outcomes];
}

/** 1 / ln(1 − p), with which a uniform number becomes the number of rows to skip; 0 when every row is hit. */
function perLog(p: number): number {
  return p >= 1 ? 0 : 1 / Math.log1p(-p);
}

/** Below this, a uniform number surely skips all W rows, and its logarithm need not be taken. */
function missesAll(p: number, W: number): number {
  return (1 - p) ** W * (1 - 1e-9);
}

function isDiagonal(step: Extract<NoisyStep, { kind: "unitary" }>): boolean {
  for (let i = 0; i < 16; i++)
    if (i % 5 !== 0 && (step.re[i] !== 0 || step.im[i] !== 0)) return false;
  return true;
}
