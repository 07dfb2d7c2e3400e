/**
 * Real rotations [[c, −s], [s, c]] of one, two or three qubits in one sweep. The matrices are real, so the real and the
 * imaginary plane are turned independently and eight amplitudes fit the registers. `inverse` swaps the two amplitudes
 * of each pair, which turns the other way.
 */
import { entryBytes, insertZeroBit, madd, nmadd } from "./vector";

export function rotate1<T>(
  src: usize, dst: usize, plane: usize, amps: usize, rowBytes: usize, inverse: usize,
  q0: usize, coef0: usize, step0: usize,
): void {
  const sin0 = entryBytes(step0, rowBytes);
  const stride = rowBytes << q0;
  const flip = inverse != 0 ? stride : 0;
  for (let part: usize = 0; part < 2; part++) {
    const delta = dst - src;
    const origin = src + part * plane;
    for (let group: usize = 0; group < amps >> 1; group++) {
      const base = origin + insertZeroBit(group, q0) * rowBytes;
      const p0 = base + flip;
      const p1 = base + (stride - flip);
      for (let v: usize = 0; v < rowBytes; v += 16) {
        const c = v128.load(coef0 + (step0 == 0 ? 0 : v));
        const s = v128.load(coef0 + (step0 == 0 ? 0 : v) + sin0);
        const a0 = v128.load(p0 + v);
        const a1 = v128.load(p1 + v);
        v128.store(p0 + v + delta, nmadd<T>(s, a1, v128.mul<T>(c, a0)));
        v128.store(p1 + v + delta, madd<T>(s, a0, v128.mul<T>(c, a1)));
      }
    }
  }
}

export function rotate2<T>(
  src: usize, dst: usize, plane: usize, amps: usize, rowBytes: usize, inverse: usize,
  q0: usize, coef0: usize, step0: usize, q1: usize, coef1: usize, step1: usize,
): void {
  const sin0 = entryBytes(step0, rowBytes);
  const sin1 = entryBytes(step1, rowBytes);
  const s0 = rowBytes << q0;
  const s1 = rowBytes << q1;
  const flip = inverse != 0 ? s0 + s1 : 0;
  const delta = dst - src;
  for (let part: usize = 0; part < 2; part++) {
    const origin = src + part * plane + flip;
    const d0 = inverse != 0 ? <usize>0 - s0 : s0;
    const d1 = inverse != 0 ? <usize>0 - s1 : s1;
    for (let group: usize = 0; group < amps >> 2; group++) {
      const p00 = origin + insertZeroBit(insertZeroBit(group, q0), q1) * rowBytes;
      const p01 = p00 + d0;
      const p10 = p00 + d1;
      const p11 = p01 + d1;
      for (let v: usize = 0; v < rowBytes; v += 16) {
        const at0 = coef0 + (step0 == 0 ? 0 : v);
        const at1 = coef1 + (step1 == 0 ? 0 : v);
        let c = v128.load(at0);
        let s = v128.load(at0 + sin0);
        const a0 = v128.load(p00 + v);
        const a1 = v128.load(p01 + v);
        const a2 = v128.load(p10 + v);
        const a3 = v128.load(p11 + v);
        const b0 = nmadd<T>(s, a1, v128.mul<T>(c, a0));
        const b1 = madd<T>(s, a0, v128.mul<T>(c, a1));
        const b2 = nmadd<T>(s, a3, v128.mul<T>(c, a2));
        const b3 = madd<T>(s, a2, v128.mul<T>(c, a3));
        c = v128.load(at1);
        s = v128.load(at1 + sin1);
        v128.store(p00 + v + delta, nmadd<T>(s, b2, v128.mul<T>(c, b0)));
        v128.store(p10 + v + delta, madd<T>(s, b0, v128.mul<T>(c, b2)));
        v128.store(p01 + v + delta, nmadd<T>(s, b3, v128.mul<T>(c, b1)));
        v128.store(p11 + v + delta, madd<T>(s, b1, v128.mul<T>(c, b3)));
      }
    }
  }
}

