/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), the generator of base. A draw is a
 * pure function of key and counter, so it does not matter which thread makes it, or when.
 */

/** Writes the block of a counter: out uint32 [4]. */
export function philox(key: usize, c0: u32, c1: u32, c2: u32, c3: u32, out: usize): void {
  let k0 = load<u32>(key);
  let k1 = load<u32>(key, 4);
  for (let round = 0; round < 10; round++) {
    const p0 = <u64>0xd2511f53 * <u64>c0;
    const p1 = <u64>0xcd9e8d57 * <u64>c2;
    c0 = <u32>(p1 >> 32) ^ c1 ^ k0;
    c1 = <u32>p1;
    c2 = <u32>(p0 >> 32) ^ c3 ^ k1;
    c3 = <u32>p0;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  store<u32>(out, c0);
  store<u32>(out, c1, 4);
  store<u32>(out, c2, 8);
  store<u32>(out, c3, 12);
}

/** A word as a number in (0, 1). */
// @ts-ignore: decorator
@inline
export function unit(word: u32): f64 {
  return (<f64>word + 0.5) * 2.3283064365386963e-10;
}

/**
 * Natural logarithm of a positive normal number. The standard library's version keeps tables in static memory, which
 * belongs to the callers of these kernels.
 *
 * Maths: x = m 2^e with m in [√½, √2); ln m = 2 artanh(s) with s = (m − 1)/(m + 1), a series in s² < 0.0295.
 */
export function naturalLog(x: f64): f64 {
  const bits = reinterpret<u64>(x);
  let e = <i32>((bits >> 52) & 0x7ff) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e++;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let sum: f64 = 0;
  for (let k: i32 = 11; k >= 0; k--) sum = sum * z + 1 / <f64>(2 * k + 1);
  return 2 * s * sum + <f64>e * 0.6931471805599453;
}
