import { QtuneError } from "@qtune/base";
import {
  type Angle,
  type Circuit,
  type GateOperation,
  addAngles,
  scaleAngle,
} from "@qtune/circuit";
import type { ChipTiming } from "../chip-model.ts";
import type { NativeInstruction, ScheduledCircuit } from "../scheduled-circuit.ts";

/** Lengths of the native gates. */
export type GateTimes = Pick<ChipTiming, "pulseNs" | "czNs" | "measureNs">;

/**
 * Schedules a circuit that is native already, as it stands: qubit i is qubit i of the chip, nothing
 * is mapped, cancelled or reordered. That is what a service reports as executed. Instructions start
 * as early as they can; readout is common.
 *
 * Maths:  U3(θ, φ, λ) = RZ(φ + λ) RPhi(θ, π/2 − λ) up to a phase; the RZ is carried to the axes of
 *         later pulses: RPhi(θ, α) RZ(f) = RZ(f) RPhi(θ, α − f).
 * Range:  gates U3, U, RPHI, RX, RY, RZ, P, Z, S, T, I, CZ; delays, barriers and final
 *         measurements.
 * Errors: invalid_argument with the place of an operation that is not native, or that follows a
 *         measurement.
 */
export function scheduleNative(circuit: Circuit, timing: GateTimes): ScheduledCircuit {
  const scheduler = new NativeScheduler(circuit, timing);
  return scheduler.run();
}

/** A single-qubit gate as pulse and frame change. No pulse where θ is 0. */
interface PulseAndFrame {
  readonly pulse?: { readonly thetaRad: Angle; readonly phiRad: Angle };
  readonly frameRad: Angle;
}

const halfTurn = Math.PI / 2;

/** How each native gate splits, by name. */
const splits: Readonly<Record<string, (angles: readonly Angle[]) => PulseAndFrame>> = {
  U3: ([theta = 0, phi = 0, lambda = 0]) => ({
    ...(theta === 0
      ? {}
      : { pulse: { thetaRad: theta, phiRad: addAngles(halfTurn, scaleAngle(lambda, -1)) } }),
    frameRad: addAngles(phi, lambda),
  }),
  RPHI: ([theta = 0, phi = 0]) => ({ pulse: { thetaRad: theta, phiRad: phi }, frameRad: 0 }),
  RX: ([theta = 0]) => ({ pulse: { thetaRad: theta, phiRad: 0 }, frameRad: 0 }),
  RY: ([theta = 0]) => ({ pulse: { thetaRad: theta, phiRad: halfTurn }, frameRad: 0 }),
  RZ: ([angle = 0]) => ({ frameRad: angle }),
  P: ([angle = 0]) => ({ frameRad: angle }),
  Z: () => ({ frameRad: Math.PI }),
  S: () => ({ frameRad: Math.PI / 2 }),
  T: () => ({ frameRad: Math.PI / 4 }),
  I: () => ({ frameRad: 0 }),
};

/** Walks the circuit once. Lives for one call. */
class NativeScheduler {
  readonly #circuit: Circuit;
  readonly #timing: GateTimes;
  readonly #frames = new Map<number, Angle>();
  readonly #readyNs = new Map<number, number>();
  readonly #measured = new Map<number, number>();
  readonly #instructions: NativeInstruction[] = [];

  constructor(circuit: Circuit, timing: GateTimes) {
    this.#circuit = circuit;
    this.#timing = timing;
  }

  run(): ScheduledCircuit {
    for (const [index, operation] of this.#circuit.operations.entries()) {
      const where = `circuit.operations[${index}]`;
      if ("qubits" in operation) this.#assertUnmeasured(operation.qubits, where);
      switch (operation.kind) {
        case "gate":
          this.#gate(operation, where);
          break;
        case "measure":
          this.#measured.set(operation.qubit, operation.clbit);
          this.#readyNs.set(operation.qubit, this.#ready([operation.qubit]));
          break;
        case "barrier":
          this.#barrier(operation.qubits);
          break;
        case "delay":
          for (const qubit of operation.qubits) this.#delay(qubit, operation.durationNs);
          break;
        default:
          throw notNative(operation.kind, where);
      }
    }
    return this.#finish();
  }

  #gate(operation: GateOperation, where: string): void {
    const { gate, qubits, angles } = operation;
    if (operation.controls !== undefined || (operation.power ?? 1) !== 1)
      throw notNative(gate, where);
    const [first = 0, second = 0] = qubits;
    if (gate === "CZ") {
      const startNs = this.#ready(qubits);
      this.#push({ kind: "cz", qubits: [first, second], startNs, durationNs: this.#timing.czNs });
      return;
    }
    const split = splits[gate];
    if (split === undefined) throw notNative(gate, where);
    const { pulse, frameRad } = split(angles);
    const frame = this.#frames.get(first) ?? 0;
    if (pulse !== undefined) {
      this.#push({
        kind: "rphi",
        qubit: first,
        thetaRad: pulse.thetaRad,
        phiRad: addAngles(pulse.phiRad, scaleAngle(frame, -1)),
        startNs: this.#ready([first]),
        durationNs: this.#timing.pulseNs,
      });
    }
    this.#frames.set(first, addAngles(frame, frameRad));
    this.#readyNs.set(first, this.#ready([first]));
  }

  #delay(qubit: number, durationNs: number): void {
    this.#push({ kind: "delay", qubit, startNs: this.#ready([qubit]), durationNs });
  }

  #barrier(qubits: readonly number[]): void {
    const affected = qubits.length === 0 ? [...this.#readyNs.keys()] : qubits;
    const ready = this.#ready(affected);
    for (const qubit of affected) this.#readyNs.set(qubit, ready);
  }

  #ready(qubits: readonly number[]): number {
    return Math.max(0, ...qubits.map((qubit) => this.#readyNs.get(qubit) ?? 0));
  }

  #push(instruction: NativeInstruction): void {
    this.#instructions.push(instruction);
    const end = instruction.startNs + instruction.durationNs;
    const qubits = instruction.kind === "cz" ? instruction.qubits : [instruction.qubit];
    for (const qubit of qubits) this.#readyNs.set(qubit, end);
  }

  #assertUnmeasured(qubits: readonly number[], where: string): void {
    const late = qubits.find((qubit) => this.#measured.has(qubit));
    if (late === undefined) return;
    throw new QtuneError(
      "invalid_argument",
      `expected measurements at the end but qubit ${late} goes on after its own`,
      {
        where,
      },
    );
  }

  #finish(): ScheduledCircuit {
    const durationNs = this.#ready([...this.#readyNs.keys()]);
    const measures = [...this.#measured].map(([qubit, clbit]): NativeInstruction => ({
      kind: "measure",
      qubit,
      clbit,
      startNs: durationNs,
      durationNs: this.#timing.measureNs,
    }));
    return {
      ...(this.#circuit.name === undefined ? {} : { name: this.#circuit.name }),
      physicalQubits: [...this.#readyNs.keys()].sort((a, b) => a - b),
      clbits: this.#circuit.clbits,
      instructions: [...this.#instructions.toSorted((a, b) => a.startNs - b.startNs), ...measures],
      durationNs,
    };
  }
}

function notNative(given: string, where: string): QtuneError {
  return new QtuneError(
    "invalid_argument",
    `expected one of ${Object.keys(splits).join(", ")}, CZ, a delay, a barrier or a final measurement but was given ${given}; compile the circuit first`,
    { where },
  );
}
