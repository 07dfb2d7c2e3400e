/**
 * Fuses items into groups for one state vector: neighbouring gates become one matrix of a few qubits, neighbouring
 * diagonals one phase table. Idea: qsim, Isakov et al., arXiv 2111.02396, section on gate fusion.
 */
import { type Control, type Matrix, identityMatrix, matrixFrom } from "@qtune/circuit";
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
 * Cost:   O(4^maxQubits) flops per item; each group is multiplied out once, when it is complete.
 */
export function fuseItems(
  items: readonly Item[],
  maxQubits: number,
  maxPhaseQubits = 8,
): readonly Group[] {
  const groups: OpenGroup[] = [];
  const last = new Map<number, number>();
  for (const item of items) {
    const qubits = union(itemQubits(item), []);
    const at = qubits.reduce((latest, qubit) => Math.max(latest, last.get(qubit) ?? -1), -1);
    const group = groups[at];
    const isMerged =
      group !== undefined && mergeInPlace(group, item, qubits, maxQubits, maxPhaseQubits);
    if (!isMerged) groups.push(openGroup(item, qubits));
    for (const qubit of qubits) last.set(qubit, isMerged ? at : groups.length - 1);
  }
  return groups.map(finishGroup);
}

/** A group that still grows: its items, in order of time. */
interface OpenGroup {
  kind: Group["kind"];
  qubits: readonly number[];
  /** Of a controlled gate that is alone. */
  controls: readonly Control[];
  readonly items: Item[];
}

function openGroup(item: Item, qubits: readonly number[]): OpenGroup {
  if (item.kind === "diagonal") return { kind: "phase", qubits, controls: [], items: [item] };
  if ((item.kind === "matrix" || item.kind === "permutation") && item.controls.length > 0) {
    const targets = union(item.qubits, []);
    return { kind: "matrix", qubits: targets, controls: item.controls, items: [item] };
  }
  return { kind: "matrix", qubits, controls: [], items: [item] };
}

/** Adds an item to a group where it fits; false where it does not. */
function mergeInPlace(
  group: OpenGroup,
  item: Item,
  qubits: readonly number[],
  maxQubits: number,
  maxPhaseQubits: number,
): boolean {
  const all = union(
    [...group.qubits, ...qubits],
    group.controls.map(({ qubit }) => qubit), // a controlled gate is opened up where it fits with its controls
  );
  const isPhase = group.kind === "phase" && item.kind === "diagonal";
  if (all.length > (isPhase ? maxPhaseQubits : maxQubits)) return false;
  group.kind = isPhase ? "phase" : "matrix";
  group.qubits = all;
  group.controls = [];
  group.items.push(item);
  return true;
}

function finishGroup({ kind, qubits, controls, items }: OpenGroup): Group {
  if (kind === "phase") {
    const phases = new Float64Array(2 ** qubits.length);
    for (const item of items) if (item.kind === "diagonal") addPhases(phases, item, qubits);
    return { kind, qubits, phases };
  }
  const [first, ...rest] = items;
  if (first === undefined)
    return { kind, qubits, matrix: identityMatrix(2 ** qubits.length), controls };
  // A controlled gate that is alone keeps its controls apart.
  const own = controls.length > 0 && "controls" in first ? { ...first, controls: [] } : first;
  const matrix = matrixOf(own, qubits);
  for (const item of rest) multiplyInPlace(matrix, item, qubits);
  return { kind, qubits, matrix, controls };
}

/** Ascending, without repeats. */
function union(a: readonly number[], b: readonly number[]): readonly number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}

/** matrix = item · matrix, rows over `qubits`. */
function multiplyInPlace(matrix: Matrix, item: Item, qubits: readonly number[]): void {
  switch (item.kind) {
    case "rotation": {
      const half = boundAngle(item.angle) / 2;
      const [c, s] = [Math.cos(half), Math.sin(half)];
      mixRowsInPlace(matrix, matrixFrom([c, -s, s, c]), [qubits.indexOf(item.qubit)], 0, 0);
      return;
    }
    case "diagonal": {
      const phases = new Float64Array(matrix.size);
      addPhases(phases, item, qubits);
      turnRowsInPlace(matrix, phases);
      return;
    }
    case "matrix":
    case "permutation": {
      const positions = item.qubits.map((qubit) => qubits.indexOf(qubit));
      let [mask, wanted] = [0, 0];
      for (const { qubit, value } of item.controls) {
        mask |= 1 << qubits.indexOf(qubit);
        wanted |= value << qubits.indexOf(qubit);
      }
      if (item.kind === "matrix") mixRowsInPlace(matrix, item.matrix, positions, mask, wanted);
      else moveRowsInPlace(matrix, item.images, positions, mask, wanted);
      return;
    }
    default:
      item satisfies never;
  }
}

/** Replaces rows that differ in the bits `positions` by their mixtures, where the row has `wanted` under `mask`. */
function mixRowsInPlace(
  { size, re, im }: Matrix,
  u: Matrix,
  positions: readonly number[],
  mask: number,
  wanted: number,
): void {
  if (u.size === 2) {
    mixPairsInPlace({ size, re, im }, u, 1 << positions[0]!, mask, wanted); // a qubit each
    return;
  }
  const dim = u.size;
  const offsets = Array.from({ length: dim }, (_, x) =>
    positions.reduce((sum, position, bit) => sum | (((x >>> bit) & 1) << position), 0),
  );
  const targets = offsets[dim - 1] ?? 0;
  const oldRe = new Float64Array(dim);
  const oldIm = new Float64Array(dim);
  for (let base = 0; base < size; base++) {
    if ((base & targets) !== 0 || (base & mask) !== wanted) continue;
    for (let column = 0; column < size; column++) {
      for (let j = 0; j < dim; j++) {
        const at = (base | offsets[j]!) * size + column; // inside, as below
        oldRe[j] = re[at]!;
        oldIm[j] = im[at]!;
      }
      for (let i = 0; i < dim; i++) {
        let [sumRe, sumIm] = [0, 0];
        for (let j = 0; j < dim; j++) {
          const [ur, ui] = [u.re[i * dim + j]!, u.im[i * dim + j]!];
          sumRe += ur * oldRe[j]! - ui * oldIm[j]!;
          sumIm += ur * oldIm[j]! + ui * oldRe[j]!;
        }
        const at = (base | offsets[i]!) * size + column;
        re[at] = sumRe;
        im[at] = sumIm;
      }
    }
  }
}

