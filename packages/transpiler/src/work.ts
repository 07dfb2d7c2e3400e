/**
 * The form in which circuits are compiled: one-qubit gates as lists of factors, two-qubit gates as CZ, ZZ rotations,
 * SWAPs or dense blocks. Angles that depend on parameters stay symbolic, so a structure is compiled once and its values
 * are bound per row; everything bound is a plain matrix.
 */
import {
  type AffineAngle,
  type Angle,
  addAngles,
  evaluateAngle,
  isBoundAngle,
} from "@qtune/circuit";
import { internalError } from "@qtune/base";
import { type Matrix, multiply, rotation } from "./matrix.ts";

/** A factor of a one-qubit gate: a bound matrix, or a rotation whose angle depends on parameters. */
export type LocalFactor =
  | { readonly kind: "matrix"; readonly matrix: Matrix }
  | { readonly kind: "rotation"; readonly axis: "X" | "Y" | "Z"; readonly angle: AffineAngle };

/** A one-qubit gate: factors in time order. */
export interface LocalWork {
  readonly kind: "local";
  readonly qubit: number;
  readonly factors: readonly LocalFactor[];
}

/** `diag(1, 1, 1, −1)`. */
export interface CzWork {
  readonly kind: "cz";
  readonly a: number;
  readonly b: number;
}

/** `exp(−i angle/2 · Z ⊗ Z)`. */
export interface ZzWork {
  readonly kind: "zz";
  readonly a: number;
  readonly b: number;
  readonly angle: Angle;
}

/** A bound two-qubit unitary, index 2 · b + a: qubit `a` is the low one. */
export interface BlockWork {
  readonly kind: "block";
  readonly a: number;
  readonly b: number;
  readonly matrix: Matrix;
}

/** Exchanges two qubits. `routed` marks those that routing has put in. */
export interface SwapWork {
  readonly kind: "swap";
  readonly a: number;
  readonly b: number;
  readonly routed?: true;
}

export interface MeasureWork {
  readonly kind: "measure";
  readonly qubit: number;
  readonly clbit: number;
}

/** Keeps operations on its qubits from moving across; never empty. */
export interface BarrierWork {
  readonly kind: "barrier";
  readonly qubits: readonly number[];
}

export interface DelayWork {
  readonly kind: "delay";
  readonly qubit: number;
  readonly durationNs: number;
}

/** A gate on two qubits. */
export type PairWork = CzWork | ZzWork | BlockWork | SwapWork;

/** One step of a circuit that is being compiled. */
export type WorkOperation = LocalWork | PairWork | MeasureWork | BarrierWork | DelayWork;

/** A circuit that is being compiled. */
export interface WorkCircuit {
  readonly qubits: number;
  readonly clbits: number;
  readonly operations: readonly WorkOperation[];
}

/** Tells whether an operation acts on two qubits as a gate. */
export function isPair(operation: WorkOperation): operation is PairWork {
  switch (operation.kind) {
    case "cz":
    case "zz":
    case "block":
    case "swap":
      return true;
    default:
      return false;
  }
}

/** Returns the qubits of an operation. */
export function workQubits(operation: WorkOperation): readonly number[] {
  switch (operation.kind) {
    case "local":
    case "measure":
    case "delay":
      return [operation.qubit];
    case "barrier":
      return operation.qubits;
    default:
      return [operation.a, operation.b];
  }
}

/** Returns the operation on other qubits: qubit q becomes `map(q)`. */
export function relabel(operation: WorkOperation, map: (qubit: number) => number): WorkOperation {
  switch (operation.kind) {
    case "local":
    case "measure":
    case "delay":
      return { ...operation, qubit: map(operation.qubit) };
    case "barrier":
      return { ...operation, qubits: operation.qubits.map(map) };
    default:
      return { ...operation, a: map(operation.a), b: map(operation.b) };
  }
}

/** Returns a factor for a rotation: bound angles become matrices. */
export function rotationFactor(axis: "X" | "Y" | "Z", angle: Angle): LocalFactor {
  return isBoundAngle(angle)
    ? matrixFactor(rotation(axis, angle))
    : { kind: "rotation", axis, angle };
}

/** Returns a bound factor. */
export function matrixFactor(matrix: Matrix): LocalFactor {
  return { kind: "matrix", matrix };
}

/** Creates a one-qubit operation. */
export function local(qubit: number, ...factors: readonly LocalFactor[]): LocalWork {
  return { kind: "local", qubit, factors };
}

/** Appends factors, multiplying neighbours that are both bound and adding angles about the same axis. */
export function joinFactors(
  first: readonly LocalFactor[],
  second: readonly LocalFactor[],
): readonly LocalFactor[] {
  const out = [...first];
  for (const factor of second) {
    const last = out.at(-1);
    const joined = last === undefined ? undefined : joinTwo(last, factor);
    if (joined === undefined) out.push(factor);
    else out[out.length - 1] = joined;
  }
  return out;
}

function joinTwo(first: LocalFactor, second: LocalFactor): LocalFactor | undefined {
  if (first.kind === "matrix" && second.kind === "matrix")
    return matrixFactor(multiply(second.matrix, first.matrix));
  if (first.kind === "rotation" && second.kind === "rotation" && first.axis === second.axis) {
    return rotationFactor(first.axis, addAngles(first.angle, second.angle));
  }
  return undefined;
}

/** Returns the matrix of a one-qubit gate whose parameters `lookup` knows. */
export function factorsMatrix(factors: readonly LocalFactor[], lookup: ParameterLookup): Matrix {
  let out: Matrix | undefined;
  for (const factor of factors) {
    const matrix =
      factor.kind === "matrix"
        ? factor.matrix
        : rotation(factor.axis, evaluateAngle(factor.angle, lookup));
    out = out === undefined ? matrix : multiply(matrix, out);
  }
  if (out === undefined) throw internalError("a one-qubit gate without factors");
  return out;
}

/** Gives the value of a parameter. */
export type ParameterLookup = (parameter: string) => number;

/** Returns the matrix of a one-qubit gate, or undefined when it depends on parameters. */
export function boundMatrix(factors: readonly LocalFactor[]): Matrix | undefined {
  const [only] = factors;
  return factors.length === 1 && only?.kind === "matrix" ? only.matrix : undefined;
}

const diagonalTolerance = 1e-11;

/** Tells whether a one-qubit gate is diagonal for every value of its parameters. */
export function isDiagonalLocal(factors: readonly LocalFactor[]): boolean {
  return factors.every((factor) =>
    factor.kind === "rotation" ? factor.axis === "Z" : isDiagonalMatrix(factor.matrix),
  );
}

/** Tells whether a one-qubit matrix is diagonal up to rounding. */
export function isDiagonalMatrix(m: Matrix): boolean {
  return (
    Math.hypot(m[2]!, m[3]!) < diagonalTolerance && Math.hypot(m[4]!, m[5]!) < diagonalTolerance
  ); // 8 numbers
}

/** Tells whether a one-qubit gate is the identity up to phase. */
export function isIdentityLocal(factors: readonly LocalFactor[]): boolean {
  const matrix = boundMatrix(factors);
  if (matrix === undefined) return factors.length === 0;
  return (
    isDiagonalMatrix(matrix) &&
    Math.hypot(matrix[0]! - matrix[6]!, matrix[1]! - matrix[7]!) < diagonalTolerance
  );
}
