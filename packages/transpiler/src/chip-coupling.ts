import { type CalibrationSnapshot, type ChipModel, createCalibrationView } from "@qtune/chip";
import { type Coupling, createCoupling } from "./coupling.ts";

const couplings = new WeakMap<CalibrationSnapshot, Coupling>();

/** Least cost of an operation: keeps perfect chips from making every layout equal, so that shorter still wins. */
const leastCost = 1e-7;

/**
 * Returns what placing and routing need of a chip under a calibration. Computed once per snapshot.
 *
 * Cost: O(qubits · couplers) the first time.
 */
export function couplingOf(chip: ChipModel, snapshot: CalibrationSnapshot): Coupling {
  const known = couplings.get(snapshot);
  if (known !== undefined) return known;
  const view = createCalibrationView(snapshot);
  const qubits = view.live.map((qubit) => ({
    qubit,
    pulse: errorCost(view.singleQubitError[qubit]),
    readout: errorCost(((view.readoutP10[qubit] ?? 0) + (view.readoutP01[qubit] ?? 0)) / 2),
  }));
  const couplers = view.couplers.map(({ a, b }) => ({
    a,
    b,
    cost: errorCost(view.czError.get(`${a}-${b}`)),
  }));
  const idleCost = (qubit: number, waitNs: number): number => {
    const angle = (view.detuningSigmaRadPerNs[qubit] ?? 0) * waitNs;
    const coherence = Math.exp(
      -waitNs / (view.markovianT2Ns[qubit] ?? Infinity) - (angle * angle) / 2,
    );
    const population = Math.exp(-waitNs / (view.t1Ns[qubit] ?? Infinity));
    return -Math.log(0.5 + population / 6 + coherence / 3); // as in predictedFidelity of chip
  };
  const { pulseNs, czNs, measureNs } = chip.timing;
  const coupling = createCoupling({
    size: chip.topology.qubits,
    qubits,
    couplers,
    lengths: { pulseNs, czNs, measureNs },
    idleCost,
  });
  couplings.set(snapshot, coupling);
  return coupling;
}

function errorCost(error: number | undefined): number {
  return Math.max(leastCost, -Math.log(Math.max(1e-6, 1 - (error ?? 0))));
}

/** Returns the neighbours of each qubit over all couplers as built, working or not: what crosstalk can reach. */
export function builtNeighbours(chip: ChipModel): readonly (readonly number[])[] {
  const out: number[][] = Array.from({ length: chip.topology.qubits }, () => []);
  for (const { a, b } of chip.topology.couplers) {
    out[a]?.push(b);
    out[b]?.push(a);
  }
  return out;
}
