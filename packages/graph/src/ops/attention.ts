/** Rotary positions, and attention to a cache of keys and values. */
import { QtuneError, shapeSize } from "@qtune/base";
import { divideDim, isSameShape, multiplyDims } from "../dim.ts";
import type { CachedAttentionAttributes, EmitContext, OpAttributes, OpRow } from "../op.ts";
import type { Value } from "../tensor.ts";
import { assertFloat, assertInt64, failShapes, inputAt } from "./check.ts";
import { floatsOf, integersOf, valueAt } from "./evaluate.ts";

function emitRotaryFused(context: EmitContext<OpAttributes["rotary"]>): void {
  const { addValue, int64s, attributes, inputs, outputs } = context;
  const [x = "", positions = "", cos = "", sin = ""] = inputs;
  const angleSin = attributes.inverse ? addValue({ op: "Neg", inputs: [sin] }) : sin;
  // Each row is a sequence of its own: the kernel wants no more positions in one than the table has.
  const axis = int64s([1]);
  const rows = addValue({ op: "Unsqueeze", inputs: [x, axis] }); // [N, 1, H·d]
  const places = addValue({ op: "Unsqueeze", inputs: [positions, axis] }); // [N, 1]
  const rotated = addValue({
    op: "RotaryEmbedding",
    domain: "com.microsoft",
    inputs: [rows, places, cos, angleSin],
    attributes: { interleaved: 0 },
  });
  context.add({ op: "Squeeze", inputs: [rotated, axis], outputs });
}

function emitRotaryPlain(context: EmitContext<OpAttributes["rotary"]>): void {
  const { add, addValue, int64s, attributes, inputs, outputs, inputTypes } = context;
  const [x = "", positions = "", cos = "", sin = ""] = inputs;
  const half = Number(inputTypes[2]?.shape[1]);
  const width = Number(inputTypes[0]?.shape[1]);
  const tables = [cos, sin].map((table) => {
    const rows = addValue({ op: "Gather", inputs: [table, positions], attributes: { axis: 0 } });
    return addValue({ op: "Unsqueeze", inputs: [rows, int64s([1])] }); // [N, 1, d/2]
  });
  const [c = "", s = ""] = tables;
  const heads = addValue({ op: "Reshape", inputs: [x, int64s([-1, width / half / 2, 2 * half])] });
  const part = (start: number): string =>
    addValue({
      op: "Slice",
      inputs: [heads, int64s([start]), int64s([start + half]), int64s([2])],
    });
  const [low, high] = [part(0), part(half)];
  const product = (a: string, b: string): string => addValue({ op: "Mul", inputs: [a, b] });
  const [first, second] = attributes.inverse
    ? (["Add", "Sub"] as const)
    : (["Sub", "Add"] as const);
  const y1 = addValue({ op: first, inputs: [product(low, c), product(high, s)] });
  const y2 = addValue({ op: second, inputs: [product(high, c), product(low, s)] });
  const joined = addValue({ op: "Concat", inputs: [y1, y2], attributes: { axis: 2 } });
  add({ op: "Reshape", inputs: [joined, int64s([-1, width])], outputs });
}

/** Attends with plain loops: row b's queries stand at the end of its `lengths[b] + 1` keys. */
function attendCached(inputs: readonly Value[], attributes: CachedAttentionAttributes): Value[] {
  const [query, key, value, pastKeys, pastValues] = [0, 1, 2, 3, 4].map((k) => valueAt(inputs, k));
  if (!query || !key || !value || !pastKeys || !pastValues) return [];
  const lengths = integersOf(inputs[5]);
  const [B = 0, T = 0] = query.dims;
  const [, G = 1, S = 0, d = 1] = pastKeys.dims;
  const { heads, scale } = attributes;
  const isPrompt = integersOf(inputs[6])[0] === T;
  const keys = floatsOf(pastKeys).slice();
  const values = floatsOf(pastValues).slice();
  const output = new Float64Array(shapeSize(query.dims));
  const q = floatsOf(query);
  for (let b = 0; b < B; b++) {
    const start = isPrompt ? 0 : (lengths[b] ?? 0) + 1 - T;
    for (let t = 0; t < T && start + t < S; t++) {
      for (let g = 0; g < G; g++) {
        const to = ((b * G + g) * S + start + t) * d;
        const from = ((b * T + t) * G + g) * d;
        keys.set(floatsOf(key).subarray(from, from + d), to);
        values.set(floatsOf(value).subarray(from, from + d), to);
      }
      for (let h = 0; h < heads; h++) {
        const base = (b * G + Math.floor((h * G) / heads)) * S * d;
        const from = ((b * T + t) * heads + h) * d;
        const weights = Array.from({ length: start + t + 1 }, (_, s) => {
          let dot = 0;
          for (let c = 0; c < d; c++) dot += (q[from + c] ?? 0) * (keys[base + s * d + c] ?? 0);
          return dot * scale;
        });
        const largest = Math.max(...weights);
        const raised = weights.map((w) => Math.exp(w - largest));
        const total = raised.reduce((sum, w) => sum + w, 0);
        raised.forEach((w, s) => {
          for (let c = 0; c < d; c++) {
            output[from + c] =
              (output[from + c] ?? 0) + (w / total) * (values[base + s * d + c] ?? 0);
          }
        });
      }
    }
  }
  return [
    { dims: query.dims, data: output },
    { dims: pastKeys.dims, data: keys },
    { dims: pastValues.dims, data: values },
  ];
}

