/**
 * Compiles a noisy program for batched trajectories: one row per shot, errors drawn where they happen (kernels,
 * assembly/trajectory.ts). Compiling is part of every task, so it writes words and parameters straight away.
 *
 * What is diagonal on one qubit stays pending: phases of pulses and gates, detuning, the damping of no-jump operators.
 * A two-qubit diagonal leaves only its conditional phase. Left out: channels of two qubits other than Pauli mixtures,
 * resets, and channels whose no-jump operator is not diagonal; such programs run shot by shot.
 */
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { type KernelName, kernelNames, operationWords, place } from "@qtune/kernels";
import { type JumpChannel, splitJumps, splitTurn } from "./one-qubit.ts";

/** The registers of a trajectory program. */
export const trajectoryRegisters = { scratch: 1, parameters: 2, outcomes: 3, tile: 4 } as const;

/** A compiled program. Parameters are float64; the key of the task stands in the first two words. */
export interface TrajectoryProgram {
  readonly words: Uint32Array;
  readonly operations: number;
  readonly parameters: Float64Array;
  readonly scratchBytes: number;
}

/** Most qubits of batched trajectories: four rows of 2^14 amplitudes in float32 are 512 KiB. */
export const maxTrajectoryQubits = 14;

/** Compiles a program for tiles of W rows; undefined when it holds a step that batched trajectories do not take. */
export function compileTrajectories(
  program: NoisyProgram,
  W: number,
): TrajectoryProgram | undefined {
  if (program.qubits > maxTrajectoryQubits || program.readout.measured.length > 31)
    return undefined;
  const compiler = new TrajectoryCompiler(program, W);
  for (const step of program.steps) if (!compiler.add(step)) return undefined;
  return compiler.finish();
}

interface Pending {
  tau: number;
  alpha: number;
  scale: number;
}

class TrajectoryCompiler {
  readonly #program: NoisyProgram;
  readonly #W: number;
  readonly #rowBytes: number;
  readonly #amps: number;
  readonly #plane: number;
  readonly #pending: Pending[];
  readonly #pendingScratch: Float64Array;
  readonly #psi = 0;
  readonly #delta: number;
  readonly #scratch: number;
  #words = new Uint32Array(256 * operationWords);
  #operations = 0;
  #parameters = new Float64Array(4096);
  #used = 2;
  #sites = 0;
  /** The offset of the pending factors as last written, while they are unchanged. */
  #snapshot: number | undefined;

  constructor(program: NoisyProgram, W: number) {
    this.#program = program;
    this.#W = W;
    this.#rowBytes = 4 * W;
    this.#amps = 2 ** program.qubits;
    this.#plane = this.#amps * this.#rowBytes;
    this.#pending = program.detuningSigmaRadPerNs.map(() => ({ tau: 0, alpha: 0, scale: 1 }));
    this.#pendingScratch = new Float64Array(3 * program.qubits);
    this.#delta = 2 * this.#plane;
    this.#scratch = this.#delta + 8 * W * program.qubits + 64;
    const sigmas = this.#store(program.detuningSigmaRadPerNs);
    this.#call("drawDetunings", [
      place(1, this.#delta),
      sigmas,
      program.qubits,
      W,
      place(trajectoryRegisters.parameters, 0),
      place(trajectoryRegisters.tile, 0),
      place(1, this.#scratch),
    ]);
    this.#call("prepareZero", [place(1, this.#psi), this.#plane, this.#amps, this.#rowBytes]);
  }

  /** Adds a step; false when batched trajectories do not take it. */
  add(step: NoisyStep): boolean {
    switch (step.kind) {
      case "unitary":
        return this.#addUnitary(step);
      case "detuning":
        this.#pending[step.qubit]!.tau += step.durationNs; // one entry per qubit
        this.#snapshot = undefined;
        return true;
      case "pauli":
        return this.#addPauli(step);
      case "kraus":
        return this.#addChannel(step);
      case "reset":
        return false;
      default:
        return step satisfies never;
    }
  }

