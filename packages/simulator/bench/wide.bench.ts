/**
 * 72 qubits: GHZ, 12 disjoint blocks of 6 qubits, a brickwork of depth 6 with local observables, a random Clifford circuit;
 * 1,000 shots, or expectations. Goal: each under 1 s. The brickwork once more with noise after every gate, timed once.
 * Prints one JSON line per case, with the methods that ran.
 * Run: node --conditions=@qtune/source packages/simulator/bench/wide.bench.ts [ghz|blocks|brickwork|clifford|noisy]
 */
import { createRandom } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import type { Circuit, Operation } from "@qtune/circuit";
import { type SimulateOptions, runNoisyProgram, simulate } from "../src/index.ts";
import { bestOf } from "./timing.ts";

const n = 72;
const random = createRandom("wide circuits");
const qubits = Array.from({ length: n }, (_, qubit) => qubit);

const gate = (name: string, on: number[], angles: number[] = []): Operation => ({
  kind: "gate",
  gate: name,
  qubits: on,
  angles,
});
const turn = (qubit: number): Operation =>
  gate(
    "U3",
    [qubit],
    [3 * random.nextUniform(), 6 * random.nextUniform(), 6 * random.nextUniform()],
  );

function circuit(operations: readonly Operation[], isMeasured: boolean): Circuit {
  const measures = qubits.map((qubit): Operation => ({ kind: "measure", qubit, clbit: qubit }));
  return {
    qubits: n,
    clbits: isMeasured ? n : 0,
    parameters: [],
    operations: isMeasured ? [...operations, ...measures] : operations,
  };
}

const ghz = [gate("H", [0]), ...qubits.slice(1).map((qubit) => gate("CX", [qubit - 1, qubit]))];
const blocks = Array.from({ length: 6 }, (_, layer) =>
  qubits.flatMap((qubit) => {
    const isPair = qubit % 6 < 5 && qubit % 2 === layer % 2;
    return [turn(qubit), ...(isPair ? [gate("CZ", [qubit, qubit + 1])] : [])];
  }),
).flat();
const brickwork = Array.from({ length: 6 }, (_, layer) => [
  ...qubits.map(turn),
  ...qubits
    .slice(layer % 2, n - 1)
    .flatMap((qubit, i) => (i % 2 === 0 ? [gate("CZ", [qubit, qubit + 1])] : [])),
]).flat();
const clifford = Array.from({ length: 72 }, () => [
  ...qubits.map((qubit) => gate(["H", "S", "SQRT_X"][random.nextBelow(3)] ?? "H", [qubit])),
  ...Array.from({ length: 24 }, () => {
    const a = random.nextBelow(n);
    return gate("CX", [a, (a + 1 + random.nextBelow(n - 1)) % n]);
  }),
]).flat();
const local = qubits.map((qubit) => ({
  terms: [{ coefficient: 1, paulis: [{ qubit, pauli: "Z" as const }] }],
}));

const cases: readonly (readonly [string, Circuit, SimulateOptions])[] = [
  ["ghz", circuit(ghz, true), { shots: 1000, seed: 1n }],
  ["blocks", circuit(blocks, true), { shots: 1000, seed: 1n }],
  ["brickwork", circuit(brickwork, false), { observables: local }],
  ["clifford", circuit(clifford, true), { shots: 1000, seed: 1n }],
];
for (const [name, one, options] of cases) {
  if (process.argv[2] !== undefined && process.argv[2] !== name) continue;
  const { parts } = await simulate(one, options);
  const timing = await bestOf(() => simulate(one, options));
  const methods = [...new Set(parts.map(({ method }) => method))];
  console.log(
    JSON.stringify({
      bench: name,
      engine: "qtune",
      n,
      gates: one.operations.length,
      methods,
      ...timing,
    }),
  );
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);

/** A depolarising error of probability p on one or two qubits. */
function depolarising(on: readonly number[], p: number): NoisyStep {
  const outcomes = 4 ** on.length;
  const probabilities = zeros(outcomes).fill(p / outcomes);
  probabilities[0] = 1 - p + p / outcomes;
  return { kind: "pauli", qubits: on, probabilities };
}

/** T1 = 30 µs over 60 ns. */
function relaxation(qubit: number): NoisyStep {
  const damping = 1 - Math.exp(-60 / 30_000);
  const operators = [
    [1, 0, 0, Math.sqrt(1 - damping)],
    [0, Math.sqrt(damping), 0, 0],
  ].map((re) => ({ re, im: zeros(4) }));
  return { kind: "kraus", qubits: [qubit], operators };
}

/** The brickwork with an error of 0.1 % after every turn, 1 % after every CZ, relaxation and readout errors. */
function noisyBrickwork(): NoisyProgram {
  const cz = zeros(16).map((_, i) => (i % 5 === 0 ? (i === 15 ? -1 : 1) : 0));
  const steps = Array.from({ length: 6 }, (_, layer) => [
    ...qubits.flatMap((qubit): NoisyStep[] => {
      const [c, phi] = [random.nextUniform(), 6 * random.nextUniform()];
      const s = Math.sqrt(1 - c * c);
      const re = [c, -s * Math.cos(phi), s * Math.cos(phi), c];
      const im = [0, s * Math.sin(phi), s * Math.sin(phi), 0];
      return [
        { kind: "unitary", qubits: [qubit], re, im },
        depolarising([qubit], 0.001),
        relaxation(qubit),
      ];
    }),
    ...qubits.slice(layer % 2, n - 1).flatMap((qubit, i): NoisyStep[] => {
      if (i % 2 === 1) return [];
      const pair = [qubit, qubit + 1];
      return [{ kind: "unitary", qubits: pair, re: cz, im: zeros(16) }, depolarising(pair, 0.01)];
    }),
  ]).flat();
  return {
    qubits: n,
    physicalQubits: qubits,
    clbits: n,
    detuningSigmaRadPerNs: qubits.map(() => 0.001),
    steps,
    readout: {
      measured: qubits.map((qubit) => ({ qubit, clbit: qubit })),
      flips: qubits.map(() => ({ p10: 0.02, p01: 0.05 })),
      correlatedFlips: [],
    },
  };
}

if (process.argv[2] === undefined || process.argv[2] === "noisy") {
  const program = noisyBrickwork();
  const shots = 1000;
  await runNoisyProgram(program, { shots: 50, seed: 2n });
  const start = performance.now();
  const { method, reason, error, largestBond } = await runNoisyProgram(program, {
    shots,
    seed: 1n,
  });
  console.log(
    JSON.stringify({
      bench: "noisy brickwork",
      engine: "qtune",
      n,
      steps: program.steps.length,
      shots,
      method,
      reason,
      error,
      largestBond,
      ms: Math.round(performance.now() - start),
    }),
  );
}
