/**
 * Pauli strings: P|x⟩ = i^phase (−1)^{|x & zMask|} |x ^ xMask⟩, where Y = iXZ gives one factor i each (phase = number
 * of Y, modulo 4).
 */
import { madd, splatOf } from "./vector";

/** out += coefficient · ⟨ψ|P|ψ⟩ per row. */
export function addPauliExpectation<T>(
  psi: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
  xMask: usize,
  zMask: usize,
  phase: usize,
  coefficient: usize,
  out: usize,
): void {
  const factor = load<f64>(coefficient);
  for (let v: usize = 0; v < rowBytes; v += 16) {
    let sum: v128 = i32x4.splat(0);
    for (let x: usize = 0; x < amps; x++) {
      // ⟨x ^ xMask| P |x⟩ = i^phase (−1)^{|x & zMask|}; the imaginary parts of conj(a) b cancel over the sum.
      const b = psi + x * rowBytes + v;
      const a = psi + (x ^ xMask) * rowBytes + v;
      const ar = v128.load(a);
      const ai = v128.load(a + plane);
      const br = v128.load(b);
      const bi = v128.load(b + plane);
      let term: v128;
      if ((phase & 1) == 0) term = madd<T>(ai, bi, v128.mul<T>(ar, br));
      else term = v128.sub<T>(v128.mul<T>(ai, br), v128.mul<T>(ar, bi));
      const negative = ((popcnt<i32>(<i32>(x & zMask)) & 1) ^ (<i32>((phase >> 1) & 1))) != 0;
      sum = negative ? v128.sub<T>(sum, term) : v128.add<T>(sum, term);
    }
    v128.store(out + v, madd<T>(splatOf<T>(factor), sum, v128.load(out + v)));
  }
}

/** λ += coefficient · g · P ψ per row. */
export function addPauliFold<T>(
  psi: usize,
  lambda: usize,
  plane: usize,
  amps: usize,
  rowBytes: usize,
  xMask: usize,
  zMask: usize,
  phase: usize,
  coefficient: usize,
  g: usize,
): void {
  const factor = splatOf<T>(load<f64>(coefficient));
  for (let x: usize = 0; x < amps; x++) {
    const negative = ((popcnt<i32>(<i32>(x & zMask)) & 1) ^ (<i32>((phase >> 1) & 1))) != 0;
    const from = psi + x * rowBytes;
    const to = lambda + (x ^ xMask) * rowBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      let f = v128.mul<T>(factor, v128.load(g + v));
      if (negative) f = v128.neg<T>(f);
      const re = v128.load(from + v);
      const im = v128.load(from + v + plane);
      if ((phase & 1) == 0) {
        v128.store(to + v, madd<T>(f, re, v128.load(to + v)));
        v128.store(to + v + plane, madd<T>(f, im, v128.load(to + v + plane)));
      } else {
        v128.store(to + v, madd<T>(v128.neg<T>(f), im, v128.load(to + v)));
        v128.store(to + v + plane, madd<T>(f, re, v128.load(to + v + plane)));
      }
    }
  }
}
