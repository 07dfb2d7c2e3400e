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

/** Splits two vectors of two 64-bit products into their low (or high) words. */
// @ts-ignore: decorator
@inline
function lowWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}

// @ts-ignore: decorator
@inline
function highWords(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/** Writes the blocks of four counters that differ in their first two words: out uint32 [4 words, 4 counters]. */
export function philoxFour(key: usize, c0: v128, c1: v128, c2: u32, c3: u32, out: usize): void {
  let x0 = c0;
  let x1 = c1;
  let x2 = i32x4.splat(c2);
  let x3 = i32x4.splat(c3);
  let k0 = load<u32>(key);
  let k1 = load<u32>(key, 4);
  const m0 = i32x4.splat(0xd2511f53);
  const m1 = i32x4.splat(0xcd9e8d57);
  for (let round = 0; round < 10; round++) {
    const p0 = i64x2.extmul_low_i32x4_u(m0, x0);
    const q0 = i64x2.extmul_high_i32x4_u(m0, x0);
    const p1 = i64x2.extmul_low_i32x4_u(m1, x2);
    const q1 = i64x2.extmul_high_i32x4_u(m1, x2);
    x0 = v128.xor(v128.xor(highWords(p1, q1), x1), i32x4.splat(k0));
    x1 = lowWords(p1, q1);
    x2 = v128.xor(v128.xor(highWords(p0, q0), x3), i32x4.splat(k1));
    x3 = lowWords(p0, q0);
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  v128.store(out, x0);
  v128.store(out, x1, 16);
  v128.store(out, x2, 32);
  v128.store(out, x3, 48);
}

/**
 * Natural logarithm of two positive normal numbers. The standard library's version keeps tables in static memory, which
 * belongs to the callers of these kernels.
 *
 * Maths: x = m 2^e with m in [√½, √2); ln m = 2 artanh(s) with s = (m − 1)/(m + 1), a series in s² < 0.0295.
 */
export function naturalLogs(x: v128): v128 {
  const one = f64x2.splat(1);
  const exponents = i64x2.shr_u(x, 52);
  const words = i8x16.shuffle(exponents, exponents, 0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11);
  const mantissa = v128.or(
    v128.and(x, i64x2.splat(0x000fffffffffffff)),
    i64x2.splat(0x3ff0000000000000),
  );
  const isLarge = f64x2.gt(mantissa, f64x2.splat(1.4142135623730951));
  const m = v128.bitselect(f64x2.mul(mantissa, f64x2.splat(0.5)), mantissa, isLarge);
  const e = f64x2.add(
    f64x2.sub(f64x2.convert_low_i32x4_s(words), f64x2.splat(1023)),
    v128.and(isLarge, one),
  );
  const s = f64x2.div(f64x2.sub(m, one), f64x2.add(m, one));
  const z = f64x2.mul(s, s);
  let sum = f64x2.splat(1.0 / 23.0);
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 21.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 19.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 17.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 15.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 13.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 11.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 9.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 7.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 5.0));
  sum = f64x2.add(f64x2.mul(sum, z), f64x2.splat(1.0 / 3.0));
  sum = f64x2.add(f64x2.mul(sum, z), one);
  return f64x2.add(
    f64x2.mul(f64x2.mul(s, f64x2.splat(2)), sum),
    f64x2.mul(e, f64x2.splat(0.6931471805599453)),
  );
}

/** Natural logarithm of one number; see {@link naturalLogs}. */
export function naturalLog(x: f64): f64 {
  return f64x2.extract_lane(naturalLogs(f64x2.splat(x)), 0);
}
