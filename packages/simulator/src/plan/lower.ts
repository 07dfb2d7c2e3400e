/**
 * Lowers unitary operations to items. Bound gates become what their matrix is (diagonal, permutation, rotation, dense);
 * gates with parameters are taken apart by the gate table until only RY and diagonal gates carry angles, so that one
 * derivative rule per kind covers the whole table.
 */
import { QtuneError } from "@qtune/base";
import {
  type Angle,
  type Circuit,
  type Control,
  type GateOperation,
  type Matrix,
  type Operation,
  findGate,
  gateMatrix,
  instantiate,
  isBoundAngle,
  matrixFrom,
  scaleAngle,
  unitarityError,
  withControls,
} from "@qtune/circuit";
import type { DiagonalItem, Item } from "./item.ts";

const PI = Math.PI;
/** Entries of a bound matrix below this count as zero when its kind is recognised. */
const zero = 1e-15;

/**
 * Returns the items of unitary operations, in order of time.
 *
 * Effect: pure.
 * Errors: invalid_argument for a non-unitary operation or matrix, unimplemented for a fractional power of a gate whose
 *         angles are not bound.
 */
export function lowerOperations(
  operations: readonly Operation[],
  circuit: Pick<Circuit, "definitions">,
): readonly Item[] {
  return operations.flatMap((operation) => lowerOperation(operation, circuit));
}

function lowerOperation(
  operation: Operation,
  circuit: Pick<Circuit, "definitions">,
): readonly Item[] {
  switch (operation.kind) {
    case "gate":
      return lowerGate(operation, circuit);
    case "unitary": {
      const matrix = matrixFrom(operation.re, operation.im);
      if (!(unitarityError(matrix) < 1e-6)) {
        throw new QtuneError(
          "invalid_argument",
          `expected a unitary matrix but was given one that is off by ${unitarityError(matrix)}`,
          {
            where: "circuit.operations",
          },
        );
      }
      return lowerMatrix(matrix, operation.qubits, operation.controls ?? []);
    }
    case "phase":
      return phaseItems(operation.angle, operation.controls ?? []);
    case "barrier":
    case "delay":
      return [];
    default:
      throw new QtuneError(
        "invalid_argument",
        `expected only unitary operations but was given ${operation.kind}`,
        {
          where: "circuit.operations",
        },
      );
  }
}

/** e^{i angle} under controls; without controls nothing that can be seen. */
function phaseItems(angle: Angle, controls: readonly Control[]): readonly Item[] {
  return controls.length === 0 ? [] : [controlledDiagonal([], angle, [-1], controls)];
}

function lowerGate(
  operation: GateOperation,
  circuit: Pick<Circuit, "definitions">,
): readonly Item[] {
  const { qubits, angles, controls = [], power = 1 } = operation;
  if (angles.every(isBoundAngle)) {
    const definition = circuit.definitions?.find((one) => one.name === operation.gate);
    if (definition !== undefined && findGate(operation.gate) === undefined && power === 1) {
      return lowerOperations(
        instantiate(definition, qubits, angles).map((inner) => withControls(inner, controls)),
        circuit,
      );
    }
    return lowerMatrix(gateMatrix(operation, circuit), qubits, controls);
  }
  return lowerParametric(operation, circuit);
}

/** Recognises what a constant matrix is. */
function lowerMatrix(
  matrix: Matrix,
  qubits: readonly number[],
  controls: readonly Control[],
): readonly Item[] {
  const size = matrix.size;
  const at = (i: number, j: number): readonly [number, number] => [
    matrix.re[i * size + j] ?? 0,
    matrix.im[i * size + j] ?? 0,
  ];
  const isZero = (i: number, j: number): boolean => at(i, j).every((part) => Math.abs(part) < zero);
  const indices = Array.from({ length: size }, (_, i) => i);
  if (indices.every((i) => indices.every((j) => i === j || isZero(i, j)))) {
    const phases = indices.map((i) => Math.atan2(at(i, i)[1], at(i, i)[0]));
    return phases.every((phase) => phase === 0)
      ? []
      : [controlledDiagonal(qubits, -1, phases, controls)];
  }
  const images = indices.map((j) =>
    indices.find((i) => at(i, j)[0] === 1 && Math.abs(at(i, j)[1]) < zero),
  );
  if (images.every((image) => image !== undefined))
    return [{ kind: "permutation", qubits, images, controls }];
  const [qubit] = qubits;
  const [c, s] = [at(0, 0), at(1, 0)];
  const isRotation =
    size === 2 &&
    controls.length === 0 &&
    matrix.im.every((part) => part === 0) &&
    at(0, 1)[0] === -s[0] &&
    at(1, 1)[0] === c[0];
  if (isRotation && qubit !== undefined)
    return [{ kind: "rotation", qubit, angle: 2 * Math.atan2(s[0], c[0]) }];
  return [{ kind: "matrix", qubits, matrix, controls }];
}

/** A diagonal over qubits that acts only where the controls have their values. */
function controlledDiagonal(
  qubits: readonly number[],
  angle: Angle,
  generator: readonly number[],
  controls: readonly Control[],
): DiagonalItem {
  const k = qubits.length;
  const wanted = controls.reduce((sum, control, i) => sum + control.value * 2 ** i, 0);
  const values = Array.from({ length: 2 ** (k + controls.length) }, (_, x) =>
    Math.floor(x / 2 ** k) === wanted ? (generator[x % 2 ** k] ?? 0) : 0,
  );
  return {
    kind: "diagonal",
    qubits: [...qubits, ...controls.map((control) => control.qubit)],
    angle,
    generator: values,
  };
}

