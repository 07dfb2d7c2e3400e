/** Errors of shape rules, in one form: the operation, both tensors by name, what to do. */
import { QtuneError, printShape } from "@qtune/base";
import type { Tensor } from "../tensor.ts";

/** Returns a tensor as messages name it: `x [N, 64]`. */
export function describeTensor(tensor: Tensor): string {
  return `${tensor.name} ${printShape(tensor.shape)}`;
}

/** Throws `invalid_argument`: what was expected, the tensors that were given, a hint. */
export function failShapes(
  op: string,
  expected: string,
  given: readonly Tensor[],
  hint?: string,
): never {
  const list = given.map(describeTensor).join(" and ");
  const tail = hint === undefined ? "" : `; ${hint}`;
  throw new QtuneError("invalid_argument", `expected ${expected} but was given ${list}${tail}`, {
    where: `graph.${op}`,
    details: { tensors: given.map(({ name, shape }) => ({ name, shape })) },
  });
}

/** Returns the only input of a unary operation, the first of several. */
export function inputAt(inputs: readonly Tensor[], index: number, op: string): Tensor {
  const tensor = inputs[index];
  if (tensor === undefined) {
    throw new QtuneError("invalid_argument", `expected at least ${index + 1} inputs`, {
      where: `graph.${op}`,
    });
  }
  return tensor;
}

/** Throws unless the tensor holds floats. */
export function assertFloat(tensor: Tensor, op: string): void {
  if (tensor.dtype !== "float")
    failShapes(op, `a float tensor (${tensor.name} is ${tensor.dtype})`, [tensor]);
}

/** Throws unless the tensor holds int64 indices. */
export function assertInt64(tensor: Tensor, op: string): void {
  if (tensor.dtype !== "int64")
    failShapes(op, `int64 indices (${tensor.name} is ${tensor.dtype})`, [tensor]);
}

/** Returns a non-negative axis; negative ones count from the end. */
export function resolveAxis(tensor: Tensor, axis: number, op: string): number {
  const resolved = axis < 0 ? axis + tensor.shape.length : axis;
  if (!Number.isInteger(resolved) || resolved < 0 || resolved >= tensor.shape.length) {
    failShapes(op, `an axis of the tensor (axis ${axis})`, [tensor]);
  }
  return resolved;
}
