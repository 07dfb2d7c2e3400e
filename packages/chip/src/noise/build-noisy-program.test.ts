import { describe, expect, test } from "vitest";
import { createSnapshot } from "../calibration.ts";
import { newestSnapshot } from "../chip-model.ts";
import { createChip } from "../presets/presets.ts";
import { exactDistribution } from "../reference/exact-distribution.ts";
import type { NoisyProgram } from "../noisy-program.ts";
import type { NativeInstruction, ScheduledCircuit } from "../scheduled-circuit.ts";
import { createGridTopology } from "../topology.ts";
import { buildNoisyProgram, createNoisyProgramTemplate } from "./build-noisy-program.ts";

const time = "2026-01-01T00:00:00Z";
const value = (number: number): { value: number; method: string; time: string } => ({
  value: number,
  method: "test",
  time,
});

/** A chip of two qubits with readout without errors. */
function pairChip(values: {
  readonly e1?: number;
  readonly e2?: number;
  readonly t1Us?: number;
  readonly t2Us?: number;
  readonly tEchoUs?: number;
  readonly extra?: number;
}) {
  const topology = createGridTopology(1, 2);
  const qubit = {
    singleQubitFidelity: value(1 - (values.e1 ?? 0)),
    readoutF0: value(1),
    readoutF1: value(1),
    ...(values.t1Us === undefined ? {} : { t1Us: value(values.t1Us) }),
    ...(values.t2Us === undefined ? {} : { t2Us: value(values.t2Us) }),
    ...(values.tEchoUs === undefined ? {} : { tEchoUs: value(values.tEchoUs) }),
  };
  const snapshot = createSnapshot(
    {
      chip: "pair",
      kind: "measured",
      calibratedAt: time,
      source: "test",
      qubits: [
        { id: 0, values: qubit },
        { id: 1, values: qubit },
      ],
      couplers: [
        {
          a: 0,
          b: 1,
          values: {
            czFidelity: value(1 - (values.e2 ?? 0)),
            ...(values.extra === undefined ? {} : { incoherentFactor: value(values.extra) }),
          },
        },
      ],
    },
    topology,
  );
  return { ...createChip("grid-1x2-ideal"), topology, snapshots: [snapshot], knobs: {} };
}

function pulse(
  qubit: number,
  thetaRad: number,
  phiRad: number,
  startNs: number,
): NativeInstruction {
  return { kind: "rphi", qubit, thetaRad, phiRad, startNs, durationNs: 30 };
}

function cz(startNs: number): NativeInstruction {
  return { kind: "cz", qubits: [0, 1], startNs, durationNs: 40 };
}

function measured(
  qubits: readonly number[],
  durationNs: number,
  gates: readonly NativeInstruction[],
): ScheduledCircuit {
  return {
    physicalQubits: qubits,
    clbits: qubits.length,
    durationNs,
    instructions: [
      ...gates,
      ...qubits.map((qubit, clbit): NativeInstruction => ({
        kind: "measure",
        qubit,
        clbit,
        startNs: durationNs,
        durationNs: 1000,
      })),
    ],
  };
}

/** Bell state: RY(π/2) on both, CZ, RY(−π/2) on qubit 1. */
const bell = measured([0, 1], 100, [
  pulse(0, Math.PI / 2, Math.PI / 2, 0),
  pulse(1, Math.PI / 2, Math.PI / 2, 0),
  cz(30),
  pulse(1, -Math.PI / 2, Math.PI / 2, 70),
]);

describe("a program without noise", () => {
  test("is the circuit: a Bell state", () => {
    const chip = createChip("grid-1x2-ideal");
    const distribution = exactDistribution(buildNoisyProgram(bell, { chip }));
    expect([...distribution]).toEqual([0.5, 0, 0, 0.5].map((p) => expect.closeTo(p, 12)));
  });

  test("has the gates and nothing else", () => {
    const chip = createChip("grid-1x2-ideal");
    expect(buildNoisyProgram(bell, { chip }).steps.map(({ kind }) => kind)).toEqual([
      "unitary",
      "unitary",
      "unitary",
      "unitary",
    ]);
  });
});

