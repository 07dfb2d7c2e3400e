/**
 * Runs a graph node by node with the plain loops of the op table, in float64: the definition that compiled programs are
 * tested against. Sums over runs are the single run's values.
 */
import { QtuneError, type Abortable } from "@qtune/base";
import type { HostHandler } from "./api.ts";
import { bindDims, concreteType } from "./bind-dims.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./op.ts";
import { rowOf } from "./op-table.ts";
import { optimise } from "./optimise.ts";
import { quantiseMatrix, widenColumns } from "./quantise.ts";
import type { Tensor, Value } from "./tensor.ts";

/** What to interpret. */
export interface InterpretOptions extends Abortable {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Values of inputs and parameters, by name. */
  readonly feeds: Readonly<Record<string, Value>>;
  readonly hostOperations?: Readonly<Record<string, HostHandler>> | undefined;
}

/**
 * Computes outputs of a graph by definition.
 *
 * Cost: plain loops over boxed arrays; for small tensors.
 * Errors: invalid_argument when a feed is missing or does not fit.
 */
export async function interpret(
  graph: Graph,
  options: InterpretOptions,
): Promise<Record<string, Value>> {
  const { nodes, resolve } = optimise(graph.nodes, Object.values(options.outputs));
  const fed = nodes.filter((node) => node.op === "input" || node.op === "parameter");
  const bindings = bindDims(
    fed.flatMap((node) => node.outputs),
    options.feeds,
  );
  const values = new Map<Tensor, Value>();
  for (const node of nodes) {
    const inputs = node.inputs
      .map((input) => values.get(input))
      .filter((value) => value !== undefined);
    const outputs = await evaluateNode(node, inputs, bindings, options);
    node.outputs.forEach((output, k) => {
      const value = outputs[k];
      if (value !== undefined) values.set(output, value);
    });
  }
  return Object.fromEntries(
    Object.entries(options.outputs).map(([name, tensor]) => {
      const value = values.get(resolve(tensor));
      if (value === undefined)
        throw new QtuneError("invalid_argument", "not of this graph", { where: name });
      return [name, value];
    }),
  );
}

async function evaluateNode(
  node: Node,
  inputs: readonly Value[],
  bindings: Readonly<Record<string, number>>,
  options: InterpretOptions,
): Promise<readonly Value[]> {
  const name = node.outputs[0]?.name ?? node.op;
  if (node.op === "input" || node.op === "parameter") return [asFloat64(options.feeds[name], name)];
  if (node.op === "weight") {
    const { source, storage } = (node as Node<"weight">).attributes;
    const values = await source.readFloat32(options);
    const kept = storage === "float16" ? Float16Array.from(values) : values;
    return [{ dims: source.shape, data: Float64Array.from(kept) }];
  }
  if (node.op === "quantisedWeight") {
    const { source, format } = (node as Node<"quantisedWeight">).attributes;
    const { packed, scales } = await quantiseMatrix(source, format, options);
    const [packedType, scaleType] = node.outputs;
    return [
      { dims: packedType?.shape.map(Number) ?? [], data: packed },
      { dims: scaleType?.shape.map(Number) ?? [], data: Float64Array.from(scales) },
    ];
  }
  if (node.op === "widenedWeight") {
    const { source, format } = (node as Node<"widenedWeight">).attributes;
    const { signal } = options;
    const matrix = await quantiseMatrix(source, format, { order: "columns", signal });
    const data = Float64Array.from(widenColumns(matrix, source.shape, format));
    return [{ dims: node.outputs[0]?.shape.map(Number) ?? [], data }];
  }
  if (node.op === "hostOperation") return callHost(node as Node<"hostOperation">, inputs, options);
  return rowOf(node.op).evaluate(
    inputs,
    node.attributes,
    node.outputs.map((output) => concreteType(output, bindings)),
  );
}

async function callHost(
  node: Node<"hostOperation">,
  inputs: readonly Value[],
  options: InterpretOptions,
): Promise<readonly Value[]> {
  const { kind, attributes } = node.attributes;
  const name = node.outputs[0]?.name ?? kind;
  const handler = options.hostOperations?.[kind];
  if (handler === undefined) {
    throw new QtuneError("invalid_argument", `expected a handler of host operation ${kind}`, {
      where: "interpret.hostOperations",
    });
  }
  const [outputs = []] = await handler([{ kind, inputs, attributes, name }], {
    signal: options.signal,
  });
  return outputs.map((output) => asFloat64(output, name));
}

function asFloat64(value: Value | undefined, name: string): Value {
  if (value === undefined) {
    throw new QtuneError("invalid_argument", "expected a value", { where: `feeds.${name}` });
  }
  return value.data instanceof Float32Array
    ? { ...value, data: Float64Array.from(value.data) }
    : value;
}
