/**
 * The slow reference: what a circuit means, in float64 and with plain loops. It judges every faster engine and every
 * rewrite, so nothing here is clever.
 */
import { QtuneError } from "@qtune/base";
import { evaluateAngle, isBoundAngle, type Angle } from "./angle.ts";
import { instantiate } from "./bind.ts";
import type { Circuit, Control, GateOperation, Operation } from "./circuit.ts";
import { findGate } from "./gate-table.ts";
import { type Matrix, matrixFrom } from "./matrix.ts";
import { unitaryPower } from "./unitary-power.ts";

/** Amplitudes of n qubits, [2^n], real and imaginary part apart. */
export interface StateVector {
  readonly n: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Returns |0…0⟩ of n qubits. Shapes: [2^n]. */
export function createReferenceState(n: number): StateVector {
  const state = { n, re: new Float64Array(2 ** n), im: new Float64Array(2 ** n) };
  state.re[0] = 1;
  return state;
}

/**
 * Multiplies the amplitudes of `qubits` by a matrix wherever all controls have their value.
 *
 * Shapes: matrix [2^k, 2^k] for k qubits; the first of `qubits` is the least significant bit of its index.
 * Range:  states of up to 30 qubits.
 * Effect: changes `state` in place.
 */
export function applyMatrixReferenceInPlace(
  state: StateVector,
  matrix: Matrix,
  qubits: readonly number[],
  controls: readonly Control[] = [],
): void {
  const size = matrix.size;
  const offsets = Array.from({ length: size }, (_, index) =>
    qubits.reduce((sum, qubit, bit) => sum + ((index >> bit) & 1) * 2 ** qubit, 0),
  );
  const targets = qubits.reduce((mask, qubit) => mask | (1 << qubit), 0);
  const controlled = controls.reduce((mask, { qubit }) => mask | (1 << qubit), 0);
  const wanted = controls.reduce((mask, { qubit, value }) => mask | (value << qubit), 0);
  const oldRe = new Float64Array(size);
  const oldIm = new Float64Array(size);
  const total = state.re.length;
  for (let start = 0; start < total; start++) {
    if ((start & targets) !== 0 || (start & controlled) !== wanted) continue;
    for (let i = 0; i < size; i++) {
      oldRe[i] = state.re[start + offsets[i]!]!; // i < size, and all offsets stay inside the state
      oldIm[i] = state.im[start + offsets[i]!]!;
    }
    for (let row = 0; row < size; row++) {
      let re = 0;
      let im = 0;
      for (let col = 0; col < size; col++) {
        const mre = matrix.re[row * size + col]!; // row, col < size
        const mim = matrix.im[row * size + col]!;
        re += mre * oldRe[col]! - mim * oldIm[col]!;
        im += mre * oldIm[col]! + mim * oldRe[col]!;
      }
      state.re[start + offsets[row]!] = re;
      state.im[start + offsets[row]!] = im;
    }
  }
}

function boundAngle(angle: Angle): number {
  if (isBoundAngle(angle)) return angle;
  return evaluateAngle(angle, (name) => {
    throw new QtuneError(
      "invalid_argument",
      `the parameter ${name} has no value; bind the circuit first`,
      { where: "circuit.parameters" },
    );
  });
}

/**
 * Returns the matrix of a gate operation without its extra controls: `gate^power`.
 *
 * Maths: with a generator, the angle times the power; else {@link unitaryPower}.
 * Errors: not_found for an unknown gate, invalid_argument for an unbound angle.
 */
export function gateMatrix(
  operation: GateOperation,
  circuit: Pick<Circuit, "definitions">,
): Matrix {
  const angles = operation.angles.map(boundAngle);
  const power = operation.power ?? 1;
  const gate = findGate(operation.gate);
  if (gate !== undefined) {
    if (power === 1) return gate.matrix(angles);
    if (gate.generator !== undefined) return gate.matrix([(angles[0] ?? 0) * power]);
    return unitaryPower(gate.matrix(angles), power);
  }
  const definition = circuit.definitions?.find((one) => one.name === operation.gate);
  if (definition === undefined) {
    throw new QtuneError(
      "not_found",
      `there is no gate ${operation.gate}, neither in the table nor in the circuit`,
      { where: "circuit.operations" },
    );
  }
  const locals = Array.from({ length: definition.qubits }, (_, i) => i);
  const matrix = operationsUnitary(
    definition.qubits,
    instantiate(definition, locals, angles),
    circuit,
  );
  return power === 1 ? matrix : unitaryPower(matrix, power);
}

/**
 * Applies a unitary operation (gate, unitary, phase, barrier, delay) to a state.
 *
 * Effect: changes `state` in place.
 * Errors: invalid_argument for an operation that is not unitary.
 */
export function applyUnitaryReferenceInPlace(
  state: StateVector,
  operation: Operation,
  circuit: Pick<Circuit, "definitions">,
): void {
  switch (operation.kind) {
    case "gate":
      applyMatrixReferenceInPlace(
        state,
        gateMatrix(operation, circuit),
        operation.qubits,
        operation.controls,
      );
      return;
    case "unitary":
      applyMatrixReferenceInPlace(
        state,
        matrixFrom(operation.re, operation.im),
        operation.qubits,
        operation.controls,
      );
      return;
    case "phase": {
      const angle = boundAngle(operation.angle);
      applyMatrixReferenceInPlace(
        state,
        matrixFrom([Math.cos(angle)], [Math.sin(angle)]),
        [],
        operation.controls,
      );
      return;
    }
    case "barrier":
    case "delay":
      return;
    default:
      throw new QtuneError("invalid_argument", `${operation.kind} is not unitary`, {
        where: "circuit.operations",
      });
  }
}

function operationsUnitary(
  n: number,
  operations: readonly Operation[],
  circuit: Pick<Circuit, "definitions">,
): Matrix {
  const size = 2 ** n;
  // A matrix is a state of 2n qubits whose low n bits are the column: applying to the high bits does all columns.
  const matrix = { n: 2 * n, re: new Float64Array(size * size), im: new Float64Array(size * size) };
  for (let i = 0; i < size; i++) matrix.re[i * size + i] = 1;
  for (const operation of operations)
    applyUnitaryReferenceInPlace(matrix, shift(operation, n), circuit);
  return { size, re: matrix.re, im: matrix.im };
}

function shift(operation: Operation, n: number): Operation {
  const controls = (list: readonly Control[] | undefined): { controls?: readonly Control[] } =>
    list === undefined ? {} : { controls: list.map((one) => ({ ...one, qubit: one.qubit + n })) };
  switch (operation.kind) {
    case "gate":
    case "unitary":
      return {
        ...operation,
        qubits: operation.qubits.map((qubit) => qubit + n),
        ...controls(operation.controls),
      };
    case "phase":
      return { ...operation, ...controls(operation.controls) };
    default:
      return operation;
  }
}

/**
 * Returns the unitary of a bound circuit, global phase included.
 *
 * Shapes: [2^n, 2^n], row-major, qubit 0 the least significant bit.
 * Range:  n ≤ 12.
 * Cost:   4^n per gate; the slow definition.
 * Errors: out_of_range beyond 12 qubits; invalid_argument for unbound angles and for measurements, resets and control
 *         flow.
 */
export function circuitUnitary(circuit: Circuit): Matrix {
  if (circuit.qubits > 12) {
    throw new QtuneError(
      "out_of_range",
      `the reference unitary takes at most 12 qubits but was given ${circuit.qubits}; use a simulator`,
      { where: "circuit.qubits" },
    );
  }
  const phase: Operation = { kind: "phase", angle: circuit.globalPhase ?? 0 };
  return operationsUnitary(circuit.qubits, [phase, ...circuit.operations], circuit);
}
