import { isBoundAngle } from "@qtune/circuit";
import { newestSnapshot } from "../chip-model.ts";
import { type ScheduledCircuit, instructionQubits } from "../scheduled-circuit.ts";
import type { NoiseOptions } from "./build-noisy-program.ts";
import { type CrosstalkEvent, findCrosstalk, hasCrosstalk } from "./crosstalk.ts";
import { resolveKnobs } from "./knobs.ts";
import { createNoiseRates } from "./noise-rates.ts";

/** Angle of a pulse that is not known yet: the mean of what circuits do. Assumed. */
const typicalAngleRad = Math.PI / 2;

/**
 * Returns what crosstalk costs a circuit: −ln of the product of the average fidelities that each event leaves.
 *
 * Maths:  RZ(φ) and pulses of angle φ leave 1/3 + 2/3 cos²(φ/2); ZZ with a neighbour leaves the mean over its two states;
 *         depolarising to a share f leaves 1 − 3/4 (1 − f). Events before the first gate of a qubit cost nothing.
 * Range:  `beside` as in {@link NoiseOptions}; without it, what the circuit does to itself. An estimate for ranking, made of
 *         the very events of the noise model.
 * Cost:   O(CZ² + pulses) of the circuits together, some 20 µs for two of four qubits.
 */
export function crosstalkCost(scheduled: ScheduledCircuit, options: NoiseOptions): number {
  const { chip, beside = [] } = options;
  const snapshot = options.snapshot ?? newestSnapshot(chip);
  const rates = createNoiseRates(snapshot, resolveKnobs(chip.knobs, options.knobs ?? {}));
  if (!hasCrosstalk(snapshot, rates.knobs)) return 0;
  const begins = new Map<number, number>();
  for (const instruction of scheduled.instructions) {
    for (const qubit of instructionQubits(instruction))
      if (!begins.has(qubit)) begins.set(qubit, instruction.startNs);
  }
  return findCrosstalk(scheduled, beside, chip, rates)
    .filter(({ qubits, startNs }) => qubits.some((qubit) => startNs >= (begins.get(qubit) ?? 0)))
    .reduce((sum, event) => sum - Math.log(fidelityOf(event)), 0);
}

function fidelityOf(event: CrosstalkEvent): number {
  switch (event.kind) {
    case "phase":
      return turned(event.angleRad);
    case "zz":
      return (1 + turned(event.angleRad)) / 2;
    case "drive": {
      const { thetaRad, gain } = event;
      return turned((isBoundAngle(thetaRad) ? thetaRad : typicalAngleRad) * gain);
    }
    case "depolarising":
      return 1 - 0.75 * (1 - event.factor);
    default:
      return event satisfies never;
  }
}

/** Average fidelity of a turn by an angle about any axis. */
function turned(angleRad: number): number {
  return 1 / 3 + (2 / 3) * Math.cos(angleRad / 2) ** 2;
}
