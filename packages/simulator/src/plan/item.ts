import type { Angle, Control, Matrix } from "@qtune/circuit";

/**
 * What every unitary operation is lowered to. Only rotations and diagonals carry angles that depend on parameters;
 * matrices and permutations are constant. Uncontrolled global phases are dropped.
 */
export type Item = RotationItem | DiagonalItem | MatrixItem | PermutationItem;

/** RY(angle) on a qubit. */
export interface RotationItem {
  readonly kind: "rotation";
  readonly qubit: number;
  readonly angle: Angle;
}

/** e^{−i·angle·g(x)} on basis state x; `generator` [2^k] lists g over the local index, first qubit least significant. */
export interface DiagonalItem {
  readonly kind: "diagonal";
  readonly qubits: readonly number[];
  readonly angle: Angle;
  readonly generator: readonly number[];
}

/** A dense constant on k qubits under controls. */
export interface MatrixItem {
  readonly kind: "matrix";
  readonly qubits: readonly number[];
  readonly matrix: Matrix;
  readonly controls: readonly Control[];
}

/** |x⟩ → |images[x]⟩ over the local index of `qubits`, under controls. */
export interface PermutationItem {
  readonly kind: "permutation";
  readonly qubits: readonly number[];
  readonly images: readonly number[];
  readonly controls: readonly Control[];
}

/** All qubits that an item touches, controls included. */
export function itemQubits(item: Item): readonly number[] {
  switch (item.kind) {
    case "rotation":
      return [item.qubit];
    case "diagonal":
      return item.qubits;
    case "matrix":
    case "permutation":
      return [...item.qubits, ...item.controls.map((control) => control.qubit)];
    default:
      return item satisfies never;
  }
}
