import { QtuneError, printShape, shapeSize } from "@qtune/base";
import { circuitV1 } from "@qtune/contracts";
import { float64ToBytes } from "../bytes.ts";

/** A tensor of real numbers, read into float64 whatever its type on the wire. */
export interface RealTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
  /** Type on the wire, for answers of the same type. */
  readonly dataType: circuitV1.DataType;
}

const elementBytes: ReadonlyMap<number, number> = new Map([
  [circuitV1.DataType.DATA_TYPE_FLOAT64, 8],
  [circuitV1.DataType.DATA_TYPE_FLOAT32, 4],
]);

/** Returns the message of a float64 or float32 tensor. Effect: shares memory where no conversion is needed. */
export function tensorToWire(
  values: Float64Array,
  shape: readonly number[],
  dataType: circuitV1.DataType = circuitV1.DataType.DATA_TYPE_FLOAT64,
): circuitV1.Tensor {
  if (dataType !== circuitV1.DataType.DATA_TYPE_FLOAT32)
    return { dataType, shape: [...shape], data: float64ToBytes(values) };
  return { dataType, shape: [...shape], data: Buffer.from(Float32Array.from(values).buffer) };
}

/** Returns the values of a message. Errors: invalid_argument for another type, a wrong size, or a number not finite. */
export function tensorFromWire(message: circuitV1.Tensor | undefined, where: string): RealTensor {
  if (message === undefined)
    throw QtuneError.fromIssues([{ where, expected: "a tensor", given: "none" }]);
  const { dataType, shape, data } = message;
  const width = elementBytes.get(dataType);
  if (width === undefined) {
    throw QtuneError.fromIssues([
      { where: `${where}.data_type`, expected: "FLOAT64 or FLOAT32", given: String(dataType) },
    ]);
  }
  const expected = shapeSize(shape) * width;
  if (data.length !== expected) {
    const given = `${data.length} bytes`;
    throw QtuneError.fromIssues([
      {
        where: `${where}.data`,
        expected: `${expected} bytes for shape ${printShape(shape)}`,
        given,
      },
    ]);
  }
  const bytes = Uint8Array.from(data).buffer; // a copy: bytes inside a message are seldom aligned
  const values = width === 8 ? new Float64Array(bytes) : Float64Array.from(new Float32Array(bytes));
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw QtuneError.fromIssues([
      { where: `${where}[${bad}]`, expected: "a finite number", given: String(values[bad]) },
    ]);
  return { shape, values, dataType };
}
