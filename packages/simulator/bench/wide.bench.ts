/**
 * 72 qubits: GHZ, 12 disjoint blocks of 6 qubits, a brickwork of depth 6 with local observables, a random Clifford circuit;
 * 1,000 shots, or expectations. Goal: each under 1 s. Prints one JSON line per case, with the methods that ran.
 * Run: node --conditions=@qtune/source packages/simulator/bench/wide.bench.ts
 */
import { createRandom } from "@qtune/base";
import type { Circuit, Operation } from "@qtune/circuit";
import { type SimulateOptions, simulate } from "../src/index.ts";
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
