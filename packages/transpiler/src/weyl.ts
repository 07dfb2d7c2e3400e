/**
 * Cartan (KAK) decomposition of two-qubit unitaries: U = phase · (L1 ⊗ L0) · exp(i(a XX + b YY + c ZZ)) · (R1 ⊗ R0).
 * In the magic basis local unitaries are real orthogonal and the middle part is diagonal (Makhlin 2002; Tucci 2005), so
 * the whole task is one joint diagonalisation of two commuting real symmetric matrices, done here by Jacobi sweeps.
 */
import { internalError } from "@qtune/base";
import {
  type Matrix,
  adjoint,
  determinant,
  dimension,
  fromParts,
  identity,
  kronecker,
  multiply,
  rotation,
  scale,
  transpose,
} from "./matrix.ts";

/** U = phase · (leftHigh ⊗ leftLow) · exp(i(a XX + b YY + c ZZ)) · (rightHigh ⊗ rightLow), π/4 ≥ a ≥ b ≥ |c|. */
export interface WeylDecomposition {
  /** The coordinates a, b, c. */
  readonly coordinates: readonly [number, number, number];
  readonly leftHigh: Matrix;
  readonly leftLow: Matrix;
  readonly rightHigh: Matrix;
  readonly rightLow: Matrix;
}

const r = Math.SQRT1_2;

/** Columns Φ+, iΦ−, iΨ+, Ψ−: the magic basis, in the order of the eigenvalues used below. */
const magic: Matrix = fromParts(
  [r, 0, 0, 0, 0, 0, 0, r, 0, 0, 0, -r, r, 0, 0, 0],
  [0, r, 0, 0, 0, 0, r, 0, 0, 0, r, 0, 0, -r, 0, 0],
);
const magicAdjoint = adjoint(magic);

/**
 * Decomposes a two-qubit unitary into local gates and the canonical interaction.
 *
 * Shapes: u complex 4 × 4, index 2 · high + low.
 * Effect: pure.
 * Cost:   a few dozen 4 × 4 products, some 20 µs.
 * Errors: internal when `u` is not unitary.
 */
export function weylDecomposition(u: Matrix): WeylDecomposition {
  const special = toSpecial(u);
  const m = multiply(magicAdjoint, multiply(special, magic));
  const gram = multiply(transpose(m), m);
  const basis = jointEigenvectors(gram);
  const phases = eigenphases(gram, basis);
  let left = multiply(m, multiply(complexOf(basis), diagonalOf(phases, -1)));
  if (determinant(left)[0] < 0) {
    phases[0]! += Math.PI; // four phases
    left = multiply(m, multiply(complexOf(basis), diagonalOf(phases, -1)));
  }
  const sum = phases.reduce((total, phase) => total + phase, 0);
  phases[3]! -= 2 * Math.PI * Math.round(sum / (2 * Math.PI));
  const [d0, d1, d2] = phases as [number, number, number, number]; // four phases
  const frame: Frame = {
    x: [(d0 + d2) / 2, (d1 + d2) / 2, (d0 + d1) / 2],
    left: multiply(magic, multiply(left, magicAdjoint)),
    right: multiply(magic, multiply(transpose(complexOf(basis)), magicAdjoint)),
  };
  moveIntoChamber(frame);
  const [leftHigh, leftLow] = splitKronecker(frame.left);
  const [rightHigh, rightLow] = splitKronecker(frame.right);
  return { coordinates: frame.x, leftHigh, leftLow, rightHigh, rightLow };
}

/** Returns exp(i(a XX + b YY + c ZZ)). */
export function canonicalGate(a: number, b: number, c: number): Matrix {
  const phases = [a - b + c, -a + b + c, a + b - c, -a - b - c];
  return multiply(magic, multiply(diagonalOf(phases, 1), magicAdjoint));
}

/**
 * Splits a product operator into its factors [high, low].
 *
 * Errors: internal when the operator is no product.
 */
export function splitKronecker(product: Matrix): [Matrix, Matrix] {
  let best = 0;
  let at = 0;
  for (let i = 0; i < 16; i++) {
    const size = Math.hypot(product[2 * i]!, product[2 * i + 1]!); // 32 numbers
    if (size > best + 1e-9) {
      best = size;
      at = i;
    }
  }
  const row = at >> 2;
  const column = at & 3;
  const low = new Float64Array(8);
  const high = new Float64Array(8);
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 2; j++) {
      const inLow = 2 * (((row & 2) | i) * 4 + ((column & 2) | j));
      const inHigh = 2 * (((i << 1) | (row & 1)) * 4 + ((j << 1) | (column & 1)));
      low[2 * (2 * i + j)] = product[inLow]!; // indices are below 32
      low[2 * (2 * i + j) + 1] = product[inLow + 1]!;
      high[2 * (2 * i + j)] = product[inHigh]!;
      high[2 * (2 * i + j) + 1] = product[inHigh + 1]!;
    }
  }
  const out: [Matrix, Matrix] = [toSpecial(high), toSpecial(low)];
  const rebuilt = kronecker(out[0], out[1]);
  let overlap = 0;
  let overlapIm = 0;
  for (let i = 0; i < 32; i += 2) {
    overlap += rebuilt[i]! * product[i]! + rebuilt[i + 1]! * product[i + 1]!; // 32 numbers
    overlapIm += rebuilt[i]! * product[i + 1]! - rebuilt[i + 1]! * product[i]!;
  }
  if (Math.hypot(overlap, overlapIm) < 4 * (1 - 1e-6))
    throw internalError("a local part of a two-qubit gate is no product");
  return out;
}

interface Frame {
  readonly x: [number, number, number];
  left: Matrix;
  right: Matrix;
}

const axes = ["X", "Y", "Z"] as const;

