/**
 * Matrix product states in float64 (Vidal, quant-ph/0301063; Schollwöck, arXiv 1008.3477). The canonical centre is moved
 * to the bond before anything is cut there, so what is cut is the exact loss. Distant qubits meet by swaps. Tensors are
 * never changed in place, so saving a state copies a list.
 */
import {
  type Abortable,
  QtuneError,
  type Random,
  throwIfAborted,
  yieldToOthers,
} from "@qtune/base";
import type { Item } from "../plan/item.ts";
import type { Engine } from "./engine.ts";
import { type Group, fuseItems } from "./fuse.ts";
import { type ComplexMatrix, decomposeMatrix } from "./svd.ts";

/** How far a matrix product state may grow and lose. */
export interface MpsOptions {
  /** Largest bond. Default 128. */
  readonly maxBond?: number | undefined;
  /** Most weight that all cuts together may drop. Default 1e-6. */
  readonly errorBudget?: number | undefined;
}

/** A site [left, 2, right]. */
interface Site {
  readonly left: number;
  readonly right: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

interface Saved {
  readonly sites: readonly Site[];
  readonly center: number;
}

/** Weight that one cut may always drop: rounding. */
const negligible = 1e-28;

/** Creates |0…0⟩ of n qubits as a matrix product state. */
export function createMps(n: number, options: MpsOptions = {}): MatrixProductState {
  return new MatrixProductState(n, options);
}

/** A matrix product state. Made by {@link createMps}. */
export class MatrixProductState implements Engine {
  readonly #n: number;
  readonly #maxBond: number;
  readonly #errorBudget: number;
  #sites: Site[];
  #center = 0;
  #dropped = 0;
  #largest = 1;

