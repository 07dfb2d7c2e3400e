import {
  type Abortable,
  type Random,
  QtuneError,
  assertInteger,
  createRandom,
  throwIfAborted,
  yieldToOthers,
} from "@qtune/base";
import type { NoisyProgram } from "@qtune/chip";
import type { Counts } from "@qtune/circuit";
import { type BackendOptions, createBackend } from "@qtune/kernels";
import { sampleIndices } from "../sampling.ts";
import { type ChainProgram, compileChain } from "./chain-program.ts";
import { type ChainOptions, sampleChain } from "./chain-sampler.ts";
import { DensityEngine } from "./density-engine.ts";
import { assertDensityQubits, densityMatrixPopulations } from "./density-matrix.ts";
import { detuningSet } from "./detuning.ts";
import { sampleFrames } from "./pauli-frames.ts";
import { confuseReadout, flipReadout, measuredBits, outcomeText } from "./readout.ts";
import { runReferenceShot } from "./reference-trajectory.ts";
import { TrajectoryEngine } from "./trajectory-engine.ts";
import { maxTrajectoryQubits } from "./trajectory-program.ts";

/** How a noisy program is sampled. Bonds and their error concern matrix product states only. */
export interface NoisySampling extends ChainOptions {
  readonly shots: number;
  /** Where all randomness of the task comes from; one of the two. */
  readonly random?: Random | undefined;
  readonly seed?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The ways to sample a noisy program. */
export type NoisyMethod = "trajectories" | "stabilizer" | "mps" | "state-vector";

/** Counts, and how they came about. */
export interface NoisyResult {
  readonly counts: Counts;
  readonly method: NoisyMethod;
  readonly reason: string;
  /** Weight that the cuts of a shot dropped, mean over the shots; only of matrix product states. */
  readonly error?: number;
  /** The largest bond of any shot; only of matrix product states. */
  readonly largestBond?: number;
}

/** Samples noisy programs; keeps memory and threads between tasks. */
export interface NoisySampler {
  /**
   * Samples a noisy program: each shot has its own detuning vector and its own errors.
   *
   * Range:  1 ≤ shots ≤ 10^8.
   * Effect: counts depend on the program and the stream's key alone, not on threads, order or neighbours; the first
   *         shots of a longer run are those of a shorter one.
   * Errors: out_of_range for shots, invalid_argument without randomness, resource_exhausted when a wide program entangles more
   *         than its bonds and their error allow, cancelled, failed_precondition after `close`.
   */
  sample(program: NoisyProgram, sampling: NoisySampling): Promise<Counts>;
  /** The same, with the method that ran and why. */
  run(program: NoisyProgram, sampling: NoisySampling): Promise<NoisyResult>;
  close(): Promise<void>;
}

/**
 * Creates a sampler.
 *
 * Effect: owns a memory and threads until closed; threads never keep the process alive.
 */
export function createNoisySampler(options: BackendOptions = {}): NoisySampler {
  const backend = createBackend(options);
  const engine = new TrajectoryEngine(backend);
  return {
    sample: async (program, sampling) => (await sampleWith(engine, program, sampling)).counts,
    run: (program, sampling) => sampleWith(engine, program, sampling),
    close: () => backend.close(),
  };
}

let processSampler: NoisySampler | undefined;

/**
 * Samples a noisy program with a sampler that the whole process shares: created on first use, it holds a little memory
 * and never keeps the process alive. See {@link NoisySampler.sample}.
 */
export async function sampleNoisyProgram(
  program: NoisyProgram,
  sampling: NoisySampling,
): Promise<Counts> {
  processSampler ??= createNoisySampler();
  return processSampler.sample(program, sampling);
}

/** The same with the method that ran, why, and its error. See {@link NoisySampler.run}. */
export async function runNoisyProgram(
  program: NoisyProgram,
  sampling: NoisySampling,
): Promise<NoisyResult> {
  processSampler ??= createNoisySampler();
  return processSampler.run(program, sampling);
}

async function sampleWith(
  engine: TrajectoryEngine,
  program: NoisyProgram,
  sampling: NoisySampling,
): Promise<NoisyResult> {
  const { shots, signal } = sampling;
  assertInteger(shots, { min: 1, max: 1e8 }, "shots");
  throwIfAborted(signal);
  const random = randomOf(sampling);
  const batched = engine.sample(program, shots, random, { signal });
  if (batched !== undefined) {
    const counts = countRead(await batched, program);
    return { counts, method: "trajectories", reason: `${program.qubits} qubits are few` };
  }
  const counts = sampleFrames(program, shots, random, { signal });
  if (counts !== undefined) {
    const reason = "all gates are Clifford and all noise is Pauli mixtures";
    return { counts, method: "stabilizer", reason };
  }
  const chain = program.qubits > maxTrajectoryQubits ? compileChain(program) : undefined;
  if (chain !== undefined && prefersChain(program, chain)) {
    const { droppedWeight, largestBond, ...rest } = await sampleChain(
      program,
      chain,
      shots,
      random,
      sampling,
    );
    const reason =
      chain.bondBits <= thinBondBits
        ? `no cut of the chain of ${program.qubits} qubits is crossed by operators of a rank above ${Math.round(2 ** chain.bondBits)} together`
        : `a state vector of ${program.qubits} qubits for each shot is too large`;
    return { ...rest, method: "mps", reason, error: droppedWeight, largestBond };
  }
  assertPlain(program);
  return {
    counts: countRead(await sampleShotByShot(program, shots, random, signal), program),
    method: "state-vector",
    reason: `${program.qubits} qubits are few enough for one state vector per shot`,
  };
}

/** Bonds up to 2^5 are cheaper than a state vector of more than 14 qubits. */
const thinBondBits = 5;

/** Most qubits of one state vector per shot. */
const maxPlainQubits = 20;

function prefersChain(program: NoisyProgram, chain: ChainProgram): boolean {
  const isPlain = program.qubits <= maxPlainQubits && program.readout.measured.length <= 31;
  return chain.bondBits <= thinBondBits || !isPlain;
}

function assertPlain(program: NoisyProgram): void {
  if (program.qubits <= maxPlainQubits && program.readout.measured.length <= 31) return;
  throw new QtuneError(
    "out_of_range",
    `expected operators of at most two qubits in a noisy program of more than ${maxPlainQubits} qubits but one takes more; decompose it`,
    { where: "program.steps", details: { qubits: program.qubits } },
  );
}

function countRead(read: Uint32Array, program: NoisyProgram): Counts {
  return program.readout.measured.length <= tableBits
    ? printTable(read, program)
    : printCounts(read, program);
}

/** The plain way, for steps that batched trajectories do not take. */
async function sampleShotByShot(
  program: NoisyProgram,
  shots: number,
  random: Random,
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const read = new Uint32Array(shots);
  let sliceEnd = performance.now() + 20;
  for (let shot = 0; shot < shots; shot++) {
    const stream = random.fork("shot", shot);
    const detuning = program.detuningSigmaRadPerNs.map((sigma) => sigma * stream.nextNormal());
    const state = runReferenceShot(program, detuning, stream);
    const populations = state.re.map((re, x) => re * re + state.im[x]! ** 2); // same length
    const [index = 0] = sampleIndices(populations, 1, stream);
    read[shot] = flipReadout(measuredBits(index, program.readout), program.readout, stream);
    if (performance.now() > sliceEnd) {
      await yieldToOthers(signal);
      sliceEnd = performance.now() + 20;
    }
  }
  return read;
}

function randomOf(sampling: NoisySampling): Random {
  if (sampling.random !== undefined) return sampling.random;
  if (sampling.seed !== undefined) return createRandom(sampling.seed);
  throw new QtuneError(
    "invalid_argument",
    "expected a seed or a stream of random numbers but was given neither",
    { where: "sampling" },
  );
}

/** Counts of read bits by text, in the order of the text. */
function printCounts(read: Uint32Array, program: NoisyProgram): Counts {
  const tallies = new Map<number, number>();
  for (const bits of read) tallies.set(bits, (tallies.get(bits) ?? 0) + 1);
  const texts = [...tallies].map(([bits, count]) => [outcomeText(bits, program), count] as const);
  return new Map(texts.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Up to this many measured bits all outcomes stand in a table. */
const tableBits = 8;

/** Outcomes in the order of their texts; the programs of one template share their readout. */
const outcomeTables = new WeakMap<
  NoisyProgram["readout"],
  readonly (readonly [number, string])[]
>();

function outcomeTable(program: NoisyProgram): readonly (readonly [number, string])[] {
  const known = outcomeTables.get(program.readout);
  if (known?.[0]?.[1].length === program.clbits) return known;
  const bits = Array.from({ length: 2 ** program.readout.measured.length }, (_, index) => index);
  const table = bits
    .map((index) => [index, outcomeText(index, program)] as const)
    .sort(([, a], [, b]) => (a < b ? -1 : 1));
  outcomeTables.set(program.readout, table);
  return table;
}

/** The same as {@link printCounts} for few measured bits. */
function printTable(read: Uint32Array, program: NoisyProgram): Counts {
  const tallies = new Uint32Array(2 ** program.readout.measured.length);
  for (let shot = 0; shot < read.length; shot++) tallies[read[shot]!]! += 1; // bits of measured qubits
  const counts = new Map<string, number>();
  for (const [bits, text] of outcomeTable(program)) {
    const count = tallies[bits]!; // inside
    if (count > 0) counts.set(text, count);
  }
  return counts;
}

/** Up to this many qubits the plain way is quicker than fusing. */
const plainQubits = 5;

/**
 * Returns the distribution that counts tend to: density matrices at the fixed set of detuning vectors, averaged.
 *
 * Shapes: outcomes c[m − 1] … c[0] with p > 1e-12.
 * Range:  up to 12 qubits; float32 beyond 7.
 * Effect: the same on any number of threads; cancellable.
 * Cost:   64 density matrices of 4^n numbers; one where nothing is detuned.
 * Errors: out_of_range beyond 12 qubits, cancelled.
 */
export async function noisyDistribution(
  program: NoisyProgram,
  options: Abortable = {},
): Promise<ReadonlyMap<string, number>> {
  assertDensityQubits(program.qubits);
  const isDetuned = program.steps.some(
    (step) => step.kind === "detuning" && (program.detuningSigmaRadPerNs[step.qubit] ?? 0) > 0,
  );
  const vectors = isDetuned ? detuningSet(program.qubits) : [new Float64Array(program.qubits)];
  const mean = new Float64Array(2 ** program.qubits);
  await using engine = program.qubits > plainQubits ? new DensityEngine(program) : undefined;
  for (const vector of vectors) {
    throwIfAborted(options.signal);
    const detuning = vector.map((x, qubit) => x * (program.detuningSigmaRadPerNs[qubit] ?? 0));
    const populations = await (engine?.populations(detuning, options) ??
      densityMatrixPopulations(program, detuning));
    for (let x = 0; x < mean.length; x++) mean[x]! += populations[x]! / vectors.length; // same length
  }
  const distribution = confuseReadout(mean, program.readout);
  const entries = [...distribution].flatMap((p, bits) =>
    p > 1e-12 ? [[outcomeText(bits, program), p] as const] : [],
  );
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
