/** Values of GGUF metadata. */

/** A scalar type of the format: its number, size, and how it is read and written, little-endian. */
interface ScalarRow {
  readonly id: number;
  readonly sizeBytes: number;
  readonly read: (view: DataView, at: number) => number | bigint | boolean;
  readonly write: (view: DataView, at: number, value: number | bigint | boolean) => void;
}

/** Every scalar type once. 64-bit integers become numbers where they fit exactly. */
export const scalarTypes = {
  uint8: scalar(
    0,
    1,
    (v, at) => v.getUint8(at),
    (v, at, x) => v.setUint8(at, Number(x)),
  ),
  int8: scalar(
    1,
    1,
    (v, at) => v.getInt8(at),
    (v, at, x) => v.setInt8(at, Number(x)),
  ),
  uint16: scalar(
    2,
    2,
    (v, at) => v.getUint16(at, true),
    (v, at, x) => v.setUint16(at, Number(x), true),
  ),
  int16: scalar(
    3,
    2,
    (v, at) => v.getInt16(at, true),
    (v, at, x) => v.setInt16(at, Number(x), true),
  ),
  uint32: scalar(
    4,
    4,
    (v, at) => v.getUint32(at, true),
    (v, at, x) => v.setUint32(at, Number(x), true),
  ),
  int32: scalar(
    5,
    4,
    (v, at) => v.getInt32(at, true),
    (v, at, x) => v.setInt32(at, Number(x), true),
  ),
  float32: scalar(
    6,
    4,
    (v, at) => v.getFloat32(at, true),
    (v, at, x) => v.setFloat32(at, Number(x), true),
  ),
  bool: scalar(
    7,
    1,
    (v, at) => v.getUint8(at) !== 0,
    (v, at, x) => v.setUint8(at, Number(x)),
  ),
  uint64: scalar(
    10,
    8,
    (v, at) => exact(v.getBigUint64(at, true)),
    (v, at, x) => v.setBigUint64(at, BigInt(x), true),
  ),
  int64: scalar(
    11,
    8,
    (v, at) => exact(v.getBigInt64(at, true)),
    (v, at, x) => v.setBigInt64(at, BigInt(x), true),
  ),
  float64: scalar(
    12,
    8,
    (v, at) => v.getFloat64(at, true),
    (v, at, x) => v.setFloat64(at, Number(x), true),
  ),
} as const satisfies Record<string, ScalarRow>;

/** Name of a scalar type. */
export type ScalarType = keyof typeof scalarTypes;

/** Numbers of the two types that are no scalars. */
export const stringTypeId = 8;
export const arrayTypeId = 9;

/** A metadata value as read. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

/** A metadata value to be written, with its type. */
export type TypedValue =
  | { readonly type: ScalarType; readonly value: number | bigint | boolean }
  | { readonly type: "string"; readonly value: string }
  | {
      readonly type: "array";
      readonly of: ScalarType | "string";
      readonly value: readonly (number | bigint | boolean | string)[];
    };

function scalar(
  id: number,
  sizeBytes: number,
  read: ScalarRow["read"],
  write: ScalarRow["write"],
): ScalarRow {
  return { id, sizeBytes, read, write };
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Returns the scalar type with a number, or nothing. */
export function scalarTypeOf(id: number): ScalarRow | undefined {
  return Object.values(scalarTypes).find((type) => type.id === id);
}
