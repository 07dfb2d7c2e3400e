import { type ReferenceMemory, coefficientIndex } from "./memory.ts";

export function prepareZero(
  m: ReferenceMemory,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
): void {
  const length = (amps * rowBytes) / m.size;
  m.values.fill(0, dst / m.size, dst / m.size + length);
  m.values.fill(0, (dst + plane) / m.size, (dst + plane) / m.size + length);
  m.values.fill(1, dst / m.size, (dst + rowBytes) / m.size);
}

export function doubleProduct(
  m: ReferenceMemory,
  dst: number,
  half: number,
  rowBytes: number,
  pointer: number,
  step: number,
): void {
  const W = rowBytes / m.size;
  const coefficients = { pointer, step, rowBytes };
  for (let amp = 0; amp < half; amp++) {
    for (let row = 0; row < W; row++) {
      const at = dst / m.size + amp * W + row;
      const x = m.values[at]!; // addresses are inside the memory
      m.values[at] = x * m.values[coefficientIndex(m, coefficients, 0, row)]!;
      m.values[at + half * W] = x * m.values[coefficientIndex(m, coefficients, 1, row)]!;
    }
  }
}
