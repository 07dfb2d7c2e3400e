/**
 * The vector vocabulary of all kernels: 16-byte vectors of T, where T is f32 or f64. A kernel is written once and
 * instantiated for both. Multiply-add is one relaxed instruction in the relaxed build and two plain ones otherwise.
 */

/** Returns a·b + c. */
// @ts-ignore: decorator
@inline
export function madd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(a, b, c);
  return v128.add<T>(v128.mul<T>(a, b), c);
}

/** Returns c − a·b. */
// @ts-ignore: decorator
@inline
export function nmadd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<T>(a, b, c);
  return v128.sub<T>(c, v128.mul<T>(a, b));
}

/** Loads one scalar into every lane. */
// @ts-ignore: decorator
@inline
export function loadSplat<T>(p: usize): v128 {
  return sizeof<T>() == 4 ? v128.load32_splat(p) : v128.load64_splat(p);
}

/** Returns a scalar in every lane. */
// @ts-ignore: decorator
@inline
export function splatOf<T>(x: f64): v128 {
  return sizeof<T>() == 4 ? f32x4.splat(<f32>x) : f64x2.splat(x);
}

/** Opens a gap for a zero bit at position `bit` of an index. */
// @ts-ignore: decorator
@inline
export function insertZeroBit(index: usize, bit: usize): usize {
  const low = index & ((<usize>1 << bit) - 1);
  return ((index ^ low) << 1) | low;
}

/** Bytes between the entries of a coefficient table: one vector when shared by all rows (step 0), one row otherwise. */
// @ts-ignore: decorator
@inline
export function entryBytes(step: usize, rowBytes: usize): usize {
  return step == 0 ? 16 : rowBytes;
}
