/** Values in and out: angles from rows, sines, transposition, and sums of gradients. */
import { madd, nmadd } from "./vector";

/**
 * out[a, row] = constant + Σ coefficient · rows[row, index], float64. table float64: per angle constant, number of
 * terms, then (coefficient, index) pairs.
 */
export function evaluateAngles(
  rows: usize, width: usize, W: usize, table: usize, count: usize, out: usize,
): void {
  for (let a: usize = 0; a < count; a++) {
    const constant = load<f64>(table);
    const terms = <usize>load<f64>(table, 8);
    table += 16;
    for (let row: usize = 0; row < W; row++) {
      let sum = constant;
      for (let t: usize = 0; t < terms; t++) {
        const at = table + (t << 4);
        sum += load<f64>(at) * load<f64>(rows + ((row * width + <usize>load<f64>(at, 8)) << 3));
      }
      store<f64>(out + ((a * W + row) << 3), sum);
    }
    table += terms << 4;
  }
}

/** sin and cos by reduction modulo π/2 in float64 and Taylor polynomials on [−π/4, π/4] in T. */
const twoOverPi: f64 = 0.6366197723675814;
// π/2 in three parts; the first two have 33 significant bits, so k times them is exact for |k| < 2^20.
const halfPi1: f64 = 1.5707963267341256;
const halfPi2: f64 = 6.077100506303966e-11;
const halfPi3: f64 = 2.0222662487959506e-21;

/** Writes cos, then sin, of `blocks` blocks of W angles: out [blocks, (cos, sin), W]. */
export function cosSin<T>(angles: usize, blocks: usize, W: usize, out: usize): void {
  const lanes: usize = 16 / sizeof<T>();
  for (let block: usize = 0; block < blocks; block++) {
    const from = angles + block * W * 8;
    const to = out + block * 2 * W * sizeof<T>();
    for (let i: usize = 0; i < W; i += lanes) {
      if (sizeof<T>() == 4) {
        cosSinF32(v128.load(from + i * 8), v128.load(from + i * 8, 16), f32x4.splat(1), to + i * 4, W * 4);
      }
      else cosSinF64(from + i * 8, to + i * 8, W * 8);
    }
  }
}

// @ts-ignore: decorator
@inline
function reduce(x: v128, k: v128): v128 {
  const a = nmaddExact(k, f64x2.splat(halfPi1), x);
  const b = nmaddExact(k, f64x2.splat(halfPi2), a);
  return nmaddExact(k, f64x2.splat(halfPi3), b);
}

// @ts-ignore: decorator
@inline
function nmaddExact(a: v128, b: v128, c: v128): v128 {
  return f64x2.sub(c, f64x2.mul(a, b));
}

