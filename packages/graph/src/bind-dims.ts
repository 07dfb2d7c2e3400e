import { QtuneError, printShape, shapeSize } from "@qtune/base";
import { evaluateDim, factorOf, symbolsOf, type DimBindings } from "./dim.ts";
import type { Tensor, TensorType, Value } from "./tensor.ts";

/**
 * Finds the values of symbols from the values that are fed, and checks every fed dimension.
 *
 * Errors: invalid_argument names the feed that is missing or whose dimension does not fit.
 */
export function bindDims(
  fed: readonly Tensor[],
  feeds: Readonly<Record<string, Value>>,
): DimBindings {
  const bindings: Record<string, number> = {};
  for (const tensor of fed) {
    const value = feeds[tensor.name];
    const where = `feeds.${tensor.name}`;
    if (value === undefined)
      throw new QtuneError("invalid_argument", "expected a value", { where });
    if (value.dims.length !== tensor.shape.length || shapeSize(value.dims) !== value.data.length) {
      fail(tensor, value, where);
    }
    tensor.shape.forEach((dim, axis) => {
      const symbols = symbolsOf(dim);
      const [symbol] = symbols;
      const given = value.dims[axis] ?? 0;
      if (symbols.length === 1 && symbol !== undefined && bindings[symbol] === undefined) {
        bindings[symbol] = given / factorOf(dim);
      }
    });
  }
  for (const tensor of fed) {
    const value = feeds[tensor.name];
    tensor.shape.forEach((dim, axis) => {
      if (value !== undefined && evaluateDim(dim, bindings) !== value.dims[axis]) {
        fail(tensor, value, `feeds.${tensor.name}`, bindings);
      }
    });
  }
  return bindings;
}

function fail(tensor: Tensor, value: Value, where: string, bindings: DimBindings = {}): never {
  const known = Object.entries(bindings).map(([symbol, size]) => `${symbol} = ${size}`);
  const tail = known.length === 0 ? "" : ` (${known.join(", ")})`;
  const given = `${printShape(value.dims)} with ${value.data.length} values`;
  throw new QtuneError(
    "invalid_argument",
    `expected shape ${printShape(tensor.shape)}${tail} but was given ${given}`,
    { where },
  );
}

/** Returns a type with its symbols replaced by their values. */
export function concreteType(type: TensorType, bindings: DimBindings): TensorType {
  return { dtype: type.dtype, shape: type.shape.map((dim) => evaluateDim(dim, bindings)) };
}
