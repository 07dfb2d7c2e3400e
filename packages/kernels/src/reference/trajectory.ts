/** Batched trajectories, row by row: the definition of assembly/trajectory.ts, where the idea is told. */
import { philox4x32InPlace } from "@qtune/base";
import type { ReferenceMemory } from "./memory.ts";

const purposes = { detuning: 1, site: 2, readout: 3, first: 4 } as const;

/** The block of a counter as numbers in (0, 1). */
function draw(
  m: ReferenceMemory,
  key: number,
  counter: readonly [number, number, number, number],
): number[] {
  const block = new Uint32Array(4);
  philox4x32InPlace(Uint32Array.from(counter), m.uint32.slice(key / 4, key / 4 + 2), block);
  return Array.from(block, (word) => (word + 0.5) / 2 ** 32);
}

/** A float64 of the memory. */
function number(m: ReferenceMemory, address: number): number {
  return m.float64[address / 8]!; // addresses are inside the memory
}

export function drawDetunings(
  m: ReferenceMemory,
  delta: number,
  sigmas: number,
  n: number,
  W: number,
  key: number,
  tile: number,
  _scratch: number,
): void {
  for (let qubit = 0; qubit < n; qubit++) {
    for (let row = 0; row < W; row++) {
      const block = draw(m, key, [tile * W + row, qubit - (qubit % 4), 0, purposes.detuning]);
      const [u = 0, v = 0] = block.slice(2 * Math.floor((qubit % 4) / 2));
      const radius = Math.sqrt(-2 * Math.log(u));
      const turn = qubit % 2 === 0 ? Math.cos(2 * Math.PI * v) : Math.sin(2 * Math.PI * v);
      m.float64[delta / 8 + qubit * W + row] = number(m, sigmas + 8 * qubit) * radius * turn;
    }
  }
}

/** z = scale · e^{i(alpha + delta·tau)} of a pending factor; `delta` is the address of this qubit's and row's detuning. */
function pendingFactor(
  m: ReferenceMemory,
  pending: number,
  delta: number,
): { re: number; im: number } {
  const angle = number(m, pending + 8) + number(m, delta) * number(m, pending);
  const scale = number(m, pending + 16);
  return { re: scale * Math.cos(angle), im: scale * Math.sin(angle) };
}

/** A 2×2 complex matrix: entries (re, im), row-major. */
type Matrix2 = readonly [number, number, number, number, number, number, number, number];

/** Multiplies the pairs of one row by a matrix. */
function applyToRow(
  m: ReferenceMemory,
  where: { psi: number; plane: number; amps: number; rowBytes: number; row: number; qubit: number },
  u: Matrix2,
): void {
  const { psi, plane, amps, rowBytes, row, qubit } = where;
  const re = psi / m.size + row;
  const im = (psi + plane) / m.size + row;
  for (let base = 0; base < amps; base++) {
    if (((base >>> qubit) & 1) === 1) continue;
    const i0 = (base * rowBytes) / m.size;
    const i1 = i0 + (2 ** qubit * rowBytes) / m.size;
    const [ar, ai] = [m.values[re + i0]!, m.values[im + i0]!];
    const [br, bi] = [m.values[re + i1]!, m.values[im + i1]!];
    m.values[re + i0] = u[0] * ar - u[1] * ai + u[2] * br - u[3] * bi;
    m.values[im + i0] = u[0] * ai + u[1] * ar + u[2] * bi + u[3] * br;
    m.values[re + i1] = u[4] * ar - u[5] * ai + u[6] * br - u[7] * bi;
    m.values[im + i1] = u[4] * ai + u[5] * ar + u[6] * bi + u[7] * br;
  }
}

export function pulse(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  amps: number,
  rowBytes: number,
  qubit: number,
  delta: number,
  pending: number,
  turn: number,
  _scratch: number,
): void {
  const c = number(m, turn);
  const s = number(m, turn + 8);
  for (let row = 0; row < rowBytes / m.size; row++) {
    const z = pendingFactor(m, pending, delta + 8 * row);
    // RX(θ) diag(1, z)
    applyToRow(m, { psi, plane, amps, rowBytes, row, qubit }, [
      c,
      0,
      s * z.im,
      -s * z.re,
      0,
      -s,
      c * z.re,
      c * z.im,
    ]);
  }
}

export function applyPending(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  amps: number,
  rowBytes: number,
  qubit: number,
  delta: number,
  pending: number,
  _scratch: number,
): void {
  for (let row = 0; row < rowBytes / m.size; row++) {
    const z = pendingFactor(m, pending, delta + 8 * row);
    applyToRow(m, { psi, plane, amps, rowBytes, row, qubit }, [1, 0, 0, 0, 0, 0, z.re, z.im]);
  }
}

