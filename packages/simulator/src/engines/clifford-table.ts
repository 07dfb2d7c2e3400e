import { type Matrix, adjointMatrix, multiplyMatrices } from "@qtune/circuit";
import { pauliOperator } from "../noise/step-operator.ts";

/** What conjugation by a unitary on k qubits does to Pauli strings: string p becomes sign[p] · string image[p]. */
export interface CliffordTable {
  /** Shapes: image, sign [4^k]; index Σ p_j 4^j with I X Y Z = 0 1 2 3. */
  readonly image: Uint8Array;
  readonly sign: Int8Array;
}

/** Tables by the entries of their matrices: a circuit repeats few gates. Cleared when it has grown to `keptTables`. */
const tables = new Map<string, CliffordTable | null>();
const keptTables = 1024;

/**
 * Returns U P U† for every Pauli string, or undefined when U is not Clifford.
 *
 * Range:  k ≤ 3.
 * Cost:   16^k·8^k in the worst case, once per matrix.
 */
export function cliffordTable(matrix: Matrix): CliffordTable | undefined {
  const key = `${matrix.re.join()} ${matrix.im.join()}`;
  const known = tables.get(key);
  if (known !== undefined) return known ?? undefined;
  const table = computeTable(matrix);
  if (tables.size >= keptTables) tables.clear();
  tables.set(key, table ?? null);
  return table;
}

function computeTable(matrix: Matrix): CliffordTable | undefined {
  const k = Math.round(Math.log2(matrix.size));
  if (k > 3) return undefined;
  const count = 4 ** k;
  const image = new Uint8Array(count);
  const sign = new Int8Array(count);
  const inverse = adjointMatrix(matrix);
  for (let p = 0; p < count; p++) {
    const found = pauliOf(multiplyMatrices(multiplyMatrices(matrix, toMatrix(p, k)), inverse), k);
    if (found === undefined) return undefined;
    image[p] = found.index;
    sign[p] = found.sign;
  }
  return { image, sign };
}

function toMatrix(index: number, k: number): Matrix {
  const { re, im } = pauliOperator(index, k);
  return { size: 2 ** k, re: Float64Array.from(re), im: Float64Array.from(im) };
}

/** Recognises ±P by the row of its first column and the phases of its first entries. */
function pauliOf(
  matrix: Matrix,
  k: number,
): { readonly index: number; readonly sign: number } | undefined {
  const { size } = matrix;
  const column = (x: number): number => {
    for (let row = 0; row < size; row++)
      if (Math.hypot(matrix.re[row * size + x]!, matrix.im[row * size + x]!) > 0.5) return row; // inside
    return 0;
  };
  const flip = column(0);
  const first = { re: matrix.re[flip * size]!, im: matrix.im[flip * size]! };
  let index = 0;
  for (let j = 0; j < k; j++) {
    const x = 1 << j;
    const row = x ^ flip;
    // The entry in column 2^j against the one in column 0: equal for no Z on qubit j, opposite with Z.
    const ratio = matrix.re[row * size + x]! * first.re + matrix.im[row * size + x]! * first.im;
    const hasX = ((flip >>> j) & 1) === 1;
    const hasZ = ratio < 0;
    index += (hasX ? (hasZ ? 2 : 1) : hasZ ? 3 : 0) * 4 ** j;
  }
  const pauli = pauliOperator(index, k);
  const at = flip * size;
  const sign = pauli.re[at]! * first.re + pauli.im[at]! * first.im > 0 ? 1 : -1;
  for (let i = 0; i < size * size; i++) {
    if (Math.hypot(matrix.re[i]! - sign * pauli.re[i]!, matrix.im[i]! - sign * pauli.im[i]!) > 1e-9)
      return undefined;
  }
  return { index, sign };
}
