/** Operations that move elements: no arithmetic, except where rows are added back. */
import { internalError, shapeSize } from "@qtune/base";
import { broadcastShapes, divideDim, isSameShape, multiplyDims } from "../dim.ts";
import type { OpAttributes, OpRow } from "../op.ts";
import type { Value, ValueData } from "../tensor.ts";
import { assertFloat, assertInt64, failShapes, inputAt, resolveAxis } from "./check.ts";
import { reduceLike } from "./elementwise.ts";
import {
  broadcastIndex,
  coordinatesOf,
  fillFloats,
  floatsOf,
  integersOf,
  stridesOf,
  valueAt,
} from "./evaluate.ts";

/** Returns concrete dims of an output shape from its element count, when at most one symbol is unknown. */
function reshapeDims(size: number, shape: readonly (number | string)[], dims: readonly number[]) {
  // The interpreter resolves symbols before it evaluates, so `dims` is the answer; the size is checked.
  if (shapeSize(dims) !== size)
    throw internalError(`reshape of ${size} elements to ${shape.join(", ")}`);
  return dims;
}

/** Rows of the layout operations. */
export const layoutOps = {
  reshape: {
    infer(inputs, { shape }) {
      const x = inputAt(inputs, 0, "reshape");
      const free = shape.indexOf(-1);
      const total = multiplyDims(x.shape);
      const known = multiplyDims(shape.filter((dim) => dim !== -1));
      const rest = divideDim(total, known);
      if (rest === undefined || (free < 0 && rest !== 1)) {
        failShapes("reshape", `${multiplyDims(x.shape)} elements for [${shape.join(", ")}]`, [x]);
      }
      return [{ dtype: x.dtype, shape: shape.map((dim) => (dim === -1 ? rest : dim)) }];
    },
    evaluate(inputs, { shape }, outputs) {
      const x = valueAt(inputs, 0);
      const dims = outputs[0]?.shape.map(Number) ?? [];
      return [{ dims: reshapeDims(shapeSize(x.dims), shape, dims), data: x.data }];
    },
    emit({ add, shape, inputs, outputs, inputTypes, outputTypes }) {
      const like = { name: inputs[0] ?? "", shape: inputTypes[0]?.shape ?? [] };
      const target = shape(outputTypes[0]?.shape ?? [], like);
      add({ op: "Reshape", inputs: [...inputs, target], outputs });
    },
    derivative: ({ graph, inputs, cotangents: [dy], wants }) => [
      dy !== undefined && wants(0)
        ? graph.reshape(dy, inputAt(inputs, 0, "reshape").shape)
        : undefined,
    ],
  },

  transpose: {
    infer(inputs, { permutation }) {
      const x = inputAt(inputs, 0, "transpose");
      const sorted = [...permutation].sort((a, b) => a - b);
      if (sorted.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
        failShapes("transpose", `a permutation of its axes, not [${permutation.join(", ")}]`, [x]);
      }
      return [{ dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis] ?? 1) }];
    },
    evaluate(inputs, { permutation }) {
      const x = valueAt(inputs, 0);
      const data = floatsOf(x);
      const dims = permutation.map((axis) => x.dims[axis] ?? 1);
      const strides = stridesOf(x.dims);
      return [
        fillFloats(dims, (i) => {
          const at = coordinatesOf(i, dims);
          const from = permutation.reduce(
            (sum, axis, k) => sum + (at[k] ?? 0) * (strides[axis] ?? 0),
            0,
          );
          return data[from] ?? 0;
        }),
      ];
    },
    emit: ({ add, inputs, outputs, attributes }) =>
      add({ op: "Transpose", inputs, outputs, attributes: { perm: attributes.permutation } }),
    derivative({ graph, attributes, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined];
      const inverse = attributes.permutation.map((_, axis) => attributes.permutation.indexOf(axis));
      return [graph.transpose(dy, inverse)];
    },
  },

  expand: {
    infer(inputs, { shape }) {
      const x = inputAt(inputs, 0, "expand");
      const result = broadcastShapes(x.shape, shape);
      if (result === undefined || !isSameShape(result, shape)) {
        failShapes("expand", `a shape that repeats to [${shape.join(", ")}]`, [x]);
      }
      return [{ dtype: x.dtype, shape }];
    },
    evaluate(inputs, _attributes, outputs) {
      const x = valueAt(inputs, 0);
      const data = floatsOf(x);
      const dims = outputs[0]?.shape.map(Number) ?? [];
      return [fillFloats(dims, (i) => data[broadcastIndex(coordinatesOf(i, dims), x.dims)] ?? 0)];
    },
    emit: ({ add, shape, inputs, outputs, attributes }) =>
      add({ op: "Expand", inputs: [...inputs, shape(attributes.shape)], outputs }),
    derivative: ({ graph, inputs, cotangents: [dy], wants }) => [
      dy !== undefined && wants(0)
        ? reduceLike(graph, dy, inputAt(inputs, 0, "expand"))
        : undefined,
    ],
  },

  concat: {
    infer(inputs, { axis, dim }) {
      const first = inputAt(inputs, 0, "concat");
      for (const other of inputs) {
        const fits =
          other.dtype === first.dtype &&
          other.shape.length === first.shape.length &&
          other.shape.every((length, k) => k === axis || length === first.shape[k]);
        if (!fits) failShapes("concat", `equal shapes but for axis ${axis}`, [first, other]);
      }
      return [{ dtype: first.dtype, shape: first.shape.map((d, k) => (k === axis ? dim : d)) }];
    },
    evaluate(inputs, { axis }) {
      const first = valueAt(inputs, 0);
      const outer = shapeSize(first.dims.slice(0, axis));
      const widths = inputs.map((input) => shapeSize(input.dims.slice(axis)));
      const width = widths.reduce((sum, w) => sum + w, 0);
      const data = new Float64Array(outer * width);
      for (let row = 0; row < outer; row++) {
        let to = row * width;
        inputs.forEach((input, k) => {
          const w = widths[k] ?? 0;
          data.set(floatsOf(input).subarray(row * w, (row + 1) * w), to);
          to += w;
        });
      }
      const joined = inputs.reduce((sum, input) => sum + (input.dims[axis] ?? 0), 0);
      return [{ dims: first.dims.map((d, k) => (k === axis ? joined : d)), data }];
    },
    emit: ({ add, inputs, outputs, attributes }) =>
      add({ op: "Concat", inputs, outputs, attributes: { axis: attributes.axis } }),
    derivative({ graph, inputs, attributes: { axis }, cotangents: [dy], wants }) {
      let start = 0;
      return inputs.map((input, k) => {
        const length = input.shape[axis];
        if (typeof length !== "number")
          failShapes("concat", "known lengths along the joined axis", [input]);
        const part =
          dy !== undefined && wants(k) ? graph.slice(dy, axis, start, start + length) : undefined;
        start += length;
        return part;
      });
    },
  },

  slice: {
    infer(inputs, { axis, start, end }) {
      const x = inputAt(inputs, 0, "slice");
      const at = resolveAxis(x, axis, "slice");
      const length = x.shape[at];
      if (start < 0 || end <= start || (typeof length === "number" && end > length)) {
        failShapes("slice", `elements [${start}, ${end}) on axis ${axis}`, [x]);
      }
      return [{ dtype: x.dtype, shape: x.shape.map((d, k) => (k === at ? end - start : d)) }];
    },
    evaluate(inputs, { axis, start, end }) {
      const x = valueAt(inputs, 0);
      const dims = x.dims.map((d, k) => (k === axis ? end - start : d));
      const strides = stridesOf(x.dims);
      const data = floatsOf(x);
      return [
        fillFloats(dims, (i) => {
          const at = coordinatesOf(i, dims);
          return (
            data[
              at.reduce((sum, c, k) => sum + (c + (k === axis ? start : 0)) * (strides[k] ?? 0), 0)
            ] ?? 0
          );
        }),
      ];
    },
    emit: ({ add, int64s, inputs, outputs, attributes: { axis, start, end } }) =>
      add({
        op: "Slice",
        inputs: [...inputs, int64s([start]), int64s([end]), int64s([axis])],
        outputs,
      }),
    derivative({ graph, inputs, attributes: { axis, start, end }, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined];
      const x = inputAt(inputs, 0, "slice");
      const length = x.shape[axis];
      if (typeof length !== "number") failShapes("slice", "a known length along the axis", [x]);
      const zeros = (size: number) =>
        graph.expand(
          graph.constant(0),
          x.shape.map((d, k) => (k === axis ? size : d)),
        );
      const parts = [
        ...(start > 0 ? [zeros(start)] : []),
        dy,
        ...(end < length ? [zeros(length - end)] : []),
      ];
      return [parts.length === 1 ? dy : graph.concat(parts, axis)];
    },
  },

  gather: {
    infer(inputs) {
      const table = inputAt(inputs, 0, "gather");
      const indices = inputAt(inputs, 1, "gather");
      assertInt64(indices, "gather");
      if (table.shape.length === 0) failShapes("gather", "a table of rows", [table, indices]);
      return [{ dtype: table.dtype, shape: [...indices.shape, ...table.shape.slice(1)] }];
    },
    evaluate(inputs) {
      const table = valueAt(inputs, 0);
      const indices = valueAt(inputs, 1);
      const width = shapeSize(table.dims.slice(1));
      const rows = integersOf(indices);
      const dims = [...indices.dims, ...table.dims.slice(1)];
      return [gatherEach(table, rows, width, dims)];
    },
    emit: ({ add, inputs, outputs }) =>
      add({ op: "Gather", inputs, outputs, attributes: { axis: 0 } }),
    derivative({ graph, inputs, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined, undefined];
      const table = inputAt(inputs, 0, "gather");
      return [graph.scatterRows(dy, inputAt(inputs, 1, "gather"), table.shape[0] ?? 1), undefined];
    },
  },

  scatterRows: {
    infer(inputs, { rows }) {
      const source = inputAt(inputs, 0, "scatterRows");
      const indices = inputAt(inputs, 1, "scatterRows");
      assertFloat(source, "scatterRows");
      assertInt64(indices, "scatterRows");
      const rank = indices.shape.length;
      if (!isSameShape(source.shape.slice(0, rank), indices.shape)) {
        failShapes("scatterRows", "one index per row", [source, indices]);
      }
      return [{ dtype: "float", shape: [rows, ...source.shape.slice(rank)] }];
    },
    evaluate(inputs, _attributes, outputs) {
      const source = floatsOf(valueAt(inputs, 0));
      const dims = outputs[0]?.shape.map(Number) ?? [];
      const width = shapeSize(dims.slice(1));
      const data = new Float64Array(shapeSize(dims));
      integersOf(inputs[1]).forEach((row, k) => {
        for (let c = 0; c < width; c++) {
          data[row * width + c] = (data[row * width + c] ?? 0) + (source[k * width + c] ?? 0);
        }
      });
      return [{ dims, data }];
    },
    emit({ add, addValue, shape, float, int64s, inputs, outputs, outputTypes, inputTypes }) {
      const type = outputTypes[0];
      const rank = inputTypes[1]?.shape.length ?? 1;
      const zeros = addValue({ op: "Expand", inputs: [float(0), shape(type?.shape ?? [])] });
      const axes = int64s([rank]);
      const indices = addValue({ op: "Unsqueeze", inputs: [inputs[1] ?? "", axes] });
      add({
        op: "ScatterND",
        inputs: [zeros, indices, inputs[0] ?? ""],
        outputs,
        attributes: { reduction: "add" },
      });
    },
    derivative: ({ graph, inputs, cotangents: [dy], wants }) => [
      dy !== undefined && wants(0)
        ? graph.gather(dy, inputAt(inputs, 1, "scatterRows"))
        : undefined,
      undefined,
    ],
  },

  gatherRows: {
    infer(inputs) {
      const x = inputAt(inputs, 0, "gatherRows");
      const index = inputAt(inputs, 1, "gatherRows");
      const inverse = inputAt(inputs, 2, "gatherRows");
      assertInt64(index, "gatherRows");
      assertInt64(inverse, "gatherRows");
      if (x.shape.length !== 2 || multiplyDims(inverse.shape) !== x.shape[0]) {
        failShapes("gatherRows", "rows [N, d] and one inverse index per row", [x, inverse]);
      }
      return [{ dtype: x.dtype, shape: [...index.shape, x.shape[1] ?? 1] }];
    },
    evaluate(inputs, { padding }) {
      const x = valueAt(inputs, 0);
      const index = valueAt(inputs, 1);
      const [N = 0, width = 1] = x.dims;
      const rows = integersOf(index).map((row) => (padding === "any" && row < 0 ? N - 1 : row));
      return [gatherEach(x, rows, width, [...index.dims, width])];
    },
    // ONNX reads index -1 as the last row: with padding `zero` that is a row of zeros appended for it.
    emit({ add, addValue, int64s, inputs: [x = "", index = ""], outputs, attributes }) {
      const table =
        attributes.padding === "any"
          ? x
          : addValue({ op: "Pad", inputs: [x, int64s([0, 0, 1, 0])] });
      add({ op: "Gather", inputs: [table, index], outputs, attributes: { axis: 0 } });
    },
    // Each row has at most one place, so its cotangent is what lies there.
    derivative({ graph, inputs, attributes, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined, undefined, undefined];
      const [x, index, inverse] = [0, 1, 2].map((k) => inputAt(inputs, k, "gatherRows"));
      if (x === undefined || index === undefined || inverse === undefined) return [];
      const width = x.shape[1] ?? 1;
      const flat = graph.reshape(dy, [multiplyDims(index.shape), width]);
      const back = graph.gatherRows(flat, inverse, index, {
        padding: attributes.inversePadding,
        inversePadding: attributes.padding,
      });
      return [
        isSameShape(back.shape, x.shape) ? back : graph.reshape(back, x.shape),
        undefined,
        undefined,
      ];
    },
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };

/** Copies rows by index; -1 is a row of zeros. */
function gatherEach(
  table: Value,
  rows: readonly number[],
  width: number,
  dims: readonly number[],
): Value {
  const source = table.data;
  const data: ValueData = new Float64Array(rows.length * width);
  rows.forEach((row, k) => {
    for (let c = 0; c < width; c++) {
      data[k * width + c] = row < 0 ? 0 : Number(source[row * width + c] ?? 0);
    }
  });
  return { dims, data };
}