/** Writes scale·cos and scale·sin of four angles. */
// @ts-ignore: decorator
@inline
export function cosSinF32(x0: v128, x1: v128, scale: v128, to: usize, sinAt: usize): void {
  const k0 = f64x2.nearest(f64x2.mul(x0, f64x2.splat(twoOverPi)));
  const k1 = f64x2.nearest(f64x2.mul(x1, f64x2.splat(twoOverPi)));
  const low = f32x4.demote_f64x2_zero(reduce(x0, k0));
  const high = f32x4.demote_f64x2_zero(reduce(x1, k1));
  const r = i8x16.shuffle(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
  // Quadrants modulo 4 survive the saturating conversion for |k| < 2^31.
  const q0 = i32x4.trunc_sat_f64x2_s_zero(k0);
  const q1 = i32x4.trunc_sat_f64x2_s_zero(k1);
  const q = i8x16.shuffle(q0, q1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
  const z = f32x4.mul(r, r);
  let s = madd<f32>(z, f32x4.splat(<f32>(1.0 / 362880.0)), f32x4.splat(<f32>(-1.0 / 5040.0)));
  s = madd<f32>(z, s, f32x4.splat(<f32>(1.0 / 120.0)));
  s = madd<f32>(z, s, f32x4.splat(<f32>(-1.0 / 6.0)));
  s = madd<f32>(f32x4.mul(z, r), s, r);
  let c = madd<f32>(z, f32x4.splat(<f32>(-1.0 / 3628800.0)), f32x4.splat(<f32>(1.0 / 40320.0)));
  c = madd<f32>(z, c, f32x4.splat(<f32>(-1.0 / 720.0)));
  c = madd<f32>(z, c, f32x4.splat(<f32>(1.0 / 24.0)));
  c = madd<f32>(z, c, f32x4.splat(-0.5));
  c = madd<f32>(z, c, f32x4.splat(1));
  const odd = i32x4.ne(v128.and(q, i32x4.splat(1)), i32x4.splat(0));
  const sinSign = i32x4.shl(v128.and(q, i32x4.splat(2)), 30);
  const cosSign = i32x4.shl(v128.and(i32x4.add(q, i32x4.splat(1)), i32x4.splat(2)), 30);
  v128.store(to, f32x4.mul(scale, v128.xor(v128.bitselect(s, c, odd), cosSign)));
  v128.store(to + sinAt, f32x4.mul(scale, v128.xor(v128.bitselect(c, s, odd), sinSign)));
}

// @ts-ignore: decorator
@inline
function cosSinF64(from: usize, to: usize, sinAt: usize): void {
  const x = v128.load(from);
  const k = f64x2.nearest(f64x2.mul(x, f64x2.splat(twoOverPi)));
  const r = reduce(x, k);
  const z = f64x2.mul(r, r);
  let s = f64x2.splat(1.0 / 355687428096000.0);
  s = madd<f64>(z, s, f64x2.splat(-1.0 / 1307674368000.0));
  s = madd<f64>(z, s, f64x2.splat(1.0 / 6227020800.0));
  s = madd<f64>(z, s, f64x2.splat(-1.0 / 39916800.0));
  s = madd<f64>(z, s, f64x2.splat(1.0 / 362880.0));
  s = madd<f64>(z, s, f64x2.splat(-1.0 / 5040.0));
  s = madd<f64>(z, s, f64x2.splat(1.0 / 120.0));
  s = madd<f64>(z, s, f64x2.splat(-1.0 / 6.0));
  s = madd<f64>(f64x2.mul(z, r), s, r);
  let c = f64x2.splat(1.0 / 20922789888000.0);
  c = madd<f64>(z, c, f64x2.splat(-1.0 / 87178291200.0));
  c = madd<f64>(z, c, f64x2.splat(1.0 / 479001600.0));
  c = madd<f64>(z, c, f64x2.splat(-1.0 / 3628800.0));
  c = madd<f64>(z, c, f64x2.splat(1.0 / 40320.0));
  c = madd<f64>(z, c, f64x2.splat(-1.0 / 720.0));
  c = madd<f64>(z, c, f64x2.splat(1.0 / 24.0));
  c = madd<f64>(z, c, f64x2.splat(-0.5));
  c = madd<f64>(z, c, f64x2.splat(1));
  const q32 = i32x4.trunc_sat_f64x2_s_zero(k);
  const q = i64x2.extend_low_i32x4_s(q32);
  const odd = i64x2.ne(v128.and(q, i64x2.splat(1)), i64x2.splat(0));
  const sinSign = i64x2.shl(v128.and(q, i64x2.splat(2)), 62);
  const cosSign = i64x2.shl(v128.and(i64x2.add(q, i64x2.splat(1)), i64x2.splat(2)), 62);
  v128.store(to, v128.xor(v128.bitselect(s, c, odd), cosSign));
  v128.store(to + sinAt, v128.xor(v128.bitselect(c, s, odd), sinSign));
}

/** out[row, k] = values[k, row], float64. */
export function writeRows<T>(values: usize, count: usize, W: usize, out: usize): void {
  for (let k: usize = 0; k < count; k++) {
    for (let row: usize = 0; row < W; row++) {
      const x = <f64>load<T>(values + (k * W + row) * sizeof<T>());
      store<f64>(out + ((row * count + k) << 3), x);
    }
  }
}

/** out[k, row] = values[row, k], rounded to T. */
export function readRows<T>(values: usize, count: usize, W: usize, out: usize): void {
  for (let k: usize = 0; k < count; k++) {
    for (let row: usize = 0; row < W; row++) {
      store<T>(out + (k * W + row) * sizeof<T>(), <T>load<f64>(values + ((row * count + k) << 3)));
    }
  }
}

/**
 * out[row, p] = Σ coefficient · gradients[a, row], float64: the chain rule from angles to parameters. table float64:
 * per parameter number of terms, then (coefficient, angle) pairs.
 */
export function combineGradients<T>(
  gradients: usize, W: usize, table: usize, count: usize, out: usize,
): void {
  for (let p: usize = 0; p < count; p++) {
    const terms = <usize>load<f64>(table);
    table += 8;
    for (let row: usize = 0; row < W; row++) {
      let sum: f64 = 0;
      for (let t: usize = 0; t < terms; t++) {
        const at = table + (t << 4);
        sum += load<f64>(at) * <f64>load<T>(gradients + (<usize>load<f64>(at, 8) * W + row) * sizeof<T>());
      }
      store<f64>(out + ((row * count + p) << 3), sum);
    }
    table += terms << 4;
  }
}

/** Sums rows [W, width] float64 in place as a pairwise tree by row index and copies the root to `out` [width]. */
export function sumRows(rows: usize, W: usize, width: usize, out: usize): void {
  for (let stride: usize = 1; stride < W; stride <<= 1) {
    for (let row: usize = 0; row + stride < W; row += stride << 1) {
      const to = rows + row * width * 8;
      const from = rows + (row + stride) * width * 8;
      for (let column: usize = 0; column < width; column++) {
        store<f64>(to + (column << 3), load<f64>(to + (column << 3)) + load<f64>(from + (column << 3)));
      }
    }
  }
  memory.copy(out, rows, width << 3);
}

export function zeroBytes(dst: usize, bytes: usize): void {
  memory.fill(dst, 0, bytes);
}

export function copyBytes(src: usize, dst: usize, bytes: usize): void {
  memory.copy(dst, src, bytes);
}
