/**
 * Small dense complex matrices, row-major, real and imaginary part apart. Everything here is the plain definition:
 * it defines gates and judges faster code, it is not meant for many qubits.
 */

/** A complex matrix [size, size], row-major. */
export interface Matrix {
  readonly size: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Returns the identity. Shapes: [size, size]. */
export function identityMatrix(size: number): Matrix {
  const matrix = zeroMatrix(size);
  for (let i = 0; i < size; i++) matrix.re[i * size + i] = 1;
  return matrix;
}

/** Returns the matrix of zeros. Shapes: [size, size]. */
export function zeroMatrix(size: number): Matrix {
  return { size, re: new Float64Array(size * size), im: new Float64Array(size * size) };
}

/** Returns a matrix from rows of real and imaginary parts. Shapes: re, im [size · size]. */
export function matrixFrom(re: ArrayLike<number>, im?: ArrayLike<number>): Matrix {
  const size = Math.round(Math.sqrt(re.length));
  return {
    size,
    re: Float64Array.from(re),
    im: im === undefined ? new Float64Array(re.length) : Float64Array.from(im),
  };
}

/** Returns the product a · b. Shapes: both [N, N]. Cost: N³. */
export function multiplyMatrices(a: Matrix, b: Matrix): Matrix {
  const N = a.size;
  const out = zeroMatrix(N);
  for (let row = 0; row < N; row++) {
    for (let k = 0; k < N; k++) {
      const are = a.re[row * N + k] ?? 0;
      const aim = a.im[row * N + k] ?? 0;
      if (are === 0 && aim === 0) continue;
      for (let col = 0; col < N; col++) {
        const bre = b.re[k * N + col] ?? 0;
        const bim = b.im[k * N + col] ?? 0;
        out.re[row * N + col]! += are * bre - aim * bim; // inside: row, col < N
        out.im[row * N + col]! += are * bim + aim * bre;
      }
    }
  }
  return out;
}

/** Returns the conjugate transpose. */
export function adjointMatrix(a: Matrix): Matrix {
  const N = a.size;
  const out = zeroMatrix(N);
  for (let row = 0; row < N; row++) {
    for (let col = 0; col < N; col++) {
      out.re[col * N + row] = a.re[row * N + col] ?? 0;
      out.im[col * N + row] = -(a.im[row * N + col] ?? 0);
    }
  }
  return out;
}

/** Returns e^{i angle} · a. */
export function phaseMatrix(a: Matrix, angleRad: number): Matrix {
  const c = Math.cos(angleRad);
  const s = Math.sin(angleRad);
  return {
    size: a.size,
    re: a.re.map((re, i) => c * re - s * (a.im[i] ?? 0)),
    im: a.im.map((im, i) => c * im + s * (a.re[i] ?? 0)),
  };
}

/**
 * Returns the matrix of a gate under `controls` controls, all of which must be 1. The controls are the first qubits,
 * that is the low bits of the index.
 *
 * Shapes: target [N, N] to [N·2^controls, N·2^controls].
 */
export function controlledMatrix(target: Matrix, controls: number): Matrix {
  if (controls === 0) return target;
  const ones = 2 ** controls - 1;
  const size = target.size * 2 ** controls;
  const out = identityMatrix(size);
  for (let row = 0; row < target.size; row++) {
    for (let col = 0; col < target.size; col++) {
      const at = (row * 2 ** controls + ones) * size + col * 2 ** controls + ones;
      out.re[at] = target.re[row * target.size + col] ?? 0;
      out.im[at] = target.im[row * target.size + col] ?? 0;
    }
  }
  return out;
}

/** Returns the largest |a − b| over all entries. Infinity where the sizes differ. */
export function matrixDistance(a: Matrix, b: Matrix): number {
  if (a.size !== b.size) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < a.re.length; i++) {
    const distance = Math.hypot((a.re[i] ?? 0) - (b.re[i] ?? 0), (a.im[i] ?? 0) - (b.im[i] ?? 0));
    if (!(distance <= worst)) worst = distance;
  }
  return worst;
}

/**
 * Returns the angle φ for which e^{iφ} · b is closest to a.
 *
 * Maths: the argument of tr(b† a); 0 where the trace vanishes.
 */
export function relativePhase(a: Matrix, b: Matrix): number {
  let re = 0;
  let im = 0;
  for (let i = 0; i < a.re.length; i++) {
    const are = a.re[i] ?? 0;
    const aim = a.im[i] ?? 0;
    const bre = b.re[i] ?? 0;
    const bim = b.im[i] ?? 0;
    re += bre * are + bim * aim;
    im += bre * aim - bim * are;
  }
  return re === 0 && im === 0 ? 0 : Math.atan2(im, re);
}

/** Returns the largest entry of |a† a − 1|: 0 for a unitary matrix. */
export function unitarityError(a: Matrix): number {
  return matrixDistance(multiplyMatrices(adjointMatrix(a), a), identityMatrix(a.size));
}
