/**
 * Dense operators on k qubits, shared by the batch or one per row, under controls; and the cross matrix
 * M[i, j] = Σ conj(λ_i) ψ_j that their derivatives need. Controls are bits of the amplitude index.
 */
import { entryBytes, madd, nmadd } from "./vector";

/** Places the bits of `local` at the qubits of the table [k] int32. */
// @ts-ignore: decorator
@inline
function spread(local: usize, k: usize, qubits: usize): usize {
  let index: usize = 0;
  for (let j: usize = 0; j < k; j++) index |= ((local >> j) & 1) << <usize>load<i32>(qubits + (j << 2));
  return index;
}

/**
 * dst = U src on the amplitudes whose index has `controlValue` under `controlMask`; elsewhere dst = src.
 * coefficients [4^k, (re, im)] entries, row-major; scratch [2·2^k] vectors; qubits int32 [k].
 */
export function applyMatrix<T>(
  src: usize, dst: usize, plane: usize, amps: usize, rowBytes: usize, k: usize, qubits: usize,
  controlMask: usize, controlValue: usize, coefficients: usize, step: usize, scratch: usize,
): void {
  const dim = <usize>1 << k;
  const entry = entryBytes(step, rowBytes);
  const delta = dst - src;
  const targets = spread(dim - 1, k, qubits);
  for (let base: usize = 0; base < amps; base++) {
    if ((base & targets) != 0) continue;
    if ((base & controlMask) != controlValue) {
      if (delta != 0) copyGroup(src, dst, plane, base, dim, k, qubits, rowBytes);
      continue;
    }
    for (let v: usize = 0; v < rowBytes; v += 16) {
      for (let j: usize = 0; j < dim; j++) {
        const p = src + (base | spread(j, k, qubits)) * rowBytes + v;
        v128.store(scratch + (j << 5), v128.load(p));
        v128.store(scratch + (j << 5) + 16, v128.load(p + plane));
      }
      for (let i: usize = 0; i < dim; i++) {
        let re: v128 = i32x4.splat(0);
        let im: v128 = i32x4.splat(0);
        let c = coefficients + i * dim * 2 * entry + (step == 0 ? 0 : v);
        for (let j: usize = 0; j < dim; j++) {
          const cr = v128.load(c);
          const ci = v128.load(c + entry);
          const xr = v128.load(scratch + (j << 5));
          const xi = v128.load(scratch + (j << 5) + 16);
          re = nmadd<T>(ci, xi, madd<T>(cr, xr, re));
          im = madd<T>(ci, xr, madd<T>(cr, xi, im));
          c += 2 * entry;
        }
        const to = dst + (base | spread(i, k, qubits)) * rowBytes + v;
        v128.store(to, re);
        v128.store(to + plane, im);
      }
    }
  }
}

function copyGroup(
  src: usize, dst: usize, plane: usize, base: usize, dim: usize, k: usize, qubits: usize, rowBytes: usize,
): void {
  for (let j: usize = 0; j < dim; j++) {
    const at = (base | spread(j, k, qubits)) * rowBytes;
    memory.copy(dst + at, src + at, rowBytes);
    memory.copy(dst + at + plane, src + at + plane, rowBytes);
  }
}

