/** Plain loops that the reference evaluations share. Floats are float64 here. */
import { internalError, shapeSize } from "@qtune/base";
import type { Value } from "../tensor.ts";

/** Returns the float elements of a value. */
export function floatsOf(value: Value | undefined): Float64Array {
  if (value?.data instanceof Float64Array) return value.data;
  throw internalError("the interpreter was handed a value that is not float64");
}

/** Returns integer elements as numbers. */
export function integersOf(value: Value | undefined): number[] {
  if (value === undefined) throw internalError("the interpreter misses an input");
  return Array.from(value.data as ArrayLike<number | bigint>, Number);
}

/** Returns the value at `index`; inputs of a checked graph exist. */
export function valueAt(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw internalError("the interpreter misses an input");
  return value;
}

/** Creates a float value by computing each element. */
export function fillFloats(dims: readonly number[], at: (index: number) => number): Value {
  const data = new Float64Array(shapeSize(dims));
  for (let i = 0; i < data.length; i++) data[i] = at(i);
  return { dims, data };
}

/** Returns row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length).fill(1);
  for (let axis = dims.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] ?? 1) * (dims[axis + 1] ?? 1);
  }
  return strides;
}

/** Splits a flat index into coordinates. */
export function coordinatesOf(index: number, dims: readonly number[]): number[] {
  const coordinates = new Array<number>(dims.length).fill(0);
  let rest = index;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const dim = dims[axis] ?? 1;
    coordinates[axis] = rest % dim;
    rest = Math.floor(rest / dim);
  }
  return coordinates;
}

/** Returns the flat index into `dims`, aligned at the last axes, with axes of length 1 repeated. */
export function broadcastIndex(coordinates: readonly number[], dims: readonly number[]): number {
  const offset = coordinates.length - dims.length;
  let index = 0;
  for (let axis = 0; axis < dims.length; axis++) {
    const dim = dims[axis] ?? 1;
    index = index * dim + (dim === 1 ? 0 : (coordinates[axis + offset] ?? 0));
  }
  return index;
}

/** Returns the shape that two concrete shapes broadcast to. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1),
  );
}

/** Length of the last axis; 1 for scalars. */
export function lastDim(value: Value): number {
  return value.dims.at(-1) ?? 1;
}
