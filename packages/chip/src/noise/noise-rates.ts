import type { CalibrationSnapshot } from "../calibration.ts";
import { type CalibrationView, createCalibrationView } from "../calibration-view.ts";
import { couplerKey } from "../topology.ts";
import { type Decay, type GateBudget, shareGateError } from "./gate-budget.ts";
import type { NoiseKnobs } from "./knobs.ts";

/** Noise of one qubit with all knobs applied. */
export interface QubitNoise {
  readonly decay: Decay;
  /** Standard deviation of the static detuning. */
  readonly detuningSigmaRadPerNs: number;
  /** Rates of idle time, 1/ns. */
  readonly t1Rate: number;
  readonly phiRate: number;
  /** Average infidelity of a pulse as calibrated and scaled, and what the extra factor leaves. */
  readonly infidelity: number;
  readonly factor: number;
  readonly overRotation: number;
  readonly thermalPopulation: number;
  readonly readout: { readonly p10: number; readonly p01: number };
  /** Budget of a pulse of a length. */
  readonly pulse: (durationNs: number) => GateBudget;
}

/** Noise of one coupler with all knobs applied. */
export interface CouplerNoise {
  /** Average infidelity of CZ as calibrated and scaled, and what the extra factor leaves. */
  readonly infidelity: number;
  readonly factor: number;
  readonly cz: (durationNs: number) => GateBudget;
  readonly conditionalRad: number;
  /** RZ errors on the smaller and the larger qubit. */
  readonly phaseARad: number;
  readonly phaseBRad: number;
  readonly zzRadPerNs: number;
  readonly leakage: number;
  readonly readoutFlip: number;
}

/**
 * The noise of a chip under one snapshot and one setting of the knobs; computed per qubit and
 * coupler on demand.
 */
export interface NoiseRates {
  readonly view: CalibrationView;
  readonly knobs: NoiseKnobs;
  readonly qubit: (id: number) => QubitNoise;
  readonly coupler: (a: number, b: number) => CouplerNoise;
}

const ratesBySnapshot = new WeakMap<CalibrationSnapshot, Map<string, NoiseRates>>();

/** Returns the noise rates of a snapshot under knobs; the same arguments give the same object. */
export function createNoiseRates(snapshot: CalibrationSnapshot, knobs: NoiseKnobs): NoiseRates {
  const key = JSON.stringify(knobs);
  const known = ratesBySnapshot.get(snapshot) ?? new Map<string, NoiseRates>();
  ratesBySnapshot.set(snapshot, known);
  const found = known.get(key);
  if (found !== undefined) return found;
  const rates = computeRates(snapshot, knobs);
  if (known.size >= 16) known.clear(); // a fit tries thousands of settings; only the last few matter
  known.set(key, rates);
  return rates;
}

function computeRates(snapshot: CalibrationSnapshot, knobs: NoiseKnobs): NoiseRates {
  const view = createCalibrationView(snapshot);
  const qubit = memoise((id: number) => computeQubitNoise(view, knobs, id));
  const couplers = new Map<string, CouplerNoise>();
  return {
    view,
    knobs,
    qubit,
    coupler: (a, b) => {
      const key = couplerKey(a, b);
      const noise =
        couplers.get(key) ?? computeCouplerNoise(view, knobs, a, b, [qubit(a), qubit(b)]);
      couplers.set(key, noise);
      return noise;
    },
  };
}

function computeQubitNoise(view: CalibrationView, knobs: NoiseKnobs, id: number): QubitNoise {
  const values = view.snapshot.qubits.find((row) => row.id === id)?.values;
  const t1Ns = view.t1Ns[id] ?? Infinity;
  const markovianT2Ns = view.markovianT2Ns[id] ?? Infinity;
  const sigma = (view.detuningSigmaRadPerNs[id] ?? 0) * knobs.detuningScale;
  const decay = { t1Ns, markovianT2Ns };
  const infidelity = (view.singleQubitError[id] ?? 0) * knobs.singleQubitErrorScale;
  const factor = (values?.singleQubitFactor?.value ?? knobs.singleQubitFactor) ** knobs.extraScale;
  const readout = (p: number | undefined): number =>
    Math.min(1, (p ?? 0) * knobs.readoutErrorScale);
  return {
    infidelity,
    factor,
    decay,
    detuningSigmaRadPerNs: sigma,
    t1Rate: knobs.relaxationScale / t1Ns,
    phiRate: knobs.dephasingScale * Math.max(0, 1 / markovianT2Ns - 1 / (2 * t1Ns)),
    overRotation: knobs.coherentScale * (values?.overRotation?.value ?? knobs.overRotation),
    thermalPopulation: Math.min(
      0.5,
      (values?.thermalPopulation?.value ?? knobs.thermalPopulation) * knobs.extraScale,
    ),
    readout: { p10: readout(view.readoutP10[id]), p01: readout(view.readoutP01[id]) },
    pulse: memoise((durationNs) => budget(infidelity, factor, durationNs, [decay])),
  };
}

function computeCouplerNoise(
  view: CalibrationView,
  knobs: NoiseKnobs,
  a: number,
  b: number,
  ends: readonly QubitNoise[],
): CouplerNoise {
  const key = couplerKey(a, b);
  const values = view.snapshot.couplers.find((row) => couplerKey(row.a, row.b) === key)?.values;
  const infidelity = (view.czError.get(key) ?? 0) * knobs.twoQubitErrorScale;
  const factor = (values?.incoherentFactor?.value ?? knobs.incoherentFactor) ** knobs.extraScale;
  const extra = (value: number | undefined, knob: number): number =>
    (value ?? knob) * knobs.extraScale;
  const decays = ends.map(({ decay }) => decay);
  return {
    infidelity,
    factor,
    cz: memoise((durationNs) =>
      budget(infidelity, factor, values?.czDurationNs?.value ?? durationNs, decays),
    ),
    conditionalRad:
      knobs.coherentScale * (values?.conditionalPhaseRad?.value ?? knobs.conditionalPhaseRad),
    phaseARad: knobs.coherentScale * (values?.phaseARad?.value ?? knobs.czPhaseRad),
    phaseBRad: knobs.coherentScale * (values?.phaseBRad?.value ?? knobs.czPhaseRad),
    zzRadPerNs: 2 * Math.PI * 1e-6 * extra(values?.zzKhz?.value, knobs.zzKhz),
    leakage: Math.min(1, extra(values?.leakage?.value, knobs.leakage)),
    readoutFlip: Math.min(0.5, extra(values?.readoutFlip?.value, knobs.readoutFlip)),
  };
}

/** The calibrated budget, then the extra factor on top; together never less noise than none. */
function budget(
  infidelity: number,
  factor: number,
  durationNs: number,
  decays: readonly Decay[],
): GateBudget {
  const shared = shareGateError(infidelity, durationNs, decays);
  return { ...shared, depolarising: Math.min(1, shared.depolarising * factor) };
}

function memoise<T>(compute: (argument: number) => T): (argument: number) => T {
  const known = new Map<number, T>();
  return (argument) => {
    const found = known.get(argument);
    if (found !== undefined) return found;
    const value = compute(argument);
    known.set(argument, value);
    return value;
  };
}
