/**
 * One state vector without a batch: consecutive amplitudes fill a vector, so the lowest qubits (two in float32, one in
 * float64) are lanes. A gate on a lane qubit mixes a vector with its shuffles; its coefficients differ by lane. Tiles
 * gather 2^T amplitudes into cache, so that many gates cost one pass over memory. Controls and phases on qubits outside
 * of a tile are decided once per tile.
 */
import { insertZeroBit, madd, nmadd } from "./vector";

/** Exchanges lanes whose index differs by `mask`. */
// @ts-ignore: decorator
@inline
function exchange<T>(x: v128, mask: usize): v128 {
  if (mask == 0) return x;
  if (sizeof<T>() == 8) return i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  if (mask == 1) return i8x16.shuffle(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  if (mask == 2) return i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  return i8x16.shuffle(x, x, 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
}

/** Places the bits of `local` at the vector bits of a table int32 [k]. */
function spreadBits(local: usize, k: usize, qubits: usize): usize {
  let index: usize = 0;
  for (let j: usize = 0; j < k; j++) index |= ((local >> j) & 1) << <usize>load<i32>(qubits + (j << 2));
  return index;
}

/** Opens zero bits at all positions of an ascending table. */
function insertZeroBits(index: usize, k: usize, qubits: usize): usize {
  for (let j: usize = 0; j < k; j++) index = insertZeroBit(index, <usize>load<i32>(qubits + (j << 2)));
  return index;
}

/**
 * ψ = U ψ in place. Vector bits `qubits` int32 [k] ascending; `laneMasks` int32 [flips]: which lane exchanges occur, the first is 0.
 * coefficients [2^k out, 2^k in, flips, (re, im)] vectors. Acts where the vector index has `controlValue` under `controlMask`
 * and the tile index has `outerValue` under `outerMask`. scratch: 64·2^k·flips bytes.
 */
export function laneMatrix<T>(
  psi: usize, plane: usize, vectors: usize, k: usize, qubits: usize, flips: usize, laneMasks: usize,
  controlMask: usize, controlValue: usize, coefficients: usize, scratch: usize, tile: usize, outerMask: usize, outerValue: usize,
): void {
  if ((tile & outerMask) != outerValue) return;
  if (k == 1 && flips == 1 && controlMask == 0) {
    lanePairs<T>(psi, plane, vectors, <usize>load<i32>(qubits), coefficients);
    return;
  }
  const dim = <usize>1 << k;
  const terms = dim * flips;
  const offsets = scratch + 32 * terms;
  for (let j: usize = 0; j < dim; j++) store<u32>(offsets + (j << 2), <u32>(spreadBits(j, k, qubits) << 4));
  for (let group: usize = 0; group < vectors >> k; group++) {
    const base = insertZeroBits(group, k, qubits);
    if ((base & controlMask) != controlValue) continue;
    const p = psi + (base << 4);
    let x = scratch;
    for (let j: usize = 0; j < dim; j++) {
      const at = p + <usize>load<u32>(offsets + (j << 2));
      const re = v128.load(at);
      const im = v128.load(at + plane);
      v128.store(x, re);
      v128.store(x, im, 16);
      x += 32;
      for (let f: usize = 1; f < flips; f++) {
        const mask = <usize>load<i32>(laneMasks + (f << 2));
        v128.store(x, exchange<T>(re, mask));
        v128.store(x, exchange<T>(im, mask), 16);
        x += 32;
      }
    }
    let c = coefficients;
    const row = terms << 5;
    if (dim == 1) {
      let re: v128 = i32x4.splat(0);
      let im: v128 = i32x4.splat(0);
      for (let t: usize = 0; t < row; t += 32) {
        const xr = v128.load(scratch + t);
        const xi = v128.load(scratch + t, 16);
        const cr = v128.load(c + t);
        const ci = v128.load(c + t, 16);
        re = nmadd<T>(ci, xi, madd<T>(cr, xr, re));
        im = madd<T>(ci, xr, madd<T>(cr, xi, im));
      }
      v128.store(p, re);
      v128.store(p + plane, im);
      continue;
    }
    for (let i: usize = 0; i < dim; i += 2) {
      // Eight sums that do not wait for each other: a multiply-add takes four cycles, and two start in each.
      let rr0: v128 = i32x4.splat(0);
      let ii0: v128 = i32x4.splat(0);
      let ri0: v128 = i32x4.splat(0);
      let ir0: v128 = i32x4.splat(0);
      let rr1: v128 = i32x4.splat(0);
      let ii1: v128 = i32x4.splat(0);
      let ri1: v128 = i32x4.splat(0);
      let ir1: v128 = i32x4.splat(0);
      for (let t: usize = 0; t < row; t += 32) {
        const xr = v128.load(scratch + t);
        const xi = v128.load(scratch + t, 16);
        const cr = v128.load(c + t);
        const ci = v128.load(c + t, 16);
        const dr = v128.load(c + row + t);
        const di = v128.load(c + row + t, 16);
        rr0 = madd<T>(cr, xr, rr0);
        ri0 = madd<T>(cr, xi, ri0);
        rr1 = madd<T>(dr, xr, rr1);
        ri1 = madd<T>(dr, xi, ri1);
        ii0 = madd<T>(ci, xi, ii0);
        ir0 = madd<T>(ci, xr, ir0);
        ii1 = madd<T>(di, xi, ii1);
        ir1 = madd<T>(di, xr, ir1);
      }
      const at0 = p + <usize>load<u32>(offsets + (i << 2));
      const at1 = p + <usize>load<u32>(offsets + (i << 2), 4);
      v128.store(at0, v128.sub<T>(rr0, ii0));
      v128.store(at0 + plane, v128.add<T>(ri0, ir0));
      v128.store(at1, v128.sub<T>(rr1, ii1));
      v128.store(at1 + plane, v128.add<T>(ri1, ir1));
      c += 2 * row;
    }
  }
}

/** A matrix of one qubit that is no lane, everywhere: nothing but loads, arithmetic and stores. */
function lanePairs<T>(psi: usize, plane: usize, vectors: usize, qubit: usize, coefficients: usize): void {
  const ar = v128.load(coefficients);
  const ai = v128.load(coefficients, 16);
  const br = v128.load(coefficients, 32);
  const bi = v128.load(coefficients, 48);
  const cr = v128.load(coefficients, 64);
  const ci = v128.load(coefficients, 80);
  const dr = v128.load(coefficients, 96);
  const di = v128.load(coefficients, 112);
  const stride = <usize>16 << qubit;
  for (let base: usize = 0; base < vectors << 4; base += stride << 1) {
    for (let at = psi + base; at < psi + base + stride; at += 16) {
      const xr = v128.load(at);
      const xi = v128.load(at + plane);
      const yr = v128.load(at + stride);
      const yi = v128.load(at + stride + plane);
      v128.store(at, nmadd<T>(bi, yi, madd<T>(br, yr, nmadd<T>(ai, xi, v128.mul<T>(ar, xr)))));
      v128.store(at + plane, madd<T>(bi, yr, madd<T>(br, yi, madd<T>(ai, xr, v128.mul<T>(ar, xi)))));
      v128.store(at + stride, nmadd<T>(di, yi, madd<T>(dr, yr, nmadd<T>(ci, xi, v128.mul<T>(cr, xr)))));
      v128.store(at + stride + plane, madd<T>(di, yr, madd<T>(dr, yi, madd<T>(ci, xr, v128.mul<T>(cr, xi)))));
    }
  }
}

/**
 * The same for a matrix with many zeros. rows [2^k]: a vector that starts with the number of terms (0: the row is left as it is),
 * then per term three vectors: uint32 number of the input (in · flips + flip), re, im.
 */
export function laneSparse<T>(
  psi: usize, plane: usize, vectors: usize, k: usize, qubits: usize, flips: usize, laneMasks: usize,
  controlMask: usize, controlValue: usize, rows: usize, scratch: usize, tile: usize, outerMask: usize, outerValue: usize,
): void {
  if ((tile & outerMask) != outerValue) return;
  const dim = <usize>1 << k;
  const terms = dim * flips;
  const offsets = scratch + 32 * terms;
  for (let j: usize = 0; j < dim; j++) store<u32>(offsets + (j << 2), <u32>(spreadBits(j, k, qubits) << 4));
  for (let group: usize = 0; group < vectors >> k; group++) {
    const base = insertZeroBits(group, k, qubits);
    if ((base & controlMask) != controlValue) continue;
    const p = psi + (base << 4);
    let x = scratch;
    for (let j: usize = 0; j < dim; j++) {
      const at = p + <usize>load<u32>(offsets + (j << 2));
      const re = v128.load(at);
      const im = v128.load(at + plane);
      v128.store(x, re);
      v128.store(x, im, 16);
      x += 32;
      for (let f: usize = 1; f < flips; f++) {
        const mask = <usize>load<i32>(laneMasks + (f << 2));
        v128.store(x, exchange<T>(re, mask));
        v128.store(x, exchange<T>(im, mask), 16);
        x += 32;
      }
    }
    let c = rows;
    for (let i: usize = 0; i < dim; i++) {
      const count = <usize>load<u32>(c);
      c += 16;
      if (count == 0) continue;
      let re: v128 = i32x4.splat(0);
      let im: v128 = i32x4.splat(0);
      for (let t: usize = 0; t < count; t++) {
        const from = scratch + (<usize>load<u32>(c) << 5);
        const xr = v128.load(from);
        const xi = v128.load(from, 16);
        const cr = v128.load(c, 16);
        const ci = v128.load(c, 32);
        re = nmadd<T>(ci, xi, madd<T>(cr, xr, re));
        im = madd<T>(ci, xr, madd<T>(cr, xi, im));
        c += 48;
      }
      const at = p + <usize>load<u32>(offsets + (i << 2));
      v128.store(at, re);
      v128.store(at + plane, im);
    }
  }
}

/**
 * ψ = D ψ in place. table [outer bits, 2^k] entries of (kind, re, im) vectors: kind is 0 where the entry is the identity and is
 * skipped. The tile's bits at `outerQubits` int32 [outer] choose the part of the table. scratch: 4·vectors bytes.
 */
export function lanePhase<T>(
  psi: usize, plane: usize, vectors: usize, k: usize, qubits: usize, table: usize, tile: usize, outer: usize, outerQubits: usize,
  scratch: usize,
): void {
  let part: usize = 0;
  for (let j: usize = 0; j < outer; j++) part |= ((tile >> <usize>load<i32>(outerQubits + (j << 2))) & 1) << j;
  const dim = <usize>1 << k;
  const entries = table + part * dim * 48;
  const run = k == 0 ? vectors : <usize>1 << <usize>load<i32>(qubits);
  if (run < 8) {
    lanePhaseByVector<T>(psi, plane, vectors, k, qubits, entries, scratch);
    return;
  }
  const runBytes = run << 4;
  for (let j: usize = 0; j < dim; j++) {
    const entry = entries + j * 48;
    if (load<i32>(entry) == 0) continue;
    const c = v128.load(entry, 16);
    const s = v128.load(entry, 32);
    const at = spreadBits(j, k, qubits);
    for (let group: usize = 0; group < vectors >> k; group += run) {
      const p = psi + ((insertZeroBits(group, k, qubits) | at) << 4);
      for (let v: usize = 0; v < runBytes; v += 16) {
        const re = v128.load(p + v);
        const im = v128.load(p + v + plane);
        v128.store(p + v, nmadd<T>(s, im, v128.mul<T>(c, re)));
        v128.store(p + v + plane, madd<T>(s, re, v128.mul<T>(c, im)));
      }
    }
  }
}

/** The same where equal entries do not lie together: each vector looks its entry up. */
function lanePhaseByVector<T>(
  psi: usize, plane: usize, vectors: usize, k: usize, qubits: usize, entries: usize, scratch: usize,
): void {
  // Addresses of the entries by vector, doubled bit by bit.
  store<u32>(scratch, <u32>entries);
  let j: usize = 0;
  for (let bit: usize = 0; <usize>1 << bit < vectors; bit++) {
    const isOwn = j < k && <usize>load<i32>(qubits + (j << 2)) == bit;
    const more = isOwn ? <u32>48 << <u32>j : 0;
    if (isOwn) j++;
    const count = <usize>1 << bit;
    const to = scratch + (count << 2);
    if (count < 4) {
      for (let v: usize = 0; v < count; v++) store<u32>(to + (v << 2), load<u32>(scratch + (v << 2)) + more);
      continue;
    }
    for (let at: usize = 0; at < count << 2; at += 16) {
      v128.store(to + at, i32x4.add(v128.load(scratch + at), i32x4.splat(more)));
    }
  }
  for (let v: usize = 0; v < vectors; v++) {
    const entry = <usize>load<u32>(scratch + (v << 2));
    if (load<i32>(entry) == 0) continue;
    const c = v128.load(entry, 16);
    const s = v128.load(entry, 32);
    const p = psi + (v << 4);
    const re = v128.load(p);
    const im = v128.load(p + plane);
    v128.store(p, nmadd<T>(s, im, v128.mul<T>(c, re)));
    v128.store(p + plane, madd<T>(s, re, v128.mul<T>(c, im)));
  }
}

/** Where the tile starts: its bits at `outerQubits` int32 [outer], amplitude index. */
function tileStart(tile: usize, outer: usize, outerQubits: usize): usize {
  return spreadBits(tile, outer, outerQubits);
}

/**
 * Copies a tile from a state: `chunks` runs of `chunkBytes`, at `offsets` uint32 [chunks] counted in runs. Ends the program where all
 * of them are +0: whatever is linear leaves such a tile as it is.
 */
export function gatherTile<T>(
  state: usize, plane: usize, tileAt: usize, tilePlane: usize, chunkBytes: usize, chunks: usize, offsets: usize,
  tile: usize, outer: usize, outerQubits: usize,
): bool {
  let any: v128 = i32x4.splat(0);
  const start = state + tileStart(tile, outer, outerQubits) * sizeof<T>();
  for (let chunk: usize = 0; chunk < chunks; chunk++) {
    const from = start + <usize>load<u32>(offsets + (chunk << 2)) * chunkBytes;
    const to = tileAt + chunk * chunkBytes;
    for (let v: usize = 0; v < chunkBytes; v += 16) {
      const re = v128.load(from + v);
      const im = v128.load(from + v + plane);
      v128.store(to + v, re);
      v128.store(to + v + tilePlane, im);
      any = v128.or(any, v128.or(re, im));
    }
  }
  return !v128.any_true(any);
}

/** Copies a tile back. */
export function scatterTile<T>(
  state: usize, plane: usize, tileAt: usize, tilePlane: usize, chunkBytes: usize, chunks: usize, offsets: usize,
  tile: usize, outer: usize, outerQubits: usize,
): void {
  const start = state + tileStart(tile, outer, outerQubits) * sizeof<T>();
  for (let chunk: usize = 0; chunk < chunks; chunk++) {
    const to = start + <usize>load<u32>(offsets + (chunk << 2)) * chunkBytes;
    const from = tileAt + chunk * chunkBytes;
    for (let v: usize = 0; v < chunkBytes; v += 16) {
      v128.store(to + v, v128.load(from + v));
      v128.store(to + v + plane, v128.load(from + v + tilePlane));
    }
  }
}

/** out[block] = Σ |ψ|² over blocks of 2^bits amplitudes, float64, from block `tile`·blocks on; psi and out are of the tile. */
export function blockWeights<T>(psi: usize, plane: usize, bits: usize, blocks: usize, out: usize): void {
  for (let block: usize = 0; block < blocks; block++) {
    const at = psi + (block << bits) * sizeof<T>();
    let sum: f64 = 0;
    for (let i: usize = 0; i < <usize>1 << bits; i++) {
      const re = <f64>load<T>(at + i * sizeof<T>());
      const im = <f64>load<T>(at + i * sizeof<T>() + plane);
      sum += re * re + im * im;
    }
    store<f64>(out + (block << 3), sum);
  }
}
