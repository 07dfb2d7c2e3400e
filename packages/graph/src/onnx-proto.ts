/**
 * Writes ONNX models as protobuf bytes: the few messages of onnx.proto3 that a graph needs, field by field.
 *
 * Field numbers are those of the ONNX specification, IR version 10. Weights stand in an external data file.
 */

/** ONNX element types used here. */
export const onnxTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  int4: 22,
} as const;

/** Name of an ONNX element type. */
export type OnnxType = keyof typeof onnxTypes;

/** An attribute value; integers are `int`, lists are lists of integers. */
export type AttributeValue =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] };

/** One node of a model. */
export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

/** A constant: bytes inside the model, or a place in the external data file. */
export interface OnnxInitializer {
  readonly name: string;
  readonly type: OnnxType;
  readonly dims: readonly number[];
  readonly content:
    | { readonly bytes: Uint8Array }
    | { readonly location: string; readonly offset: number; readonly sizeBytes: number };
}

/** Name, type and shape of an input or output; symbols are strings. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly (number | string)[];
}

/** A model to write. */
export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Versions by domain; "" is ONNX itself. */
  readonly opsets: Readonly<Record<string, number>>;
}

/** Collects fields of one message. */
class Message {
  readonly #parts: Uint8Array[] = [];
  #size = 0;

  varint(field: number, value: number | bigint): this {
    return this.#push(encodeVarint(field << 3), encodeVarint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(encodeVarint((field << 3) | 5), bytes);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#push(encodeVarint((field << 3) | 2), encodeVarint(value.length), value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  #push(...parts: Uint8Array[]): this {
    for (const part of parts) this.#size += part.length;
    this.#parts.push(...parts);
    return this;
  }
}

function encodeVarint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** Returns a model as the bytes of an `.onnx` file. */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const graph = new Message();
  for (const node of model.nodes) graph.message(1, nodeMessage(node));
  graph.text(2, model.name);
  for (const initializer of model.initializers) graph.message(5, tensorMessage(initializer));
  for (const input of model.inputs) graph.message(11, valueMessage(input));
  for (const output of model.outputs) graph.message(12, valueMessage(output));
  const file = new Message().varint(1, 10).text(2, "qtune").message(7, graph);
  for (const [domain, version] of Object.entries(model.opsets)) {
    file.message(8, new Message().text(1, domain).varint(2, version));
  }
  return file.finish();
}

function nodeMessage(node: OnnxNode): Message {
  const message = new Message();
  for (const input of node.inputs) message.text(1, input);
  for (const output of node.outputs) message.text(2, output);
  message.text(3, node.name).text(4, node.op);
  for (const [name, value] of node.attributes) message.message(5, attributeMessage(name, value));
  return node.domain === "" ? message : message.text(7, node.domain);
}

function attributeMessage(name: string, value: AttributeValue): Message {
  const message = new Message().text(1, name);
  if ("float" in value) return message.float(2, value.float).varint(20, 1);
  if ("int" in value) return message.varint(3, value.int).varint(20, 2);
  if ("text" in value) return message.text(4, value.text).varint(20, 3);
  for (const item of value.ints) message.varint(8, item);
  return message.varint(20, 7);
}

function tensorMessage({ name, type, dims, content }: OnnxInitializer): Message {
  const message = new Message();
  for (const dim of dims) message.varint(1, dim);
  message.varint(2, onnxTypes[type]).text(8, name);
  if ("bytes" in content) return message.bytes(9, content.bytes);
  const entries = { location: content.location, offset: content.offset, length: content.sizeBytes };
  for (const [key, value] of Object.entries(entries)) {
    message.message(13, new Message().text(1, key).text(2, String(value)));
  }
  return message.varint(14, 1);
}

function valueMessage({ name, type, shape }: OnnxValue): Message {
  const dims = new Message();
  for (const dim of shape) {
    const entry = new Message();
    dims.message(1, typeof dim === "number" ? entry.varint(1, dim) : entry.text(2, dim));
  }
  const tensor = new Message().varint(1, onnxTypes[type]).message(2, dims);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
