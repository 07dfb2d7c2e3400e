/**
 * Batched noisy trajectories: one row is one shot with its own detuning and its own errors. What is diagonal on a qubit
 * (phases, detuning, the damping of the no-jump operator) is not applied but kept as a pending factor diag(1, z) with
 * z = scale · e^{i(alpha + delta·tau)} until a pulse needs it. Errors are rare, so their sites draw how many rows they
 * skip; only rows that are hit are touched. Rows are not normalised.
 *
 * A pending factor is float64 [tau, alpha, scale]. The first random word of every site of a tile is drawn beforehand; a site
 * that hits a row draws from philox(key, [tile, site, draw, purpose]).
 */
import { naturalLog, naturalLogs, philox, philoxFour, unit } from "./random";
import { cosSin, cosSinF32 } from "./values";
import { madd, nmadd, splatOf } from "./vector";

const purposeDetuning: u32 = 1;
const purposeSite: u32 = 2;
const purposeReadout: u32 = 3;
const purposeFirst: u32 = 4;

/**
 * delta[qubit, row] = sigma[qubit] · normal, float64: Box–Muller on pairs of qubits, four qubits to a block of random words.
 * W is a multiple of 4. scratch: 64 + 24·W bytes.
 */
export function drawDetunings<T>(
  delta: usize, sigmas: usize, n: usize, W: usize, key: usize, tile: usize, scratch: usize,
): void {
  const angles = scratch + 64;
  const turns = angles + 8 * W;
  for (let first: usize = 0; first < n; first += 4) {
    for (let pair: usize = 0; pair < 4 && first + pair < n; pair += 2) {
      const qubit = first + pair;
      const low = delta + qubit * W * 8;
      const high = low + W * 8;
      const hasHigh = qubit + 1 < n;
      for (let row: usize = 0; row < W; row += 4) {
        const counters = i32x4.add(i32x4.splat(<u32>(tile * W + row)), i32x4(0, 1, 2, 3));
        philoxFour(key, counters, i32x4.splat(<u32>first), 0, purposeDetuning, scratch);
        const radii = v128.load(scratch + pair * 16);
        const turn = v128.load(scratch + pair * 16 + 16);
        v128.store(low + row * 8, radiiOf(units(radii)));
        v128.store(low + row * 8, radiiOf(units(upperHalf(radii))), 16);
        v128.store(angles + row * 8, f64x2.mul(f64x2.splat(6.283185307179586), units(turn)));
        v128.store(angles + row * 8, f64x2.mul(f64x2.splat(6.283185307179586), units(upperHalf(turn))), 16);
      }
      cosSin<f64>(angles, 1, W, turns);
      const sigma = v128.load64_splat(sigmas + qubit * 8);
      const other = hasHigh ? v128.load64_splat(sigmas + qubit * 8, 8) : f64x2.splat(0);
      for (let at: usize = 0; at < 8 * W; at += 16) {
        const radius = v128.load(low + at);
        v128.store(low + at, f64x2.mul(f64x2.mul(sigma, radius), v128.load(turns + at)));
        if (hasHigh) v128.store(high + at, f64x2.mul(f64x2.mul(other, radius), v128.load(turns + 8 * W + at)));
      }
    }
  }
}

/** The first two words as numbers in (0, 1). */
// @ts-ignore: decorator
@inline
function units(words: v128): v128 {
  return f64x2.mul(
    f64x2.add(f64x2.convert_low_i32x4_u(words), f64x2.splat(0.5)),
    f64x2.splat(2.3283064365386963e-10),
  );
}

