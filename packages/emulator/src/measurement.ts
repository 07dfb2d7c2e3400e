/**
 * What has to be measured for some observables: the circuit once per group of terms that one set of bases reads, and how
 * counts become expectation values. Terms that agree on every qubit they share are read together, as they come.
 */
import { QtuneError } from "@qtune/base";
import { assertChipCircuit } from "@qtune/transpiler";
import { type ReadoutErrors, mitigatedZ } from "./readout-mitigation.ts";
import type {
  Circuit,
  Counts,
  MeasureOperation,
  Observable,
  Operation,
  Pauli,
  PauliTerm,
} from "@qtune/circuit";

/** One way of running a circuit: its gates, turns into the bases, measurements. */
export interface MeasuredCircuit {
  /** With measurements at the end. Parameters are those of the source. */
  readonly circuit: Circuit;
  /** Classical bit of each qubit that is read. */
  readonly clbitOf: ReadonlyMap<number, number>;
}

/** Terms of observables that are read from one measured circuit. */
interface Reading {
  readonly observable: number;
  readonly measured: number;
  /** Bits and coefficient of each term; the value of an outcome is Σ coefficient · parity. */
  readonly terms: readonly { readonly clbits: readonly number[]; readonly coefficient: number }[];
}

/** How a batch is measured. */
export interface MeasurementPlan {
  readonly measured: readonly MeasuredCircuit[];
  readonly readings: readonly Reading[];
  /** Σ coefficients of identity terms per observable, [K]. */
  readonly constants: readonly number[];
  /** Which measured circuit gives the counts of the source, and its number of bits. Absent: nobody asked. */
  readonly counts?: { readonly measured: number; readonly clbits: number };
}

/**
 * Plans the measurements for observables and, if wanted, counts.
 *
 * Range:  a circuit without measurements is read on all qubits, qubit q into bit q, when counts are wanted.
 * Effect: pure.
 * Errors: invalid_argument for an observable outside the qubits or with a coefficient that is not finite, and for what no
 *         chip can do, such as gates behind measurements.
 */
export function planMeasurements(
  circuit: Circuit,
  observables: readonly Observable[],
  wantsCounts: boolean,
): MeasurementPlan {
  assertChipCircuit(circuit); // before measurements move to the end
  const own = circuit.operations.filter((operation) => operation.kind === "measure");
  const bases: Map<number, Pauli>[] = [];
  const placed: { observable: number; basis: number; term: PauliTerm }[] = [];
  const constants = observables.map(() => 0);
  if (wantsCounts) bases.push(countsBasis(circuit, own));
  observables.forEach((observable, index) => {
    observable.terms.forEach((term, at) => {
      assertTerm(term, circuit.qubits, `observables[${index}].terms[${at}]`);
      if (term.paulis.length === 0) {
        constants[index] = (constants[index] ?? 0) + term.coefficient;
        return;
      }
      placed.push({ observable: index, basis: findBasis(bases, term), term });
    });
  });
  const measured = bases.map((basis) => measureIn(circuit, basis, own));
  const readings = groupReadings(placed, measured);
  const clbits = own.length > 0 ? circuit.clbits : circuit.qubits;
  return {
    measured,
    readings,
    constants,
    ...(wantsCounts ? { counts: { measured: 0, clbits } } : {}),
  };
}

/**
 * Creates a {@link planMeasurements} that answers the same for the same circuit object and equal observables, so that what
 * is compiled for a measured circuit serves the next batch.
 */
export function rememberMeasurements(): typeof planMeasurements {
  const plans = new WeakMap<Circuit, Map<string, MeasurementPlan>>();
  return (circuit, observables, wantsCounts) => {
    const known = plans.get(circuit) ?? new Map<string, MeasurementPlan>();
    plans.set(circuit, known);
    const key = `${wantsCounts} ${JSON.stringify(observables)}`;
    const plan = known.get(key) ?? planMeasurements(circuit, observables, wantsCounts);
    known.set(key, plan);
    return plan;
  };
}

function countsBasis(circuit: Circuit, own: readonly MeasureOperation[]): Map<number, Pauli> {
  const qubits =
    own.length > 0
      ? own.map(({ qubit }) => qubit)
      : Array.from({ length: circuit.qubits }, (_, q) => q);
  return new Map(qubits.map((qubit) => [qubit, "Z"]));
}

function assertTerm(term: PauliTerm, qubits: number, where: string): void {
  const bad = term.paulis.find(({ qubit }) => qubit < 0 || qubit >= qubits);
  if (bad === undefined && Number.isFinite(term.coefficient)) return;
  const given = bad === undefined ? `coefficient ${term.coefficient}` : `qubit ${bad.qubit}`;
  throw new QtuneError(
    "invalid_argument",
    `expected qubits below ${qubits} and finite coefficients but was given ${given}`,
    { where },
  );
}

/** The first set of bases that agrees with a term, extended by it; a new one where none does. */
function findBasis(bases: Map<number, Pauli>[], term: PauliTerm): number {
  let index = bases.findIndex((basis) =>
    term.paulis.every(({ qubit, pauli }) => (basis.get(qubit) ?? pauli) === pauli),
  );
  if (index === -1) index = bases.push(new Map()) - 1;
  for (const { qubit, pauli } of term.paulis) bases[index]?.set(qubit, pauli);
  return index;
}

/** Turns that lead the eigenbasis of a Pauli operator to that of Z. */
const turns: Readonly<Record<Pauli, readonly { readonly gate: string; readonly angle: number }[]>> =
  {
    X: [{ gate: "RY", angle: -Math.PI / 2 }],
    Y: [{ gate: "RX", angle: Math.PI / 2 }],
    Z: [],
  };

/** The circuit with measurements of the given qubits in the given bases. Own measurements keep their bits. */
function measureIn(
  circuit: Circuit,
  basis: ReadonlyMap<number, Pauli>,
  own: readonly MeasureOperation[],
): MeasuredCircuit {
  const clbitOf = new Map<number, number>();
  for (const { qubit, clbit } of own) if (basis.has(qubit)) clbitOf.set(qubit, clbit);
  let next = own.length > 0 ? circuit.clbits : 0;
  const qubits = [...basis.keys()].sort((a, b) => a - b);
  const all = own.length === 0 && qubits.length === circuit.qubits;
  for (const qubit of qubits) {
    if (clbitOf.has(qubit)) continue;
    clbitOf.set(qubit, all ? qubit : next++);
  }
  const operations: Operation[] = circuit.operations.filter(
    (operation) => operation.kind !== "measure",
  );
  for (const qubit of qubits) {
    for (const { gate, angle } of turns[basis.get(qubit) ?? "Z"])
      operations.push({ kind: "gate", gate, qubits: [qubit], angles: [angle] });
  }
  for (const [qubit, clbit] of clbitOf) operations.push({ kind: "measure", qubit, clbit });
  const { classicalRegisters: _, ...rest } = circuit;
  return {
    circuit: {
      ...rest,
      clbits: Math.max(circuit.clbits, next, ...[...clbitOf.values()].map((bit) => bit + 1)),
      operations,
    },
    clbitOf,
  };
}

function groupReadings(
  placed: readonly { observable: number; basis: number; term: PauliTerm }[],
  measured: readonly MeasuredCircuit[],
): readonly Reading[] {
  const readings = new Map<
    string,
    { observable: number; measured: number; terms: { clbits: number[]; coefficient: number }[] }
  >();
  for (const { observable, basis, term } of placed) {
    const key = `${observable}.${basis}`;
    const reading = readings.get(key) ?? { observable, measured: basis, terms: [] };
    const clbits = term.paulis.map(({ qubit }) => measured[basis]?.clbitOf.get(qubit) ?? 0);
    reading.terms.push({ clbits, coefficient: term.coefficient });
    readings.set(key, reading);
  }
  return [...readings.values()];
}

/** A mean and the square of its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly variance: number;
}

/**
 * Returns the estimates of all observables for one row.
 *
 * Shapes: counts one entry per measured circuit, and so `errors`; result [K].
 * Maths:  sample mean of the value per shot; variance of the mean s²/S with the unbiased s², summed over measured circuits. With
 *         `errors` the value of a shot is the mitigated one, see {@link mitigatedZ}.
 */
export function estimateObservables(
  plan: MeasurementPlan,
  counts: readonly Counts[],
  errors?: readonly ReadoutErrors[],
): readonly Estimate[] {
  const out = plan.constants.map((mean) => ({ mean, variance: 0 }));
  for (const reading of plan.readings) {
    const ofReading = errors?.[reading.measured];
    const { mean, variance } = readCounts(
      reading,
      counts[reading.measured] ?? new Map(),
      ofReading,
    );
    const entry = out[reading.observable];
    if (entry === undefined) continue;
    entry.mean += mean;
    entry.variance += variance;
  }
  return out;
}

function readCounts(reading: Reading, counts: Counts, errors: ReadoutErrors | undefined): Estimate {
  let shots = 0;
  let sum = 0;
  let squares = 0;
  for (const [bits, count] of counts) {
    const value = outcomeValue(reading, bits, errors);
    shots += count;
    sum += count * value;
    squares += count * value * value;
  }
  const mean = sum / shots;
  const spread = shots > 1 ? Math.max(0, squares - shots * mean * mean) / (shots - 1) : 0;
  return { mean, variance: spread / shots };
}

/** Bit k of an outcome is character length − 1 − k. */
function outcomeValue(reading: Reading, bits: string, errors: ReadoutErrors | undefined): number {
  let value = 0;
  for (const { clbits, coefficient } of reading.terms) {
    let product = coefficient;
    for (const clbit of clbits) {
      const bit = bits.charCodeAt(bits.length - 1 - clbit) === 49 ? 1 : 0;
      const error = errors?.get(clbit);
      product *= error === undefined ? 1 - 2 * bit : mitigatedZ(bit, error);
    }
    value += product;
  }
  return value;
}

/** Returns counts over the first bits of an outcome only: what the source circuit measures, without the bits added here. */
export function restrictCounts(counts: Counts, clbits: number): Counts {
  const out = new Map<string, number>();
  for (const [bits, count] of counts) {
    const key = clbits === 0 ? "" : bits.slice(-clbits);
    out.set(key, (out.get(key) ?? 0) + count);
  }
  return out;
}
