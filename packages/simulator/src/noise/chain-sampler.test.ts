import { type Random, createRandom } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { describe, expect, test } from "vitest";
import { compileChain, splitOperator } from "./chain-program.ts";
import { type ChainOptions, sampleChain } from "./chain-sampler.ts";
import { createNoisySampler, noisyDistribution, runNoisyProgram } from "./noisy-program.ts";
import { chiSquare } from "../testing/chi-square.ts";

const zeros = (count: number): number[] => new Array<number>(count).fill(0);

function turn(qubit: number, random: Random): NoisyStep {
  const [c, s] = [Math.cos(random.nextUniform() * 3), 0];
  const sin = Math.sqrt(1 - c * c);
  const [phi, lambda] = [6 * random.nextUniform(), 6 * random.nextUniform()];
  return {
    kind: "unitary",
    qubits: [qubit],
    re: [c, -sin * Math.cos(lambda), sin * Math.cos(phi), c * Math.cos(phi + lambda)],
    im: [s, -sin * Math.sin(lambda), sin * Math.sin(phi), c * Math.sin(phi + lambda)],
  };
}

/** The first qubit turned by an angle that depends on the second: rank 2, neither symmetric nor diagonal. */
function controlledTurn(target: number, control: number): NoisyStep {
  const re = zeros(16);
  const [c, s] = [0.6, 0.8];
  re.splice(0, 6, 1, 0, 0, 0, 0, 1);
  re[10] = c;
  re[11] = -s;
  re[14] = s;
  re[15] = c;
  return { kind: "unitary", qubits: [target, control], re, im: zeros(16) };
}

const partialSwap = (a: number, b: number): NoisyStep => ({
  kind: "unitary",
  qubits: [a, b],
  re: [1, 0, 0, 0, 0, 0.6, 0, 0, 0, 0, 0.6, 0, 0, 0, 0, 1],
  im: [0, 0, 0, 0, 0, 0, 0.8, 0, 0, 0.8, 0, 0, 0, 0, 0, 0],
});

function relaxation(qubit: number, damping: number): NoisyStep {
  return {
    kind: "kraus",
    qubits: [qubit],
    operators: [
      { re: [1, 0, 0, Math.sqrt(1 - damping)], im: zeros(4) },
      { re: [0, Math.sqrt(damping), 0, 0], im: zeros(4) },
    ],
  };
}

/** Both qubits decay together from |11⟩ to |00⟩: a channel of two qubits that no channels of one make. */
function jointDecay(a: number, b: number, damping: number): NoisyStep {
  const stay = zeros(16);
  for (const i of [0, 5, 10]) stay[i] = 1;
  stay[15] = Math.sqrt(1 - damping);
  const fall = zeros(16);
  fall[3] = Math.sqrt(damping);
  return {
    kind: "kraus",
    qubits: [a, b],
    operators: [stay, fall].map((re) => ({ re, im: zeros(16) })),
  };
}

/** Programs on which every kind of step occurs, between neighbours and over a distance. */
function randomProgram(seed: string, sigma: number): NoisyProgram {
  const random = createRandom(seed);
  const n = 4;
  const steps: NoisyStep[] = [];
  for (let i = 0; i < 28; i++) {
    const a = random.nextBelow(n);
    const b = (a + 1 + random.nextBelow(n - 1)) % n;
    steps.push(turn(a, random), { kind: "detuning", qubit: a, durationNs: 50 });
    const kind = i % 7;
    if (kind === 0) steps.push(controlledTurn(a, b));
    if (kind === 1) steps.push(relaxation(a, 0.2));
    if (kind === 2) steps.push(partialSwap(a, b));
    if (kind === 3)
      steps.push({
        kind: "pauli",
        qubits: [a, b],
        probabilities: [0.8, ...zeros(4), 0.05, 0.05, ...zeros(4), 0.05, 0, 0, 0.05, 0],
      });
    if (kind === 4) steps.push(jointDecay(a, b, 0.3));
    if (kind === 5 && random.nextBelow(2) === 0) steps.push({ kind: "reset", qubit: a });
    if (kind === 6) steps.push(controlledTurn(b, a));
  }
  return {
    qubits: n,
    physicalQubits: [0, 1, 2, 3],
    clbits: 3,
    detuningSigmaRadPerNs: [sigma, 0.5 * sigma, 2 * sigma, sigma],
    steps,
    readout: {
      measured: [2, 0, 3].map((qubit, clbit) => ({ qubit, clbit })),
      flips: [
        { p10: 0.02, p01: 0.08 },
        { p10: 0, p01: 0.1 },
        { p10: 0.05, p01: 0 },
      ],
      correlatedFlips: [{ first: 0, second: 2, probability: 0.05 }],
    },
  };
}

