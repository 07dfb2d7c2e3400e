/** Start states: |0…0⟩ and real product states, built by doubling (2^(n+1) work instead of n·2^n). */
import { entryBytes, splatOf } from "./vector";

export function prepareZero<T>(dst: usize, plane: usize, amps: usize, rowBytes: usize): void {
  memory.fill(dst, 0, amps * rowBytes);
  memory.fill(dst + plane, 0, amps * rowBytes);
  const one = splatOf<T>(1);
  for (let v: usize = 0; v < rowBytes; v += 16) v128.store(dst + v, one);
}

/** One step of the doubling: amplitudes 0 … half−1 become c times themselves, half … 2·half−1 become s times them. */
export function doubleProduct<T>(
  dst: usize,
  half: usize,
  rowBytes: usize,
  coef: usize,
  step: usize,
): void {
  const sin = entryBytes(step, rowBytes);
  const stride = half * rowBytes;
  for (let amp: usize = 0; amp < half; amp++) {
    const p = dst + amp * rowBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const at = coef + (step == 0 ? 0 : v);
      const x = v128.load(p + v);
      v128.store(p + v, v128.mul<T>(x, v128.load(at)));
      v128.store(p + v + stride, v128.mul<T>(x, v128.load(at + sin)));
    }
  }
}
