import { isBoundAngle } from "@qtune/circuit";
import { czCount } from "./two-qubit-synthesis.ts";
import { weylDecomposition } from "./weyl.ts";
import type { PairWork } from "./work.ts";

/** Returns the number of CZ that a two-qubit operation becomes. */
export function pairCzCount(operation: PairWork): number {
  switch (operation.kind) {
    case "cz":
      return 1;
    case "swap":
      return 3;
    case "zz":
      return zzCzCount(operation.angle);
    case "block":
      return czCount(weylDecomposition(operation.matrix).coordinates);
  }
}

/** Bound ZZ rotations by odd multiples of π/2 take one CZ, by even multiples none; all others two. */
function zzCzCount(angle: Parameters<typeof isBoundAngle>[0]): number {
  if (!isBoundAngle(angle)) return 2;
  const quarters = angle / (Math.PI / 2);
  if (Math.abs(quarters - Math.round(quarters)) > 1e-10) return 2;
  return Math.abs(Math.round(quarters)) % 2;
}
