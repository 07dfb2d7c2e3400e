/**
 * A TT-matrix: a large matrix as a chain of small cores (Oseledets, SIAM J. Sci. Comput. 33, 2011; as an MPO in physics).
 *
 * Core k is stored as [n_k · R_{k+1}, R_k · m_k], row-major, with m the input and n the output modes, as the released
 * code of QTHA does. The matrix is y = D x with x of ∏m and y of ∏n elements, the first mode slowest.
 */
import type { Operations, Tensor } from "@qtune/graph";

/** Modes and bond dimensions of a TT-matrix. */
export interface TensorTrainShape {
  /** Input modes m_k. */
  readonly input: readonly number[];
  /** Output modes n_k. */
  readonly output: readonly number[];
  /** R_0 … R_d, with R_0 = R_d = 1. */
  readonly ranks: readonly number[];
}

/** One core and the dimensions of its four legs. */
export interface CoreShape {
  readonly rows: number;
  readonly columns: number;
  /** R_k, m_k, n_k, R_{k+1} */
  readonly left: number;
  readonly input: number;
  readonly output: number;
  readonly right: number;
}

/** Returns the shapes of the cores, in order. */
export function coreShapes(shape: TensorTrainShape): readonly CoreShape[] {
  return shape.input.map((input, k) => {
    const output = shape.output[k] ?? 1;
    const left = shape.ranks[k] ?? 1;
    const right = shape.ranks[k + 1] ?? 1;
    return { rows: output * right, columns: left * input, left, input, output, right };
  });
}

/** Returns the number of parameters: Σ R_k m_k n_k R_{k+1}. */
export function countTensorTrain(shape: TensorTrainShape): number {
  return coreShapes(shape).reduce((sum, core) => sum + core.rows * core.columns, 0);
}

/** Returns the shape of the transposed matrix: the modes change sides. */
export function transposeShape(shape: TensorTrainShape): TensorTrainShape {
  return { input: shape.output, output: shape.input, ranks: shape.ranks };
}

/**
 * Multiplies the rows of X by the TT-matrix: each row is one x, each row of the result one D x. A few rows pushed
 * through the cores once per optimiser step replace a contraction per token.
 *
 * Shapes: X [B, ∏m], cores as stored, result [B, ∏n].
 * Cost:   B · Σ_k (cost of core k) multiply-adds.
 */
export function pushRows(
  graph: Operations,
  X: Tensor,
  cores: readonly Tensor[],
  shape: TensorTrainShape,
): Tensor {
  const B = X.shape[0] ?? 1;
  let out = graph.transpose(X); // [∏m, B]
  coreShapes(shape).forEach((core, k) => {
    const matrix = cores[k];
    if (matrix === undefined) return; // one tensor per core: the caller made them from the same shapes
    out = graph.matMul(matrix, graph.reshape(out, [core.columns, -1])); // [n_k R_{k+1}, rest]
    out = graph.transpose(graph.reshape(out, [core.output, -1])); // [R_{k+1} rest, n_k]
  });
  return graph.reshape(out, [B, shape.output.reduce((product, mode) => product * mode, 1)]);
}

/**
 * Multiplies the rows of Y by the transposed TT-matrix, without storing transposed cores.
 *
 * Shapes: Y [B, ∏n], cores as stored for D, result [B, ∏m].
 */
export function pushRowsTransposed(
  graph: Operations,
  Y: Tensor,
  cores: readonly Tensor[],
  shape: TensorTrainShape,
): Tensor {
  const shapes = coreShapes(shape);
  const turned = cores.map((matrix, k) => {
    const core = shapes[k];
    if (core === undefined) return matrix; // one shape per core
    const legs = graph.reshape(matrix, [core.output, core.right, core.left, core.input]);
    const swapped = graph.transpose(legs, [3, 1, 2, 0]); // [m, R', R, n]
    return graph.reshape(swapped, [core.input * core.right, core.left * core.output]);
  });
  return pushRows(graph, Y, turned, transposeShape(shape));
}

/**
 * Returns the dense matrix of a TT-matrix, element by element in float64: the definition that the rest is tested
 * against, and what merging uses.
 *
 * Shapes: cores as stored; result [∏n, ∏m], row-major.
 */
export function denseTensorTrain(
  cores: readonly ArrayLike<number>[],
  shape: TensorTrainShape,
): Float64Array {
  const shapes = coreShapes(shape);
  // rows: every (outputs, inputs) prefix so far; columns: the open bond.
  let partial = Float64Array.of(1);
  let outputs = 1;
  let inputs = 1;
  shapes.forEach((core, k) => {
    const values = cores[k] ?? [];
    const next = new Float64Array(outputs * core.output * inputs * core.input * core.right);
    const width = inputs * core.input;
    for (let o = 0; o < outputs; o++)
      for (let n = 0; n < core.output; n++)
        for (let i = 0; i < inputs; i++)
          for (let m = 0; m < core.input; m++)
            for (let right = 0; right < core.right; right++) {
              let sum = 0;
              for (let left = 0; left < core.left; left++) {
                const element =
                  values[(n * core.right + right) * core.columns + left * core.input + m]!; // inside the core
                sum += partial[(o * inputs + i) * core.left + left]! * element; // inside the prefix
              }
              next[((o * core.output + n) * width + i * core.input + m) * core.right + right] = sum;
            }
    partial = next;
    outputs *= core.output;
    inputs *= core.input;
  });
  return partial;
}
