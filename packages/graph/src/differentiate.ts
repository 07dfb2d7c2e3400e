/**
 * Reverse mode: appends the cotangent of every tensor between a loss and what it is differentiated by.
 *
 * A value of stage `step` is used by every batch of an optimiser step. Its cotangents from the batch side are summed over the
 * runs (`accumulate`), and what lies before it is pulled back once per step, from the sum: the reverse pass is linear in
 * cotangents, so this is exact.
 */
import { QtuneError, printShape } from "@qtune/base";
import type { Checkpoint, Graph } from "./graph.ts";
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
  const repeats = createRepeats(graph, forward);
  const take = (tensor: Tensor): Tensor | undefined => {
    const parts = contributions.get(tensor);
    const total = parts === undefined ? undefined : joinContributions(graph, tensor, parts);
    if (total !== undefined) gradients.set(tensor, total);
    return total;
  };
  for (const node of forward.toReversed()) {
    if (!node.outputs.some((output) => active.has(output))) continue;
    const cotangents = node.outputs.map(take);
    if (cotangents.every((cotangent) => cotangent === undefined)) continue;
    const mapped = repeatedNode(graph, node, cotangents, repeats);
    pullBack(graph, node, mapped, cotangents, active).forEach((cotangent, k) => {
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

/** Parts that are computed again, by node, and what stands for their values once they were. */
interface Repeats {
  readonly parts: ReadonlyMap<Node, Checkpoint>;
  readonly nodes: readonly Node[];
  readonly values: Map<Checkpoint, ReadonlyMap<Tensor, Tensor>>;
}

function createRepeats(graph: Graph, nodes: readonly Node[]): Repeats {
  const parts = new Map(
    graph.checkpoints.flatMap((part) =>
      nodes.slice(part.first, part.end).map((node) => [node, part] as const),
    ),
  );
  return { parts, nodes: [...nodes], values: new Map() };
}

/** Returns a node with the values that stand for its own: those computed again, where it lies in a checkpoint. */
function repeatedNode(
  graph: Graph,
  node: Node,
  cotangents: readonly (Tensor | undefined)[],
  repeats: Repeats,
): Node {
  const part = repeats.parts.get(node);
  if (part === undefined) return node;
  const values = repeats.values.get(part) ?? repeatPart(graph, part, cotangents, repeats.nodes);
  repeats.values.set(part, values);
  const stand = (tensor: Tensor): Tensor => values.get(tensor) ?? tensor;
  return { ...node, inputs: node.inputs.map(stand), outputs: node.outputs.map(stand) };
}

/**
 * Computes a part again. Its input is made to depend on the cotangent that arrives, by adding zero times its sum: otherwise a
 * runtime could compute all parts again before the reverse pass needs the first, or merge them with the forward pass.
 */
function repeatPart(
  graph: Graph,
  part: Checkpoint,
  cotangents: readonly (Tensor | undefined)[],
  nodes: readonly Node[],
): ReadonlyMap<Tensor, Tensor> {
  const arrived = cotangents.find((cotangent) => cotangent !== undefined);
  const values = new Map<Tensor, Tensor>();
  if (arrived === undefined) return values;
  return graph.withScope(`${part.input.name}.again`, () => {
    values.set(part.input, graph.add(part.input, graph.multiply(graph.reduceSum(arrived), 0)));
    for (const node of nodes.slice(part.first, part.end)) {
      // What the host computed is kept: circuits are dear, and may be random.
      if (node.op === "hostOperation" || !node.inputs.some((input) => values.has(input))) continue;
      const outputs = graph.repeat(
        node,
        node.inputs.map((input) => values.get(input) ?? input),
      );
      node.outputs.forEach((output, k) => values.set(output, outputs[k] ?? output));
    }
    return values;
  });
}

function pullBack(
  graph: Graph,
  node: Node,
  mapped: Node,
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
      inputs: mapped.inputs,
      outputs: mapped.outputs,
      attributes: node.attributes,
      cotangents,
      wants: (input) => {
        const tensor = node.inputs[input];
        return tensor !== undefined && active.has(tensor);
      },
    }),
  );
}
