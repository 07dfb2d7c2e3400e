/**
 * Passes that need no chip. Each returns a new circuit with the same effect, phase included; `optimizeCircuit` repeats
 * them until nothing changes. They look at neighbours on the same qubits and never move anything across a barrier.
 */
import {
  addAngles,
  type Angle,
  equalAngles,
  isBoundAngle,
  isUsableAngle,
  scaleAngle,
} from "./angle.ts";
import {
  activeQubits,
  isDiagonal,
  operationClbits,
  operationQubits,
  restrictQubits,
} from "./analysis.ts";
import type { Circuit, GateOperation, Operation } from "./circuit.ts";
import { findGate } from "./gate-table.ts";
import { type Matrix, multiplyMatrices } from "./matrix.ts";
import { eulerAngles } from "./synthesis.ts";
import { gateMatrix } from "./unitary.ts";

/** What two neighbours on the same qubits become: nothing known, or other operations and a phase. */
type Combine = (
  first: Operation,
  second: Operation,
  circuit: Circuit,
) => { readonly operations: readonly Operation[]; readonly phase: Angle } | undefined;

/**
 * Removes pairs of neighbours that undo each other, as long as there are any: `H H`, `CX CX`, `RX(θ) RX(−θ)`, `S S†`.
 *
 * Effect: pure.
 * Cost:   linear.
 */
export function cancelInverses(circuit: Circuit): Circuit {
  return peephole(circuit, (first, second) =>
    isInverse(first, second) ? { operations: [], phase: 0 } : undefined,
  );
}

/** Joins neighbouring rotations around the same axis on the same qubits; angles may hold parameters. */
export function mergeRotations(circuit: Circuit): Circuit {
  return peephole(circuit, mergePair);
}

/** Replaces runs of bound one-qubit gates by one U3 each, or by nothing. */
export function fuseOneQubitRuns(circuit: Circuit): Circuit {
  return removeIdentities(peephole(circuit, fusePair));
}

/** Removes gates that do nothing (identities, rotations by 0 or full turns, powers of 0) and keeps their phase. */
export function removeIdentities(circuit: Circuit): Circuit {
  let phase: Angle = circuit.globalPhase ?? 0;
  const visit = (operations: readonly Operation[], top: boolean): readonly Operation[] =>
    operations.flatMap((operation) => {
      const inner = mapBodies(operation, (body) => visit(body, false));
      const left = identityPhase(inner);
      if (left === undefined) return [inner];
      if (left === 0) return [];
      if (!top) return [{ kind: "phase", angle: left }];
      phase = addAngles(phase, left);
      return [];
    });
  const operations = visit(circuit.operations, true);
  return withPhase({ ...circuit, operations }, phase);
}

/**
 * Removes what cannot affect the classical bits: gates behind the last use of a qubit, phases before a measurement,
 * measurements that are overwritten. Circuits without classical bits stay as they are.
 *
 * Maths: liveness backwards from the end. A qubit whose future is only measurement lives for its probabilities.
 */
export function removeDeadOperations(circuit: Circuit): Circuit {
  if (circuit.clbits === 0) return circuit;
  const liveness = new Uint8Array(circuit.qubits); // 0 dead, 1 probabilities matter, 2 everything matters
  const bits = new Uint8Array(circuit.clbits).fill(1);
  const kept: Operation[] = [];
  for (let i = circuit.operations.length - 1; i >= 0; i--) {
    const operation = circuit.operations[i];
    if (operation !== undefined && isAlive(circuit, operation, liveness, bits))
      kept.push(operation);
  }
  return { ...circuit, operations: kept.reverse() };
}

/** Removes qubits that nothing acts on; `kept[i]` is the old number of qubit i. */
export function removeIdleQubits(circuit: Circuit): {
  readonly circuit: Circuit;
  readonly kept: readonly number[];
} {
  const kept = activeQubits(circuit);
  if (kept.length === circuit.qubits) return { circuit, kept };
  const inside = new Set(kept);
  const operations = circuit.operations.flatMap((operation): readonly Operation[] => {
    if (operation.kind !== "barrier" || operation.qubits.length === 0) return [operation];
    const qubits = operation.qubits.filter((qubit) => inside.has(qubit));
    return qubits.length === 0 ? [] : [{ ...operation, qubits }];
  });
  return { circuit: restrictQubits({ ...circuit, operations }, kept), kept };
}

/**
 * Applies cancellation, merging, removal of identities and of dead operations until nothing changes.
 *
 * @param options.fuse also joins runs of one-qubit gates. Default false, because U3 hides what they were.
 */
export function optimizeCircuit(
  circuit: Circuit,
  options: { readonly fuse?: boolean } = {},
): Circuit {
  let current = circuit;
  for (let round = 0; round < 100; round++) {
    const before = current.operations.length;
    current = removeDeadOperations(removeIdentities(mergeRotations(cancelInverses(current))));
    if (options.fuse === true) current = fuseOneQubitRuns(current);
    if (current.operations.length === before) break;
  }
  return current;
}

