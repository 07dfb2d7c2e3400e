// For users.
export { type GgufFile, openGguf } from "./gguf/open-gguf.ts";
export { type GgufTensorToWrite, writeGguf } from "./gguf/write-gguf.ts";
export { quantizeGguf, type WritableGgufType } from "./gguf/quantize.ts";
export { type GgufValue, type TypedValue } from "./gguf/gguf-value.ts";
export { type OnnxFile, type OnnxNode, openOnnx } from "./onnx/open-onnx.ts";
export { listShards, openSafetensors } from "./safetensors/open-safetensors.ts";
export {
  type TensorToWrite,
  type WriteSafetensorsOptions,
  float32ToBytes,
  writeSafetensors,
} from "./safetensors/write-safetensors.ts";
export {
  type ElementRange,
  type FileRange,
  type ReadOptions,
  type TensorSet,
  type TensorSource,
} from "./tensor.ts";

// For other packages.
export { type ByteSink, writeFileAtomically } from "./atomic-file.ts";
export { bfloat16ToFloat32, float32ToBfloat16, float32ToHalf, halfToFloat32 } from "./half.ts";
export { type GgufType, ggufTypes } from "./gguf/quant-table.ts";
export { openRangeFile, type RangeFile } from "./file.ts";
export { createProtoCursor, type ProtoCursor, type ProtoField } from "./protobuf/proto-cursor.ts";
export { isPlainDtype, type PlainDtype } from "./dtype-table.ts";
