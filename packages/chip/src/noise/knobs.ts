import { type Issue, QtuneError, suggest } from "@qtune/base";

/**
 * The one table of knobs of the noise model: default, range, unit, what it does, and where the
 * default comes from. Scales multiply what the snapshot says. Values that start at 0 are not
 * published for Wukong (chip.md 3.5), so they are off and assumed wherever set; a value of the
 * snapshot for one qubit or coupler goes before the knob.
 */
export const knobTable = {
  singleQubitErrorScale: {
    default: 1,
    min: 0,
    max: 100,
    unit: "1",
    source: "calibration as published",
    meaning: "multiplies the calibrated infidelity of pulses",
  },
  twoQubitErrorScale: {
    default: 1,
    min: 0,
    max: 20,
    unit: "1",
    source: "calibration as published",
    meaning: "multiplies the calibrated infidelity of CZ",
  },
  singleQubitFactor: {
    default: 1,
    min: 0,
    max: 1.25,
    unit: "1",
    source: "calibration as published; `observedKnobs` has a measured value",
    meaning: "extra depolarising per pulse: what is left of the Bloch vector",
  },
  incoherentFactor: {
    default: 1,
    min: 0,
    max: 1.25,
    unit: "1",
    source: "calibration as published; `observedKnobs` has a measured value",
    meaning: "extra two-qubit depolarising per CZ: what is left of every correlation",
  },
  readoutErrorScale: {
    default: 1,
    min: 0,
    max: 100,
    unit: "1",
    source: "calibration as published",
    meaning: "multiplies P(1|0) and P(0|1), each at most 1",
  },
  relaxationScale: {
    default: 1,
    min: 0,
    max: 100,
    unit: "1",
    source: "T1 as published",
    meaning: "multiplies the relaxation rate of idle qubits",
  },
  dephasingScale: {
    default: 1,
    min: 0,
    max: 100,
    unit: "1",
    source: "echo time as published",
    meaning: "multiplies the rate of Markovian pure dephasing of idle qubits",
  },
  detuningScale: {
    default: 1,
    min: 0,
    max: 100,
    unit: "1",
    source: "T2 read as Ramsey T2* (assumed)",
    meaning: "multiplies the standard deviation of the static detuning per shot",
  },
  coherentScale: {
    default: 1,
    min: 0,
    max: 100,
    unit: "1",
    source: "fitted values as they are",
    meaning: "multiplies all coherent errors: over-rotation, CZ phases",
  },
  extraScale: {
    default: 1,
    min: 0,
    max: 100,
    unit: "1",
    source: "values as they are",
    meaning:
      "multiplies leakage, thermal population, ZZ, joint readout flips and crosstalk, and is the power of the extra factors",
  },
  overRotation: {
    default: 0,
    min: -1,
    max: 1,
    unit: "1",
    source: "assumed",
    meaning: "relative error of the pulse angle",
  },
  conditionalPhaseRad: {
    default: 0,
    min: -Math.PI,
    max: Math.PI,
    unit: "rad",
    source: "assumed",
    meaning: "coherent error of the conditional phase of CZ",
  },
  czPhaseRad: {
    default: 0,
    min: -Math.PI,
    max: Math.PI,
    unit: "rad",
    source: "assumed",
    meaning: "coherent RZ error on both qubits after each CZ",
  },
  crosstalkPhaseRad: {
    default: 0,
    min: -Math.PI,
    max: Math.PI,
    unit: "rad",
    source: "assumed",
    meaning: "RZ on each neighbour of a CZ, of this circuit or of one beside it",
  },
  simultaneousCzFactor: {
    default: 1,
    min: 0,
    max: 1,
    unit: "1",
    source: "assumed",
    meaning:
      "extra two-qubit depolarising of a CZ for each CZ on neighbouring qubits at the same time",
  },
  driveCrosstalk: {
    default: 0,
    min: 0,
    max: 1,
    unit: "1",
    source: "assumed",
    meaning:
      "share of a pulse's drive that reaches each neighbour, weakened by their frequency difference",
  },
  zzKhz: {
    default: 0,
    min: -1e5,
    max: 1e5,
    unit: "kHz",
    source: "assumed",
    meaning: "always-on ZZ between coupled qubits of one circuit",
  },
  leakage: {
    default: 0,
    min: 0,
    max: 1,
    unit: "1",
    source: "assumed",
    meaning: "share of the excited state lost per CZ, for each of its qubits",
  },
  thermalPopulation: {
    default: 0,
    min: 0,
    max: 0.5,
    unit: "1",
    source: "assumed",
    meaning: "population of the excited state at the start of a shot and in equilibrium",
  },
  readoutFlip: {
    default: 0,
    min: 0,
    max: 0.5,
    unit: "1",
    source: "assumed",
    meaning: "probability that joint readout flips the bits of two coupled qubits together",
  },
} as const satisfies Record<
  string,
  {
    readonly default: number;
    readonly min: number;
    readonly max: number;
    readonly unit: string;
    readonly source: string;
    readonly meaning: string;
  }
