/**
 * Opens the initialisers of an ONNX file as tensors. Field numbers are those of onnx.proto3 (ModelProto, GraphProto,
 * NodeProto, TensorProto). Attributes, subgraphs and types of values are left out on purpose: only weights are wanted.
 */
import path from "node:path";
import { QtuneError, shapeSize } from "@qtune/base";
import { type PlainDtype, plainDtypes } from "../dtype-table.ts";
import { openRangeFile, type RangeFile, tensorInFile } from "../file.ts";
import type { ReadOptions, TensorSet, TensorSource } from "../tensor.ts";
import { createProtoCursor, type ProtoCursor, type ProtoField } from "../protobuf/proto-cursor.ts";

/** A node of the graph, as far as it says which initialisers belong together. */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** The initialisers of an ONNX file and the nodes that use them. */
export interface OnnxFile extends TensorSet {
  readonly nodes: readonly OnnxNode[];
}

/** TensorProto.DataType: number to name. */
const dataTypes: Readonly<Record<number, PlainDtype>> = {
  1: "F32",
  2: "U8",
  3: "I8",
  5: "I16",
  6: "I32",
  7: "I64",
  9: "BOOL",
  10: "F16",
  11: "F64",
  16: "BF16",
};

/**
 * Opens an ONNX file; weights in external data files beside it are found too. Reads names, shapes and places only.
 *
 * Effect: the result holds open files until `close()`.
 * Errors: not_found, data_loss with the place of the damage, unimplemented for a tensor type that is no plain number.
 */
