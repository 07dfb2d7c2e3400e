import type { CalibrationSnapshot } from "./calibration.ts";
import type { ChipModel } from "./chip-model.ts";
import { crosstalkCost } from "./noise/crosstalk-cost.ts";
import { defaultKnobs, resolveKnobs, type NoiseKnobs } from "./noise/knobs.ts";
import { type NoiseRates, createNoiseRates } from "./noise/noise-rates.ts";
import type { ScheduledCircuit } from "./scheduled-circuit.ts";
import { couplerKey } from "./topology.ts";

/** Success probability of a schedule, by cause; each in 0..1. */
export interface PredictedFidelity {
  /** Product of the causes: rank layouts and regions by it. */
  readonly total: number;
  readonly singleQubit: number;
  readonly twoQubit: number;
  readonly idle: number;
  readonly readout: number;
  /** What crosstalk leaves; 1 where it is off. */
  readonly crosstalk: number;
}

/**
 * Predicts how faithfully the chip runs a schedule, from calibrated errors alone.
 *
 * Maths:  product over gates of average fidelities (times what the extra factors leave), over waits
 *         of the average fidelity 1/2 + e^{−t/T1}/6 + e^{−t/Tm − (σt)²/2}/3, over measured bits of
 *         1 − (P(1|0) + P(0|1))/2, and {@link crosstalkCost}. Waits before the first gate of a qubit cost nothing.
 * Range:  crosstalk counts where `company` says on which chip, and beside what, the schedule runs;
 *         an estimate for ranking: errors of a real run can cancel (echoes) or be invisible in the
 *         outcome.
 * Cost:   O(instructions).
 */
export function predictedFidelity(
  scheduled: ScheduledCircuit,
  snapshot: CalibrationSnapshot,
  knobs: Partial<NoiseKnobs> = defaultKnobs,
  company?: { readonly chip: ChipModel; readonly beside?: readonly ScheduledCircuit[] },
): PredictedFidelity {
  const rates = createNoiseRates(snapshot, resolveKnobs(knobs));
  let singleQubit = 1;
  let twoQubit = 1;
  let idle = 1;
  let readout = 1;
  const clocks = new Map<number, number>();
  const wait = (qubit: number, untilNs: number): void => {
    const since = clocks.get(qubit);
    if (since !== undefined && untilNs > since) idle *= idleFidelity(rates, qubit, untilNs - since);
    clocks.set(qubit, untilNs);
  };
  for (const instruction of scheduled.instructions) {
    const { startNs, durationNs } = instruction;
    switch (instruction.kind) {
      case "rphi":
        wait(instruction.qubit, startNs);
        singleQubit *= pulseFidelity(rates, instruction.qubit);
        clocks.set(instruction.qubit, startNs + durationNs);
        break;
      case "cz":
        for (const qubit of instruction.qubits) {
          wait(qubit, startNs);
          clocks.set(qubit, startNs + durationNs);
        }
        twoQubit *= czFidelity(rates, instruction.qubits);
        break;
      case "delay":
        clocks.set(instruction.qubit, clocks.get(instruction.qubit) ?? startNs);
        break;
      case "measure": {
        wait(instruction.qubit, startNs);
        const { p10, p01 } = rates.qubit(instruction.qubit).readout;
        readout *= 1 - (p10 + p01) / 2;
        break;
      }
      default:
        instruction satisfies never;
    }
  }
  const crosstalk =
    company === undefined
      ? 1
      : Math.exp(-crosstalkCost(scheduled, { ...company, snapshot, knobs }));
  const total = singleQubit * twoQubit * idle * readout * crosstalk;
  return { total, singleQubit, twoQubit, idle, readout, crosstalk };
}

function pulseFidelity(rates: NoiseRates, qubit: number): number {
  const { infidelity, factor } = rates.qubit(qubit);
  return clamp((1 - infidelity) * (1 - (1 - factor) / 2));
}

function czFidelity(rates: NoiseRates, [a, b]: readonly [number, number]): number {
  if (!rates.view.czError.has(couplerKey(a, b))) return 0;
  const { infidelity, factor } = rates.coupler(a, b);
  return clamp((1 - infidelity) * (1 - (1 - factor) * 0.75));
}

function idleFidelity(rates: NoiseRates, qubit: number, timeNs: number): number {
  const { t1Rate, phiRate, detuningSigmaRadPerNs } = rates.qubit(qubit);
  const angle = detuningSigmaRadPerNs * timeNs;
  const coherence = Math.exp(-timeNs * (t1Rate / 2 + phiRate) - (angle * angle) / 2);
  return 0.5 + Math.exp(-timeNs * t1Rate) / 6 + coherence / 3;
}

function clamp(fidelity: number): number {
  return Math.min(1, Math.max(0, fidelity));
}
