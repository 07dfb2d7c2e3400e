/**
 * Sampling of noisy programs part by part: qubits that no gate, channel or correlated readout joins are independent, so each
 * part is sampled by itself and the shots are put together. A chip full of small circuits costs their sum, not 2^72.
 */
import { shuffleInPlace } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import type { Counts } from "@qtune/circuit";
import { type NoisySampler, type NoisySampling, sampleNoisyProgram } from "@qtune/simulator";

/** Qubits up to which sampling is fast (batched trajectories). */
export const maxFastQubits = 14;

/**
 * Samples a noisy program, by default with the sampler that the process shares. The same as that sampler for a program in
 * one part.
 *
 * Effect: counts depend on the program and the key of `random` alone.
 * Errors: those of the simulator; resource_exhausted when many joined qubits entangle more than matrix product states hold.
 */
export async function sampleParts(
  program: NoisyProgram,
  sampling: NoisySampling & { readonly random: NonNullable<NoisySampling["random"]> },
  sample: NoisySampler["sample"] = sampleNoisyProgram,
): Promise<Counts> {
  const parts = independentParts(program);
  const [only] = parts;
  if (parts.length <= 1 || only === undefined) return sample(program, sampling);
  const { random, shots } = sampling;
  let combined: readonly string[] | undefined;
  for (const [index, qubits] of parts.entries()) {
    const counts = await sample(partOf(program, qubits), {
      ...sampling,
      random: random.fork("part", index),
    });
    const shotsOfPart = [...counts].flatMap(([bits, count]) => new Array<string>(count).fill(bits));
    // The order of shots of a part means nothing, so any pairing with those of the others is as good: a random one.
    shuffleInPlace(shotsOfPart, random.fork("order", index));
    combined =
      combined === undefined
        ? shotsOfPart
        : combined.map((bits, shot) => mergeBits(bits, shotsOfPart[shot] ?? ""));
  }
  const tallies = new Map<string, number>();
  for (const bits of combined ?? new Array<string>(shots).fill(""))
    tallies.set(bits, (tallies.get(bits) ?? 0) + 1);
  return new Map([...tallies].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Bits that either of two outcomes has set. Each bit is written by one part at most. */
function mergeBits(a: string, b: string): string {
  let out = "";
  for (let i = 0; i < a.length; i++) out += a[i] === "1" || b[i] === "1" ? "1" : "0";
  return out;
}

interface KnownParts {
  readonly program: NoisyProgram;
  readonly parts: readonly (readonly number[])[];
}

// The programs of one template share their readout and differ in the matrices of pulses only.
const knownParts = new WeakMap<NoisyProgram["readout"], KnownParts>();

/** Groups of compact qubits that nothing joins, those without a measurement left out; each ascending. */
export function independentParts(program: NoisyProgram): readonly (readonly number[])[] {
  const known = knownParts.get(program.readout);
  if (known !== undefined && joinAlike(known.program, program)) return known.parts;
  const parts = findParts(program);
  knownParts.set(program.readout, { program, parts });
  return parts;
}

function joinAlike(a: NoisyProgram, b: NoisyProgram): boolean {
  if (a.qubits !== b.qubits || a.steps.length !== b.steps.length) return false;
  for (let i = 0; i < a.steps.length; i++) {
    const [one, other] = [a.steps[i], b.steps[i]];
    if (one === other) continue;
    if (one === undefined || other === undefined) return false;
    const [own, given] = [stepQubits(one), stepQubits(other)];
    if (own.length !== 1 || given.length !== 1 || own[0] !== given[0]) return false;
  }
  return true;
}

function findParts(program: NoisyProgram): readonly (readonly number[])[] {
  const parent = Array.from({ length: program.qubits }, (_, qubit) => qubit);
  const find = (qubit: number): number => {
    let at = qubit;
    while (parent[at] !== at) at = parent[at] = parent[parent[at] ?? at] ?? at;
    return at;
  };
  const join = (qubits: readonly number[]) => {
    const [first = 0] = qubits;
    for (const qubit of qubits) parent[find(qubit)] = find(first);
  };
  for (const step of program.steps) join(stepQubits(step));
  const { measured, correlatedFlips } = program.readout;
  for (const { first, second } of correlatedFlips)
    join([measured[first]?.qubit ?? 0, measured[second]?.qubit ?? 0]);
  const groups = new Map<number, number[]>();
  for (let qubit = 0; qubit < program.qubits; qubit++)
    groups.set(find(qubit), [...(groups.get(find(qubit)) ?? []), qubit]);
  const read = new Set(measured.map(({ qubit }) => qubit));
  return [...groups.values()].filter((qubits) => qubits.some((qubit) => read.has(qubit)));
}

function stepQubits(step: NoisyStep): readonly number[] {
  return step.kind === "detuning" || step.kind === "reset" ? [step.qubit] : step.qubits;
}

/** The program of some of the qubits alone; the classical bits keep their numbers. */
function partOf(program: NoisyProgram, qubits: readonly number[]): NoisyProgram {
  const index = new Map(qubits.map((qubit, at) => [qubit, at]));
  const at = (qubit: number) => index.get(qubit) ?? -1;
  const { readout } = program;
  const kept = readout.measured.flatMap(({ qubit }, position) =>
    index.has(qubit) ? [position] : [],
  );
  const positions = new Map(kept.map((position, now) => [position, now]));
  return {
    qubits: qubits.length,
    physicalQubits: qubits.map((qubit) => program.physicalQubits[qubit] ?? qubit),
    clbits: program.clbits,
    steps: program.steps.flatMap((step): NoisyStep[] => {
      if (!index.has(stepQubits(step)[0] ?? -1)) return [];
      return [
        step.kind === "detuning" || step.kind === "reset"
          ? { ...step, qubit: at(step.qubit) }
          : { ...step, qubits: step.qubits.map(at) },
      ];
    }),
    detuningSigmaRadPerNs: qubits.map((qubit) => program.detuningSigmaRadPerNs[qubit] ?? 0),
    readout: {
      measured: kept.flatMap((position) => {
        const entry = readout.measured[position];
        return entry === undefined ? [] : [{ ...entry, qubit: at(entry.qubit) }];
      }),
      flips: kept.flatMap((position) => readout.flips[position] ?? []),
      correlatedFlips: readout.correlatedFlips.flatMap(({ first, second, probability }) => {
        const [a, b] = [positions.get(first), positions.get(second)];
        return a === undefined || b === undefined ? [] : [{ first: a, second: b, probability }];
      }),
    },
  };
}