function lowerParametric(
  operation: GateOperation,
  circuit: Pick<Circuit, "definitions">,
): readonly Item[] {
  const { gate: name, qubits, angles, controls = [], power = 1 } = operation;
  const gate = findGate(name);
  if (power !== 1) return lowerPower(operation, power, circuit);
  if (gate === undefined) {
    const definition = circuit.definitions?.find((one) => one.name === name);
    if (definition === undefined)
      throw new QtuneError("not_found", `there is no gate ${name}`, {
        where: "circuit.operations",
      });
    const inner = instantiate(definition, qubits, angles).map((one) => withControls(one, controls));
    return lowerOperations(inner, circuit);
  }
  const [angle = 0, phi = 0, lambda = 0] = angles;
  const [target = 0] = qubits;
  if (name === "RY") return lowerRotation(target, angle, controls);
  if (gate.diagonal && gate.generator !== undefined) {
    return [controlledDiagonal(qubits, angle, diagonalOf(gate.generator, gate.qubits), controls)];
  }
  if (name === "RX") {
    // Around Z, X is Y turned by −π/2; the two quarter turns are constants that merge with their neighbours.
    const halfZ = [0.5, -0.5];
    return [
      controlledDiagonal([target], PI / 2, halfZ, []),
      ...lowerRotation(target, angle, controls),
      controlledDiagonal([target], -PI / 2, halfZ, []),
    ];
  }
  if (name === "U3") {
    return [
      controlledDiagonal([target], lambda, [0, -1], controls),
      ...lowerRotation(target, angle, controls),
      controlledDiagonal([target], phi, [0, -1], controls),
    ];
  }
  const parts = gate.decomposition?.(angles);
  if (parts === undefined)
    throw new QtuneError("internal", `internal: ${name} has no decomposition`);
  const steps = parts.steps.flatMap((step) =>
    lowerGate(
      {
        kind: "gate",
        gate: step.gate,
        qubits: step.qubits.map((qubit) => qubits[qubit] ?? qubit),
        angles: step.angles,
        controls,
      },
      circuit,
    ),
  );
  return [...steps, ...phaseItems(parts.globalPhase, controls)];
}

/** RY under controls, written with two flips: X RY(−θ/2) X = RY(θ/2). */
function lowerRotation(qubit: number, angle: Angle, controls: readonly Control[]): readonly Item[] {
  if (controls.length === 0) return [{ kind: "rotation", qubit, angle }];
  const flip: Item = { kind: "permutation", qubits: [qubit], images: [1, 0], controls };
  return [
    { kind: "rotation", qubit, angle: scaleAngle(angle, 0.5) },
    flip,
    { kind: "rotation", qubit, angle: scaleAngle(angle, -0.5) },
    flip,
  ];
}

function lowerPower(
  operation: GateOperation,
  power: number,
  circuit: Pick<Circuit, "definitions">,
): readonly Item[] {
  const { power: _, ...once } = operation;
  const gate = findGate(operation.gate);
  if (gate?.generator !== undefined) {
    return lowerGate(
      { ...once, angles: once.angles.map((angle) => scaleAngle(angle, power)) },
      circuit,
    );
  }
  if (!Number.isInteger(power)) {
    throw new QtuneError(
      "unimplemented",
      `a fractional power of ${operation.gate} needs bound angles; bind the circuit first`,
      {
        where: "circuit.operations",
      },
    );
  }
  const forward = lowerGate(once, circuit);
  const single = power >= 0 ? forward : [...forward].reverse().map(invertItem);
  return Array.from({ length: Math.abs(power) }, () => single).flat();
}

/** Returns the inverse of an item. */
export function invertItem(item: Item): Item {
  switch (item.kind) {
    case "rotation":
    case "diagonal":
      return { ...item, angle: scaleAngle(item.angle, -1) };
    case "permutation":
      return { ...item, images: item.images.map((_, x) => item.images.indexOf(x)) };
    case "matrix": {
      const { size, re, im } = item.matrix;
      const turn = (values: Float64Array, sign: number): Float64Array =>
        values.map((_, i) => sign * (values[(i % size) * size + Math.floor(i / size)] ?? 0));
      return { ...item, matrix: { size, re: turn(re, 1), im: turn(im, -1) } };
    }
    default:
      return item satisfies never;
  }
}

/** The diagonal of a generator that holds only Z, over the local index. */
function diagonalOf(
  generator: {
    readonly terms: readonly {
      readonly coefficient: number;
      readonly paulis: readonly { readonly qubit: number }[];
    }[];
  },
  qubits: number,
): readonly number[] {
  return Array.from({ length: 2 ** qubits }, (_, x) =>
    generator.terms.reduce((sum, term) => {
      const ones = term.paulis.filter((pauli) => Math.floor(x / 2 ** pauli.qubit) % 2 === 1).length;
      return sum + (ones % 2 === 0 ? term.coefficient : -term.coefficient);
    }, 0),
  );
}
