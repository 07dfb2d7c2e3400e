/**
 * From the circuit IR to the form in which circuits are compiled: table gates become one-qubit factors, CZ, ZZ rotations
 * or dense two-qubit blocks. What is diagonal is kept recognisable, because diagonal gates commute.
 */
import { type Issue, QtuneError } from "@qtune/base";
import {
  type Angle,
  type Circuit,
  type GateOperation,
  type Operation,
  assertCircuit,
  expandCircuit,
  findGate,
  isBoundAngle,
  scaleAngle,
} from "@qtune/circuit";
import { fromParts, type Matrix, rotation } from "./matrix.ts";
import {
  type LocalFactor,
  type WorkCircuit,
  type WorkOperation,
  local,
  matrixFactor,
  rotationFactor,
} from "./work.ts";

/**
 * Lowers a circuit. Gates of three and more qubits are decomposed; definitions, powers and controls are expanded.
 *
 * Effect: pure.
 * Cost:   linear in the expanded circuit.
 * Errors: invalid_argument for a circuit that is not sound and for what a chip cannot do: measurement before the end, reset after the start, classical
 *         control; and for gates that have no decomposition.
 */
export function lowerCircuit(circuit: Circuit): WorkCircuit {
  assertCircuit(circuit);
  const operations: WorkOperation[] = [];
  const issues: Issue[] = [];
  const state: LoweringState = {
    qubits: circuit.qubits,
    started: new Set(),
    measured: new Set(),
    writtenBits: new Map(),
  };
  circuit.operations.forEach((operation, index) => {
    const where = `circuit.operations[${index}]`;
    const issue = refusal(operation, where, state);
    if (issue !== undefined) {
      issues.push(issue);
      return;
    }
    const parts = isPlain(operation)
      ? [operation]
      : expandCircuit({ ...circuit, operations: [operation] }).operations;
    for (const part of parts)
      for (const work of lowerOperation(part, where, state)) operations.push(work);
  });
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  return { qubits: circuit.qubits, clbits: circuit.clbits, operations };
}

/**
 * Checks that a chip can run a circuit at all, whatever the chip: gates that decompose, then measurements.
 *
 * Effect: pure.
 * Errors: those of {@link lowerCircuit}.
 */
export function assertChipCircuit(circuit: Circuit): void {
  lowerCircuit(circuit);
}

/** Tells whether an operation is lowered as it is: a table gate, or a dense unitary that is synthesised here. */
function isPlain(operation: Operation): boolean {
  if (operation.kind === "unitary")
    return operation.qubits.length <= 2 && (operation.controls ?? []).length === 0;
  if (operation.kind !== "gate") return true;
  return (
    (operation.controls ?? []).length === 0 &&
    (operation.power ?? 1) === 1 &&
    findGate(operation.gate) !== undefined
  );
}

interface LoweringState {
  readonly qubits: number;
  /** Qubits on which something has happened. */
  readonly started: Set<number>;
  readonly measured: Set<number>;
  /** Classical bits that have been written, and by which qubit. */
  readonly writtenBits: Map<number, number>;
}

function refusal(operation: Operation, where: string, state: LoweringState): Issue | undefined {
  switch (operation.kind) {
    case "if":
    case "while":
    case "switch":
    case "assign":
      return {
        where,
        expected: "gates, then measurements",
        given: `classical control (${operation.kind})`,
        hint: "chips have none; run it on a simulator",
      };
    case "reset":
      if (!state.started.has(operation.qubit)) return undefined;
      return {
        where,
        expected: "resets at the start only (every shot starts in |0⟩)",
        given: `a reset of qubit ${operation.qubit} after other operations`,
        hint: "use another qubit, or a simulator",
      };
    case "measure":
      if (state.measured.has(operation.qubit))
        return lateUse(where, operation.qubit, "a second measurement");
      if (state.writtenBits.has(operation.clbit)) {
        const given = `bit ${operation.clbit} for qubits ${state.writtenBits.get(operation.clbit)} and ${operation.qubit}`;
        return {
          where,
          expected: "one classical bit per measured qubit",
          given,
          hint: "measure into another bit",
        };
      }
      return undefined;
    case "gate":
    case "unitary":
    case "delay": {
      const controls =
        operation.kind === "delay"
          ? []
          : (operation.controls ?? []).map((control) => control.qubit);
      const late = [...operation.qubits, ...controls].find((qubit) => state.measured.has(qubit));
      return late === undefined ? undefined : lateUse(where, late, `a ${operation.kind}`);
    }
    case "barrier":
    case "phase":
      return undefined;
    default:
      return operation satisfies never;
  }
}