function withPhase(circuit: Circuit, phase: Angle): Circuit {
  const { globalPhase: _, ...rest } = circuit;
  return phase === 0 ? rest : { ...rest, globalPhase: phase };
}

function mapBodies(
  operation: Operation,
  change: (body: readonly Operation[]) => readonly Operation[],
): Operation {
  switch (operation.kind) {
    case "if":
      return {
        ...operation,
        then: change(operation.then),
        ...(operation.else === undefined ? {} : { else: change(operation.else) }),
      };
    case "while":
      return { ...operation, body: change(operation.body) };
    case "switch":
      return {
        ...operation,
        cases: operation.cases.map((one) => ({ ...one, body: change(one.body) })),
        ...(operation.default === undefined ? {} : { default: change(operation.default) }),
      };
    default:
      return operation;
  }
}

/** Tries to combine each operation with the one that came last on all of its qubits. */
function peephole(circuit: Circuit, combine: Combine): Circuit {
  let phase: Angle = circuit.globalPhase ?? 0;
  const visit = (operations: readonly Operation[], top: boolean): readonly Operation[] => {
    const out: (Operation | undefined)[] = [];
    const stacks: number[][] = Array.from({ length: circuit.qubits }, () => []);
    const push = (operation: Operation): void => {
      const last = neighbour(operation, out, stacks, circuit.qubits);
      const before = last === undefined ? undefined : out[last];
      const combined = before === undefined ? undefined : combine(before, operation, circuit);
      if (combined === undefined || last === undefined || before === undefined) {
        for (const qubit of operationQubits(operation, circuit.qubits))
          stacks[qubit]?.push(out.length);
        out.push(operation);
        return;
      }
      out[last] = undefined;
      for (const qubit of operationQubits(before, circuit.qubits)) stacks[qubit]?.pop();
      if (top) phase = addAngles(phase, combined.phase);
      else if (combined.phase !== 0) out.push({ kind: "phase", angle: combined.phase });
      combined.operations.forEach(push);
    };
    for (const operation of operations) push(mapBodies(operation, (body) => visit(body, false)));
    return out.filter((operation) => operation !== undefined);
  };
  const operations = visit(circuit.operations, true);
  return withPhase({ ...circuit, operations }, phase);
}

/** The index of the operation that is last on all qubits of this one and touches no other. */
function neighbour(
  operation: Operation,
  out: readonly (Operation | undefined)[],
  stacks: readonly number[][],
  n: number,
): number | undefined {
  if (operation.kind !== "gate") return undefined;
  const qubits = operationQubits(operation, n);
  const index = stacks[qubits[0] ?? 0]?.at(-1);
  if (index === undefined || !qubits.every((qubit) => stacks[qubit]?.at(-1) === index))
    return undefined;
  const before = out[index];
  return before?.kind === "gate" && operationQubits(before, n).length === qubits.length
    ? index
    : undefined;
}

function samePlaces(a: GateOperation, b: GateOperation): boolean {
  const [left, right] = [a.controls ?? [], b.controls ?? []];
  if (
    left.length !== right.length ||
    !left.every((one) =>
      right.some((other) => other.qubit === one.qubit && other.value === one.value),
    )
  )
    return false;
  if (a.qubits.every((qubit, i) => qubit === b.qubits[i])) return true;
  return (
    findGate(a.gate)?.symmetric === true && a.qubits.every((qubit) => b.qubits.includes(qubit))
  );
}

function isInverse(a: Operation, b: Operation): boolean {
  if (
    a.kind !== "gate" ||
    b.kind !== "gate" ||
    a.qubits.length !== b.qubits.length ||
    !samePlaces(a, b)
  )
    return false;
  const [powerA, powerB] = [a.power ?? 1, b.power ?? 1];
  const sameAngles = (angles: readonly Angle[]): boolean =>
    angles.every((angle, i) => equalAngles(angle, b.angles[i] ?? Number.NaN));
  if (a.gate === b.gate && powerA === -powerB && sameAngles(a.angles)) return true;
  if (powerA !== powerB || !Number.isInteger(powerA)) return false;
  const inverse = findGate(a.gate)?.inverse(a.angles);
  return (
    inverse !== undefined &&
    inverse.power === undefined &&
    inverse.gate === b.gate &&
    inverse.angles.length === b.angles.length &&
    sameAngles(inverse.angles)
  );
}

const mergePair: Combine = (first, second) => {
  if (
    first.kind !== "gate" ||
    second.kind !== "gate" ||
    first.gate !== second.gate ||
    !samePlaces(first, second)
  )
    return undefined;
  if (findGate(first.gate)?.generator === undefined) return undefined;
  const turn = (operation: GateOperation): Angle =>
    scaleAngle(operation.angles[0] ?? 0, operation.power ?? 1);
  const angle = addAngles(turn(first), turn(second));
  if (!isUsableAngle(angle)) return undefined;
  const { power: _, ...rest } = first;
  return { operations: angle === 0 ? [] : [{ ...rest, angles: [angle] }], phase: 0 };
};

const fusePair: Combine = (first, second, circuit) => {
  const [a, b] = [oneQubitMatrix(first, circuit), oneQubitMatrix(second, circuit)];
  if (a === undefined || b === undefined || first.kind !== "gate") return undefined;
  const { theta, phi, lambda, phase } = eulerAngles(multiplyMatrices(b, a));
  return {
    operations: [{ kind: "gate", gate: "U3", qubits: first.qubits, angles: [theta, phi, lambda] }],
    phase,
  };
};

function oneQubitMatrix(operation: Operation, circuit: Circuit): Matrix | undefined {
  if (
    operation.kind !== "gate" ||
    operation.qubits.length !== 1 ||
    (operation.controls ?? []).length > 0
  )
    return undefined;
  return operation.angles.every(isBoundAngle) ? gateMatrix(operation, circuit) : undefined;
}

/** The phase that a gate multiplies everything with, when that is all it does and no control makes it visible. */
function identityPhase(operation: Operation): number | undefined {
  if (
    operation.kind !== "gate" ||
    findGate(operation.gate) === undefined ||
    !operation.angles.every(isBoundAngle)
  )
    return undefined;
  if (operation.power === 0) return 0;
  if (operation.qubits.length > 3) return undefined;
  const matrix = gateMatrix(operation, {});
  const re = matrix.re[0] ?? 1;
  const im = matrix.im[0] ?? 0;
  for (let i = 0; i < matrix.re.length; i++) {
    const onDiagonal = i % (matrix.size + 1) === 0;
    if (
      Math.hypot(
        (matrix.re[i] ?? 0) - (onDiagonal ? re : 0),
        (matrix.im[i] ?? 0) - (onDiagonal ? im : 0),
      ) > 1e-14
    )
      return undefined;
  }
  const phase = Math.abs(im) < 1e-15 && re > 0 ? 0 : Math.atan2(im, re);
  return phase !== 0 && (operation.controls ?? []).length > 0 ? undefined : phase;
}

/** Updates the liveness for an operation, going backwards, and tells whether it has to stay. */
function isAlive(
  circuit: Circuit,
  operation: Operation,
  liveness: Uint8Array,
  bits: Uint8Array,
): boolean {
  const qubits = operationQubits(operation, circuit.qubits);
  const raise = (level: number): void => {
    for (const qubit of qubits) liveness[qubit] = Math.max(liveness[qubit] ?? 0, level);
  };
  switch (operation.kind) {
    case "barrier":
    case "delay":
      return true;
    case "measure": {
      const wanted = bits[operation.clbit] === 1;
      bits[operation.clbit] = 0;
      // a measurement of a qubit that goes on collapses it, which only phases notice
      if (!wanted && (liveness[operation.qubit] ?? 0) < 2) return false;
      if (!wanted) bits[operation.clbit] = 0;
      liveness[operation.qubit] = Math.max(1, liveness[operation.qubit] ?? 0);
      return true;
    }
    case "reset": {
      const wanted = (liveness[operation.qubit] ?? 0) > 0;
      liveness[operation.qubit] = 0;
      return wanted;
    }
    case "gate":
    case "unitary":
    case "phase": {
      const level = Math.max(0, ...qubits.map((qubit) => liveness[qubit] ?? 0));
      if (qubits.length > 0 && level === 0) return false;
      if (level <= 1 && isDiagonal(operation)) return qubits.length === 0;
      raise(level <= 1 && isPermutation(operation) ? 1 : 2);
      return true;
    }
    case "assign":
    case "if":
    case "while":
    case "switch": {
      const { reads, writes } = operationClbits(operation);
      const wanted =
        qubits.some((qubit) => (liveness[qubit] ?? 0) > 0) || writes.some((bit) => bits[bit] === 1);
      if (!wanted) return false;
      if (operation.kind === "assign") for (const bit of writes) bits[bit] = 0;
      for (const bit of reads) bits[bit] = 1;
      raise(2);
      return true;
    }
    default:
      return operation satisfies never;
  }
}

/** Maps basis states to basis states: probabilities before decide the probabilities after. */
function isPermutation(operation: Operation): boolean {
  if (operation.kind !== "gate" || (operation.power ?? 1) !== 1) return false;
  const gate = findGate(operation.gate);
  const base = gate?.base ?? operation.gate;
  return base === "X" || base === "SWAP";
}
