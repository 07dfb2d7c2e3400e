import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openOnnx } from "./open-onnx.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-onnx-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

type Bytes = readonly number[];

function varint(value: number): Bytes {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))];
}
const integer = (field: number, value: number): Bytes => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: Bytes): Bytes => [
  ...varint(field * 8 + 2),
  ...varint(value.length),
  ...value,
];
const text = (field: number, value: string): Bytes => bytes(field, [...Buffer.from(value)]);
const floats = (...values: number[]): Bytes => [
  ...new Uint8Array(Float32Array.from(values).buffer),
];

/** TensorProto: dims 1, data_type 2, name 8, then the data. */
const tensor = (name: string, type: number, dims: number[], data: Bytes): Bytes =>
  bytes(5, [
    ...dims.flatMap((dim) => integer(1, dim)),
    ...integer(2, type),
    ...text(8, name),
    ...data,
  ]);

async function writeModel(...graph: Bytes[]): Promise<string> {
  const file = path.join(folder, "model.onnx");
  await writeFile(file, Uint8Array.from([...integer(1, 8), ...bytes(7, graph.flat())]));
  return file;
}

describe("openOnnx", () => {
  test("reads raw, typed and packed initialisers and the nodes that use them", async () => {
    const node = [
      ...text(1, "x"),
      ...text(1, "w_quantized"),
      ...text(2, "y"),
      ...text(3, "/a/MatMul"),
      ...text(4, "MatMulInteger"),
    ];
    const file = await writeModel(
      bytes(1, node),
      tensor("w_quantized", 3, [2, 2], bytes(9, [1, 2, 255, 128])),
      tensor("w_scale", 1, [], bytes(4, floats(0.5))),
      tensor("w_zero_point", 3, [], bytes(5, [3])),
    );
    const onnx = await openOnnx(file);
    expect(onnx.nodes).toEqual([
      { name: "/a/MatMul", opType: "MatMulInteger", inputs: ["x", "w_quantized"], outputs: ["y"] },
    ]);
    const read = (name: string): Promise<Float32Array> | undefined =>
      onnx.tensors.get(name)?.readFloat32();
    expect(await read("w_quantized")).toEqual(Float32Array.of(1, 2, -1, -128));
    expect(await read("w_scale")).toEqual(Float32Array.of(0.5));
    expect(await read("w_zero_point")).toEqual(Float32Array.of(3));
    await onnx.close();
  });

  test("finds external data beside the model", async () => {
    const entry = (key: string, value: string): Bytes =>
      bytes(13, [...text(1, key), ...text(2, value)]);
    await writeFile(path.join(folder, "w.bin"), Uint8Array.from([9, 9, 9, 9, ...floats(1.5)]));
    const file = await writeModel(
      tensor("w", 1, [1], [...entry("location", "w.bin"), ...entry("offset", "4")]),
    );
    const onnx = await openOnnx(file);
    expect(await onnx.tensors.get("w")?.readFloat32()).toEqual(Float32Array.of(1.5));
    await onnx.close();
  });

  test.each([
    [
      "external data outside its folder",
      tensor("w", 1, [1], bytes(13, [...text(1, "location"), ...text(2, "../w.bin")])),
      /plain file name/,
    ],
    ["too few bytes", tensor("w", 1, [2], bytes(9, floats(1))), /expected 8 bytes/],
    ["too few values", tensor("w", 3, [2], bytes(5, [1])), /expected 2 values/],
    ["text as a tensor", tensor("w", 8, [1], []), /data type 8/],
    [
      "a tensor given twice",
      [...tensor("w", 3, [1], bytes(9, [1])), ...tensor("w", 3, [1], bytes(9, [1]))],
      /comes twice/,
    ],
    ["a field that ends outside", [42, 100, 1, 2], /ends outside/],
    ["an unknown wire type", [15], /wire type 7/],
    ["a number without end", Array.from({ length: 12 }, () => 255), /longer than 10 bytes/],
  ])("refuses %s", async (_, graph, message) => {
    await expect(openOnnx(await writeModel(graph))).rejects.toThrow(message);
  });

  test("refuses a file without a graph", async () => {
    const file = path.join(folder, "none.onnx");
    await writeFile(file, Uint8Array.from(integer(1, 8)));
    await expect(openOnnx(file)).rejects.toThrow(/with a graph/);
  });
});