async function sample(program: NoisyProgram, shots: number, options: ChainOptions = {}) {
  const chain = compileChain(program);
  if (chain === undefined) throw new Error("a chain takes this program");
  return sampleChain(program, chain, shots, createRandom(7n), options);
}

describe("noisy matrix product states", () => {
  test.each(["a", "b", "c", "d"])(
    "follow the density matrix on random program %s",
    async (seed) => {
      const program = randomProgram(seed, 0);
      const shots = 600;
      const { counts, droppedWeight } = await sample(program, shots);
      // 7 degrees of freedom: 31.8 is exceeded with probability 4e-5; four programs with fixed seeds.
      expect(chiSquare(counts, await noisyDistribution(program), shots)).toBeLessThan(31.8);
      expect(droppedWeight).toBeLessThan(1e-6);
    },
  );

  test("follow the density matrix under detuning", async () => {
    const program = randomProgram("detuned", 0.004);
    const shots = 600;
    const { counts } = await sample(program, shots);
    // As above; the quadrature error of 64 vectors adds little.
    expect(chiSquare(counts, await noisyDistribution(program), shots)).toBeLessThan(31.8);
  });

  test("give the first shots of a longer run to a shorter one", async () => {
    const program = randomProgram("prefix", 0.004);
    const chain = compileChain(program)!; // as in the other tests
    const parts = await Promise.all(
      [100, 60].map((shots) => sampleChain(program, chain, shots, createRandom(3n))),
    );
    const [all, few] = parts.map(({ counts }) => counts);
    for (const [key, count] of few!) expect(all!.get(key)).toBeGreaterThanOrEqual(count);
    const again = await sampleChain(program, chain, 100, createRandom(3n));
    expect([...again.counts]).toEqual([...all!]);
  });

  test("say what cutting dropped", async () => {
    const program = randomProgram("cut", 0);
    const { droppedWeight, largestBond } = await sample(program, 20, {
      maxBond: 64,
      errorBudget: 0.5,
    });
    expect(droppedWeight).toBeGreaterThan(0);
    expect(droppedWeight).toBeLessThan(0.5);
    expect(largestBond).toBeLessThanOrEqual(64);
  });
});

/** A brickwork of partial swaps and CZ-like turns on a line, with damping everywhere. */
function brickwork(n: number, depth: number): NoisyProgram {
  const random = createRandom("brickwork");
  const qubits = Array.from({ length: n }, (_, qubit) => qubit);
  const steps: NoisyStep[] = [];
  for (let layer = 0; layer < depth; layer++) {
    for (const qubit of qubits) steps.push(turn(qubit, random), relaxation(qubit, 0.003));
    for (let qubit = layer % 2; qubit + 1 < n; qubit += 2)
      steps.push(controlledTurn(qubit, qubit + 1), {
        kind: "pauli",
        qubits: [qubit, qubit + 1],
        probabilities: [0.99, ...zeros(4), 0.01, ...zeros(10)],
      });
  }
  return {
    qubits: n,
    physicalQubits: qubits,
    clbits: n,
    detuningSigmaRadPerNs: qubits.map(() => 0),
    steps,
    readout: {
      measured: qubits.map((qubit) => ({ qubit, clbit: qubit })),
      flips: qubits.map(() => ({ p10: 0.01, p01: 0.02 })),
      correlatedFlips: [],
    },
  };
}

