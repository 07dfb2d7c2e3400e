/** Circuits that everybody needs: variational forms, encodings, textbook states and random circuits. */
import { QtuneError, type Random } from "@qtune/base";
import { addAngles, type Angle, parameterAngle, scaleAngle } from "../angle.ts";
import type { Circuit, Operation, Parameter } from "../circuit.ts";
import { gateTable } from "../gate-table.ts";

/** Which pairs an entangling layer couples. */
export type Entanglement = "linear" | "circular" | "full";

function gate(name: string, qubits: readonly number[], ...angles: readonly Angle[]): Operation {
  return { kind: "gate", gate: name, qubits, angles };
}

function checkCount(where: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw new QtuneError(
      "out_of_range",
      `expected an integer of at least ${least} but was given ${value}`,
      { where },
    );
}

function couplings(n: number, entanglement: Entanglement): readonly (readonly [number, number])[] {
  if (entanglement === "full")
    return Array.from({ length: n }, (_, i) => i).flatMap((i) =>
      Array.from({ length: n - i - 1 }, (_, k) => [i, i + 1 + k] as const),
    );
  const line = Array.from({ length: Math.max(0, n - 1) }, (_, i) => [i, i + 1] as const);
  return entanglement === "circular" && n > 2 ? [...line, [n - 1, 0] as const] : line;
}

/** Numbers parameters `name[0]`, `name[1]`, … in the order in which they are asked for. */
function counter(
  name: string,
  role: Parameter["role"],
): { next(): Angle; list(): readonly Parameter[] } {
  let count = 0;
  return {
    next: () => parameterAngle(`${name}[${count++}]`),
    list: () => Array.from({ length: count }, (_, i) => ({ name: `${name}[${i}]`, role })),
  };
}

/** What {@link hardwareEfficientAnsatz} builds. */
export interface HardwareEfficientOptions {
  readonly n: number;
  readonly layers: number;
  /** Rotations of each layer, in order. Default RY, RZ. */
  readonly rotations?: readonly ("RX" | "RY" | "RZ")[];
  /** Default CZ. */
  readonly entangler?: "CX" | "CZ";
  /** Default `linear`. */
  readonly entanglement?: Entanglement;
}

/**
 * Creates layers of rotations with entanglers between them, and rotations at the end.
 *
 * Shapes: shared parameters `w[0]` … in the order layer, rotation, qubit; n·R·(layers + 1) of them.
 */
export function hardwareEfficientAnsatz(options: HardwareEfficientOptions): Circuit {
  const {
    n,
    layers,
    rotations = ["RY", "RZ"],
    entangler = "CZ",
    entanglement = "linear",
  } = options;
  checkCount("n", n, 1);
  checkCount("layers", layers, 0);
  const weights = counter("w", "shared");
  const operations: Operation[] = [];
  const rotate = (): void => {
    for (const rotation of rotations)
      for (let q = 0; q < n; q++) operations.push(gate(rotation, [q], weights.next()));
  };
  for (let layer = 0; layer < layers; layer++) {
    rotate();
    for (const pair of couplings(n, entanglement)) operations.push(gate(entangler, pair));
  }
  rotate();
  return { qubits: n, clbits: 0, parameters: weights.list(), operations };
}

/**
 * Creates strongly entangling layers: RZ RY RZ on each qubit, then CX from each qubit i to i + r, r growing by layer.
 *
 * Maths: Schuld, Bocharov, Svore, Wiebe, arXiv 1804.00633.
 * Shapes: shared parameters `w[0]` … `w[3nL − 1]` in the order layer, qubit, angle.
 */
export function stronglyEntanglingAnsatz(options: {
  readonly n: number;
  readonly layers: number;
}): Circuit {
  const { n, layers } = options;
  checkCount("n", n, 1);
  checkCount("layers", layers, 1);
  const weights = counter("w", "shared");
  const operations: Operation[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let q = 0; q < n; q++)
      for (const axis of ["RZ", "RY", "RZ"]) operations.push(gate(axis, [q], weights.next()));
    const range = n > 1 ? (layer % (n - 1)) + 1 : 0;
    if (range > 0) for (let q = 0; q < n; q++) operations.push(gate("CX", [q, (q + range) % n]));
  }
  return { qubits: n, clbits: 0, parameters: weights.list(), operations };
}

/** Creates one rotation per qubit by the row parameters `x[0]` … `x[n−1]`. Default axis RY. */
export function angleEncoding(options: {
  readonly n: number;
  readonly rotation?: "RX" | "RY" | "RZ";
}): Circuit {
  const { n, rotation = "RY" } = options;
  checkCount("n", n, 1);
  const data = counter("x", "row");
  const operations = Array.from({ length: n }, (_, q) => gate(rotation, [q], data.next()));
  return { qubits: n, clbits: 0, parameters: data.list(), operations };
}

