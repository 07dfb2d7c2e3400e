import { type Angle, evaluateAngle } from "@qtune/circuit";

/**
 * A circuit as the chip runs it: native instructions on physical qubits with start times. Virtual Z
 * rotations are already folded into the axes of later pulses, so they are no instructions. Angles
 * may depend on parameters; times never do, so one schedule serves all rows of a batch.
 */
export interface ScheduledCircuit {
  readonly name?: string;
  /**
   * Physical qubits in use, ascending and without repeats. Their order is the order of compact
   * qubits.
   */
  readonly physicalQubits: readonly number[];
  readonly clbits: number;
  /** Sorted by start time; instructions of one qubit do not overlap. */
  readonly instructions: readonly NativeInstruction[];
  /** Length of the gate part, ns: when the readout starts. */
  readonly durationNs: number;
}

/** What the chip does at one time. Qubits are physical. */
export type NativeInstruction =
  PulseInstruction | CzInstruction | DelayInstruction | MeasureInstruction;

/**
 * One pulse: `RPhi(θ, φ) = [[cos θ/2, −i e^{−iφ} sin θ/2], [−i e^{iφ} sin θ/2, cos θ/2]]`, a
 * rotation by θ about the axis at φ in the plane of X and Y. `RPhi(θ, 0) = RX(θ)`, `RPhi(θ, π/2) =
 * RY(θ)`. It takes the same time for every θ.
 */
export interface PulseInstruction {
  readonly kind: "rphi";
  readonly qubit: number;
  readonly thetaRad: Angle;
  readonly phiRad: Angle;
  readonly startNs: number;
  readonly durationNs: number;
  /** Set where the pulse belongs to dynamical decoupling and not to the circuit. */
  readonly decoupling?: true;
}

/** `diag(1, 1, 1, −1)` on a calibrated coupler. */
export interface CzInstruction {
  readonly kind: "cz";
  readonly qubits: readonly [number, number];
  readonly startNs: number;
  readonly durationNs: number;
}

/** A wait that the circuit asks for. Waits that follow from the schedule need no instruction. */
export interface DelayInstruction {
  readonly kind: "delay";
  readonly qubit: number;
  readonly startNs: number;
  readonly durationNs: number;
}

/** Readout of a qubit into a classical bit; the last instruction of its qubit. */
export interface MeasureInstruction {
  readonly kind: "measure";
  readonly qubit: number;
  readonly clbit: number;
  readonly startNs: number;
  readonly durationNs: number;
}

/** Returns the physical qubits of an instruction. */
export function instructionQubits(instruction: NativeInstruction): readonly number[] {
  return instruction.kind === "cz" ? instruction.qubits : [instruction.qubit];
}

/**
 * Returns the schedule with every angle a number.
 *
 * Effect: pure; instructions without parameters are shared with the argument.
 * Errors: what `lookup` throws for a parameter that it does not know.
 */
export function bindScheduledCircuit(
  scheduled: ScheduledCircuit,
  lookup: (parameter: string) => number,
): ScheduledCircuit {
  const instructions = scheduled.instructions.map((instruction): NativeInstruction => {
    if (instruction.kind !== "rphi") return instruction;
    if (typeof instruction.thetaRad === "number" && typeof instruction.phiRad === "number") {
      return instruction;
    }
    return {
      ...instruction,
      thetaRad: evaluateAngle(instruction.thetaRad, lookup),
      phiRad: evaluateAngle(instruction.phiRad, lookup),
    };
  });
  return { ...scheduled, instructions };
}
