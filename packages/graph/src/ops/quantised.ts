/** Products with frozen matrices of few bits. The reverse pass has a quantised copy of the transposed matrix. */
import { QtuneError, internalError } from "@qtune/base";
import type { OpAttributes, OpRow, QuantisedLinearAttributes } from "../op.ts";
import { dequantiseMatrix, quantisedSizes } from "../quantise.ts";
import { assertFloat, failShapes, inputAt } from "./check.ts";
import { floatsOf, lastDim, valueAt } from "./evaluate.ts";

/** Inner and outer size of the product. */
function sizesOf({ source, format }: QuantisedLinearAttributes): { K: number; N: number } {
  return quantisedSizes(source.shape, format);
}

/** Rows of the quantised operations. */
export const quantisedOps = {
  quantisedWeight: {
    infer(_inputs, { source, format }) {
      const { N, blocks, blockBytes } = quantisedSizes(source.shape, format);
      return [
        { dtype: "uint8", shape: [N, blocks, blockBytes] },
        { dtype: "float", shape: [N, blocks] },
      ];
    },
    evaluate: () => {
      throw internalError("quantised weights are handed in, not computed");
    },
    emit: () => {
      throw internalError("quantised weights are written, not emitted");
    },
    derivative: () => [],
  },

  widenedWeight: {
    infer(_inputs, { name, source, format }) {
      const { K, N } = quantisedSizes(source.shape, format);
      if (format.transposed || source.shape.length !== 2) {
        throw new QtuneError(
          "invalid_argument",
          `expected a matrix [out, in] that is not transposed but was given [${source.shape.join(", ")}]`,
          { where: `graph.widenedWeight.${name}` },
        );
      }
      return [{ dtype: "float", shape: [K, N] }];
    },
    evaluate: () => {
      throw internalError("widened weights are handed in, not computed");
    },
    emit: () => {
      throw internalError("widened weights are written, not emitted");
    },
    derivative: () => [],
  },

  quantisedLinear: {
    infer(inputs, attributes) {
      const x = inputAt(inputs, 0, "quantisedLinear");
      assertFloat(x, "quantisedLinear");
      const { K, N } = sizesOf(attributes);
      if (x.shape.at(-1) !== K) {
        failShapes(
          "quantisedLinear",
          `rows of ${K} values for ${attributes.name} [${attributes.source.shape.join(", ")}]`,
          [x],
        );
      }
      return [{ dtype: "float", shape: [...x.shape.slice(0, -1), N] }];
    },
    evaluate(inputs, attributes) {
      const x = valueAt(inputs, 0);
      const packed = valueAt(inputs, 1).data as Uint8Array; // the type that infer states
      const scales = Float32Array.from(floatsOf(inputs[2]));
      const matrix = dequantiseMatrix(
        { packed, scales },
        attributes.source.shape,
        attributes.format,
      );
      const K = lastDim(x);
      const N = matrix.length / K;
      const data = floatsOf(x);
      const y = new Float64Array((data.length / K) * N);
      y.forEach((_, at) => {
        const [row, n] = [Math.floor(at / N), at % N];
        let sum = 0;
        for (let k = 0; k < K; k++) sum += (data[row * K + k] ?? 0) * (matrix[n * K + k] ?? 0);
        y[at] = sum;
      });
      return [{ dims: [...x.dims.slice(0, -1), N], data: y }];
    },
    emit({ add, inputs, outputs, precision, attributes }) {
      if (precision !== "float32") {
        throw new QtuneError(
          "unimplemented",
          "quantised weights run in float32 only; use interpret for float64",
          {
            where: `graph.quantisedLinear.${attributes.name}`,
          },
        );
      }
      const { K, N } = sizesOf(attributes);
      const { bits, blockSize } = attributes.format;
      // Level 4 multiplies in int8: activations are quantised per block on the fly.
      const kernel = {
        K,
        N,
        bits,
        block_size: blockSize,
        accuracy_level: attributes.isExact ? 0 : 4,
      };
      add({ op: "MatMulNBits", domain: "com.microsoft", inputs, outputs, attributes: kernel });
    },
    // y = x·Wᵀ: dx = dy·W, by the quantised copy of Wᵀ
    derivative({ graph, attributes, cotangents: [dy], wants }) {
      if (dy === undefined || !wants(0)) return [undefined, undefined, undefined];
      const { format, name, source, isExact } = attributes;
      const turned = { ...format, transposed: !format.transposed };
      return [
        graph.quantisedLinear(dy, { name, source, format: turned, isExact }),
        undefined,
        undefined,
      ];
    },
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };
