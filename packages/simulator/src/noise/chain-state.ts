/**
 * One noisy shot as a matrix product state in float64. Matrices of single sites wait until an operator of two sites takes
 * them along; such operators multiply the bond by their rank, and only where bonds grow large, or a norm is asked for, is
 * the chain made orthonormal and cut (Schollwöck, arXiv 1008.3477). Sites before `first` are left-orthonormal, sites behind
 * `last` right-orthonormal; between them anything may stand.
 */
import { QtuneError, type Random } from "@qtune/base";
import { decomposeMatrix } from "../engines/svd.ts";
import { type Entries, type PairOperator, splitOperator } from "./chain-program.ts";

/** How far bonds may grow and how much cuts may drop. */
export interface ChainLimits {
  readonly maxBond: number;
  /** Most weight that the cuts of one shot may drop together. */
  readonly errorBudget: number;
  /** Weight that every single cut may drop. */
  readonly perCut: number;
}

/** A site [left, 2, right]. */
interface Site {
  readonly left: number;
  readonly right: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Up to this bond multiplying by a rank costs less than cutting. */
const lazyBond = 16;

/** A vector that is shorter than this share of the longest depends on the others: rounding. */
const dependent = 1e-14;

const identity = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0);

const swapMatrix = new Float64Array(32);
for (const at of [0, 6, 9, 15]) swapMatrix[2 * at] = 1; // |01⟩ and |10⟩ exchanged
const swap: PairOperator = { matrix: swapMatrix, split: splitOperator(swapMatrix) };

/** The state of one shot. */
export class ChainState {
  readonly #limits: ChainLimits;
  readonly #sites: Site[];
  readonly #waiting: Entries[];
  /** 0 nothing waits, 1 a unitary, 2 another matrix. */
  readonly #waits: Uint8Array;
  #first = 0;
  #last = 0;
  /** Weight dropped by the cuts of this shot. */
  dropped = 0;
  largestBond = 1;

