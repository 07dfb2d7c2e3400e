/** Real rotations, one qubit after the other: the definition that the fused kernels are held against. */
import { type ReferenceMemory, coefficientIndex } from "./memory.ts";

/** A sweep from `src` to `dst` over a state. */
interface Sweep {
  readonly src: number;
  readonly dst: number;
  readonly plane: number;
  readonly amps: number;
  readonly rowBytes: number;
  readonly inverse: number;
}

function rotateQubit(
  m: ReferenceMemory,
  sweep: Sweep,
  qubit: number,
  pointer: number,
  step: number,
): void {
  const { src, dst, plane, amps, rowBytes, inverse } = sweep;
  const W = rowBytes / m.size;
  const coefficients = { pointer, step, rowBytes };
  for (const part of [0, plane]) {
    for (let x = 0; x < amps; x++) {
      if (((x >>> qubit) & 1) === 1) continue;
      for (let row = 0; row < W; row++) {
        const c = m.values[coefficientIndex(m, coefficients, 0, row)]!; // addresses are inside the memory
        const s = m.values[coefficientIndex(m, coefficients, 1, row)]! * (inverse === 0 ? 1 : -1);
        const i0 = (part + x * rowBytes) / m.size + row;
        const i1 = i0 + 2 ** qubit * W;
        const a0 = m.values[src / m.size + i0]!;
        const a1 = m.values[src / m.size + i1]!;
        m.values[dst / m.size + i0] = c * a0 - s * a1;
        m.values[dst / m.size + i1] = s * a0 + c * a1;
      }
    }
  }
}

export function rotate1(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  inverse: number,
  q0: number,
  coef0: number,
  step0: number,
): void {
  rotateQubit(m, { src, dst, plane, amps, rowBytes, inverse }, q0, coef0, step0);
}

export function rotate2(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  inverse: number,
  q0: number,
  coef0: number,
  step0: number,
  q1: number,
  coef1: number,
  step1: number,
): void {
  rotateQubit(m, { src, dst, plane, amps, rowBytes, inverse }, q0, coef0, step0);
  rotateQubit(m, { src: dst, dst, plane, amps, rowBytes, inverse }, q1, coef1, step1);
}

export function rotate3(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  inverse: number,
  q0: number,
  coef0: number,
  step0: number,
  q1: number,
  coef1: number,
  step1: number,
  q2: number,
  coef2: number,
  step2: number,
): void {
  rotate2(m, src, dst, plane, amps, rowBytes, inverse, q0, coef0, step0, q1, coef1, step1);
  rotateQubit(m, { src: dst, dst, plane, amps, rowBytes, inverse }, q2, coef2, step2);
}

export function rotationGradient1(
  m: ReferenceMemory,
  psi: number,
  lambda: number,
  plane: number,
  amps: number,
  rowBytes: number,
  parts: number,
  qubit: number,
  out: number,
): void {
  const W = rowBytes / m.size;
  for (let row = 0; row < W; row++) {
    let sum = 0;
    for (let part = 0; part < parts; part++) {
      for (let x = 0; x < amps; x++) {
        if (((x >>> qubit) & 1) === 1) continue;
        const i0 = (part * plane + x * rowBytes) / m.size + row;
        const i1 = i0 + 2 ** qubit * W;
        sum += m.values[lambda / m.size + i1]! * m.values[psi / m.size + i0]!;
        sum -= m.values[lambda / m.size + i0]! * m.values[psi / m.size + i1]!;
      }
    }
    m.values[out / m.size + row] = sum;
  }
}

export function rotationGradient3(
  m: ReferenceMemory,
  psi: number,
  lambda: number,
  plane: number,
  amps: number,
  rowBytes: number,
  parts: number,
  q0: number,
  out0: number,
  q1: number,
  out1: number,
  q2: number,
  out2: number,
): void {
  rotationGradient1(m, psi, lambda, plane, amps, rowBytes, parts, q0, out0);
  rotationGradient1(m, psi, lambda, plane, amps, rowBytes, parts, q1, out1);
  rotationGradient1(m, psi, lambda, plane, amps, rowBytes, parts, q2, out2);
}