export async function openOnnx(filePath: string): Promise<OnnxFile> {
  const file = await openRangeFile(filePath);
  const external = new Map<string, RangeFile>();
  const close = async (): Promise<void> => {
    await Promise.all([file, ...external.values()].map((opened) => opened.close()));
  };
  try {
    const { nodes, tensors } = await readModel(file, external);
    return { nodes, tensors, metadata: {}, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readModel(
  file: RangeFile,
  external: Map<string, RangeFile>,
): Promise<{ nodes: OnnxNode[]; tensors: Map<string, TensorSource> }> {
  const cursor = createProtoCursor(file);
  const nodes: OnnxNode[] = [];
  const tensors = new Map<string, TensorSource>();
  let hasGraph = false;
  for await (const modelField of cursor.fields(0, file.sizeBytes)) {
    if (modelField.number !== 7 || modelField.kind !== "bytes") continue;
    hasGraph = true;
    for await (const field of cursor.fields(modelField.offset, modelField.end)) {
      if (field.kind !== "bytes") continue;
      if (field.number === 1) nodes.push(await readNode(cursor, field));
      if (field.number !== 5) continue;
      const tensor = await readTensor(cursor, field, file, external);
      if (tensors.has(tensor.name)) {
        throw new QtuneError("data_loss", `the initialiser ${tensor.name} comes twice`, {
          where: file.path,
        });
      }
      tensors.set(tensor.name, tensor);
    }
  }
  if (!hasGraph)
    throw new QtuneError("data_loss", "expected an ONNX model with a graph", { where: file.path });
  return { nodes, tensors };
}

type BytesField = Extract<ProtoField, { kind: "bytes" }>;

async function readNode(cursor: ProtoCursor, message: BytesField): Promise<OnnxNode> {
  const inputs: string[] = [];
  const outputs: string[] = [];
  let name = "";
  let opType = "";
  for await (const field of cursor.fields(message.offset, message.end)) {
    if (field.number === 1) inputs.push(await cursor.text(field));
    if (field.number === 2) outputs.push(await cursor.text(field));
    if (field.number === 3) name = await cursor.text(field);
    if (field.number === 4) opType = await cursor.text(field);
  }
  return { name, opType, inputs, outputs };
}

/** A TensorProto as it was met in the file. */
interface RawTensor {
  name: string;
  shape: number[];
  dataType: number;
  /** `raw_data`, or a packed `float_data` or `double_data`, which have the same bytes. */
  raw: BytesField | undefined;
  /** `int32_data` or `int64_data`. */
  integers: bigint[];
  external: Map<string, string>;
}

async function readTensor(
  cursor: ProtoCursor,
  message: BytesField,
  file: RangeFile,
  external: Map<string, RangeFile>,
): Promise<TensorSource> {
  const raw = await readRawTensor(cursor, message);
  const where = `${file.path}: initialiser ${raw.name}`;
  const dtype = dataTypes[raw.dataType];
  if (dtype === undefined) {
    throw new QtuneError("unimplemented", `ONNX data type ${raw.dataType} is not supported`, {
      where,
    });
  }
  const row = plainDtypes[dtype];
  const sizeBytes = shapeSize(raw.shape) * row.blockBytes;
  const { name, shape } = raw;
  if (raw.external.size > 0) {
    const place = await externalPlace(raw, file, external, where);
    return tensorInFile(place.file, { name, dtype, shape, offset: place.offset, sizeBytes }, row);
  }
  if (raw.raw === undefined) return tensorInMemory(raw, dtype, where);
  const given = raw.raw.end - raw.raw.offset;
  if (given !== sizeBytes) {
    const problem = `expected ${sizeBytes} bytes for ${dtype} [${shape.join(", ")}] but was given ${given}`;
    throw new QtuneError("data_loss", problem, { where });
  }
  return tensorInFile(file, { name, dtype, shape, offset: raw.raw.offset, sizeBytes }, row);
}

async function readRawTensor(cursor: ProtoCursor, message: BytesField): Promise<RawTensor> {
  const raw: RawTensor = {
    name: "",
    shape: [],
    dataType: 0,
    raw: undefined,
    integers: [],
    external: new Map(),
  };
  for await (const field of cursor.fields(message.offset, message.end)) {
    if (field.number === 1) raw.shape.push(...(await cursor.integers(field)).map(Number));
    else if (field.number === 2 && field.kind === "varint") raw.dataType = Number(field.value);
    else if (field.number === 8) raw.name = await cursor.text(field);
    else if (field.number === 5 || field.number === 7)
      raw.integers.push(...(await cursor.integers(field)));
    else if (field.number === 13 && field.kind === "bytes")
      await readEntry(cursor, field, raw.external);
    else if (
      (field.number === 9 || field.number === 4 || field.number === 10) &&
      field.kind === "bytes"
    ) {
      raw.raw = field;
    }
  }
  return raw;
}

/** Reads a StringStringEntryProto into the map. */
async function readEntry(
  cursor: ProtoCursor,
  message: BytesField,
  entries: Map<string, string>,
): Promise<void> {
  let key = "";
  let value = "";
  for await (const field of cursor.fields(message.offset, message.end)) {
    if (field.number === 1) key = await cursor.text(field);
    if (field.number === 2) value = await cursor.text(field);
  }
  entries.set(key, value);
}

/** Finds external data; it lies in the model's folder, whatever the file says. */
async function externalPlace(
  raw: RawTensor,
  file: RangeFile,
  external: Map<string, RangeFile>,
  where: string,
): Promise<{ file: RangeFile; offset: number }> {
  const location = raw.external.get("location") ?? "";
  if (location === "" || location !== path.basename(location) || location === "..") {
    const problem = `expected a plain file name as external data but was given ${JSON.stringify(location)}`;
    throw new QtuneError("data_loss", problem, { where });
  }
  const opened =
    external.get(location) ?? (await openRangeFile(path.join(path.dirname(file.path), location)));
  external.set(location, opened);
  return { file: opened, offset: Number(raw.external.get("offset") ?? "0") };
}

/** Makes a tensor of integers that were written one by one, as quantisers do with scalars. */
function tensorInMemory(raw: RawTensor, dtype: PlainDtype, where: string): TensorSource {
  const { name, shape } = raw;
  const row = plainDtypes[dtype];
  const count = shapeSize(shape);
  if (raw.integers.length !== count) {
    const problem = `expected ${count} values for shape [${shape.join(", ")}] but was given ${raw.integers.length}`;
    throw new QtuneError("data_loss", problem, { where });
  }
  const bytes = new Uint8Array(count * row.blockBytes);
  for (const [index, value] of raw.integers.entries()) {
    for (let byte = 0; byte < row.blockBytes; byte++) {
      bytes[index * row.blockBytes + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
    }
  }
  const readBytes = async (options: ReadOptions = {}): Promise<Uint8Array> => {
    const { start = 0, end = count } = options.elements ?? {};
    return bytes.slice(start * row.blockBytes, end * row.blockBytes);
  };
  const readFloat32 = async (options: ReadOptions = {}): Promise<Float32Array> =>
    row.toFloat32(await readBytes(options));
  return { name, dtype, shape, range: undefined, readBytes, readFloat32 };
}