/**
 * Creates a circuit that takes |0…0⟩ to given amplitudes, normalised, phase included.
 *
 * Maths: multiplexed RY and RZ from the top qubit down (Möttönen, Vartiainen, Bergholm, Salomaa, quant-ph/0407010).
 * Shapes: re, im [2^n]; at most 2^{n+1} CX.
 * Errors: invalid_argument for a length that is no power of two, or all zeros.
 */
export function amplitudeEncoding(amplitudes: {
  readonly re: ArrayLike<number>;
  readonly im?: ArrayLike<number>;
}): Circuit {
  const size = amplitudes.re.length;
  const n = Math.round(Math.log2(size));
  if (
    size < 2 ||
    2 ** n !== size ||
    (amplitudes.im !== undefined && amplitudes.im.length !== size)
  ) {
    throw new QtuneError(
      "invalid_argument",
      `expected 2, 4, 8, … amplitudes but was given ${size}`,
      { where: "amplitudes" },
    );
  }
  const magnitudes = Float64Array.from({ length: size }, (_, i) =>
    Math.hypot(amplitudes.re[i] ?? 0, amplitudes.im?.[i] ?? 0),
  );
  const phases = Float64Array.from({ length: size }, (_, i) =>
    Math.atan2(amplitudes.im?.[i] ?? 0, amplitudes.re[i] ?? 0),
  );
  const norm = Math.hypot(...magnitudes);
  if (!(norm > 0) || !Number.isFinite(norm))
    throw new QtuneError("invalid_argument", "expected amplitudes that are finite and not all 0", {
      where: "amplitudes",
    });
  const operations: Operation[] = [];
  const above = (q: number): readonly number[] =>
    Array.from({ length: n - 1 - q }, (_, i) => q + 1 + i);
  for (let q = n - 1; q >= 0; q--) {
    // controls are the qubits above q; their pattern j selects the pair of blocks that RY splits
    const angles = Array.from({ length: 2 ** (n - 1 - q) }, (_, j) => {
      const block = 2 ** q;
      const low = Math.hypot(...magnitudes.subarray(2 * j * block, (2 * j + 1) * block));
      const high = Math.hypot(...magnitudes.subarray((2 * j + 1) * block, (2 * j + 2) * block));
      return 2 * Math.atan2(high, low);
    });
    operations.push(...multiplexedRotation("RY", angles, q, above(q)));
  }
  let rest: Float64Array = phases;
  for (let q = 0; q < n; q++) {
    // halve: RZ on q carries the differences, the means go on to the qubits above
    const pairs = rest.length / 2;
    const angles = Array.from(
      { length: pairs },
      (_, j) => (rest[2 * j + 1] ?? 0) - (rest[2 * j] ?? 0),
    );
    const means = Float64Array.from(
      { length: pairs },
      (_, j) => ((rest[2 * j + 1] ?? 0) + (rest[2 * j] ?? 0)) / 2,
    );
    operations.push(...multiplexedRotation("RZ", angles, q, above(q)));
    rest = means;
  }
  const phase = rest[0] ?? 0;
  return {
    qubits: n,
    clbits: 0,
    parameters: [],
    operations,
    ...(phase === 0 ? {} : { globalPhase: phase }),
  };
}

/**
 * Returns operations that rotate a qubit by `angles[j]` where the controls read j, the first control being the least
 * significant bit; none where all angles are 0.
 *
 * Maths: rotations between CX along a Gray code (Möttönen, Vartiainen, Bergholm, Salomaa, quant-ph/0407010).
 * Shapes: angles [2^k] for k controls; 2^k rotations and 2^k CX.
 * Errors: invalid_argument when the number of angles does not fit.
 */