/** Moves the last two words to the front. */
// @ts-ignore: decorator
@inline
function upperHalf(words: v128): v128 {
  return i8x16.shuffle(words, words, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
}

/** √(−2 ln u). */
// @ts-ignore: decorator
@inline
function radiiOf(u: v128): v128 {
  return f64x2.sqrt(f64x2.mul(f64x2.splat(-2), naturalLogs(u)));
}

/**
 * Draws the first random word of every site of a tile: word[s] is word s mod 4 of the block [tile, s / 4]. words uint32
 * [count rounded up to 16]; scratch: 64 bytes.
 */
export function drawSites<T>(words: usize, count: usize, key: usize, tile: usize, scratch: usize): void {
  for (let site: usize = 0; site < count; site += 16) {
    const blocks = i32x4.add(i32x4.splat(<u32>(site >> 2)), i32x4(0, 1, 2, 3));
    philoxFour(key, i32x4.splat(<u32>tile), blocks, 0, purposeFirst, scratch);
    for (let block: usize = 0; block < 4; block++) {
      for (let word: usize = 0; word < 4; word++) {
        store<u32>(words + ((site + block * 4 + word) << 2), load<u32>(scratch + word * 16 + block * 4));
      }
    }
  }
}

/** Writes scale·cos and scale·sin of the pending angle of every row: out [2, W]; angles float64 [W] is scratch. */
function pendingFactors<T>(delta: usize, pending: usize, W: usize, angles: usize, out: usize): void {
  const tau = f64x2.splat(load<f64>(pending));
  const alpha = f64x2.splat(load<f64>(pending, 8));
  const scale = splatOf<T>(load<f64>(pending, 16));
  if (sizeof<T>() == 4) {
    for (let row: usize = 0; row < W; row += 4) {
      const x0 = f64x2.add(alpha, f64x2.mul(tau, v128.load(delta + row * 8)));
      const x1 = f64x2.add(alpha, f64x2.mul(tau, v128.load(delta + row * 8, 16)));
      cosSinF32(x0, x1, scale, out + row * 4, W * 4);
    }
    return;
  }
  for (let at: usize = 0; at < W * 8; at += 16) {
    v128.store(angles + at, f64x2.add(alpha, f64x2.mul(tau, v128.load(delta + at))));
  }
  cosSin<T>(angles, 1, W, out);
  for (let at: usize = 0; at < 2 * W * sizeof<T>(); at += 16) {
    v128.store(out + at, v128.mul<T>(scale, v128.load(out + at)));
  }
}

/**
 * ψ = RX(θ) diag(1, z) ψ on one qubit: turn float64 [cos θ/2, sin θ/2]. scratch: 24·W bytes.
 */
export function pulse<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, qubit: usize, delta: usize, pending: usize, turn: usize, scratch: usize,
): void {
  const W = rowBytes / sizeof<T>();
  const factors = scratch + 8 * W;
  pendingFactors<T>(delta, pending, W, scratch, factors);
  const c = splatOf<T>(load<f64>(turn));
  const s = splatOf<T>(load<f64>(turn, 8));
  const stride = rowBytes << qubit;
  for (let base: usize = 0; base < amps; base++) {
    if (((base >> qubit) & 1) != 0) continue;
    const p0 = psi + base * rowBytes;
    const p1 = p0 + stride;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const zr = v128.load(factors + v);
      const zi = v128.load(factors + v + rowBytes);
      const ar = v128.load(p0 + v);
      const ai = v128.load(p0 + v + plane);
      const xr = v128.load(p1 + v);
      const xi = v128.load(p1 + v + plane);
      const br = nmadd<T>(zi, xi, v128.mul<T>(zr, xr));
      const bi = madd<T>(zi, xr, v128.mul<T>(zr, xi));
      v128.store(p0 + v, madd<T>(s, bi, v128.mul<T>(c, ar)));
      v128.store(p0 + v + plane, nmadd<T>(s, br, v128.mul<T>(c, ai)));
      v128.store(p1 + v, madd<T>(s, ai, v128.mul<T>(c, br)));
      v128.store(p1 + v + plane, nmadd<T>(s, ar, v128.mul<T>(c, bi)));
    }
  }
}

/** ψ = diag(1, z) ψ on one qubit. scratch: 24·W bytes. */
export function applyPending<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, qubit: usize, delta: usize, pending: usize, scratch: usize,
): void {
  const W = rowBytes / sizeof<T>();
  const factors = scratch + 8 * W;
  pendingFactors<T>(delta, pending, W, scratch, factors);
  for (let x: usize = 0; x < amps; x++) {
    if (((x >> qubit) & 1) == 0) continue;
    const p = psi + x * rowBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const zr = v128.load(factors + v);
      const zi = v128.load(factors + v + rowBytes);
      const re = v128.load(p + v);
      const im = v128.load(p + v + plane);
      v128.store(p + v, nmadd<T>(zi, im, v128.mul<T>(zr, re)));
      v128.store(p + v + plane, madd<T>(zi, re, v128.mul<T>(zr, im)));
    }
  }
}

