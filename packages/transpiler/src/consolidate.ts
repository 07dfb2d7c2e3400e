/**
 * Gathers runs of bound gates on the same pair of qubits into one two-qubit unitary and synthesises it again where that
 * takes fewer CZ. SWAPs that routing has put beside a gate disappear into it this way.
 */
import { internalError } from "@qtune/base";
import {
  adjoint,
  czMatrix,
  exchangeQubits,
  identity2,
  kronecker,
  type Matrix,
  multiply,
  rotation,
  swapMatrix,
} from "./matrix.ts";
import { pairCzCount } from "./pair-cost.ts";
import { coordinateTolerance, czCount } from "./two-qubit-synthesis.ts";
import { type WeylDecomposition, canonicalGate, weylDecomposition } from "./weyl.ts";
import {
  type PairWork,
  type WorkOperation,
  boundMatrix,
  isPair,
  local,
  matrixFactor,
  workQubits,
} from "./work.ts";

/**
 * Replaces runs of gates on one pair by one block where that saves CZ, and by a ZZ rotation or CZ between local gates
 * where it is one (CX RZ CX, say), so that later passes see that it commutes.
 *
 * Effect: pure. Cost: linear, and one two-qubit decomposition per run.
 */
export function consolidate(operations: readonly WorkOperation[]): readonly WorkOperation[] {
  const runs = findRuns(operations);
  const replaced = new Map<number, readonly WorkOperation[]>();
  const dropped = new Set<number>();
  for (const run of runs) {
    const block = improve(operations, run);
    if (block === undefined) continue;
    for (const index of run.members) dropped.add(index);
    // The block stands where its last two-qubit gate was: nothing on its qubits lies between its members.
    replaced.set(run.lastPair, block);
  }
  return operations.flatMap(
    (operation, index) => replaced.get(index) ?? (dropped.has(index) ? [] : [operation]),
  );
}

interface Run {
  readonly a: number;
  readonly b: number;
  readonly members: number[];
  pairs: number;
  lastPair: number;
}

function findRuns(operations: readonly WorkOperation[]): readonly Run[] {
  const runs: Run[] = [];
  const open = new Map<number, Run>();
  operations.forEach((operation, index) => {
    if (operation.kind === "local") {
      const run = open.get(operation.qubit);
      if (run === undefined) return;
      // A local gate is part of the run only if a two-qubit gate follows; until then it is remembered as its tail.
      if (boundMatrix(operation.factors) === undefined) open.delete(operation.qubit);
      else run.members.push(index);
      return;
    }
    if (!isPair(operation) || !isBoundPair(operation)) {
      for (const qubit of workQubits(operation)) open.delete(qubit);
      return;
    }
    const { a, b } = operation;
    const run = open.get(a);
    if (run !== undefined && run === open.get(b)) {
      run.members.push(index);
      run.pairs += 1;
      run.lastPair = index;
      return;
    }
    const fresh: Run = { a, b, members: [index], pairs: 1, lastPair: index };
    runs.push(fresh);
    open.set(a, fresh);
    open.set(b, fresh);
  });
  return runs.map((run) => ({
    ...run,
    members: run.members.filter((index) => index <= run.lastPair),
  }));
}

function isBoundPair(operation: PairWork): boolean {
  return operation.kind !== "zz" || typeof operation.angle === "number";
}

function improve(
  operations: readonly WorkOperation[],
  run: Run,
): readonly WorkOperation[] | undefined {
  const [first] = run.members;
  const alone = run.pairs === 1 && operations[first ?? -1]?.kind !== "block";
  if (alone) return undefined;
  let before = 0;
  let matrix = kronecker(identity2, identity2);
  for (const index of run.members) {
    const operation = operations[index];
    if (operation === undefined) throw internalError("a run names an operation that is not there");
    if (isPair(operation)) before += pairCzCount(operation);
    matrix = multiply(matrixOn(operation, run.a), matrix);
  }
  const weyl = weylDecomposition(matrix);
  const after = czCount(weyl.coordinates);
  const single = alongOneAxis(run, weyl);
  if (single !== undefined && after <= before) return single;
  return after < before ? [{ kind: "block", a: run.a, b: run.b, matrix }] : undefined;
}

const zToX = rotation("Y", Math.PI / 2);
const flip = rotation("X", Math.PI);

/** A unitary with one non-zero Weyl coordinate as ZZ rotation (or CZ) between local gates; undefined for all others. */
function alongOneAxis(
  run: Run,
  { coordinates, ...locals }: WeylDecomposition,
): readonly WorkOperation[] | undefined {
  const [x, y, z] = coordinates;
  if (Math.abs(y) > coordinateTolerance || Math.abs(z) > coordinateTolerance) return undefined;
  const { a, b } = run;
  if (Math.abs(x) < coordinateTolerance) {
    return [
      local(a, matrixFactor(multiply(locals.leftLow, locals.rightLow))),
      local(b, matrixFactor(multiply(locals.leftHigh, locals.rightHigh))),
    ];
  }
  // exp(ix XX) = Y ⊗ Y turns · exp(ix ZZ) · back; half turns in front of it are moved behind it, where they change its sign.
  let angle = -2 * x;
  const side = (left: Matrix, right: Matrix) => {
    const before = multiply(adjoint(zToX), right);
    const after = multiply(left, zToX);
    if (Math.hypot(before[0]!, before[1]!) >= Math.SQRT1_2) return { before, after }; // 8 numbers
    angle = -angle;
    return { before: multiply(flip, before), after: multiply(after, flip) };
  };
  const low = side(locals.leftLow, locals.rightLow);
  const high = side(locals.leftHigh, locals.rightHigh);
  const pair = zzOrCz(a, b, angle);
  return [
    local(a, matrixFactor(low.before)),
    local(b, matrixFactor(high.before)),
    ...pair,
    local(a, matrixFactor(low.after)),
    local(b, matrixFactor(high.after)),
  ];
}

/** ZZ(∓π/2) = CZ · RZ(∓π/2) ⊗ RZ(∓π/2) up to phase: a CZ is kept as a CZ. */
function zzOrCz(a: number, b: number, angle: number): readonly WorkOperation[] {
  const quarter = Math.PI / 2;
  if (Math.abs(Math.abs(angle) - quarter) > coordinateTolerance)
    return [{ kind: "zz", a, b, angle }];
  const turn = matrixFactor(rotation("Z", Math.sign(angle) * quarter));
  return [{ kind: "cz", a, b }, local(a, turn), local(b, turn)];
}

/** The matrix of an operation on the pair of a run, with `low` as the low qubit. */
function matrixOn(operation: WorkOperation, low: number): Matrix {
  if (operation.kind === "local") {
    const matrix = boundMatrix(operation.factors);
    if (matrix === undefined) throw internalError("an open gate in a bound run");
    return operation.qubit === low ? kronecker(identity2, matrix) : kronecker(matrix, identity2);
  }
  switch (operation.kind) {
    case "cz":
      return czMatrix;
    case "swap":
      return swapMatrix;
    case "zz":
      return zzMatrix(operation.angle);
    case "block":
      return operation.a === low ? operation.matrix : exchangeQubits(operation.matrix);
    default:
      throw internalError(`a ${operation.kind} in a run of gates`);
  }
}

function zzMatrix(angle: unknown): Matrix {
  if (typeof angle !== "number") throw internalError("an open angle in a bound run");
  return canonicalGate(0, 0, -angle / 2);
}
