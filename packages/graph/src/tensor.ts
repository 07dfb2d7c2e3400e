import type { Abortable } from "@qtune/base";
import type { Dim, Shape } from "./dim.ts";

/**
 * Element types. `float` is the precision that a program is compiled for: float32, or float64 for gradient checks.
 * `bool` travels as one byte per element; `uint8` holds packed weights.
 */
export type DType = "float" | "int64" | "int32" | "bool" | "uint8";

/** Type and shape of a tensor before it has a name. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * When a value can be computed: `constant` depends on weights and constants alone, `step` on parameters too, `batch` on inputs,
 * `gradient` on the sums of cotangents that a step's batches leave behind.
 */
export type Stage = "constant" | "step" | "batch" | "gradient";

/** A value of a graph. Its name is unique in the graph and starts with the path it was made for. */
export interface Tensor extends TensorType {
  readonly id: number;
  readonly name: string;
  readonly stage: Stage;
}

/** Concrete values of a tensor. Float tensors hold the precision of the program, or are converted when fed. */
export interface Value {
  readonly dims: readonly number[];
  readonly data: ValueData;
}

/** Memory of a value: floats, int64 as BigInt64Array, int32, or bool as bytes of 0 and 1. */
export type ValueData = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;

/** A part of a tensor file that a runtime can map itself. */
export interface WeightRange {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * A frozen tensor, read when a program is compiled, in pieces, so that large models never lie in JavaScript memory.
 * The tensor sources of `@qtune/weights` have this form.
 */
export interface WeightSource {
  readonly shape: readonly number[];
  /** `F32`, `F16`, …: how the bytes of `range` are to be read. */
  readonly dtype?: string | undefined;
  /** Where the bytes lie, if they lie in a file as they are. */
  readonly range?: WeightRange | undefined;
  readFloat32(
    options?: Abortable & {
      readonly elements?: { readonly start: number; readonly end: number } | undefined;
    },
  ): Promise<Float32Array>;
}

/** Returns the rank of a tensor type. */
export function rankOf(type: TensorType): number {
  return type.shape.length;
}

/** Returns the dimension of an axis counted from the end (`-1` is the last). */
export function dimAt(type: TensorType, axis: number): Dim {
  return type.shape[axis < 0 ? axis + type.shape.length : axis] ?? 1;
}
