/**
 * What a noise model makes of a scheduled native circuit, and all that a noisy engine needs to
 * know: a list of steps on a few compact qubits, the static detuning of each qubit, and the
 * readout. The model (chip) knows why a step is there; the engines (simulator) only know how to
 * apply it. Density matrix and trajectories read the same program.
 */
export interface NoisyProgram {
  /** Number of compact qubits, n; index 0 is the least significant bit. */
  readonly qubits: number;
  /** Physical qubit of each compact qubit. */
  readonly physicalQubits: readonly number[];
  readonly clbits: number;
  readonly steps: readonly NoisyStep[];
  /**
   * Standard deviation of the quasi-static detuning of each qubit, rad/ns; one normal draw per shot
   * and qubit.
   */
  readonly detuningSigmaRadPerNs: readonly number[];
  readonly readout: NoisyReadout;
}

/**
 * One step. Matrices are row-major; the first listed qubit is the least significant bit of the
 * index.
 */
export type NoisyStep =
  | {
      readonly kind: "unitary";
      readonly qubits: readonly number[];
      readonly re: readonly number[];
      readonly im: readonly number[];
    }
  /** Pauli mixture; probabilities [4^k], index Σ p_j 4^j with I X Y Z = 0 1 2 3; they sum to 1. */
  | {
      readonly kind: "pauli";
      readonly qubits: readonly number[];
      readonly probabilities: readonly number[];
    }
  /** General channel by Kraus operators, each [2^k, 2^k]. */
  | {
      readonly kind: "kraus";
      readonly qubits: readonly number[];
      readonly operators: readonly {
        readonly re: readonly number[];
        readonly im: readonly number[];
      }[];
    }
  /** Free evolution under the qubit's detuning δ of this shot: RZ(δ · durationNs). */
  | { readonly kind: "detuning"; readonly qubit: number; readonly durationNs: number }
  | { readonly kind: "reset"; readonly qubit: number };

/** Final measurement: which qubit goes to which classical bit, and how readout confuses them. */
export interface NoisyReadout {
  readonly measured: readonly { readonly qubit: number; readonly clbit: number }[];
  /** Per measured bit, in the order of `measured`: P(read 1 | state 0) and P(read 0 | state 1). */
  readonly flips: readonly { readonly p10: number; readonly p01: number }[];
  /**
   * Correlated part: after the independent flips, with this probability the pair of measured bits
   * (indices into `measured`) is flipped together. Empty by default.
   */
  readonly correlatedFlips: readonly {
    readonly first: number;
    readonly second: number;
    readonly probability: number;
  }[];
}
