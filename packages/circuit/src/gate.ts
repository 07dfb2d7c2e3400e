import type { Angle } from "./angle.ts";
import type { Matrix } from "./matrix.ts";
import type { Observable } from "./observable.ts";

/** Text formats in which a gate can be written. `originir` is the dialect of QPanda3, `originir2` that of QPanda2. */
export type GateFormat = "qasm2" | "qasm3" | "originir" | "originir2";

/**
 * How a format writes a gate.
 *
 * `origin` says who defines the name: the language itself, the 2017 file qelib1.inc, the extended standard set, the
 * file stdgates.inc, or nobody (`own`): then a printer puts a definition in front of the circuit.
 */
export interface Spelling {
  readonly name: string;
  readonly origin: "language" | "qelib1" | "extended" | "stdgates" | "own";
  /** The gate of this name in the format is the inverse. */
  readonly inverse?: true;
}

/**
 * The exact derivative of an expectation value with respect to one angle by shifted values:
 * f′(θ) = Σ coefficient · f(θ + shift).
 */
export interface ShiftRule {
  readonly kind: "two-term" | "four-term" | "none";
  readonly terms: readonly { readonly coefficient: number; readonly shiftRad: number }[];
}

/** A table gate with angles, without qubits. */
export interface GateUse {
  readonly gate: string;
  readonly angles: readonly Angle[];
  /** Exponent where no table gate is the inverse. */
  readonly power?: number;
}

/** A table gate on local qubits 0 … qubits − 1 of the gate that is being taken apart. */
export interface GateStep {
  readonly gate: string;
  readonly qubits: readonly number[];
  readonly angles: readonly Angle[];
}

/** Steps in order of time, times e^{i globalPhase}. */
export interface Decomposition {
  readonly steps: readonly GateStep[];
  readonly globalPhase: Angle;
}

/** One row of the gate table: everything there is to know about a gate. */
export interface Gate {
  /** Upper case, e.g. `CRZ`. */
  readonly name: string;
  /** One sentence for people. */
  readonly help: string;
  /** Number of qubits, controls included. */
  readonly qubits: number;
  /** How many of the leading qubits are controls (act when 1). */
  readonly controls: number;
  /** The gate without its controls. Absent: it has none. */
  readonly base?: string;
  /** The gate with one control more in front. Absent: the table has none. */
  readonly controlled?: string;
  /** Names of the angles, in radian. */
  readonly angles: readonly string[];
  /**
   * Returns the unitary. Shapes: [2^qubits, 2^qubits], row-major; the first listed qubit is the least significant bit
   * of the index, as everywhere: CX on (control 0, target 1) swaps the indices 1 and 3.
   */
  matrix(angles: readonly number[]): Matrix;
  /** G of a gate exp(−iθG) with the one angle θ, over local qubits; a term without Paulis is the identity. */
  readonly generator?: Observable;
  /** One rule per angle. */
  readonly shifts: readonly ShiftRule[];
  /** Returns the inverse for these angles. */
  inverse(angles: readonly Angle[]): GateUse;
  /** Returns simpler gates with the same unitary, phase included. Absent: `U3` and `CX`, where every chain ends. */
  decomposition?(angles: readonly Angle[]): Decomposition;
  /** Maps Pauli operators to Pauli operators. */
  readonly clifford: boolean;
  /** Diagonal in the computational basis, for all angles. */
  readonly diagonal: boolean;
  /** Equal under exchange of any two of its qubits. */
  readonly symmetric: boolean;
  /** What printers write; where a format lacks it, the origin is `own`. */
  readonly spellings: Readonly<Record<GateFormat, Spelling>>;
  /** Further names that readers accept. */
  readonly aliases: Readonly<Partial<Record<GateFormat, readonly Spelling[]>>>;
}
