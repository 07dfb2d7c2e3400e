/**
 * A compiled structure on physical qubits: CZ and one-qubit gates with fixed start times, in which the angles of the
 * pulses are still open. Binding a row multiplies each one-qubit gate out, turns it into one pulse and carries its frame
 * change to the next, so thousands of rows cost microseconds each and share one schedule.
 */
import type { NativeInstruction, ScheduledCircuit } from "@qtune/chip";
import { type Angle, parameterAngle } from "@qtune/circuit";
import { internalError } from "@qtune/base";
import { pulseOf, wrap } from "./euler.ts";
import {
  type LocalFactor,
  type ParameterLookup,
  type WorkOperation,
  boundMatrix,
  factorsMatrix,
  isDiagonalLocal,
} from "./work.ts";

/** How long native instructions take, ns. */
export interface NativeLengths {
  readonly pulseNs: number;
  readonly czNs: number;
  readonly measureNs: number;
}

/** A step of a template; qubits are physical, `startNs` counts from the start of the shot. */
export type TemplateStep =
  /** A one-qubit gate: a pulse and a frame change, or (`pulse` false) a frame change alone. */
  | {
      readonly kind: "local";
      readonly qubit: number;
      readonly factors: readonly LocalFactor[];
      readonly pulse: boolean;
      readonly startNs: number;
    }
  | { readonly kind: "cz"; readonly a: number; readonly b: number; readonly startNs: number }
  | {
      readonly kind: "delay";
      readonly qubit: number;
      readonly durationNs: number;
      readonly startNs: number;
    }
  | {
      readonly kind: "decoupling";
      readonly qubit: number;
      readonly phiRad: number;
      readonly startNs: number;
    }
  | {
      readonly kind: "measure";
      readonly qubit: number;
      readonly clbit: number;
      readonly startNs: number;
    };

/** A compiled structure. See the head of this file. */
export interface NativeTemplate {
  /** Physical qubits in use, ascending. */
  readonly physicalQubits: readonly number[];
  readonly clbits: number;
  /** Sorted by start time; on each qubit in the order of execution. */
  readonly steps: readonly TemplateStep[];
  /** When the readout starts, ns. */
  readonly durationNs: number;
  readonly lengths: NativeLengths;
}

/**
 * Schedules native operations as late as possible against the common readout, so that a qubit waits in |0⟩, where waiting
 * costs least, and its idle times do not depend on what runs elsewhere on the chip.
 *
 * Range:  `operations` hold local, cz, delay, barrier and measure only; measurements last on their qubits.
 * Effect: pure. Cost: linear.
 */
export function scheduleTemplate(
  operations: readonly WorkOperation[],
  clbits: number,
  lengths: NativeLengths,
): NativeTemplate {
  /** Per qubit: ns before the readout at which its next operation starts. */
  const before = new Map<number, number>();
  const reversed: { step: TemplateStep; beforeNs: number }[] = [];
  const place = (qubits: readonly number[], durationNs: number): number => {
    const start = Math.max(...qubits.map((qubit) => before.get(qubit) ?? 0)) + durationNs;
    for (const qubit of qubits) before.set(qubit, start);
    return start;
  };
  for (const operation of operations.toReversed()) {
    switch (operation.kind) {
      case "local": {
        const pulse = needsPulse(operation.factors);
        const beforeNs = place([operation.qubit], pulse ? lengths.pulseNs : 0);
        reversed.push({ step: { ...operation, pulse, startNs: 0 }, beforeNs });
        break;
      }
      case "cz":
        reversed.push({
          step: { ...operation, startNs: 0 },
          beforeNs: place([operation.a, operation.b], lengths.czNs),
        });
        break;
      case "delay":
        reversed.push({
          step: { ...operation, startNs: 0 },
          beforeNs: place([operation.qubit], operation.durationNs),
        });
        break;
      case "barrier":
        place(operation.qubits, 0);
        break;
      case "measure":
        reversed.push({
          step: { ...operation, startNs: 0 },
          beforeNs: place([operation.qubit], 0),
        });
        break;
      default:
        throw internalError(`a ${operation.kind} reached the scheduler`);
    }
  }
  const durationNs = Math.max(0, ...before.values());
  const steps = reversed
    .toReversed()
    .map(({ step, beforeNs }) => ({ ...step, startNs: durationNs - beforeNs }));
  steps.sort((x, y) => x.startNs - y.startNs);
  const physicalQubits = [...before.keys()].sort((a, b) => a - b);
  return { physicalQubits, clbits, steps, durationNs, lengths };
}

