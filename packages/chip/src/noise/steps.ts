import type { NoisyStep } from "../noisy-program.ts";

/**
 * Builders of the steps that the noise model emits. Qubits are compact. Identities are `undefined`.
 */

const pulses = new Map<string, NoisyStep>();

/**
 * RPhi(θ, φ), see {@link PulseInstruction}. Equal arguments mostly give the same object, so that
 * whoever works a step out does it once for all programs.
 */
export function pulseStep(qubit: number, thetaRad: number, phiRad: number): NoisyStep {
  const key = `${qubit} ${thetaRad} ${phiRad}`;
  const known = pulses.get(key);
  if (known !== undefined) return known;
  if (pulses.size >= 4096) pulses.clear();
  const made = freshPulseStep(qubit, thetaRad, phiRad);
  pulses.set(key, made);
  return made;
}

/** As {@link pulseStep}, never remembered: for angles that come once. */
export function freshPulseStep(qubit: number, thetaRad: number, phiRad: number): NoisyStep {
  const cos = Math.cos(thetaRad / 2);
  const sin = Math.sin(thetaRad / 2);
  const real = sin * Math.sin(phiRad);
  const imaginary = -sin * Math.cos(phiRad);
  return {
    kind: "unitary",
    qubits: [qubit],
    re: [cos, -real, real, cos],
    im: [0, imaginary, imaginary, 0],
  };
}

/** RZ(θ) = diag(e^{−iθ/2}, e^{iθ/2}). */
export function rzStep(qubit: number, angleRad: number): NoisyStep | undefined {
  if (angleRad === 0) return undefined;
  const cos = Math.cos(angleRad / 2);
  const sin = Math.sin(angleRad / 2);
  return { kind: "unitary", qubits: [qubit], re: [cos, 0, 0, cos], im: [-sin, 0, 0, sin] };
}

/** CZ with its coherent errors: RZ on both qubits and an error of the conditional phase. */
export function czStep(
  qubits: readonly [number, number],
  error: { readonly conditionalRad: number; readonly firstRad: number; readonly secondRad: number },
): NoisyStep {
  return diagonalStep(
    qubits,
    [0, 1, 2, 3].map((index) => {
      const first = (index & 1) === 1 ? error.firstRad / 2 : -error.firstRad / 2;
      const second = (index & 2) === 2 ? error.secondRad / 2 : -error.secondRad / 2;
      return first + second + (index === 3 ? Math.PI + error.conditionalRad : 0);
    }),
  );
}

/** Free evolution under ZZ: diag(1, 1, 1, e^{i angle}). */
export function conditionalPhaseStep(
  qubits: readonly [number, number],
  angleRad: number,
): NoisyStep | undefined {
  return angleRad === 0 ? undefined : diagonalStep(qubits, [0, 0, 0, angleRad]);
}

function diagonalStep(qubits: readonly [number, number], phases: readonly number[]): NoisyStep {
  const re = new Array<number>(16).fill(0);
  const im = new Array<number>(16).fill(0);
  for (const [index, phase] of phases.entries()) {
    re[5 * index] = Math.cos(phase);
    im[5 * index] = Math.sin(phase);
  }
  return { kind: "unitary", qubits, re, im };
}

/**
 * Relaxation towards a thermal population together with pure dephasing, as one channel.
 *
 * Maths:  damping = 1 − e^{−t/T1}, coherences shrink by √(1 − damping) e^{−t/Tφ}. Downward part
 *         with weight 1 − population, upward part with weight population, so that the fixed point
 *         is diag(1 − p, p).
 */
export function relaxationStep(
  qubit: number,
  decay: { readonly t1Exponent: number; readonly phiExponent: number; readonly population: number },
): NoisyStep | undefined {
  const damping = -Math.expm1(-decay.t1Exponent);
  const kept = Math.exp(-2 * decay.phiExponent); // share of |1⟩⟨1| that keeps its phase in K0
  const lostPhase = (1 - damping) * -Math.expm1(-2 * decay.phiExponent);
  if (damping === 0 && lostPhase === 0) return undefined;
  const { population } = decay;
  const down = Math.sqrt(1 - population);
  const stay = Math.sqrt((1 - damping) * kept);
  const operators = [
    real([down, 0, 0, down * stay]),
    real([0, down * Math.sqrt(damping), 0, 0]),
    real([0, 0, 0, down * Math.sqrt(lostPhase)]),
  ];
  if (population > 0) {
    const up = Math.sqrt(population);
    operators.push(
      real([up * stay, 0, 0, up]),
      real([0, 0, up * Math.sqrt(damping), 0]),
      real([up * Math.sqrt(lostPhase), 0, 0, 0]),
    );
  }
  return {
    kind: "kraus",
    qubits: [qubit],
    operators: operators.filter(({ re }) => re.some((x) => x !== 0)),
  };
}

/**
 * Leakage as seen by a model of two levels: a share of |1⟩ leaves and comes back mixed, because
 * later pulses scramble a third level.
 */
export function leakageStep(qubit: number, share: number): NoisyStep | undefined {
  if (share === 0) return undefined;
  const half = Math.sqrt(share / 2);
  return {
    kind: "kraus",
    qubits: [qubit],
    operators: [
      real([1, 0, 0, Math.sqrt(1 - share)]),
      real([0, half, 0, 0]),
      real([0, 0, 0, half]),
    ],
  };
}

/** A bit flip with a probability. */
export function flipStep(qubit: number, probability: number): NoisyStep | undefined {
  if (probability === 0) return undefined;
  return { kind: "pauli", qubits: [qubit], probabilities: [1 - probability, probability, 0, 0] };
}

function real(re: readonly number[]): {
  readonly re: readonly number[];
  readonly im: readonly number[];
} {
  return { re, im: re.map(() => 0) };
}