describe("gate errors", () => {
  test("a pulse has its calibrated error: X loses 2/3 · 3/2 (1 − F) of its population", () => {
    const chip = pairChip({ e1: 0.003 });
    const distribution = exactDistribution(
      buildNoisyProgram(measured([0], 30, [pulse(0, Math.PI, 0, 0)]), { chip }),
    );
    expect(distribution[0]).toBeCloseTo(0.003, 12);
  });

  test("Markovian decay within a gate is part of the gate error, not on top of it", () => {
    // Mean infidelity over the six cardinal states is the average gate infidelity; T1 and echo time
    // alone exceed it.
    const chip = pairChip({ e1: 0.001, t1Us: 5, t2Us: 0.6, tEchoUs: 1 });
    const half = Math.PI / 2;
    const axes = [0, half, Math.PI, -half];
    const sum = [
      // Prepare and undo each cardinal state with ideal pulses around one noisy identity pulse of
      // 30 ns.
      ...axes.map((phi) => infidelityOf(chip, [half, phi])),
      infidelityOf(chip, [0, 0]),
      infidelityOf(chip, [Math.PI, 0]),
    ].reduce((a, b) => a + b, 0);
    expect(sum / 6).toBeCloseTo(0.001, 5);
    expect(sum / 6).toBeLessThanOrEqual(0.001 + 1e-9);
  });

  test("CZ with an extra factor keeps that share of the Bell correlation", () => {
    const [plain, extra] = [pairChip({ e2: 0.02 }), pairChip({ e2: 0.02, extra: 0.9 })].map(
      (chip) => {
        const p = exactDistribution(buildNoisyProgram(bell, { chip }));
        return p[0]! + p[3]! - p[1]! - p[2]!;
      },
    );
    expect(plain).toBeCloseTo(1 - (16 / 15) * 1.25 * 0.02, 12);
    expect(extra! / plain!).toBeCloseTo(0.9, 12);
  });
});

/**
 * 1 − P(back at the start) when the noise of one pulse of 30 ns hits a state prepared and undone
 * without noise.
 */
function infidelityOf(chip: ReturnType<typeof pairChip>, state: readonly [number, number]): number {
  const [theta, phi] = state;
  const clean = createChip("grid-1x2-ideal");
  const around = (angle: number): NoisyProgram =>
    buildNoisyProgram(measured([0], 30, [pulse(0, angle, phi, 0)]), { chip: clean });
  // The decay that the first pulse owes is paid right before the second, whose own steps are left
  // out.
  const twice = measured([0], 60, [pulse(0, 0, 0, 0), pulse(0, 0, 0, 30)]);
  const noisy = buildNoisyProgram(twice, { chip, knobs: { detuningScale: 0 } });
  const second = noisy.steps.findLastIndex((step) => step.kind === "unitary");
  const steps = [...around(theta).steps, ...noisy.steps.slice(0, second), ...around(-theta).steps];
  return 1 - exactDistribution({ ...noisy, steps })[0]!;
}