/** Rows of the attention operations. */
export const attentionOps = {
  rotary: {
    infer(inputs) {
      const [x, positions, cos, sin] = [0, 1, 2, 3].map((k) => inputAt(inputs, k, "rotary"));
      if (x === undefined || positions === undefined || cos === undefined || sin === undefined)
        return [];
      assertFloat(x, "rotary");
      assertInt64(positions, "rotary");
      if (!isSameShape(cos.shape, sin.shape) || cos.shape.length !== 2) {
        failShapes("rotary", "cos and sin [P, d/2]", [cos, sin]);
      }
      if (
        x.shape.length !== 2 ||
        positions.shape.length !== 1 ||
        positions.shape[0] !== x.shape[0]
      ) {
        failShapes("rotary", "rows [N, H·d] and one position per row", [x, positions]);
      }
      const pair = multiplyDims([2, cos.shape[1] ?? 1]);
      if (divideDim(x.shape[1] ?? 1, pair) === undefined) {
        failShapes("rotary", `a width that ${pair} divides`, [x, cos]);
      }
      return [{ dtype: "float", shape: x.shape }];
    },
    evaluate(inputs, { inverse }) {
      const x = valueAt(inputs, 0);
      const half = valueAt(inputs, 2).dims[1] ?? 1;
      const [cos, sin] = [floatsOf(inputs[2]), floatsOf(inputs[3])];
      const data = floatsOf(x).slice();
      const width = x.dims[1] ?? 1;
      integersOf(inputs[1]).forEach((position, row) => {
        for (let start = row * width; start < (row + 1) * width; start += 2 * half) {
          for (let i = 0; i < half; i++) {
            const c = cos[position * half + i] ?? 1;
            const s = (inverse ? -1 : 1) * (sin[position * half + i] ?? 0);
            const [low, high] = [data[start + i] ?? 0, data[start + half + i] ?? 0];
            data[start + i] = low * c - high * s;
            data[start + half + i] = high * c + low * s;
          }
        }
      });
      return [{ dims: x.dims, data }];
    },
    emit: (context) =>
      context.precision === "float32" ? emitRotaryFused(context) : emitRotaryPlain(context),
    // A rotation is orthogonal: its transpose turns back.
    derivative({ graph, inputs, attributes, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined, undefined, undefined, undefined];
      const [positions, cos, sin] = [1, 2, 3].map((k) => inputAt(inputs, k, "rotary"));
      if (positions === undefined || cos === undefined || sin === undefined) return [];
      const dx = graph.rotary(dy, positions, cos, sin, { inverse: !attributes.inverse });
      return [dx, undefined, undefined, undefined];
    },
  },

  cachedAttention: {
    infer(inputs, { heads, kvHeads }) {
      const [query, key, value, keys, values] = [0, 1, 2, 3, 4].map((k) =>
        inputAt(inputs, k, "cachedAttention"),
      );
      if (!query || !key || !value || !keys || !values) return [];
      const d = keys.shape[3] ?? 1;
      const fits =
        query.shape[2] === multiplyDims([heads, d]) &&
        isSameShape(key.shape, [
          query.shape[0] ?? 1,
          query.shape[1] ?? 1,
          multiplyDims([kvHeads, d]),
        ]);
      if (!fits)
        failShapes("cachedAttention", `${heads} query and ${kvHeads} key heads of ${d}`, [
          query,
          key,
        ]);
      if (Number(d) % 8 !== 0)
        failShapes(
          "cachedAttention",
          "heads of a multiple of 8",
          [keys],
          "append zeros to each head?",
        );
      if (!isSameShape(key.shape, value.shape))
        failShapes("cachedAttention", "equal shapes", [key, value]);
      if (!isSameShape(keys.shape, values.shape) || keys.shape[1] !== kvHeads) {
        failShapes("cachedAttention", `caches [B, ${kvHeads}, S, d]`, [keys, values]);
      }
      return [query, keys, values].map(({ shape }) => ({ dtype: "float", shape }));
    },
    evaluate: (inputs, attributes) => attendCached(inputs, attributes),
    emit({ add, inputs, outputs, precision, attributes: { heads, kvHeads, scale } }) {
      if (precision !== "float32") {
        throw new QtuneError("unimplemented", "attention to a cache runs in float32 only", {
          where: "graph.cachedAttention",
        });
      }
      add({
        op: "GroupQueryAttention",
        domain: "com.microsoft",
        inputs,
        outputs,
        attributes: {
          num_heads: heads,
          kv_num_heads: kvHeads,
          scale: { float: scale },
          do_rotary: 0,
        },
      });
    },
    derivative: { notDifferentiable: "caches serve generation; training attends without one" },
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };
