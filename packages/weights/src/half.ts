/**
 * The two 16-bit floats of model files, to and from float32. JavaScript has no bfloat16 array, and a table is as fast as
 * the native half-precision one. Rounding is to nearest, ties to even, as everywhere else in the field.
 */

let halfTable: Float32Array | undefined;

/** Returns all 65,536 half-precision numbers as float32, built on first use (256 kB). */
function halves(): Float32Array {
  if (halfTable !== undefined) return halfTable;
  const table = new Float32Array(65_536);
  for (let bits = 0; bits < 65_536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction === 0 ? sign * Infinity : NaN;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  halfTable = table;
  return table;
}

/** Returns the float32 value of a half-precision number given as its 16 bits. */
export function fromHalf(bits: number): number {
  return halves()[bits & 0xffff]!; // the table has all 65,536 entries
}

/** Converts half-precision numbers, given as bits, to float32. Effect: pure. */
export function halfToFloat32(bits: Uint16Array): Float32Array {
  const table = halves();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]!]!; // both indices are in range
  return out;
}

/** Converts bfloat16 numbers, given as bits, to float32. Effect: pure. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16; // i is in range
  return new Float32Array(words.buffer);
}

/**
 * Rounds float32 numbers to half precision, as bits.
 *
 * Range:  beyond ±65,504 (after rounding) the result is infinite; numbers below 2^-25 become zero.
 * Effect: pure.
 */
export function float32ToHalf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) out[i] = halfBits(words[i]!); // i is in range
  return out;
}

/** Rounds the 32 bits of a float32 to the 16 bits of a half. */
function halfBits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65,520 and more round to infinity
  if (magnitude >= 0x38800000) {
    // Normal: shift the exponent by 112, round the 13 lowest bits away, ties to even.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  if (magnitude <= 0x33000000) return sign; // at most 2^-25: a tie at best, and zero is even
  const shift = 126 - (magnitude >>> 23); // 14 … 24: the subnormal unit is 2^-24
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (kept + (rest > tie || (rest === tie && (kept & 1) === 1) ? 1 : 0));
}

/** Rounds float32 numbers to bfloat16, as bits. Effect: pure; NaN stays NaN. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!; // i is in range
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    out[i] = isNaN ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
