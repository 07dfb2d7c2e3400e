import type { Dim, Shape } from "./dim.ts";
import type { GatherRowsAttributes, HostAttributes, WeightStorage } from "./op.ts";
import type { QuantisedFormat } from "./quantise.ts";
import type { Tensor, ValueData, WeightSource, DType } from "./tensor.ts";

/** Options of a frozen tensor. */
export interface WeightOptions {
  /** `float16` rounds the values, halves their memory and widens them on each use. Default `float`: the program's precision. */
  readonly storage?: WeightStorage | undefined;
}

/** Options of a product of matrices. */
export interface MatMulOptions {
  /** Swaps the last two axes of `a`. Default false. */
  readonly transposeA?: boolean | undefined;
  /** Swaps the last two axes of `b`. Default false. */
  readonly transposeB?: boolean | undefined;
  /** Multiplies the product. Default 1. */
  readonly scale?: number | undefined;
}

/** A frozen matrix of few bits. */
export interface QuantisedMatrixOptions {
  /** Name of the matrix, the same for every use of it. */
  readonly name: string;
  readonly source: WeightSource;
  readonly format: QuantisedFormat;
}

/** A product with a quantised matrix. */
export interface QuantisedLinearOptions extends QuantisedMatrixOptions {
  readonly isExact?: boolean | undefined;
}

/** A host operation to add. */
export interface HostOperationOptions {
  /** Key of the handler that computes it. Its derivative is the host operation `<kind>.vjp`. */
  readonly kind: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: HostAttributes["outputs"];
  /** Plain data handed to the handler. Default none. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  /** Inputs that have a derivative, by position. Default: every float input. */
  readonly differentiable?: readonly number[] | undefined;
}

/**
 * Builds tensors: one function per row of the op table. Shapes are checked here, and an error names both tensors.
 *
 * Shapes: `…` stands for any leading axes. Two operands of an elementwise operation broadcast as in numpy.
 */
export interface Operations {
  /** Adds a value that is fed on each run. */
  input(name: string, dtype: DType, shape: Shape): Tensor;
  /** Adds a trainable float tensor, bound once per optimiser step. */
  parameter(name: string, shape: readonly number[]): Tensor;
  /** Adds a frozen float tensor that is read when the program is compiled. */
  weight(name: string, source: WeightSource, options?: WeightOptions): Tensor;
  /** Adds a constant: a number is a scalar; arrays need a shape. */
  constant(value: number | readonly number[] | ValueData, shape?: readonly number[]): Tensor;
  /**
   * Adds an operation that is computed outside onnxruntime. All host operations of one level run together.
   *
   * The `vjp` handler is given the inputs, then the cotangents of the outputs (zeros where nothing depends on one), and
   * returns the cotangents of the differentiable inputs, in order.
   */
  hostOperation(options: HostOperationOptions): readonly Tensor[];
  /** Marks a cotangent that is summed over the runs of one optimiser step. `differentiate` places it. */
  accumulate(x: Tensor): Tensor;