  finish(): TrajectoryProgram {
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
      place(trajectoryRegisters.parameters, 0),
      place(trajectoryRegisters.tile, 0),
      place(trajectoryRegisters.outcomes, 0),
      place(1, this.#scratch),
    ]);
    return {
      words: this.#words.subarray(0, this.#operations * operationWords),
      operations: this.#operations,
      parameters: this.#parameters.subarray(0, this.#used),
      scratchBytes: this.#scratch + 256 + 24 * this.#W + this.#amps * this.#rowBytes,
    };
  }

  #addUnitary(step: Extract<NoisyStep, { kind: "unitary" }>): boolean {
    const [first = 0, second = 0] = step.qubits;
    if (step.qubits.length === 1) {
      const turn = splitTurn(step);
      const pending = this.#pending[first]!; // one entry per qubit
      pending.alpha += turn.before;
      if (turn.sin !== 0) {
        const own = this.#store([pending.tau, pending.alpha, pending.scale]);
        this.#call("pulse", [
          ...this.#state(),
          first,
          this.#deltaOf(first),
          own,
          this.#store([turn.cos, turn.sin]),
          place(1, this.#scratch),
        ]);
        pending.tau = 0;
        pending.alpha = 0;
        pending.scale = 1;
      }
      pending.alpha += turn.after;
      this.#snapshot = undefined;
      return true;
    }
    if (step.qubits.length === 2 && isDiagonal(step)) {
      const phase = (i: number): number => Math.atan2(step.im[5 * i]!, step.re[5 * i]!); // sixteen entries
      const [none, low, high, both] = [phase(0), phase(1), phase(2), phase(3)];
      this.#pending[first]!.alpha += low - none;
      this.#pending[second]!.alpha += high - none;
      this.#snapshot = undefined;
      this.#phaseOnes(2 ** first + 2 ** second, both - low - high + none);
      return true;
    }
    return this.#addDense(step);
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
      const pending = this.#pending[qubit]!; // one entry per qubit
      const own = this.#store([pending.tau, pending.alpha, pending.scale]);
      this.#call("applyPending", [
        ...this.#state(),
        qubit,
        this.#deltaOf(qubit),
        own,
        place(1, this.#scratch),
      ]);
      this.#pending[qubit] = { tau: 0, alpha: 0, scale: 1 };
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
    const known = knownPauliSite(step);
    if (known.length === 0) return true;
    const site = this.#store(known);
    this.#call("pauliSite", [
      ...this.#state(),
      first,
      second,
      place(1, this.#delta),
      this.#pendingTable(),
      site,
      this.#sites++,
      place(trajectoryRegisters.parameters, 0),
      place(trajectoryRegisters.tile, 0),
      place(1, this.#scratch),
    ]);
    return true;
  }

  #addChannel(step: Extract<NoisyStep, { kind: "kraus" }>): boolean {
    if (step.qubits.length !== 1) return false;
    const channel = knownChannel(step);
    if (channel === undefined) return false;
    const [qubit = 0] = step.qubits;
    const { ratioRe, ratioIm } = channel;
    if (channel.site.length > 0) {
      const site = this.#store(channel.site);
      this.#call("jumpSite", [
        ...this.#state(),
        this.#program.qubits,
        qubit,
        place(1, this.#delta),
        this.#pendingTable(),
        site,
        this.#sites++,
        place(trajectoryRegisters.parameters, 0),
        place(trajectoryRegisters.tile, 0),
        place(1, this.#scratch),
      ]);
    }
    const pending = this.#pending[qubit]!; // one entry per qubit
    pending.scale *= Math.hypot(ratioRe, ratioIm);
    pending.alpha += Math.atan2(ratioIm, ratioRe);
    this.#snapshot = undefined;
    return true;
  }

  #state(): [number, number, number, number] {
    return [place(1, this.#psi), this.#plane, this.#amps, this.#rowBytes];
  }

  #deltaOf(qubit: number): number {
    return place(1, this.#delta + 8 * this.#W * qubit);
  }

  /** The pending factors of all qubits as they are now. */
  #pendingTable(): number {
    if (this.#snapshot === undefined) {
      const table = this.#pendingScratch;
      for (let qubit = 0; qubit < this.#pending.length; qubit++) {
        const { tau, alpha, scale } = this.#pending[qubit]!; // qubit < length
        table[3 * qubit] = tau;
        table[3 * qubit + 1] = alpha;
        table[3 * qubit + 2] = scale;
      }
      this.#snapshot = this.#store(table);
    }
    return this.#snapshot;
  }

  /** Stores parameters at an even position, that is 16-byte aligned, and returns their place. */
  #store(values: ArrayLike<number>): number {
    const at = this.#used;
    this.#used += values.length + (values.length % 2);
    if (this.#used > this.#parameters.length) {
      const larger = new Float64Array(2 * this.#used);
      larger.set(this.#parameters);
      this.#parameters = larger;
    }
    this.#parameters.set(values, at);
    return place(trajectoryRegisters.parameters, 8 * at);
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

// Steps are shared by the programs of a batch, so what a step is needs to be found once.
const channels = new WeakMap<NoisyStep, { readonly channel: KnownChannel | undefined }>();
const pauliSites = new WeakMap<NoisyStep, Float64Array>();

function knownChannel(step: Extract<NoisyStep, { kind: "kraus" }>): KnownChannel | undefined {
  const known = channels.get(step) ?? { channel: describeChannel(splitJumps(step.operators)) };
  channels.set(step, known);
  return known.channel;
}

function describeChannel(channel: JumpChannel | undefined): KnownChannel | undefined {
  if (channel === undefined) return undefined;
  const { largest, ratioRe, ratioIm, jumps } = channel;
  const entries = jumps.flatMap(({ re, im }) =>
    [0, 1, 2, 3].flatMap((i) => [re[i] ?? 0, im[i] ?? 0]),
  );
  const site =
    jumps.length > 0 && largest > 0
      ? [largest, perLog(largest), jumps.length, ratioRe, ratioIm, ...entries]
      : [];
  return { ratioRe, ratioIm, site: Float64Array.from(site) };
}

function knownPauliSite(step: Extract<NoisyStep, { kind: "pauli" }>): Float64Array {
  const known = pauliSites.get(step) ?? Float64Array.from(describePauliSite(step.probabilities));
  pauliSites.set(step, known);
  return known;
}

function describePauliSite(probabilities: readonly number[]): readonly number[] {
  const total = probabilities.reduce((sum, p, index) => (index === 0 ? sum : sum + p), 0);
  if (total <= 0) return [];
  const outcomes: number[] = [];
  let sum = 0;
  for (const [index, p] of probabilities.entries()) {
    if (index === 0 || p === 0) continue;
    sum += p;
    outcomes.push(sum / total, index % 4, Math.floor(index / 4));
  }
  return [total, perLog(total), outcomes.length / 3, ...outcomes];
}

/** 1 / ln(1 − p), with which a uniform number becomes the number of rows to skip; 0 when every row is hit. */
function perLog(p: number): number {
  return p >= 1 ? 0 : 1 / Math.log1p(-p);
}

function isDiagonal(step: Extract<NoisyStep, { kind: "unitary" }>): boolean {
  for (let i = 0; i < 16; i++)
    if (i % 5 !== 0 && (step.re[i] !== 0 || step.im[i] !== 0)) return false;
  return true;
}
