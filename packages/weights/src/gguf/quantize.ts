/** Encoding float32 as the GGUF types that can be written. */
import { QtuneError } from "@qtune/base";
import { float32ToHalf } from "../half.ts";
import { float32ToBytes } from "../safetensors/write-safetensors.ts";

/** A GGUF type that can be written. */
export type WritableGgufType = "F32" | "F16" | "BF16" | "Q8_0";

/**
 * Encodes values as a GGUF type.
 *
 * Maths:  Q8_0: d = max |x| / 127, q = x / d rounded half away from zero, d stored as half precision; the same bits as
 *         the Python package gguf.
 * Errors: invalid_argument when the values do not fill whole blocks.
 */
export function quantizeGguf(values: Float32Array, type: WritableGgufType): Uint8Array {
  if (type !== "Q8_0") return float32ToBytes(values, type);
  if (values.length % 32 !== 0) {
    throw new QtuneError(
      "invalid_argument",
      `expected values in blocks of 32 but was given ${values.length}`,
      {
        where: "Q8_0",
      },
    );
  }
  const blocks = values.length / 32;
  const out = new Uint8Array(blocks * 34);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    let largest = 0;
    for (let i = 0; i < 32; i++) largest = Math.max(largest, Math.abs(values[32 * block + i]!)); // in range
    scales[block] = largest / 127;
    const scale = scales[block]!; // rounded to float32 by the array
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    for (let i = 0; i < 32; i++) {
      const scaled = Math.fround(values[32 * block + i]! * inverse);
      out[34 * block + 2 + i] = Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5);
    }
  }
  const halves = float32ToHalf(scales);
  for (let block = 0; block < blocks; block++) {
    out[34 * block] = halves[block]! & 0xff;
    out[34 * block + 1] = halves[block]! >> 8;
  }
  return out;
}
