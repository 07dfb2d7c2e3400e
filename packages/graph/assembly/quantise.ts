/**
 * Block quantisation, the fast form of src/reference-quantiser.ts: the same sums in float64, two values at a time, so that codes
 * and scales agree bit for bit. Pointers and sizes in, nothing allocated; the caller has checked them.
 */

/** A float32 scale for the value of largest size: eight bits use ±127, four bits put it at −8. */
// @ts-ignore: decorator
@inline
function scaleOf(largest: f32, zero: i32): f32 {
  return zero == 128 ? <f32>(<f64>abs(largest) / 127.0) : <f32>(<f64>largest / -8.0);
}

// @ts-ignore: decorator
@inline
function inverseOf(scale: f32): f64 {
  return scale == 0 ? 0.0 : 1.0 / <f64>scale;
}

/** trunc(low · x + offset) of four values, at most `top`; each half of the values has its own pair of factors. */
// @ts-ignore: decorator
@inline
function codesOf(x: v128, first: v128, second: v128, offset: v128, top: v128): v128 {
  const low = f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(x), first), offset);
  const upper = i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
  const high = f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(upper), second), offset);
  const codes = i8x16.shuffle(
    i32x4.trunc_sat_f64x2_s_zero(low), i32x4.trunc_sat_f64x2_s_zero(high),
    0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23,
  );
  return i32x4.min_s(codes, top);
}

// @ts-ignore: decorator
@inline
function codeOf(x: f32, inverse: f64, offset: f64, top: i32): i32 {
  return min(<i32>(<f64>x * inverse + offset), top);
}

/**
 * The largest size of `count` values with its sign; the positive one of two equals; NaN if there is one. Bits of floats are ordered
 * as integers are: signed, the largest is the largest positive float; unsigned, it is the negative one of largest size, if any.
 */
