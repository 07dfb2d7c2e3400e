import { createRandom } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { describe, expect, test } from "vitest";
import { detuningSet, inverseNormal } from "./detuning.ts";
import { densityMatrixPopulations } from "./density-matrix.ts";
import { noisyDistribution, sampleNoisyProgram } from "./noisy-program.ts";
import { chiSquare } from "../testing/chi-square.ts";

/** Processor time of this process in ms: what an abort costs does not depend on what else the machine does. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const hadamard: NoisyStep = {
  kind: "unitary",
  qubits: [0],
  re: [0.6, 0.8, 0.8, -0.6],
  im: [0, 0, 0, 0],
};

function relaxation(qubit: number, damping: number): NoisyStep {
  return {
    kind: "kraus",
    qubits: [qubit],
    operators: [
      { re: [1, 0, 0, Math.sqrt(1 - damping)], im: [0, 0, 0, 0] },
      { re: [0, Math.sqrt(damping), 0, 0], im: [0, 0, 0, 0] },
    ],
  };
}

/** Two qubits with every kind of step. */
const program: NoisyProgram = {
  qubits: 2,
  physicalQubits: [5, 7],
  clbits: 2,
  detuningSigmaRadPerNs: [0.004, 0.002],
  steps: [
    hadamard,
    { kind: "detuning", qubit: 0, durationNs: 100 },
    relaxation(0, 0.15),
    { ...hadamard, qubits: [1] },
    {
      kind: "unitary",
      qubits: [0, 1],
      re: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1],
      im: new Array<number>(16).fill(0),
    },
    {
      kind: "pauli",
      qubits: [0, 1],
      probabilities: [0.8, 0.05, 0, 0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.05],
    },
    { kind: "detuning", qubit: 1, durationNs: 400 },
    hadamard,
    { ...hadamard, qubits: [1] },
  ],
  readout: {
    measured: [
      { qubit: 0, clbit: 1 },
      { qubit: 1, clbit: 0 },
    ],
    flips: [
      { p10: 0.02, p01: 0.1 },
      { p10: 0.01, p01: 0.05 },
    ],
    correlatedFlips: [{ first: 0, second: 1, probability: 0.03 }],
  },
};

describe("sampleNoisyProgram", () => {
  test("follows the averaged density matrix", async () => {
    const shots = 20_000;
    const counts = await sampleNoisyProgram(program, { shots, seed: 3n });
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(shots);
    // 3 degrees of freedom: 21.1 is exceeded with probability 1e-4; the quadrature error of 64 vectors adds little.
    expect(chiSquare(counts, await noisyDistribution(program), shots)).toBeLessThan(21.1);
  });

  test("repeats with the seed and differs without", async () => {
    const first = await sampleNoisyProgram(program, { shots: 300, seed: 1n });
    expect([
      ...(await sampleNoisyProgram(program, { shots: 300, random: createRandom(1n) })),
    ]).toEqual([...first]);
    expect([...(await sampleNoisyProgram(program, { shots: 300, seed: 2n }))]).not.toEqual([
      ...first,
    ]);
  });

  test("resets a qubit whatever it was entangled with", async () => {
    const steps: NoisyStep[] = [hadamard, { kind: "reset", qubit: 0 }];
    const readout = {
      measured: [{ qubit: 0, clbit: 0 }],
      flips: [{ p10: 0, p01: 0 }],
      correlatedFlips: [],
    };
    const counts = await sampleNoisyProgram(
      { ...program, steps, readout, clbits: 1 },
      { shots: 100, seed: 1n },
    );
    expect([...counts]).toEqual([["0", 100]]);
  });

  test.each([0, -1, 1.5])("%s shots are refused", async (shots) => {
    await expect(sampleNoisyProgram(program, { shots, seed: 1n })).rejects.toMatchObject({
      code: "out_of_range",
    });
  });

  test("stops within 100 ms of an abort", async () => {
    const controller = new AbortController();
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = cpuMs();
      controller.abort();
    }, 20);
    await expect(
      sampleNoisyProgram(program, { shots: 10_000_000, seed: 1n, signal: controller.signal }),
    ).rejects.toMatchObject({ code: "cancelled" });
    expect(cpuMs() - abortedAt).toBeLessThan(100);
  });
});

test("populations of the density matrix sum to 1", () => {
  const populations = densityMatrixPopulations(program, [0.003, -0.001]);
  expect(populations.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
});

describe("detuningSet", () => {
  test("has mean 0 and variance 1 on every qubit", () => {
    for (let qubit = 0; qubit < 5; qubit++) {
      const values = detuningSet(5).map((vector) => vector[qubit]!);
      expect(values).toHaveLength(64);
      expect(values.reduce((sum, x) => sum + x, 0)).toBeCloseTo(0, 12);
      expect(values.reduce((sum, x) => sum + x * x, 0) / 64).toBeCloseTo(1, 12);
    }
  });

  test("keeps echo decay exp(−σ²t²/2) to 2 % of the contrast", () => {
    const mean = detuningSet(1).reduce((sum, [x]) => sum + Math.cos(1.2 * x!), 0) / 64;
    expect(Math.abs(mean - Math.exp(-0.72))).toBeLessThan(0.02);
  });

  test("inverts the normal distribution", () => {
    expect(inverseNormal(0.975)).toBeCloseTo(1.959963984540054, 10);
    expect(inverseNormal(1e-6)).toBeCloseTo(-4.753424308822899, 8);
  });
});

test("a program of six qubits has the distribution of its parts", async () => {
  // Three copies of the program side by side, without the correlated readout that would join them.
  const moved = (copy: number): NoisyStep[] =>
    program.steps.map((step) =>
      step.kind === "detuning" || step.kind === "reset"
        ? { ...step, qubit: step.qubit + 2 * copy }
        : { ...step, qubits: step.qubits.map((qubit) => qubit + 2 * copy) },
    );
  const plain = {
    ...program,
    detuningSigmaRadPerNs: [0, 0],
    readout: { ...program.readout, correlatedFlips: [] },
  };
  const wide: NoisyProgram = {
    ...plain,
    qubits: 6,
    clbits: 6,
    physicalQubits: [0, 1, 2, 3, 4, 5],
    detuningSigmaRadPerNs: [0, 0, 0, 0, 0, 0],
    steps: [0, 1, 2].flatMap(moved),
    readout: {
      measured: [0, 1, 2].flatMap((copy) =>
        program.readout.measured.map(({ qubit, clbit }) => ({
          qubit: qubit + 2 * copy,
          clbit: clbit + 2 * copy,
        })),
      ),
      flips: [0, 1, 2].flatMap(() => program.readout.flips),
      correlatedFlips: [],
    },
  };
  const one = await noisyDistribution(plain);
  const three = await noisyDistribution(wide);
  for (const [text, p] of three) {
    const product = [0, 2, 4].reduce((value, at) => value * one.get(text.slice(at, at + 2))!, 1); // every outcome occurs
    expect(Math.abs(p - product)).toBeLessThan(1e-12);
  }
  expect(three.size).toBe(64);
});