/** Moves the coordinates to π/4 ≥ a ≥ b ≥ |c|, putting the local gates that this takes into the frame. */
function moveIntoChamber(frame: Frame): void {
  for (let k = 0; k < 3; k++) {
    const turns = Math.round(frame.x[k]! / (Math.PI / 2)); // k < 3
    frame.x[k]! -= (turns * Math.PI) / 2;
    // exp(i π/2 PP) = i P ⊗ P.
    const pauli = rotation(axes[k]!, Math.PI);
    if (turns % 2 !== 0) frame.left = multiply(frame.left, kronecker(pauli, pauli));
  }
  sortPair(frame, 0, 1);
  sortPair(frame, 1, 2);
  sortPair(frame, 0, 1);
  if (frame.x[0] < 0) flipPair(frame, 0, 2);
  if (frame.x[1] < 0) flipPair(frame, 1, 2);
}

/** Exchanges two axes when the second coordinate is the larger one: a quarter turn about the third axis on both qubits. */
function sortPair(frame: Frame, i: number, j: number): void {
  const x = frame.x[i]!; // i, j < 3
  const y = frame.x[j]!;
  if (Math.abs(y) <= Math.abs(x)) return;
  const quarter = rotation(axes[3 - i - j]!, Math.PI / 2);
  const both = kronecker(quarter, quarter);
  frame.left = multiply(frame.left, adjoint(both));
  frame.right = multiply(both, frame.right);
  frame.x[i] = y;
  frame.x[j] = x;
}

/** Changes the sign of two coordinates: a half turn of one qubit about the third axis. */
function flipPair(frame: Frame, i: number, j: number): void {
  const half = kronecker(rotation(axes[3 - i - j]!, Math.PI), identity(2)); // i, j < 3
  frame.left = multiply(frame.left, adjoint(half));
  frame.right = multiply(half, frame.right);
  frame.x[i]! *= -1;
  frame.x[j]! *= -1;
}

/** Divides a unitary by a root of its determinant. */
function toSpecial(u: Matrix): Matrix {
  const k = dimension(u);
  const [re, im] = determinant(u);
  const size = Math.hypot(re, im) ** (-1 / k);
  const angle = -Math.atan2(im, re) / k;
  return scale(u, size * Math.cos(angle), size * Math.sin(angle));
}

/** Real 4 × 4 (row-major) as a complex matrix. */
function complexOf(real: Float64Array): Matrix {
  return fromParts(real, new Float64Array(real.length));
}

function diagonalOf(phases: readonly number[], sign: number): Matrix {
  const out = new Float64Array(2 * phases.length ** 2);
  phases.forEach((phase, i) => {
    out[2 * (i * phases.length + i)] = Math.cos(phase);
    out[2 * (i * phases.length + i) + 1] = sign * Math.sin(phase);
  });
  return out;
}

/** Half the angles of the eigenvalues of a symmetric unitary in its real eigenbasis. */
function eigenphases(gram: Matrix, basis: Float64Array): number[] {
  const turned = multiply(transpose(complexOf(basis)), multiply(gram, complexOf(basis)));
  return [0, 1, 2, 3].map(
    (i) => Math.atan2(turned[2 * (i * 4 + i) + 1]!, turned[2 * (i * 4 + i)]!) / 2,
  ); // i < 4
}

/**
 * Finds the real orthogonal matrix, determinant 1, whose columns diagonalise real and imaginary part of a symmetric
 * unitary at once (they commute). Degenerate eigenvalues need no care: a rotation inside them changes nothing.
 */
function jointEigenvectors(gram: Matrix): Float64Array {
  const parts = [0, 1].map((offset) =>
    Float64Array.from({ length: 16 }, (_, i) => gram[2 * i + offset]!),
  ); // 32 numbers
  const basis = Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
  for (let sweep = 0; sweep < 32; sweep++) {
    let turned = 0;
    for (let p = 0; p < 3; p++) {
      for (let q = p + 1; q < 4; q++) {
        const angle = jointAngle(parts, p, q);
        if (Math.abs(angle) < 1e-15) continue;
        turned = Math.max(turned, Math.abs(angle));
        const c = Math.cos(angle);
        const s = Math.sin(angle);
        for (const part of parts) {
          rotateColumns(part, p, q, c, s);
          rotateRows(part, p, q, c, s);
        }
        rotateColumns(basis, p, q, c, s);
      }
    }
    if (turned < 1e-14) break;
  }
  return basis;
}

/** The rotation in the plane (p, q) that makes both matrices most diagonal there (Cardoso and Souloumiac 1996). */
function jointAngle(parts: readonly Float64Array[], p: number, q: number): number {
  let on = 0;
  let off = 0;
  for (const part of parts) {
    const difference = part[p * 5]! - part[q * 5]!; // diagonal of a 4 × 4
    const twice = 2 * part[p * 4 + q]!;
    on += difference * difference - twice * twice;
    off += 2 * difference * twice;
  }
  // All of it off the diagonal: a quarter of a half turn, where the formula below would stay at its saddle point.
  if (on < 0 && Math.abs(off) < 1e-12 * -on) return Math.PI / 4;
  return 0.5 * Math.atan2(off, on + Math.hypot(on, off));
}

function rotateColumns(m: Float64Array, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < 4; i++) {
    const x = m[i * 4 + p]!; // i, p, q < 4
    const y = m[i * 4 + q]!;
    m[i * 4 + p] = c * x + s * y;
    m[i * 4 + q] = c * y - s * x;
  }
}

function rotateRows(m: Float64Array, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < 4; i++) {
    const x = m[p * 4 + i]!; // i, p, q < 4
    const y = m[q * 4 + i]!;
    m[p * 4 + i] = c * x + s * y;
    m[q * 4 + i] = c * y - s * x;
  }
}