export function phaseOnes(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  amps: number,
  rowBytes: number,
  mask: number,
  factor: number,
): void {
  const W = rowBytes / m.size;
  const [c, s] = [number(m, factor), number(m, factor + 8)];
  for (let i = 0; i < amps * W; i++) {
    if ((Math.floor(i / W) & mask) !== mask) continue;
    const [re, im] = [m.values[psi / m.size + i]!, m.values[(psi + plane) / m.size + i]!];
    m.values[psi / m.size + i] = c * re - s * im;
    m.values[(psi + plane) / m.size + i] = c * im + s * re;
  }
}

export function drawSites(
  m: ReferenceMemory,
  words: number,
  count: number,
  key: number,
  tile: number,
  _scratch: number,
): void {
  for (let site = 0; site < Math.ceil(count / 16) * 16; site++) {
    const counter = [tile, Math.floor(site / 4), 0, purposes.first] as const;
    const block = new Uint32Array(4);
    philox4x32InPlace(Uint32Array.from(counter), m.uint32.slice(key / 4, key / 4 + 2), block);
    m.uint32[words / 4 + site] = block[site % 4]!; // four words
  }
}

/** Calls `hit` for every row that the site draws, with a number in (0, 1). */
function forHits(
  m: ReferenceMemory,
  site: {
    perLog: number;
    words: number;
    number: number;
    key: number;
    tile: number;
    W: number;
  },
  hit: (row: number, choice: number) => void,
): void {
  let u = (m.uint32[site.words / 4 + site.number]! + 0.5) / 2 ** 32; // drawn by drawSites
  let row = 0;
  for (let count = 0; ; count++) {
    const skip = site.perLog === 0 ? 0 : Math.floor(Math.log(u) * site.perLog);
    if (!(skip < site.W - row)) return;
    row += skip;
    const [next = 0, choice = 0] = draw(m, site.key, [
      site.tile,
      site.number,
      count,
      purposes.site,
    ]);
    u = next;
    hit(row, choice);
    row += 1;
  }
}

export function pauliSite(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  amps: number,
  rowBytes: number,
  qubit0: number,
  qubit1: number,
  delta: number,
  pending: number,
  site: number,
  words: number,
  siteNumber: number,
  key: number,
  tile: number,
  _scratch: number,
): void {
  const W = rowBytes / m.size;
  const outcomes = number(m, site + 16);
  const source = { perLog: number(m, site + 8), words, number: siteNumber, key, tile, W };
  forHits(m, source, (row, choice) => {
    let at = site + 32;
    for (let outcome = 0; outcome + 1 < outcomes && number(m, at) < choice; outcome++) at += 24;
    for (const [qubit, pauli] of [
      [qubit0, number(m, at + 8)],
      [qubit1, number(m, at + 16)],
    ] as const) {
      if (pauli === 0) continue;
      const z = pendingFactor(m, pending + 24 * qubit, delta + 8 * (qubit * W + row));
      const square = z.re ** 2 + z.im ** 2;
      const sign = pauli === 2 ? -1 : 1;
      const flip: Matrix2 = [
        0,
        0,
        z.re,
        z.im,
        (sign * z.re) / square,
        (-sign * z.im) / square,
        0,
        0,
      ];
      applyToRow(
        m,
        { psi, plane, amps, rowBytes, row, qubit },
        pauli === 3 ? [1, 0, 0, 0, 0, 0, -1, 0] : flip,
      );
    }
  });
}

export function jumpSite(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  amps: number,
  rowBytes: number,
  n: number,
  qubit: number,
  delta: number,
  pending: number,
  site: number,
  words: number,
  siteNumber: number,
  key: number,
  tile: number,
  _scratch: number,
): void {
  const W = rowBytes / m.size;
  const operators = number(m, site + 16);
  const source = { perLog: number(m, site + 8), words, number: siteNumber, key, tile, W };
  forHits(m, source, (row, choice) => {
    const z = pendingFactor(m, pending + 24 * qubit, delta + 8 * (qubit * W + row));
    const [rr, ri] = [number(m, site + 32), number(m, site + 40)];
    const rho = rowDensity(m, { psi, plane, amps, rowBytes, row, qubit, n, pending }, z);
    let rest = choice * number(m, site);
    for (let j = 0; j < operators; j++) {
      const op = Array.from({ length: 8 }, (_, e) =>
        number(m, site + 48 + 64 * j + 8 * e),
      ) as unknown as Matrix2; // eight entries
      rest -=
        (imageNorm(op[0], op[1], op[2], op[3], rho) + imageNorm(op[4], op[5], op[6], op[7], rho)) /
        (rho.p0 + rho.p1);
      if (rest >= 0) continue;
      // (D diag(1, r))⁻¹ K D
      const q = { re: z.re * rr - z.im * ri, im: z.re * ri + z.im * rr };
      const by = (re: number, im: number, f: { re: number; im: number }): [number, number] => [
        re * f.re - im * f.im,
        re * f.im + im * f.re,
      ];
      const square = q.re ** 2 + q.im ** 2;
      const inverse = { re: q.re / square, im: -q.im / square };
      const upper = by(op[2], op[3], z);
      const lower = by(...by(op[6], op[7], z), inverse);
      applyToRow(m, { psi, plane, amps, rowBytes, row, qubit }, [
        op[0],
        op[1],
        ...upper,
        ...by(op[4], op[5], inverse),
        ...lower,
      ]);
      return;
    }
  });
}

