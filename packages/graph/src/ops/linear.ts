/** Products of matrices, batched over leading axes, each operand optionally transposed. */
import { shapeSize } from "@qtune/base";
import { broadcastShapes, isSameShape, multiplyDims, type Dim, type Shape } from "../dim.ts";
import type { EmitContext, MatMulAttributes, OpAttributes, OpRow } from "../op.ts";
import type { Operations } from "../operations.ts";
import type { Tensor, Value } from "../tensor.ts";
import { assertFloat, failShapes, inputAt } from "./check.ts";
import { reduceLike } from "./elementwise.ts";
import { broadcastDims, broadcastIndex, coordinatesOf, floatsOf, valueAt } from "./evaluate.ts";

/** Returns [rows, columns] of a matrix as the product sees it. */
function matrixOf(shape: Shape, transposed: boolean): readonly [Dim, Dim] {
  const [rows = 1, columns = 1] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

function inferMatMul(op: string, a: Tensor, b: Tensor, attributes: MatMulAttributes): Shape {
  assertFloat(a, op);
  assertFloat(b, op);
  if (a.shape.length < 2 || b.shape.length < 2)
    failShapes(op, "matrices", [a, b], "reshape first?");
  const [rows, innerA] = matrixOf(a.shape, attributes.transposeA);
  const [innerB, columns] = matrixOf(b.shape, attributes.transposeB);
  if (innerA !== innerB) {
    const hint = innerA === columns ? "transpose b?" : innerB === rows ? "transpose a?" : undefined;
    failShapes(op, `equal inner dimensions (${innerA} and ${innerB})`, [a, b], hint);
  }
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (batch === undefined) failShapes(op, "leading axes that broadcast", [a, b]);
  return [...batch, rows, columns];
}

/** Multiplies by the definition, three loops per matrix. */
function multiply(a: Value, b: Value, { transposeA, transposeB, scale }: MatMulAttributes): Value {
  const [left, right] = [floatsOf(a), floatsOf(b)];
  const [m, k] = matrixOf(a.dims, transposeA).map(Number) as [number, number]; // two by construction
  const n = Number(matrixOf(b.dims, transposeB)[1]);
  const batchA = a.dims.slice(0, -2);
  const batchB = b.dims.slice(0, -2);
  const batch = broadcastDims(batchA, batchB);
  const data = new Float64Array(shapeSize(batch) * m * n);
  for (let p = 0; p < shapeSize(batch); p++) {
    const at = coordinatesOf(p, batch);
    const fromA = broadcastIndex(at, batchA) * m * k;
    const fromB = broadcastIndex(at, batchB) * k * n;
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          const x = left[fromA + (transposeA ? l * m + i : i * k + l)] ?? 0;
          sum += x * (right[fromB + (transposeB ? j * k + l : l * n + j)] ?? 0);
        }
        data[(p * m + i) * n + j] = scale * sum;
      }
    }
  }
  return { dims: [...batch, m, n], data };
}

/** da and db of y = s·op(a)·op(b). */
function productCotangents(
  graph: Operations,
  [a, b]: readonly [Tensor, Tensor],
  { transposeA, transposeB, scale }: MatMulAttributes,
  dy: Tensor,
  wants: (input: number) => boolean,
): [Tensor | undefined, Tensor | undefined] {
  const da = (): Tensor =>
    transposeA
      ? graph.matMul(b, dy, { transposeA: transposeB, transposeB: true, scale })
      : graph.matMul(dy, b, { transposeB: !transposeB, scale });
  const db = (): Tensor => {
    // A matrix shared by a whole batch: one product over all rows instead of a sum of products.
    const isShared = b.shape.length === 2 && a.shape.length > 2 && !transposeA;
    const left = isShared ? flattenRows(graph, a) : a;
    const seed = isShared ? flattenRows(graph, dy) : dy;
    return transposeB
      ? graph.matMul(seed, left, { transposeA: true, transposeB: transposeA, scale })
      : graph.matMul(left, seed, { transposeA: !transposeA, scale });
  };
  return [
    wants(0) ? reduceLike(graph, da(), a) : undefined,
    wants(1) ? reduceLike(graph, db(), b) : undefined,
  ];
}

function flattenRows(graph: Operations, x: Tensor): Tensor {
  return graph.reshape(x, [multiplyDims(x.shape.slice(0, -1)), x.shape.at(-1) ?? 1]);
}

function emitGemm(context: EmitContext<MatMulAttributes>, inputs: readonly string[]): void {
  const { transposeA, transposeB, scale } = context.attributes;
  const attributes = {
    transA: Number(transposeA),
    transB: Number(transposeB),
    alpha: { float: scale },
  };
  context.add({ op: "Gemm", inputs, outputs: context.outputs, attributes });
}

function emitBatched(context: EmitContext<MatMulAttributes>): void {
  const { add, addValue, attributes, inputs, outputs, precision, inputTypes } = context;
  const { transposeA, transposeB, scale } = attributes;
  if (!transposeA && !transposeB && scale === 1) return add({ op: "MatMul", inputs, outputs });
  if (precision === "float32") {
    const fused = {
      transA: Number(transposeA),
      transB: Number(transposeB),
      alpha: { float: scale },
    };
    return add({ op: "FusedMatMul", domain: "com.microsoft", inputs, outputs, attributes: fused });
  }
  const plain = inputs.map((name, k) => {
    if (!(k === 0 ? transposeA : transposeB)) return name;
    const rank = inputTypes[k]?.shape.length ?? 2;
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    perm.splice(rank - 2, 2, rank - 1, rank - 2);
    return addValue({ op: "Transpose", inputs: [name], attributes: { perm } });
  });
  const product = addValue({ op: "MatMul", inputs: plain });
  add({ op: "Mul", inputs: [product, context.float(scale)], outputs });
}

/** Rows of the products. */
export const linearOps = {
  matMul: {
    infer(inputs, attributes) {
      const [a, b] = [inputAt(inputs, 0, "matMul"), inputAt(inputs, 1, "matMul")];
      return [{ dtype: "float", shape: inferMatMul("matMul", a, b, attributes) }];
    },
    evaluate: (inputs, attributes) => [
      multiply(valueAt(inputs, 0), valueAt(inputs, 1), attributes),
    ],
    emit(context) {
      const areMatrices = context.inputTypes.every((type) => type.shape.length === 2);
      if (areMatrices) emitGemm(context, context.inputs);
      else emitBatched(context);
    },
    derivative({ graph, inputs, attributes, cotangents: [dy], wants }) {
      if (dy === undefined) return [undefined, undefined];
      const pair = [inputAt(inputs, 0, "matMul"), inputAt(inputs, 1, "matMul")] as const;
      return productCotangents(graph, pair, attributes, dy, wants);
    },
  },

  addMatMul: {
    infer(inputs, attributes) {
      const [c, a, b] = [0, 1, 2].map((k) => inputAt(inputs, k, "addMatMul"));
      if (c === undefined || a === undefined || b === undefined) return [];
      const shape = inferMatMul("addMatMul", a, b, attributes);
      const sum = broadcastShapes(c.shape, shape);
      if (shape.length !== 2 || sum === undefined || !isSameShape(sum, shape)) {
        failShapes("addMatMul", `matrices, and a term that broadcasts to [${shape.join(", ")}]`, [
          c,
          a,
          b,
        ]);
      }
      return [{ dtype: "float", shape }];
    },
    evaluate(inputs, attributes) {
      const c = valueAt(inputs, 0);
      const product = multiply(valueAt(inputs, 1), valueAt(inputs, 2), attributes);
      const term = floatsOf(c);
      const data = floatsOf(product).map(
        (value, i) => value + (term[broadcastIndex(coordinatesOf(i, product.dims), c.dims)] ?? 0),
      );
      return [{ dims: product.dims, data }];
    },
    emit(context) {
      const [c = "", a = "", b = ""] = context.inputs;
      emitGemm(context, [a, b, c]);
    },
    derivative({ graph, inputs, attributes, cotangents: [dy], wants }) {
      if (dy === undefined) return [undefined, undefined, undefined];
      const c = inputAt(inputs, 0, "addMatMul");
      const pair = [inputAt(inputs, 1, "addMatMul"), inputAt(inputs, 2, "addMatMul")] as const;
      const product = productCotangents(graph, pair, attributes, dy, (k) => wants(k + 1));
      return [wants(0) ? reduceLike(graph, dy, c) : undefined, ...product];
    },
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };
