/**
 * A quantum layer as plain tensor operations: exact, differentiated with the rest of the graph, and without a cut in it.
 *
 * The upload of the first block acts on |0…0⟩, so its state is a real product of cosines and sines; the rest of a block
 * does not depend on the token and is one unitary of 2^n, formed once per optimiser step. Later blocks upload the data by
 * rotating each qubit. Worth it for few qubits only: the unitary costs 4^n per token.
 */
import { internalError } from "@qtune/base";
import type { Operations, Tensor } from "@qtune/graph";
import type { AnsatzKind } from "@qtune/quantum-layer";

/** What is lowered. */
export interface LoweredCircuit {
  /** Qubits. */
  readonly n: number;
  /** Blocks. */
  readonly layers: number;
  readonly ansatz: AnsatzKind;
}

/** A complex tensor in two planes. */
interface Complex {
  readonly re: Tensor;
  readonly im: Tensor;
}

/**
 * Builds ⟨Z_i⟩ of the circuit of `createAnsatz`.
 *
 * Shapes: h [T, n] angles, theta [P] weights, result [T, n].
 * Cost:   about 4·4^n multiply-adds per token and block.
 */
export function lowerCircuit(
  graph: Operations,
  h: Tensor,
  theta: Tensor,
  circuit: LoweredCircuit,
): Tensor {
  const { n, layers } = circuit;
  const size = 2 ** n;
  const half = graph.multiply(h, 0.5);
  const [cos, sin] = [graph.cos(half), graph.sin(half)]; // [T, n]
  let state: Complex | undefined;
  let at = 0;
  const take = (count: number): Tensor => {
    at += count;
    return graph.slice(theta, 0, at - count, at);
  };
  for (let block = 0; block < layers; block++) {
    const unitary = blockUnitary(graph, circuit, take);
    if (state === undefined) {
      const product = productState(graph, cos, sin, n); // [T, 2^n], real
      state = {
        re: graph.matMul(product, unitary.re, { transposeB: true }),
        im: graph.matMul(product, unitary.im, { transposeB: true }),
      };
    } else {
      const uploaded = {
        re: upload(graph, state.re, cos, sin, n),
        im: upload(graph, state.im, cos, sin, n),
      };
      state = multiplyByTransposed(graph, uploaded, unitary);
    }
  }
  if (state === undefined) throw internalError("a circuit without blocks");
  const probabilities = graph.add(
    graph.multiply(state.re, state.re),
    graph.multiply(state.im, state.im),
  );
  return graph.matMul(probabilities, graph.constant(signs(n), [size, n]));
}

/** Shapes: rows [T, 2^n], unitary [2^n, 2^n]; result rows · unitaryᵀ. */
function multiplyByTransposed(graph: Operations, rows: Complex, unitary: Complex): Complex {
  const product = (a: Tensor, b: Tensor): Tensor => graph.matMul(a, b, { transposeB: true });
  return {
    re: graph.subtract(product(rows.re, unitary.re), product(rows.im, unitary.im)),
    im: graph.add(product(rows.re, unitary.im), product(rows.im, unitary.re)),
  };
}

/** ∏ (cos |0⟩ + sin |1⟩), qubit 0 in the least significant bit. Result [T, 2^n]. */
function productState(graph: Operations, cos: Tensor, sin: Tensor, n: number): Tensor {
  const column = (x: Tensor, qubit: number): Tensor => graph.slice(x, 1, qubit, qubit + 1); // [T, 1]
  let state = graph.concat([column(cos, 0), column(sin, 0)], 1);
  for (let qubit = 1; qubit < n; qubit++) {
    const low = graph.multiply(state, column(cos, qubit));
    const high = graph.multiply(state, column(sin, qubit));
    state = graph.concat([low, high], 1);
  }
  return state;
}

/** Rotates each qubit of a real plane [T, 2^n] by RY, the angles given by their halves' cosines and sines [T, n]. */
function upload(graph: Operations, plane: Tensor, cos: Tensor, sin: Tensor, n: number): Tensor {
  const T = plane.shape[0] ?? 1;
  let state = plane;
  for (let qubit = 0; qubit < n; qubit++) {
    const below = 2 ** qubit;
    const above = 2 ** (n - 1 - qubit);
    const factor = (x: Tensor): Tensor =>
      graph.reshape(graph.slice(x, 1, qubit, qubit + 1), [T, 1, 1, 1]);
    const [c, s] = [factor(cos), factor(sin)];
    const split = graph.reshape(state, [T, above, 2, below]);
    const low = graph.slice(split, 2, 0, 1);
    const high = graph.slice(split, 2, 1, 2);
    const rotated = graph.concat(
      [
        graph.subtract(graph.multiply(low, c), graph.multiply(high, s)),
        graph.add(graph.multiply(low, s), graph.multiply(high, c)),
      ],
      2,
    );
    state = graph.reshape(rotated, [T, 2 ** n]);
  }
  return state;
}

