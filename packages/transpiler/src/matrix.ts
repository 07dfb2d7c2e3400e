/**
 * Small dense complex matrices, row-major and interleaved: entry (r, c) of a k × k matrix is at 2·(r·k + c) (real) and
 * the next index (imaginary). Only what synthesis needs; large operators belong to the simulator.
 */

/** A complex k × k matrix, interleaved. Length 8 for one qubit, 32 for two. */
export type Matrix = Float64Array;

/** The identity on one qubit. */
export const identity2: Matrix = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0);

/** Returns the k of a k × k matrix. */
export function dimension(matrix: Matrix): number {
  return Math.round(Math.sqrt(matrix.length / 2));
}

/** Creates a matrix from separate real and imaginary parts, row-major. */
export function fromParts(re: ArrayLike<number>, im: ArrayLike<number>): Matrix {
  const out = new Float64Array(2 * re.length);
  for (let i = 0; i < re.length; i++) {
    out[2 * i] = re[i] ?? 0;
    out[2 * i + 1] = im[i] ?? 0;
  }
  return out;
}

/** Returns the k × k identity. */
export function identity(k: number): Matrix {
  const out = new Float64Array(2 * k * k);
  for (let i = 0; i < k; i++) out[2 * (i * k + i)] = 1;
  return out;
}

/** Returns the product a · b (b acts first). */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const k = dimension(a);
  const out = new Float64Array(a.length);
  for (let r = 0; r < k; r++) {
    for (let m = 0; m < k; m++) {
      const re = a[2 * (r * k + m)]!; // r, m and c are below k
      const im = a[2 * (r * k + m) + 1]!;
      if (re === 0 && im === 0) continue;
      for (let c = 0; c < k; c++) {
        const bRe = b[2 * (m * k + c)]!;
        const bIm = b[2 * (m * k + c) + 1]!;
        out[2 * (r * k + c)]! += re * bRe - im * bIm;
        out[2 * (r * k + c) + 1]! += re * bIm + im * bRe;
      }
    }
  }
  return out;
}

/** Returns the conjugate transpose. */
export function adjoint(a: Matrix): Matrix {
  const k = dimension(a);
  const out = new Float64Array(a.length);
  for (let r = 0; r < k; r++) {
    for (let c = 0; c < k; c++) {
      out[2 * (c * k + r)] = a[2 * (r * k + c)]!; // r and c are below k
      out[2 * (c * k + r) + 1] = -a[2 * (r * k + c) + 1]!;
    }
  }
  return out;
}

/** Returns the transpose, without conjugation. */
export function transpose(a: Matrix): Matrix {
  const k = dimension(a);
  const out = new Float64Array(a.length);
  for (let r = 0; r < k; r++) {
    for (let c = 0; c < k; c++) {
      out[2 * (c * k + r)] = a[2 * (r * k + c)]!; // r and c are below k
      out[2 * (c * k + r) + 1] = a[2 * (r * k + c) + 1]!;
    }
  }
  return out;
}

/**
 * Returns `high ⊗ low`: the operator of two qubits whose index is 2 · high + low.
 *
 * Shapes: high, low 2 × 2; result 4 × 4.
 */
export function kronecker(high: Matrix, low: Matrix): Matrix {
  const out = new Float64Array(32);
  for (let r = 0; r < 4; r++) {
    for (let c = 0; c < 4; c++) {
      const h = 2 * ((r >> 1) * 2 + (c >> 1));
      const l = 2 * ((r & 1) * 2 + (c & 1));
      out[2 * (r * 4 + c)] = high[h]! * low[l]! - high[h + 1]! * low[l + 1]!; // indices are below 8
      out[2 * (r * 4 + c) + 1] = high[h]! * low[l + 1]! + high[h + 1]! * low[l]!;
    }
  }
  return out;
}

/** Returns a matrix times the complex number (re, im). */
export function scale(a: Matrix, re: number, im: number): Matrix {
  const out = new Float64Array(a.length);
  for (let i = 0; i < a.length; i += 2) {
    out[i] = a[i]! * re - a[i + 1]! * im; // i + 1 is inside: the length is even
    out[i + 1] = a[i]! * im + a[i + 1]! * re;
  }
  return out;
}

