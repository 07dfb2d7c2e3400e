/**
 * Elementwise operations with numpy broadcasting. The cotangent of a broadcast operand is summed back to its shape.
 */
import { broadcastShapes, isSameShape } from "../dim.ts";
import type { OpAttributes, OpRow } from "../op.ts";
import type { Operations } from "../operations.ts";
import type { Tensor } from "../tensor.ts";
import { assertFloat, failShapes, inputAt } from "./check.ts";
import {
  broadcastDims,
  broadcastIndex,
  coordinatesOf,
  fillFloats,
  floatsOf,
  valueAt,
} from "./evaluate.ts";

/** Sums a cotangent over the axes along which an operand of shape `like` was repeated. */
export function reduceLike(graph: Operations, cotangent: Tensor, like: Tensor): Tensor {
  if (isSameShape(cotangent.shape, like.shape)) return cotangent;
  const extra = cotangent.shape.length - like.shape.length;
  const repeated = cotangent.shape.flatMap((dim, axis) =>
    axis < extra || (like.shape[axis - extra] === 1 && dim !== 1) ? [axis] : [],
  );
  const summed = graph.reduceSum(cotangent, repeated, true);
  return isSameShape(summed.shape, like.shape) ? summed : graph.reshape(summed, like.shape);
}

interface BinaryRule {
  readonly op: string;
  readonly onnx: string;
  readonly compute: (a: number, b: number) => number;
  /** Cotangents before summing back, from the output's cotangent. */
  readonly left: (graph: Operations, dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor;
  readonly right: (graph: Operations, dy: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor;
}

function binaryRow(rule: BinaryRule): OpRow<object> {
  return {
    infer(inputs) {
      const a = inputAt(inputs, 0, rule.op);
      const b = inputAt(inputs, 1, rule.op);
      assertFloat(a, rule.op);
      assertFloat(b, rule.op);
      const shape = broadcastShapes(a.shape, b.shape);
      if (shape === undefined) failShapes(rule.op, "shapes that broadcast", [a, b], "reshape one?");
      return [{ dtype: "float", shape }];
    },
    evaluate(inputs) {
      const [a, b] = [valueAt(inputs, 0), valueAt(inputs, 1)];
      const [left, right] = [floatsOf(a), floatsOf(b)];
      const dims = broadcastDims(a.dims, b.dims);
      return [
        fillFloats(dims, (i) => {
          const at = coordinatesOf(i, dims);
          return rule.compute(
            left[broadcastIndex(at, a.dims)] ?? 0,
            right[broadcastIndex(at, b.dims)] ?? 0,
          );
        }),
      ];
    },
    emit: ({ add, inputs, outputs }) => add({ op: rule.onnx, inputs, outputs }),
    derivative({ graph, inputs, outputs, cotangents, wants }) {
      const a = inputAt(inputs, 0, rule.op);
      const b = inputAt(inputs, 1, rule.op);
      const y = inputAt(outputs, 0, rule.op);
      const dy = cotangents[0];
      if (dy === undefined) return [undefined, undefined];
      return [
        wants(0) ? reduceLike(graph, rule.left(graph, dy, a, b, y), a) : undefined,
        wants(1) ? reduceLike(graph, rule.right(graph, dy, a, b, y), b) : undefined,
      ];
    },
  };
}

interface UnaryRule {
  readonly op: string;
  readonly onnx: string;
  readonly compute: (x: number) => number;
  readonly slope: (graph: Operations, dy: Tensor, x: Tensor, y: Tensor) => Tensor;
}

function unaryRow(rule: UnaryRule): OpRow<object> {
  return {
    infer(inputs) {
      const x = inputAt(inputs, 0, rule.op);
      assertFloat(x, rule.op);
      return [{ dtype: "float", shape: x.shape }];
    },
    evaluate(inputs) {
      const x = valueAt(inputs, 0);
      const data = floatsOf(x);
      return [fillFloats(x.dims, (i) => rule.compute(data[i] ?? 0))];
    },
    emit: ({ add, inputs, outputs }) => add({ op: rule.onnx, inputs, outputs }),
    derivative({ graph, inputs, outputs, cotangents, wants }) {
      const dy = cotangents[0];
      if (dy === undefined || !wants(0)) return [undefined];
      return [rule.slope(graph, dy, inputAt(inputs, 0, rule.op), inputAt(outputs, 0, rule.op))];
    },
  };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Rows of the elementwise operations. */
export const elementwiseOps = {
  // y = a + b: da = dy, db = dy
  add: binaryRow({
    op: "add",
    onnx: "Add",
    compute: (a, b) => a + b,
    left: (_, dy) => dy,
    right: (_, dy) => dy,
  }),
  // y = a − b: da = dy, db = −dy
  subtract: binaryRow({
    op: "subtract",
    onnx: "Sub",
    compute: (a, b) => a - b,
    left: (_, dy) => dy,
    right: (g, dy) => g.negate(dy),
  }),
  // y = a·b: da = dy·b, db = dy·a
  multiply: binaryRow({
    op: "multiply",
    onnx: "Mul",
    compute: (a, b) => a * b,
    left: (g, dy, _a, b) => g.multiply(dy, b),
    right: (g, dy, a) => g.multiply(dy, a),
  }),
  // y = a/b: da = dy/b, db = −dy·y/b
  divide: binaryRow({
    op: "divide",
    onnx: "Div",
    compute: (a, b) => a / b,
    left: (g, dy, _a, b) => g.divide(dy, b),
    right: (g, dy, _a, b, y) => g.negate(g.divide(g.multiply(dy, y), b)),
  }),
  negate: unaryRow({
    op: "negate",
    onnx: "Neg",
    compute: (x) => -x,
    slope: (g, dy) => g.negate(dy),
  }),
  // y = eˣ: dx = dy·y
  exp: unaryRow({
    op: "exp",
    onnx: "Exp",
    compute: Math.exp,
    slope: (g, dy, _x, y) => g.multiply(dy, y),
  }),
  // y = ln x: dx = dy/x
  log: unaryRow({
    op: "log",
    onnx: "Log",
    compute: Math.log,
    slope: (g, dy, x) => g.divide(dy, x),
  }),
  // y = √x: dx = dy/(2y)
  sqrt: unaryRow({
    op: "sqrt",
    onnx: "Sqrt",
    compute: Math.sqrt,
    slope: (g, dy, _x, y) => g.divide(g.multiply(dy, 0.5), y),
  }),
  sin: unaryRow({
    op: "sin",
    onnx: "Sin",
    compute: Math.sin,
    slope: (g, dy, x) => g.multiply(dy, g.cos(x)),
  }),
  cos: unaryRow({
    op: "cos",
    onnx: "Cos",
    compute: Math.cos,
    slope: (g, dy, x) => g.negate(g.multiply(dy, g.sin(x))),
  }),
  // y = tanh x: dx = dy·(1 − y²)
  tanh: unaryRow({
    op: "tanh",
    onnx: "Tanh",
    compute: Math.tanh,
    slope: (g, dy, _x, y) => g.subtract(dy, g.multiply(dy, g.multiply(y, y))),
  }),
  // y = σ(x): dx = dy·y·(1 − y)
  sigmoid: unaryRow({
    op: "sigmoid",
    onnx: "Sigmoid",
    compute: sigmoid,
    slope: (g, dy, _x, y) => g.multiply(g.multiply(dy, y), g.subtract(g.constant(1), y)),
  }),
  silu: {
    infer(inputs) {
      const x = inputAt(inputs, 0, "silu");
      assertFloat(x, "silu");
      // The second output is the sigmoid, kept for the reverse pass.
      return [x, x].map(({ shape }) => ({ dtype: "float", shape }));
    },
    evaluate(inputs) {
      const x = valueAt(inputs, 0);
      const data = floatsOf(x);
      const s = fillFloats(x.dims, (i) => sigmoid(data[i] ?? 0));
      return [fillFloats(x.dims, (i) => (data[i] ?? 0) * (floatsOf(s)[i] ?? 0)), s];
    },
    // onnxruntime's fused QuickGelu took four times as long as Sigmoid and Mul (1.30, CPU).
    emit({ add, inputs: [x = ""], outputs: [y = "", s = ""] }) {
      add({ op: "Sigmoid", inputs: [x], outputs: [s] });
      add({ op: "Mul", inputs: [x, s], outputs: [y] });
    },
    // y = x·s: dx = dy·(s + y·(1 − s)) = dy·(s + y − y·s)
    derivative({ graph, outputs, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined];
      const [y, s] = [inputAt(outputs, 0, "silu"), inputAt(outputs, 1, "silu")];
      return [graph.multiply(dy, graph.add(s, graph.subtract(y, graph.multiply(y, s))))];
    },
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };
