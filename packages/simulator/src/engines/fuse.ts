/**
 * Fuses items into groups for one state vector: neighbouring gates become one matrix of a few qubits, neighbouring
 * diagonals one phase table. Idea: qsim, Isakov et al., arXiv 2111.02396, section on gate fusion.
 */
import {
  type Control,
  type Matrix,
  identityMatrix,
  matrixFrom,
  multiplyMatrices,
} from "@qtune/circuit";
import { type Item, itemQubits } from "../plan/item.ts";

/** What a state vector is multiplied by in one go. Qubits ascend; the first is the least significant bit of the index. */
export type Group =
  | {
      readonly kind: "matrix";
      readonly qubits: readonly number[];
      readonly matrix: Matrix;
      readonly controls: readonly Control[];
    }
  | { readonly kind: "phase"; readonly qubits: readonly number[]; readonly phases: Float64Array };

/**
 * Returns the groups of items with bound angles, in order of time.
 *
 * Range:  maxQubits 1 … 5, the size up to which matrices grow; maxPhaseQubits that of phase tables. A larger gate stays
 *         alone.
 * Effect: pure.
 */
export function fuseItems(
  items: readonly Item[],
  maxQubits: number,
  maxPhaseQubits = 8,
): readonly Group[] {
  const limits = { maxQubits, maxPhaseQubits };
  const groups: Group[] = [];
  const last = new Map<number, number>();
  for (const item of items) {
    const qubits = [...new Set(itemQubits(item))].sort((a, b) => a - b);
    const at = Math.max(-1, ...qubits.map((qubit) => last.get(qubit) ?? -1));
    const merged = at < 0 ? undefined : mergeInto(groups[at]!, item, qubits, limits); // at < groups.length
    if (merged !== undefined) groups[at] = merged;
    else groups.push(openGroup(item, qubits));
    for (const qubit of qubits) last.set(qubit, merged === undefined ? groups.length - 1 : at);
  }
  return groups;
}

function openGroup(item: Item, qubits: readonly number[]): Group {
  if (item.kind === "diagonal") {
    return { kind: "phase", qubits, phases: phasesOf(item, qubits) };
  }
  if ((item.kind === "matrix" || item.kind === "permutation") && item.controls.length > 0) {
    const targets = [...item.qubits].sort((a, b) => a - b);
    return {
      kind: "matrix",
      qubits: targets,
      matrix: matrixOf({ ...item, controls: [] }, targets),
      controls: item.controls,
    };
  }
  return { kind: "matrix", qubits, matrix: matrixOf(item, qubits), controls: [] };
}

function mergeInto(
  group: Group,
  item: Item,
  qubits: readonly number[],
  { maxQubits, maxPhaseQubits }: { readonly maxQubits: number; readonly maxPhaseQubits: number },
): Group | undefined {
  const union = [...new Set([...group.qubits, ...qubits])].sort((a, b) => a - b);
  if (group.kind === "phase" && item.kind === "diagonal") {
    if (union.length > maxPhaseQubits) return undefined;
    const own = phasesOf(item, union);
    const held = spreadTable(group.phases, group.qubits, union);
    return { kind: "phase", qubits: union, phases: own.map((phase, x) => phase + held[x]!) }; // same length
  }
  if (union.length > maxQubits) return undefined;
  if (group.kind === "matrix" && group.controls.length > 0) {
    // Only worth it when the controlled gate fits with its controls.
    const all = [...new Set([...union, ...group.controls.map(({ qubit }) => qubit)])].sort(
      (a, b) => a - b,
    );
    if (all.length > maxQubits) return undefined;
    const held = controlledOn(group.matrix, group.qubits, group.controls, all);
    return {
      kind: "matrix",
      qubits: all,
      matrix: multiplyMatrices(matrixOf(item, all), held),
      controls: [],
    };
  }
  const held =
    group.kind === "matrix"
      ? expandMatrix(group.matrix, group.qubits, union)
      : diagonalMatrix(spreadTable(group.phases, group.qubits, union));
  return {
    kind: "matrix",
    qubits: union,
    matrix: multiplyMatrices(matrixOf(item, union), held),
    controls: [],
  };
}

