/**
 * Writes a circuit with table gates only: definitions, powers, extra controls and dense unitaries are replaced by exact
 * equivalents, phase included. Angles stay affine. Multi-controlled gates follow Barenco et al., "Elementary gates
 * for quantum computation", quant-ph/9503016: lemmas 7.2 and 7.3 for flips with borrowed qubits, 7.5 for phases.
 * Dense unitaries are taken apart into two-level rotations along a Gray code: exact, not short.
 */
import { QtuneError } from "@qtune/base";
import {
  addAngles,
  type Angle,
  describeAngle,
  isBoundAngle,
  isUsableAngle,
  scaleAngle,
} from "./angle.ts";
import { instantiate } from "./bind.ts";
import type {
  Circuit,
  Control,
  GateDefinition,
  GateOperation,
  Operation,
  PhaseOperation,
  UnitaryOperation,
} from "./circuit.ts";
import { findGate } from "./gate-table.ts";
import { type Matrix, matrixFrom } from "./matrix.ts";
import { withControls } from "./rewrite.ts";
import { eulerAngles, twoLevelFactors } from "./synthesis.ts";
import { gateMatrix } from "./unitary.ts";

/** How {@link expandCircuit} expands. */
export interface ExpandOptions {
  /** Gates for which it returns true are left as they are (without power and extra controls). Default: all of the table. */
  readonly keep?: (gate: string) => boolean;
  /** More operations than this are an error: definitions can grow exponentially. Default 10,000,000. */
  readonly maxOperations?: number;
  /** Leaves calls of defined gates alone where they have neither power nor extra controls. Default false. */
  readonly keepDefinitions?: boolean;
}

interface Expansion {
  readonly definitions: ReadonlyMap<string, GateDefinition>;
  readonly qubits: number;
  readonly keep: (gate: string) => boolean;
  readonly maxOperations: number;
  readonly keepDefinitions: boolean;
  readonly out: Operation[];
  /** Uncontrolled phases of the list being written. */
  phase: Angle;
  count: { value: number };
}

/** Integer powers of up to this many repetitions are written out; longer ones of bound gates become a matrix. */
const maxRepeats = 64;
/** Dense unitaries are taken apart up to this many qubits. */
const maxSynthesisQubits = 6;

/**
 * Returns an equal circuit that holds only table gates without power and extra controls, beside measurement, reset,
 * barrier, delay and classical control. The uncontrolled phases are gathered in `globalPhase`, those inside control
 * flow stay in place.
 *
 * Maths: a gate with a generator to a power p has p times the angle; other non-integer powers are principal.
 * Effect: pure.
 * Cost:   linear in the size of the result.
 * Errors: invalid_argument for a non-integer power of a gate whose angles are not bound, resource_exhausted beyond
 *         `maxOperations`.
 */
export function expandCircuit(circuit: Circuit, options: ExpandOptions = {}): Circuit {
  const { keep = () => true, maxOperations = 10_000_000, keepDefinitions = false } = options;
  const expansion: Expansion = {
    definitions: new Map((circuit.definitions ?? []).map((one) => [one.name, one])),
    qubits: circuit.qubits,
    keep,
    maxOperations,
    keepDefinitions,
    out: [],
    phase: circuit.globalPhase ?? 0,
    count: { value: 0 },
  };
  for (const operation of circuit.operations) expandOperation(expansion, operation);
  checkAngles("the global phase", [expansion.phase]);
  const { definitions, globalPhase: _, ...rest } = circuit;
  return {
    ...rest,
    ...(keepDefinitions && definitions !== undefined ? { definitions } : {}),
    operations: expansion.out,
    ...(expansion.phase === 0 ? {} : { globalPhase: expansion.phase }),
  };
}

function emit(expansion: Expansion, operation: Operation): void {
  if (operation.kind === "gate") checkAngles(operation.gate, operation.angles);
  expansion.count.value += 1;
  if (expansion.count.value > expansion.maxOperations) {
    throw new QtuneError(
      "resource_exhausted",
      `the expanded circuit has more than ${expansion.maxOperations} operations`,
      { where: "circuit.operations" },
    );
  }
  expansion.out.push(operation);
}

/** Powers, definitions and decompositions multiply and add angles. */
function checkAngles(what: string, angles: readonly Angle[]): void {
  if (angles.every(isUsableAngle)) return;
  throw new QtuneError(
    "invalid_argument",
    `the angles of ${what} grow beyond 2^53 radian when the circuit is expanded: ${angles.map(describeAngle).join(", ")}`,
    { where: "circuit.operations" },
  );
}