/** dst = U src for one qubit without controls, the common case, in registers. */
export function applyMatrix1<T>(
  src: usize, dst: usize, plane: usize, amps: usize, rowBytes: usize, qubit: usize, coefficients: usize, step: usize,
): void {
  const entry = entryBytes(step, rowBytes);
  const stride = rowBytes << qubit;
  const delta = dst - src;
  for (let base: usize = 0; base < amps; base++) {
    if (((base >> qubit) & 1) != 0) continue;
    const p0 = src + base * rowBytes;
    const p1 = p0 + stride;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const c = coefficients + (step == 0 ? 0 : v);
      const ar = v128.load(p0 + v);
      const ai = v128.load(p0 + v + plane);
      const br = v128.load(p1 + v);
      const bi = v128.load(p1 + v + plane);
      let ur = v128.load(c);
      let ui = v128.load(c + entry);
      let wr = v128.load(c + 2 * entry);
      let wi = v128.load(c + 3 * entry);
      let re = nmadd<T>(wi, bi, madd<T>(wr, br, nmadd<T>(ui, ai, v128.mul<T>(ur, ar))));
      let im = madd<T>(wi, br, madd<T>(wr, bi, madd<T>(ui, ar, v128.mul<T>(ur, ai))));
      v128.store(p0 + v + delta, re);
      v128.store(p0 + v + plane + delta, im);
      ur = v128.load(c + 4 * entry);
      ui = v128.load(c + 5 * entry);
      wr = v128.load(c + 6 * entry);
      wi = v128.load(c + 7 * entry);
      re = nmadd<T>(wi, bi, madd<T>(wr, br, nmadd<T>(ui, ai, v128.mul<T>(ur, ar))));
      im = madd<T>(wi, br, madd<T>(wr, bi, madd<T>(ui, ar, v128.mul<T>(ur, ai))));
      v128.store(p1 + v + delta, re);
      v128.store(p1 + v + plane + delta, im);
    }
  }
}

/** out [4^k, (re, im), row] = Σ over the other qubits of conj(λ_i) ψ_j, on the amplitudes that the controls let through. */
export function crossMatrix<T>(
  psi: usize, lambda: usize, plane: usize, amps: usize, rowBytes: usize, k: usize, qubits: usize,
  controlMask: usize, controlValue: usize, out: usize,
): void {
  const dim = <usize>1 << k;
  const targets = spread(dim - 1, k, qubits);
  for (let i: usize = 0; i < dim; i++) {
    const atI = spread(i, k, qubits);
    for (let j: usize = 0; j < dim; j++) {
      const atJ = spread(j, k, qubits);
      const to = out + (i * dim + j) * 2 * rowBytes;
      for (let v: usize = 0; v < rowBytes; v += 16) {
        let re: v128 = i32x4.splat(0);
        let im: v128 = i32x4.splat(0);
        for (let base: usize = 0; base < amps; base++) {
          if ((base & targets) != 0 || (base & controlMask) != controlValue) continue;
          const l = lambda + (base | atI) * rowBytes + v;
          const p = psi + (base | atJ) * rowBytes + v;
          const lr = v128.load(l);
          const li = v128.load(l + plane);
          const pr = v128.load(p);
          const pi = v128.load(p + plane);
          re = madd<T>(li, pi, madd<T>(lr, pr, re));
          im = nmadd<T>(li, pr, madd<T>(lr, pi, im));
        }
        v128.store(to + v, re);
        v128.store(to + v + rowBytes, im);
      }
    }
  }
}

/** out = 2 Re Σ_e d[e] m[e] per row over `count` complex entries; d shared (step 0) or per row. */
export function contract<T>(m: usize, d: usize, step: usize, count: usize, rowBytes: usize, out: usize): void {
  const entry = entryBytes(step, rowBytes);
  for (let v: usize = 0; v < rowBytes; v += 16) {
    let sum: v128 = i32x4.splat(0);
    for (let e: usize = 0; e < count; e++) {
      const at = m + e * 2 * rowBytes + v;
      const c = d + e * 2 * entry + (step == 0 ? 0 : v);
      sum = nmadd<T>(v128.load(c + entry), v128.load(at + rowBytes), madd<T>(v128.load(c), v128.load(at), sum));
    }
    v128.store(out + v, v128.add<T>(sum, sum));
  }
}

/** dst[amp] = src[table[amp]]; table uint32 [amps]. */
export function permute<T>(
  src: usize, dst: usize, plane: usize, amps: usize, rowBytes: usize, table: usize,
): void {
  for (let amp: usize = 0; amp < amps; amp++) {
    const from = src + <usize>load<u32>(table + (amp << 2)) * rowBytes;
    const to = dst + amp * rowBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      v128.store(to + v, v128.load(from + v));
      v128.store(to + v + plane, v128.load(from + v + plane));
    }
  }
}