  /** |0…0⟩ of n sites. */
  constructor(n: number, limits: ChainLimits) {
    this.#limits = limits;
    this.#sites = Array.from({ length: n }, () => ({
      left: 1,
      right: 1,
      re: Float64Array.of(1, 0),
      im: new Float64Array(2),
    }));
    this.#waiting = Array.from({ length: n }, () => identity.slice());
    this.#waits = new Uint8Array(n);
  }

  /** Multiplies a site by a 2×2 matrix. */
  applyOne(site: number, matrix: Entries, isUnitary: boolean): void {
    const waiting = this.#waiting[site]!; // callers stay inside
    waiting.set(multiply(matrix, waiting));
    this.#waits[site] = Math.max(this.#waits[site]!, isUnitary ? 1 : 2);
  }

  /** Multiplies two sites by an operator that keeps the norm; `site` < `other`. */
  applyPair(site: number, other: number, operator: PairOperator): void {
    this.#between(site, other, () => this.#applyNeighbours(site, operator));
  }

  /** Draws one of the operators of a channel of one site by their weights. */
  chooseOne(site: number, operators: readonly Entries[], draw: number): void {
    const [p0, p1, cr, ci] = this.#density(site);
    const total = p0 + p1;
    const index = choose(operators.length, draw, (j) => {
      const m = operators[j]!; // j < length
      return (rowWeight(m, 0, p0, p1, cr, ci) + rowWeight(m, 4, p0, p1, cr, ci)) / total;
    });
    // The site is the only one that is not orthonormal, so nothing else is touched.
    this.#sites[site] = multiplySite(this.#sites[site]!, operators[index]!);
    this.#scale(site, 1 / Math.sqrt(total));
  }

  /** Draws one of the operators of a channel of two sites by their weights. */
  choosePair(site: number, other: number, operators: readonly PairOperator[], draw: number): void {
    this.#between(site, other, () => {
      const theta = this.#pairOf(site);
      const total = weightOf(theta);
      const images = operators.map(({ matrix }) => multiplyPair(theta, matrix));
      const index = choose(images.length, draw, (j) => weightOf(images[j]!) / total); // j < length
      this.#split(site, images[index]!);
    });
  }

  /** Draws the bits of all sites. Effect: the state is used up. */
  draw(random: Random): Uint8Array {
    for (const site of this.#sites.keys()) this.#flush(site);
    this.#gather(0, 0);
    const bits = new Uint8Array(this.#sites.length);
    let [vr, vi] = [Float64Array.of(1), new Float64Array(1)];
    for (const [at, site] of this.#sites.entries()) {
      const zero = branch(site, vr, vi, 0);
      const one = branch(site, vr, vi, 1);
      const value = random.nextUniform() * (zero.weight + one.weight) < one.weight ? 1 : 0;
      const taken = value === 1 ? one : zero;
      const scale = 1 / Math.sqrt(taken.weight);
      [vr, vi] = [taken.re.map((x) => x * scale), taken.im.map((x) => x * scale)];
      bits[at] = value;
    }
    return bits;
  }

  /** Brings two sites together, acts, and brings them back. */
  #between(site: number, other: number, act: () => void): void {
    for (let at = other - 1; at > site; at--) this.#applyNeighbours(at, swap);
    act();
    for (let at = site + 1; at < other; at++) this.#applyNeighbours(at, swap);
  }

  #applyNeighbours(i: number, operator: PairOperator): void {
    const { rank, low, high } = operator.split;
    const bond = this.#sites[i]!.right; // callers stay inside
    if (bond * rank > Math.min(lazyBond, this.#largestRank(i))) {
      this.#split(i, multiplyPair(this.#pairOf(i), operator.matrix));
      return;
    }
    this.#sites[i] = widenRight(this.#sites[i]!, rank, this.#takeAlong(i, low));
    this.#sites[i + 1] = widenLeft(this.#sites[i + 1]!, rank, this.#takeAlong(i + 1, high));
    this.#first = Math.min(this.#first, i);
    this.#last = Math.max(this.#last, i + 1);
    this.largestBond = Math.max(this.largestBond, bond * rank);
  }

  /** The rank that a state can have across the cut behind a site: the dimension of the smaller side. */
  #largestRank(site: number): number {
    return 2 ** Math.min(site + 1, this.#sites.length - 1 - site);
  }

  /** The matrices of a split, each times what waits at a site. */
  #takeAlong(site: number, matrices: Entries): Entries {
    if (this.#waits[site] === 0) return matrices;
    const out = new Float64Array(matrices.length);
    for (let at = 0; at < out.length; at += 8)
      out.set(multiply(matrices.subarray(at, at + 8), this.#waiting[site]!), at);
    this.#waiting[site]!.set(identity);
    this.#waits[site] = 0;
    return out;
  }

  #flush(site: number): void {
    const waits = this.#waits[site]!;
    if (waits === 0) return;
    this.#sites[site] = multiplySite(this.#sites[site]!, this.#waiting[site]!);
    this.#waiting[site]!.set(identity);
    this.#waits[site] = 0;
    if (waits === 1) return;
    this.#first = Math.min(this.#first, site);
    this.#last = Math.max(this.#last, site);
  }

  /** Makes all sites outside of [from, to] orthonormal, so that what stands inside has the norm of the state. */
  #gather(from: number, to: number): void {
    for (const [site, waits] of this.#waits.entries()) if (waits === 2) this.#flush(site);
    while (this.#first < from) {
      const site = this.#sites[this.#first]!;
      const next = this.#sites[this.#first + 1]!;
      const columns = {
        re: transpose(site.re, 2 * site.left),
        im: transpose(site.im, 2 * site.left),
      };
      const { rank, q, r } = orthonormalise(columns, site.right, 2 * site.left);
      this.#sites[this.#first] = {
        left: site.left,
        right: rank,
        re: transpose(q.re, rank),
        im: transpose(q.im, rank),
      };
      // next'[k, ·] = Σ_j R[k, j] next[j, ·], R[k, j] = r[j, k].
      this.#sites[this.#first + 1] = {
        left: rank,
        right: next.right,
        ...product(transposeBoth(r, site.right), next, rank, site.right, 2 * next.right),
      };
      this.#first += 1;
    }
    while (this.#last > to) {
      const site = this.#sites[this.#last]!;
      const before = this.#sites[this.#last - 1]!;
      const { rank, q, r } = orthonormalise(site, site.left, 2 * site.right);
      this.#sites[this.#last] = { left: rank, right: site.right, ...q };
      this.#sites[this.#last - 1] = {
        left: before.left,
        right: rank,
        ...product(before, r, 2 * before.left, site.left, rank),
      };
      this.#last -= 1;
    }
    this.#first = from;
    this.#last = to;
  }

  /** ρ of one site: both weights, and Σ a conj(b). */
  #density(site: number): readonly [number, number, number, number] {
    this.#gather(site, site);
    this.#flush(site);
    const { left, right, re, im } = this.#sites[site]!;
    let [p0, p1, cr, ci] = [0, 0, 0, 0];
    for (let l = 0; l < left; l++) {
      for (let r = 0; r < right; r++) {
        const at = 2 * l * right + r;
        const [ar, ai, br, bi] = [re[at]!, im[at]!, re[at + right]!, im[at + right]!]; // inside
        p0 += ar * ar + ai * ai;
        p1 += br * br + bi * bi;
        cr += ar * br + ai * bi;
        ci += ai * br - ar * bi;
      }
    }
    this.#first = this.#last = site;
    return [p0, p1, cr, ci];
  }

  #scale(site: number, factor: number): void {
    const { re, im } = this.#sites[site]!;
    for (let i = 0; i < re.length; i++) {
      re[i]! *= factor; // inside
      im[i]! *= factor;
    }
  }

  /** θ [(left, 2), (2, right)] of two neighbours, all others orthonormal. */
  #pairOf(i: number): Theta {
    this.#gather(i, i + 1);
    this.#flush(i);
    this.#flush(i + 1);
    const [a, b] = [this.#sites[i]!, this.#sites[i + 1]!];
    const [rows, columns] = [2 * a.left, 2 * b.right];
    return { rows, columns, ...product(a, b, rows, a.right, columns) };
  }

  /** Splits a pair of sites with norm 1 and cuts where allowed; the singular values go to the right one. */
  #split(i: number, theta: Theta): void {
    const { u, values, vDagger } = decomposeMatrix(theta);
    const total = values.reduce((sum, x) => sum + x * x, 0);
    const kept = this.#keep(values, total);
    const norm = 1 / Math.sqrt(total);
    const a = { re: new Float64Array(theta.rows * kept), im: new Float64Array(theta.rows * kept) };
    for (let row = 0; row < theta.rows; row++) {
      for (let k = 0; k < kept; k++) {
        a.re[row * kept + k] = u.re[row * u.columns + k]!; // kept ≤ columns
        a.im[row * kept + k] = u.im[row * u.columns + k]!;
      }
    }
    const scaled = (plane: Float64Array): Float64Array =>
      Float64Array.from(
        { length: kept * theta.columns },
        (_, at) => norm * values[Math.floor(at / theta.columns)]! * plane[at]!, // inside
      );
    this.#sites[i] = { left: theta.rows / 2, right: kept, ...a };
    this.#sites[i + 1] = {
      left: kept,
      right: theta.columns / 2,
      re: scaled(vDagger.re),
      im: scaled(vDagger.im),
    };
    this.#first = this.#last = i + 1;
    this.largestBond = Math.max(this.largestBond, kept);
  }

  #keep(values: Float64Array, total: number): number {
    const { maxBond, errorBudget, perCut } = this.#limits;
    let kept = values.length;
    let tail = 0;
    while (kept > 1 && (tail + values[kept - 1]! ** 2) / total <= perCut)
      tail += values[--kept]! ** 2; // kept ≥ 1
    while (kept > maxBond) tail += values[--kept]! ** 2;
    this.dropped += tail / total;
    if (this.dropped > errorBudget) {
      throw new QtuneError(
        "resource_exhausted",
        `expected bonds of at most ${maxBond} with an error of at most ${errorBudget} per shot but cutting has dropped a weight of ${this.dropped.toExponential(2)}; allow larger bonds or a larger error, or make the circuit shallower`,
        { where: "sampling", details: { maxBond, dropped: this.dropped } },
      );
    }
    return kept;
  }
}

