/**
 * Ten qubits, depth 20, 1,000 shots, with the noise of peers.py noisy: depolarising errors after every gate, relaxation after
 * every turn, readout errors. Prints one JSON line per number of threads.
 * Run: node --conditions=@qtune/source packages/simulator/bench/noisy.bench.ts [threads …]
 */
import { createRandom } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { createNoisySampler } from "../src/index.ts";
import { bestOf } from "./timing.ts";

const n = 10;
const shots = 1000;

/** ρ → (1 − p) ρ + p · 1 / 2^k as a mixture of Paulis. */
function depolarising(qubits: readonly number[], p: number): NoisyStep {
  const outcomes = 4 ** qubits.length;
  const probabilities = new Array<number>(outcomes).fill(p / outcomes);
  probabilities[0] = 1 - p + p / outcomes;
  return { kind: "pauli", qubits, probabilities };
}

function relaxation(qubit: number, timeNs: number, t1Ns: number, t2Ns: number): NoisyStep {
  const damping = 1 - Math.exp(-timeNs / t1Ns);
  const coherence = Math.exp(-timeNs / t2Ns);
  const operators = [
    [1, 0, 0, coherence],
    [0, Math.sqrt(damping), 0, 0],
    [0, 0, 0, Math.sqrt(1 - damping - coherence ** 2)],
  ].map((re) => ({ re, im: [0, 0, 0, 0] }));
  return { kind: "kraus", qubits: [qubit], operators };
}

function turn(qubit: number, theta: number, phi: number, lambda: number): NoisyStep {
  const [c, s] = [Math.cos(theta / 2), Math.sin(theta / 2)];
  return {
    kind: "unitary",
    qubits: [qubit],
    re: [c, -s * Math.cos(lambda), s * Math.cos(phi), c * Math.cos(phi + lambda)],
    im: [0, -s * Math.sin(lambda), s * Math.sin(phi), c * Math.sin(phi + lambda)],
  };
}

const random = createRandom("noisy circuit");
const angle = (): number => 6 * random.nextUniform();
const zeros = new Array<number>(16).fill(0);
const steps: NoisyStep[] = [];
for (let layer = 0; layer < 20; layer++) {
  for (let qubit = 0; qubit < n; qubit++) {
    steps.push(turn(qubit, angle(), angle(), angle()));
    steps.push(depolarising([qubit], 0.001), relaxation(qubit, 60, 30_000, 20_000));
  }
  for (let qubit = layer % 2; qubit < n - 1; qubit += 2) {
    const re = zeros.map((_, i) => (i % 5 === 0 ? (i === 15 ? -1 : 1) : 0));
    steps.push({ kind: "unitary", qubits: [qubit, qubit + 1], re, im: zeros });
    steps.push(depolarising([qubit, qubit + 1], 0.01));
  }
}
const qubits = Array.from({ length: n }, (_, qubit) => qubit);
const program: NoisyProgram = {
  qubits: n,
  physicalQubits: qubits,
  clbits: n,
  steps,
  detuningSigmaRadPerNs: qubits.map(() => 0),
  readout: {
    measured: qubits.map((qubit) => ({ qubit, clbit: qubit })),
    flips: qubits.map(() => ({ p10: 0.02, p01: 0.05 })),
    correlatedFlips: [],
  },
};

const threadCounts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 2];
for (const threads of threadCounts) {
  const sampler = createNoisySampler({ threads });
  const timing = await bestOf(() => sampler.sample(program, { shots, seed: 1n }));
  console.log(
    JSON.stringify({
      bench: "noisy",
      engine: "qtune",
      precision: "float32",
      threads,
      n,
      shots,
      ...timing,
    }),
  );
  await sampler.close();
}
