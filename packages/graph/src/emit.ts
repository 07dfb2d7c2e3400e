/**
 * Turns a segment into an ONNX model: each node through the emission rule of its row, weights as external data.
 */
import { internalError } from "@qtune/base";
import { factorOf, symbolsOf, type Shape } from "./dim.ts";
import type {
  EmitContext,
  Node,
  OnnxAttribute,
  OnnxNodeRequest,
  QuantisedWeightAttributes,
  WeightStorage,
} from "./op.ts";
import { rowOf } from "./op-table.ts";
import {
  onnxTypes,
  type AttributeValue,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxNode,
  type OnnxType,
  type OnnxValue,
} from "./onnx-proto.ts";
import type { Segment } from "./partition.ts";
import type { DType, Tensor, Value } from "./tensor.ts";

/** Where a weight lies in the external data file. */
export interface WeightPlace {
  readonly location: string;
  readonly offset: number;
  readonly sizeBytes: number;
  /** Where the scales of a matrix of few bits lie. */
  readonly scales?: Omit<WeightPlace, "scales"> | undefined;
}

/** Float type of a program. */
export type Precision = "float32" | "float64";

/** A model, and the symbols whose values it is fed beside its inputs, as int64 [1] under `dim:<symbol>`. */
export interface EmittedSegment {
  readonly model: OnnxModel;
  readonly symbols: readonly string[];
  /** Names of the outputs in the model, in the order of the segment's outputs. */
  readonly outputNames: readonly string[];
}

/** Returns the ONNX type of an element type. */
export function onnxTypeOf(dtype: DType, precision: Precision): OnnxType {
  return dtype === "float" ? precision : dtype;
}

/** Emits a segment. `weightPlace` tells where the bytes of a weight were written. */
export function emitSegment(
  segment: Segment,
  precision: Precision,
  weightPlace: (weight: Tensor) => WeightPlace,
): EmittedSegment {
  const writer = new SegmentWriter(precision, weightPlace);
  for (const node of segment.nodes) writer.write(node);
  const computed = new Set(
    segment.nodes
      .filter(({ op }) => op !== "weight" && op !== "widenedWeight" && op !== "constant")
      .flatMap(({ outputs }) => outputs),
  );
  // An output that is no node's own (a constant, an input) leaves through an Identity.
  const outputNames = segment.outputs.map((output) => {
    if (computed.has(output)) return output.name;
    const name = `${output.name}:out`;
    writer.add({ op: "Identity", inputs: [output.name], outputs: [name] }, name);
    return name;
  });
  const value = (tensor: Tensor, name: string): OnnxValue => ({
    name,
    type: onnxTypeOf(tensor.dtype, precision),
    shape: tensor.shape,
  });
  const symbols = [...writer.symbols];
  const model: OnnxModel = {
    name: `${segment.stage}-${segment.level}`,
    nodes: [...writer.widenings, ...writer.nodes],
    initializers: writer.initializers,
    inputs: [
      ...segment.inputs.map((input) => value(input, input.name)),
      ...symbols.map((symbol): OnnxValue => ({ name: `dim:${symbol}`, type: "int64", shape: [1] })),
    ],
    outputs: segment.outputs.map((output, k) => value(output, outputNames[k] ?? output.name)),
    opsets: { "": 21, "com.microsoft": 1 },
  };
  return { model, symbols, outputNames };
}

class SegmentWriter {
  readonly nodes: OnnxNode[] = [];
  /**
   * Nodes that widen weights, before all others: onnxruntime orders execution from the outputs backwards and visits the inputs of
   * a node from the last of the file to the first, so what stands first is computed just before it is used.
   */
  readonly widenings: OnnxNode[] = [];
  readonly initializers: OnnxInitializer[] = [];
  readonly symbols = new Set<string>();
  readonly #precision: Precision;
  readonly #weightPlace: (weight: Tensor) => WeightPlace;
  readonly #shared = new Set<string>();
  /** Adds the nodes that widen a narrow weight, and returns the name of the result. */
  readonly #narrow = new Map<Tensor, () => string>();
  #fresh = 0;

  constructor(precision: Precision, weightPlace: (weight: Tensor) => WeightPlace) {
    this.#precision = precision;
    this.#weightPlace = weightPlace;
  }

  write(node: Node): void {
    const [output] = node.outputs;
    if (output === undefined) return;
    if (node.op === "weight" || node.op === "quantisedWeight") {
      const storage = node.op === "weight" ? (node as Node<"weight">).attributes.storage : "float";
      for (const weight of node.outputs) this.#writeWeight(weight, storage);
      return;
    }
    if (node.op === "widenedWeight")
      return this.#writeNarrow(output, (node as Node<"widenedWeight">).attributes);
    if (node.op === "constant")
      return this.#writeConstant(output, (node as Node<"constant">).attributes.value);
    rowOf(node.op).emit(this.#contextOf(node, output.name));
  }

  add(request: OnnxNodeRequest, name: string): void {
    this.nodes.push(nodeOf(request, name));
  }

  #widen(request: OnnxNodeRequest, name: string): void {
    this.widenings.push(nodeOf(request, name));
  }

