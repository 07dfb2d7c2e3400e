import { type ReferenceMemory, coefficientIndex } from "./memory.ts";

/** Places the bits of `local` at the qubits of the table. */
function spread(m: ReferenceMemory, local: number, k: number, qubits: number): number {
  let index = 0;
  for (let j = 0; j < k; j++) index += ((local >>> j) & 1) * 2 ** m.int32[qubits / 4 + j]!; // addresses are inside the memory
  return index;
}

export function applyMatrix(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  k: number,
  qubits: number,
  controlMask: number,
  controlValue: number,
  pointer: number,
  step: number,
  scratch: number,
): void {
  const dim = 2 ** k;
  const W = rowBytes / m.size;
  const coefficients = { pointer, step, rowBytes };
  const targets = spread(m, dim - 1, k, qubits);
  for (let base = 0; base < amps; base++) {
    if ((base & targets) !== 0) continue;
    const acts = (base & controlMask) === controlValue;
    for (let row = 0; row < W; row++) {
      const index = (j: number) => (base | spread(m, j, k, qubits)) * W + row;
      for (let j = 0; j < dim; j++) {
        m.values[scratch / m.size + 2 * j] = m.values[src / m.size + index(j)]!;
        m.values[scratch / m.size + 2 * j + 1] = m.values[(src + plane) / m.size + index(j)]!;
      }
      for (let i = 0; i < dim; i++) {
        let re = acts ? 0 : m.values[scratch / m.size + 2 * i]!;
        let im = acts ? 0 : m.values[scratch / m.size + 2 * i + 1]!;
        for (let j = 0; acts && j < dim; j++) {
          const cr = m.values[coefficientIndex(m, coefficients, 2 * (i * dim + j), row)]!;
          const ci = m.values[coefficientIndex(m, coefficients, 2 * (i * dim + j) + 1, row)]!;
          const xr = m.values[scratch / m.size + 2 * j]!;
          const xi = m.values[scratch / m.size + 2 * j + 1]!;
          re += cr * xr - ci * xi;
          im += cr * xi + ci * xr;
        }
        m.values[dst / m.size + index(i)] = re;
        m.values[(dst + plane) / m.size + index(i)] = im;
      }
    }
  }
}

export function applyMatrix1(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  qubit: number,
  pointer: number,
  step: number,
): void {
  const W = rowBytes / m.size;
  const coefficients = { pointer, step, rowBytes };
  for (let x = 0; x < amps; x++) {
    if (((x >>> qubit) & 1) === 1) continue;
    for (let row = 0; row < W; row++) {
      const u = (entry: number) => m.values[coefficientIndex(m, coefficients, entry, row)]!;
      const i0 = x * W + row;
      const i1 = i0 + 2 ** qubit * W;
      const ar = m.values[src / m.size + i0]!;
      const ai = m.values[(src + plane) / m.size + i0]!;
      const br = m.values[src / m.size + i1]!;
      const bi = m.values[(src + plane) / m.size + i1]!;
      m.values[dst / m.size + i0] = u(0) * ar - u(1) * ai + u(2) * br - u(3) * bi;
      m.values[(dst + plane) / m.size + i0] = u(0) * ai + u(1) * ar + u(2) * bi + u(3) * br;
      m.values[dst / m.size + i1] = u(4) * ar - u(5) * ai + u(6) * br - u(7) * bi;
      m.values[(dst + plane) / m.size + i1] = u(4) * ai + u(5) * ar + u(6) * bi + u(7) * br;
    }
  }
}

export function crossMatrix(
  m: ReferenceMemory,
  psi: number,
  lambda: number,
  plane: number,
  amps: number,
  rowBytes: number,
  k: number,
  qubits: number,
  controlMask: number,
  controlValue: number,
  out: number,
): void {
  const dim = 2 ** k;
  const W = rowBytes / m.size;
  const targets = spread(m, dim - 1, k, qubits);
  for (let i = 0; i < dim; i++) {
    for (let j = 0; j < dim; j++) {
      for (let row = 0; row < W; row++) {
        let re = 0;
        let im = 0;
        for (let base = 0; base < amps; base++) {
          if ((base & targets) !== 0 || (base & controlMask) !== controlValue) continue;
          const l = (base | spread(m, i, k, qubits)) * W + row;
          const p = (base | spread(m, j, k, qubits)) * W + row;
          const lr = m.values[lambda / m.size + l]!;
          const li = m.values[(lambda + plane) / m.size + l]!;
          const pr = m.values[psi / m.size + p]!;
          const pi = m.values[(psi + plane) / m.size + p]!;
          re += lr * pr + li * pi;
          im += lr * pi - li * pr;
        }
        m.values[out / m.size + 2 * (i * dim + j) * W + row] = re;
        m.values[out / m.size + (2 * (i * dim + j) + 1) * W + row] = im;
      }
    }
  }
}

export function contract(
  m: ReferenceMemory,
  matrix: number,
  pointer: number,
  step: number,
  count: number,
  rowBytes: number,
  out: number,
): void {
  const W = rowBytes / m.size;
  const coefficients = { pointer, step, rowBytes };
  for (let row = 0; row < W; row++) {
    let sum = 0;
    for (let e = 0; e < count; e++) {
      sum +=
        m.values[coefficientIndex(m, coefficients, 2 * e, row)]! *
        m.values[matrix / m.size + 2 * e * W + row]!;
      sum -=
        m.values[coefficientIndex(m, coefficients, 2 * e + 1, row)]! *
        m.values[matrix / m.size + (2 * e + 1) * W + row]!;
    }
    m.values[out / m.size + row] = 2 * sum;
  }
}

export function permute(
  m: ReferenceMemory,
  src: number,
  dst: number,
  plane: number,
  amps: number,
  rowBytes: number,
  table: number,
): void {
  const W = rowBytes / m.size;
  for (const part of [0, plane]) {
    for (let amp = 0; amp < amps; amp++) {
      const from = (src + part) / m.size + m.uint32[table / 4 + amp]! * W;
      m.values.copyWithin((dst + part) / m.size + amp * W, from, from + W);
    }
  }
}