describe("waits", () => {
  const ramsey = (waitNs: number, phiRad: number): ScheduledCircuit =>
    measured([0], waitNs + 60, [
      pulse(0, Math.PI / 2, 0, 0),
      pulse(0, Math.PI / 2, phiRad, 30 + waitNs),
    ]);

  test("Ramsey contrast falls to 1/e after T2*", () => {
    const chip = pairChip({ t1Us: 20, t2Us: 2, tEchoUs: 10 });
    const contrast = (waitNs: number): number => {
      const [same, opposite] = [0, Math.PI].map(
        (phi) => exactDistribution(buildNoisyProgram(ramsey(waitNs, phi), { chip }))[1]!,
      );
      return same! - opposite!;
    };
    expect(contrast(1970)).toBeCloseTo(Math.exp(-1), 2); // the pulses add half their length each
  });

  test("an echo refocuses the static detuning and leaves the echo time", () => {
    const chip = pairChip({ t1Us: 20, t2Us: 2, tEchoUs: 10 });
    const echo = (phi: number): number =>
      exactDistribution(
        buildNoisyProgram(
          measured([0], 2090, [
            pulse(0, Math.PI / 2, 0, 0),
            pulse(0, Math.PI, Math.PI / 2, 1030),
            pulse(0, Math.PI / 2, phi, 2060),
          ]),
          { chip },
        ),
      )[1]!;
    expect(echo(0) - echo(Math.PI)).toBeCloseTo(Math.exp(-2000 / 10_000), 3);
  });

  test("a qubit at rest before its first gate does not decay", () => {
    const chip = pairChip({ t1Us: 1 });
    const late = measured([0], 10_030, [pulse(0, Math.PI, 0, 10_000)]);
    expect(exactDistribution(buildNoisyProgram(late, { chip }))[1]).toBeCloseTo(1, 12);
  });

  test("an excited qubit relaxes while it waits for the readout", () => {
    const chip = pairChip({ t1Us: 10 });
    const waiting = measured([0], 5030, [pulse(0, Math.PI, 0, 0)]);
    expect(exactDistribution(buildNoisyProgram(waiting, { chip }))[1]).toBeCloseTo(
      Math.exp(-0.5),
      12,
    );
  });
});

describe("knobs", () => {
  const chip = pairChip({ e1: 0.002, e2: 0.02, t1Us: 20, t2Us: 5 });
  const at = (knobs: Parameters<typeof buildNoisyProgram>[1]["knobs"]): readonly number[] => [
    ...exactDistribution(buildNoisyProgram(bell, { chip, knobs })),
  ];
  const base = at({});

  test.each([
    { singleQubitErrorScale: 5 },
    { twoQubitErrorScale: 3 },
    { singleQubitFactor: 0.95 },
    { incoherentFactor: 0.9 },
    { overRotation: 0.1 },
    { conditionalPhaseRad: 0.3 },
    { czPhaseRad: 0.3 },
    { leakage: 0.05 },
    { thermalPopulation: 0.05 },
    { readoutFlip: 0.03 },
    { zzKhz: 500 },
    { relaxationScale: 50 },
    { driveCrosstalk: 0.05 },
  ])("%o changes what a Bell circuit returns", (knobs) => {
    const changed = at(knobs);
    expect(changed.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
    expect(Math.max(...changed.map((p, index) => Math.abs(p - base[index]!)))).toBeGreaterThan(
      1e-4,
    );
  });

  test("a misspelt knob is refused with the right name", () => {
    expect(() => at({ zzKHz: 1 } as never)).toThrow(/noise\.zzKHz.*zzKhz/);
  });
});

test("a template bound to values equals the program of the bound schedule", () => {
  const chip = createChip("wukong-72");
  const [qubit = 0] = newestSnapshot(chip).qubits.map(({ id }) => id);
  const open = measured([qubit], 60, [
    {
      kind: "rphi",
      qubit,
      thetaRad: { constant: 0.1, terms: [{ parameter: "x", coefficient: 2 }] },
      phiRad: 0,
      startNs: 0,
      durationNs: 30,
    },
    {
      kind: "rphi",
      qubit,
      thetaRad: 0.4,
      phiRad: { constant: 0, terms: [{ parameter: "x", coefficient: 1 }] },
      startNs: 30,
      durationNs: 30,
    },
  ]);
  const bound = measured([qubit], 60, [pulse(qubit, 1.1, 0, 0), pulse(qubit, 0.4, 0.5, 30)]);
  expect(createNoisyProgramTemplate(open, { chip }).bind(() => 0.5)).toEqual(
    buildNoisyProgram(bound, { chip }),
  );
});

test("a qubit that is not calibrated is refused by name", () => {
  const chip = createChip("wukong-72");
  const live = new Set(newestSnapshot(chip).qubits.map(({ id }) => id));
  const dead = Array.from({ length: 72 }, (_, id) => id).find((id) => !live.has(id))!;
  expect(() => buildNoisyProgram(measured([dead], 0, []), { chip })).toThrow(
    `qubit ${dead} is not calibrated`,
  );
});
