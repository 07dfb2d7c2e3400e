import {
  type LocalFactor,
  type WorkOperation,
  isDiagonalLocal,
  isIdentityLocal,
  joinFactors,
  workQubits,
} from "./work.ts";

/**
 * Merges neighbouring one-qubit gates of each qubit into one and drops identities. Diagonal gates (free on the chip) are
 * carried across CZ and ZZ, with which they commute, so that they end up inside the next pulse.
 *
 * Effect: pure. Cost: linear.
 */
export function mergeLocals(operations: readonly WorkOperation[]): readonly WorkOperation[] {
  const out: WorkOperation[] = [];
  const pending = new Map<number, readonly LocalFactor[]>();
  const flush = (qubit: number) => {
    const factors = pending.get(qubit);
    pending.delete(qubit);
    if (factors !== undefined && !isIdentityLocal(factors))
      out.push({ kind: "local", qubit, factors });
  };
  for (const operation of operations) {
    if (operation.kind === "local") {
      pending.set(
        operation.qubit,
        joinFactors(pending.get(operation.qubit) ?? [], operation.factors),
      );
      continue;
    }
    const commutes = operation.kind === "cz" || operation.kind === "zz";
    for (const qubit of workQubits(operation)) {
      const factors = pending.get(qubit);
      if (factors !== undefined && !(commutes && isDiagonalLocal(factors))) flush(qubit);
    }
    out.push(operation);
  }
  for (const qubit of [...pending.keys()].sort((a, b) => a - b)) flush(qubit);
  return out;
}
