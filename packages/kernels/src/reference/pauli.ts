import type { ReferenceMemory } from "./memory.ts";

/** Whether the set bits of a non-negative integer are odd in number. */
function isOdd(bits: number): boolean {
  let parity = 0;
  for (let rest = bits; rest > 0; rest = Math.floor(rest / 2)) parity ^= rest % 2;
  return parity === 1;
}

/** The factor i^phase (−1)^{|x & zMask|} as real and imaginary part. */
function factor(x: number, zMask: number, phase: number): { re: number; im: number } {
  const sign = isOdd(x & zMask) ? -1 : 1;
  return { re: [1, 0, -1, 0][phase % 4]! * sign, im: [0, 1, 0, -1][phase % 4]! * sign }; // phase % 4 is 0 … 3
}

export function addPauliExpectation(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  amps: number,
  rowBytes: number,
  xMask: number,
  zMask: number,
  phase: number,
  coefficient: number,
  out: number,
): void {
  const W = rowBytes / m.size;
  const weight = m.float64[coefficient / 8]!; // addresses are inside the memory
  for (let row = 0; row < W; row++) {
    let sum = 0;
    for (let x = 0; x < amps; x++) {
      const f = factor(x, zMask, phase);
      const a = (x ^ xMask) * W + row;
      const ar = m.values[psi / m.size + a]!;
      const ai = m.values[(psi + plane) / m.size + a]!;
      const br = m.values[psi / m.size + x * W + row]!;
      const bi = m.values[(psi + plane) / m.size + x * W + row]!;
      sum += f.re * (ar * br + ai * bi) - f.im * (ar * bi - ai * br);
    }
    const at = out / m.size + row;
    m.values[at] = m.values[at]! + weight * sum;
  }
}

export function addPauliFold(
  m: ReferenceMemory,
  psi: number,
  lambda: number,
  plane: number,
  amps: number,
  rowBytes: number,
  xMask: number,
  zMask: number,
  phase: number,
  coefficient: number,
  g: number,
): void {
  const W = rowBytes / m.size;
  const weight = m.float64[coefficient / 8]!;
  for (let x = 0; x < amps; x++) {
    const f = factor(x, zMask, phase);
    for (let row = 0; row < W; row++) {
      const scale = weight * m.values[g / m.size + row]!;
      const re = m.values[psi / m.size + x * W + row]!;
      const im = m.values[(psi + plane) / m.size + x * W + row]!;
      const to = lambda / m.size + (x ^ xMask) * W + row;
      m.values[to] = m.values[to]! + scale * (f.re * re - f.im * im);
      m.values[to + plane / m.size] =
        m.values[to + plane / m.size]! + scale * (f.re * im + f.im * re);
    }
  }
}