/** Multiplies the amplitudes whose index has all bits of `mask` by a constant: factor float64 [re, im]. */
export function phaseOnes<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, mask: usize, factor: usize,
): void {
  const c = splatOf<T>(load<f64>(factor));
  const s = splatOf<T>(load<f64>(factor, 8));
  const isFlip = load<f64>(factor) == -1 && load<f64>(factor, 8) == 0;
  for (let x: usize = 0; x < amps; x++) {
    if ((x & mask) != mask) continue;
    const p = psi + x * rowBytes;
    for (let v: usize = 0; v < rowBytes; v += 16) {
      const re = v128.load(p + v);
      const im = v128.load(p + v + plane);
      if (isFlip) {
        v128.store(p + v, v128.neg<T>(re));
        v128.store(p + v + plane, v128.neg<T>(im));
      } else {
        v128.store(p + v, nmadd<T>(s, im, v128.mul<T>(c, re)));
        v128.store(p + v + plane, madd<T>(s, re, v128.mul<T>(c, im)));
      }
    }
  }
}

/**
 * Pauli errors at one site. site float64: [probability of an error, 1 / ln(1 − probability), number of outcomes, a bound under
 * which the first number hits no row], then per outcome [cumulative probability given an error, Pauli on qubit0, Pauli on qubit1] with I X Y Z = 0 1 2 3.
 */
export function pauliSite<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, qubit0: usize, qubit1: usize, delta: usize, pending: usize,
  site: usize, words: usize, number: usize, key: usize, tile: usize, scratch: usize,
): void {
  let u = unit(load<u32>(words + (number << 2)));
  if (u <= load<f64>(site, 24)) return;
  const W = rowBytes / sizeof<T>();
  const perLog = load<f64>(site, 8);
  const outcomes = <usize>load<f64>(site, 16);
  let row: usize = 0;
  for (let draw: u32 = 0; ; draw++) {
    const skip = perLog == 0 ? 0 : floor<f64>(naturalLog(u) * perLog);
    if (!(skip < <f64>(W - row))) return;
    row += <usize>skip;
    philox(key, <u32>tile, <u32>number, draw, purposeSite, scratch);
    u = unit(load<u32>(scratch));
    const choice = unit(load<u32>(scratch, 4));
    let at = site + 32;
    for (let outcome: usize = 0; outcome + 1 < outcomes && load<f64>(at) < choice; outcome++) at += 24;
    applyPauli<T>(psi, plane, amps, rowBytes, row, qubit0, <i32>load<f64>(at, 8), delta, pending, scratch + 16);
    applyPauli<T>(psi, plane, amps, rowBytes, row, qubit1, <i32>load<f64>(at, 16), delta, pending, scratch + 16);
    row++;
  }
}

/** Writes cos and sin of one angle to scratch + 16 and scratch + 32. */
function turnOf(angle: f64, scratch: usize): void {
  v128.store(scratch, f64x2.splat(angle));
  cosSin<f64>(scratch, 1, 2, scratch + 16);
}

/** D⁻¹ P D on one row and qubit, D = diag(1, z). */
function applyPauli<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, row: usize, qubit: usize, pauli: i32, delta: usize, pending: usize, scratch: usize,
): void {
  if (pauli == 0) return;
  const W = rowBytes / sizeof<T>();
  const own = pending + qubit * 24;
  const angle = load<f64>(own, 8) + load<f64>(own) * load<f64>(delta + (qubit * W + row) * 8);
  const scale = load<f64>(own, 16);
  turnOf(angle, scratch);
  const c = load<f64>(scratch, 16);
  const s = load<f64>(scratch, 32);
  const sign: f64 = pauli == 2 ? -1 : 1;
  const stride = rowBytes << qubit;
  for (let base: usize = 0; base < amps; base++) {
    if (((base >> qubit) & 1) != 0) continue;
    const p0 = psi + base * rowBytes + row * sizeof<T>();
    const p1 = p0 + stride;
    const br = <f64>load<T>(p1);
    const bi = <f64>load<T>(p1 + plane);
    if (pauli == 3) {
      store<T>(p1, <T>-br);
      store<T>(p1 + plane, <T>-bi);
      continue;
    }
    const ar = <f64>load<T>(p0);
    const ai = <f64>load<T>(p0 + plane);
    store<T>(p0, <T>(scale * (c * br - s * bi)));
    store<T>(p0 + plane, <T>(scale * (c * bi + s * br)));
    store<T>(p1, <T>((sign * (c * ar + s * ai)) / scale));
    store<T>(p1 + plane, <T>((sign * (c * ai - s * ar)) / scale));
  }
}

/**
 * Jumps of a channel of one qubit whose no-jump operator is diagonal. site float64: [largest jump probability, 1 / ln(1 − it),
 * number of jump operators, a bound under which the first number hits no row, re r, im r] with the no-jump operator ∝ diag(1, r), then per operator its four entries
 * (re, im). The pending factors are those before the site. A candidate row jumps with its true probability, else
 * nothing happens to it here: the no-jump operator is pending for all rows afterwards.
 */
