/**
 * Builds tensor graphs: static single assignment, shapes checked as each operation is added.
 *
 * The graph is a list of nodes in order of creation, which is an order of execution. It knows nothing of models.
 */
import { QtuneError, shapeSize } from "@qtune/base";
import { canonicalDim, symbolsOf, type Dim, type Shape } from "./dim.ts";
import type { MatMulAttributes, Node, OpAttributes, OpName } from "./op.ts";
import { rowOf } from "./op-table.ts";
import type { HostOperationOptions, MatMulOptions, Operations } from "./operations.ts";
import { inputAt, resolveAxis } from "./ops/check.ts";
import type { Stage, Tensor, TensorType, Value, ValueData } from "./tensor.ts";

/** A graph under construction, or finished: `differentiate` appends to it, `compile` and `interpret` read it. */
export interface Graph extends Operations {
  readonly nodes: readonly Node[];
  /** Names everything built inside `build` below `scope`. Scopes nest. */
  withScope<T>(scope: string, build: () => T): T;
  /**
   * Marks what `build` adds as computed again in the reverse pass, from `input`, instead of kept.
   *
   * Cost: one more forward pass of the part; of its values only `input`, what leaves it and what the host computed are kept.
   */
  checkpoint<T>(input: Tensor, build: () => T): T;
  /** Parts marked by `checkpoint`, in order. */
  readonly checkpoints: readonly Checkpoint[];
  /** Applies a node's operation to other inputs. */
  repeat(node: Node, inputs: readonly Tensor[]): readonly Tensor[];
  /** Returns the node that computes a tensor. */
  nodeOf(tensor: Tensor): Node;
}

/** A part of a graph that the reverse pass computes again: nodes [first, end) and the value they start from. */
export interface Checkpoint {
  readonly input: Tensor;
  readonly first: number;
  readonly end: number;
}

const stageOrder: readonly Stage[] = ["constant", "step", "batch", "gradient"];

class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly #producers = new Map<Tensor, Node>();
  readonly #names = new Set<string>();
  readonly #constants = new Map<number, Tensor>();
  readonly #quantised = new Map<string, readonly Tensor[]>();
  #scope = "";

  withScope<T>(scope: string, build: () => T): T {
    const outer = this.#scope;
    this.#scope = outer === "" ? scope : `${outer}.${scope}`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  nodeOf(tensor: Tensor): Node {
    const node = this.#producers.get(tensor);
    if (node !== undefined) return node;
    throw new QtuneError("invalid_argument", `${tensor.name} belongs to another graph`, {
      where: "graph",
    });
  }

  /** Adds a node whose output types are known; names its outputs after `name` or the operation. */
  append<Name extends OpName>(
    op: Name,
    inputs: readonly Tensor[],
    attributes: OpAttributes[Name],
    types: readonly TensorType[],
    given: { readonly name?: string; readonly stage?: Stage } = {},
  ): readonly Tensor[] {
    for (const input of inputs) this.nodeOf(input);
    const stage = given.stage ?? latestStage(inputs, types);
    const base = given.name ?? (this.#scope === "" ? op : `${this.#scope}.${op}`);
    const outputs = types.map(({ dtype, shape }): Tensor => {
      const id = this.#names.size;
      const name = given.name !== undefined && types.length === 1 ? base : `${base}_${id}`;
      if (this.#names.has(name)) {
        throw new QtuneError("already_exists", `the name ${name} is taken`, {
          where: `graph.${op}`,
        });
      }
      this.#names.add(name);
      return { id, name, dtype, shape: shape.map(canonicalDim), stage };
    });
    const node: Node<Name> = { op, inputs, outputs, attributes };
    this.nodes.push(node as unknown as Node); // a node of one name is a node of any
    for (const output of outputs) this.#producers.set(output, node as unknown as Node);
    return outputs;
  }

  apply<Name extends OpName>(
    op: Name,
    inputs: readonly Tensor[],
    attributes: OpAttributes[Name],
  ): readonly Tensor[] {
    return this.append(op, inputs, attributes, rowOf(op).infer(inputs, attributes));
  }

  one<Name extends OpName>(
    op: Name,
    inputs: readonly Tensor[],
    attributes: OpAttributes[Name],
  ): Tensor {
    return inputAt(this.apply(op, inputs, attributes), 0, op);
  }

  scalar(value: number): Tensor {
    const known = this.#constants.get(value);
    if (known !== undefined) return known;
    const made = this.constant({ dims: [], data: Float64Array.of(value) });
    this.#constants.set(value, made);
    return made;
  }

  /** Adds a quantised matrix once per format. */
  quantisedWeight(attributes: OpAttributes["quantisedWeight"]): readonly Tensor[] {
    const { name, format } = attributes;
    const key = `${name}:int${format.bits}/${format.blockSize}${format.transposed ? ":transposed" : ""}`;
    const known = this.#quantised.get(key);
    if (known !== undefined) return known;
    const types = rowOf("quantisedWeight").infer([], attributes);
    const made = this.append("quantisedWeight", [], attributes, types, {
      name: key,
      stage: "constant",
    });
    this.#quantised.set(key, made);
    return made;
  }

  /** Adds a matrix of few bits that is widened on each use, once per format. */
  widenedWeight(attributes: OpAttributes["widenedWeight"]): Tensor {
    const { name, format } = attributes;
    const key = `${name}:int${format.bits}/${format.blockSize}:widened`;
    const known = this.#quantised.get(key);
    const types = rowOf("widenedWeight").infer([], attributes);
    const made =
      known ??
      this.append("widenedWeight", [], attributes, types, { name: key, stage: "constant" });
    this.#quantised.set(key, made);
    return inputAt(made, 0, "widenedWeight");
  }

  constant(value: Value): Tensor {
    const type: TensorType = { dtype: dtypeOf(value.data), shape: value.dims };
    return inputAt(
      this.append("constant", [], { value }, [type], { stage: "constant" }),
      0,
      "constant",
    );
  }
}

