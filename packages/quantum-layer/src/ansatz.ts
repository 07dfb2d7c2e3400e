/**
 * The circuits of a quantum layer: data is re-uploaded by RY in each block, weights sit in CRZ rings and RY rotations,
 * every qubit is read by Z. The form follows the released code of QTHA (Quantum-enhanced-LLM/QLLM-peft, November 2025);
 * `path` and `product` are ours: an open chain for chips without a ring, and no entanglement as a control.
 */
import { assertInteger } from "@qtune/base";
import {
  type Circuit,
  type GateOperation,
  type Parameter,
  parameterAngle,
  ringAnsatz,
  ringWeightCount,
} from "@qtune/circuit";

/** How the qubits are coupled: a closed ring, an open chain, or not at all. */
export type AnsatzKind = "ring" | "path" | "product";

/** What a quantum layer's circuit looks like. */
export interface AnsatzOptions {
  /** Number of qubits; 2 or more, so that there is something to couple. */
  readonly n: number;
  /** Number of blocks, each with its own weights and a fresh upload of the data. */
  readonly layers: number;
  /** Default: `ring`. */
  readonly ansatz?: AnsatzKind | undefined;
}

/** A circuit whose row parameters are the n inputs and whose shared parameters are the weights. */
export interface Ansatz {
  readonly n: number;
  readonly layers: number;
  readonly kind: AnsatzKind;
  readonly circuit: Circuit;
  /** Number of weights, P. */
  readonly weightCount: number;
}

/** Data and weights on each qubit for itself: what is left of a block without its CRZ gates. P = 2nL. */
function productAnsatz(n: number, layers: number): Circuit {
  const operations: GateOperation[] = [];
  let weights = 0;
  const rotateAll = (name: (i: number) => string): void => {
    for (let i = 0; i < n; i++) {
      operations.push({ kind: "gate", gate: "RY", qubits: [i], angles: [parameterAngle(name(i))] });
    }
  };
  for (let k = 0; k < layers; k++) {
    rotateAll((i) => `x[${i}]`);
    for (let group = 0; group < 2; group++) rotateAll(() => `w[${weights++}]`);
  }
  const inputs = Array.from({ length: n }, (_, i): Parameter => ({ name: `x[${i}]`, role: "row" }));
  const shared = Array.from({ length: weights }, (_, i): Parameter => ({
    name: `w[${i}]`,
    role: "shared",
  }));
  return {
    name: `product-n${n}-L${layers}`,
    qubits: n,
    clbits: 0,
    parameters: [...inputs, ...shared],
    operations,
  };
}

/**
 * Creates the circuit of a quantum layer.
 *
 * Maths:  per block k: RY(x_i); CRZ(a_ki) i → i+1; RY(b_ki); CRZ(c_ki) i → i−1; RY(d_ki); then ⟨Z_i⟩.
 * Shapes: inputs [n] as row parameters `x[0]…`; weights [P] as shared parameters, block by block in the order a, b, c, d.
 *         P = 4nL for `ring`, 4nL − 2L for `path`, 2nL for `product`.
 * Range:  2 ≤ n ≤ 30, 1 ≤ layers ≤ 64.
 * Errors: out_of_range outside it.
 */
export function createAnsatz(options: AnsatzOptions): Ansatz {
  const { n, layers, ansatz = "ring" } = options;
  assertInteger(n, { min: 2, max: 30 }, "quantumLayer.n");
  assertInteger(layers, { min: 1, max: 64 }, "quantumLayer.layers");
  const circuit =
    ansatz === "product" ? productAnsatz(n, layers) : ringAnsatz({ n, layers, ansatz });
  return { n, layers, kind: ansatz, circuit, weightCount: countAnsatzWeights(options) };
}

/** Returns the number of weights of an ansatz without building it. */
export function countAnsatzWeights(options: AnsatzOptions): number {
  const { n, layers, ansatz = "ring" } = options;
  return ansatz === "product" ? 2 * n * layers : ringWeightCount({ n, layers, ansatz });
}