export function jumpSite<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, n: usize, qubit: usize, delta: usize, pending: usize,
  site: usize, words: usize, number: usize, key: usize, tile: usize, scratch: usize,
): void {
  let u = unit(load<u32>(words + (number << 2)));
  if (u <= load<f64>(site, 24)) return;
  const W = rowBytes / sizeof<T>();
  const largest = load<f64>(site);
  const perLog = load<f64>(site, 8);
  const operators = <usize>load<f64>(site, 16);
  let row: usize = 0;
  for (let draw: u32 = 0; ; draw++) {
    const skip = perLog == 0 ? 0 : floor<f64>(naturalLog(u) * perLog);
    if (!(skip < <f64>(W - row))) return;
    row += <usize>skip;
    philox(key, <u32>tile, <u32>number, draw, purposeSite, scratch);
    u = unit(load<u32>(scratch));
    const choice = unit(load<u32>(scratch, 4)) * largest;
    jumpRow<T>(psi, plane, amps, rowBytes, row, n, qubit, delta, pending, site + 32, operators, choice, scratch + 16);
    row++;
  }
}

function jumpRow<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, row: usize, n: usize, qubit: usize, delta: usize, pending: usize,
  ratio: usize, operators: usize, choice: f64, scratch: usize,
): void {
  const W = rowBytes / sizeof<T>();
  const own = pending + qubit * 24;
  const angle = load<f64>(own, 8) + load<f64>(own) * load<f64>(delta + (qubit * W + row) * 8);
  turnOf(angle, scratch);
  const zr = load<f64>(own, 16) * load<f64>(scratch, 16);
  const zi = load<f64>(own, 16) * load<f64>(scratch, 32);
  const stride = rowBytes << qubit;
  // The qubit's density matrix in the true frame; other qubits weigh in with their pending scales, multiplied up bit by bit.
  const weights = scratch + 64;
  store<f64>(weights, 1);
  for (let other: usize = 0; other < n; other++) {
    const scale = load<f64>(pending + other * 24, 16);
    const count = <usize>1 << other;
    for (let x: usize = 0; x < count; x++) {
      store<f64>(weights + ((count + x) << 3), load<f64>(weights + (x << 3)) * scale * scale);
    }
  }
  let p0: f64 = 0;
  let p1: f64 = 0;
  let cr: f64 = 0; // Σ a conj(z b)
  let ci: f64 = 0;
  for (let base: usize = 0; base < amps; base++) {
    if (((base >> qubit) & 1) != 0) continue;
    const weight = load<f64>(weights + (base << 3));
    const at = psi + base * rowBytes + row * sizeof<T>();
    const ar = <f64>load<T>(at);
    const ai = <f64>load<T>(at + plane);
    const xr = <f64>load<T>(at + stride);
    const xi = <f64>load<T>(at + stride + plane);
    const br = zr * xr - zi * xi;
    const bi = zr * xi + zi * xr;
    p0 += weight * (ar * ar + ai * ai);
    p1 += weight * (br * br + bi * bi);
    cr += weight * (ar * br + ai * bi);
    ci += weight * (ai * br - ar * bi);
  }
  const norm = p0 + p1;
  let rest = choice;
  for (let j: usize = 0; j < operators; j++) {
    const op = ratio + 16 + j * 64;
    rest -= (imageNorm(op, p0, p1, cr, ci) + imageNorm(op + 32, p0, p1, cr, ci)) / norm;
    if (rest >= 0) continue;
    applyJump<T>(psi, plane, amps, rowBytes, row, qubit, op, zr, zi, load<f64>(ratio), load<f64>(ratio, 8));
    return;
  }
}

/** ‖u a + w b‖² summed over the state, from the density matrix; row of an operator (u, w). */
function imageNorm(entries: usize, p0: f64, p1: f64, cr: f64, ci: f64): f64 {
  const ur = load<f64>(entries);
  const ui = load<f64>(entries, 8);
  const wr = load<f64>(entries, 16);
  const wi = load<f64>(entries, 24);
  // 2 Re(u conj(w) Σ a conj(b))
  const mr = ur * wr + ui * wi;
  const mi = ui * wr - ur * wi;
  return (ur * ur + ui * ui) * p0 + (wr * wr + wi * wi) * p1 + 2 * (mr * cr - mi * ci);
}