export function rotate3<T>(
  src: usize, dst: usize, plane: usize, amps: usize, rowBytes: usize, inverse: usize,
  q0: usize, coef0: usize, step0: usize, q1: usize, coef1: usize, step1: usize,
  q2: usize, coef2: usize, step2: usize,
): void {
  const sin0 = entryBytes(step0, rowBytes);
  const sin1 = entryBytes(step1, rowBytes);
  const sin2 = entryBytes(step2, rowBytes);
  const s0 = rowBytes << q0;
  const s1 = rowBytes << q1;
  const s2 = rowBytes << q2;
  const flip = inverse != 0 ? s0 + s1 + s2 : 0;
  const delta = dst - src;
  const d0 = inverse != 0 ? <usize>0 - s0 : s0;
  const d1 = inverse != 0 ? <usize>0 - s1 : s1;
  const d2 = inverse != 0 ? <usize>0 - s2 : s2;
  for (let part: usize = 0; part < 2; part++) {
    const origin = src + part * plane + flip;
    for (let group: usize = 0; group < amps >> 3; group++) {
      const p0 = origin + insertZeroBit(insertZeroBit(insertZeroBit(group, q0), q1), q2) * rowBytes;
      const p2 = p0 + d1;
      const p4 = p0 + d2;
      const p6 = p2 + d2;
      for (let v: usize = 0; v < rowBytes; v += 16) {
        const at0 = coef0 + (step0 == 0 ? 0 : v);
        const at1 = coef1 + (step1 == 0 ? 0 : v);
        const at2 = coef2 + (step2 == 0 ? 0 : v);
        let c = v128.load(at0);
        let s = v128.load(at0 + sin0);
        let x0 = v128.load(p0 + v);
        let x1 = v128.load(p0 + d0 + v);
        let x2 = v128.load(p2 + v);
        let x3 = v128.load(p2 + d0 + v);
        let x4 = v128.load(p4 + v);
        let x5 = v128.load(p4 + d0 + v);
        let x6 = v128.load(p6 + v);
        let x7 = v128.load(p6 + d0 + v);
        let t = x0;
        x0 = nmadd<T>(s, x1, v128.mul<T>(c, x0));
        x1 = madd<T>(s, t, v128.mul<T>(c, x1));
        t = x2;
        x2 = nmadd<T>(s, x3, v128.mul<T>(c, x2));
        x3 = madd<T>(s, t, v128.mul<T>(c, x3));
        t = x4;
        x4 = nmadd<T>(s, x5, v128.mul<T>(c, x4));
        x5 = madd<T>(s, t, v128.mul<T>(c, x5));
        t = x6;
        x6 = nmadd<T>(s, x7, v128.mul<T>(c, x6));
        x7 = madd<T>(s, t, v128.mul<T>(c, x7));
        c = v128.load(at1);
        s = v128.load(at1 + sin1);
        t = x0;
        x0 = nmadd<T>(s, x2, v128.mul<T>(c, x0));
        x2 = madd<T>(s, t, v128.mul<T>(c, x2));
        t = x1;
        x1 = nmadd<T>(s, x3, v128.mul<T>(c, x1));
        x3 = madd<T>(s, t, v128.mul<T>(c, x3));
        t = x4;
        x4 = nmadd<T>(s, x6, v128.mul<T>(c, x4));
        x6 = madd<T>(s, t, v128.mul<T>(c, x6));
        t = x5;
        x5 = nmadd<T>(s, x7, v128.mul<T>(c, x5));
        x7 = madd<T>(s, t, v128.mul<T>(c, x7));
        c = v128.load(at2);
        s = v128.load(at2 + sin2);
        v128.store(p0 + v + delta, nmadd<T>(s, x4, v128.mul<T>(c, x0)));
        v128.store(p4 + v + delta, madd<T>(s, x0, v128.mul<T>(c, x4)));
        v128.store(p0 + d0 + v + delta, nmadd<T>(s, x5, v128.mul<T>(c, x1)));
        v128.store(p4 + d0 + v + delta, madd<T>(s, x1, v128.mul<T>(c, x5)));
        v128.store(p2 + v + delta, nmadd<T>(s, x6, v128.mul<T>(c, x2)));
        v128.store(p6 + v + delta, madd<T>(s, x2, v128.mul<T>(c, x6)));
        v128.store(p2 + d0 + v + delta, nmadd<T>(s, x7, v128.mul<T>(c, x3)));
        v128.store(p6 + d0 + v + delta, madd<T>(s, x3, v128.mul<T>(c, x7)));
      }
    }
  }
}

