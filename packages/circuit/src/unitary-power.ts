import { internalError } from "@qtune/base";
import {
  adjointMatrix,
  identityMatrix,
  type Matrix,
  multiplyMatrices,
  zeroMatrix,
} from "./matrix.ts";

/**
 * Returns a power of a unitary matrix: repeated products for integers, the principal branch (eigenvalue arguments in
 * (−π, π]) for other exponents. A negative power is the inverse of the positive one.
 *
 * Cost: N³ log |power| for integers, about 30·N³ else.
 */
export function unitaryPower(matrix: Matrix, power: number): Matrix {
  if (power < 0) return adjointMatrix(unitaryPower(matrix, -power));
  if (Number.isInteger(power)) return integerPower(matrix, power);
  const { vectors, phases } = unitaryEigen(matrix);
  const N = matrix.size;
  const scaled = zeroMatrix(N);
  for (let col = 0; col < N; col++) {
    const angle = (phases[col] ?? 0) * power;
    const c = Math.cos(angle);
    const s = Math.sin(angle);
    for (let row = 0; row < N; row++) {
      const re = vectors.re[row * N + col] ?? 0;
      const im = vectors.im[row * N + col] ?? 0;
      scaled.re[row * N + col] = c * re - s * im;
      scaled.im[row * N + col] = c * im + s * re;
    }
  }
  return multiplyMatrices(scaled, adjointMatrix(vectors));
}

function integerPower(matrix: Matrix, power: number): Matrix {
  let result = identityMatrix(matrix.size);
  let square = matrix;
  for (let rest = power; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiplyMatrices(result, square);
    if (rest > 1) square = multiplyMatrices(square, square);
  }
  return result;
}

/**
 * Returns eigenvectors (columns) and eigenvalue arguments of a unitary matrix.
 *
 * Maths: U = A + iB with commuting Hermitian A and B, so almost any real combination of them has the eigenvectors of U.
 */
function unitaryEigen(matrix: Matrix): {
  readonly vectors: Matrix;
  readonly phases: readonly number[];
} {
  const N = matrix.size;
  const dagger = adjointMatrix(matrix);
  for (const mix of [0.7310585786, 1.9041382659, 0.3217505544, 2.6779450446]) {
    const hermitian = zeroMatrix(N);
    const c = Math.cos(mix) / 2;
    const s = Math.sin(mix) / 2;
    for (let i = 0; i < N * N; i++) {
      const [ur, ui, dr, di] = [
        matrix.re[i] ?? 0,
        matrix.im[i] ?? 0,
        dagger.re[i] ?? 0,
        dagger.im[i] ?? 0,
      ];
      hermitian.re[i] = c * (ur + dr) + s * (ui - di); // c·(U + U†) + s·(U − U†)/i
      hermitian.im[i] = c * (ui + di) - s * (ur - dr);
    }
    const vectors = hermitianEigenvectors(hermitian);
    const diagonal = multiplyMatrices(adjointMatrix(vectors), multiplyMatrices(matrix, vectors));
    let rest = 0;
    const phases: number[] = [];
    for (let row = 0; row < N; row++) {
      for (let col = 0; col < N; col++) {
        const at = row * N + col;
        if (row !== col)
          rest = Math.max(rest, Math.hypot(diagonal.re[at] ?? 0, diagonal.im[at] ?? 0));
      }
      const re = diagonal.re[row * (N + 1)] ?? 0;
      const im = diagonal.im[row * (N + 1)] ?? 0;
      // an eigenvalue −1 with rounding noise belongs to +π
      phases.push(re < 0 && Math.abs(im) < 1e-12 ? Math.PI : Math.atan2(im, re));
    }
    if (rest < 1e-9) return { vectors, phases };
  }
  throw internalError("a unitary matrix could not be diagonalised");
}

/** Eigenvectors (columns) of a Hermitian matrix by cyclic complex Jacobi rotations. */
function hermitianEigenvectors(hermitian: Matrix): Matrix {
  const N = hermitian.size;
  let a = hermitian;
  let vectors = identityMatrix(N);
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < N; p++) {
      for (let q = p + 1; q < N; q++) {
        const re = a.re[p * N + q] ?? 0;
        const im = a.im[p * N + q] ?? 0;
        const size = Math.hypot(re, im);
        off = Math.max(off, size);
        if (size < 1e-16) continue;
        // rotate by θ with tan 2θ = 2|a_pq| / (a_pp − a_qq), after turning a_pq real
        const theta = 0.5 * Math.atan2(2 * size, (a.re[p * N + p] ?? 0) - (a.re[q * N + q] ?? 0));
        const rotation = identityMatrix(N);
        const c = Math.cos(theta);
        const s = Math.sin(theta);
        const [ur, ui] = [re / size, im / size];
        rotation.re[p * N + p] = c;
        rotation.re[q * N + q] = c;
        rotation.re[p * N + q] = -s * ur;
        rotation.im[p * N + q] = -s * ui;
        rotation.re[q * N + p] = s * ur;
        rotation.im[q * N + p] = -s * ui;
        a = multiplyMatrices(adjointMatrix(rotation), multiplyMatrices(a, rotation));
        vectors = multiplyMatrices(vectors, rotation);
      }
    }
    if (off < 1e-15) break;
  }
  return vectors;
}