/** A value belongs to the latest stage of its inputs; one whose shape has symbols depends on the batch. */
function latestStage(inputs: readonly Tensor[], types: readonly TensorType[]): Stage {
  const isSized = types.every(({ shape }) => shape.every((dim) => symbolsOf(dim).length === 0));
  return inputs.reduce<Stage>(
    (latest, { stage }) =>
      stageOrder.indexOf(stage) > stageOrder.indexOf(latest) ? stage : latest,
    isSized ? "constant" : "batch",
  );
}

function dtypeOf(data: ValueData): TensorType["dtype"] {
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  return data instanceof Uint8Array ? "bool" : "float";
}

function matMulAttributes(options: MatMulOptions = {}): MatMulAttributes {
  const { transposeA = false, transposeB = false, scale = 1 } = options;
  return { transposeA, transposeB, scale };
}

/** Creates an empty graph. */
export function createGraph(): Graph {
  const builder = new GraphBuilder();
  const { nodes } = builder;
  const checkpoints: Checkpoint[] = [];
  const tensor = (x: Tensor | number): Tensor => (typeof x === "number" ? builder.scalar(x) : x);
  const unary =
    (
      op:
        | "negate"
        | "exp"
        | "log"
        | "sqrt"
        | "sin"
        | "cos"
        | "tanh"
        | "sigmoid"
        | "silu"
        | "softmax"
        | "logSoftmax",
    ) =>
    (x: Tensor): Tensor =>
      builder.one(op, [x], {});
  const binary =
    (op: "add" | "subtract" | "multiply" | "divide") =>
    (a: Tensor, b: Tensor | number): Tensor =>
      builder.one(op, [a, tensor(b)], {});
  const source = (
    op: "input" | "parameter",
    name: string,
    stage: Stage,
    type: TensorType,
  ): Tensor => inputAt(builder.append(op, [], { name }, [type], { name, stage }), 0, op);

  const graph: Graph = {
    nodes,
    withScope: (scope, build) => builder.withScope(scope, build),
    nodeOf: (x) => builder.nodeOf(x),
    checkpoints,
    checkpoint(input, build) {
      const first = nodes.length;
      const result = build();
      checkpoints.push({ input, first, end: nodes.length });
      return result;
    },
    repeat: (node, inputs) => builder.apply(node.op, inputs, node.attributes),
    input: (name, dtype, shape) => source("input", name, "batch", { dtype, shape }),
    parameter: (name, shape) => source("parameter", name, "step", { dtype: "float", shape }),
    weight: (name, source, { storage = "float" } = {}) => {
      const type: TensorType = { dtype: "float", shape: source.shape };
      const attributes = { name, source, storage };
      return inputAt(
        builder.append("weight", [], attributes, [type], { name, stage: "constant" }),
        0,
        "weight",
      );
    },
    constant: (value, shape) => {
      if (typeof value === "number") return builder.scalar(value);
      const data = Array.isArray(value)
        ? Float64Array.from(value as readonly number[])
        : (value as ValueData);
      const dims = shape ?? [data.length];
      if (shapeSize(dims) !== data.length) {
        throw new QtuneError(
          "invalid_argument",
          `expected ${shapeSize(dims)} values but was given ${data.length}`,
          { where: "graph.constant" },
        );
      }
      return builder.constant({ dims, data });
    },
    hostOperation: (options: HostOperationOptions) => {
      const { kind, inputs, outputs, attributes = {} } = options;
      const floats = inputs.flatMap((input, k) => (input.dtype === "float" ? [k] : []));
      const differentiable = options.differentiable ?? floats;
      return builder.apply("hostOperation", inputs, { kind, outputs, attributes, differentiable });
    },
    accumulate: (x) =>
      inputAt(builder.append("accumulate", [x], {}, [x], { stage: "gradient" }), 0, "accumulate"),

    add: binary("add"),
    subtract: binary("subtract"),
    multiply: binary("multiply"),
    divide: binary("divide"),
    negate: unary("negate"),
    exp: unary("exp"),
    log: unary("log"),
    sqrt: unary("sqrt"),
    sin: unary("sin"),
    cos: unary("cos"),
    tanh: unary("tanh"),
    sigmoid: unary("sigmoid"),
    silu: unary("silu"),

    reshape: (x, shape) =>
      builder.one("reshape", [x], {
        shape: shape.map((dim) => (dim === -1 ? -1 : canonicalDim(dim))),
      }),
    transpose: (x, permutation) =>
      builder.one("transpose", [x], { permutation: permutation ?? swapLast(x) }),
    expand: (x, shape) => builder.one("expand", [x], { shape: shape.map(canonicalDim) }),
    concat: (tensors, axis, dim) => {
      const first = inputAt(tensors, 0, "concat");
      const at = resolveAxis(first, axis, "concat");
      return builder.one("concat", tensors, { axis: at, dim: dim ?? joinedDim(tensors, at) });
    },
    slice: (x, axis, start, end) =>
      builder.one("slice", [x], { axis: resolveAxis(x, axis, "slice"), start, end }),
    gather: (table, indices) => builder.one("gather", [table, indices], {}),
    scatterRows: (rows, indices, rowCount) =>
      builder.one("scatterRows", [rows, indices], { rows: canonicalDim(rowCount) }),
    gatherRows: (x, index, inverse, options = {}) => {
      const { padding = "zero", inversePadding = "zero" } = options;
      return builder.one("gatherRows", [x, index, inverse], { padding, inversePadding });
    },

    matMul: (a, b, options) => builder.one("matMul", [a, b], matMulAttributes(options)),
    addMatMul: (c, a, b, options) => builder.one("addMatMul", [c, a, b], matMulAttributes(options)),
    linear: (x, weight, bias) => {
      if (bias === undefined) return graph.matMul(x, weight, { transposeB: true });
      if (x.shape.length === 2) return graph.addMatMul(bias, x, weight, { transposeB: true });
      return graph.add(graph.matMul(x, weight, { transposeB: true }), bias);
    },

    quantisedLinear: (x, { name, source, format, isExact = false }) => {
      const matrix = builder.quantisedWeight({ name, source, format });
      return builder.one("quantisedLinear", [x, ...matrix], { name, source, format, isExact });
    },

    widenedWeight: (options) => builder.widenedWeight({ ...options }),

    reduceSum: (x, axes, keepDims = false) => {
      const all = axes ?? x.shape.map((_, axis) => axis);
      return builder.one("reduceSum", [x], {
        axes: all.map((axis) => resolveAxis(x, axis, "reduceSum")),
        keepDims,
      });
    },
    reduceMean: (x, axes, keepDims = false) => {
      const size = axes.reduce(
        (product, axis) => product * Number(x.shape[resolveAxis(x, axis, "reduceMean")]),
        1,
      );
      if (!Number.isInteger(size)) {
        throw new QtuneError("invalid_argument", "expected axes of known length", {
          where: "graph.reduceMean",
        });
      }
      return graph.multiply(graph.reduceSum(x, axes, keepDims), 1 / size);
    },

    softmax: unary("softmax"),
    logSoftmax: unary("logSoftmax"),
    rmsNorm: (x, weight, epsilon) => builder.one("rmsNorm", [x, weight], { epsilon }),
    crossEntropy: (logits, labels) => builder.one("crossEntropy", [logits, labels], {}),
    subtractOneHot: (x, labels) => builder.one("subtractOneHot", [x, labels], {}),

    rotary: (x, positions, cos, sin, { inverse = false } = {}) =>
      builder.one("rotary", [x, positions, cos, sin], { inverse }),
    cachedAttention: (tensors, attributes) => {
      const { query, key, value, pastKeys, pastValues, lengths, total } = tensors;
      const inputs = [query, key, value, pastKeys, pastValues, lengths, total];
      const outputs = builder.apply("cachedAttention", inputs, attributes);
      const [output, keys, values] = [0, 1, 2].map((k) => inputAt(outputs, k, "cachedAttention"));
      return { output, keys, values } as { output: Tensor; keys: Tensor; values: Tensor }; // three outputs by the table
    },
  };
  return graph;
}

function swapLast(x: Tensor): readonly number[] {
  const axes = x.shape.map((_, axis) => axis);
  return [...axes.slice(0, -2), ...axes.slice(-2).reverse()];
}

function joinedDim(tensors: readonly Tensor[], axis: number): Dim {
  const lengths: Shape = tensors.map((x) => x.shape[axis] ?? 1);
  if (lengths.every((length) => typeof length === "number")) {
    return lengths.reduce<number>((sum, length) => sum + Number(length), 0);
  }
  throw new QtuneError(
    "invalid_argument",
    "expected a name for the joined axis, since a symbol takes part in it",
    {
      where: "graph.concat",
    },
  );
}