/** ψ = (D diag(1, r))⁻¹ K D ψ on one row. */
function applyJump<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, row: usize, qubit: usize, op: usize, zr: f64, zi: f64, rr: f64, ri: f64,
): void {
  const stride = rowBytes << qubit;
  // 1 / (z r)
  const qr = zr * rr - zi * ri;
  const qi = zr * ri + zi * rr;
  const inverse = 1 / (qr * qr + qi * qi);
  for (let base: usize = 0; base < amps; base++) {
    if (((base >> qubit) & 1) != 0) continue;
    const p0 = psi + base * rowBytes + row * sizeof<T>();
    const p1 = p0 + stride;
    const ar = <f64>load<T>(p0);
    const ai = <f64>load<T>(p0 + plane);
    const xr = <f64>load<T>(p1);
    const xi = <f64>load<T>(p1 + plane);
    const br = zr * xr - zi * xi;
    const bi = zr * xi + zi * xr;
    const tr = load<f64>(op) * ar - load<f64>(op, 8) * ai + load<f64>(op, 16) * br - load<f64>(op, 24) * bi;
    const ti = load<f64>(op) * ai + load<f64>(op, 8) * ar + load<f64>(op, 16) * bi + load<f64>(op, 24) * br;
    const ur = load<f64>(op, 32) * ar - load<f64>(op, 40) * ai + load<f64>(op, 48) * br - load<f64>(op, 56) * bi;
    const ui = load<f64>(op, 32) * ai + load<f64>(op, 40) * ar + load<f64>(op, 48) * bi + load<f64>(op, 56) * br;
    store<T>(p0, <T>tr);
    store<T>(p0 + plane, <T>ti);
    store<T>(p1, <T>(inverse * (ur * qr + ui * qi)));
    store<T>(p1 + plane, <T>(inverse * (ui * qr - ur * qi)));
  }
}

/**
 * Measures every row once: out uint32 [W] holds the read bits. weights float64 [amps] are the squared pending scales of
 * each basis state. readout float64: [measured bits m, correlated pairs], then per bit [qubit, p10, p01], then per pair
 * [first, second, probability]. Row r draws word i from block [tile·W + r, i / 4]. scratch: amps·rowBytes, and 64 bytes for
 * every four of 1 + m + pairs numbers.
 */
export function measureRows<T>(
  psi: usize, plane: usize, amps: usize, rowBytes: usize, weights: usize, readout: usize, key: usize, tile: usize, out: usize, scratch: usize,
): void {
  const W = rowBytes / sizeof<T>();
  const random = scratch + amps * rowBytes;
  for (let v: usize = 0; v < rowBytes; v += 16) {
    let sum: v128 = i32x4.splat(0);
    for (let x: usize = 0; x < amps; x++) {
      const p = psi + x * rowBytes + v;
      const re = v128.load(p);
      const im = v128.load(p + plane);
      sum = madd<T>(splatOf<T>(load<f64>(weights + x * 8)), madd<T>(im, im, v128.mul<T>(re, re)), sum);
      v128.store(scratch + x * rowBytes + v, sum);
    }
  }
  const measured = <usize>load<f64>(readout);
  const pairs = <usize>load<f64>(readout, 8);
  const blocks: usize = (<usize>4 + measured + pairs) >> 2;
  for (let row: usize = 0; row < W; row++) {
    if ((row & 3) == 0) {
      const counters = i32x4.add(i32x4.splat(<u32>(tile * W + row)), i32x4(0, 1, 2, 3));
      for (let block: usize = 0; block < blocks; block++) {
        philoxFour(key, counters, i32x4.splat(<u32>block), 0, purposeReadout, random + block * 64);
      }
    }
    const column = scratch + row * sizeof<T>();
    let word = random + ((row & 3) << 2);
    const target = <T>(unit(load<u32>(word)) * <f64>load<T>(column + (amps - 1) * rowBytes));
    let low: usize = 0;
    let high: usize = amps - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (load<T>(column + middle * rowBytes) > target) high = middle;
      else low = middle + 1;
    }
    let bits: u32 = 0;
    let at = readout + 16;
    for (let bit: usize = 0; bit < measured; bit++, at += 24) {
      const value = <u32>(low >> <usize>load<f64>(at)) & 1;
      word += 16;
      const flip = load<f64>(at + (value == 0 ? 8 : 16));
      bits |= (unit(load<u32>(word)) < flip ? value ^ 1 : value) << <u32>bit;
    }
    for (let pair: usize = 0; pair < pairs; pair++, at += 24) {
      word += 16;
      if (unit(load<u32>(word)) < load<f64>(at, 16)) {
        bits ^= (1 << <u32>load<f64>(at)) | (1 << <u32>load<f64>(at, 8));
      }
    }
    store<u32>(out + (row << 2), bits);
  }
}