/** Moves rows: local index x over the bits `positions` becomes images[x], where the row has `wanted` under `mask`. */
function moveRowsInPlace(
  { size, re, im }: Matrix,
  images: readonly number[],
  positions: readonly number[],
  mask: number,
  wanted: number,
): void {
  const [fromRe, fromIm] = [re.slice(), im.slice()];
  for (let row = 0; row < size; row++) {
    if ((row & mask) !== wanted) continue;
    let local = 0;
    for (let bit = 0; bit < positions.length; bit++)
      local |= ((row >>> positions[bit]!) & 1) << bit; // bit < length
    const image = images[local]!; // inside
    if (image === local) continue;
    let to = row;
    for (let bit = 0; bit < positions.length; bit++)
      to = (to & ~(1 << positions[bit]!)) | (((image >>> bit) & 1) << positions[bit]!);
    for (let column = 0; column < size; column++) {
      re[to * size + column] = fromRe[row * size + column]!; // inside
      im[to * size + column] = fromIm[row * size + column]!;
    }
  }
}

/** The same for a matrix of one qubit. */
function mixPairsInPlace(
  { size, re, im }: Matrix,
  u: Matrix,
  stride: number,
  mask: number,
  wanted: number,
): void {
  const [ar, br, cr, dr] = [u.re[0]!, u.re[1]!, u.re[2]!, u.re[3]!]; // four entries
  const [ai, bi, ci, di] = [u.im[0]!, u.im[1]!, u.im[2]!, u.im[3]!];
  for (let base = 0; base < size; base++) {
    if ((base & stride) !== 0 || (base & mask) !== wanted) continue;
    const over = stride * size;
    for (let at = base * size; at < (base + 1) * size; at++) {
      const [xr, xi] = [re[at]!, im[at]!]; // inside, as below
      const [yr, yi] = [re[at + over]!, im[at + over]!];
      re[at] = ar * xr - ai * xi + br * yr - bi * yi;
      im[at] = ar * xi + ai * xr + br * yi + bi * yr;
      re[at + over] = cr * xr - ci * xi + dr * yr - di * yi;
      im[at + over] = cr * xi + ci * xr + dr * yi + di * yr;
    }
  }
}

/** Multiplies each row by e^{i phase}. */
function turnRowsInPlace({ size, re, im }: Matrix, phases: Float64Array): void {
  for (let row = 0; row < size; row++) {
    const phase = phases[row]!; // row < size
    if (phase === 0) continue;
    const [c, s] = [Math.cos(phase), Math.sin(phase)];
    for (let at = row * size; at < (row + 1) * size; at++) {
      const [x, y] = [re[at]!, im[at]!]; // inside
      re[at] = c * x - s * y;
      im[at] = c * y + s * x;
    }
  }
}

/** Adds the phases of a bound diagonal item to a table over qubits that hold its own. */
function addPhases(
  phases: Float64Array,
  { qubits: own, angle, generator }: Extract<Item, { kind: "diagonal" }>,
  qubits: readonly number[],
): void {
  const positions = own.map((qubit) => qubits.indexOf(qubit));
  const bound = boundAngle(angle);
  for (let x = 0; x < phases.length; x++) {
    let local = 0;
    for (let bit = 0; bit < positions.length; bit++) local |= ((x >>> positions[bit]!) & 1) << bit; // bit < length
    phases[x]! -= bound * generator[local]!; // inside
  }
}

/** Bits of an index over `outer` qubits at the positions of `inner` ones. */
function restrict(index: number, outer: readonly number[], inner: readonly number[]): number {
  return inner.reduce(
    (sum, qubit, bit) => sum + ((index >>> outer.indexOf(qubit)) & 1) * 2 ** bit,
    0,
  );
}

function boundAngle(angle: unknown): number {
  return typeof angle === "number" ? angle : Number.NaN; // callers bind circuits first
}

/** The matrix of an item over a set of qubits that holds its own. */
function matrixOf(item: Item, qubits: readonly number[]): Matrix {
  switch (item.kind) {
    case "rotation": {
      const half = boundAngle(item.angle) / 2;
      const [c, s] = [Math.cos(half), Math.sin(half)];
      return controlledOn(matrixFrom([c, -s, s, c]), [item.qubit], [], qubits);
    }
    case "diagonal": {
      const matrix = identityMatrix(2 ** qubits.length);
      multiplyInPlace(matrix, item, qubits);
      return matrix;
    }
    case "matrix":
      return controlledOn(item.matrix, item.qubits, item.controls, qubits);
    case "permutation":
      return controlledOn(permutationMatrix(item.images), item.qubits, item.controls, qubits);
    default:
      return item satisfies never;
  }
}

function permutationMatrix(images: readonly number[]): Matrix {
  const size = images.length;
  const re = new Float64Array(size * size);
  images.forEach((image, x) => {
    re[image * size + x] = 1;
  });
  return matrixFrom(re);
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