function lateUse(where: string, qubit: number, what: string): Issue {
  return {
    where,
    expected: "measurement as the last operation of a qubit",
    given: `${what} on qubit ${qubit} after it was measured`,
    hint: "chips read all qubits at the end; use another qubit, or a simulator",
  };
}

function lowerOperation(
  operation: Operation,
  where: string,
  state: LoweringState,
): readonly WorkOperation[] {
  switch (operation.kind) {
    case "gate":
      for (const qubit of operation.qubits) state.started.add(qubit);
      return lowerGate(operation, where);
    case "unitary":
      for (const qubit of operation.qubits) state.started.add(qubit);
      return lowerUnitary(operation.qubits, fromParts(operation.re, operation.im), where);
    case "measure":
      state.started.add(operation.qubit);
      state.measured.add(operation.qubit);
      state.writtenBits.set(operation.clbit, operation.qubit);
      return [{ kind: "measure", qubit: operation.qubit, clbit: operation.clbit }];
    case "barrier":
      return [
        {
          kind: "barrier",
          qubits: operation.qubits.length > 0 ? operation.qubits : allQubits(state.qubits),
        },
      ];
    case "delay": {
      const qubits = operation.qubits.length > 0 ? operation.qubits : allQubits(state.qubits);
      return qubits.map((qubit) => ({ kind: "delay", qubit, durationNs: operation.durationNs }));
    }
    default:
      return []; // resets at the start and global phases do nothing; the rest has been refused
  }
}

function allQubits(count: number): number[] {
  return Array.from({ length: count }, (_, qubit) => qubit);
}

function lowerUnitary(
  qubits: readonly number[],
  matrix: Matrix,
  where: string,
): readonly WorkOperation[] {
  const [a, b] = qubits;
  if (qubits.length === 1 && a !== undefined) return [local(a, matrixFactor(matrix))];
  if (qubits.length === 2 && a !== undefined && b !== undefined)
    return [{ kind: "block", a, b, matrix }];
  throw new QtuneError(
    "invalid_argument",
    `expected a unitary of one or two qubits but was given one of ${qubits.length}; decompose it into gates`,
    { where },
  );
}

function lowerGate(operation: GateOperation, where: string): readonly WorkOperation[] {
  const { gate: name, qubits, angles } = operation;
  const [a = 0, b = 0] = qubits;
  const rule = lowering[name];
  if (rule !== undefined) return rule(a, b, angles);
  const gate = findGate(name);
  if (gate === undefined) {
    throw new QtuneError(
      "invalid_argument",
      `the chip has no gate ${name} and no way to build it`,
      { where },
    );
  }
  if (qubits.length <= 2 && angles.every(isBoundAngle)) {
    const { re, im } = gate.matrix(angles);
    return lowerUnitary(qubits, fromParts(re, im), where);
  }
  const decomposition = gate.decomposition?.(angles);
  if (decomposition === undefined) {
    throw new QtuneError(
      "invalid_argument",
      `${name} cannot be decomposed into gates of this chip; bind its angles first`,
      { where },
    );
  }
  return decomposition.steps.flatMap((step) =>
    lowerGate(
      {
        kind: "gate",
        gate: step.gate,
        qubits: step.qubits.map((q) => qubits[q] ?? q),
        angles: step.angles,
      },
      where,
    ),
  );
}

