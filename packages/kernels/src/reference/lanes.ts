/** One state vector without a batch, amplitude by amplitude: the definition of assembly/lanes.ts. */
import type { ReferenceMemory } from "./memory.ts";

/** Places the bits of `local` at the positions of an int32 table. */
function spreadBits(m: ReferenceMemory, local: number, k: number, qubits: number): number {
  let index = 0;
  for (let j = 0; j < k; j++)
    index += (Math.floor(local / 2 ** j) % 2) * 2 ** m.int32[qubits / 4 + j]!; // addresses are inside the memory
  return index;
}

export function laneMatrix(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  vectors: number,
  k: number,
  qubits: number,
  flips: number,
  laneMasks: number,
  controlMask: number,
  controlValue: number,
  coefficients: number,
  _scratch: number,
  tile: number,
  outerMask: number,
  outerValue: number,
): void {
  if ((tile & outerMask) !== outerValue) return;
  const lanes = 16 / m.size;
  const dim = 2 ** k;
  const targets = spreadBits(m, dim - 1, k, qubits);
  for (let base = 0; base < vectors; base++) {
    if ((base & targets) !== 0 || (base & controlMask) !== controlValue) continue;
    const index = (j: number, lane: number): number =>
      (base | spreadBits(m, j, k, qubits)) * lanes + lane;
    const old = Array.from({ length: dim * lanes }, (_, e) => {
      const at = index(Math.floor(e / lanes), e % lanes);
      return [m.values[psi / m.size + at]!, m.values[(psi + plane) / m.size + at]!] as const;
    });
    for (let i = 0; i < dim; i++) {
      for (let lane = 0; lane < lanes; lane++) {
        let [re, im] = [0, 0];
        for (let j = 0; j < dim; j++) {
          for (let f = 0; f < flips; f++) {
            const c = (coefficients + ((i * dim + j) * flips + f) * 32) / m.size + lane;
            const [cr, ci] = [m.values[c]!, m.values[c + lanes]!];
            const [xr, xi] = old[j * lanes + (lane ^ m.int32[laneMasks / 4 + f]!)]!;
            re += cr * xr - ci * xi;
            im += cr * xi + ci * xr;
          }
        }
        m.values[psi / m.size + index(i, lane)] = re;
        m.values[(psi + plane) / m.size + index(i, lane)] = im;
      }
    }
  }
}

export function laneSparse(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  vectors: number,
  k: number,
  qubits: number,
  flips: number,
  laneMasks: number,
  controlMask: number,
  controlValue: number,
  rows: number,
  _scratch: number,
  tile: number,
  outerMask: number,
  outerValue: number,
): void {
  if ((tile & outerMask) !== outerValue) return;
  const lanes = 16 / m.size;
  const dim = 2 ** k;
  const targets = spreadBits(m, dim - 1, k, qubits);
  for (let base = 0; base < vectors; base++) {
    if ((base & targets) !== 0 || (base & controlMask) !== controlValue) continue;
    const index = (j: number, lane: number): number =>
      (base | spreadBits(m, j, k, qubits)) * lanes + lane;
    const old = Array.from({ length: dim * lanes }, (_, e) => {
      const at = index(Math.floor(e / lanes), e % lanes);
      return [m.values[psi / m.size + at]!, m.values[(psi + plane) / m.size + at]!] as const;
    });
    let row = rows;
    for (let i = 0; i < dim; i++) {
      const count = m.uint32[row / 4]!;
      for (let lane = 0; lane < lanes && count > 0; lane++) {
        let [re, im] = [0, 0];
        for (let t = 0; t < count; t++) {
          const term = row + 16 + 48 * t;
          const input = m.uint32[term / 4]!;
          const [cr, ci] = [
            m.values[(term + 16) / m.size + lane]!,
            m.values[(term + 32) / m.size + lane]!,
          ];
          const source = Math.floor(input / flips) * lanes;
          const [xr, xi] = old[source + (lane ^ m.int32[laneMasks / 4 + (input % flips)]!)]!;
          re += cr * xr - ci * xi;
          im += cr * xi + ci * xr;
        }
        m.values[psi / m.size + index(i, lane)] = re;
        m.values[(psi + plane) / m.size + index(i, lane)] = im;
      }
      row += 16 + 48 * count;
    }
  }
}