/** A gate that depends on parameters keeps its pulse for every value, unless it turns about Z only. */
function needsPulse(factors: readonly LocalFactor[]): boolean {
  const bound = boundMatrix(factors);
  return bound === undefined ? !isDiagonalLocal(factors) : pulseOf(bound).thetaRad > 0;
}

/**
 * Gives every pulse of a template its angles.
 *
 * Effect: pure.
 * Cost:   some 0.3 µs per step.
 * Errors: those of `lookup`.
 */
export function bindTemplate(template: NativeTemplate, lookup: ParameterLookup): ScheduledCircuit {
  const { lengths } = template;
  const instructions: NativeInstruction[] = [];
  /** Pending frame change of each qubit: RZ(frame) that still has to be applied before the next pulse. */
  const frames = new Map<number, number>();
  for (const step of template.steps) {
    const { startNs } = step;
    switch (step.kind) {
      case "local": {
        const frame = frames.get(step.qubit) ?? 0;
        const pulse = pulseOf(factorsMatrix(step.factors, lookup));
        frames.set(step.qubit, frame + pulse.zRad);
        if (!step.pulse) break;
        // RPhi(θ, φ) · RZ(f) = RZ(f) · RPhi(θ, φ − f)
        const phiRad = wrap(pulse.phiRad - frame);
        instructions.push({
          kind: "rphi",
          qubit: step.qubit,
          thetaRad: pulse.thetaRad,
          phiRad,
          startNs,
          durationNs: lengths.pulseNs,
        });
        break;
      }
      case "cz":
        instructions.push({
          kind: "cz",
          qubits: [step.a, step.b],
          startNs,
          durationNs: lengths.czNs,
        });
        break;
      case "delay":
        instructions.push({
          kind: "delay",
          qubit: step.qubit,
          startNs,
          durationNs: step.durationNs,
        });
        break;
      case "decoupling": {
        const phiRad = wrap(step.phiRad - (frames.get(step.qubit) ?? 0));
        instructions.push({
          kind: "rphi",
          qubit: step.qubit,
          thetaRad: Math.PI,
          phiRad,
          startNs,
          durationNs: lengths.pulseNs,
          decoupling: true,
        });
        break;
      }
      case "measure":
        instructions.push({
          kind: "measure",
          qubit: step.qubit,
          clbit: step.clbit,
          startNs: template.durationNs,
          durationNs: lengths.measureNs,
        });
        break;
      default:
        step satisfies never;
    }
  }
  return {
    physicalQubits: template.physicalQubits,
    clbits: template.clbits,
    instructions,
    durationNs: template.durationNs,
  };
}

/** Returns what the pulses of a template would be with every parameter 0: for costs that depend on the structure only. */
export function bindTemplateToZero(template: NativeTemplate): ScheduledCircuit {
  return bindTemplate(template, () => 0);
}

/** A schedule whose pulses have one parameter per angle, and the values of these parameters for a row. */
export interface OpenSchedule {
  /** The k-th pulse has the angles `theta[k]` and `phi[k]`, parameters of these names. */
  readonly scheduled: ScheduledCircuit;
  /** Returns θ and φ of each pulse by the name of its parameter. Cost: some 0.3 µs per step. */
  readonly angles: (lookup: ParameterLookup) => ReadonlyMap<string, number>;
}

/**
 * Opens a template: what is built from the schedule (such as a noisy program) is built once, rows give numbers only.
 *
 * Effect: pure.
 */
export function openSchedule(template: NativeTemplate): OpenSchedule {
  const atZero = bindTemplateToZero(template);
  let pulses = 0;
  const instructions = atZero.instructions.map((instruction): NativeInstruction => {
    if (instruction.kind !== "rphi") return instruction;
    const k = pulses++;
    return {
      ...instruction,
      thetaRad: parameterAngle(`theta[${k}]`),
      phiRad: parameterAngle(`phi[${k}]`),
    };
  });
  const names = Array.from({ length: pulses }, (_, k) => [`theta[${k}]`, `phi[${k}]`] as const);
  return {
    scheduled: { ...atZero, instructions },
    angles: (lookup) => {
      const values = new Map<string, number>();
      let k = 0;
      for (const instruction of bindTemplate(template, lookup).instructions) {
        if (instruction.kind !== "rphi") continue;
        const [theta, phi] = names[k++] ?? ["", ""];
        values.set(theta, boundAngle(instruction.thetaRad));
        values.set(phi, boundAngle(instruction.phiRad));
      }
      return values;
    },
  };
}

function boundAngle(angle: Angle): number {
  if (typeof angle === "number") return angle;
  throw internalError("a bound template has an open angle");
}
