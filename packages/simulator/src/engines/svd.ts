/**
 * Singular values of a complex matrix by one-sided Jacobi rotations (Hestenes; Demmel and Veselić, "Jacobi's method is more
 * accurate than QR", 1992): accurate for small singular values, which truncation decides about.
 */

/** A complex matrix [rows, columns], row-major. */
export interface ComplexMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** M = U diag(values) V†: U [rows, r], V† [r, columns], values descending, r = min(rows, columns). */
export interface Decomposition {
  readonly u: ComplexMatrix;
  readonly values: Float64Array;
  readonly vDagger: ComplexMatrix;
}

/** Decomposes a matrix. Effect: pure. Cost: some 10 sweeps of rows·columns² · 16 flops. */
export function decomposeMatrix(matrix: ComplexMatrix): Decomposition {
  if (matrix.rows < matrix.columns) {
    const { u, values, vDagger } = decomposeMatrix(dagger(matrix));
    return { u: dagger(vDagger), values, vDagger: dagger(u) };
  }
  return decomposeTall(matrix);
}

function dagger(matrix: ComplexMatrix): ComplexMatrix {
  const { rows, columns } = matrix;
  const re = new Float64Array(rows * columns);
  const im = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      re[j * rows + i] = matrix.re[i * columns + j]!; // inside
      im[j * rows + i] = -matrix.im[i * columns + j]!;
    }
  }
  return { rows: columns, columns: rows, re, im };
}

/** Works on columns stored as rows, so that the loops run along memory. */
function decomposeTall(matrix: ComplexMatrix): Decomposition {
  const m = matrix.rows;
  const n = matrix.columns;
  const a = transposed(matrix);
  const v = identity(n);
  for (let sweep = 0; sweep < 60; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) if (rotatePair(a, v, m, n, p, q)) rotated = true;
    }
    if (!rotated) break;
  }
  return sortColumns(a, v, m, n);
}

interface Columns {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function transposed({ rows, columns, re, im }: ComplexMatrix): Columns {
  const out = { re: new Float64Array(rows * columns), im: new Float64Array(rows * columns) };
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      out.re[j * rows + i] = re[i * columns + j]!; // inside
      out.im[j * rows + i] = im[i * columns + j]!;
    }
  }
  return out;
}

function identity(n: number): Columns {
  const re = new Float64Array(n * n);
  for (let i = 0; i < n; i++) re[i * n + i] = 1;
  return { re, im: new Float64Array(n * n) };
}

/** Makes columns p and q orthogonal; false when they are so already. */
function rotatePair(a: Columns, v: Columns, m: number, n: number, p: number, q: number): boolean {
  let [alpha, beta, gr, gi] = [0, 0, 0, 0];
  for (let i = 0; i < m; i++) {
    const [pr, pi] = [a.re[p * m + i]!, a.im[p * m + i]!]; // inside
    const [qr, qi] = [a.re[q * m + i]!, a.im[q * m + i]!];
    alpha += pr * pr + pi * pi;
    beta += qr * qr + qi * qi;
    gr += pr * qr + pi * qi;
    gi += pr * qi - pi * qr;
  }
  const gamma = Math.hypot(gr, gi);
  if (gamma <= 1e-15 * Math.sqrt(alpha * beta) || gamma < 1e-300) return false;
  // Column q loses the phase of the inner product, then a real rotation does.
  const [er, ei] = [gr / gamma, gi / gamma];
  const zeta = (beta - alpha) / (2 * gamma);
  const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = c * t;
  turnColumns(a, m, p, q, c, s, er, ei);
  turnColumns(v, n, p, q, c, s, er, ei);
  return true;
}

function turnColumns(
  x: Columns,
  length: number,
  p: number,
  q: number,
  c: number,
  s: number,
  er: number,
  ei: number,
): void {
  for (let i = 0; i < length; i++) {
    const [pr, pi] = [x.re[p * length + i]!, x.im[p * length + i]!]; // inside
    const [xr, xi] = [x.re[q * length + i]!, x.im[q * length + i]!];
    const qr = er * xr + ei * xi;
    const qi = er * xi - ei * xr;
    x.re[p * length + i] = c * pr - s * qr;
    x.im[p * length + i] = c * pi - s * qi;
    x.re[q * length + i] = s * pr + c * qr;
    x.im[q * length + i] = s * pi + c * qi;
  }
}

function sortColumns(a: Columns, v: Columns, m: number, n: number): Decomposition {
  const norms = Float64Array.from({ length: n }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < m; i++) sum += a.re[j * m + i]! ** 2 + a.im[j * m + i]! ** 2; // inside
    return Math.sqrt(sum);
  });
  const order = Array.from(norms, (_, j) => j).sort((i, j) => norms[j]! - norms[i]!);
  const u = { rows: m, columns: n, re: new Float64Array(m * n), im: new Float64Array(m * n) };
  const vDagger = { rows: n, columns: n, re: new Float64Array(n * n), im: new Float64Array(n * n) };
  for (const [to, from] of order.entries()) {
    const scale = norms[from]! > 0 ? 1 / norms[from]! : 0;
    for (let i = 0; i < m; i++) {
      u.re[i * n + to] = a.re[from * m + i]! * scale;
      u.im[i * n + to] = a.im[from * m + i]! * scale;
    }
    for (let j = 0; j < n; j++) {
      vDagger.re[to * n + j] = v.re[from * n + j]!;
      vDagger.im[to * n + j] = -v.im[from * n + j]!;
    }
  }
  return { u, values: Float64Array.from(order, (from) => norms[from]!), vDagger };
}
