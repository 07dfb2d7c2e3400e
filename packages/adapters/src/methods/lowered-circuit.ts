/**
 * A quantum layer as plain tensor operations: exact, differentiated with the rest of the graph, and without a cut in it.
 *
 * The upload of the first block acts on |0…0⟩, so its state is a real product of cosines and sines, which a product-to-sum
 * identity turns into two matrix products; the rest of a block does not depend on the token and is one unitary of 2^n,
 * formed once per optimiser step. Later blocks upload the data by rotating each qubit. Few operations, because each costs
 * time to compile and to call. Worth it for few qubits only: the unitary costs 4^n per token.
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

/** The unitaries of a circuit's blocks after their uploads: real rows, then imaginary rows, [2·2^n, 2^n] each. */
export type LoweredBlocks = readonly Tensor[];

/**
 * Builds the unitaries of many circuits of one form together: they depend on weights alone, and a few operations over
 * all modules compile and run faster than the same few for each.
 *
 * Shapes: thetas M tensors [P]; result M lists of blocks.
 */
export function lowerWeights(
  graph: Operations,
  thetas: readonly Tensor[],
  circuit: LoweredCircuit,
): readonly LoweredBlocks[] {
  const size = 2 ** circuit.n;
  const P = Number(thetas[0]?.shape[0] ?? 0);
  const stacked = graph.concat(
    thetas.map((theta) => graph.reshape(theta, [1, P])),
    0,
  ); // [M, P]
  let at = 0;
  const take = (count: number): Tensor => {
    at += count;
    return graph.slice(stacked, 1, at - count, at);
  };
  const blocks = Array.from({ length: circuit.layers }, () => {
    const { re, im } = blockUnitary(graph, circuit, take);
    return graph.concat([re, im], 1); // [M, 2·2^n, 2^n]
  });
  return thetas.map((_, m) =>
    blocks.map((block) => graph.reshape(graph.slice(block, 0, m, m + 1), [2 * size, size])),
  );
}

/**
 * Builds ⟨Z_i⟩ of the circuit of `createAnsatz` for the tokens of one module.
 *
 * Shapes: h [T, n] angles, blocks of this module from `lowerWeights`, result [T, n].
 * Cost:   about 4·4^n multiply-adds per token and block.
 */
export function lowerCircuit(
  graph: Operations,
  h: Tensor,
  blocks: LoweredBlocks,
  n: number,
): Tensor {
  const size = 2 ** n;
  const [first, ...later] = blocks;
  if (first === undefined) throw internalError("a circuit without blocks");
  // Real part in the first 2^n columns, imaginary part in the others.
  let state = graph.matMul(productState(graph, h, n), first, { transposeB: true });
  if (later.length > 0) {
    const half = graph.multiply(h, 0.5);
    const [cos, sin] = [graph.cos(half), graph.sin(half)]; // [T, n]
    for (const unitary of later) {
      const [re, im] = [0, size].map((from) => {
        const plane = graph.slice(state, 1, from, from + size);
        return graph.matMul(upload(graph, plane, cos, sin, n), unitary, { transposeB: true });
      });
      if (re === undefined || im === undefined) throw internalError("a state has two planes");
      state = multiplyComplex(graph, re, im, size);
    }
  }
  const readout = Float32Array.of(...signs(n), ...signs(n));
  return graph.matMul(graph.multiply(state, state), graph.constant(readout, [2 * size, n]));
}

/** Joins U·re and U·im, each as [real | imaginary], into U·(re + i·im). Shapes: [T, 2·size]. */
function multiplyComplex(graph: Operations, re: Tensor, im: Tensor, size: number): Tensor {
  const part = (x: Tensor, from: number): Tensor => graph.slice(x, 1, from, from + size);
  return graph.concat(
    [graph.subtract(part(re, 0), part(im, size)), graph.add(part(re, size), part(im, 0))],
    1,
  );
}

/**
 * ∏ (cos h_i/2 |0⟩ + sin h_i/2 |1⟩), qubit 0 in the least significant bit.
 *
 * Maths:  sin x = cos(x − π/2), and ∏ cos y_i = 2^{1−n} Σ_s cos(y_0 + Σ ±y_i) over the signs of all but the first, so
 *         amplitude k = Σ_s [cos u_s · cos v_sk − sin u_s · sin v_sk] / 2^{n−1} with u = S h/2 and v_sk = −π/2 Σ S_si k_i.
 * Shapes: h [T, n], result [T, 2^n].
 */