>;

/** A name of {@link knobTable}. */
export type NoiseKnob = keyof typeof knobTable;

/** A value for every knob. */
export type NoiseKnobs = { readonly [K in NoiseKnob]: number };

/** The noise model as the calibration says. */
export const defaultKnobs: NoiseKnobs = fromTable((knob) => knobTable[knob].default);

/** No noise at all: every scale, extra and coherent error off. */
export const idealKnobs: NoiseKnobs = fromTable((knob) =>
  knob.endsWith("Scale") ? 0 : knobTable[knob].default,
);

/**
 * What circuits saw on Wukong 72 on 2026-03-08 beyond its calibration, derived from the runs of
 * qubit 56 (0.0020 per pulse where 0.0014 is calibrated) and of coupler 56-62 (12.6 % of parity per
 * CNOT where 2.2 % is calibrated): one qubit and one coupler of one day. For studies that want a
 * sober chip, not for judging the model by these same runs.
 */
export const observedKnobs: Partial<NoiseKnobs> = {
  singleQubitErrorScale: 1.4,
  incoherentFactor: 0.905,
};

/**
 * Returns knobs that multiply all noise by a factor: the rungs of a noise ladder. 0 is noise-free,
 * 1 as calibrated.
 *
 * Range: 0 ≤ factor ≤ 20; readout errors and depolarising saturate where they are complete.
 */
export function scaleNoise(factor: number): Partial<NoiseKnobs> {
  const scales = (Object.keys(knobTable) as NoiseKnob[]).filter((knob) => knob.endsWith("Scale")); // keys of the table
  return Object.fromEntries(scales.map((knob) => [knob, factor]));
}

function fromTable(value: (knob: NoiseKnob) => number): NoiseKnobs {
  const names = Object.keys(knobTable) as NoiseKnob[]; // keys of the table
  return Object.fromEntries(names.map((knob) => [knob, value(knob)])) as NoiseKnobs; // every name has a value
}

/**
 * Returns the knobs with defaults filled in.
 *
 * Errors: invalid_argument for an unknown name or a value outside its range.
 */
export function resolveKnobs(...layers: readonly Partial<NoiseKnobs>[]): NoiseKnobs {
  const merged = Object.assign({}, ...layers) as Partial<NoiseKnobs>;
  const issues = validateKnobs(merged);
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  return { ...defaultKnobs, ...merged };
}

/** Returns everything that is wrong with knobs from outside. */
export function validateKnobs(knobs: Readonly<Record<string, unknown>>): readonly Issue[] {
  const issues: Issue[] = [];
  for (const [name, value] of Object.entries(knobs)) {
    const where = `noise.${name}`;
    if (!Object.hasOwn(knobTable, name)) {
      const close = suggest(name, Object.keys(knobTable));
      issues.push({
        where,
        expected: `one of ${Object.keys(knobTable).join(", ")}`,
        given: name,
        ...(close === undefined ? {} : { hint: `did you mean ${close}?` }),
      });
      continue;
    }
    const { min, max, unit } = knobTable[name as NoiseKnob]; // it is in the table
    if (typeof value === "number" && value >= min && value <= max) continue;
    const of = unit === "1" ? "" : ` ${unit}`;
    issues.push({ where, expected: `a number from ${min} to ${max}${of}`, given: String(value) });
  }
  return issues;
}
