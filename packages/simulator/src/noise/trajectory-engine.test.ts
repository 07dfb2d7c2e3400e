import { createRandom } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { describe, expect, test } from "vitest";
import { createNoisySampler, noisyDistribution } from "./noisy-program.ts";
import { compileTrajectories } from "./trajectory-program.ts";

const zeros = (length: number): number[] => new Array<number>(length).fill(0);

/** A random program of strong noise on three qubits, with every kind of step that batched trajectories take. */
function randomProgram(seed: string, sigma: number): NoisyProgram {
  const random = createRandom(seed);
  const steps: NoisyStep[] = [];
  for (let i = 0; i < 30; i++) {
    const qubit = random.nextBelow(3);
    const other = (qubit + 1 + random.nextBelow(2)) % 3;
    steps.push(pulse(qubit, 3 * random.nextUniform(), 6 * random.nextUniform()));
    steps.push({ kind: "detuning", qubit, durationNs: 50 * random.nextUniform() });
    const kind = random.nextBelow(8);
    if (kind === 0) steps.push(relaxation(qubit, 0.1 * random.nextUniform(), 0.05, 0.1));
    if (kind === 1)
      steps.push({ kind: "pauli", qubits: [qubit], probabilities: [0.9, 0.03, 0.05, 0.02] });
    if (kind === 2)
      steps.push({
        kind: "pauli",
        qubits: [qubit, other],
        probabilities: [0.8, ...zeros(4), 0.05, 0.05, ...zeros(4), 0.05, 0, 0, 0.05, 0],
      });
    if (kind === 3) steps.push(diagonal(qubit, other, [0.1, 0.4, -0.2, 3]));
    if (kind === 4) steps.push({ kind: "kraus", qubits: [qubit], operators: leakage(0.08) });
    if (kind === 6) steps.push({ kind: "reset", qubit });
    if (kind === 7) steps.push({ kind: "kraus", qubits: [qubit], operators: crossed });
    if (kind === 5)
      steps.push({
        kind: "unitary",
        qubits: [other, qubit],
        re: [1, 0, 0, 0, 0, 0.6, 0, 0, 0, 0, 0.6, 0, 0, 0, 0, 1],
        im: [0, 0, 0, 0, 0, 0, 0.8, 0, 0, 0.8, 0, 0, 0, 0, 0, 0],
      });
  }
  const measured = [2, 0, 1].map((qubit, clbit) => ({ qubit, clbit }));
  const flips = [
    { p10: 0.02, p01: 0.08 },
    { p10: 0, p01: 0.1 },
    { p10: 0.05, p01: 0 },
  ];
  return {
    qubits: 3,
    physicalQubits: [0, 1, 2],
    clbits: 3,
    detuningSigmaRadPerNs: [sigma, 0.5 * sigma, 2 * sigma],
    steps,
    readout: { measured, flips, correlatedFlips: [{ first: 0, second: 2, probability: 0.05 }] },
  };
}

function pulse(qubit: number, theta: number, phi: number): NoisyStep {
  const [c, s] = [Math.cos(theta / 2), Math.sin(theta / 2)];
  return {
    kind: "unitary",
    qubits: [qubit],
    re: [c, -s * Math.sin(phi), s * Math.sin(phi), c],
    im: [0, -s * Math.cos(phi), -s * Math.cos(phi), 0],
  };
}

function diagonal(a: number, b: number, phases: readonly number[]): NoisyStep {
  const re = zeros(16);
  const im = zeros(16);
  phases.forEach((phase, i) => {
    re[5 * i] = Math.cos(phase);
    im[5 * i] = Math.sin(phase);
  });
  return { kind: "unitary", qubits: [a, b], re, im };
}

/** Relaxation towards a thermal population with dephasing, six operators. */
function relaxation(qubit: number, damping: number, lost: number, population: number): NoisyStep {
  const [down, up, stay] = [
    Math.sqrt(1 - population),
    Math.sqrt(population),
    Math.sqrt(1 - damping - lost),
  ];
  const operators = [
    [down, 0, 0, down * stay],
    [0, down * Math.sqrt(damping), 0, 0],
    [0, 0, 0, down * Math.sqrt(lost)],
    [up * stay, 0, 0, up],
    [0, 0, up * Math.sqrt(damping), 0],
    [up * Math.sqrt(lost), 0, 0, 0],
  ];
  return {
    kind: "kraus",
    qubits: [qubit],
    operators: operators.map((re) => ({ re, im: [0, 0, 0, 0] })),
  };
}

/** No operator is diagonal and can be undone: 1 falls and 0 rises, each into the other with a phase of its own. */
const crossed = [
  [0, 0.8, 0, 0],
  [0, 0, 0, 0.6],
  [0.6, 0, 0, 0],
  [0, 0, 0.8, 0],
].map((re) => ({ re, im: [0, 0, 0, 0] }));

