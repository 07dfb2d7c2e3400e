import { createRandom } from "@qtune/base";
import { createGraph, differentiate, interpret } from "@qtune/graph";
import { type AnsatzKind, countAnsatzWeights, createQuantumLayer } from "@qtune/quantum-layer";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, describe, expect, test } from "vitest";
import { lowerCircuit, lowerWeights } from "./lowered-circuit.ts";

const executor = createLocalExecutor({ precision: "float64", threads: 1 });
afterAll(() => executor.close());

function draws(count: number, label: string): Float64Array {
  const random = createRandom(31, label);
  return Float64Array.from({ length: count }, () => 2 * random.nextNormal());
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

describe.each<readonly [AnsatzKind, number, number]>([
  ["ring", 2, 1],
  ["ring", 4, 1],
  ["ring", 3, 3],
  ["path", 4, 2],
  ["product", 3, 2],
])("the lowered %s of %i qubits and %i blocks", (ansatz, n, layers) => {
  const circuit = { n, layers, ansatz };
  const P = countAnsatzWeights(circuit);
  const T = 3;
  const [inputs, weights, cotangent] = [draws(T * n, "x"), draws(P, "w"), draws(T * n, "c")];

  test("has the values and gradients of the executor, to 1e-9", async () => {
    const graph = createGraph();
    const h = graph.input("h", "float", ["T", n]);
    const theta = graph.parameter("theta", [P]);
    const weigh = graph.input("weigh", "float", ["T", n]);
    const other = graph.parameter("other", [P]); // of another module: must not leak into this one
    const [, blocks] = lowerWeights(graph, [other, theta], circuit);
    const q = lowerCircuit(graph, h, blocks!, n);
    const loss = graph.reduceSum(graph.multiply(q, weigh));
    const [dh, dtheta] = differentiate(graph, loss, [h, theta]);
    const results = await interpret(graph, {
      outputs: { q, dh: dh!, dtheta: dtheta! },
      feeds: {
        h: { dims: [T, n], data: inputs },
        theta: { dims: [P], data: weights },
        other: { dims: [P], data: draws(P, "other") },
        weigh: { dims: [T, n], data: cotangent },
      },
    });
    const layer = createQuantumLayer({ n, layers, ansatz, executor, precision: "float64" });
    const { values } = await layer.forward(inputs, weights);
    const gradient = await layer.backward(inputs, weights, cotangent);
    expect(largestDifference(results["q"]!.data as Float64Array, values)).toBeLessThan(1e-9);
    expect(largestDifference(results["dh"]!.data as Float64Array, gradient.inputs)).toBeLessThan(
      1e-9,
    );
    expect(
      largestDifference(results["dtheta"]!.data as Float64Array, gradient.weights),
    ).toBeLessThan(1e-9);
  });
});

test.each([
  ["float64", 1e-9],
  ["float32", 2e-5],
] as const)("adjoint equals parameter shift in %s", async (precision, tolerance) => {
  const options = { n: 4, layers: 2, executor, precision };
  const call = [draws(40, "x"), draws(32, "w"), draws(40, "c")] as const;
  const adjoint = await createQuantumLayer({ ...options, gradient: "adjoint" }).backward(...call);
  const shifted = await createQuantumLayer({
    ...options,
    precision: "float64",
    gradient: "parameter-shift",
  }).backward(...call);
  const scale = Math.max(...shifted.weights.map(Math.abs), 1);
  expect(largestDifference(adjoint.weights, shifted.weights) / scale).toBeLessThan(tolerance);
  expect(largestDifference(adjoint.inputs, shifted.inputs) / scale).toBeLessThan(tolerance);
});
