/**
 * What a row of the op table is made of. Separate from the table so that rows and table do not import each other.
 */
import type { Shape } from "./dim.ts";
import type { Operations } from "./operations.ts";
import type { QuantisedFormat } from "./quantise.ts";
import type { DType, Tensor, TensorType, Value, WeightSource } from "./tensor.ts";

/** Attributes of every operation, by name. `object` means none. */
export interface OpAttributes {
  // Sources.
  input: { readonly name: string };
  parameter: { readonly name: string };
  weight: WeightAttributes;
  constant: { readonly value: Value };
  accumulate: object;
  hostOperation: HostAttributes;
  // Elementwise, with broadcasting.
  add: object;
  subtract: object;
  multiply: object;
  divide: object;
  negate: object;
  exp: object;
  log: object;
  sqrt: object;
  sin: object;
  cos: object;
  tanh: object;
  sigmoid: object;
  silu: object;
  // Layout.
  reshape: { readonly shape: Shape };
  transpose: { readonly permutation: readonly number[] };
  expand: { readonly shape: Shape };
  concat: { readonly axis: number; readonly dim: Shape[number] };
  slice: { readonly axis: number; readonly start: number; readonly end: number };
  gather: object;
  scatterRows: { readonly rows: Shape[number] };
  gatherRows: GatherRowsAttributes;
  // Products.
  matMul: MatMulAttributes;
  addMatMul: MatMulAttributes;
  quantisedWeight: QuantisedWeightAttributes;
  widenedWeight: QuantisedWeightAttributes;
  quantisedLinear: QuantisedLinearAttributes;
  // Reductions.
  reduceSum: { readonly axes: readonly number[]; readonly keepDims: boolean };
  // Norms and losses.
  softmax: object;
  logSoftmax: object;
  rmsNorm: { readonly epsilon: number };
  crossEntropy: object;
  subtractOneHot: object;
  // Attention.
  rotary: { readonly inverse: boolean };
  cachedAttention: CachedAttentionAttributes;
}

/** Name of an operation. */
export type OpName = keyof OpAttributes;

/** Attributes of `weight`. */
export interface WeightAttributes {
  readonly name: string;
  readonly source: WeightSource;
  /** How its values are kept: `float16` halves the memory and is widened where it is used. */
  readonly storage: WeightStorage;
}

/** How the values of a frozen tensor are kept. */
export type WeightStorage = "float" | "float16";

/** Attributes of `gatherRows`. */
export interface GatherRowsAttributes {
  /** What an index of -1 gives: a row of zeros, or any row because nothing depends on it. */
  readonly padding: "zero" | "any";
  /** The same for the reverse. */
  readonly inversePadding: "zero" | "any";
}

/** Attributes of `matMul` and `addMatMul`. */
export interface MatMulAttributes {
  /** Whether the last two axes of `a` are swapped. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly scale: number;
}

/** Attributes of `quantisedWeight`. */
export interface QuantisedWeightAttributes {
  readonly name: string;
  /** Shape [out, in]. */
  readonly source: WeightSource;
  readonly format: QuantisedFormat;
}

/** Attributes of `quantisedLinear`. */
export interface QuantisedLinearAttributes extends QuantisedWeightAttributes {
  /** Multiplies in float32 instead of int8: slower, no rounding of activations. */
  readonly isExact: boolean;
}

/** Attributes of `cachedAttention`. */
export interface CachedAttentionAttributes {
  readonly heads: number;
  readonly kvHeads: number;
  readonly scale: number;
}

/** Attributes of a host operation. */
export interface HostAttributes {
  /** Key of the handler that computes it; its derivative has the key `<kind>.vjp`. */
  readonly kind: string;
  readonly outputs: readonly TensorType[];
  /** Plain data handed to the handler. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Inputs that have a derivative, by position. */
  readonly differentiable: readonly number[];
}

/** One operation applied: its inputs and outputs in order. */
export interface Node<Name extends OpName = OpName> {
  readonly op: Name;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: OpAttributes[Name];
}

/** What a derivative rule is given. */
export interface DerivativeContext<Attributes> {
  /** Builds the reverse pass. */
  readonly graph: Operations;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** Cotangents of the outputs; absent where nothing depends on an output. */
  readonly cotangents: readonly (Tensor | undefined)[];
  /** Whether the cotangent of an input is needed: rules skip work for the others. */
  wants(input: number): boolean;
}

/** Returns the cotangents of the inputs, in order, absent where not wanted. */
export type Derivative<Attributes> = (
  context: DerivativeContext<Attributes>,
) => readonly (Tensor | undefined)[];

/** Marks an operation that has no derivative, with the reason. */
export interface NotDifferentiable {
  readonly notDifferentiable: string;
}

/** What an emission rule is given: names of the node's values and ways to add ONNX nodes. */
export interface EmitContext<Attributes> {
  readonly precision: "float32" | "float64";
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly inputTypes: readonly TensorType[];
  readonly outputTypes: readonly TensorType[];
  readonly attributes: Attributes;
  /** Adds an ONNX node. */
  add(node: OnnxNodeRequest): void;
  /** Adds an ONNX node with one output of a fresh name, and returns the name. */
  addValue(node: Omit<OnnxNodeRequest, "outputs">): string;
  /** Returns the name of a one-dimensional int64 constant. */
  int64s(values: readonly number[]): string;
  /** Returns the name of a scalar constant in the precision of the program. */
  float(value: number): string;
  /** Returns the name of a one-dimensional int64 value that holds a shape, symbols included. */
  shape(shape: Shape, like?: { readonly name: string; readonly shape: Shape }): string;
}

/** Attribute of an ONNX node: integers, floats, strings or lists of integers. */
export type OnnxAttribute = number | { readonly float: number } | string | readonly number[];

/** An ONNX node to add. Opset 21 unless a domain is given. */
export interface OnnxNodeRequest {
  readonly op: string;
  readonly domain?: "com.microsoft";
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** One row of the op table. */
export interface OpRow<Attributes> {
  /** Returns the types of the outputs; throws `invalid_argument` naming the tensors that do not fit. */
  infer(inputs: readonly Tensor[], attributes: Attributes): readonly TensorType[];
  /** Computes the outputs slowly in float64: the definition that onnxruntime is tested against. */
  evaluate(
    inputs: readonly Value[],
    attributes: Attributes,
    outputs: readonly TensorType[],
  ): readonly Value[];
  /** Writes the node as ONNX. */
  emit(context: EmitContext<Attributes>): void;
  readonly derivative: Derivative<Attributes> | NotDifferentiable;
}

export type { DType };