  #contextOf(node: Node, name: string): EmitContext<Node["attributes"]> {
    const context: EmitContext<Node["attributes"]> = {
      precision: this.#precision,
      inputs: node.inputs.map((input) => this.#widened(input)),
      outputs: node.outputs.map((output) => output.name),
      inputTypes: node.inputs,
      outputTypes: node.outputs,
      attributes: node.attributes,
      add: (request) => this.add(request, this.#freshName(name)),
      addValue: (request) => {
        const output = this.#freshName(`${name}:${request.op}`);
        this.add({ ...request, outputs: [output] }, output);
        return output;
      },
      int64s: (values) => this.#int64s(values),
      float: (value) => this.#float(value),
      shape: (shape, like) => this.#shape(shape, like?.shape),
    };
    return context;
  }

  #freshName(stem: string): string {
    return `${stem}#${this.#fresh++}`;
  }

  /** Widens a narrow weight, once for each node that uses it. */
  #widened(input: Tensor): string {
    return this.#narrow.get(input)?.() ?? input.name;
  }

  #cast(from: string, to: Precision): string {
    const name = this.#freshName(`${from}:wide`);
    this.add(
      { op: "Cast", inputs: [from], outputs: [name], attributes: { to: onnxTypes[to] } },
      name,
    );
    return name;
  }

  #writeWeight(weight: Tensor, storage: WeightStorage): void {
    const isHalf = storage === "float16" && this.#precision === "float32";
    if (isHalf) this.#narrow.set(weight, () => this.#cast(weight.name, "float32"));
    const type = isHalf ? "float16" : onnxTypeOf(weight.dtype, this.#precision);
    const content = this.#weightPlace(weight);
    this.initializers.push({ name: weight.name, type, dims: weight.shape.map(Number), content });
  }

  /** Codes stand as signed integers [in, out] with scales per block of rows. */
  #writeNarrow(weight: Tensor, { format }: QuantisedWeightAttributes): void {
    const [K = 1, N = 1] = weight.shape.map(Number);
    const { scales, ...codes } = this.#weightPlace(weight);
    if (scales === undefined) throw internalError(`${weight.name} has no scales`);
    const type = format.bits === 8 ? "int8" : "int4";
    const scalesName = `${weight.name}:scales`;
    const blocks = Math.ceil(K / format.blockSize);
    this.initializers.push(
      { name: weight.name, type, dims: [K, N], content: codes },
      { name: scalesName, type: "float32", dims: [blocks, N], content: scales },
    );
    const attributes = { axis: 0, block_size: format.blockSize };
    this.#narrow.set(weight, () => {
      const name = this.#freshName(`${weight.name}:wide`);
      const inputs = [weight.name, scalesName];
      this.#widen({ op: "DequantizeLinear", inputs, outputs: [name], attributes }, name);
      return this.#precision === "float32" ? name : this.#cast(name, "float64");
    });
  }

  #writeConstant(tensor: Tensor, value: Value): void {
    const data =
      tensor.dtype !== "float"
        ? value.data
        : this.#precision === "float64"
          ? Float64Array.from(value.data as Float64Array)
          : Float32Array.from(value.data as Float64Array);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const type = onnxTypeOf(tensor.dtype, this.#precision);
    this.initializers.push({ name: tensor.name, type, dims: value.dims, content: { bytes } });
  }

  #share(
    name: string,
    type: OnnxType,
    dims: readonly number[],
    data: BigInt64Array | Float32Array | Float64Array,
  ): string {
    if (!this.#shared.has(name)) {
      this.#shared.add(name);
      this.initializers.push({ name, type, dims, content: { bytes: new Uint8Array(data.buffer) } });
    }
    return name;
  }

  #int64s(values: readonly number[]): string {
    return this.#share(
      `int64:${values.join(",")}`,
      "int64",
      [values.length],
      BigInt64Array.from(values, BigInt),
    );
  }

  #float(value: number): string {
    const data = this.#precision === "float64" ? Float64Array.of(value) : Float32Array.of(value);
    return this.#share(`float:${value}`, this.#precision, [], data);
  }

  /** A reshape copies dimensions that stay (0) and infers one (-1); other symbols are fed. */
  #shape(shape: Shape, like: Shape | undefined): string {
    const unknown = shape.filter((dim) => typeof dim === "string");
    if (unknown.length === 0) return this.#int64s(shape.map(Number));
    if (like !== undefined) {
      const numbers = shape.map((dim, axis) =>
        typeof dim === "number" ? dim : dim === like[axis] ? 0 : -1,
      );
      if (unknown.length === 1)
        return this.#int64s(shape.map((dim) => (typeof dim === "number" ? dim : -1)));
      if (numbers.filter((dim) => dim === -1).length <= 1) return this.#int64s(numbers);
    }
    const parts = shape.map((dim) => {
      let name = this.#int64s([factorOf(dim)]);
      for (const symbol of symbolsOf(dim)) {
        this.symbols.add(symbol);
        const product = this.#freshName(`dim:${dim}`);
        this.add({ op: "Mul", inputs: [name, `dim:${symbol}`], outputs: [product] }, product);
        name = product;
      }
      return name;
    });
    const joined = this.#freshName("shape");
    this.add({ op: "Concat", inputs: parts, outputs: [joined], attributes: { axis: 0 } }, joined);
    return joined;
  }
}

function nodeOf(request: OnnxNodeRequest, name: string): OnnxNode {
  const attributes = new Map(
    Object.entries(request.attributes ?? {}).map(([key, value]) => [key, attributeOf(value)]),
  );
  const { op, domain = "", inputs, outputs } = request;
  return { name, op, domain, inputs, outputs, attributes };
}

function attributeOf(value: OnnxAttribute): AttributeValue {
  if (typeof value === "string") return { text: value };
  if (typeof value === "number") {
    if (!Number.isInteger(value)) throw internalError(`attribute ${value} is no integer`);
    return { int: value };
  }
  return "float" in value ? value : { ints: value };
}
