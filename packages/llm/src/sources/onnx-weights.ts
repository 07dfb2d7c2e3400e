/**
 * Weights of an exported ONNX model under their Hugging Face names. An exporter renames and transposes the matrices of
 * linear modules, and a dynamic quantiser splits them into `X_quantized`, `X_scale` and `X_zero_point`; the name of the
 * node that multiplies by X (`/model/layers.0/self_attn/q_proj/MatMul_quant`) says which module it is.
 */
import { type Abortable, QtuneError } from "@qtune/base";
import {
  float32ToBytes,
  type OnnxFile,
  type OnnxNode,
  type TensorSource,
  type TensorToWrite,
} from "@qtune/weights";

/** Type in which the weights are stored after conversion. */
export type StoredFloat = "F32" | "F16" | "BF16";

/**
 * Lists the weights of a decoder exported to ONNX, ready for writeSafetensors.
 *
 * Maths:  weight = ((q - zeroPoint) · scale)ᵀ, computed in float32 and rounded once to `dtype`.
 * Effect: a head that only repeats the embedding (`tied`) is left out.
 * Errors: data_loss for a scale or zero point that is missing, unimplemented for scales per channel.
 */
export function onnxWeights(
  onnx: OnnxFile,
  options: Abortable & { readonly tied: boolean; readonly dtype: StoredFloat },
): TensorToWrite[] {
  const weights: TensorToWrite[] = [];
  const add = (name: string, shape: readonly number[], read: () => Promise<Float32Array>): void => {
    const { dtype } = options;
    weights.push({ name, dtype, shape, read: async () => float32ToBytes(await read(), dtype) });
  };
  for (const node of onnx.nodes) {
    const name = moduleOf(node);
    const source = onnx.tensors.get(node.inputs[1] ?? "");
    if (name === undefined || source === undefined || source.shape.length !== 2) continue;
    if (name === "lm_head.weight" && options.tied) continue;
    const [rows = 0, columns = 0] = source.shape;
    const values = valuesOf(onnx, source, options);
    add(name, [columns, rows], async () => transpose(await values(), rows, columns));
  }
  for (const source of onnx.tensors.values()) {
    const name = source.name.replace(/_quantized$/, "");
    if (!/^(model\.|lm_head\.).*\.(weight|bias)$/.test(name)) continue;
    if (weights.some((weight) => weight.name === name)) continue;
    add(name, source.shape, valuesOf(onnx, source, options));
  }
  return weights;
}

/** Returns the name of the weight that a matrix product stands for: `/model/…/q_proj/MatMul…` → `model.….q_proj.weight`. */
function moduleOf(node: OnnxNode): string | undefined {
  if (node.opType !== "MatMulInteger" && node.opType !== "MatMul") return undefined;
  const module = /^\/((?:model\/|lm_head).*?)\/?MatMul\w*$/.exec(node.name)?.[1];
  return module === undefined ? undefined : `${module.replaceAll("/", ".")}.weight`;
}

function valuesOf(
  onnx: OnnxFile,
  source: TensorSource,
  options: Abortable,
): () => Promise<Float32Array> {
  if (!source.name.endsWith("_quantized")) return () => source.readFloat32(options);
  const stem = source.name.slice(0, -"_quantized".length);
  const scalar = async (suffix: string): Promise<number> => {
    const tensor = onnx.tensors.get(stem + suffix);
    const values = await tensor?.readFloat32(options);
    const [value] = values ?? [];
    if (values === undefined || value === undefined) {
      throw new QtuneError("data_loss", `expected the initialiser ${stem}${suffix}`, {
        where: source.name,
      });
    }
    if (values.length > 1) {
      throw new QtuneError("unimplemented", "scales per channel are not supported", {
        where: source.name,
      });
    }
    return value;
  };
  return async () => {
    const scale = await scalar("_scale");
    const zeroPoint = await scalar("_zero_point");
    const values = await source.readFloat32(options);
    for (let i = 0; i < values.length; i++) values[i] = (values[i]! - zeroPoint) * scale; // i is in range
    return values;
  };
}

/** Shapes: values [rows, columns] row-major; result [columns, rows]. */
function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = values[row * columns + column]!; // both indices are in range
    }
  }
  return out;
}