export function lanePhase(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  vectors: number,
  k: number,
  qubits: number,
  table: number,
  tile: number,
  outer: number,
  outerQubits: number,
  _scratch: number,
): void {
  const lanes = 16 / m.size;
  let part = 0;
  for (let j = 0; j < outer; j++) part += ((tile >>> m.int32[outerQubits / 4 + j]!) & 1) * 2 ** j;
  for (let i = 0; i < vectors * lanes; i++) {
    const vector = Math.floor(i / lanes);
    let local = 0;
    for (let j = 0; j < k; j++) local += ((vector >>> m.int32[qubits / 4 + j]!) & 1) * 2 ** j;
    const entry = table + (part * 2 ** k + local) * 48;
    if (m.int32[entry / 4] === 0) continue;
    const [c, s] = [
      m.values[(entry + 16) / m.size + (i % lanes)]!,
      m.values[(entry + 32) / m.size + (i % lanes)]!,
    ];
    const [re, im] = [m.values[psi / m.size + i]!, m.values[(psi + plane) / m.size + i]!];
    m.values[psi / m.size + i] = c * re - s * im;
    m.values[(psi + plane) / m.size + i] = c * im + s * re;
  }
}

/** Calls `copy` with the byte offsets of each run in the state and in the tile. */
function forChunks(
  m: ReferenceMemory,
  where: {
    chunkBytes: number;
    chunks: number;
    offsets: number;
    tile: number;
    outer: number;
    outerQubits: number;
  },
  copy: (inState: number, inTile: number) => void,
): void {
  const start = spreadBits(m, where.tile, where.outer, where.outerQubits) * m.size;
  for (let chunk = 0; chunk < where.chunks; chunk++) {
    copy(start + m.uint32[where.offsets / 4 + chunk]! * where.chunkBytes, chunk * where.chunkBytes);
  }
}

export function gatherTile(
  m: ReferenceMemory,
  state: number,
  plane: number,
  tileAt: number,
  tilePlane: number,
  chunkBytes: number,
  chunks: number,
  offsets: number,
  tile: number,
  outer: number,
  outerQubits: number,
): boolean {
  let isZero = true;
  forChunks(m, { chunkBytes, chunks, offsets, tile, outer, outerQubits }, (inState, inTile) => {
    for (const [from, to] of [
      [state + inState, tileAt + inTile],
      [state + plane + inState, tileAt + tilePlane + inTile],
    ] as const) {
      const run = m.values.subarray(from / m.size, (from + chunkBytes) / m.size);
      isZero &&= run.every((x) => Object.is(x, 0));
      m.values.set(run, to / m.size);
    }
  });
  return isZero;
}

export function scatterTile(
  m: ReferenceMemory,
  state: number,
  plane: number,
  tileAt: number,
  tilePlane: number,
  chunkBytes: number,
  chunks: number,
  offsets: number,
  tile: number,
  outer: number,
  outerQubits: number,
): void {
  forChunks(m, { chunkBytes, chunks, offsets, tile, outer, outerQubits }, (inState, inTile) => {
    for (const [to, from] of [
      [state + inState, tileAt + inTile],
      [state + plane + inState, tileAt + tilePlane + inTile],
    ] as const) {
      m.values.copyWithin(to / m.size, from / m.size, (from + chunkBytes) / m.size);
    }
  });
}

export function blockWeights(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  bits: number,
  blocks: number,
  out: number,
): void {
  for (let block = 0; block < blocks; block++) {
    let sum = 0;
    for (let i = 0; i < 2 ** bits; i++) {
      const at = block * 2 ** bits + i;
      sum += m.values[psi / m.size + at]! ** 2 + m.values[(psi + plane) / m.size + at]! ** 2;
    }
    m.float64[out / 8 + block] = sum;
  }
}
