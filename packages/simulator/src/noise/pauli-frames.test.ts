import { createRandom } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { describe, expect, test } from "vitest";
import { noisyDistribution, sampleNoisyProgram } from "./noisy-program.ts";
import { sampleFrames } from "./pauli-frames.ts";

const r = Math.SQRT1_2;
const hadamard = (qubit: number): NoisyStep => ({
  kind: "unitary",
  qubits: [qubit],
  re: [r, r, r, -r],
  im: [0, 0, 0, 0],
});
const phase = (qubit: number): NoisyStep => ({
  kind: "unitary",
  qubits: [qubit],
  re: [1, 0, 0, 0],
  im: [0, 0, 0, 1],
});
/** The first qubit controls; it is the least significant bit. */
const flipIf = (control: number, target: number): NoisyStep => ({
  kind: "unitary",
  qubits: [control, target],
  re: [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0],
  im: new Array<number>(16).fill(0),
});
const mixture = (qubits: readonly number[], probabilities: readonly number[]): NoisyStep => ({
  kind: "pauli",
  qubits,
  probabilities,
});

function programOf(qubits: number, steps: readonly NoisyStep[], p10 = 0, p01 = 0): NoisyProgram {
  const all = Array.from({ length: qubits }, (_, qubit) => qubit);
  return {
    qubits,
    physicalQubits: all,
    clbits: qubits,
    steps,
    detuningSigmaRadPerNs: all.map(() => 0),
    readout: {
      measured: all.map((qubit) => ({ qubit, clbit: qubit })),
      flips: all.map(() => ({ p10, p01 })),
      correlatedFlips: [],
    },
  };
}

function randomProgram(seed: string): NoisyProgram {
  const random = createRandom(seed);
  const zeros = (length: number): number[] => new Array<number>(length).fill(0);
  const steps: NoisyStep[] = [];
  for (let i = 0; i < 40; i++) {
    const a = random.nextBelow(4);
    const b = (a + 1 + random.nextBelow(3)) % 4;
    const kind = random.nextBelow(6);
    if (kind === 0) steps.push(hadamard(a));
    if (kind === 1) steps.push(phase(a));
    if (kind === 2) steps.push(flipIf(a, b));
    if (kind === 3) steps.push(mixture([a], [0.9, 0.05, 0.02, 0.03]));
    if (kind === 4)
      steps.push(mixture([a, b], [0.85, ...zeros(5), 0.05, ...zeros(3), 0.04, 0, 0.06, 0, 0, 0]));
    if (kind === 5 && i % 3 === 0) steps.push({ kind: "reset", qubit: a });
  }
  return programOf(4, steps, 0.02, 0.07);
}

describe("Pauli frames", () => {
  test.each(["a", "b", "c", "d", "e"])(
    "follow the density matrix on random program %s",
    async (seed) => {
      const program = randomProgram(seed);
      const shots = 50_000;
      const counts = sampleFrames(program, shots, createRandom(7n));
      const chi = [...(await noisyDistribution(program))].reduce(
        (sum, [key, p]) => sum + ((counts?.get(key) ?? 0) - shots * p) ** 2 / (shots * p),
        0,
      );
      // At most 15 degrees of freedom: 44.3 is exceeded with probability 1e-4, five programs with fixed seeds.
      expect(chi).toBeLessThan(44.3);
    },
  );

  test("sample a noisy GHZ state of 72 qubits, more bits than a word has", async () => {
    const n = 72;
    const steps = [
      hadamard(0),
      ...Array.from({ length: n - 1 }, (_, i) => flipIf(i, i + 1)),
      mixture([40], [0.75, 0.25, 0, 0]),
    ];
    const shots = 4000;
    const counts = await sampleNoisyProgram(programOf(n, steps), { shots, seed: 3n });
    const flipped = "0".repeat(31) + "1" + "0".repeat(40);
    const seen = (text: string): number => counts.get(text) ?? 0;
    const invert = (text: string): string =>
      text.replace(/[01]/g, (bit) => (bit === "0" ? "1" : "0"));
    const whole = "0".repeat(n);
    expect(seen(whole) + seen(invert(whole)) + seen(flipped) + seen(invert(flipped))).toBe(shots);
    // Five standard deviations of a binomial.
    expect(Math.abs(seen(flipped) + seen(invert(flipped)) - shots / 4)).toBeLessThan(137);
    expect(Math.abs(seen(whole) + seen(flipped) - shots / 2)).toBeLessThan(158);
  });

  test("leave detuned qubits, other unitaries and damping to other engines", () => {
    const tilted: NoisyStep = {
      kind: "unitary",
      qubits: [0],
      re: [0.6, 0.8, 0.8, -0.6],
      im: [0, 0, 0, 0],
    };
    const damping: NoisyStep = {
      kind: "kraus",
      qubits: [0],
      operators: [{ re: [1, 0, 0, 1], im: [0, 0, 0, 0] }],
    };
    const detuned = {
      ...programOf(1, [{ kind: "detuning", qubit: 0, durationNs: 5 }]),
      detuningSigmaRadPerNs: [0.1],
    };
    for (const program of [programOf(1, [tilted]), programOf(1, [damping]), detuned])
      expect(sampleFrames(program, 10, createRandom(1n))).toBeUndefined();
  });
});
