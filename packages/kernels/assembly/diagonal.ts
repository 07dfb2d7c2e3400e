/** Diagonal operators shared by the batch, real weights, and the sums that read them out. */
import { loadSplat, madd, nmadd } from "./vector";

/** dst = phases ⊙ src; phases [amps, (re, im)]; `conjugate` undoes it. */
export function multiplyDiagonal<T>(
  src: usize,
  dst: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
  phases: usize,
  conjugate: usize,
): void {
  const delta = dst - src;
  for (let amp: usize = 0; amp < amps; amp++) {
    const c = loadSplat<T>(phases + amp * 2 * sizeof<T>());
    let s = loadSplat<T>(phases + (amp * 2 + 1) * sizeof<T>());
    if (conjugate != 0) s = v128.neg<T>(s);
    const p = src + amp * rowBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const re = v128.load(p + v);
      const im = v128.load(p + v + plane);
      v128.store(p + v + delta, nmadd<T>(s, im, v128.mul<T>(c, re)));
      v128.store(p + v + plane + delta, madd<T>(s, re, v128.mul<T>(c, im)));
    }
  }
}

/** The same on a state whose imaginary plane is zero and need not be read. */
export function multiplyDiagonalReal<T>(
  src: usize,
  dst: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
  phases: usize,
): void {
  const delta = dst - src;
  for (let amp: usize = 0; amp < amps; amp++) {
    const c = loadSplat<T>(phases + amp * 2 * sizeof<T>());
    const s = loadSplat<T>(phases + (amp * 2 + 1) * sizeof<T>());
    const p = src + amp * rowBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const re = v128.load(p + v);
      v128.store(p + v + delta, v128.mul<T>(c, re));
      v128.store(p + v + plane + delta, v128.mul<T>(s, re));
    }
  }
}

/**
 * dst = e^{−iθ·sign} src with an angle per row: coefficients (cos θ, sin θ) [2, W]; signs int32 [amps] of −1, 0, 1.
 */
export function multiplyRowPhase<T>(
  src: usize,
  dst: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
  signs: usize,
  coefficients: usize,
  inverse: usize,
): void {
  const delta = dst - src;
  for (let amp: usize = 0; amp < amps; amp++) {
    const sign = load<i32>(signs + (amp << 2));
    const p = src + amp * rowBytes;
    if (sign == 0) {
      if (delta != 0) {
        memory.copy(p + delta, p, rowBytes);
        memory.copy(p + delta + plane, p + plane, rowBytes);
      }
      continue;
    }
    const negative = sign < 0 != (inverse != 0);
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const c = v128.load(coefficients + v);
      let s = v128.load(coefficients + rowBytes + v);
      if (negative) s = v128.neg<T>(s);
      const re = v128.load(p + v);
      const im = v128.load(p + v + plane);
      v128.store(p + v + delta, madd<T>(s, im, v128.mul<T>(c, re)));
      v128.store(p + v + plane + delta, nmadd<T>(s, re, v128.mul<T>(c, im)));
    }
  }
}

/** dst = Im(conj(λ) ψ) per amplitude: what a diagonal generator is weighed with. */
export function imaginaryProduct<T>(
  psi: usize,
  lambda: usize,
  dst: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
  parts: usize,
): void {
  const bytes = amps * rowBytes;
  for (let v: usize = 0; v < bytes; v += 16) {
    const cross = v128.mul<T>(v128.load(lambda + plane + v), v128.load(psi + v));
    if (parts == 1) {
      v128.store(dst + v, v128.neg<T>(cross));
    } else {
      v128.store(
        dst + v,
        v128.sub<T>(v128.mul<T>(v128.load(lambda + v), v128.load(psi + plane + v)), cross),
      );
    }
  }
}

/** dst = |ψ|² per amplitude. */
export function absoluteSquare<T>(
  psi: usize,
  dst: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
): void {
  const bytes = amps * rowBytes;
  for (let v: usize = 0; v < bytes; v += 16) {
    const re = v128.load(psi + v);
    const im = v128.load(psi + plane + v);
    v128.store(dst + v, madd<T>(im, im, v128.mul<T>(re, re)));
  }
}

/** out[k] = Σ_amp coefficients[k, amp] · w[amp], per row; four sums share each load of w. */
export function project<T>(
  w: usize,
  coefficients: usize,
  count: usize,
  amps: usize,
  rowBytes: usize,
  out: usize,
): void {
  const coefBytes = amps * sizeof<T>();
  let k: usize = 0;
  for (; k + 4 <= count; k += 4) {
    const c = coefficients + k * coefBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      let a0: v128 = i32x4.splat(0);
      let a1: v128 = i32x4.splat(0);
      let a2: v128 = i32x4.splat(0);
      let a3: v128 = i32x4.splat(0);
      for (let amp: usize = 0; amp < amps; amp++) {
        const x = v128.load(w + amp * rowBytes + v);
        const p = c + amp * sizeof<T>();
        a0 = madd<T>(loadSplat<T>(p), x, a0);
        a1 = madd<T>(loadSplat<T>(p + coefBytes), x, a1);
        a2 = madd<T>(loadSplat<T>(p + 2 * coefBytes), x, a2);
        a3 = madd<T>(loadSplat<T>(p + 3 * coefBytes), x, a3);
      }
      const to = out + k * rowBytes + v;
      v128.store(to, a0);
      v128.store(to + rowBytes, a1);
      v128.store(to + 2 * rowBytes, a2);
      v128.store(to + 3 * rowBytes, a3);
    }
  }
  for (; k < count; k++) {
    for (let v: usize = 0; v < rowBytes; v += 16) {
      let a0: v128 = i32x4.splat(0);
      for (let amp: usize = 0; amp < amps; amp++) {
        a0 = madd<T>(
          loadSplat<T>(coefficients + k * coefBytes + amp * sizeof<T>()),
          v128.load(w + amp * rowBytes + v),
          a0,
        );
      }
      v128.store(out + k * rowBytes + v, a0);
    }
  }
}

/** λ = (Σ_k g[k] · coefficients[k, amp]) ψ per row: the cotangent folded into diagonal observables. */
export function foldDiagonal<T>(
  psi: usize,
  lambda: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
  g: usize,
  coefficients: usize,
  count: usize,
): void {
  const coefBytes = amps * sizeof<T>();
  for (let amp: usize = 0; amp < amps; amp++) {
    const at = amp * rowBytes;
    const c = coefficients + amp * sizeof<T>();
    for (let v: usize = 0; v < rowBytes; v += 16) {
      let f: v128 = i32x4.splat(0);
      for (let k: usize = 0; k < count; k++) {
        f = madd<T>(loadSplat<T>(c + k * coefBytes), v128.load(g + k * rowBytes + v), f);
      }
      v128.store(lambda + at + v, v128.mul<T>(f, v128.load(psi + at + v)));
      v128.store(lambda + at + v + plane, v128.mul<T>(f, v128.load(psi + at + v + plane)));
    }
  }
}
