/**
 * Noisy shots on matrix product states: unitary mixtures and channels are drawn shot by shot, each shot from a stream of its
 * own. For programs that are too wide for state vectors and entangle little.
 */
import { type Abortable, type Random, throwIfAborted, yieldToOthers } from "@qtune/base";
import type { NoisyProgram } from "@qtune/chip";
import type { Counts } from "@qtune/circuit";
import type { ChainProgram, ChainStep } from "./chain-program.ts";
import { ChainState } from "./chain-state.ts";
import { bytesText, flipReadoutInPlace } from "./readout.ts";

/** How far the states of shots may grow and lose. */
export interface ChainOptions {
  /** Largest bond. Default 64. */
  readonly maxBond?: number | undefined;
  /** Most weight that the cuts of one shot may drop. Default 1e-6. */
  readonly errorBudget?: number | undefined;
}

/** Counts with what they cost in accuracy. */
export interface ChainCounts {
  readonly counts: Counts;
  /** Weight that the cuts of one shot dropped, mean over the shots. */
  readonly droppedWeight: number;
  readonly largestBond: number;
}

/**
 * Samples a program along a chain.
 *
 * Effect: a shot depends on the program, the options and its own number alone, so that the first shots of a longer run are
 *         those of a shorter one; cancellable between the steps of a shot.
 * Cost:   per shot, sites · bond³; memory sites · bond² · 32 bytes.
 * Errors: resource_exhausted when the cuts of a shot drop more than the budget, cancelled.
 */
export async function sampleChain(
  program: NoisyProgram,
  chain: ChainProgram,
  shots: number,
  random: Random,
  options: ChainOptions & Abortable = {},
): Promise<ChainCounts> {
  const { maxBond = 64, errorBudget = 1e-6, signal } = options;
  // Half of the budget is spread over all cuts, the rest is for bonds that are full.
  const perCut = Math.max(1e-28, errorBudget / (2 * Math.max(1, chain.pairs)));
  const limits = { maxBond, errorBudget, perCut };
  const counts = new Map<string, number>();
  let dropped = 0;
  let largestBond = 1;
  let sliceEnd = performance.now() + 20;
  for (let shot = 0; shot < shots; shot++) {
    const state = new ChainState(chain.n, limits);
    const stream = random.fork("shot", shot);
    const detuning = program.detuningSigmaRadPerNs.map((sigma) => sigma * stream.nextNormal());
    for (const step of chain.steps) {
      applyStep(state, step, detuning, stream);
      if (performance.now() <= sliceEnd) continue;
      await yieldToOthers(signal);
      throwIfAborted(signal);
      sliceEnd = performance.now() + 20;
    }
    const drawn = state.draw(stream);
    const bits = Uint8Array.from(
      program.readout.measured,
      ({ qubit }) => drawn[chain.siteOf[qubit] ?? 0] ?? 0,
    );
    flipReadoutInPlace(bits, program.readout, stream);
    const key = bytesText(bits, program);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    dropped += state.dropped;
    largestBond = Math.max(largestBond, state.largestBond);
  }
  return {
    counts: new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    droppedWeight: dropped / shots,
    largestBond,
  };
}

function applyStep(
  state: ChainState,
  step: ChainStep,
  detuning: readonly number[],
  random: Random,
): void {
  switch (step.kind) {
    case "turn":
      return state.applyOne(step.site, step.matrix, true);
    case "detuning": {
      const half = ((detuning[step.qubit] ?? 0) * step.durationNs) / 2;
      if (half === 0) return;
      const [c, s] = [Math.cos(half), Math.sin(half)];
      return state.applyOne(step.site, Float64Array.of(c, -s, 0, 0, 0, 0, c, s), true);
    }
    case "mixture":
      return applyMixture(state, step, random);
    case "channel": {
      const draw = random.nextUniform();
      const [main] = step.operators;
      if (draw < step.sure && main !== undefined) return state.applyOne(step.site, main, false);
      return state.chooseOne(step.site, step.operators, draw);
    }
    case "pair":
      return state.applyPair(step.site, step.other, step.operator);
    case "pairChannel":
      return state.choosePair(step.site, step.other, step.operators, random.nextUniform());
    default:
      return step satisfies never;
  }
}

const paulis: readonly Float64Array[] = [
  Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0),
  Float64Array.of(0, 0, 1, 0, 1, 0, 0, 0),
  Float64Array.of(0, 0, 0, -1, 0, 1, 0, 0),
  Float64Array.of(1, 0, 0, 0, 0, 0, -1, 0),
];

function applyMixture(
  state: ChainState,
  { sites, probabilities }: Extract<ChainStep, { kind: "mixture" }>,
  random: Random,
): void {
  let rest = random.nextUniform();
  let index = 0;
  while (index + 1 < probabilities.length && rest >= probabilities[index]!)
    rest -= probabilities[index++]!; // index < length
  for (const site of sites) {
    if (index % 4 !== 0) state.applyOne(site, paulis[index % 4]!, true);
    index = Math.floor(index / 4);
  }
}
