/**
 * Crosstalk between qubits that work at the same time, within one circuit and from circuits beside
 * it. All of it is off by default and assumed where set: nothing about Wukong's crosstalk is
 * published.
 */
import type { Angle } from "@qtune/circuit";
import type { CalibrationSnapshot } from "../calibration.ts";
import type { ChipModel } from "../chip-model.ts";
import {
  type CzInstruction,
  type PulseInstruction,
  type ScheduledCircuit,
  instructionQubits,
} from "../scheduled-circuit.ts";
import type { Topology } from "../topology.ts";
import type { NoiseKnobs } from "./knobs.ts";
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
  /** RZ(angleRad) where a neighbour of another circuit is in |1⟩, which it is half of the time. */
  | {
      readonly kind: "zz";
      readonly qubits: readonly [number];
      readonly startNs: number;
      readonly angleRad: number;
    }
  | {
      readonly kind: "depolarising";
      readonly qubits: readonly [number, number];
      readonly startNs: number;
      readonly factor: number;
    };

/** Tells whether circuits beside each other matter at all under a snapshot and knobs. */
export function hasCrosstalk(snapshot: CalibrationSnapshot, knobs: NoiseKnobs): boolean {
  if (knobs.extraScale === 0) return false;
  const isOn =
    knobs.crosstalkPhaseRad !== 0 ||
    knobs.simultaneousCzFactor !== 1 ||
    knobs.driveCrosstalk !== 0 ||
    knobs.zzKhz !== 0;
  return isOn || snapshot.couplers.some(({ values }) => (values.zzKhz?.value ?? 0) !== 0);
}

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
  if (!hasCrosstalk(rates.view.snapshot, rates.knobs)) return [];
  const own = new Set(scheduled.physicalQubits);
  const neighbours = builtNeighbours(chip.topology);
  const { pulses, czs } = collectSources(scheduled, beside);
  const events: CrosstalkEvent[] = [...findZzBeside(scheduled, beside, rates)];
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

const neighboursOf = new WeakMap<Topology, readonly (readonly number[])[]>();

/** The neighbours of each qubit over all couplers as built, working or not. */
function builtNeighbours(topology: Topology): readonly (readonly number[])[] {
  const known = neighboursOf.get(topology);
  if (known !== undefined) return known;
  const lists: number[][] = Array.from({ length: topology.qubits }, () => []);
  for (const { a, b } of topology.couplers) {
    lists[a]?.push(b);
    lists[b]?.push(a);
  }
  neighboursOf.set(topology, lists);
  return lists;
}

/**
 * ZZ with qubits of other circuits, from when both have begun to the end of the gates. A neighbour's state is taken as drawn
 * anew after each of its pulses, so time falls into pieces between the pulses on either qubit.
 */
function findZzBeside(
  scheduled: ScheduledCircuit,
  beside: readonly ScheduledCircuit[],
  rates: NoiseRates,
): readonly CrosstalkEvent[] {
  const events: CrosstalkEvent[] = [];
  const own = timelinesOf(scheduled, 0);
  for (const circuit of beside) {
    const theirs = timelinesOf(circuit, scheduled.durationNs - circuit.durationNs);
    for (const { a, b } of rates.view.couplers) {
      for (const [qubit, neighbour] of [
        [a, b],
        [b, a],
      ] as const) {
        const here = own.get(qubit);
        const there = theirs.get(neighbour);
        if (here === undefined || there === undefined) continue;
        const { zzRadPerNs } = rates.coupler(a, b);
        if (zzRadPerNs === 0) continue;
        const startNs = Math.max(here.startNs, there.startNs);
        for (const { fromNs, endNs } of piecesOf(startNs, scheduled.durationNs, here, there)) {
          const next = here.pulses.find(({ middleNs }) => middleNs >= endNs);
          const beforeNextNs = next === undefined ? Infinity : next.startNs - orderNs;
          events.push({
            kind: "zz",
            qubits: [qubit],
            startNs: Math.min((fromNs + endNs) / 2, beforeNextNs),
            angleRad: -zzRadPerNs * (endNs - fromNs),
          });
        }
      }
    }
  }
  return events;
}

/** Puts an event before an instruction of the same time. */
const orderNs = 1e-6;

/** When a qubit begins, and its pulses, which act in their middle. */
interface QubitTimeline {
  readonly startNs: number;
  readonly pulses: { readonly startNs: number; readonly middleNs: number }[];
}

/** The time between the pulses on two qubits, in pieces without any. */
function piecesOf(
  startNs: number,
  endNs: number,
  ...lines: readonly QubitTimeline[]
): readonly { readonly fromNs: number; readonly endNs: number }[] {
  const middles = lines.flatMap(({ pulses }) => pulses.map(({ middleNs }) => middleNs));
  const cuts = middles.filter((timeNs) => timeNs > startNs && timeNs < endNs).sort((x, y) => x - y);
  const froms = [startNs, ...cuts];
  return [...cuts, endNs]
    .map((end, index) => ({ fromNs: froms[index] ?? startNs, endNs: end }))
    .filter((piece) => piece.endNs > piece.fromNs);
}

function timelinesOf(
  scheduled: ScheduledCircuit,
  shiftNs: number,
): ReadonlyMap<number, QubitTimeline> {
  const timelines = new Map<number, QubitTimeline>();
  for (const instruction of scheduled.instructions) {
    if (instruction.kind === "measure") continue;
    const startNs = instruction.startNs + shiftNs;
    for (const qubit of instructionQubits(instruction)) {
      const line = timelines.get(qubit) ?? { startNs, pulses: [] };
      timelines.set(qubit, line);
      if (instruction.kind === "rphi")
        line.pulses.push({ startNs, middleNs: startNs + instruction.durationNs / 2 });
    }
  }
  return timelines;
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
