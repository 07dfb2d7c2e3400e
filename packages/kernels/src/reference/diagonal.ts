import type { ReferenceMemory } from "./memory.ts";

export function multiplyDiagonal(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  phases: number,
  conjugate: number,
): void {
  const W = rowBytes / m.size;
  for (let amp = 0; amp < amps; amp++) {
    const c = m.values[phases / m.size + 2 * amp]!; // addresses are inside the memory
    const s = m.values[phases / m.size + 2 * amp + 1]! * (conjugate === 0 ? 1 : -1);
    for (let row = 0; row < W; row++) {
      const at = amp * W + row;
      const re = m.values[src / m.size + at]!;
      const im = m.values[(src + plane) / m.size + at]!;
      m.values[dst / m.size + at] = c * re - s * im;
      m.values[(dst + plane) / m.size + at] = c * im + s * re;
    }
  }
}

export function multiplyDiagonalReal(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  phases: number,
): void {
  const W = rowBytes / m.size;
  for (let i = 0; i < amps * W; i++) {
    const re = m.values[src / m.size + i]!;
    const amp = Math.floor(i / W);
    m.values[dst / m.size + i] = m.values[phases / m.size + 2 * amp]! * re;
    m.values[(dst + plane) / m.size + i] = m.values[phases / m.size + 2 * amp + 1]! * re;
  }
}

export function multiplyRowPhase(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  signs: number,
  coefficients: number,
  inverse: number,
): void {
  const W = rowBytes / m.size;
  for (let amp = 0; amp < amps; amp++) {
    const sign = m.int32[signs / 4 + amp]! * (inverse === 0 ? 1 : -1);
    for (let row = 0; row < W; row++) {
      const at = amp * W + row;
      const c = sign === 0 ? 1 : m.values[coefficients / m.size + row]!;
      const s = sign === 0 ? 0 : m.values[coefficients / m.size + W + row]! * sign;
      const re = m.values[src / m.size + at]!;
      const im = m.values[(src + plane) / m.size + at]!;
      m.values[dst / m.size + at] = c * re + s * im;
      m.values[(dst + plane) / m.size + at] = c * im - s * re;
    }
  }
}

export function imaginaryProduct(
  m: ReferenceMemory,
  psi: number,
  lambda: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  parts: number,
): void {
  for (let i = 0; i < (amps * rowBytes) / m.size; i++) {
    const psiIm = parts === 1 ? 0 : m.values[(psi + plane) / m.size + i]!;
    m.values[dst / m.size + i] =
      m.values[lambda / m.size + i]! * psiIm -
      m.values[(lambda + plane) / m.size + i]! * m.values[psi / m.size + i]!;
  }
}

export function absoluteSquare(
  m: ReferenceMemory,
  psi: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
): void {
  for (let i = 0; i < (amps * rowBytes) / m.size; i++) {
    m.values[dst / m.size + i] =
      m.values[psi / m.size + i]! ** 2 + m.values[(psi + plane) / m.size + i]! ** 2;
  }
}

export function project(
  m: ReferenceMemory,
  w: number,
  coefficients: number,
  count: number,
  amps: number,
  rowBytes: number,
  out: number,
): void {
  const W = rowBytes / m.size;
  for (let k = 0; k < count; k++) {
    for (let row = 0; row < W; row++) {
      let sum = 0;
      for (let amp = 0; amp < amps; amp++) {
        sum +=
          m.values[coefficients / m.size + k * amps + amp]! * m.values[w / m.size + amp * W + row]!;
      }
      m.values[out / m.size + k * W + row] = sum;
    }
  }
}

export function foldDiagonal(
  m: ReferenceMemory,
  psi: number,
  lambda: number,
  plane: number,
  amps: number,
  rowBytes: number,
  g: number,
  coefficients: number,
  count: number,
): void {
  const W = rowBytes / m.size;
  for (let amp = 0; amp < amps; amp++) {
    for (let row = 0; row < W; row++) {
      let factor = 0;
      for (let k = 0; k < count; k++) {
        factor +=
          m.values[g / m.size + k * W + row]! * m.values[coefficients / m.size + k * amps + amp]!;
      }
      for (const part of [0, plane]) {
        const at = part / m.size + amp * W + row;
        m.values[lambda / m.size + at] = factor * m.values[psi / m.size + at]!;
      }
    }
  }
}
