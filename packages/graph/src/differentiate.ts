/**
 * Reverse mode: appends the cotangent of every tensor between a loss and what it is differentiated by.
 *
 * A value of stage `step` is used by every batch of an optimiser step. Its cotangents from the batch side are summed over the
 * runs (`accumulate`), and what lies before it is pulled back once per step, from the sum: the reverse pass is linear in
 * cotangents, so this is exact.
 */
import { QtuneError, printShape } from "@qtune/base";
import type { Graph } from "./graph.ts";
import { rowOf } from "./op-table.ts";
import type { Node } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Appends the reverse pass of a scalar loss and returns its gradients.
 *
 * Shapes: loss []; gradients[k] has the shape of wrt[k].
 * Effect: adds nodes to `graph`; only what lies between `wrt` and the loss is pulled back.
 * Errors: invalid_argument when the loss is no scalar or does not depend on one of `wrt`; unimplemented when an operation on the
 *         way has no derivative.
 */
export function differentiate(
  graph: Graph,
  loss: Tensor,
  wrt: readonly Tensor[],
): readonly Tensor[] {
  if (loss.shape.length !== 0) {
    throw new QtuneError(
      "invalid_argument",
      `expected a scalar but was given ${loss.name} ${printShape(loss.shape)}; sum it`,
      {
        where: "differentiate.loss",
      },
    );
  }
  const forward = [...graph.nodes];
  const active = dependentsOf(forward, wrt);
  const contributions = new Map<Tensor, Tensor[]>([[loss, [graph.constant(1)]]]);
  const gradients = new Map<Tensor, Tensor>();
  const take = (tensor: Tensor): Tensor | undefined => {
    const parts = contributions.get(tensor);
    const total = parts === undefined ? undefined : joinContributions(graph, tensor, parts);
    if (total !== undefined) gradients.set(tensor, total);
    return total;
  };
  for (const node of forward.reverse()) {
    if (!node.outputs.some((output) => active.has(output))) continue;
    const cotangents = node.outputs.map(take);
    if (cotangents.every((cotangent) => cotangent === undefined)) continue;
    pullBack(graph, node, cotangents, active).forEach((cotangent, k) => {
      const input = node.inputs[k];
      if (cotangent === undefined || input === undefined || !active.has(input)) return;
      contributions.set(input, [...(contributions.get(input) ?? []), cotangent]);
    });
  }
  return wrt.map((tensor) => {
    const gradient = gradients.get(tensor);
    if (gradient !== undefined) return gradient;
    throw new QtuneError("invalid_argument", `${loss.name} does not depend on ${tensor.name}`, {
      where: "differentiate.wrt",
    });
  });
}

/** Returns the tensors that depend on any of `roots`, the roots included. */
function dependentsOf(nodes: readonly Node[], roots: readonly Tensor[]): ReadonlySet<Tensor> {
  const active = new Set<Tensor>(roots);
  for (const node of nodes) {
    if (node.inputs.some((input) => active.has(input))) {
      for (const output of node.outputs) active.add(output);
    }
  }
  return active;
}

/** Adds up the cotangents of a tensor; those of a step's batches are summed over the runs first. */
function joinContributions(graph: Graph, tensor: Tensor, parts: readonly Tensor[]): Tensor {
  const sum = (list: readonly Tensor[]): Tensor | undefined =>
    list.reduce<Tensor | undefined>(
      (total, part) => (total === undefined ? part : graph.add(total, part)),
      undefined,
    );
  const isShared = tensor.stage === "step" || tensor.stage === "constant";
  const perRun = isShared ? parts.filter((part) => part.stage === "batch") : [];
  const fromBatches = sum(perRun);
  const rest = parts.filter((part) => !perRun.includes(part));
  const total = sum(fromBatches === undefined ? rest : [graph.accumulate(fromBatches), ...rest]);
  return total ?? graph.constant(0); // parts is never empty
}

function pullBack(
  graph: Graph,
  node: Node,
  cotangents: readonly (Tensor | undefined)[],
  active: ReadonlySet<Tensor>,
): readonly (Tensor | undefined)[] {
  const { derivative } = rowOf(node.op);
  if ("notDifferentiable" in derivative) {
    throw new QtuneError(
      "unimplemented",
      `${node.op} has no derivative: ${derivative.notDifferentiable}`,
      {
        where: node.outputs[0]?.name ?? node.op,
      },
    );
  }
  const scope = `${node.outputs[0]?.name ?? node.op}.reverse`;
  return graph.withScope(scope, () =>
    derivative({
      graph,
      inputs: node.inputs,
      outputs: node.outputs,
      attributes: node.attributes,
      cotangents,
      wants: (input) => {
        const tensor = node.inputs[input];
        return tensor !== undefined && active.has(tensor);
      },
    }),
  );
}
