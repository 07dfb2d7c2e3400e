/**
 * A step of the one-dimensional Poisson equation by the quantum linear solver of Harrow, Hassidim and Lloyd, the exact
 * solution beside it.
 *
 * Run: node --conditions=@qtune/source examples/poisson/run.ts [problem.json]
 *
 * Qubits: 2 for the grid, `clockQubits` for eigenvalues, 1 that says when the division worked.
 */
import {
  amplitudeEncoding,
  type Circuit,
  circuitBuilder,
  circuitStats,
  expandCircuit,
  type Matrix,
  multiplexedRotation,
  qft,
} from "../../packages/circuit/src/index.ts";
import { createLocalExecutor } from "../../packages/simulator/src/index.ts";
import { list, number, readProblem, runExample, whole } from "../problem-file.ts";

interface Problem {
  /** Right-hand side at the four inner points of the grid. */
  readonly f: readonly number[];
  readonly clockQubits: number;
}

await runExample(main);

async function main(): Promise<void> {
  const problem = readProblem<Problem>(
    () => ({ f: list(number, 4), clockQubits: whole(3, 10) }),
    new URL("problem.json", import.meta.url),
  );
  const points = problem.f.length;
  const m = problem.clockQubits;

  // tridiag(−1, 2, −1): eigenvalues 2 − 2 cos(kπ/5), eigenvectors sin(ikπ/5)
  const eigen = Array.from({ length: points }, (_, k) => {
    const vector = Array.from(
      { length: points },
      (_, i) =>
        Math.sqrt(2 / (points + 1)) * Math.sin(((i + 1) * (k + 1) * Math.PI) / (points + 1)),
    );
    return { value: 2 - 2 * Math.cos(((k + 1) * Math.PI) / (points + 1)), vector };
  });

  /** e^{i A t}, from the eigenvectors. */
  function evolution(t: number): Matrix {
    const re = new Float64Array(points * points);
    const im = new Float64Array(points * points);
    for (const { value, vector } of eigen) {
      for (let i = 0; i < points; i++) {
        for (let j = 0; j < points; j++) {
          const weight = (vector[i] ?? 0) * (vector[j] ?? 0);
          re[i * points + j] = (re[i * points + j] ?? 0) + weight * Math.cos(value * t);
          im[i * points + j] = (im[i * points + j] ?? 0) + weight * Math.sin(value * t);
        }
      }
    }
    return { size: points, re, im };
  }

  const ticks = 2 ** m;
  const largest = eigen.at(-1)?.value ?? 4;
  const time = (2 * Math.PI * (ticks - 2)) / (ticks * largest); // the largest eigenvalue stays below one turn
  const grid = [0, 1];
  const clock = Array.from({ length: m }, (_, i) => 2 + i);
  const flag = 2 + m;

  function estimation(inverse: boolean): Circuit {
    const builder = circuitBuilder(flag);
    for (const qubit of clock) builder.h(qubit);
    clock.forEach((qubit, k) =>
      builder.control([qubit], (inner) => inner.unitary(evolution(time * 2 ** k), grid)),
    );
    builder.compose(qft({ n: m, inverse: true }), clock);
    const circuit = expandCircuit(builder.build());
    if (!inverse) return circuit;
    const back = circuit.operations
      .map((one) => (one.kind === "gate" ? { ...one, power: -1 } : one))
      .reverse();
    return expandCircuit({ ...circuit, operations: back });
  }

  // rotate the flag by 2 asin(C/λ), C being the smallest reading that can occur
  const smallest = Math.floor(((eigen[0]?.value ?? 1) * time * ticks) / (2 * Math.PI));
  const angles = Array.from({ length: ticks }, (_, reading) =>
    reading === 0 ? 0 : 2 * Math.asin(Math.min(1, smallest / reading)),
  );
  const circuit = circuitBuilder(flag + 1)
    .compose(amplitudeEncoding({ re: problem.f }), grid)
    .compose(estimation(false))
    .append(...multiplexedRotation("RY", angles, flag, clock))
    .compose(estimation(true))
    .build();

  const executor = createLocalExecutor({ precision: "float64", threads: 1 });
  const { probabilities } = await executor.run(
    { circuit, shared: new Float64Array(0), rows: new Float64Array(0), B: 1, observables: [] },
    { returns: ["probabilities"] },
  );
  await executor.close();

  // keys are read from the right: grid, clock (back at 0), flag
  const found = Array.from({ length: points }, (_, i) => {
    const key = `1${"0".repeat(m)}${i.toString(2).padStart(2, "0")}`;
    return Math.sqrt(probabilities?.[0]?.get(key) ?? 0);
  });
  const h = 1 / (points + 1);
  const exact = Array.from({ length: points }, (_, i) =>
    eigen.reduce(
      (sum, { value, vector }) =>
        sum +
        ((vector[i] ?? 0) *
          vector.reduce((dot, v, j) => dot + v * (problem.f[j] ?? 0), 0) *
          h *
          h) /
          value,
      0,
    ),
  );
  const norm = (list: readonly number[]): number => Math.hypot(...list);
  const scale = norm(exact) / norm(found);
  const overlap =
    found.reduce((sum, x, i) => sum + x * (exact[i] ?? 0), 0) / norm(found) / norm(exact);

  const stats = circuitStats(circuit);
  console.log(
    `${stats.qubits} qubits, ${stats.operations} gates of which ${stats.twoQubitGates} on two qubits, depth ${stats.depth}`,
  );
  console.log("  x     solver    exact");
  found.forEach((x, i) =>
    console.log(
      `${((i + 1) * h).toFixed(2)}   ${(x * scale).toFixed(5)}   ${(exact[i] ?? 0).toFixed(5)}`,
    ),
  );
  console.log(
    `fidelity ${(overlap * overlap).toFixed(6)}, the flag reads 1 with probability ${found.reduce((sum, x) => sum + x * x, 0).toFixed(4)}`,
  );
  console.log(
    "(the solver gives the solution up to its length, which is taken from the exact one here)",
  );
}
