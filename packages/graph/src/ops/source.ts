/** Where values come from: inputs, parameters, weights, constants, sums over runs, and the host. */
import { QtuneError, internalError } from "@qtune/base";
import type { OpAttributes, OpRow } from "../op.ts";
import type { Tensor, TensorType } from "../tensor.ts";
import { inputAt } from "./check.ts";
import { valueAt } from "./evaluate.ts";

/** A row whose values are handed to the program: the builder gives the type, nothing is emitted or evaluated. */
function fedRow<Attributes>(what: string): OpRow<Attributes> {
  const refuse = (): never => {
    throw internalError(`${what} values are handed in, not computed`);
  };
  return { infer: refuse, evaluate: refuse, emit: refuse, derivative: () => [] };
}

/** Rows of the sources. */
export const sourceOps = {
  input: fedRow("input"),
  parameter: fedRow("parameter"),
  weight: fedRow("weight"),
  constant: {
    ...fedRow<OpAttributes["constant"]>("constant"),
    evaluate: (_inputs, { value }) => [
      value.data instanceof Float32Array
        ? { ...value, data: Float64Array.from(value.data) }
        : value,
    ],
  },
  accumulate: {
    infer: (inputs) => [inputAt(inputs, 0, "accumulate")].map(typeOf),
    evaluate: (inputs) => [valueAt(inputs, 0)],
    emit: () => {
      throw internalError("sums over runs stand between sessions, never inside one");
    },
    derivative: { notDifferentiable: "it is the end of a reverse pass" },
  },
  hostOperation: {
    infer(inputs, { kind, outputs, differentiable }) {
      for (const position of differentiable) {
        if (inputs[position]?.dtype !== "float") {
          throw new QtuneError(
            "invalid_argument",
            `expected input ${position} to be a float tensor, since it is to have a derivative`,
            { where: `graph.hostOperation.${kind}` },
          );
        }
      }
      return outputs;
    },
    evaluate: () => {
      throw internalError("host operations are computed by their handlers");
    },
    emit: () => {
      throw internalError("host operations stand between sessions, never inside one");
    },
    derivative({ graph, inputs, outputs, attributes, cotangents }) {
      const seeds = outputs.map(
        (output, k) => cotangents[k] ?? graph.expand(graph.constant(0), output.shape),
      );
      const results = graph.hostOperation({
        kind: `${attributes.kind}.vjp`,
        inputs: [...inputs, ...seeds],
        outputs: attributes.differentiable.map((position) =>
          typeOf(inputAt(inputs, position, "vjp")),
        ),
        attributes: attributes.attributes,
        differentiable: [],
      });
      return inputs.map((_, position) => {
        const at = attributes.differentiable.indexOf(position);
        return at < 0 ? undefined : results[at];
      });
    },
  },
} as const satisfies { readonly [Name in keyof OpAttributes]?: OpRow<OpAttributes[Name]> };

function typeOf(tensor: Tensor): TensorType {
  return { dtype: tensor.dtype, shape: tensor.shape };
}
