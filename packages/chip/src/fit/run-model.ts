import type { CalibrationEntry, CalibrationSnapshot } from "../calibration.ts";
import type { ChipModel } from "../chip-model.ts";
import { buildNoisyProgram } from "../noise/build-noisy-program.ts";
import { exactPopulations, readOut } from "../reference/exact-distribution.ts";
import type { ScheduledCircuit } from "../scheduled-circuit.ts";
import type { NoisyReadout } from "../noisy-program.ts";
import type { FitParameter } from "./fit-parameters.ts";

/**
 * Predicts distributions of schedules for values of parameters. Lives for one fit; remembers what
 * only gates change.
 */
export interface RunModel {
  /**
   * Distributions of all schedules. Shapes: values float64 [P], each distribution float64
   * [2^clbits].
   */
  readonly distributions: (values: Float64Array) => readonly Float64Array[];
}

interface Evolved {
  readonly populations: Float64Array;
  readonly readout: NoisyReadout;
}

/**
 * Creates the model of schedules on a chip, with the parameters free and all else as the snapshot
 * says.
 */
export function createRunModel(
  schedules: readonly ScheduledCircuit[],
  parameters: readonly FitParameter[],
  chip: ChipModel,
  snapshot: CalibrationSnapshot,
): RunModel {
  const small = restrict(
    snapshot,
    new Set(schedules.flatMap(({ physicalQubits }) => physicalQubits)),
  );
  const touched = schedules.map((schedule) => gateParameters(schedule, parameters));
  const memory = schedules.map(() => new Map<string, Evolved>());
  const evolve = (index: number, values: Float64Array): Evolved => {
    const key = (touched[index] ?? []).map((j) => values[j]).join(",");
    const known = memory[index]?.get(key);
    if (known !== undefined) return known;
    const schedule = schedules[index];
    if (schedule === undefined) throw new RangeError("internal: no such run");
    const trial = applyParameters(small, parameters, values, {
      method: "trial",
      time: snapshot.calibratedAt,
    });
    const program = buildNoisyProgram(schedule, { chip, snapshot: trial });
    const evolved = { populations: exactPopulations(program), readout: program.readout };
    const known2 = memory[index];
    if (known2 !== undefined && known2.size > 400) known2.clear();
    known2?.set(key, evolved);
    return evolved;
  };
  return {
    distributions: (values) =>
      schedules.map((schedule, index) => {
        const { populations, readout } = evolve(index, values);
        return readOut(
          populations,
          withReadout(readout, schedule, parameters, values),
          schedule.clbits,
        );
      }),
  };
}

/** Which parameters change the state before the readout. */
function gateParameters(
  schedule: ScheduledCircuit,
  parameters: readonly FitParameter[],
): readonly number[] {
  const used = new Set(schedule.physicalQubits);
  return parameters.flatMap((parameter, j) => {
    if (parameter.quantity.startsWith("readoutF")) return [];
    const qubits = parameter.of === "qubit" ? [parameter.qubit] : [parameter.a, parameter.b];
    return qubits.every((qubit) => used.has(qubit)) ? [j] : [];
  });
}

function withReadout(
  readout: NoisyReadout,
  schedule: ScheduledCircuit,
  parameters: readonly FitParameter[],
  values: Float64Array,
): NoisyReadout {
  const physical = readout.measured.map(({ qubit }) => schedule.physicalQubits[qubit]);
  const flips = readout.flips.map((flip) => ({ ...flip }));
  const correlatedFlips = readout.correlatedFlips.map((flip) => ({ ...flip }));
  for (const [j, parameter] of parameters.entries()) {
    const value = values[j] ?? 0;
    if (parameter.of === "qubit") {
      const flip = flips[physical.indexOf(parameter.qubit)];
      if (flip === undefined) continue;
      if (parameter.quantity === "readoutF0") flip.p10 = 1 - value;
      if (parameter.quantity === "readoutF1") flip.p01 = 1 - value;
    } else if (parameter.quantity === "readoutFlip") {
      const first = physical.indexOf(parameter.a);
      const second = physical.indexOf(parameter.b);
      if (first < 0 || second < 0) continue;
      const known = correlatedFlips.find((flip) => flip.first === first && flip.second === second);
      if (known === undefined) correlatedFlips.push({ first, second, probability: value });
      else known.probability = value;
    }
  }
  return { ...readout, flips, correlatedFlips };
}

/** The part of a snapshot that a few qubits need. */
function restrict(snapshot: CalibrationSnapshot, qubits: ReadonlySet<number>): CalibrationSnapshot {
  return {
    ...snapshot,
    qubits: snapshot.qubits.filter(({ id }) => qubits.has(id)),
    couplers: snapshot.couplers.filter(({ a, b }) => qubits.has(a) && qubits.has(b)),
  };
}

/**
 * Returns the snapshot with the values of parameters put in. Its id is that of the argument: for
 * use inside a fit.
 */
export function applyParameters(
  snapshot: CalibrationSnapshot,
  parameters: readonly FitParameter[],
  values: ArrayLike<number>,
  provenance: {
    readonly method: string;
    readonly time: string;
    readonly errors?: ArrayLike<number>;
  },
): CalibrationSnapshot {
  const entry = (j: number): CalibrationEntry => {
    const error = provenance.errors?.[j];
    return {
      value: values[j] ?? 0,
      ...(error === undefined || !Number.isFinite(error) ? {} : { error }),
      method: provenance.method,
      time: provenance.time,
    };
  };
  const changes = (
    match: (parameter: FitParameter) => boolean,
  ): Readonly<Record<string, CalibrationEntry>> =>
    Object.fromEntries(
      parameters.flatMap((parameter, j) =>
        match(parameter) ? [[parameter.quantity, entry(j)]] : [],
      ),
    );
  return {
    ...snapshot,
    qubits: snapshot.qubits.map((row) => ({
      ...row,
      values: { ...row.values, ...changes((p) => p.of === "qubit" && p.qubit === row.id) },
    })),
    couplers: snapshot.couplers.map((row) => ({
      ...row,
      values: {
        ...row.values,
        ...changes((p) => p.of === "coupler" && p.a === row.a && p.b === row.b),
      },
    })),
  };
}