function expandList(expansion: Expansion, operations: readonly Operation[]): readonly Operation[] {
  const inner: Expansion = { ...expansion, out: [], phase: 0 };
  for (const operation of operations) expandOperation(inner, operation);
  checkAngles("a phase", [inner.phase]);
  return inner.phase === 0 ? inner.out : [{ kind: "phase", angle: inner.phase }, ...inner.out];
}

function expandOperation(expansion: Expansion, operation: Operation): void {
  switch (operation.kind) {
    case "gate":
      expandGate(expansion, operation);
      return;
    case "phase":
      expandPhase(expansion, operation);
      return;
    case "unitary":
      expandUnitary(expansion, operation);
      return;
    case "if":
      emit(expansion, {
        ...operation,
        then: expandList(expansion, operation.then),
        ...(operation.else === undefined ? {} : { else: expandList(expansion, operation.else) }),
      });
      return;
    case "while":
      emit(expansion, { ...operation, body: expandList(expansion, operation.body) });
      return;
    case "switch":
      emit(expansion, {
        ...operation,
        cases: operation.cases.map((one) => ({ ...one, body: expandList(expansion, one.body) })),
        ...(operation.default === undefined
          ? {}
          : { default: expandList(expansion, operation.default) }),
      });
      return;
    default:
      emit(expansion, operation);
  }
}

/** Runs `body` between X on every control that acts on 0. */
function withPositiveControls(
  expansion: Expansion,
  controls: readonly Control[],
  body: (controls: readonly number[]) => void,
): void {
  const negative = controls.filter((control) => control.value === 0);
  for (const control of negative) emitGate(expansion, "X", [control.qubit]);
  body(controls.map((control) => control.qubit));
  for (const control of negative) emitGate(expansion, "X", [control.qubit]);
}

function expandGate(expansion: Expansion, operation: GateOperation): void {
  const { controls = [], power = 1 } = operation;
  const definition = expansion.definitions.get(operation.gate);
  if (findGate(operation.gate) === undefined && definition === undefined) {
    throw new QtuneError(
      "not_found",
      `there is no gate ${operation.gate}, neither in the table nor in the circuit`,
      { where: "circuit.operations" },
    );
  }
  if (power !== 1) {
    expandPower(expansion, operation, controls, power);
    return;
  }
  if (controls.some((control) => control.value === 0)) {
    withPositiveControls(expansion, controls, (qubits) =>
      expandGate(expansion, {
        ...operation,
        controls: qubits.map((qubit) => ({ qubit, value: 1 })),
      }),
    );
    return;
  }
  if (findGate(operation.gate) === undefined && definition !== undefined) {
    if (expansion.keepDefinitions && controls.length === 0) {
      emit(expansion, operation);
      return;
    }
    for (const inner of instantiate(definition, operation.qubits, operation.angles)) {
      expandOperation(expansion, withControls(inner, controls));
    }
    return;
  }
  emitControlled(
    expansion,
    operation.gate,
    controls.map((control) => control.qubit),
    operation.qubits,
    operation.angles,
  );
}

function expandPower(
  expansion: Expansion,
  operation: GateOperation,
  controls: readonly Control[],
  power: number,
): void {
  const { gate: name, qubits, angles } = operation;
  const gate = findGate(name);
  const plain: GateOperation = {
    kind: "gate",
    gate: name,
    qubits,
    angles,
    ...(controls.length === 0 ? {} : { controls }),
  };
  if (power === 0) return;
  if (gate?.generator !== undefined) {
    expandGate(expansion, { ...plain, angles: angles.map((angle) => scaleAngle(angle, power)) });
    return;
  }
  const repeats = Math.abs(power);
  const bound = angles.every(isBoundAngle);
  if (Number.isInteger(power) && (repeats <= maxRepeats || !bound)) {
    if (repeats > expansion.maxOperations) {
      throw new QtuneError(
        "resource_exhausted",
        `${name} to the power ${power} needs too many operations`,
        { where: "circuit.operations" },
      );
    }
    const once = power > 0 ? [plain] : inverseOf(expansion, plain);
    for (let i = 0; i < repeats; i++) for (const one of once) expandOperation(expansion, one);
    return;
  }
  if (!bound) {
    throw new QtuneError("invalid_argument", `${name} to the power ${power} needs bound angles`, {
      where: "circuit.operations",
    });
  }
  // A controlled gate to a power is its base to that power under the same controls.
  const base = gate?.base;
  if (gate !== undefined && base !== undefined) {
    const own = qubits.slice(0, gate.controls).map((qubit): Control => ({ qubit, value: 1 }));
    expandGate(expansion, {
      kind: "gate",
      gate: base,
      qubits: qubits.slice(gate.controls),
      angles,
      power,
      controls: [...controls, ...own],
    });
    return;
  }
  if (qubits.length > maxSynthesisQubits) {
    throw new QtuneError(
      "unimplemented",
      `${name} on ${qubits.length} qubits to the power ${power} has no expansion here`,
      { where: "circuit.operations" },
    );
  }
  const matrix = gateMatrix(
    { kind: "gate", gate: name, qubits, angles, power },
    { definitions: [...expansion.definitions.values()] },
  );
  expandUnitary(expansion, {
    kind: "unitary",
    qubits,
    re: [...matrix.re],
    im: [...matrix.im],
    controls,
  });
}