function leakage(share: number): { re: number[]; im: number[] }[] {
  const half = Math.sqrt(share / 2);
  return [
    [1, 0, 0, Math.sqrt(1 - share)],
    [0, half, 0, 0],
    [0, 0, 0, half],
  ].map((re) => ({ re, im: [0, 0, 0, 0] }));
}

describe("batched trajectories", () => {
  test.each(["a", "b", "c", "d", "e", "f"])(
    "follow the density matrix on random program %s",
    async (seed) => {
      const sampler = createNoisySampler({ threads: 2 });
      const program = randomProgram(seed, 0);
      expect(compileTrajectories(program, 64)).toBeDefined();
      const shots = 200_000;
      const counts = await sampler.sample(program, { shots, seed: 5n });
      const distribution = await noisyDistribution(program);
      const chi = [...distribution].reduce(
        (sum, [key, p]) => sum + ((counts.get(key) ?? 0) - shots * p) ** 2 / (shots * p),
        0,
      );
      // 7 degrees of freedom: 31.8 is exceeded with probability 4e-5, six programs are tested with fixed seeds.
      expect(chi).toBeLessThan(31.8);
      await sampler.close();
    },
  );

  test("give the same counts for any number of threads, and a prefix for fewer shots", async () => {
    const program = randomProgram("threads", 0.01);
    const one = createNoisySampler({ threads: 1 });
    const three = createNoisySampler({ threads: 3 });
    const wanted = await one.sample(program, { shots: 20_000, seed: 9n });
    const tasks = [
      three.sample(program, { shots: 20_000, seed: 9n }),
      three.sample(program, { shots: 100, seed: 9n }),
    ];
    const [again, few] = await Promise.all(tasks);
    expect([...again!]).toEqual([...wanted]);
    expect([...(await one.sample(program, { shots: 100, seed: 9n }))]).toEqual([...few!]);
    await one.close();
    await three.close();
  });

  test("give a task the same counts alone and in company of other angles and structures", async () => {
    const template = randomProgram("company", 0.01);
    const turned = (angle: number): NoisyProgram => ({
      ...template,
      steps: template.steps.map((step, index) =>
        index === 0 ? pulse(firstQubit, angle, 1) : step,
      ),
    });
    const firstQubit =
      template.steps[0]?.kind === "unitary" ? (template.steps[0].qubits[0] ?? 0) : 0;
    // The last two have other structures: a pulse that turns nothing, and another program altogether.
    const programs = [...[0.3, 0.8, 1.9].map(turned), turned(0), randomProgram("other", 0.01)];
    const alone: (readonly (readonly [string, number])[])[] = [];
    for (const program of programs) {
      const sampler = createNoisySampler({ threads: 1 });
      alone.push([...(await sampler.sample(structuredClone(program), { shots: 500, seed: 4n }))]);
      await sampler.close();
    }
    const together = createNoisySampler({ threads: 2 });
    const order = [4, 2, 3, 0, 1];
    const counts = await Promise.all(
      order.map((index) => together.sample(programs[index]!, { shots: 500, seed: 4n })), // inside
    );
    order.forEach((index, at) =>
      expect([...counts[at]!], `program ${index}`).toEqual(alone[index]),
    );
    expect(alone[0]).not.toEqual(alone[1]);
    await together.close();
  });

  test("go on for the others when one task is given up", async () => {
    const sampler = createNoisySampler({ threads: 2 });
    const program = randomProgram("given up", 0.01);
    const controller = new AbortController();
    const tasks = [1n, 2n, 3n].map((seed) =>
      sampler.sample(program, {
        shots: 5000,
        seed,
        signal: seed === 2n ? controller.signal : undefined,
      }),
    );
    controller.abort();
    const results = await Promise.allSettled(tasks);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: { code: "cancelled" } });
    await sampler.close();
  });

  test("dephase under detuning as a Gaussian does", async () => {
    const half = pulse(0, Math.PI / 2, Math.PI / 2);
    const program: NoisyProgram = {
      qubits: 1,
      physicalQubits: [0],
      clbits: 1,
      detuningSigmaRadPerNs: [0.01],
      steps: [half, { kind: "detuning", qubit: 0, durationNs: 120 }, half],
      readout: {
        measured: [{ qubit: 0, clbit: 0 }],
        flips: [{ p10: 0, p01: 0 }],
        correlatedFlips: [],
      },
    };
    const sampler = createNoisySampler({ threads: 1 });
    const shots = 100_000;
    const ones = (await sampler.sample(program, { shots, seed: 1n })).get("1") ?? 0;
    // P(1) = (1 + e^{−σ²t²/2}) / 2; five standard deviations of a binomial are below 0.008.
    expect(Math.abs(ones / shots - (1 + Math.exp(-0.72)) / 2)).toBeLessThan(0.008);
    await sampler.close();
  });
});
