/**
 * Rewrites a list of nodes before it is emitted: drops what no output needs, merges equal nodes, removes multiplications by
 * one, and joins products with the scale and the sum around them. onnxruntime does the rest.
 */
import { isSameShape } from "./dim.ts";
import type { MatMulAttributes, Node } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** Nodes in an order of execution, and what became of the outputs. */
export interface NodeList {
  readonly nodes: readonly Node[];
  /** Follows a tensor to what computes its value now. */
  resolve(tensor: Tensor): Tensor;
}

/** Optimises the nodes that `outputs` need. */
export function optimise(nodes: readonly Node[], outputs: readonly Tensor[]): NodeList {
  const replaced = new Map<Tensor, Tensor>();
  const resolve = (tensor: Tensor): Tensor => {
    const next = replaced.get(tensor);
    return next === undefined ? tensor : resolve(next);
  };
  let list = dropUnused(nodes, outputs);
  list = simplify(list, replaced, resolve);
  list = mergeEqual(list, replaced, resolve);
  list = dropUnused(list, outputs.map(resolve));
  list = joinProducts(list, outputs.map(resolve));
  return { nodes: dropUnused(list, outputs.map(resolve)), resolve };
}

function dropUnused(nodes: readonly Node[], outputs: readonly Tensor[]): readonly Node[] {
  const needed = new Set(outputs);
  const kept: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    kept.push(node);
    for (const input of node.inputs) needed.add(input);
  }
  return kept.reverse();
}

/** Rewires inputs to what replaced them. */
function rewire(node: Node, resolve: (tensor: Tensor) => Tensor): Node {
  return { ...node, inputs: node.inputs.map(resolve) };
}

/** x·1 → x and reshape to the same shape → x, where the shape stays. */
function simplify(
  nodes: readonly Node[],
  replaced: Map<Tensor, Tensor>,
  resolve: (tensor: Tensor) => Tensor,
): readonly Node[] {
  const ones = new Set<Tensor>();
  return nodes.map((old) => {
    const node = rewire(old, resolve);
    const [output] = node.outputs;
    const [a, b] = node.inputs;
    if (output === undefined) return node;
    if (isConstantOne(node)) ones.add(output);
    if ((node.op === "expand" || node.op === "reshape") && a !== undefined) {
      if (ones.has(a)) ones.add(output);
      if (isSameShape(a.shape, output.shape)) replaced.set(output, a);
    }
    if (node.op === "multiply" && a !== undefined && b !== undefined) {
      if (ones.has(b) && isSameShape(a.shape, output.shape)) replaced.set(output, a);
      else if (ones.has(a) && isSameShape(b.shape, output.shape)) replaced.set(output, b);
    }
    return node;
  });
}

/** Returns the value of a constant with one element. */
function scalarOf(node: Node | undefined): number | undefined {
  if (node?.op !== "constant") return undefined;
  const { value } = (node as Node<"constant">).attributes;
  return value.data.length === 1 && value.dims.length === 0 ? Number(value.data[0]) : undefined;
}

function isConstantOne(node: Node): boolean {
  return scalarOf(node) === 1;
}

/** Merges nodes with the same operation, inputs and attributes. What the host computes may be random and stays apart. */
function mergeEqual(
  nodes: readonly Node[],
  replaced: Map<Tensor, Tensor>,
  resolve: (tensor: Tensor) => Tensor,
): readonly Node[] {
  const apart = new Set([
    "input",
    "parameter",
    "weight",
    "quantisedWeight",
    "widenedWeight",
    "constant",
    "hostOperation",
    "accumulate",
  ]);
  const seen = new Map<string, Node>();
  return nodes.map((old) => {
    const node = rewire(old, resolve);
    if (apart.has(node.op)) return node;
    const key = `${node.op}(${node.inputs.map(({ id }) => id).join(",")})${printAttributes(node)}`;
    const twin = seen.get(key);
    if (twin === undefined) seen.set(key, node);
    else {
      node.outputs.forEach((output, k) => {
        const other = twin.outputs[k];
        if (other !== undefined) replaced.set(output, other);
      });
    }
    return node;
  });
}

/** Sources of weights are known by their name. */
function printAttributes({ attributes }: Node): string {
  return JSON.stringify(attributes, (key, value: unknown) =>
    key === "source" ? undefined : value,
  );
}

/** s·(a·b) → one product with a scale, and c + a·b → `addMatMul`, where the product has no other use. */
function joinProducts(nodes: readonly Node[], outputs: readonly Tensor[]): readonly Node[] {
  const producers = new Map<Tensor, Node>();
  const uses = new Map<Tensor, number>();
  for (const tensor of outputs) uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  for (const node of nodes) {
    for (const input of node.inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
  }
  const soleProduct = (x: Tensor): Node<"matMul"> | undefined => {
    const node = producers.get(x);
    return node?.op === "matMul" && uses.get(x) === 1 ? (node as Node<"matMul">) : undefined;
  };
  return nodes.map((old) => {
    const node = joinScale(old, soleProduct, producers) ?? joinSum(old, soleProduct) ?? old;
    for (const output of node.outputs) producers.set(output, node);
    return node;
  });
}

function joinScale(
  node: Node,
  soleProduct: (x: Tensor) => Node<"matMul"> | undefined,
  producers: ReadonlyMap<Tensor, Node>,
): Node | undefined {
  const [a, b] = node.inputs;
  if (node.op !== "multiply" || a === undefined || b === undefined) return undefined;
  for (const [x, factor] of [
    [a, b],
    [b, a],
  ] as const) {
    const scale = scalarOf(producers.get(factor));
    const product = soleProduct(x);
    if (scale === undefined || product === undefined) continue;
    const attributes: MatMulAttributes = {
      ...product.attributes,
      scale: product.attributes.scale * scale,
    };
    return { op: "matMul", inputs: product.inputs, outputs: node.outputs, attributes };
  }
  return undefined;
}

function joinSum(
  node: Node,
  soleProduct: (x: Tensor) => Node<"matMul"> | undefined,
): Node | undefined {
  const [a, b] = node.inputs;
  const [output] = node.outputs;
  if (node.op !== "add" || a === undefined || b === undefined || output?.shape.length !== 2)
    return undefined;
  for (const [term, x] of [
    [a, b],
    [b, a],
  ] as const) {
    const product = soleProduct(x);
    if (product === undefined || !isSameShape(x.shape, output.shape)) continue;
    if (product.inputs.some((input) => input.shape.length !== 2)) continue;
    return {
      op: "addMatMul",
      inputs: [term, ...product.inputs],
      outputs: node.outputs,
      attributes: product.attributes,
    };
  }
  return undefined;
}