type Lowering = (a: number, b: number, angles: readonly Angle[]) => readonly WorkOperation[];

const first = (angles: readonly Angle[]): Angle => angles[0] ?? 0;
const hadamard: LocalFactor = matrixFactor(
  Float64Array.of(Math.SQRT1_2, 0, Math.SQRT1_2, 0, Math.SQRT1_2, 0, -Math.SQRT1_2, 0),
);
const toX = matrixFactor(rotation("Y", Math.PI / 2));
const fromX = matrixFactor(rotation("Y", -Math.PI / 2));
const toY = matrixFactor(rotation("X", -Math.PI / 2));
const fromY = matrixFactor(rotation("X", Math.PI / 2));

/** exp(−iθ/4 (1 − Z_a) P_b): a rotation of `b` about the axis that `turn` leads Z to, controlled by `a`. */
function controlledRotation(
  a: number,
  b: number,
  angle: Angle,
  turn: { before: LocalFactor; after: LocalFactor } | undefined,
): readonly WorkOperation[] {
  const half = scaleAngle(angle, 0.5);
  const middle: WorkOperation[] = [
    local(b, rotationFactor("Z", half)),
    { kind: "zz", a, b, angle: scaleAngle(angle, -0.5) },
  ];
  return turn === undefined ? middle : [local(b, turn.before), ...middle, local(b, turn.after)];
}

/** exp(−iθ/2 P ⊗ P) from ZZ by turning both qubits. */
function pairRotation(
  a: number,
  b: number,
  angle: Angle,
  before: LocalFactor,
  after: LocalFactor,
): readonly WorkOperation[] {
  return [
    local(a, before),
    local(b, before),
    { kind: "zz", a, b, angle },
    local(a, after),
    local(b, after),
  ];
}

/** Gates that keep a shape of their own: symbolic rotations, and two-qubit gates that are diagonal up to local gates. */
const lowering: Readonly<Record<string, Lowering>> = {
  I: () => [],
  RX: (a, _, angles) => [local(a, rotationFactor("X", first(angles)))],
  RY: (a, _, angles) => [local(a, rotationFactor("Y", first(angles)))],
  RZ: (a, _, angles) => [local(a, rotationFactor("Z", first(angles)))],
  P: (a, _, angles) => [local(a, rotationFactor("Z", first(angles)))],
  U3: (a, _, [theta = 0, phi = 0, lambda = 0]) => [
    local(a, rotationFactor("Z", lambda), rotationFactor("Y", theta), rotationFactor("Z", phi)),
  ],
  CZ: (a, b) => [{ kind: "cz", a, b }],
  CX: (a, b) => [local(b, hadamard), { kind: "cz", a, b }, local(b, hadamard)],
  SWAP: (a, b) => [{ kind: "swap", a, b }],
  RZZ: (a, b, angles) => [{ kind: "zz", a, b, angle: first(angles) }],
  RXX: (a, b, angles) => pairRotation(a, b, first(angles), fromX, toX),
  RYY: (a, b, angles) => pairRotation(a, b, first(angles), fromY, toY),
  CRZ: (a, b, angles) => controlledRotation(a, b, first(angles), undefined),
  CRX: (a, b, angles) => controlledRotation(a, b, first(angles), { before: fromX, after: toX }),
  CRY: (a, b, angles) => controlledRotation(a, b, first(angles), { before: fromY, after: toY }),
  CP: (a, b, angles) => [
    local(a, rotationFactor("Z", scaleAngle(first(angles), 0.5))),
    local(b, rotationFactor("Z", scaleAngle(first(angles), 0.5))),
    { kind: "zz", a, b, angle: scaleAngle(first(angles), -0.5) },
  ],
};
