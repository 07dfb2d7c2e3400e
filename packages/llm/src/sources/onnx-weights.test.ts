import type { OnnxFile, TensorSource, TensorToWrite } from "@qtune/weights";
import { describe, expect, test } from "vitest";
import { onnxWeights } from "./onnx-weights.ts";

function tensor(name: string, dtype: string, shape: number[], values: number[]): TensorSource {
  const readFloat32 = (): Promise<Float32Array> => Promise.resolve(Float32Array.from(values));
  return {
    name,
    dtype,
    shape,
    range: undefined,
    readBytes: () => Promise.reject(new Error("unused")),
    readFloat32,
  };
}

/** One quantised linear module, an embedding, a norm and a head, as an exporter names them. */
function exported(): OnnxFile {
  const list = [
    tensor("onnx::MatMul_1_quantized", "I8", [3, 2], [1, 2, 3, 4, 5, 6]),
    tensor("onnx::MatMul_1_scale", "F32", [], [0.5]),
    tensor("onnx::MatMul_1_zero_point", "I8", [], [1]),
    tensor("onnx::MatMul_2", "F32", [2, 1], [8, 9]),
    tensor("model.embed_tokens.weight_quantized", "U8", [1, 2], [128, 130]),
    tensor("model.embed_tokens.weight_scale", "F32", [], [0.25]),
    tensor("model.embed_tokens.weight_zero_point", "U8", [], [128]),
    tensor("model.norm.weight", "F32", [2], [1, 2]),
    tensor("position_ids", "I64", [1], [0]),
  ];
  const node = (name: string, opType: string, weight: string): OnnxFile["nodes"][number] => ({
    name,
    opType,
    inputs: ["x", weight],
    outputs: ["y"],
  });
  return {
    tensors: new Map(list.map((one) => [one.name, one])),
    nodes: [
      node(
        "/model/layers.0/self_attn/q_proj/MatMul_quant",
        "MatMulInteger",
        "onnx::MatMul_1_quantized",
      ),
      node("/lm_head/MatMul", "MatMul", "onnx::MatMul_2"),
      node("/model/layers.0/self_attn/MatMul", "MatMul", "activation"),
    ],
    metadata: {},
    close: () => Promise.resolve(),
  };
}

const valuesOf = async (weight: TensorToWrite | undefined): Promise<number[]> => {
  const bytes = (await weight?.read()) ?? new Uint8Array();
  return [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)];
};

describe("onnxWeights", () => {
  test("gives linear modules their names back, dequantised and transposed", async () => {
    const weights = onnxWeights(exported(), { tied: false, dtype: "F32" });
    const byName = new Map(weights.map((weight) => [weight.name, weight]));
    expect([...byName.keys()].sort()).toEqual([
      "lm_head.weight",
      "model.embed_tokens.weight",
      "model.layers.0.self_attn.q_proj.weight",
      "model.norm.weight",
    ]);
    const q = byName.get("model.layers.0.self_attn.q_proj.weight");
    expect(q?.shape).toEqual([2, 3]);
    expect(await valuesOf(q)).toEqual([0, 1, 2, 0.5, 1.5, 2.5]);
    expect(await valuesOf(byName.get("model.embed_tokens.weight"))).toEqual([0, 0.5]);
    expect(await valuesOf(byName.get("lm_head.weight"))).toEqual([8, 9]);
  });

  test("leaves out the copy of a tied head", () => {
    const weights = onnxWeights(exported(), { tied: true, dtype: "F32" });
    expect(weights.map((weight) => weight.name)).not.toContain("lm_head.weight");
  });

  test("names a scale that is missing", async () => {
    const onnx = exported();
    const tensors = new Map([...onnx.tensors].filter(([name]) => name !== "onnx::MatMul_1_scale"));
    const weights = onnxWeights({ ...onnx, tensors }, { tied: true, dtype: "F32" });
    await expect(valuesOf(weights[0])).rejects.toThrow(/onnx::MatMul_1_scale/);
  });
});
