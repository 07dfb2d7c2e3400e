// For users.
export { type OnnxFile, type OnnxNode, openOnnx } from "./onnx/open-onnx.ts";
export { openSafetensors } from "./safetensors/open-safetensors.ts";
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
export { openRangeFile, type RangeFile } from "./file.ts";
export { createProtoCursor, type ProtoCursor, type ProtoField } from "./protobuf/proto-cursor.ts";
export { isPlainDtype, type PlainDtype } from "./dtype-table.ts";