/** The inverse of an operation as operations in order of time. */
function inverseOf(expansion: Expansion, operation: Operation): readonly Operation[] {
  switch (operation.kind) {
    case "gate":
      return inverseOfGate(expansion, operation);
    case "phase":
      return [{ ...operation, angle: scaleAngle(operation.angle, -1) }];
    case "unitary": {
      const size = 2 ** operation.qubits.length;
      const flip = (values: readonly number[], sign: number): readonly number[] =>
        values.map((_, i) => sign * (values[(i % size) * size + Math.floor(i / size)] ?? 0));
      return [{ ...operation, re: flip(operation.re, 1), im: flip(operation.im, -1) }];
    }
    default:
      return [operation];
  }
}

function inverseOfGate(expansion: Expansion, operation: GateOperation): readonly Operation[] {
  const { power = 1, controls = [] } = operation;
  if (power !== 1) return [{ ...operation, power: -power }];
  const gate = findGate(operation.gate);
  if (gate === undefined) {
    const definition = expansion.definitions.get(operation.gate);
    if (definition === undefined) return [];
    return [...instantiate(definition, operation.qubits, operation.angles)]
      .reverse()
      .flatMap((inner) => inverseOf(expansion, withControls(inner, controls)));
  }
  const inverse = gate.inverse(operation.angles);
  if (inverse.power === undefined)
    return [{ ...operation, gate: inverse.gate, angles: inverse.angles }];
  const parts = gate.decomposition?.(operation.angles) ?? { steps: [], globalPhase: 0 };
  const inner = [...parts.steps].reverse().flatMap((step) =>
    inverseOfGate(expansion, {
      kind: "gate",
      gate: step.gate,
      qubits: step.qubits.map((qubit) => operation.qubits[qubit] ?? qubit),
      angles: step.angles,
    }),
  );
  const phase: Operation = { kind: "phase", angle: scaleAngle(parts.globalPhase, -1) };
  return [phase, ...inner].map((one) => withControls(one, controls));
}

function expandPhase(expansion: Expansion, operation: PhaseOperation): void {
  const { controls = [], angle } = operation;
  if (angle === 0) return;
  if (controls.length === 0) {
    expansion.phase = addAngles(expansion.phase, angle);
    return;
  }
  withPositiveControls(expansion, controls, (qubits) => emitMultiPhase(expansion, qubits, angle));
}

function expandUnitary(expansion: Expansion, operation: UnitaryOperation): void {
  const { qubits, controls = [] } = operation;
  const matrix = matrixFrom(operation.re, operation.im);
  if (qubits.length === 0) {
    expandPhase(expansion, {
      kind: "phase",
      angle: Math.atan2(operation.im[0] ?? 0, operation.re[0] ?? 1),
      controls,
    });
    return;
  }
  if (qubits.length > maxSynthesisQubits) {
    throw new QtuneError(
      "unimplemented",
      `a dense unitary on ${qubits.length} qubits has no expansion here; at most ${maxSynthesisQubits}`,
      { where: "circuit.operations" },
    );
  }
  if (qubits.length === 1) {
    withPositiveControls(expansion, controls, (positive) =>
      emitOneQubit(expansion, positive, qubits[0] ?? 0, matrix),
    );
    return;
  }
  for (const factor of twoLevelFactors(matrix)) {
    const own = factor.controls.map((control): Control => ({
      qubit: qubits[control.qubit] ?? 0,
      value: control.value,
    }));
    withPositiveControls(expansion, [...controls, ...own], (positive) =>
      emitOneQubit(expansion, positive, qubits[factor.qubit] ?? 0, factor.matrix),
    );
  }
}

