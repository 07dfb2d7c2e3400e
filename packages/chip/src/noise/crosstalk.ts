/**
 * Crosstalk between qubits that work at the same time, within one circuit and from circuits beside
 * it. All of it is off by default and assumed where set: nothing about Wukong's crosstalk is
 * published.
 */
import type { Angle } from "@qtune/circuit";
import type { ChipModel } from "../chip-model.ts";
import type { CzInstruction, PulseInstruction, ScheduledCircuit } from "../scheduled-circuit.ts";
import type { NoiseRates } from "./noise-rates.ts";

/** Something that a neighbour does to qubits of this circuit. Qubits are physical. */
export type CrosstalkEvent =
  | {
      readonly kind: "phase";
      readonly qubits: readonly [number];
      readonly startNs: number;
      readonly angleRad: number;
    }
  | {
      readonly kind: "drive";
      readonly qubits: readonly [number];
      readonly startNs: number;
      readonly thetaRad: Angle;
      readonly phiRad: Angle;
      readonly gain: number;
    }
  | {
      readonly kind: "depolarising";
      readonly qubits: readonly [number, number];
      readonly startNs: number;
      readonly factor: number;
    };

/**
 * Returns what the neighbours do to a circuit, in the order of its own schedule's clock.
 *
 * Range: circuits beside it end their gate part at the same time (common readout).
 */
export function findCrosstalk(
  scheduled: ScheduledCircuit,
  beside: readonly ScheduledCircuit[],
  chip: ChipModel,
  rates: NoiseRates,
): readonly CrosstalkEvent[] {
  const { extraScale } = rates.knobs;
  const crosstalkPhaseRad = rates.knobs.crosstalkPhaseRad * extraScale;
  const driveCrosstalk = Math.min(1, rates.knobs.driveCrosstalk * extraScale);
  const simultaneousCzFactor = rates.knobs.simultaneousCzFactor ** extraScale;
  if (crosstalkPhaseRad === 0 && simultaneousCzFactor === 1 && driveCrosstalk === 0) return [];
  const own = new Set(scheduled.physicalQubits);
  const neighbours = builtNeighbours(chip);
  const { pulses, czs } = collectSources(scheduled, beside);
  const events: CrosstalkEvent[] = [];
  for (const cz of czs) {
    if (crosstalkPhaseRad === 0) break;
    for (const qubit of spectators(cz, neighbours)) {
      if (own.has(qubit)) {
        events.push({
          kind: "phase",
          qubits: [qubit],
          startNs: cz.startNs,
          angleRad: crosstalkPhaseRad,
        });
      }
    }
  }
  if (simultaneousCzFactor !== 1) {
    events.push(...findSimultaneous(czs, own, neighbours, simultaneousCzFactor));
  }
  for (const pulse of pulses) {
    if (driveCrosstalk === 0) break;
    for (const qubit of neighbours[pulse.qubit] ?? []) {
      if (!own.has(qubit)) continue;
      const gain = driveCrosstalk * spectralOverlap(rates, pulse, qubit);
      const { startNs, thetaRad, phiRad } = pulse;
      events.push({ kind: "drive", qubits: [qubit], startNs, thetaRad, phiRad, gain });
    }
  }
  return events;
}

function builtNeighbours(chip: ChipModel): readonly (readonly number[])[] {
  const lists: number[][] = Array.from({ length: chip.topology.qubits }, () => []);
  for (const { a, b } of chip.topology.couplers) {
    lists[a]?.push(b);
    lists[b]?.push(a);
  }
  return lists;
}

/** All pulses and CZ of the circuit and of those beside it, on the circuit's clock. */
function collectSources(
  scheduled: ScheduledCircuit,
  beside: readonly ScheduledCircuit[],
): { readonly pulses: readonly PulseInstruction[]; readonly czs: readonly CzInstruction[] } {
  const pulses: PulseInstruction[] = [];
  const czs: CzInstruction[] = [];
  for (const circuit of [scheduled, ...beside]) {
    const shift = scheduled.durationNs - circuit.durationNs;
    for (const instruction of circuit.instructions) {
      const startNs = instruction.startNs + shift;
      if (instruction.kind === "rphi") pulses.push({ ...instruction, startNs });
      if (instruction.kind === "cz") czs.push({ ...instruction, startNs });
    }
  }
  return { pulses, czs };
}

/** Neighbours of a CZ that take no part in it. */
function spectators(
  cz: CzInstruction,
  neighbours: readonly (readonly number[])[],
): readonly number[] {
  const found = cz.qubits.flatMap((qubit) => neighbours[qubit] ?? []);
  return [...new Set(found)].filter((qubit) => !cz.qubits.includes(qubit));
}

function findSimultaneous(
  czs: readonly CzInstruction[],
  own: ReadonlySet<number>,
  neighbours: readonly (readonly number[])[],
  factor: number,
): readonly CrosstalkEvent[] {
  const events: CrosstalkEvent[] = [];
  for (const cz of czs) {
    if (!cz.qubits.every((qubit) => own.has(qubit))) continue;
    const near = new Set(spectators(cz, neighbours));
    const count = czs.filter(
      (other) =>
        other !== cz &&
        other.startNs < cz.startNs + cz.durationNs &&
        cz.startNs < other.startNs + other.durationNs &&
        other.qubits.some((qubit) => near.has(qubit)),
    ).length;
    if (count === 0) continue;
    const { qubits, startNs } = cz;
    events.push({ kind: "depolarising", qubits, startNs, factor: factor ** count });
  }
  return events;
}

/** How much of a square pulse at one qubit's frequency is left at another's: |sinc(Δ t / 2)|. */
function spectralOverlap(rates: NoiseRates, pulse: PulseInstruction, qubit: number): number {
  const frequency = (id: number): number | undefined =>
    rates.view.snapshot.qubits.find((row) => row.id === id)?.values.frequencyMhz?.value;
  const source = frequency(pulse.qubit);
  const target = frequency(qubit);
  if (source === undefined || target === undefined) return 1;
  const half = Math.PI * (source - target) * 1e-3 * pulse.durationNs; // Δ t / 2 with Δ = 2π·MHz, t in ns
  return half === 0 ? 1 : Math.abs(Math.sin(half) / half);
}
