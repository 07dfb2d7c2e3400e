import { describe, expect, test } from "vitest";
import { newestSnapshot } from "../chip-model.ts";
import { predictedFidelity } from "../predicted-fidelity.ts";
import { createChip } from "../presets/presets.ts";
import { exactDistribution } from "../reference/exact-distribution.ts";
import type { ScheduledCircuit } from "../scheduled-circuit.ts";
import { buildNoisyProgram } from "./build-noisy-program.ts";
import { crosstalkCost } from "./crosstalk-cost.ts";
import { hasCrosstalk } from "./crosstalk.ts";
import { defaultKnobs, idealKnobs, scaleNoise } from "./knobs.ts";

const chip = createChip("grid-1x4");
const snapshot = newestSnapshot(chip);

/** Two quarter turns that undo each other, 400 ns apart: a Ramsey experiment. */
function ramsey(qubit: number): ScheduledCircuit {
  const pulse = (startNs: number, phiRad: number) =>
    ({
      kind: "rphi",
      qubit,
      thetaRad: Math.PI / 2,
      phiRad,
      startNs,
      durationNs: 30,
    }) as const;
  const measure = { kind: "measure", qubit, clbit: 0, startNs: 430, durationNs: 1000 } as const;
  return {
    physicalQubits: [qubit],
    clbits: 1,
    instructions: [pulse(0, 0), pulse(400, Math.PI), measure],
    durationNs: 430,
  };
}

/** Two CZ on one pair. */
function pair(a: number, b: number): ScheduledCircuit {
  const cz = (startNs: number) =>
    ({ kind: "cz", qubits: [a, b], startNs, durationNs: 40 }) as const;
  return { physicalQubits: [a, b], clbits: 0, instructions: [cz(0), cz(40)], durationNs: 80 };
}

const quiet = { ...idealKnobs, extraScale: 1 };

describe("ZZ between circuits", () => {
  const knobs = { ...quiet, zzKhz: 500 };
  const readZero = (beside: readonly ScheduledCircuit[]) =>
    exactDistribution(buildNoisyProgram(ramsey(1), { chip, knobs, beside }))[0];

  test("turns a qubit by ζ t where its neighbour is in 1, half of the time", () => {
    const turnRad = 2 * Math.PI * 0.5e-3 * 400;
    expect(readZero([])).toBeCloseTo(1, 12);
    expect(readZero([ramsey(2)])).toBeCloseTo((1 + (1 + Math.cos(turnRad)) / 2) / 2, 12);
  });

  test("reaches coupled neighbours only, from both sides", () => {
    expect(readZero([ramsey(3)])).toBeCloseTo(1, 12);
    expect(readZero([ramsey(0), ramsey(2)])).toBeLessThan(readZero([ramsey(2)]) ?? 0);
  });

  test("counts as crosstalk, from the knob or from one coupler of a snapshot", () => {
    expect(hasCrosstalk(snapshot, defaultKnobs)).toBe(false);
    expect(hasCrosstalk(snapshot, { ...defaultKnobs, zzKhz: 1 })).toBe(true);
    const [first, ...rest] = snapshot.couplers;
    if (first === undefined) throw new Error("the grid has couplers");
    const entry = { value: 30, method: "test", time: snapshot.calibratedAt };
    const couplers = [{ ...first, values: { ...first.values, zzKhz: entry } }, ...rest];
    expect(hasCrosstalk({ ...snapshot, couplers }, defaultKnobs)).toBe(true);
    expect(hasCrosstalk(snapshot, { ...defaultKnobs, zzKhz: 1, ...scaleNoise(0) })).toBe(false);
  });
});

describe("crosstalkCost", () => {
  test("is 0 while crosstalk is off, and grows with every neighbour", () => {
    const beside = [pair(2, 3)];
    expect(crosstalkCost(pair(0, 1), { chip, beside })).toBe(0);
    const knobs = { ...quiet, simultaneousCzFactor: 0.9 };
    expect(crosstalkCost(pair(0, 1), { chip, knobs })).toBe(0);
    // two CZ, each beside one of the neighbours: −2 ln(1 − 3/4 · 0.1)
    expect(crosstalkCost(pair(0, 1), { chip, knobs, beside })).toBeCloseTo(
      -2 * Math.log(0.925),
      12,
    );
  });

  test("of phases: each CZ beside turns the neighbour once it has begun", () => {
    const knobs = { ...quiet, crosstalkPhaseRad: 0.4 };
    const one = -Math.log(1 / 3 + (2 / 3) * Math.cos(0.2) ** 2);
    expect(crosstalkCost(pair(0, 1), { chip, knobs, beside: [pair(2, 3)] })).toBeCloseTo(
      2 * one,
      12,
    );
  });

  test("is part of the predicted fidelity where the company is named", () => {
    const knobs = { ...quiet, simultaneousCzFactor: 0.9 };
    const beside = [pair(2, 3)];
    expect(predictedFidelity(pair(0, 1), snapshot, knobs).crosstalk).toBe(1);
    const { total, crosstalk } = predictedFidelity(pair(0, 1), snapshot, knobs, { chip, beside });
    expect(crosstalk).toBeCloseTo(0.925 ** 2, 12);
    expect(total).toBeCloseTo(0.925 ** 2, 12);
  });
});
