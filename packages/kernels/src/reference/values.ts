import type { ReferenceMemory } from "./memory.ts";

export function evaluateAngles(
  m: ReferenceMemory,
  rows: number,
  width: number,
  W: number,
  table: number,
  count: number,
  out: number,
): void {
  let at = table / 8;
  for (let a = 0; a < count; a++) {
    const constant = m.float64[at]!; // addresses are inside the memory
    const terms = m.float64[at + 1]!;
    at += 2;
    for (let row = 0; row < W; row++) {
      let sum = constant;
      for (let t = 0; t < terms; t++) {
        sum +=
          m.float64[at + 2 * t]! * m.float64[rows / 8 + row * width + m.float64[at + 2 * t + 1]!]!;
      }
      m.float64[out / 8 + a * W + row] = sum;
    }
    at += 2 * terms;
  }
}

export function cosSin(
  m: ReferenceMemory,
  angles: number,
  blocks: number,
  W: number,
  out: number,
): void {
  for (let block = 0; block < blocks; block++) {
    for (let row = 0; row < W; row++) {
      const angle = m.float64[angles / 8 + block * W + row]!;
      m.values[out / m.size + 2 * block * W + row] = Math.cos(angle);
      m.values[out / m.size + (2 * block + 1) * W + row] = Math.sin(angle);
    }
  }
}

export function writeRows(
  m: ReferenceMemory,
  values: number,
  count: number,
  W: number,
  out: number,
): void {
  for (let k = 0; k < count; k++) {
    for (let row = 0; row < W; row++)
      m.float64[out / 8 + row * count + k] = m.values[values / m.size + k * W + row]!;
  }
}

export function readRows(
  m: ReferenceMemory,
  values: number,
  count: number,
  W: number,
  out: number,
): void {
  for (let k = 0; k < count; k++) {
    for (let row = 0; row < W; row++)
      m.values[out / m.size + k * W + row] = m.float64[values / 8 + row * count + k]!;
  }
}

export function combineGradients(
  m: ReferenceMemory,
  gradients: number,
  W: number,
  table: number,
  count: number,
  out: number,
): void {
  let at = table / 8;
  for (let p = 0; p < count; p++) {
    const terms = m.float64[at]!;
    at += 1;
    for (let row = 0; row < W; row++) {
      let sum = 0;
      for (let t = 0; t < terms; t++) {
        sum +=
          m.float64[at + 2 * t]! *
          m.values[gradients / m.size + m.float64[at + 2 * t + 1]! * W + row]!;
      }
      m.float64[out / 8 + row * count + p] = sum;
    }
    at += 2 * terms;
  }
}

export function sumRows(
  m: ReferenceMemory,
  rows: number,
  W: number,
  width: number,
  out: number,
): void {
  for (let stride = 1; stride < W; stride *= 2) {
    for (let row = 0; row + stride < W; row += 2 * stride) {
      for (let column = 0; column < width; column++) {
        const to = rows / 8 + row * width + column;
        m.float64[to] = m.float64[to]! + m.float64[to + stride * width]!;
      }
    }
  }
  m.float64.copyWithin(out / 8, rows / 8, rows / 8 + width);
}

export function zeroBytes(m: ReferenceMemory, dst: number, byteCount: number): void {
  m.uint32.fill(0, dst / 4, (dst + byteCount) / 4);
}

export function copyBytes(m: ReferenceMemory, src: number, dst: number, byteCount: number): void {
  m.uint32.copyWithin(dst / 4, src / 4, (src + byteCount) / 4);
}