interface Planes {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

interface Theta extends Planes {
  readonly rows: number;
  readonly columns: number;
}

/** The first index at which the weights add up to more than `draw`. */
function choose(count: number, draw: number, weight: (index: number) => number): number {
  let rest = draw;
  for (let index = 0; index < count - 1; index++) {
    rest -= weight(index);
    if (rest < 0) return index;
  }
  return count - 1;
}

/** Products of 2×2 matrices: a · b. */
function multiply(a: Entries, b: Entries): Entries {
  const out = new Float64Array(8);
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 2; j++) {
      for (let k = 0; k < 2; k++) {
        const [p, q] = [4 * i + 2 * k, 4 * k + 2 * j];
        out[4 * i + 2 * j]! += a[p]! * b[q]! - a[p + 1]! * b[q + 1]!; // eight entries each
        out[4 * i + 2 * j + 1]! += a[p]! * b[q + 1]! + a[p + 1]! * b[q]!;
      }
    }
  }
  return out;
}

/** ‖row of m times the site‖². */
function rowWeight(m: Entries, at: number, p0: number, p1: number, cr: number, ci: number): number {
  const [ur, ui, wr, wi] = [m[at]!, m[at + 1]!, m[at + 2]!, m[at + 3]!]; // two rows of four
  return (
    (ur * ur + ui * ui) * p0 +
    (wr * wr + wi * wi) * p1 +
    2 * ((ur * wr + ui * wi) * cr - (ui * wr - ur * wi) * ci)
  );
}

