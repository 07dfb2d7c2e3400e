/** A vector of 2^m complex numbers in float64 and the plain way to multiply it: the definition that engines are held to. */
export interface PlainState {
  readonly m: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Returns the vector (1, 0, …, 0). Shapes: [2^m]. */
export function createPlainState(m: number): PlainState {
  const state = { m, re: new Float64Array(2 ** m), im: new Float64Array(2 ** m) };
  state.re[0] = 1;
  return state;
}

/** Bit offsets of a local index over qubits, first qubit least significant. */
function localOffsets(qubits: readonly number[]): Int32Array {
  return Int32Array.from({ length: 2 ** qubits.length }, (_, local) =>
    qubits.reduce((sum, qubit, bit) => sum + (((local >>> bit) & 1) << qubit), 0),
  );
}

/**
 * Multiplies the amplitudes of `qubits` by a matrix, unitary or not.
 *
 * Shapes: operator [2^k, 2^k] row-major, first qubit the least significant bit.
 * Effect: changes `state` in place.
 */
export function applyOperatorInPlace(
  state: PlainState,
  qubits: readonly number[],
  operator: { readonly re: ArrayLike<number>; readonly im: ArrayLike<number> },
): void {
  const offsets = localOffsets(qubits);
  const dim = offsets.length;
  const mask = offsets[dim - 1] ?? 0;
  const oldRe = new Float64Array(dim);
  const oldIm = new Float64Array(dim);
  const { re, im } = state;
  for (let base = 0; base < re.length; base++) {
    if ((base & mask) !== 0) continue;
    for (let j = 0; j < dim; j++) {
      oldRe[j] = re[base + offsets[j]!]!; // inside the state
      oldIm[j] = im[base + offsets[j]!]!;
    }
    for (let i = 0; i < dim; i++) {
      let sumRe = 0;
      let sumIm = 0;
      for (let j = 0; j < dim; j++) {
        const a = operator.re[i * dim + j]!; // [dim, dim]
        const b = operator.im[i * dim + j]!;
        sumRe += a * oldRe[j]! - b * oldIm[j]!;
        sumIm += a * oldIm[j]! + b * oldRe[j]!;
      }
      re[base + offsets[i]!] = sumRe;
      im[base + offsets[i]!] = sumIm;
    }
  }
}

/** Returns ‖state‖². */
export function squaredNorm(state: PlainState): number {
  let sum = 0;
  for (let i = 0; i < state.re.length; i++) sum += state.re[i]! ** 2 + state.im[i]! ** 2; // inside
  return sum;
}

/** Multiplies a state by a real number, in place. */
export function scaleInPlace(state: PlainState, factor: number): void {
  for (let i = 0; i < state.re.length; i++) {
    state.re[i]! *= factor; // inside
    state.im[i]! *= factor;
  }
}