interface Density {
  readonly p0: number;
  readonly p1: number;
  /** Σ a conj(z b). */
  readonly cr: number;
  readonly ci: number;
}

function rowDensity(
  m: ReferenceMemory,
  where: {
    psi: number;
    plane: number;
    amps: number;
    rowBytes: number;
    row: number;
    qubit: number;
    n: number;
    pending: number;
  },
  z: { re: number; im: number },
): Density {
  const { psi, plane, amps, rowBytes, row, qubit, n, pending } = where;
  let [p0, p1, cr, ci] = [0, 0, 0, 0];
  for (let base = 0; base < amps; base++) {
    if (((base >>> qubit) & 1) === 1) continue;
    let weight = 1;
    for (let other = 0; other < n; other++)
      if (((base >>> other) & 1) === 1) weight *= number(m, pending + 24 * other + 16) ** 2;
    const at = (psi + base * rowBytes) / m.size + row;
    const over = at + (2 ** qubit * rowBytes) / m.size;
    const [ar, ai] = [m.values[at]!, m.values[at + plane / m.size]!];
    const [xr, xi] = [m.values[over]!, m.values[over + plane / m.size]!];
    const [br, bi] = [z.re * xr - z.im * xi, z.re * xi + z.im * xr];
    p0 += weight * (ar * ar + ai * ai);
    p1 += weight * (br * br + bi * bi);
    cr += weight * (ar * br + ai * bi);
    ci += weight * (ai * br - ar * bi);
  }
  return { p0, p1, cr, ci };
}

/** ‖u a + w b‖² summed over the state. */
function imageNorm(
  ur: number,
  ui: number,
  wr: number,
  wi: number,
  { p0, p1, cr, ci }: Density,
): number {
  return (
    (ur * ur + ui * ui) * p0 +
    (wr * wr + wi * wi) * p1 +
    2 * ((ur * wr + ui * wi) * cr - (ui * wr - ur * wi) * ci)
  );
}

export function measureRows(
  m: ReferenceMemory,
  psi: number,
  plane: number,
  amps: number,
  rowBytes: number,
  weights: number,
  readout: number,
  key: number,
  tile: number,
  out: number,
  _scratch: number,
): void {
  const W = rowBytes / m.size;
  const measured = number(m, readout);
  const pairs = number(m, readout + 8);
  for (let row = 0; row < W; row++) {
    const uniforms: number[] = [];
    for (let block = 0; block * 4 < 1 + measured + pairs; block++)
      uniforms.push(...draw(m, key, [tile * W + row, block, 0, purposes.readout]));
    const cumulative: number[] = [];
    for (let x = 0, sum = 0; x < amps; x++) {
      const at = (psi + x * rowBytes) / m.size + row;
      sum +=
        number(m, weights + 8 * x) * (m.values[at]! ** 2 + m.values[at + plane / m.size]! ** 2);
      cumulative.push(sum);
    }
    const target = uniforms[0]! * cumulative[amps - 1]!;
    const index = cumulative.findIndex((sum) => sum > target);
    let bits = 0;
    for (let bit = 0; bit < measured; bit++) {
      const at = readout + 16 + 24 * bit;
      const value = (index >>> number(m, at)) & 1;
      bits |=
        (uniforms[1 + bit]! < number(m, at + (value === 0 ? 8 : 16)) ? value ^ 1 : value) << bit;
    }
    for (let pair = 0; pair < pairs; pair++) {
      const at = readout + 16 + 24 * (measured + pair);
      if (uniforms[1 + measured + pair]! < number(m, at + 16))
        bits ^= (1 << number(m, at)) | (1 << number(m, at + 8));
    }
    m.uint32[out / 4 + row] = bits;
  }
}