/** Returns a two-qubit operator with its qubits exchanged. */
export function exchangeQubits(a: Matrix): Matrix {
  const order = [0, 2, 1, 3];
  const out = new Float64Array(32);
  order.forEach((from, r) =>
    order.forEach((column, c) => {
      out[2 * (r * 4 + c)] = a[2 * (from * 4 + column)]!; // all below 4
      out[2 * (r * 4 + c) + 1] = a[2 * (from * 4 + column) + 1]!;
    }),
  );
  return out;
}

/** Returns the determinant [re, im] by elimination with pivoting. */
export function determinant(a: Matrix): readonly [number, number] {
  const k = dimension(a);
  const m = a.slice();
  let re = 1;
  let im = 0;
  for (let p = 0; p < k; p++) {
    let pivot = p;
    let best = 0;
    for (let r = p; r < k; r++) {
      const size = Math.hypot(m[2 * (r * k + p)]!, m[2 * (r * k + p) + 1]!); // r and p are below k
      if (size > best) {
        best = size;
        pivot = r;
      }
    }
    if (best === 0) return [0, 0];
    if (pivot !== p) {
      for (let c = 0; c < 2 * k; c++) {
        const kept = m[2 * p * k + c]!;
        m[2 * p * k + c] = m[2 * pivot * k + c]!;
        m[2 * pivot * k + c] = kept;
      }
      re = -re;
      im = -im;
    }
    const pRe = m[2 * (p * k + p)]!;
    const pIm = m[2 * (p * k + p) + 1]!;
    [re, im] = [re * pRe - im * pIm, re * pIm + im * pRe];
    const norm = pRe * pRe + pIm * pIm;
    for (let r = p + 1; r < k; r++) {
      const xRe = m[2 * (r * k + p)]!;
      const xIm = m[2 * (r * k + p) + 1]!;
      const fRe = (xRe * pRe + xIm * pIm) / norm;
      const fIm = (xIm * pRe - xRe * pIm) / norm;
      for (let c = p; c < k; c++) {
        const yRe = m[2 * (p * k + c)]!;
        const yIm = m[2 * (p * k + c) + 1]!;
        m[2 * (r * k + c)]! -= fRe * yRe - fIm * yIm;
        m[2 * (r * k + c) + 1]! -= fRe * yIm + fIm * yRe;
      }
    }
  }
  return [re, im];
}

/**
 * Returns how far two unitaries are apart up to a global phase: sqrt(2 − 2|tr(a† b)| / k), about the largest angle
 * between them. 0 when equal up to phase.
 */
export function phaseDistance(a: Matrix, b: Matrix): number {
  const k = dimension(a);
  let re = 0;
  let im = 0;
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!; // same length, even
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  // The difference with the best phase, summed entry by entry, keeps small distances exact where 1 − |tr| cancels.
  const size = Math.hypot(re, im);
  const cos = size === 0 ? 1 : re / size;
  const sin = size === 0 ? 0 : im / size;
  let sum = 0;
  for (let i = 0; i < a.length; i += 2) {
    const xRe = a[i]! * cos - a[i + 1]! * sin;
    const xIm = a[i]! * sin + a[i + 1]! * cos;
    sum += (xRe - b[i]!) ** 2 + (xIm - b[i + 1]!) ** 2;
  }
  return Math.sqrt(sum / k);
}

/** Returns RX, RY or RZ of an angle: exp(−i angle P / 2). */
export function rotation(axis: "X" | "Y" | "Z", angle: number): Matrix {
  const c = Math.cos(angle / 2);
  const s = Math.sin(angle / 2);
  switch (axis) {
    case "X":
      return Float64Array.of(c, 0, 0, -s, 0, -s, c, 0);
    case "Y":
      return Float64Array.of(c, 0, -s, 0, s, 0, c, 0);
    case "Z":
      return Float64Array.of(c, -s, 0, 0, 0, 0, c, s);
    default:
      return axis satisfies never;
  }
}

/** CZ on two qubits. */
export const czMatrix: Matrix = (() => {
  const out = identity(4);
  out[30] = -1;
  return out;
})();

/** SWAP on two qubits. */
export const swapMatrix: Matrix = exchangeQubitsOfRows(identity(4));

function exchangeQubitsOfRows(a: Matrix): Matrix {
  const out = a.slice();
  for (let c = 0; c < 8; c++) {
    out[8 + c] = a[16 + c]!; // rows 1 and 2 of 4
    out[16 + c] = a[8 + c]!;
  }
  return out;
}
