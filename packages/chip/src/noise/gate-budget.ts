/**
 * How the calibrated error of a gate is shared between decay and depolarising, so that nothing
 * counts twice. The recipe "relaxation, and depolarising for the rest" makes a gate noisier than
 * calibrated wherever its decay alone exceeds the calibrated error; with the published T2 that is
 * half the qubits of Wukong. Here the decay within a gate is bounded by the gate error: it is
 * shortened until it fits.
 */

/**
 * Markovian decay of one qubit. Static detuning is no part of it: it acts during gates as well, on
 * top, because the benchmarking that calibrates a gate cancels most of it (and circuits with echoes
 * do, too).
 */
export interface Decay {
  readonly t1Ns: number;
  /** Time constant of coherence without the static part, at most 2 T1. */
  readonly markovianT2Ns: number;
}

/** What a gate gets. */
export interface GateBudget {
  /**
   * How long its qubits decay, ns: the length of the gate, or less where that alone would exceed
   * the gate error.
   */
  readonly decayNs: number;
  /** Depolarising: the factor on every Pauli component but the identity, in [0, 1]. */
  readonly depolarising: number;
}

/**
 * Shares the infidelity of a gate on one or two qubits.
 *
 * Maths:  the process fidelity of depolarising λ after decays with Pauli transfer diagonals (1, x,
 *         x, z) is F_p = (1 + λ (Π (1 + 2x + z) − 1)) / 4^k, the average gate fidelity F = (2^k F_p
 *         + 1) / (2^k + 1); solved for λ. Without decay λ = 1 − 4^k/(4^k − 1) · p with p = 3/2 (1 −
 *         F) on one qubit and 5/4 (1 − F) on two.
 * Range:  infidelity is capped where λ reaches 0 (1/2 on one qubit, 3/4 on two).
 */
export function shareGateError(
  infidelity: number,
  durationNs: number,
  decays: readonly Decay[],
): GateBudget {
  const size = 2 ** decays.length;
  const processFidelity = ((size + 1) * (1 - infidelity) - 1) / size;
  const target = size * size * processFidelity - 1; // λ · (trace − 1)
  if (infidelity === 0) return { decayNs: 0, depolarising: 1 };
  if (target <= 0) return { decayNs: 0, depolarising: 0 };
  const trace = (time: number): number => transferTrace(time, decays) - 1;
  if (trace(durationNs) >= target) {
    return { decayNs: durationNs, depolarising: target / trace(durationNs) };
  }
  return { decayNs: longestWithin(target, durationNs, trace), depolarising: 1 };
}

/** Trace of the Pauli transfer matrix of the decays over a time. */
function transferTrace(timeNs: number, decays: readonly Decay[]): number {
  let product = 1;
  for (const { t1Ns, markovianT2Ns } of decays) {
    product *= 1 + 2 * Math.exp(-timeNs / markovianT2Ns) + Math.exp(-timeNs / t1Ns);
  }
  return product;
}

/** Longest time whose trace is at least the target, by bisection. */
function longestWithin(
  target: number,
  durationNs: number,
  trace: (time: number) => number,
): number {
  let low = 0;
  let high = durationNs;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (trace(middle) >= target) low = middle;
    else high = middle;
  }
  return low;
}

/** Returns the Pauli probabilities of depolarising by λ on k qubits: [4^k], identity first. */
export function depolarisingProbabilities(lambda: number, qubits: 1 | 2): readonly number[] {
  const size = 4 ** qubits;
  const each = (1 - lambda) / size;
  return Array.from({ length: size }, (_, index) => (index === 0 ? 1 - (size - 1) * each : each));
}
