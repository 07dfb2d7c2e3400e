/**
 * The one table of what a calibration can say about a qubit or a coupler: unit, allowed range,
 * meaning. Types, validation, the file schema, diff and drift are derived from it.
 */

/** A row of the tables below. Bounds are inclusive. */
export interface QuantityRow {
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  readonly meaning: string;
  /**
   * How drift moves it: multiplied by a log-normal factor, its distance from 1 so moved, or not at
   * all.
   */
  readonly drift: "positive" | "fidelity" | "none";
}

/** What is known about one qubit. */
export const qubitQuantityTable = {
  frequencyMhz: {
    unit: "MHz",
    min: 1,
    max: 1e6,
    drift: "none",
    meaning: "transition frequency between |0⟩ and |1⟩",
  },
  t1Us: { unit: "us", min: 1e-3, max: 1e9, drift: "positive", meaning: "relaxation time" },
  t2Us: {
    unit: "us",
    min: 1e-3,
    max: 1e9,
    drift: "positive",
    meaning: "Ramsey dephasing time T2*, decay exp(−(t/T2*)²) as far as it is static within a shot",
  },
  tEchoUs: {
    unit: "us",
    min: 1e-3,
    max: 1e9,
    drift: "positive",
    meaning: "spin-echo dephasing time, decay exp(−t/T)",
  },
  singleQubitFidelity: {
    unit: "1",
    min: 0.25,
    max: 1,
    drift: "fidelity",
    meaning: "average gate fidelity of one pulse",
  },
  readoutF0: { unit: "1", min: 0, max: 1, drift: "fidelity", meaning: "P(read 0 | prepared 0)" },
  readoutF1: { unit: "1", min: 0, max: 1, drift: "fidelity", meaning: "P(read 1 | prepared 1)" },
  singleQubitFactor: {
    unit: "1",
    min: 0,
    max: 1.25,
    drift: "none",
    meaning:
      "extra depolarising per pulse: what is left of the Bloch vector beyond the calibrated error; 1 is none",
  },
  overRotation: {
    unit: "1",
    min: -1,
    max: 1,
    drift: "none",
    meaning: "relative error of the pulse angle: a pulse of θ turns by θ (1 + overRotation)",
  },
  thermalPopulation: {
    unit: "1",
    min: 0,
    max: 0.5,
    drift: "none",
    meaning: "population of |1⟩ in equilibrium and at the start of a shot",
  },
} as const satisfies Record<string, QuantityRow>;

/** What is known about one coupler. `A` is its smaller qubit. */
export const couplerQuantityTable = {
  czFidelity: {
    unit: "1",
    min: 0.2,
    max: 1,
    drift: "fidelity",
    meaning: "average gate fidelity of CZ",
  },
  czDurationNs: {
    unit: "ns",
    min: 0,
    max: 1e6,
    drift: "none",
    meaning: "length of CZ where it is not the chip's",
  },
  incoherentFactor: {
    unit: "1",
    min: 0,
    max: 1.25,
    drift: "none",
    meaning:
      "extra two-qubit depolarising per CZ: what is left of every correlation beyond the calibrated error; 1 is none",
  },
  conditionalPhaseRad: {
    unit: "rad",
    min: -Math.PI,
    max: Math.PI,
    drift: "none",
    meaning: "coherent error of the conditional phase: CZ = diag(1, 1, 1, −e^{i x})",
  },
  phaseARad: {
    unit: "rad",
    min: -Math.PI,
    max: Math.PI,
    drift: "none",
    meaning: "coherent RZ error on qubit a after each CZ",
  },
  phaseBRad: {
    unit: "rad",
    min: -Math.PI,
    max: Math.PI,
    drift: "none",
    meaning: "coherent RZ error on qubit b after each CZ",
  },
  zzKhz: {
    unit: "kHz",
    min: -1e5,
    max: 1e5,
    drift: "none",
    meaning: "always-on ZZ: frequency shift of one qubit when the other is in |1⟩",
  },
  leakage: {
    unit: "1",
    min: 0,
    max: 1,
    drift: "none",
    meaning: "share of the excited state lost per CZ, for each of its qubits",
  },
  readoutFlip: {
    unit: "1",
    min: 0,
    max: 0.5,
    drift: "none",
    meaning: "probability that joint readout flips both bits together, after the independent flips",
  },
} as const satisfies Record<string, QuantityRow>;

/** A name of {@link qubitQuantityTable}. */
export type QubitQuantity = keyof typeof qubitQuantityTable;

/** A name of {@link couplerQuantityTable}. */
export type CouplerQuantity = keyof typeof couplerQuantityTable;

/** Names of the rows, in table order. */
export const qubitQuantities = Object.keys(qubitQuantityTable) as readonly QubitQuantity[]; // keys of the table
export const couplerQuantities = Object.keys(couplerQuantityTable) as readonly CouplerQuantity[]; // keys of the table
