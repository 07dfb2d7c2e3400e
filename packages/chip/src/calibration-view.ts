import type { CalibrationEntry, CalibrationSnapshot } from "./calibration.ts";
import type { QubitQuantity } from "./calibration-quantities.ts";
import { type Coupler, connectedRegions, couplerKey } from "./topology.ts";

/**
 * A snapshot as arrays of numbers by physical qubit, for passes and noise models that look things
 * up often. Where a snapshot lacks a value of some qubits only, the median of the others stands in
 * and is listed under `assumed`: a missing number must not make a qubit silently perfect. Where it
 * lacks a quantity of all qubits, the effect is off.
 */
export interface CalibrationView {
  readonly snapshot: CalibrationSnapshot;
  /** Qubits that work, ascending. */
  readonly live: readonly number[];
  /** Couplers that work, ascending. */
  readonly couplers: readonly Coupler[];
  /** Live neighbours over couplers that work, by physical qubit; empty for dead qubits. */
  readonly neighbours: readonly (readonly number[])[];
  /** Connected regions, the largest first. */
  readonly regions: readonly (readonly number[])[];
  /** Average gate infidelity of a pulse, by physical qubit; NaN where dead. */
  readonly singleQubitError: Float64Array;
  /** P(read 1 | prepared 0), by physical qubit; NaN where dead. */
  readonly readoutP10: Float64Array;
  /** P(read 0 | prepared 1), by physical qubit; NaN where dead. */
  readonly readoutP01: Float64Array;
  /** Relaxation time in ns; Infinity where off. */
  readonly t1Ns: Float64Array;
  /**
   * Time constant of the Markovian part of dephasing (with relaxation) in ns, at most 2 T1;
   * Infinity where off.
   */
  readonly markovianT2Ns: Float64Array;
  /** Standard deviation of the quasi-static detuning in rad/ns; 0 where off. */
  readonly detuningSigmaRadPerNs: Float64Array;
  /** Average gate infidelity of CZ by {@link couplerKey}. */
  readonly czError: ReadonlyMap<string, number>;
  /** Values that the snapshot lacks and a median replaces. */
  readonly assumed: readonly {
    readonly qubit: number;
    readonly quantity: QubitQuantity;
    readonly value: number;
  }[];
}

const views = new WeakMap<CalibrationSnapshot, CalibrationView>();

/**
 * Returns the view of a snapshot, which is computed once.
 *
 * Maths:  with T* = T2* and T_m the Markovian part, Ramsey decay is exp(−t/T_m − (σ t)²/2) = 1/e at
 *         t = T*, so σ = sqrt(2 (1 − T* / T_m)) / T*. T_m is the echo time where published (at
 *         least T*, at most 2 T1), else 2 T1.
 */
export function createCalibrationView(snapshot: CalibrationSnapshot): CalibrationView {
  const known = views.get(snapshot);
  if (known !== undefined) return known;
  const view = computeView(snapshot);
  views.set(snapshot, view);
  return view;
}

function computeView(snapshot: CalibrationSnapshot): CalibrationView {
  const live = snapshot.qubits.map(({ id }) => id);
  const couplers = snapshot.couplers.map(({ a, b }) => ({ a, b }));
  const size = 1 + Math.max(-1, ...live);
  const neighbours: number[][] = Array.from({ length: size }, () => []);
  for (const { a, b } of couplers) {
    neighbours[a]?.push(b);
    neighbours[b]?.push(a);
  }
  for (const list of neighbours) list.sort((a, b) => a - b);

  const assumed: { qubit: number; quantity: QubitQuantity; value: number }[] = [];
  const column = (quantity: QubitQuantity, absent: number): Float64Array => {
    const values = new Float64Array(size).fill(Number.NaN);
    const median = medianOf(snapshot, quantity);
    for (const { id, values: entries } of snapshot.qubits) {
      const entry: CalibrationEntry | undefined = entries[quantity];
      values[id] = entry?.value ?? median ?? absent;
      if (entry === undefined && median !== undefined) {
        assumed.push({ qubit: id, quantity, value: median });
      }
    }
    return values;
  };
  const t1Us = column("t1Us", Infinity);
  const t2Us = column("t2Us", Infinity);
  const tEchoUs = column("tEchoUs", Infinity);
  const dephasing = live.map((id) =>
    splitDephasing(t1Us[id] ?? 0, t2Us[id] ?? 0, tEchoUs[id] ?? 0),
  );
  const markovianT2Ns = new Float64Array(size).fill(Number.NaN);
  const detuningSigmaRadPerNs = new Float64Array(size).fill(Number.NaN);
  for (const [index, id] of live.entries()) {
    markovianT2Ns[id] = (dephasing[index]?.markovianUs ?? 0) * 1e3;
    detuningSigmaRadPerNs[id] = (dephasing[index]?.sigmaRadPerUs ?? 0) / 1e3;
  }
  return {
    snapshot,
    live,
    couplers,
    neighbours,
    regions: connectedRegions(live, couplers),
    singleQubitError: column("singleQubitFidelity", 1).map((fidelity) => 1 - fidelity),
    readoutP10: column("readoutF0", 1).map((fidelity) => 1 - fidelity),
    readoutP01: column("readoutF1", 1).map((fidelity) => 1 - fidelity),
    t1Ns: t1Us.map((t1) => t1 * 1e3),
    markovianT2Ns,
    detuningSigmaRadPerNs,
    czError: new Map(
      snapshot.couplers.map(({ a, b, values }) => [
        couplerKey(a, b),
        1 - (values.czFidelity?.value ?? 1), // always there: createSnapshot checks it
      ]),
    ),
    assumed,
  };
}

/** The Markovian time and the static spread, see {@link createCalibrationView}. All times in us. */
function splitDephasing(
  t1: number,
  t2: number,
  tEcho: number,
): { readonly markovianUs: number; readonly sigmaRadPerUs: number } {
  if (t2 === Infinity) return { markovianUs: Math.min(tEcho, 2 * t1), sigmaRadPerUs: 0 };
  // An echo time below T2* contradicts itself (20 of 63 qubits of 2026-03-06): the larger of the
  // two is taken.
  const markovianUs = Math.min(2 * t1, Math.max(tEcho, t2));
  const staticShare = Math.max(0, 1 - t2 / markovianUs);
  return { markovianUs, sigmaRadPerUs: Math.sqrt(2 * staticShare) / t2 };
}

function medianOf(snapshot: CalibrationSnapshot, quantity: QubitQuantity): number | undefined {
  const values = snapshot.qubits
    .map(({ values: entries }) => entries[quantity]?.value)
    .filter((value) => value !== undefined)
    .sort((a, b) => a - b);
  if (values.length === 0) return undefined;
  const middle = values.length >> 1;
  const upper = values[middle] ?? 0; // inside: the list is not empty
  return values.length % 2 === 1 ? upper : (upper + (values[middle - 1] ?? 0)) / 2;
}