/** Bits of an index over `outer` qubits at the positions of `inner` ones. */
function restrict(index: number, outer: readonly number[], inner: readonly number[]): number {
  return inner.reduce(
    (sum, qubit, bit) => sum + ((index >>> outer.indexOf(qubit)) & 1) * 2 ** bit,
    0,
  );
}

function spreadTable(
  values: ArrayLike<number>,
  qubits: readonly number[],
  union: readonly number[],
): Float64Array {
  return Float64Array.from(
    { length: 2 ** union.length },
    (_, x) => values[restrict(x, union, qubits)]!,
  ); // inside
}

/** Phases of a bound diagonal item over a set of qubits that holds its own. */
function phasesOf(
  item: Extract<Item, { kind: "diagonal" }>,
  union: readonly number[],
): Float64Array {
  return spreadTable(
    item.generator.map((g) => -boundAngle(item.angle) * g),
    item.qubits,
    union,
  );
}

function boundAngle(angle: unknown): number {
  return typeof angle === "number" ? angle : Number.NaN; // callers bind circuits first
}

/** The matrix of an item over a set of qubits that holds its own. */
function matrixOf(item: Item, union: readonly number[]): Matrix {
  switch (item.kind) {
    case "rotation": {
      const half = boundAngle(item.angle) / 2;
      const [c, s] = [Math.cos(half), Math.sin(half)];
      return expandMatrix(matrixFrom([c, -s, s, c]), [item.qubit], union);
    }
    case "diagonal":
      return diagonalMatrix(phasesOf(item, union));
    case "matrix":
      return controlledOn(item.matrix, item.qubits, item.controls, union);
    case "permutation": {
      const size = item.images.length;
      const re = new Float64Array(size * size);
      item.images.forEach((image, x) => {
        re[image * size + x] = 1;
      });
      return controlledOn(matrixFrom(re), item.qubits, item.controls, union);
    }
    default:
      return item satisfies never;
  }
}

function diagonalMatrix(phases: Float64Array): Matrix {
  const matrix = identityMatrix(phases.length);
  for (let x = 0; x < phases.length; x++) {
    matrix.re[x * phases.length + x] = Math.cos(phases[x]!); // x < length
    matrix.im[x * phases.length + x] = Math.sin(phases[x]!);
  }
  return matrix;
}

/** U ⊗ 1 over a larger set of qubits. */
function expandMatrix(matrix: Matrix, qubits: readonly number[], union: readonly number[]): Matrix {
  return controlledOn(matrix, qubits, [], union);
}

/** A controlled matrix over a set of qubits that holds targets and controls. */
function controlledOn(
  matrix: Matrix,
  qubits: readonly number[],
  controls: readonly Control[],
  union: readonly number[],
): Matrix {
  const size = 2 ** union.length;
  const re = new Float64Array(size * size);
  const im = new Float64Array(size * size);
  const bit = (index: number, qubit: number): number => (index >>> union.indexOf(qubit)) & 1;
  const targets = qubits.reduce((mask, qubit) => mask | (1 << union.indexOf(qubit)), 0);
  for (let column = 0; column < size; column++) {
    if (controls.some(({ qubit, value }) => bit(column, qubit) !== value)) {
      re[column * size + column] = 1;
      continue;
    }
    const j = restrict(column, union, qubits);
    for (let i = 0; i < matrix.size; i++) {
      const row = qubits.reduce(
        (index, qubit, k) => index | (((i >>> k) & 1) << union.indexOf(qubit)),
        column & ~targets,
      );
      re[row * size + column] = matrix.re[i * matrix.size + j]!; // inside
      im[row * size + column] = matrix.im[i * matrix.size + j]!;
    }
  }
  return { size, re, im };
}
