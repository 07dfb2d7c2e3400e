import { addAngles, type Angle } from "@qtune/circuit";
import { isDiagonal } from "./dependencies.ts";
import { wrap } from "./euler.ts";
import { rotation } from "./matrix.ts";
import { mergeLocals } from "./merge-locals.ts";
import {
  type CzWork,
  type WorkOperation,
  type ZzWork,
  local,
  matrixFactor,
  workQubits,
} from "./work.ts";

/**
 * Cancels and fuses CZ and ZZ rotations of the same pair that only commuting operations separate, until nothing
 * changes: two CZ vanish, ZZ rotations add up, a CZ joins a ZZ rotation.
 *
 * Effect: pure. Cost: linear per round, a few rounds.
 */
export function cancelPairs(operations: readonly WorkOperation[]): readonly WorkOperation[] {
  let current = mergeLocals(operations);
  for (;;) {
    const next = mergeLocals(cancelOnce(current));
    if (next.length >= current.length && pairCount(next) >= pairCount(current)) return current;
    current = next;
  }
}

function pairCount(operations: readonly WorkOperation[]): number {
  return operations.filter((operation) => operation.kind === "cz" || operation.kind === "zz")
    .length;
}

function cancelOnce(operations: readonly WorkOperation[]): readonly WorkOperation[] {
  const out: (WorkOperation | undefined)[] = [];
  /** Per qubit: number of the run of diagonal operations it is in. */
  const run = new Map<number, number>();
  /** The last CZ or ZZ of a pair in its current runs: its place in `out`. */
  const open = new Map<string, number>();
  for (const operation of operations) {
    if (!isDiagonal(operation)) {
      for (const qubit of workQubits(operation)) run.set(qubit, (run.get(qubit) ?? 0) + 1);
      out.push(operation);
      continue;
    }
    if (operation.kind !== "cz" && operation.kind !== "zz") {
      out.push(operation);
      continue;
    }
    if (operation.kind === "zz" && isWholeTurn(operation)) continue;
    const [a, b] =
      operation.a < operation.b ? [operation.a, operation.b] : [operation.b, operation.a];
    const key = `${a}.${run.get(a) ?? 0}-${b}.${run.get(b) ?? 0}`;
    const at = open.get(key);
    const earlier = at === undefined ? undefined : out[at];
    if (
      at === undefined ||
      earlier === undefined ||
      (earlier.kind !== "cz" && earlier.kind !== "zz")
    ) {
      open.set(key, out.length);
      out.push(operation);
      continue;
    }
    const { pair, turns } = fuse(earlier, operation);
    out[at] = pair;
    out.push(...turns);
    if (pair === undefined) open.delete(key);
  }
  return out.filter((operation) => operation !== undefined);
}

/** The product of two diagonal gates of one pair: at most one of them, and Z rotations. */
function fuse(
  first: CzWork | ZzWork,
  second: CzWork | ZzWork,
): { pair: CzWork | ZzWork | undefined; turns: WorkOperation[] } {
  if (first.kind === "cz" && second.kind === "cz") return { pair: undefined, turns: [] };
  const { a, b } = first;
  const pair: ZzWork = { kind: "zz", a, b, angle: addAngles(zzAngle(first), zzAngle(second)) };
  const quarter = matrixFactor(rotation("Z", Math.PI / 2));
  // CZ = ZZ(−π/2) · RZ(π/2) ⊗ RZ(π/2) up to phase.
  const turns =
    first.kind === "cz" || second.kind === "cz" ? [local(a, quarter), local(b, quarter)] : [];
  return { pair: isWholeTurn(pair) ? undefined : pair, turns };
}

function zzAngle(operation: CzWork | ZzWork): Angle {
  return operation.kind === "cz" ? -Math.PI / 2 : operation.angle;
}

/** Angles below this are left out: cloud interfaces of chips carry eight decimals. */
const smallestAngle = 1e-8;

/** Tells whether a ZZ rotation is a phase: its angle a multiple of 2π. */
function isWholeTurn({ angle }: ZzWork): boolean {
  return typeof angle === "number" && Math.abs(wrap(angle)) < smallestAngle;
}