/** The unitary of a block after its upload: R_d · D_c · R_b · D_a. It depends on weights alone. Result [2^n, 2^n]. */
function blockUnitary(
  graph: Operations,
  { n, ansatz }: LoweredCircuit,
  take: (count: number) => Tensor,
): Complex {
  const size = 2 ** n;
  const couple = (step: 1 | -1): Complex | undefined => {
    const pairs = couplings(n, ansatz, step);
    return pairs.length === 0 ? undefined : diagonal(graph, take(pairs.length), pairs, n);
  };
  const a = couple(1);
  const rotationB = rotations(graph, take(n), n);
  const c = couple(-1);
  const rotationD = rotations(graph, take(n), n);
  if (a === undefined || c === undefined) {
    const re = graph.matMul(rotationD, rotationB);
    return { re, im: graph.multiply(re, 0) };
  }
  // Columns scaled by D_a, then rows by D_c.
  const inner = {
    re: graph.multiply(rotationB, graph.reshape(a.re, [1, size])),
    im: graph.multiply(rotationB, graph.reshape(a.im, [1, size])),
  };
  const [cRe, cIm] = [graph.reshape(c.re, [size, 1]), graph.reshape(c.im, [size, 1])];
  const re = graph.subtract(graph.multiply(inner.re, cRe), graph.multiply(inner.im, cIm));
  const im = graph.add(graph.multiply(inner.re, cIm), graph.multiply(inner.im, cRe));
  return { re: graph.matMul(rotationD, re), im: graph.matMul(rotationD, im) };
}

/** Control and target of the CRZ gates of a stage, in the order of their weights. */
function couplings(
  n: number,
  ansatz: AnsatzKind,
  step: 1 | -1,
): readonly (readonly [number, number])[] {
  if (ansatz === "product") return [];
  const pairs = Array.from({ length: n }, (_, i) => [i, (i + step + n) % n] as const);
  return ansatz === "ring" ? pairs : pairs.filter(([from, to]) => to === from + step);
}

/** Diagonal of a stage of CRZ gates: e^{−iφ}, φ_k = Σ ±θ/2 where the control is 1, minus where the target is 1. */
function diagonal(
  graph: Operations,
  angles: Tensor,
  pairs: readonly (readonly [number, number])[],
  n: number,
): Complex {
  const size = 2 ** n;
  const table = new Float32Array(size * pairs.length);
  for (let k = 0; k < size; k++) {
    pairs.forEach(([control, target], column) => {
      const isOn = (k >> control) & 1;
      if (isOn) table[k * pairs.length + column] = (k >> target) & 1 ? -0.5 : 0.5;
    });
  }
  const phase = graph.reshape(
    graph.matMul(
      graph.constant(table, [size, pairs.length]),
      graph.reshape(angles, [pairs.length, 1]),
    ),
    [size],
  );
  return { re: graph.cos(phase), im: graph.negate(graph.sin(phase)) };
}

/** Kronecker product of RY on each qubit, qubit 0 least significant. Shapes: angles [n], result [2^n, 2^n]. */
function rotations(graph: Operations, angles: Tensor, n: number): Tensor {
  const half = graph.multiply(angles, 0.5);
  const [cos, sin] = [graph.cos(half), graph.sin(half)];
  let product = graph.constant(Float32Array.of(1), [1, 1]);
  for (let qubit = 0; qubit < n; qubit++) {
    const factor = (x: Tensor): Tensor =>
      graph.reshape(graph.slice(x, 0, qubit, qubit + 1), [1, 1]);
    const onDiagonal = graph.multiply(product, factor(cos));
    const offDiagonal = graph.multiply(product, factor(sin));
    product = graph.concat(
      [
        graph.concat([onDiagonal, graph.negate(offDiagonal)], 1),
        graph.concat([offDiagonal, onDiagonal], 1),
      ],
      0,
    );
  }
  return product;
}

/** +1 where a qubit is 0, −1 where it is 1. Shape [2^n, n]. */
function signs(n: number): Float32Array {
  const table = new Float32Array(2 ** n * n);
  for (let k = 0; k < 2 ** n; k++) {
    for (let qubit = 0; qubit < n; qubit++) table[k * n + qubit] = (k >> qubit) & 1 ? -1 : 1;
  }
  return table;
}
