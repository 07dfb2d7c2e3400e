/**
 * The circuits of a quantum layer: data is re-uploaded by RY in each block, weights sit in CRZ rings and RY rotations,
 * every qubit is read by Z. The form follows the released code of QTHA (Quantum-enhanced-LLM/QLLM-peft, November 2025);
 * `path` and `product` are ours: an open chain for chips without a ring, and no entanglement as a control.
 */
import { assertInteger } from "@qtune/base";
import { type Circuit, type GateOperation, type Parameter, parameterAngle } from "@qtune/circuit";

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

/** Controls of the two entangling stages of a block: towards the next qubit, then towards the previous one. */
function couplings(
  n: number,
  kind: AnsatzKind,
  step: 1 | -1,
): readonly (readonly [number, number])[] {
  if (kind === "product") return [];
  const pairs = Array.from({ length: n }, (_, i) => [i, (i + step + n) % n] as const);
  return kind === "ring" ? pairs : pairs.filter(([from, to]) => to === from + step);
}

/**
 * Creates the circuit of a quantum layer.
 *
 * Maths:  per block k: RY(h_i); CRZ(a_ki) i → i+1; RY(b_ki); CRZ(c_ki) i → i−1; RY(d_ki); then ⟨Z_i⟩.
 * Shapes: inputs [n] as row parameters `h0…`; weights [P] as shared parameters, block by block in the order a, b, c, d.
 *         P = 4nL for `ring`, 4nL − 2L for `path`, 2nL for `product`.
 * Range:  2 ≤ n ≤ 30, 1 ≤ layers ≤ 64.
 * Errors: out_of_range outside it.
 */
export function createAnsatz(options: AnsatzOptions): Ansatz {
  const { n, layers, ansatz = "ring" } = options;
  assertInteger(n, { min: 2, max: 30 }, "quantumLayer.n");
  assertInteger(layers, { min: 1, max: 64 }, "quantumLayer.layers");
  const inputs: Parameter[] = Array.from({ length: n }, (_, i) => ({ name: `h${i}`, role: "row" }));
  const weights: Parameter[] = [];
  const operations: GateOperation[] = [];
  const weight = (name: string): GateOperation["angles"] => {
    weights.push({ name, role: "shared" });
    return [parameterAngle(name)];
  };
  const rotate = (letter: string, k: number): void => {
    for (let i = 0; i < n; i++) {
      operations.push({
        kind: "gate",
        gate: "RY",
        qubits: [i],
        angles: weight(`${letter}${k}_${i}`),
      });
    }
  };
  const couple = (letter: string, k: number, step: 1 | -1): void => {
    for (const [control, target] of couplings(n, ansatz, step)) {
      const angles = weight(`${letter}${k}_${control}`);
      operations.push({ kind: "gate", gate: "CRZ", qubits: [control, target], angles });
    }
  };
  for (let k = 0; k < layers; k++) {
    inputs.forEach((input, i) =>
      operations.push({
        kind: "gate",
        gate: "RY",
        qubits: [i],
        angles: [parameterAngle(input.name)],
      }),
    );
    couple("a", k, 1);
    rotate("b", k);
    couple("c", k, -1);
    rotate("d", k);
  }
  const circuit: Circuit = {
    name: `${ansatz}-${n}x${layers}`,
    qubits: n,
    clbits: 0,
    parameters: [...inputs, ...weights],
    operations,
  };
  return { n, layers, kind: ansatz, circuit, weightCount: weights.length };
}

/** Returns the number of weights of an ansatz without building it. */
export function countAnsatzWeights(options: AnsatzOptions): number {
  const { n, layers, ansatz = "ring" } = options;
  const coupled = couplings(n, ansatz, 1).length + couplings(n, ansatz, -1).length;
  return layers * (coupled + 2 * n);
}
