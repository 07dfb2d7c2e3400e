import type { CalibrationSnapshot } from "../calibration.ts";
import {
  type CouplerQuantity,
  type QubitQuantity,
  couplerQuantityTable,
  qubitQuantityTable,
} from "../calibration-quantities.ts";
import type { ChipTiming } from "../chip-model.ts";
import { resolveKnobs } from "../noise/knobs.ts";
import { createNoiseRates } from "../noise/noise-rates.ts";
import { couplerKey } from "../topology.ts";
import { instructionQubits, type ScheduledCircuit } from "../scheduled-circuit.ts";

/** A number that the fit may change: one quantity of one qubit or coupler. */
export type FitParameter = {
  /** `q56.readoutF1`, `c56-62.incoherentFactor`. */
  readonly name: string;
  /** What the snapshot says, or no effect. */
  readonly start: number;
  readonly min: number;
  readonly max: number;
  /**
   * Offered, and the runs are of several lengths, so that they can tell it from an incoherent
   * error.
   */
  readonly isTellable: boolean;
} & (
  | { readonly of: "qubit"; readonly qubit: number; readonly quantity: QubitQuantity }
  | {
      readonly of: "coupler";
      readonly a: number;
      readonly b: number;
      readonly quantity: CouplerQuantity;
    }
);

/**
 * What the runs can tell: parameters that are always fitted, and those that must earn their place.
 */
export interface ParameterPlan {
  readonly base: readonly FitParameter[];
  readonly offered: readonly FitParameter[];
}

/** A single-qubit run needs this many pulses to say something about errors per pulse. */
const manyPulses = 20;

/**
 * Chooses the parameters for a set of runs: readout of every measured qubit, one incoherent factor
 * per coupler in use, one per qubit with long runs of its own. Coherent errors and correlated
 * readout are offered: they join only where they improve the likelihood beyond chance.
 */
export function planParameters(
  schedules: readonly ScheduledCircuit[],
  snapshot: CalibrationSnapshot,
  timing: Pick<ChipTiming, "pulseNs" | "czNs">,
): ParameterPlan {
  const measured = new Set<number>();
  const couplers = new Map<string, { a: number; b: number; readonly counts: Set<number> }>();
  const driven = new Set<number>();
  for (const schedule of schedules) {
    const pulses = schedule.instructions.filter(({ kind }) => kind === "rphi").length;
    if (schedule.physicalQubits.length === 1 && pulses >= manyPulses) {
      for (const qubit of schedule.physicalQubits) driven.add(qubit);
    }
    const gates = new Map<string, number>();
    for (const instruction of schedule.instructions) {
      if (instruction.kind === "measure") measured.add(instruction.qubit);
      if (instruction.kind !== "cz") continue;
      const [i = 0, j = 0] = instructionQubits(instruction);
      const key = couplerKey(i, j);
      gates.set(key, (gates.get(key) ?? 0) + 1);
      const known = couplers.get(key)?.counts ?? new Set<number>();
      couplers.set(key, { a: Math.min(i, j), b: Math.max(i, j), counts: known });
    }
    for (const [key, count] of gates) couplers.get(key)?.counts.add(count);
  }
  const rates = createNoiseRates(snapshot, resolveKnobs({ extraScale: 0 }));
  const ascending = (a: number, b: number): number => a - b;
  const pairs = [...couplers.values()].sort((x, y) => x.a - y.a || x.b - y.b);
  return {
    base: [
      ...[...measured]
        .sort(ascending)
        .flatMap((qubit) => [
          qubitParameter(snapshot, qubit, "readoutF0", 0.98),
          qubitParameter(snapshot, qubit, "readoutF1", 0.98),
        ]),
      ...[...driven].sort(ascending).map((qubit) => {
        const { depolarising } = rates.qubit(qubit).pulse(timing.pulseNs);
        return upTo(1 / depolarising, qubitParameter(snapshot, qubit, "singleQubitFactor", 1));
      }),
      ...pairs.map((pair) => {
        const { depolarising } = rates.coupler(pair.a, pair.b).cz(timing.czNs);
        return upTo(1 / depolarising, couplerParameter(snapshot, pair, "incoherentFactor", 1));
      }),
    ],
    offered: [
      ...[...driven]
        .sort(ascending)
        .map((qubit) => qubitParameter(snapshot, qubit, "overRotation", 0)),
      ...pairs.flatMap((pair) => [
        couplerParameter(snapshot, pair, "conditionalPhaseRad", 0),
        couplerParameter(snapshot, pair, "phaseARad", 0),
        couplerParameter(snapshot, pair, "phaseBRad", 0),
        couplerParameter(snapshot, pair, "readoutFlip", 0),
      ]),
    ],
  };
}

/**
 * A factor beyond what undoes the calibrated depolarising has no further effect: the search stays
 * off that plateau.
 */
function upTo(max: number, parameter: FitParameter): FitParameter {
  return { ...parameter, max: Math.min(max, parameter.max) };
}

function qubitParameter(
  snapshot: CalibrationSnapshot,
  qubit: number,
  quantity: QubitQuantity,
  neutral: number,
): FitParameter {
  const known = snapshot.qubits.find(({ id }) => id === qubit)?.values[quantity]?.value;
  const { min, max } = qubitQuantityTable[quantity];
  return {
    name: `q${qubit}.${quantity}`,
    start: known ?? neutral,
    min: floorOf(quantity, min),
    max: ceilingOf(quantity, max),
    isTellable: false,
    of: "qubit",
    qubit,
    quantity,
  };
}

function couplerParameter(
  snapshot: CalibrationSnapshot,
  pair: { readonly a: number; readonly b: number; readonly counts: ReadonlySet<number> },
  quantity: CouplerQuantity,
  neutral: number,
): FitParameter {
  const { a, b } = pair;
  const row = snapshot.couplers.find((coupler) => coupler.a === a && coupler.b === b);
  const { min, max } = couplerQuantityTable[quantity];
  return {
    name: `c${a}-${b}.${quantity}`,
    start: row?.values[quantity]?.value ?? neutral,
    min: floorOf(quantity, min),
    max,
    isTellable: pair.counts.size > 1 && quantity.endsWith("Rad"),
    of: "coupler",
    a,
    b,
    quantity,
  };
}

/** Inside the table's range, and where the likelihood is smooth. */
function floorOf(quantity: string, min: number): number {
  if (quantity.endsWith("Factor")) return 0.05;
  if (quantity === "overRotation") return -0.2;
  return quantity.startsWith("readoutF") && quantity !== "readoutFlip" ? 1e-4 : min;
}

function ceilingOf(quantity: string, max: number): number {
  if (quantity === "overRotation") return 0.2;
  return quantity.startsWith("readoutF") && quantity !== "readoutFlip" ? 1 - 1e-4 : max;
}