function emitOneQubit(
  expansion: Expansion,
  controls: readonly number[],
  target: number,
  matrix: Matrix,
): void {
  const { theta, phi, lambda, phase } = eulerAngles(matrix);
  emitControlled(expansion, "U3", controls, [target], [theta, phi, lambda]);
  if (controls.length === 0) expansion.phase = addAngles(expansion.phase, phase);
  else if (phase !== 0) emitMultiPhase(expansion, controls, phase);
}

function emitGate(
  expansion: Expansion,
  gate: string,
  qubits: readonly number[],
  angles: readonly Angle[] = [],
): void {
  if (expansion.keep(gate)) {
    emit(expansion, { kind: "gate", gate, qubits, angles });
    return;
  }
  const parts = findGate(gate)?.decomposition?.(angles);
  if (parts === undefined) {
    emit(expansion, { kind: "gate", gate, qubits, angles });
    return;
  }
  for (const step of parts.steps)
    emitGate(
      expansion,
      step.gate,
      step.qubits.map((qubit) => qubits[qubit] ?? qubit),
      step.angles,
    );
  expansion.phase = addAngles(expansion.phase, parts.globalPhase);
}

/** A table gate under positive controls, written with table gates. */
function emitControlled(
  expansion: Expansion,
  name: string,
  controls: readonly number[],
  qubits: readonly number[],
  angles: readonly Angle[],
): void {
  const gate = findGate(name);
  if (gate === undefined || controls.length === 0) {
    emitGate(expansion, name, qubits, angles);
    return;
  }
  if (gate.base !== undefined) {
    const own = qubits.slice(0, gate.controls);
    emitControlled(
      expansion,
      gate.base,
      [...controls, ...own],
      qubits.slice(gate.controls),
      angles,
    );
    return;
  }
  const row = rowWithControls(name, controls.length);
  if (row !== undefined) {
    emitGate(expansion, row, [...controls, ...qubits], angles);
    return;
  }
  const [target = 0] = qubits;
  if (name === "X") return emitFlip(expansion, controls, target);
  if (
    name === "Z" ||
    name === "S" ||
    name === "SDG" ||
    name === "T" ||
    name === "TDG" ||
    name === "P"
  ) {
    const phase = name === "P" ? (angles[0] ?? 0) : fixedPhases[name];
    return emitMultiPhase(expansion, [...controls, target], phase);
  }
  if (name === "U3") return emitControlledU3(expansion, controls, target, angles);
  emitControlledSteps(expansion, name, controls, qubits, angles);
}

const fixedPhases = {
  Z: Math.PI,
  S: Math.PI / 2,
  SDG: -Math.PI / 2,
  T: Math.PI / 4,
  TDG: -Math.PI / 4,
} as const;

/** The row that is a gate with `count` controls more, if the table has it. */
function rowWithControls(name: string, count: number): string | undefined {
  let row: string | undefined = name;
  for (let i = 0; i < count && row !== undefined; i++) row = findGate(row)?.controlled;
  return row;
}

/** A gate through its decomposition; steps that undo each other around the middle need no controls. */
function emitControlledSteps(
  expansion: Expansion,
  name: string,
  controls: readonly number[],
  qubits: readonly number[],
  angles: readonly Angle[],
): void {
  const parts = findGate(name)?.decomposition?.(angles) ?? { steps: [], globalPhase: 0 };
  const outer = conjugationDepth(parts.steps);
  parts.steps.forEach((step, i) => {
    const inside = i >= outer && i < parts.steps.length - outer;
    emitControlled(
      expansion,
      step.gate,
      inside ? controls : [],
      step.qubits.map((qubit) => qubits[qubit] ?? qubit),
      step.angles,
    );
  });
  if (parts.globalPhase !== 0) emitMultiPhase(expansion, controls, parts.globalPhase);
}

function conjugationDepth(
  steps: readonly {
    readonly gate: string;
    readonly qubits: readonly number[];
    readonly angles: readonly Angle[];
  }[],
): number {
  let depth = 0;
  while (2 * depth + 1 < steps.length) {
    const first = steps[depth];
    const last = steps[steps.length - 1 - depth];
    if (first === undefined || last === undefined) break;
    const inverse = findGate(first.gate)?.inverse(first.angles);
    const undone =
      inverse !== undefined &&
      inverse.power === undefined &&
      inverse.gate === last.gate &&
      last.qubits.join() === first.qubits.join() &&
      last.angles.every((angle, i) => isBoundAngle(angle) && angle === inverse.angles[i]);
    if (!undone) break;
    depth += 1;
  }
  return depth;
}

