/** Sums over axes. */
import type { OpAttributes, OpRow } from "../op.ts";
import { assertFloat, inputAt, resolveAxis } from "./check.ts";
import { broadcastIndex, coordinatesOf, floatsOf, valueAt } from "./evaluate.ts";

/** Rows of the reductions. */
export const reduceOps = {
  reduceSum: {
    infer(inputs, { axes, keepDims }) {
      const x = inputAt(inputs, 0, "reduceSum");
      assertFloat(x, "reduceSum");
      for (const axis of axes) resolveAxis(x, axis, "reduceSum");
      const shape = x.shape.flatMap((dim, axis) =>
        axes.includes(axis) ? (keepDims ? [1] : []) : [dim],
      );
      return [{ dtype: "float", shape }];
    },
    evaluate(inputs, { axes, keepDims }) {
      const x = valueAt(inputs, 0);
      const kept = x.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
      const data = new Float64Array(kept.reduce((product, dim) => product * dim, 1));
      floatsOf(x).forEach((value, i) => {
        const to = broadcastIndex(coordinatesOf(i, x.dims), kept);
        data[to] = (data[to] ?? 0) + value;
      });
      return [{ dims: keepDims ? kept : kept.filter((_, axis) => !axes.includes(axis)), data }];
    },
    emit: ({ add, int64s, inputs, outputs, attributes: { axes, keepDims } }) =>
      add({
        op: "ReduceSum",
        inputs: [...inputs, int64s(axes)],
        outputs,
        attributes: { keepdims: Number(keepDims) },
      }),
    derivative({ graph, inputs, attributes: { axes, keepDims }, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined];
      const x = inputAt(inputs, 0, "reduceSum");
      const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
      return [graph.expand(keepDims ? dy : graph.reshape(dy, kept), x.shape)];
    },
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };
