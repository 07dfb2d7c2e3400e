/** Softmax, RMSNorm and the loss: row-wise operations over the last axis. */
import type { OpAttributes, OpRow } from "../op.ts";
import type { Value } from "../tensor.ts";
import { assertFloat, assertInt64, failShapes, inputAt } from "./check.ts";
import { floatsOf, integersOf, lastDim, valueAt } from "./evaluate.ts";

/** Applies a function to each row of the last axis, in place on a copy. */
function mapRows(x: Value, change: (row: Float64Array, index: number) => void): Value {
  const data = floatsOf(x).slice();
  const width = lastDim(x);
  for (let start = 0; start < data.length; start += width) {
    change(data.subarray(start, start + width), start / width);
  }
  return { dims: x.dims, data };
}

function logSumExp(row: Float64Array): number {
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return largest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

function logSoftmaxInPlace(row: Float64Array): void {
  const total = logSumExp(row);
  row.forEach((value, i) => (row[i] = value - total));
}

function softmaxRow(
  op: "softmax" | "logSoftmax",
  onnx: string,
  change: (row: Float64Array) => void,
): Pick<OpRow<object>, "infer" | "evaluate" | "emit"> {
  return {
    infer(inputs) {
      const x = inputAt(inputs, 0, op);
      assertFloat(x, op);
      return [{ dtype: "float", shape: x.shape }];
    },
    evaluate: (inputs) => [mapRows(valueAt(inputs, 0), change)],
    emit: ({ add, inputs, outputs }) =>
      add({ op: onnx, inputs, outputs, attributes: { axis: -1 } }),
  };
}

/** Rows of the row-wise operations. */
export const normOps = {
  softmax: {
    ...softmaxRow("softmax", "Softmax", (row) => {
      logSoftmaxInPlace(row);
      row.forEach((value, i) => (row[i] = Math.exp(value)));
    }),
    // dx = y·(dy − Σ dy·y)
    derivative({ graph, inputs, outputs, cotangents: [dy], wants }) {
      const y = inputAt(outputs, 0, "softmax");
      if (dy === undefined || !wants(0)) return [undefined];
      const axis = inputAt(inputs, 0, "softmax").shape.length - 1;
      const mean = graph.reduceSum(graph.multiply(dy, y), [axis], true);
      return [graph.multiply(y, graph.subtract(dy, mean))];
    },
  },

  logSoftmax: {
    ...softmaxRow("logSoftmax", "LogSoftmax", logSoftmaxInPlace),
    // dx = dy − eʸ·Σ dy
    derivative({ graph, inputs, outputs, cotangents: [dy], wants }) {
      const y = inputAt(outputs, 0, "logSoftmax");
      if (dy === undefined || !wants(0)) return [undefined];
      const axis = inputAt(inputs, 0, "logSoftmax").shape.length - 1;
      const sum = graph.reduceSum(dy, [axis], true);
      return [graph.subtract(dy, graph.multiply(graph.exp(y), sum))];
    },
  },

  rmsNorm: {
    infer(inputs) {
      const x = inputAt(inputs, 0, "rmsNorm");
      const weight = inputAt(inputs, 1, "rmsNorm");
      assertFloat(x, "rmsNorm");
      assertFloat(weight, "rmsNorm");
      const d = x.shape.at(-1) ?? 1;
      if (weight.shape.length !== 1 || weight.shape[0] !== d) {
        failShapes("rmsNorm", "one weight per element of the last axis", [x, weight]);
      }
      // The second output is 1/sqrt(mean(x²) + ε), kept for the reverse pass.
      return [
        { dtype: "float", shape: x.shape },
        { dtype: "float", shape: [...x.shape.slice(0, -1), 1] },
      ];
    },
    evaluate(inputs, { epsilon }) {
      const x = valueAt(inputs, 0);
      const weight = floatsOf(inputs[1]);
      const d = lastDim(x);
      const inverse = new Float64Array(floatsOf(x).length / d);
      const y = mapRows(x, (row, index) => {
        const scale = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / d + epsilon);
        inverse[index] = scale;
        row.forEach((value, i) => (row[i] = value * scale * (weight[i] ?? 0)));
      });
      return [y, { dims: [...x.dims.slice(0, -1), 1], data: inverse }];
    },
    emit(context) {
      const { add, addValue, float, int64s, inputs, outputs, attributes, precision } = context;
      const { epsilon } = attributes;
      if (precision === "float32") {
        const kernel = { axis: -1, epsilon: { float: epsilon }, stash_type: 1 };
        add({ op: "SimplifiedLayerNormalization", inputs, outputs, attributes: kernel });
        return;
      }
      const [x = "", weight = ""] = inputs;
      const [y = "", inverse = ""] = outputs;
      const square = addValue({ op: "Mul", inputs: [x, x] });
      const mean = addValue({ op: "ReduceMean", inputs: [square, int64s([-1])] });
      const root = addValue({
        op: "Sqrt",
        inputs: [addValue({ op: "Add", inputs: [mean, float(epsilon)] })],
      });
      add({ op: "Reciprocal", inputs: [root], outputs: [inverse] });
      add({
        op: "Mul",
        inputs: [addValue({ op: "Mul", inputs: [x, inverse] }), weight],
        outputs: [y],
      });
    },
    // With g = dy·w and i the inverse norm: dx = i·g − x·(i³/d)·Σ g·x; dw = Σ_rows dy·x·i
    derivative({ graph, inputs, outputs, cotangents: [dy], wants }) {
      if (dy === undefined) return [undefined, undefined];
      const [x, weight] = [inputAt(inputs, 0, "rmsNorm"), inputAt(inputs, 1, "rmsNorm")];
      const inverse = inputAt(outputs, 1, "rmsNorm");
      const d = Number(x.shape.at(-1));
      const last = x.shape.length - 1;
      const dx = () => {
        const g = graph.multiply(dy, weight);
        const dot = graph.reduceSum(graph.multiply(g, x), [last], true);
        const cube = graph.multiply(graph.multiply(inverse, inverse), inverse);
        const pull = graph.multiply(graph.multiply(dot, cube), 1 / d);
        return graph.subtract(graph.multiply(g, inverse), graph.multiply(x, pull));
      };
      const dw = () => {
        const rows = x.shape.slice(0, -1).map((_, axis) => axis);
        return graph.reduceSum(graph.multiply(graph.multiply(dy, x), inverse), rows);
      };
      return [wants(0) ? dx() : undefined, wants(1) ? dw() : undefined];
    },
  },

  crossEntropy: {
    infer(inputs) {
      const logits = inputAt(inputs, 0, "crossEntropy");
      const labels = inputAt(inputs, 1, "crossEntropy");
      assertFloat(logits, "crossEntropy");
      assertInt64(labels, "crossEntropy");
      if (
        logits.shape.length !== 2 ||
        labels.shape.length !== 1 ||
        labels.shape[0] !== logits.shape[0]
      ) {
        failShapes("crossEntropy", "logits [R, V] and one label per row", [logits, labels]);
      }
      // The second output is the logarithm of the softmax, kept for the reverse pass.
      return [
        { dtype: "float", shape: labels.shape },
        { dtype: "float", shape: logits.shape },
      ];
    },
    evaluate(inputs) {
      const labels = integersOf(inputs[1]);
      const logs = mapRows(valueAt(inputs, 0), logSoftmaxInPlace);
      const V = lastDim(logs);
      const nll = Float64Array.from(
        labels,
        (label, row) => -(floatsOf(logs)[row * V + label] ?? 0),
      );
      return [{ dims: [labels.length], data: nll }, logs];
    },
    emit({
      add,
      addValue,
      int64s,
      inputs: [logits = "", labels = ""],
      outputs: [nll = "", logs = ""],
    }) {
      add({ op: "LogSoftmax", inputs: [logits], outputs: [logs], attributes: { axis: -1 } });
      const column = addValue({ op: "Unsqueeze", inputs: [labels, int64s([1])] });
      const picked = addValue({
        op: "GatherElements",
        inputs: [logs, column],
        attributes: { axis: 1 },
      });
      const flat = addValue({ op: "Squeeze", inputs: [picked, int64s([1])] });
      add({ op: "Neg", inputs: [flat], outputs: [nll] });
    },
    // dlogits = (softmax − onehot(label))·dy
    derivative({ graph, inputs, outputs, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined, undefined];
      const logs = inputAt(outputs, 1, "crossEntropy");
      const difference = graph.subtractOneHot(graph.exp(logs), inputAt(inputs, 1, "crossEntropy"));
      const rows = dy.shape[0] ?? 1;
      return [graph.multiply(difference, graph.reshape(dy, [rows, 1])), undefined];
    },
  },

  subtractOneHot: {
    infer(inputs) {
      const x = inputAt(inputs, 0, "subtractOneHot");
      const labels = inputAt(inputs, 1, "subtractOneHot");
      assertInt64(labels, "subtractOneHot");
      if (x.shape.length !== 2 || labels.shape.length !== 1 || labels.shape[0] !== x.shape[0]) {
        failShapes("subtractOneHot", "rows [R, V] and one label per row", [x, labels]);
      }
      return [{ dtype: "float", shape: x.shape }];
    },
    evaluate(inputs) {
      const labels = integersOf(inputs[1]);
      return [
        mapRows(valueAt(inputs, 0), (row, index) => {
          const label = labels[index] ?? 0;
          row[label] = (row[label] ?? 0) - 1;
        }),
      ];
    },
    emit({ add, addValue, int64s, float, inputs: [x = "", labels = ""], outputs }) {
      const column = addValue({ op: "Unsqueeze", inputs: [labels, int64s([1])] });
      const shape = addValue({ op: "Shape", inputs: [column] });
      const minus = addValue({ op: "Expand", inputs: [float(-1), shape] });
      const attributes = { axis: 1, reduction: "add" };
      add({ op: "ScatterElements", inputs: [x, column, minus], outputs, attributes });
    },
    derivative: ({ cotangents: [dy], wants }) => [wants(0) ? dy : undefined, undefined],
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };
