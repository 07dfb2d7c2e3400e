import { isBoundAngle, scaleAngle } from "@qtune/circuit";
import { pairCzCount } from "./pair-cost.ts";
import { rotation, swapMatrix } from "./matrix.ts";
import { synthesizeTwoQubit } from "./two-qubit-synthesis.ts";
import {
  type WorkOperation,
  type ZzWork,
  isDiagonalLocal,
  local,
  matrixFactor,
  rotationFactor,
} from "./work.ts";

const toX = matrixFactor(rotation("Y", Math.PI / 2));
const fromX = matrixFactor(rotation("Y", -Math.PI / 2));

/**
 * Replaces ZZ rotations, SWAPs and dense blocks by CZ and one-qubit gates.
 *
 * Effect: pure; each ZZ rotation chooses the qubit whose neighbouring pulses can swallow its own.
 */
export function expandPairs(operations: readonly WorkOperation[]): readonly WorkOperation[] {
  const out: WorkOperation[] = [];
  const targets = new TargetChoice(operations);
  for (const operation of operations) {
    switch (operation.kind) {
      case "zz":
        out.push(...expandZz(operation, targets.choose(operation)));
        break;
      case "swap":
        out.push(...expandBlock(operation.a, operation.b, swapMatrix));
        break;
      case "block":
        out.push(...expandBlock(operation.a, operation.b, operation.matrix));
        break;
      default:
        out.push(operation);
    }
    targets.note(operation);
  }
  return out;
}

/** Kronecker order: `b` is the high qubit. */
function expandBlock(
  a: number,
  b: number,
  matrix: Parameters<typeof synthesizeTwoQubit>[0],
): WorkOperation[] {
  return synthesizeTwoQubit(matrix).flatMap((pair, index) => [
    ...(index === 0 ? [] : [{ kind: "cz", a, b } as const]),
    local(a, matrixFactor(pair.low)),
    local(b, matrixFactor(pair.high)),
  ]);
}

/**
 * exp(−iθ/2 ZZ) around the X axis of the target: RY(π/2) · CZ · RX(−θ) · CZ · RY(−π/2). At multiples of π/2 one CZ or
 * none suffices: exp(+iπ/4 ZZ) = CZ · RZ(−π/2) ⊗ RZ(−π/2) up to phase.
 */
function expandZz(operation: ZzWork, target: number): WorkOperation[] {
  const { a, b, angle } = operation;
  const cz: WorkOperation = { kind: "cz", a, b };
  if (isBoundAngle(angle) && pairCzCount(operation) < 2) {
    // θ = mπ/2: m CZ and m RZ(−π/2) on both, up to phase; pairs of CZ cancel, the RZ do not.
    const m = Math.round(angle / (Math.PI / 2));
    const turn = matrixFactor(rotation("Z", (m * Math.PI) / 2));
    return [...(m % 2 === 0 ? [] : [cz]), local(a, turn), local(b, turn)];
  }
  return [
    local(target, fromX),
    cz,
    local(target, rotationFactor("X", scaleAngle(angle, -1))),
    cz,
    local(target, toX),
  ];
}

/**
 * Chooses the qubit that carries the pulses of a ZZ rotation: one that was the target of the ZZ before (the pulses
 * between them cancel), else one that has a pulse open anyway, else one of the even side of the interaction graph.
 */
class TargetChoice {
  readonly #state = new Map<number, "target" | "pulse" | "closed">();
  readonly #even: ReadonlySet<number>;

  constructor(operations: readonly WorkOperation[]) {
    this.#even = evenSide(operations);
  }

  choose({ a, b }: ZzWork): number {
    const rank = (qubit: number) => {
      const state = this.#state.get(qubit) ?? "closed";
      const open = state === "target" ? 4 : state === "pulse" ? 2 : 0;
      return open + (this.#even.has(qubit) ? 1 : 0);
    };
    return rank(b) > rank(a) ? b : a;
  }

  note(operation: WorkOperation): void {
    if (operation.kind === "local") {
      if (!isDiagonalLocal(operation.factors)) this.#state.set(operation.qubit, "pulse");
      return;
    }
    if (operation.kind === "zz") {
      const target = this.choose(operation);
      this.#state.set(target, "target");
      this.#state.set(target === operation.a ? operation.b : operation.a, "closed");
      return;
    }
    if (operation.kind === "cz" || operation.kind === "barrier") {
      const qubits = operation.kind === "cz" ? [operation.a, operation.b] : operation.qubits;
      for (const qubit of qubits) this.#state.set(qubit, "closed");
      return;
    }
    if (operation.kind === "block" || operation.kind === "swap") {
      this.#state.set(operation.a, "pulse");
      this.#state.set(operation.b, "pulse");
    }
  }
}

/** One side of a two-colouring of the graph of ZZ pairs; where it has odd cycles, a part of one. */
function evenSide(operations: readonly WorkOperation[]): ReadonlySet<number> {
  const neighbours = new Map<number, number[]>();
  for (const operation of operations) {
    if (operation.kind !== "zz") continue;
    neighbours.set(operation.a, [...(neighbours.get(operation.a) ?? []), operation.b]);
    neighbours.set(operation.b, [...(neighbours.get(operation.b) ?? []), operation.a]);
  }
  const side = new Map<number, boolean>();
  for (const start of [...neighbours.keys()].sort((x, y) => x - y)) {
    if (side.has(start)) continue;
    side.set(start, true);
    const queue = [start];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      for (const next of neighbours.get(at) ?? []) {
        if (side.has(next)) continue;
        side.set(next, side.get(at) !== true);
        queue.push(next);
      }
    }
  }
  return new Set([...side].filter(([, even]) => even).map(([qubit]) => qubit));
}