function multiplySite(site: Site, m: Entries): Site {
  return { ...widenRight(site, 1, m) };
}

/** Site [left, 2, right] → [left, 2, (right, rank)] with one 2×2 matrix for each k. */
function widenRight({ left, right, re, im }: Site, rank: number, matrices: Entries): Site {
  const wide = right * rank;
  const out = {
    left,
    right: wide,
    re: new Float64Array(2 * left * wide),
    im: new Float64Array(2 * left * wide),
  };
  for (let k = 0; k < rank; k++) {
    for (let i = 0; i < 2; i++) {
      const [ur, ui, wr, wi] = rowOf(matrices, 2 * k + i);
      for (let l = 0; l < left; l++) {
        for (let r = 0; r < right; r++) {
          const from = 2 * l * right + r;
          const to = (2 * l + i) * wide + r * rank + k;
          const [ar, ai, br, bi] = [re[from]!, im[from]!, re[from + right]!, im[from + right]!]; // inside
          out.re[to] = ur * ar - ui * ai + wr * br - wi * bi;
          out.im[to] = ur * ai + ui * ar + wr * bi + wi * br;
        }
      }
    }
  }
  return out;
}

/** A row of complex matrices of two columns. Shapes: matrices [rows, 2]. */
function rowOf(matrices: Entries, row: number): readonly [number, number, number, number] {
  const at = 4 * row;
  return [matrices[at]!, matrices[at + 1]!, matrices[at + 2]!, matrices[at + 3]!]; // inside
}

/** Site [left, 2, right] → [(left, rank), 2, right]. */
function widenLeft({ left, right, re, im }: Site, rank: number, matrices: Entries): Site {
  const size = 2 * left * rank * right;
  const out = { left: left * rank, right, re: new Float64Array(size), im: new Float64Array(size) };
  for (let k = 0; k < rank; k++) {
    for (let i = 0; i < 2; i++) {
      const [ur, ui, wr, wi] = rowOf(matrices, 2 * k + i);
      for (let l = 0; l < left; l++) {
        const start = 2 * l * right;
        const target = (2 * (l * rank + k) + i) * right;
        for (let r = 0; r < right; r++) {
          const from = start + r;
          const [ar, ai, br, bi] = [re[from]!, im[from]!, re[from + right]!, im[from + right]!]; // inside
          out.re[target + r] = ur * ar - ui * ai + wr * br - wi * bi;
          out.im[target + r] = ur * ai + ui * ar + wr * bi + wi * br;
        }
      }
    }
  }
  return out;
}

/** A 4×4 matrix on θ; the row's last bit is the low one, the column's first bit the high one. */
function multiplyPair(theta: Theta, m: Entries): Theta {
  const { rows, columns } = theta;
  const right = columns / 2;
  const out = {
    rows,
    columns,
    re: new Float64Array(rows * columns),
    im: new Float64Array(rows * columns),
  };
  for (let l = 0; l < rows / 2; l++) {
    for (let i = 0; i < 4; i++) {
      const to = (2 * l + (i & 1)) * columns + (i >> 1) * right;
      for (let j = 0; j < 4; j++) {
        const [a, b] = [m[8 * i + 2 * j]!, m[8 * i + 2 * j + 1]!]; // 4 × 4
        if (a === 0 && b === 0) continue;
        const from = (2 * l + (j & 1)) * columns + (j >> 1) * right;
        for (let r = 0; r < right; r++) {
          out.re[to + r]! += a * theta.re[from + r]! - b * theta.im[from + r]!; // inside
          out.im[to + r]! += a * theta.im[from + r]! + b * theta.re[from + r]!;
        }
      }
    }
  }
  return out;
}

function weightOf({ re, im }: Planes): number {
  let sum = 0;
  for (let i = 0; i < re.length; i++) sum += re[i]! ** 2 + im[i]! ** 2; // as many
  return sum;
}

/** A [rows, inner] · B [inner, columns]. */
function product(a: Planes, b: Planes, rows: number, inner: number, columns: number): Planes {
  const out = { re: new Float64Array(rows * columns), im: new Float64Array(rows * columns) };
  for (let row = 0; row < rows; row++) {
    const to = row * columns;
    for (let k = 0; k < inner; k++) {
      const [ar, ai] = [a.re[row * inner + k]!, a.im[row * inner + k]!]; // inside
      const from = k * columns;
      for (let column = 0; column < columns; column++) {
        const [br, bi] = [b.re[from + column]!, b.im[from + column]!];
        out.re[to + column]! += ar * br - ai * bi;
        out.im[to + column]! += ar * bi + ai * br;
      }
    }
  }
  return out;
}