export function multiplexedRotation(
  rotation: "RY" | "RZ",
  angles: readonly number[],
  target: number,
  controls: readonly number[],
): readonly Operation[] {
  const count = 2 ** controls.length;
  if (angles.length !== count) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${count} angles for ${controls.length} controls but was given ${angles.length}`,
      { where: "angles" },
    );
  }
  const gray = (i: number): number => i ^ (i >> 1);
  const mixed = Array.from({ length: count }, (_, i) => {
    const sum = angles.reduce(
      (total, angle, j) => total + (parity(j & gray(i)) === 0 ? angle : -angle),
      0,
    );
    return sum / count;
  });
  if (mixed.every((angle) => Math.abs(angle) < 1e-15)) return [];
  return mixed.flatMap((angle, i) => {
    const turn = gate(rotation, [target], angle);
    if (controls.length === 0) return [turn];
    const changed = gray(i) ^ gray((i + 1) % count);
    return [turn, gate("CX", [controls[Math.round(Math.log2(changed))] ?? target, target])];
  });
}

function parity(value: number): number {
  let bits = 0;
  for (let rest = value; rest > 0; rest >>= 1) bits ^= rest & 1;
  return bits;
}

/**
 * Creates the quantum Fourier transform |j⟩ → 2^{−n/2} Σ_k e^{2πi jk/2^n} |k⟩.
 *
 * @param options.swaps reverse the qubits at the end, which the definition needs. Default true.
 */
export function qft(options: {
  readonly n: number;
  readonly inverse?: boolean;
  readonly swaps?: boolean;
}): Circuit {
  const { n, inverse = false, swaps = true } = options;
  checkCount("n", n, 1);
  const sign = inverse ? -1 : 1;
  const operations: Operation[] = [];
  for (let q = n - 1; q >= 0; q--) {
    operations.push(gate("H", [q]));
    for (let k = q - 1; k >= 0; k--)
      operations.push(gate("CP", [k, q], (sign * Math.PI) / 2 ** (q - k)));
  }
  if (swaps)
    for (let q = 0; q < Math.floor(n / 2); q++) operations.push(gate("SWAP", [q, n - 1 - q]));
  return {
    qubits: n,
    clbits: 0,
    parameters: [],
    operations: inverse ? operations.reverse() : operations,
  };
}

/** Creates (|0…0⟩ + |1…1⟩)/√2 by a chain of CX. */
export function ghz(options: { readonly n: number }): Circuit {
  checkCount("n", options.n, 1);
  const chain = Array.from({ length: options.n - 1 }, (_, q) => gate("CX", [q, q + 1]));
  return { qubits: options.n, clbits: 0, parameters: [], operations: [gate("H", [0]), ...chain] };
}

/** A quadratic cost over ±1 spins: Σ weight_ij Z_i Z_j + Σ weight_i Z_i. */
export interface IsingCost {
  readonly n: number;
  readonly couplings: readonly (readonly [i: number, j: number, weight: number])[];
  readonly fields?: readonly number[];
}

/**
 * Creates the alternating ansatz of QAOA from |+…+⟩.
 *
 * Maths: Π_p exp(−iβ_p Σ X) exp(−iγ_p C), Farhi, Goldstone, Gutmann, arXiv 1411.4028.
 * Shapes: shared parameters `gamma[0]`, `beta[0]`, `gamma[1]`, … in the order of the layers.
 */
export function qaoaAnsatz(cost: IsingCost, options: { readonly layers: number }): Circuit {
  const { layers } = options;
  checkCount("cost.n", cost.n, 1);
  checkCount("layers", layers, 1);
  const operations: Operation[] = Array.from({ length: cost.n }, (_, q) => gate("H", [q]));
  const parameters: Parameter[] = [];
  for (let p = 0; p < layers; p++) {
    const [gamma, beta] = [`gamma[${p}]`, `beta[${p}]`];
    parameters.push({ name: gamma, role: "shared" }, { name: beta, role: "shared" });
    for (const [i, j, weight] of cost.couplings)
      operations.push(gate("RZZ", [i, j], scaleAngle(parameterAngle(gamma), 2 * weight)));
    (cost.fields ?? []).forEach((weight, q) => {
      if (weight !== 0)
        operations.push(gate("RZ", [q], scaleAngle(parameterAngle(gamma), 2 * weight)));
    });
    for (let q = 0; q < cost.n; q++)
      operations.push(gate("RX", [q], scaleAngle(parameterAngle(beta), 2)));
  }
  return { qubits: cost.n, clbits: 0, parameters, operations };
}

/** What {@link randomCircuit} draws. */
export interface RandomCircuitOptions {
  readonly n: number;
  /** Number of gates. */
  readonly gates: number;
  readonly random: Random;
  /** Names of the gate table to draw from. Default: all of up to three qubits. */
  readonly from?: readonly string[];
}

/** Creates a circuit of gates drawn uniformly, on random qubits, with angles in [−π, π). */
export function randomCircuit(options: RandomCircuitOptions): Circuit {
  const { n, gates, random, from } = options;
  checkCount("n", n, 1);
  const rows = gateTable.filter(
    (row) =>
      row.qubits <= Math.min(n, from === undefined ? 3 : n) &&
      (from === undefined || from.includes(row.name)),
  );
  if (rows.length === 0)
    throw new QtuneError("invalid_argument", `no gate of the table fits on ${n} qubits`, {
      where: "from",
    });
  const operations = Array.from({ length: gates }, (): Operation => {
    const row = rows[random.nextBelow(rows.length)] ?? rows[0];
    const qubits: number[] = [];
    while (row !== undefined && qubits.length < row.qubits) {
      const qubit = random.nextBelow(n);
      if (!qubits.includes(qubit)) qubits.push(qubit);
    }
    return gate(
      row?.name ?? "I",
      qubits,
      ...(row?.angles ?? []).map((): Angle =>
        addAngles((random.nextUniform() - 0.5) * 2 * Math.PI, 0),
      ),
    );
  });
  return { qubits: n, clbits: 0, parameters: [], operations };
}