/** out = Im ⟨λ|Y|ψ⟩ per row for one qubit: the derivative of RY at this point. `parts` 1: ψ is real. */
export function rotationGradient1<T>(
  psi: usize, lambda: usize, plane: usize, amps: usize, rowBytes: usize, parts: usize, qubit: usize, out: usize,
): void {
  const stride = rowBytes << qubit;
  for (let v: usize = 0; v < rowBytes; v += 16) {
    let even = splatOf0();
    let odd = splatOf0();
    for (let part: usize = 0; part < parts; part++) {
      const a = psi + part * plane + v;
      const toLambda = lambda - psi;
      for (let group: usize = 0; group < amps >> 1; group++) {
        const p0 = a + insertZeroBit(group, qubit) * rowBytes;
        const p1 = p0 + stride;
        even = madd<T>(v128.load(p1 + toLambda), v128.load(p0), even);
        odd = madd<T>(v128.load(p0 + toLambda), v128.load(p1), odd);
      }
    }
    v128.store(out + v, v128.sub<T>(even, odd));
  }
}

/** The same for three qubits in one pass over both states. */
export function rotationGradient3<T>(
  psi: usize, lambda: usize, plane: usize, amps: usize, rowBytes: usize, parts: usize,
  q0: usize, out0: usize, q1: usize, out1: usize, q2: usize, out2: usize,
): void {
  const s0 = rowBytes << q0;
  const s1 = rowBytes << q1;
  const s2 = rowBytes << q2;
  const toLambda = lambda - psi;
  for (let v: usize = 0; v < rowBytes; v += 16) {
    let g0 = splatOf0();
    let g1 = splatOf0();
    let g2 = splatOf0();
    let h0 = splatOf0();
    let h1 = splatOf0();
    let h2 = splatOf0();
    for (let part: usize = 0; part < parts; part++) {
      const a = psi + part * plane + v;
      for (let group: usize = 0; group < amps >> 3; group++) {
        const p0 = a + insertZeroBit(insertZeroBit(insertZeroBit(group, q0), q1), q2) * rowBytes;
        for (let half: usize = 0; half < 2; half++) {
          // Four amplitudes of one half of q2, then the pairs across q2 against the other half.
          const p = p0 + half * s2;
          const x0 = v128.load(p);
          const x1 = v128.load(p + s0);
          const x2 = v128.load(p + s1);
          const x3 = v128.load(p + s0 + s1);
          const l0 = v128.load(p + toLambda);
          const l1 = v128.load(p + s0 + toLambda);
          const l2 = v128.load(p + s1 + toLambda);
          const l3 = v128.load(p + s0 + s1 + toLambda);
          g0 = madd<T>(l1, x0, g0);
          h0 = madd<T>(l0, x1, h0);
          g1 = madd<T>(l2, x0, g1);
          h1 = madd<T>(l0, x2, h1);
          g0 = madd<T>(l3, x2, g0);
          h0 = madd<T>(l2, x3, h0);
          g1 = madd<T>(l3, x1, g1);
          h1 = madd<T>(l1, x3, h1);
          if (half == 0) {
            const r = p0 + s2;
            g2 = madd<T>(v128.load(r + toLambda), x0, g2);
            h2 = madd<T>(l0, v128.load(r), h2);
            g2 = madd<T>(v128.load(r + s0 + toLambda), x1, g2);
            h2 = madd<T>(l1, v128.load(r + s0), h2);
            g2 = madd<T>(v128.load(r + s1 + toLambda), x2, g2);
            h2 = madd<T>(l2, v128.load(r + s1), h2);
            g2 = madd<T>(v128.load(r + s0 + s1 + toLambda), x3, g2);
            h2 = madd<T>(l3, v128.load(r + s0 + s1), h2);
          }
        }
      }
    }
    v128.store(out0 + v, v128.sub<T>(g0, h0));
    v128.store(out1 + v, v128.sub<T>(g1, h1));
    v128.store(out2 + v, v128.sub<T>(g2, h2));
  }
}

// @ts-ignore: decorator
@inline
function splatOf0(): v128 {
  return i32x4.splat(0);
}