function productState(graph: Operations, h: Tensor, n: number): Tensor {
  const size = 2 ** n;
  const sums = 2 ** (n - 1);
  const mix = new Float32Array(n * sums);
  const cosines = new Float32Array(sums * size);
  const sines = new Float32Array(sums * size);
  for (let s = 0; s < sums; s++) {
    const sign = (i: number): number => (i > 0 && (s >> (i - 1)) & 1 ? -1 : 1);
    for (let i = 0; i < n; i++) mix[i * sums + s] = sign(i) / 2;
    for (let k = 0; k < size; k++) {
      let quarters = 0;
      for (let i = 0; i < n; i++) quarters -= (k >> i) & 1 ? sign(i) : 0;
      // Exact values of cos and sin at multiples of π/2.
      cosines[s * size + k] = ([1, 0, -1, 0][quarters & 3] ?? 0) / sums;
      sines[s * size + k] = -([0, 1, 0, -1][quarters & 3] ?? 0) / sums;
    }
  }
  const u = graph.matMul(h, graph.constant(mix, [n, sums])); // [T, 2^(n−1)]
  return graph.add(
    graph.matMul(graph.cos(u), graph.constant(cosines, [sums, size])),
    graph.matMul(graph.sin(u), graph.constant(sines, [sums, size])),
  );
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

/** The unitaries of a block after its upload, R_d · D_c · R_b · D_a, for M modules. Result [M, 2^n, 2^n]. */
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
  const M = a.re.shape[0] ?? 1;
  // Columns scaled by D_a, then rows by D_c.
  const inner = {
    re: graph.multiply(rotationB, graph.reshape(a.re, [M, 1, size])),
    im: graph.multiply(rotationB, graph.reshape(a.im, [M, 1, size])),
  };
  const [cRe, cIm] = [graph.reshape(c.re, [M, size, 1]), graph.reshape(c.im, [M, size, 1])];
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

/**
 * Diagonal of a stage of CRZ gates: e^{−iφ}, φ_k = Σ θ/2 over gates whose control is 1, negative where the target is 1.
 * Shapes: angles [M, gates], result [M, 2^n].
 */
function diagonal(
  graph: Operations,
  angles: Tensor,
  pairs: readonly (readonly [number, number])[],
  n: number,
): Complex {
  const size = 2 ** n;
  const table = new Float32Array(pairs.length * size);
  pairs.forEach(([control, target], gate) => {
    for (let k = 0; k < size; k++) {
      const isOn = (k >> control) & 1;
      if (isOn) table[gate * size + k] = (k >> target) & 1 ? -0.5 : 0.5;
    }
  });
  const phase = graph.matMul(angles, graph.constant(table, [pairs.length, size]));
  return { re: graph.cos(phase), im: graph.negate(graph.sin(phase)) };
}

/** Kronecker products of RY on each qubit, qubit 0 least significant. Shapes: angles [M, n], result [M, 2^n, 2^n]. */
function rotations(graph: Operations, angles: Tensor, n: number): Tensor {
  const M = angles.shape[0] ?? 1;
  const half = graph.multiply(angles, 0.5);
  const [cos, sin] = [graph.cos(half), graph.sin(half)];
  let product: Tensor | undefined;
  for (let qubit = 0; qubit < n; qubit++) {
    const factor = (x: Tensor): Tensor =>
      graph.reshape(graph.slice(x, 1, qubit, qubit + 1), [M, 1, 1]);
    const [c, s] = [factor(cos), factor(sin)];
    const onDiagonal = product === undefined ? c : graph.multiply(product, c);
    const offDiagonal = product === undefined ? s : graph.multiply(product, s);
    product = graph.concat(
      [
        graph.concat([onDiagonal, graph.negate(offDiagonal)], 2),
        graph.concat([offDiagonal, onDiagonal], 2),
      ],
      1,
    );
  }
  if (product === undefined) throw internalError("a circuit without qubits");
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