  add(a: Tensor, b: Tensor | number): Tensor;
  subtract(a: Tensor, b: Tensor | number): Tensor;
  multiply(a: Tensor, b: Tensor | number): Tensor;
  divide(a: Tensor, b: Tensor | number): Tensor;
  negate(x: Tensor): Tensor;
  exp(x: Tensor): Tensor;
  log(x: Tensor): Tensor;
  sqrt(x: Tensor): Tensor;
  sin(x: Tensor): Tensor;
  cos(x: Tensor): Tensor;
  tanh(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
  /** x · sigmoid(x). */
  silu(x: Tensor): Tensor;

  /** Gives the same elements another shape. One dimension may be -1. */
  reshape(x: Tensor, shape: readonly Dim[]): Tensor;
  /** Reorders axes; without a permutation, swaps the last two. */
  transpose(x: Tensor, permutation?: readonly number[]): Tensor;
  /** Repeats axes of length 1 to a shape. */
  expand(x: Tensor, shape: Shape): Tensor;
  /** Joins tensors along an axis. `dim` names the joined axis where a symbol takes part in it. */
  concat(tensors: readonly Tensor[], axis: number, dim?: Dim): Tensor;
  /** Takes elements [start, end) of an axis of known length. */
  slice(x: Tensor, axis: number, start: number, end: number): Tensor;
  /** Takes rows of a table by index. Shapes: table [V, d…], indices int64 [i…], result [i…, d…]. */
  gather(table: Tensor, indices: Tensor): Tensor;
  /** Adds rows into a table of zeros, the reverse of `gather`. Shapes: rows [i…, d…], indices [i…], result [rows, d…]. */
  scatterRows(rows: Tensor, indices: Tensor, rowCount: Dim): Tensor;
  /**
   * Moves rows to places, each row to at most one: the reverse moves them back by `inverse` instead of adding.
   *
   * Shapes: x [N, d], index int64 [i…], inverse int64 [N], result [i…, d].
   * Range:  `inverse` holds the place of each row in the flattened result, or -1 when it has none. An index of -1 gives a row of
   *         zeros; with padding `any` (faster) any row, and the caller promises that nothing depends on it or that none occurs.
   */
  gatherRows(
    x: Tensor,
    index: Tensor,
    inverse: Tensor,
    options?: Partial<GatherRowsAttributes>,
  ): Tensor;

  /** Multiplies matrices. Shapes: a […, m, k], b […, k, n] or [k, n], result […, m, n]. */
  matMul(a: Tensor, b: Tensor, options?: MatMulOptions): Tensor;
  /** c + a·b in one pass, for matrices. Shapes: c [m, n], [1, n] or [n], a [m, k], b [k, n]. */
  addMatMul(c: Tensor, a: Tensor, b: Tensor, options?: MatMulOptions): Tensor;
  /** Applies a linear map given as Hugging Face stores it. Shapes: x […, in], weight [out, in], bias [out]. */
  linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor;

  /**
   * Applies a frozen linear map of few bits, forward and backward.
   *
   * Shapes: x […, in], source [out, in], result […, out]; with `format.transposed` the other way round.
   * Range:  weights are rounded per block; unless `isExact` (default false), activations too, to 8 bits per block.
   */
  quantisedLinear(x: Tensor, options: QuantisedLinearOptions): Tensor;

  /**
   * Adds a frozen matrix of few bits that is widened to floats on each use, once for both directions.
   *
   * Shapes: source [out, in], result [in, out]: the matrix is kept transposed, with blocks along `in`, so that its values are those
   *         of `quantisedLinear` with the same format.
   * Range:  `format.transposed` false.
   */
  widenedWeight(options: QuantisedMatrixOptions): Tensor;

  /** Sums over axes; negative axes count from the end. Default: all axes, dropped. */
  reduceSum(x: Tensor, axes?: readonly number[], keepDims?: boolean): Tensor;
  /** Averages over axes of known length. */
  reduceMean(x: Tensor, axes: readonly number[], keepDims?: boolean): Tensor;

  /** Softmax over the last axis. */
  softmax(x: Tensor): Tensor;
  /** Logarithm of the softmax over the last axis. */
  logSoftmax(x: Tensor): Tensor;
  /** x / sqrt(mean(x²) + epsilon) · weight over the last axis. Shapes: x […, d], weight [d]. */
  rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor;
  /** Negative log-likelihood of labels. Shapes: logits [R, V], labels int64 [R], result [R]. */
  crossEntropy(logits: Tensor, labels: Tensor): Tensor;
  /** Subtracts 1 at each row's label. Shapes: x [R, V], labels int64 [R]. */
  subtractOneHot(x: Tensor, labels: Tensor): Tensor;

  /**
   * Rotates pairs (i, i + d/2) of every head by the angles of its row's position.
   *
   * Shapes: x [N, H·d], positions int64 [N], cos, sin [P, d/2].
   */
  rotary(
    x: Tensor,
    positions: Tensor,
    cos: Tensor,
    sin: Tensor,
    options?: { readonly inverse?: boolean },
  ): Tensor;
  /**
   * Attends to a cache of keys and values and appends this call's to it.
   *
   * Shapes: query [B, T, H·d], key, value [B, T, G·d], past keys and values [B, G, S, d], lengths int32 [B] (rows in the
   *         cache after this call, minus 1), total int32 [] (the largest of them plus 1); results [B, T, H·d] and the two caches.
   * Effect: causal; row b's new keys stand at lengths[b] + 1 - T … lengths[b] when T = 1, at 0 … when the cache was empty.
   */
  cachedAttention(
    tensors: {
      readonly query: Tensor;
      readonly key: Tensor;
      readonly value: Tensor;
      readonly pastKeys: Tensor;
      readonly pastValues: Tensor;
      readonly lengths: Tensor;
      readonly total: Tensor;
    },
    attributes: { readonly heads: number; readonly kvHeads: number; readonly scale: number },
  ): { readonly output: Tensor; readonly keys: Tensor; readonly values: Tensor };
}
