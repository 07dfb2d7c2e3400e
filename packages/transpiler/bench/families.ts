/** Circuit families of the compiler benchmark, generated from seeds, with gates that every tool reads. */
import { createRandom, shuffleInPlace } from "@qtune/base";
import { type Circuit, type Operation, bindCircuit, ringAnsatz } from "@qtune/circuit";

/** A circuit of the benchmark. */
export interface BenchCircuit {
  readonly family: string;
  readonly n: number;
  readonly circuit: Circuit;
}

const gate = (
  name: string,
  qubits: readonly number[],
  ...angles: readonly number[]
): Operation => ({ kind: "gate", gate: name, qubits, angles });

function circuitOf(qubits: number, operations: readonly Operation[]): Circuit {
  return { qubits, clbits: 0, parameters: [], operations };
}

/** The quantum Fourier transform with its final SWAPs. */
export function qft(n: number): Circuit {
  const operations: Operation[] = [];
  for (let i = n - 1; i >= 0; i--) {
    operations.push(gate("H", [i]));
    for (let j = i - 1; j >= 0; j--) operations.push(gate("CP", [j, i], Math.PI / 2 ** (i - j)));
  }
  for (let i = 0; i < n >> 1; i++) operations.push(gate("SWAP", [i, n - 1 - i]));
  return circuitOf(n, operations);
}

/** Two rounds of QAOA for MaxCut on a random 3-regular graph, written with CX RZ CX. */
export function qaoa(n: number, seed: number): Circuit {
  const random = createRandom(seed, "qaoa", n);
  const edges = regularGraph(n, 3, seed);
  const operations: Operation[] = [];
  for (let q = 0; q < n; q++) operations.push(gate("H", [q]));
  for (let p = 0; p < 2; p++) {
    const gamma = random.nextUniform();
    for (const [a, b] of edges)
      operations.push(gate("CX", [a, b]), gate("RZ", [b], gamma), gate("CX", [a, b]));
    const beta = random.nextUniform();
    for (let q = 0; q < n; q++) operations.push(gate("RX", [q], beta));
  }
  return circuitOf(n, operations);
}

function regularGraph(n: number, degree: number, seed: number): [number, number][] {
  for (let attempt = 0; ; attempt++) {
    const random = createRandom(seed, "graph", n, attempt);
    const stubs = shuffleInPlace(
      Array.from({ length: n * degree }, (_, i) => i % n),
      random,
    );
    const edges = new Set<string>();
    for (let i = 0; i + 1 < stubs.length; i += 2) {
      const [a = 0, b = 0] = [stubs[i], stubs[i + 1]];
      if (a !== b) edges.add(`${Math.min(a, b)},${Math.max(a, b)}`);
    }
    if (edges.size === (n * degree) >> 1)
      return [...edges].map((edge) => edge.split(",").map(Number) as [number, number]);
  }
}

/** Quantum volume: n layers of random pairs of random two-qubit gates, as U3 and three CX each. */
export function quantumVolume(n: number, seed: number, depth = n): Circuit {
  const random = createRandom(seed, "qv", n);
  const angle = () => 2 * Math.PI * random.nextUniform() - Math.PI;
  const operations: Operation[] = [];
  for (let layer = 0; layer < depth; layer++) {
    const order = shuffleInPlace(
      Array.from({ length: n }, (_, q) => q),
      random,
    );
    for (let i = 0; i + 1 < n; i += 2) {
      const [a = 0, b = 0] = [order[i], order[i + 1]];
      for (let k = 0; k < 4; k++) {
        operations.push(
          gate("U3", [a], angle(), angle(), angle()),
          gate("U3", [b], angle(), angle(), angle()),
        );
        if (k < 3) operations.push(gate("CX", [a, b]));
      }
    }
  }
  return circuitOf(n, operations);
}

/** Random one- and two-qubit gates. */
export function randomGates(n: number, seed: number): Circuit {
  const random = createRandom(seed, "random", n);
  const operations: Operation[] = [];
  const one = ["H", "T", "S", "X", "SQRT_X"];
  for (let k = 0; k < 8 * n; k++) {
    const a = random.nextBelow(n);
    const b = (a + 1 + random.nextBelow(n - 1)) % n;
    if (k % 2 === 0) operations.push(gate("CX", [a, b]));
    else if (k % 4 === 1) operations.push(gate(one[random.nextBelow(one.length)] ?? "H", [a]));
    else
      operations.push(
        gate("RZ", [a], random.nextUniform() * 6),
        gate("RY", [b], random.nextUniform() * 6),
      );
  }
  return circuitOf(n, operations);
}

/** The ring ansatz with two layers, angles bound. */
export function qnn(n: number, seed: number): Circuit {
  const circuit = ringAnsatz({ n, layers: 2 });
  const random = createRandom(seed, "qnn", n);
  return bindCircuit(
    circuit,
    new Map(circuit.parameters.map(({ name }) => [name, random.nextUniform() * 6 - 3])),
  );
}

/** All circuits of the benchmark. */
export function benchCircuits(): readonly BenchCircuit[] {
  const rows: BenchCircuit[] = [];
  const add = (family: string, n: number, circuit: Circuit) => rows.push({ family, n, circuit });
  for (const n of [4, 8, 16, 32, 64]) add("qft", n, qft(n));
  for (const n of [4, 8, 16, 32, 64, 72]) add("qaoa", n, qaoa(n, 1));
  for (const n of [4, 8, 16, 32]) add("qv", n, quantumVolume(n, 1));
  add("qv", 64, quantumVolume(64, 1, 16));
  for (const n of [4, 8, 16, 32, 64, 72]) add("random", n, randomGates(n, 1));
  for (const n of [4, 8, 16, 32, 64, 72]) add("qnn", n, qnn(n, 1));
  return rows;
}
