import { internalError } from "@qtune/base";
import type { Group } from "./fuse.ts";

/** One pass over memory: the qubits of its tiles and the groups that act inside. */
export interface Pass {
  /** Ascending, as many as the tile has; the others stay outside. */
  readonly inner: readonly number[];
  readonly groups: readonly Group[];
}

/**
 * Orders groups into passes: each takes as many as fit its tile, skipping over groups that they commute with.
 *
 * Range:  tile qubits T, at least two more than the largest matrix; of these the lowest `fixed` are always inside, fewer
 *         where a large matrix needs the room.
 * Effect: pure.
 */
export function planPasses(
  groups: readonly Group[],
  n: number,
  T: number,
  fixed: number,
): readonly Pass[] {
  const passes: Pass[] = [];
  const largest = Math.max(
    0,
    ...groups.map((group) => (group.kind === "phase" ? 0 : group.qubits.length)),
  );
  const always = Math.min(fixed, T - largest, n);
  if (always < 2)
    throw internalError(`a tile of ${T} qubits has no room for a matrix of ${largest}`);
  let rest = groups;
  while (rest.length > 0) {
    const inner = new Set(Array.from({ length: always }, (_, qubit) => qubit));
    const blocked = new Set<number>();
    const taken: Group[] = [];
    const left: Group[] = [];
    for (const group of rest) {
      const touched = touchedQubits(group);
      // Controls and diagonals work from outside of a tile.
      const wanted =
        group.kind === "phase" ? [] : group.qubits.filter((qubit) => !inner.has(qubit));
      if (touched.some((qubit) => blocked.has(qubit)) || inner.size + wanted.length > T) {
        for (const qubit of touched) blocked.add(qubit);
        left.push(group);
        continue;
      }
      for (const qubit of wanted) inner.add(qubit);
      taken.push(group);
    }
    for (let qubit = 0; inner.size < Math.min(T, n); qubit++) inner.add(qubit);
    passes.push({ inner: [...inner].sort((a, b) => a - b), groups: taken });
    rest = left;
  }
  return passes;
}

function touchedQubits(group: Group): readonly number[] {
  return group.kind === "phase"
    ? group.qubits
    : [...group.qubits, ...group.controls.map(({ qubit }) => qubit)];
}