/** A matrix with `rows` rows, transposed. */
function transpose(plane: Float64Array, rows: number): Float64Array {
  const columns = plane.length / rows;
  const out = new Float64Array(plane.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      out[column * rows + row] = plane[row * columns + column]!; // inside
  return out;
}

function transposeBoth({ re, im }: Planes, rows: number): Planes {
  return { re: transpose(re, rows), im: transpose(im, rows) };
}

/**
 * Orthonormal vectors that span given ones (Gram and Schmidt; a second time where the first has cancelled much): v_j = Σ_k r[j, k] q_k; those that depend on others get
 * none of their own.
 *
 * Shapes: vectors [count, length]; q [rank, length]; r [count, rank].
 */
function orthonormalise(
  vectors: Planes,
  count: number,
  length: number,
): { readonly rank: number; readonly q: Planes; readonly r: Planes } {
  const most = Math.min(count, length);
  const q = { re: new Float64Array(most * length), im: new Float64Array(most * length) };
  const r = { re: new Float64Array(count * most), im: new Float64Array(count * most) };
  const vr = new Float64Array(length);
  const vi = new Float64Array(length);
  let longest = 0;
  for (let j = 0; j < count; j++) {
    let square = 0;
    for (let i = j * length; i < (j + 1) * length; i++)
      square += vectors.re[i]! ** 2 + vectors.im[i]! ** 2; // inside
    longest = Math.max(longest, Math.sqrt(square));
  }
  let rank = 0;
  for (let j = 0; j < count; j++) {
    vr.set(vectors.re.subarray(j * length, (j + 1) * length));
    vi.set(vectors.im.subarray(j * length, (j + 1) * length));
    let norm = lengthOf(vr, vi);
    for (let pass = 0, before = 2 * norm; pass < 2 && norm < 0.7 * before; pass++) {
      before = norm;
      for (let k = 0; k < rank; k++) {
        const at = k * length;
        let [sr, si] = [0, 0];
        for (let i = 0; i < length; i++) {
          const [qr, qi] = [q.re[at + i]!, q.im[at + i]!];
          sr += qr * vr[i]! + qi * vi[i]!;
          si += qr * vi[i]! - qi * vr[i]!;
        }
        for (let i = 0; i < length; i++) {
          const [qr, qi] = [q.re[at + i]!, q.im[at + i]!];
          vr[i]! -= sr * qr - si * qi;
          vi[i]! -= sr * qi + si * qr;
        }
        r.re[j * most + k]! += sr;
        r.im[j * most + k]! += si;
      }
      norm = lengthOf(vr, vi);
    }
    if (rank === most || norm <= dependent * longest) continue;
    for (let i = 0; i < length; i++) {
      q.re[rank * length + i] = vr[i]! / norm;
      q.im[rank * length + i] = vi[i]! / norm;
    }
    r.re[j * most + rank] = norm;
    rank += 1;
  }
  const narrow = (plane: Float64Array): Float64Array =>
    rank === most
      ? plane
      : Float64Array.from(
          { length: count * rank },
          (_, at) => plane[Math.floor(at / rank) * most + (at % rank)]!, // rank < most
        );
  return {
    rank,
    q: { re: q.re.subarray(0, rank * length), im: q.im.subarray(0, rank * length) },
    r: { re: narrow(r.re), im: narrow(r.im) },
  };
}

function lengthOf(re: Float64Array, im: Float64Array): number {
  let square = 0;
  for (let i = 0; i < re.length; i++) square += re[i]! * re[i]! + im[i]! * im[i]!; // as many
  return Math.sqrt(square);
}

/** The vector of a value, continued through a site, and its weight. */
function branch(
  { left, right, re, im }: Site,
  vr: Float64Array,
  vi: Float64Array,
  value: 0 | 1,
): { re: Float64Array; im: Float64Array; weight: number } {
  const out = { re: new Float64Array(right), im: new Float64Array(right), weight: 0 };
  for (let l = 0; l < left; l++) {
    const [ar, ai] = [vr[l]!, vi[l]!]; // l < left
    const at = (2 * l + value) * right;
    for (let r = 0; r < right; r++) {
      out.re[r]! += ar * re[at + r]! - ai * im[at + r]!; // inside
      out.im[r]! += ar * im[at + r]! + ai * re[at + r]!;
    }
  }
  for (let r = 0; r < right; r++) out.weight += out.re[r]! ** 2 + out.im[r]! ** 2;
  return out;
}