describe("the choice of a method", () => {
  test("takes a matrix product state for wide programs that entangle little, and says so", async () => {
    const { counts, method, reason, error, largestBond } = await runNoisyProgram(brickwork(40, 4), {
      shots: 10,
      seed: 1n,
    });
    expect(method).toBe("mps");
    expect(reason).toContain("40 qubits");
    expect(error).toBeLessThan(1e-6);
    expect(largestBond).toBeLessThanOrEqual(16);
    expect([...counts.keys()].every((text) => text.length === 40)).toBe(true);
  });

  test("gives every qubit of a wide program the marginal of its light cone", async () => {
    // Qubit 20 after two layers depends on qubits 18 to 22 alone; the same steps there, on a density matrix.
    const wide = brickwork(40, 2);
    const kept = [18, 19, 20, 21, 22, 23];
    const at = (qubit: number): number => kept.indexOf(qubit);
    const narrow: NoisyProgram = {
      ...wide,
      qubits: kept.length,
      physicalQubits: kept,
      clbits: 1,
      detuningSigmaRadPerNs: zeros(kept.length),
      steps: wide.steps.flatMap((step): NoisyStep[] => {
        if (step.kind === "detuning" || step.kind === "reset") return [];
        const qubits = step.qubits.map(at);
        return qubits.includes(-1) ? [] : [{ ...step, qubits }];
      }),
      readout: {
        measured: [{ qubit: at(20), clbit: 0 }],
        flips: [{ p10: 0.01, p01: 0.02 }],
        correlatedFlips: [],
      },
    };
    const p = (await noisyDistribution(narrow)).get("1") ?? 0;
    const shots = 600;
    const { counts } = await runNoisyProgram(wide, { shots, seed: 2n });
    const ones = [...counts].reduce(
      (sum, [text, count]) => sum + (text[39 - 20] === "1" ? count : 0),
      0,
    );
    // Five standard deviations of a binomial, exceeded with probability 6e-7.
    expect(Math.abs(ones / shots - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / shots));
  });

  test("refuses what entangles beyond the bonds, with the figures", async () => {
    await expect(
      runNoisyProgram(brickwork(30, 14), { shots: 1, seed: 1n, maxBond: 4 }),
    ).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining("bonds of at most 4") as string,
    });
  });

  test("stops a wide program within 100 ms of an abort", async () => {
    const sampler = createNoisySampler({ threads: 1 });
    const controller = new AbortController();
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = cpuMs();
      controller.abort();
    }, 50);
    await expect(
      sampler.sample(brickwork(72, 6), { shots: 100_000, seed: 1n, signal: controller.signal }),
    ).rejects.toMatchObject({ code: "cancelled" });
    expect(cpuMs() - abortedAt).toBeLessThan(100);
    await sampler.close();
  });
});

/** Processor time of this process in ms: what an abort costs does not depend on what else the machine does. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

test("operators of two qubits are sums of products", () => {
  const random = createRandom("split");
  const matrix = Float64Array.from({ length: 32 }, () => random.nextNormal());
  const { rank, low, high } = splitOperator(matrix);
  expect(rank).toBe(4);
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      let [re, im] = [0, 0];
      for (let k = 0; k < rank; k++) {
        const l = 8 * k + 4 * (row & 1) + 2 * (column & 1);
        const h = 8 * k + 4 * (row >> 1) + 2 * (column >> 1);
        re += low[l]! * high[h]! - low[l + 1]! * high[h + 1]!; // [rank, 2, 2]
        im += low[l]! * high[h + 1]! + low[l + 1]! * high[h]!;
      }
      expect(re).toBeCloseTo(matrix[8 * row + 2 * column]!, 12);
      expect(im).toBeCloseTo(matrix[8 * row + 2 * column + 1]!, 12);
    }
  }
});