/**
 * U3 under many controls.
 *
 * Maths: U3 = e^{i(φ+λ)/2} A X B X C with A = RZ(φ) RY(θ/2), B = RY(−θ/2) RZ(−(φ+λ)/2), C = RZ((λ−φ)/2) and ABC = 1.
 */
function emitControlledU3(
  expansion: Expansion,
  controls: readonly number[],
  target: number,
  angles: readonly Angle[],
): void {
  const [theta = 0, phi = 0, lambda = 0] = angles;
  const sum = addAngles(phi, lambda);
  const rotate = (gate: string, angle: Angle): void => {
    if (angle !== 0) emitGate(expansion, gate, [target], [angle]);
  };
  rotate("RZ", scaleAngle(addAngles(lambda, scaleAngle(phi, -1)), 0.5));
  emitFlip(expansion, controls, target);
  rotate("RZ", scaleAngle(sum, -0.5));
  rotate("RY", scaleAngle(theta, -0.5));
  emitFlip(expansion, controls, target);
  rotate("RY", scaleAngle(theta, 0.5));
  rotate("RZ", phi);
  if (sum !== 0) emitMultiPhase(expansion, controls, scaleAngle(sum, 0.5));
}

/** e^{i angle} where all qubits are 1. */
function emitMultiPhase(expansion: Expansion, qubits: readonly number[], angle: Angle): void {
  const [first = 0, second = 0] = qubits;
  if (qubits.length === 0) {
    expansion.phase = addAngles(expansion.phase, angle);
    return;
  }
  if (qubits.length === 1) return emitGate(expansion, "P", [first], [angle]);
  if (qubits.length === 2) return emitGate(expansion, "CP", [first, second], [angle]);
  const rest = qubits.slice(0, -1);
  const last = qubits.at(-1) ?? 0;
  const half = scaleAngle(angle, 0.5);
  const control = rest.at(-1) ?? 0;
  // control XOR (all others) carries −angle/2, control itself and the others with the last qubit carry +angle/2
  emitGate(expansion, "CP", [control, last], [half]);
  emitFlip(expansion, rest.slice(0, -1), control);
  emitGate(expansion, "CP", [control, last], [scaleAngle(half, -1)]);
  emitFlip(expansion, rest.slice(0, -1), control);
  emitMultiPhase(expansion, [...rest.slice(0, -1), last], half);
}

/** X under many controls: table rows up to four, then with borrowed qubits, then by phases. */
function emitFlip(expansion: Expansion, controls: readonly number[], target: number): void {
  const row = rowWithControls("X", controls.length);
  if (row !== undefined) return emitGate(expansion, row, [...controls, target]);
  const busy = new Set([...controls, target]);
  const borrowed: number[] = [];
  for (let qubit = 0; qubit < expansion.qubits && borrowed.length < controls.length - 2; qubit++) {
    if (!busy.has(qubit)) borrowed.push(qubit);
  }
  const [first] = borrowed;
  if (borrowed.length >= controls.length - 2) {
    emitFlipChain(expansion, controls, target, borrowed);
  } else if (first !== undefined) {
    const split = Math.ceil(controls.length / 2);
    const left = controls.slice(0, split);
    const right = [...controls.slice(split), first];
    for (let round = 0; round < 2; round++) {
      emitFlip(expansion, left, first);
      emitFlip(expansion, right, target);
    }
  } else {
    emitGate(expansion, "H", [target]);
    emitMultiPhase(expansion, [...controls, target], Math.PI);
    emitGate(expansion, "H", [target]);
  }
}

/** Barenco, lemma 7.2: k controls with k − 2 borrowed qubits, 4(k − 2) Toffoli gates. */
function emitFlipChain(
  expansion: Expansion,
  controls: readonly number[],
  target: number,
  borrowed: readonly number[],
): void {
  const k = controls.length;
  const ladder: (readonly [number, number, number])[] = [];
  for (let i = 0; i < k - 2; i++) {
    // from the target down: control k−1−i and borrowed qubit i flip what stands above
    ladder.push([
      controls[k - 1 - i] ?? 0,
      borrowed[i] ?? 0,
      i === 0 ? target : (borrowed[i - 1] ?? 0),
    ]);
  }
  const bottom: readonly [number, number, number] = [
    controls[0] ?? 0,
    controls[1] ?? 0,
    borrowed[k - 3] ?? 0,
  ];
  const toffoli = (one: readonly [number, number, number]): void => emitGate(expansion, "CCX", one);
  const inner = ladder.slice(1);
  for (const part of [ladder, inner]) {
    part.forEach(toffoli);
    toffoli(bottom);
    [...part].reverse().forEach(toffoli);
  }
}