  constructor(n: number, options: MpsOptions) {
    this.#n = n;
    this.#maxBond = options.maxBond ?? 128;
    this.#errorBudget = options.errorBudget ?? 1e-6;
    this.#sites = Array.from({ length: n }, () => ({
      left: 1,
      right: 1,
      re: Float64Array.of(1, 0),
      im: new Float64Array(2),
    }));
  }

  /** Weight dropped by all cuts so far; 1 − this bounds the fidelity from below to first order. */
  get droppedWeight(): number {
    return this.#dropped;
  }

  /** The largest bond so far. */
  get largestBond(): number {
    return this.#largest;
  }

  async apply(items: readonly Item[], options: Abortable = {}): Promise<void> {
    let sliceEnd = performance.now() + 20;
    for (const group of fuseItems(items, 2, 2)) {
      throwIfAborted(options.signal);
      this.#applyGroup(group);
      if (performance.now() > sliceEnd) {
        await yieldToOthers(options.signal);
        sliceEnd = performance.now() + 20;
      }
    }
  }

  #applyGroup(group: Group): void {
    const { qubits, re, im } = denseGroup(group);
    const [a = 0, b = 0] = qubits;
    if (qubits.length === 1) return this.#applyOne(a, re, im);
    // a < b: bring b next to a, act, and bring it back.
    for (let site = b - 1; site > a; site--) this.#applyTwo(site, swapRe, zeros16);
    this.#applyTwo(a, re, im);
    for (let site = a + 1; site < b; site++) this.#applyTwo(site, swapRe, zeros16);
  }

  #site(index: number): Site {
    return this.#sites[index]!; // callers stay inside
  }

  #applyOne(qubit: number, ur: ArrayLike<number>, ui: ArrayLike<number>): void {
    const { left, right, re, im } = this.#site(qubit);
    const out = { left, right, re: new Float64Array(re.length), im: new Float64Array(im.length) };
    for (let l = 0; l < left; l++) {
      for (let r = 0; r < right; r++) {
        const [at0, at1] = [2 * l * right + r, (2 * l + 1) * right + r];
        for (const [i, at] of [
          [0, at0],
          [1, at1],
        ] as const) {
          out.re[at] =
            ur[2 * i]! * re[at0]! -
            ui[2 * i]! * im[at0]! +
            ur[2 * i + 1]! * re[at1]! -
            ui[2 * i + 1]! * im[at1]!; // inside
          out.im[at] =
            ur[2 * i]! * im[at0]! +
            ui[2 * i]! * re[at0]! +
            ur[2 * i + 1]! * im[at1]! +
            ui[2 * i + 1]! * re[at1]!;
        }
      }
    }
    this.#sites[qubit] = out;
  }

  /** A 4×4 gate on sites i and i + 1; site i is the low bit of its index. */
  #applyTwo(i: number, ur: ArrayLike<number>, ui: ArrayLike<number>): void {
    this.#moveCenter(i);
    const theta = contractPair(this.#site(i), this.#site(i + 1));
    const { rows, columns } = theta;
    const right = columns / 2;
    const out = {
      rows,
      columns,
      re: new Float64Array(rows * columns),
      im: new Float64Array(rows * columns),
    };
    for (let l = 0; l < rows / 2; l++) {
      for (let r = 0; r < right; r++) {
        const index = (local: number): number =>
          (2 * l + (local & 1)) * columns + (local >> 1) * right + r;
        for (let row = 0; row < 4; row++) {
          let [sr, si] = [0, 0];
          for (let column = 0; column < 4; column++) {
            const at = index(column);
            sr += ur[4 * row + column]! * theta.re[at]! - ui[4 * row + column]! * theta.im[at]!;
            si += ur[4 * row + column]! * theta.im[at]! + ui[4 * row + column]! * theta.re[at]!;
          }
          out.re[index(row)] = sr;
          out.im[index(row)] = si;
        }
      }
    }
    this.#split(i, out);
    this.#center = i + 1;
  }

  /** Splits a pair of sites; the singular values go to the right one. Cuts where allowed. */
  #split(i: number, theta: ComplexMatrix): void {
    const { u, values, vDagger } = decomposeMatrix(theta);
    const kept = this.#choose(values);
    const left = theta.rows / 2;
    const right = theta.columns / 2;
    const a = {
      left,
      right: kept,
      re: new Float64Array(left * 2 * kept),
      im: new Float64Array(left * 2 * kept),
    };
    for (let row = 0; row < theta.rows; row++) {
      for (let k = 0; k < kept; k++) {
        a.re[row * kept + k] = u.re[row * u.columns + k]!; // kept ≤ columns
        a.im[row * kept + k] = u.im[row * u.columns + k]!;
      }
    }
    const b = {
      left: kept,
      right,
      re: new Float64Array(kept * 2 * right),
      im: new Float64Array(kept * 2 * right),
    };
    for (let k = 0; k < kept; k++) {
      for (let column = 0; column < 2 * right; column++) {
        b.re[k * 2 * right + column] = values[k]! * vDagger.re[k * theta.columns + column]!;
        b.im[k * 2 * right + column] = values[k]! * vDagger.im[k * theta.columns + column]!;
      }
    }
    this.#sites[i] = a;
    this.#sites[i + 1] = b;
    this.#largest = Math.max(this.#largest, kept);
  }

  /** How many singular values stay: all but rounding, fewer where the bond is full and the budget allows it. */
  #choose(values: Float64Array): number {
    const total = values.reduce((sum, x) => sum + x * x, 0);
    let kept = values.length;
    let tail = 0;
    while (kept > 1 && tail + values[kept - 1]! ** 2 <= negligible * total)
      tail += values[--kept]! ** 2; // kept ≥ 1
    while (kept > this.#maxBond) tail += values[--kept]! ** 2;
    const dropped = tail / total;
    if (dropped > negligible) this.#dropped += dropped;
    if (this.#dropped > this.#errorBudget) {
      throw new QtuneError(
        "resource_exhausted",
        `expected bonds of at most ${this.#maxBond} with an error of at most ${this.#errorBudget} but cutting has dropped a weight of ${this.#dropped.toExponential(2)}; allow larger bonds or a larger error, or make the circuit shallower`,
        { where: "simulate.mps", details: { maxBond: this.#maxBond, dropped: this.#dropped } },
      );
    }
    return kept;
  }

  /** Moves the canonical centre to a site. */
  #moveCenter(to: number): void {
    while (this.#center < to) {
      this.#split(
        this.#center,
        contractPair(this.#site(this.#center), this.#site(this.#center + 1)),
      );
      this.#center += 1;
    }
    while (this.#center > to) {
      this.#splitLeft(this.#center - 1);
      this.#center -= 1;
    }
  }

  /** The same with the singular values going to the left site. */
  #splitLeft(i: number): void {
    const theta = contractPair(this.#site(i), this.#site(i + 1));
    const { u, values, vDagger } = decomposeMatrix(theta);
    const kept = this.#choose(values);
    const left = theta.rows / 2;
    const right = theta.columns / 2;
    const a = {
      left,
      right: kept,
      re: new Float64Array(left * 2 * kept),
      im: new Float64Array(left * 2 * kept),
    };
    for (let row = 0; row < theta.rows; row++) {
      for (let k = 0; k < kept; k++) {
        a.re[row * kept + k] = values[k]! * u.re[row * u.columns + k]!; // kept ≤ columns
        a.im[row * kept + k] = values[k]! * u.im[row * u.columns + k]!;
      }
    }
    const b = {
      left: kept,
      right,
      re: vDagger.re.slice(0, kept * 2 * right),
      im: vDagger.im.slice(0, kept * 2 * right),
    };
    this.#sites[i] = a;
    this.#sites[i + 1] = b;
  }

  weights(qubit: number): { readonly one: number; readonly total: number } {
    this.#moveCenter(qubit);
    const { left, right, re, im } = this.#site(qubit);
    let [one, total] = [0, 0];
    for (let row = 0; row < 2 * left; row++) {
      let sum = 0;
      for (let r = 0; r < right; r++) sum += re[row * right + r]! ** 2 + im[row * right + r]! ** 2; // inside
      total += sum;
      if (row % 2 === 1) one += sum;
    }
    return { one, total };
  }

  projectInPlace(qubit: number, value: 0 | 1, factor: number, flip: boolean): void {
    const r = flip ? 1 - value : value;
    const u = new Float64Array(4);
    u[2 * r + value] = factor;
    this.#moveCenter(qubit);
    this.#applyOne(qubit, u, new Float64Array(4));
  }

  /** Draws every shot by conditional probabilities from left to right: n · bond² per shot, nothing is copied. */
  async sampleBits(shots: number, random: Random, options: Abortable = {}): Promise<Uint8Array> {
    this.#moveCenter(0);
    const bits = new Uint8Array(shots * this.#n);
    let sliceEnd = performance.now() + 20;
    for (let shot = 0; shot < shots; shot++) {
      this.#drawShot(bits.subarray(shot * this.#n, (shot + 1) * this.#n), random);
      if (performance.now() > sliceEnd) {
        await yieldToOthers(options.signal);
        sliceEnd = performance.now() + 20;
      }
    }
    return bits;
  }

  #drawShot(bits: Uint8Array, random: Random): void {
    let vr = Float64Array.of(1);
    let vi = new Float64Array(1);
    for (let qubit = 0; qubit < this.#n; qubit++) {
      const { left, right, re, im } = this.#site(qubit);
      const branch = [0, 1].map((value) => {
        const out = { re: new Float64Array(right), im: new Float64Array(right), weight: 0 };
        for (let l = 0; l < left; l++) {
          const [ar, ai] = [vr[l]!, vi[l]!]; // l < left
          const at = (2 * l + value) * right;
          for (let r = 0; r < right; r++) {
            out.re[r]! += ar * re[at + r]! - ai * im[at + r]!;
            out.im[r]! += ar * im[at + r]! + ai * re[at + r]!;
          }
        }
        for (let r = 0; r < right; r++) out.weight += out.re[r]! ** 2 + out.im[r]! ** 2;
        return out;
      });
      const [zero, one] = [branch[0]!, branch[1]!]; // two of them
      const value = random.nextUniform() * (zero.weight + one.weight) < one.weight ? 1 : 0;
      const taken = value === 1 ? one : zero;
      const scale = 1 / Math.sqrt(taken.weight);
      vr = taken.re.map((x) => x * scale);
      vi = taken.im.map((x) => x * scale);
      bits[qubit] = value;
    }
  }

  /** Returns ⟨ψ|P|ψ⟩ for a Pauli string, 0 I 1 X 2 Y 3 Z by qubit. Cost: n · bond³. */
  pauliExpectation(paulis: Uint8Array): number {
    let er: Float64Array<ArrayBufferLike> = Float64Array.of(1);
    let ei: Float64Array<ArrayBufferLike> = new Float64Array(1);
    for (let qubit = 0; qubit < this.#n; qubit++)
      [er, ei] = transfer(er, ei, this.#site(qubit), paulis[qubit] ?? 0);
    return er[0]!; // one element
  }

  save(): Saved {
    return { sites: [...this.#sites], center: this.#center };
  }

  restore(saved: unknown): void {
    const { sites, center } = saved as Saved; // made by save
    this.#sites = [...sites];
    this.#center = center;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing but arrays is held.
  }
}

const zeros16 = new Float64Array(16);
const swapRe = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1);

/** θ [(left, 2), (2, right)] of two neighbouring sites. */
function contractPair(a: Site, b: Site): ComplexMatrix {
  const rows = 2 * a.left;
  const columns = 2 * b.right;
  const re = new Float64Array(rows * columns);
  const im = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let k = 0; k < a.right; k++) {
      const [ar, ai] = [a.re[row * a.right + k]!, a.im[row * a.right + k]!]; // inside
      const from = k * columns;
      const to = row * columns;
      for (let column = 0; column < columns; column++) {
        const [br, bi] = [b.re[from + column]!, b.im[from + column]!];
        re[to + column]! += ar * br - ai * bi;
        im[to + column]! += ar * bi + ai * br;
      }
    }
  }
  return { rows, columns, re, im };
}

/** A fused group as a dense matrix on one or two sites. */
function denseGroup(group: Group): {
  readonly qubits: readonly number[];
  readonly re: ArrayLike<number>;
  readonly im: ArrayLike<number>;
} {
  if (group.qubits.length > 2 || (group.kind === "matrix" && group.controls.length > 0)) {
    throw new QtuneError(
      "internal",
      "internal: a matrix product state takes gates of one or two qubits; expand the circuit first",
    );
  }
  if (group.kind === "matrix")
    return { qubits: group.qubits, re: group.matrix.re, im: group.matrix.im };
  const size = group.phases.length;
  const re = new Float64Array(size * size);
  const im = new Float64Array(size * size);
  group.phases.forEach((phase, x) => {
    re[x * size + x] = Math.cos(phase);
    im[x * size + x] = Math.sin(phase);
  });
  return { qubits: group.qubits, re, im };
}

/** E'[r, r'] = Σ conj(A[l, i, r]) P[i, j] E[l, l'] A[l', j, r']. */
function transfer(
  er: ArrayLike<number>,
  ei: ArrayLike<number>,
  site: Site,
  pauli: number,
): [Float64Array, Float64Array] {
  const { left, right, re, im } = site;
  const outRe = new Float64Array(right * right);
  const outIm = new Float64Array(right * right);
  for (let i = 0; i < 2; i++) {
    const j = pauli === 1 || pauli === 2 ? 1 - i : i;
    // P[i, j]: X 1; Y −i above, i below; Z ±1.
    const [fr, fi] = pauli === 2 ? [0, i === 0 ? -1 : 1] : [pauli === 3 && i === 1 ? -1 : 1, 0];
    // T[l, r'] = Σ E[l, l'] A[l', j, r']
    const tr = new Float64Array(left * right);
    const ti = new Float64Array(left * right);
    for (let l = 0; l < left; l++) {
      for (let m = 0; m < left; m++) {
        const [xr, xi] = [er[l * left + m]!, ei[l * left + m]!]; // inside
        const at = (2 * m + j) * right;
        for (let r = 0; r < right; r++) {
          tr[l * right + r]! += xr * re[at + r]! - xi * im[at + r]!;
          ti[l * right + r]! += xr * im[at + r]! + xi * re[at + r]!;
        }
      }
    }
    for (let l = 0; l < left; l++) {
      for (let r = 0; r < right; r++) {
        const at = (2 * l + i) * right + r;
        const [ar, ai] = [fr * re[at]! + fi * im[at]!, fi * re[at]! - fr * im[at]!];
        for (let s = 0; s < right; s++) {
          outRe[r * right + s]! += ar * tr[l * right + s]! - ai * ti[l * right + s]!;
          outIm[r * right + s]! += ar * ti[l * right + s]! + ai * tr[l * right + s]!;
        }
      }
    }
  }
  return [outRe, outIm];
}
