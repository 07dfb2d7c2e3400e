import { QtuneError, shapeSize } from "@qtune/base";
import { circuitV1 } from "@qtune/contracts";

const { DataType } = circuitV1;

/** Numbers with their shape, and the type they came in, so that an answer can have the same. */
export interface FloatTensor {
  readonly values: Float64Array;
  readonly shape: readonly number[];
  readonly dataType: circuitV1.DataType;
}

/** Returns a float tensor of a message as float64. Errors: invalid_argument for other types or a wrong length. */
export function floatsFromWire(tensor: circuitV1.Tensor | undefined, where: string): FloatTensor {
  if (tensor === undefined)
    throw new QtuneError("invalid_argument", "expected a tensor but none was given", { where });
  const { dataType, shape, data } = tensor;
  const size = shapeSize(shape);
  const width =
    dataType === DataType.DATA_TYPE_FLOAT64 ? 8 : dataType === DataType.DATA_TYPE_FLOAT32 ? 4 : 0;
  if (width === 0)
    throw new QtuneError(
      "invalid_argument",
      `expected float64 or float32 but was given ${circuitV1.dataTypeToJSON(dataType)}`,
      { where: `${where}.data_type` },
    );
  if (data.byteLength !== size * width) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${size * width} bytes for [${shape.join(", ")}] but was given ${data.byteLength}`,
      { where: `${where}.data` },
    );
  }
  const bytes = Uint8Array.from(data); // its own buffer: aligned
  const values =
    width === 8
      ? new Float64Array(bytes.buffer)
      : Float64Array.from(new Float32Array(bytes.buffer));
  return { values, shape, dataType };
}

/** Returns the message of numbers, in the given type. */
export function floatsToWire(
  values: Float64Array,
  shape: readonly number[],
  dataType: circuitV1.DataType,
): circuitV1.Tensor {
  const typed = dataType === DataType.DATA_TYPE_FLOAT32 ? Float32Array.from(values) : values;
  return {
    dataType,
    shape: [...shape],
    data: Buffer.from(typed.buffer, typed.byteOffset, typed.byteLength),
  };
}
