/** Sets of qubits (or of regions) as bits, for the inner loops of packing. */

/** A set of qubits 0 … 32 · words − 1. */
export type QubitSet = Uint32Array;

/** Creates a set that has room for `size` qubits. */
export function createQubitSet(size: number, qubits: Iterable<number> = []): QubitSet {
  const set = new Uint32Array(Math.ceil(size / 32));
  for (const qubit of qubits) addQubit(set, qubit);
  return set;
}

/** Adds a qubit in place. */
export function addQubit(set: QubitSet, qubit: number): void {
  set[qubit >>> 5]! |= 1 << (qubit & 31); // the set has room
}

/**
 * Names a set of qubits: by a number where one is large enough, which is found several times faster than text.
 *
 * Range: `ascending` below `size`.
 */
export function regionKey(ascending: readonly number[], size: number): number | string {
  const count = ascending.length;
  if ((count + 1) * size ** count > Number.MAX_SAFE_INTEGER) return ascending.join(",");
  let key = count; // tells 5 from 0, 5
  for (const qubit of ascending) key = key * size + qubit;
  return key;
}

/** Adds all qubits of another set in place. */
export function uniteInPlace(set: QubitSet, other: QubitSet): void {
  for (let word = 0; word < set.length; word++) set[word]! |= other[word]!; // same size
}

/** Tells whether two sets have a qubit in common. */
export function intersects(a: QubitSet, b: QubitSet): boolean {
  for (let word = 0; word < a.length; word++) {
    if ((a[word]! & b[word]!) !== 0) return true; // same size
  }
  return false;
}

/** Counts the qubits of `a` that are not in `b`. */
export function countOutside(a: QubitSet, b: QubitSet): number {
  let count = 0;
  for (let word = 0; word < a.length; word++) count += popCount(a[word]! & ~b[word]!); // same size
  return count;
}

/** Counts the qubits that two sets have in common. */
export function countCommon(a: QubitSet, b: QubitSet): number {
  let count = 0;
  for (let word = 0; word < a.length; word++) {
    const common = a[word]! & b[word]!; // same size
    if (common !== 0) count += popCount(common);
  }
  return count;
}

/** Returns the members that two sets have in common, ascending. */
export function commonMembers(a: QubitSet, b: QubitSet): readonly number[] {
  const members: number[] = [];
  for (let word = 0; word < a.length; word++) {
    for (let bits = a[word]! & b[word]!; bits !== 0; bits &= bits - 1)
      members.push(32 * word + 31 - Math.clz32(bits & -bits)); // same size
  }
  return members;
}

function popCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