// @ts-ignore: decorator
@inline
function extremeOf(x: usize, count: usize): f32 {
  let highs: v128 = i32x4.splat(0);
  let lows: v128 = i32x4.splat(0);
  const vectors = count & ~3;
  for (let k: usize = 0; k < vectors; k += 4) {
    const bits = v128.load(x + (k << 2));
    highs = i32x4.max_s(highs, bits);
    lows = i32x4.max_u(lows, bits);
  }
  highs = i32x4.max_s(highs, i8x16.shuffle(highs, highs, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  lows = i32x4.max_u(lows, i8x16.shuffle(lows, lows, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  let highBits = max(i32x4.extract_lane(highs, 0), i32x4.extract_lane(highs, 1));
  let lowBits = max(<u32>i32x4.extract_lane(lows, 0), <u32>i32x4.extract_lane(lows, 1));
  for (let k = vectors; k < count; k++) {
    const bits = load<i32>(x + (k << 2));
    highBits = max(highBits, bits);
    lowBits = max(lowBits, <u32>bits);
  }
  const high = reinterpret<f32>(highBits);
  const low = <i32>lowBits < 0 ? reinterpret<f32>(lowBits) : <f32>0;
  if (isNaN(high) || isNaN(low)) return <f32>NaN;
  return high >= -low ? high : low;
}

/**
 * Quantises blocks along the rows. Shapes: values float32 [rows, length]; codes uint8 [rows, blocks·blockSize], filled up with
 * zeros of the code; scales float32 [rows, blocks]. blockSize is a multiple of 16.
 */
export function quantiseAlong(values: usize, rows: usize, length: usize, blockSize: usize, zero: i32, codes: usize, scales: usize): void {
  const top = i32x4.splat(2 * zero - 1);
  const offset = f64x2.splat(<f64>zero + 0.5);
  for (let row: usize = 0; row < rows; row++) {
    for (let from: usize = 0; from < length; from += blockSize) {
      const count = min(blockSize, length - from);
      const scale = scaleOf(extremeOf(values, count), zero);
      store<f32>(scales, scale);
      scales += 4;
      const inverse = inverseOf(scale);
      const factor = f64x2.splat(inverse);
      const vectors = count & ~15;
      for (let k: usize = 0; k < vectors; k += 16) {
        const x = values + (k << 2);
        const a = codesOf(v128.load(x), factor, factor, offset, top);
        const b = codesOf(v128.load(x, 16), factor, factor, offset, top);
        const c = codesOf(v128.load(x, 32), factor, factor, offset, top);
        const d = codesOf(v128.load(x, 48), factor, factor, offset, top);
        v128.store(codes + k, i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
      }
      for (let k = vectors; k < count; k++)
        store<u8>(codes + k, <u8>codeOf(load<f32>(values + (k << 2)), inverse, <f64>zero + 0.5, 2 * zero - 1));
      for (let k = count; k < blockSize; k++) store<u8>(codes + k, <u8>zero);
      values += count << 2;
      codes += blockSize;
    }
  }
}

/**
 * Quantises one block of rows down the columns. Shapes: values float32 [rows, columns], rows at most a block; codes uint8
 * [rows, columns]; scales float32 [columns]; scratch float32 [columns] and float64 [columns].
 */
export function quantiseDown(values: usize, rows: usize, columns: usize, zero: i32, codes: usize, scales: usize, scratch: usize): void {
  const inverses = scratch;
  const vectors = columns & ~3;
  for (let n: usize = 0; n < columns; n++) store<f32>(scales + (n << 2), 0);
  for (let k: usize = 0; k < rows; k++) {
    const row = values + ((k * columns) << 2);
    for (let n: usize = 0; n < vectors; n += 4) {
      const value = v128.load(row + (n << 2));
      const extreme = v128.load(scales + (n << 2));
      v128.store(scales + (n << 2), v128.bitselect(value, extreme, f32x4.gt(f32x4.abs(value), f32x4.abs(extreme))));
    }
    for (let n = vectors; n < columns; n++) {
      const value = load<f32>(row + (n << 2));
      if (abs(value) > abs(load<f32>(scales + (n << 2)))) store<f32>(scales + (n << 2), value);
    }
  }
  for (let n: usize = 0; n < columns; n++) {
    const scale = scaleOf(load<f32>(scales + (n << 2)), zero);
    store<f32>(scales + (n << 2), scale);
    store<f64>(inverses + (n << 3), inverseOf(scale));
  }
  const top = i32x4.splat(2 * zero - 1);
  const offset = f64x2.splat(<f64>zero + 0.5);
  for (let k: usize = 0; k < rows; k++) {
    const row = values + ((k * columns) << 2);
    for (let n: usize = 0; n < vectors; n += 4) {
      const inverse = inverses + (n << 3);
      const four = codesOf(v128.load(row + (n << 2)), v128.load(inverse), v128.load(inverse, 16), offset, top);
      const bytes = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(four, four), four);
      v128.store32_lane(codes + n, bytes, 0);
    }
    for (let n = vectors; n < columns; n++)
      store<u8>(codes + n, <u8>codeOf(load<f32>(row + (n << 2)), load<f64>(inverses + (n << 3)), <f64>zero + 0.5, 2 * zero - 1));
    codes += columns;
  }
}

/** Interleaves the bytes of two vectors: the lower halves, or the upper ones. */
// @ts-ignore: decorator
@inline
function lower(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
function upper(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** One of four rounds that turn a square of 16 × 16 bytes: vector 2i and 2i + 1 are those i and i + 8 interleaved. */
// @ts-ignore: decorator
@inline
function interleave(from: usize, stride: usize, to: usize, onto: usize, flip: v128): void {
  for (let i: usize = 0; i < 8; i++) {
    const a = v128.load(from + i * stride);
    const b = v128.load(from + (i + 8) * stride);
    v128.store(to + 2 * i * onto, v128.xor(lower(a, b), flip));
    v128.store(to + (2 * i + 1) * onto, v128.xor(upper(a, b), flip));
  }
}

/**
 * Turns a matrix of bytes and flips the bits of `flip` in each. Shapes: from [rows, columns], a row every `stride` bytes;
 * to [columns, rows], a row every `onto` bytes; scratch of 512 bytes.
 */
export function transposeBytes(from: usize, rows: usize, columns: usize, stride: usize, to: usize, onto: usize, flip: i32, scratch: usize): void {
  const none: v128 = i8x16.splat(0);
  const flips: v128 = i8x16.splat(<i8>flip);
  const squareRows = rows & ~15;
  const squareColumns = columns & ~15;
  for (let row: usize = 0; row < squareRows; row += 16) {
    for (let column: usize = 0; column < squareColumns; column += 16) {
      interleave(from + row * stride + column, stride, scratch, 16, none);
      interleave(scratch, 16, scratch + 256, 16, none);
      interleave(scratch + 256, 16, scratch, 16, none);
      interleave(scratch, 16, to + column * onto + row, onto, flips);
    }
  }
  for (let row: usize = 0; row < rows; row++) {
    const first = row < squareRows ? squareColumns : 0;
    for (let column: usize = first; column < columns; column++)
      store<u8>(to + column * onto + row, load<u8>(from + row * stride + column) ^ <u8>flip);
  }
}

/** Packs codes of four bits, two to a byte, the first in the low half, in place. `count` is even. */
export function packNibbles(codes: usize, count: usize): void {
  const vectors = count & ~31;
  const evens: v128 = i16x8.splat(15);
  const odds: v128 = i16x8.splat(240);
  let at: usize = 0;
  for (; at < vectors; at += 32) {
    const a = v128.load(codes + at);
    const b = v128.load(codes + at, 16);
    const first = v128.or(v128.and(a, evens), v128.and(i16x8.shr_u(a, 4), odds));
    const second = v128.or(v128.and(b, evens), v128.and(i16x8.shr_u(b, 4), odds));
    v128.store(codes + (at >> 1), i8x16.narrow_i16x8_u(first, second));
  }
  for (; at < count; at += 2)
    store<u8>(codes + (at >> 1), load<u8>(codes + at) | (load<u8>(codes + at + 1) << 4));
}
