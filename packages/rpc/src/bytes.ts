/** Numbers as little-endian bytes. Every platform that Node runs on is little-endian, which the first line checks once. */
import { QtuneError, internalError } from "@qtune/base";

if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1)
  throw internalError("this machine is big-endian");

/** Returns float64 values as bytes. Effect: shares memory with `values`. */
export function float64ToBytes(values: Float64Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/**
 * Returns bytes as float64 values.
 *
 * Effect: copies, since bytes inside a message are seldom aligned.
 * Errors: invalid_argument when the length is no multiple of 8 or not that of `count` values.
 */
export function float64FromBytes(bytes: Uint8Array, count: number, where: string): Float64Array {
  if (bytes.byteLength !== count * 8) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${count} float64 values (${count * 8} bytes) but was given ${bytes.byteLength} bytes`,
      { where },
    );
  }
  const values = new Float64Array(count);
  new Uint8Array(values.buffer).set(bytes);
  return values;
}

/** Returns rows `first … first + rows − 1` of a float64 matrix with `width` columns. Effect: shares memory. */
export function rowSlice(
  values: Float64Array,
  width: number,
  first: number,
  rows: number,
): Float64Array {
  return values.subarray(first * width, (first + rows) * width);
}
