/**
 * Exact synthesis of a two-qubit unitary with the fewest CZ: 0 to 3, as its Weyl coordinates demand (Vatan and Williams
 * 2004; Shende, Bullock and Markov 2004). All gates between the CZ are left as matrices; each becomes one pulse later.
 */
import {
  type Matrix,
  adjoint,
  identity2,
  kronecker,
  czMatrix,
  multiply,
  rotation,
} from "./matrix.ts";
import { type WeylDecomposition, weylDecomposition } from "./weyl.ts";

/** One local gate on each of two qubits. */
export interface LocalPair {
  readonly high: Matrix;
  readonly low: Matrix;
}

/** Coordinates closer than this to a special value count as it; the error of the result stays of this size. */
export const coordinateTolerance = 1e-10;

const quarter = Math.PI / 4;

/** Returns the number of CZ that a unitary with these Weyl coordinates needs. */
export function czCount(coordinates: readonly [number, number, number]): 0 | 1 | 2 | 3 {
  const [a, b, c] = coordinates;
  if (Math.abs(c) > coordinateTolerance) return 3;
  if (b > coordinateTolerance) return 2;
  if (a < coordinateTolerance) return 0;
  return Math.abs(a - quarter) < coordinateTolerance ? 1 : 2;
}

/**
 * Synthesises a two-qubit unitary: local gates, with one CZ between each two of them.
 *
 * Shapes: u complex 4 × 4, index 2 · high + low; result k + 1 pairs for k CZ, in time order.
 * Effect: pure; equal to `u` up to global phase within 1e-9.
 *
 * @example
 * synthesizeTwoQubit(swapMatrix).length; // 4 pairs of local gates, 3 CZ between them
 */
export function synthesizeTwoQubit(u: Matrix): readonly LocalPair[] {
  return synthesizeWeyl(weylDecomposition(u));
}

/** Synthesises a unitary whose decomposition is known. See {@link synthesizeTwoQubit}. */
export function synthesizeWeyl(weyl: WeylDecomposition): readonly LocalPair[] {
  const core = canonicalLocals(weyl.coordinates);
  const last = core.length - 1;
  return core.map((pair, i) => ({
    high: dress(
      pair.high,
      i === 0 ? weyl.rightHigh : undefined,
      i === last ? weyl.leftHigh : undefined,
    ),
    low: dress(
      pair.low,
      i === 0 ? weyl.rightLow : undefined,
      i === last ? weyl.leftLow : undefined,
    ),
  }));
}

/** Returns the unitary of local pairs with a CZ between each two. */
export function localPairsMatrix(pairs: readonly LocalPair[]): Matrix {
  let out: Matrix | undefined;
  for (const pair of pairs) {
    const local = kronecker(pair.high, pair.low);
    out = out === undefined ? local : multiply(local, multiply(czMatrix, out));
  }
  return out ?? kronecker(identity2, identity2);
}

function dress(gate: Matrix, before: Matrix | undefined, after: Matrix | undefined): Matrix {
  const right = before === undefined ? gate : multiply(gate, before);
  return after === undefined ? right : multiply(after, right);
}

/** Turns Z into X: the frame in which CZ acts as the XX interaction. */
const zToX = rotation("Y", Math.PI / 2);
/** Keeps X and turns Z into Y. */
const zToY = rotation("X", -Math.PI / 2);
/** Turns Z into X and X into Y. */
const cycle = multiply(rotation("X", Math.PI / 2), rotation("Y", Math.PI / 2));
const hadamardLike = rotation("Y", Math.PI / 2);

/** exp(i(a XX + b YY + c ZZ)) as local pairs around CZ. */
function canonicalLocals(coordinates: readonly [number, number, number]): LocalPair[] {
  const [a, b, c] = coordinates;
  switch (czCount(coordinates)) {
    case 0:
      return [{ high: identity2, low: identity2 }];
    case 1: {
      // exp(iπ/4 ZZ) = CZ · RZ(−π/2) ⊗ RZ(−π/2), seen along X.
      const first = multiply(rotation("Z", -Math.PI / 2), adjoint(zToX));
      return [
        { high: first, low: first },
        { high: zToX, low: zToX },
      ];
    }
    case 2:
      // CZ · exp(iaX) ⊗ exp(ibX) · CZ = exp(i(a XZ + b ZX)), turned into XX and YY.
      return [
        { high: adjoint(zToY), low: adjoint(cycle) },
        { high: rotation("X", -2 * a), low: rotation("X", -2 * b) },
        { high: zToY, low: cycle },
      ];
    case 3:
      return threeCz(a, b, c);
  }
}

/** Three CX, the outer two with the low qubit as control (Vatan and Williams 2004, figure 6), each CX as a CZ. */
function threeCz(a: number, b: number, c: number): LocalPair[] {
  const into = adjoint(hadamardLike); // before the CZ of a CX, on its target; `hadamardLike` follows it
  const out = hadamardLike;
  return [
    { high: into, low: rotation("Z", -Math.PI / 2) },
    {
      high: multiply(rotation("Z", Math.PI / 2 - 2 * c), out),
      low: multiply(into, rotation("Y", 2 * a - Math.PI / 2)),
    },
    { high: into, low: multiply(rotation("Y", Math.PI / 2 - 2 * b), out) },
    { high: multiply(rotation("Z", Math.PI / 2), out), low: identity2 },
  ];
}
