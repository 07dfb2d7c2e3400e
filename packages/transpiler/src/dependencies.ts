import { type WorkOperation, isDiagonalLocal, workQubits } from "./work.ts";

/** Which operations must come before which. */
export interface Dependencies {
  /** Operations that wait for each operation, [operations]. */
  readonly successors: readonly (readonly number[])[];
  /** How many operations each one waits for, [operations]. */
  readonly waitsFor: Int32Array;
}

/**
 * Finds the order that a circuit really needs: operations on a common qubit keep their order, except that diagonal
 * ones (CZ, ZZ rotations, Z rotations) commute with each other. A ring of controlled RZ is therefore free to be run in
 * any order.
 *
 * Effect: pure. Cost: linear but for large groups of commuting operations.
 */
export function dependenciesOf(operations: readonly WorkOperation[]): Dependencies {
  const successors: number[][] = operations.map(() => []);
  const waitsFor = new Int32Array(operations.length);
  /** Per qubit: the group that is being filled, whether it is diagonal, and the group before it. */
  const chains = new Map<
    number,
    { group: number[]; diagonal: boolean; before: readonly number[] }
  >();
  operations.forEach((operation, index) => {
    const diagonal = isDiagonal(operation);
    const earlier = new Set<number>();
    for (const qubit of workQubits(operation)) {
      const chain = chains.get(qubit) ?? { group: [], diagonal: false, before: [] };
      if (!(diagonal && chain.diagonal)) {
        chain.before = chain.group;
        chain.group = [];
        chain.diagonal = diagonal;
      }
      chain.group.push(index);
      for (const other of chain.before) earlier.add(other);
      chains.set(qubit, chain);
    }
    for (const other of earlier) successors[other]?.push(index);
    waitsFor[index] = earlier.size;
  });
  return { successors, waitsFor };
}

/** Tells whether an operation is diagonal in the computational basis. */
export function isDiagonal(operation: WorkOperation): boolean {
  if (operation.kind === "cz" || operation.kind === "zz") return true;
  return operation.kind === "local" && isDiagonalLocal(operation.factors);
}
