/** Single operations: their bodies; other angles, other qubits, more controls. */
import type { Angle } from "./angle.ts";
import type { Condition, Control, Operation } from "./circuit.ts";

/** Returns the lists of operations inside control flow; none for other operations. */
export function bodiesOf(operation: Operation): readonly (readonly Operation[])[] {
  switch (operation.kind) {
    case "if":
      return [operation.then, operation.else ?? []];
    case "while":
      return [operation.body];
    case "switch":
      return [...operation.cases.map((one) => one.body), operation.default ?? []];
    default:
      return [];
  }
}

/**
 * Returns the names of the gates that operations call, inside control flow too.
 *
 * @param unitaryGates what a dense unitary counts as.
 */
export function gatesOf(
  operations: readonly Operation[],
  unitaryGates: Iterable<string> = [],
): ReadonlySet<string> {
  const gates = new Set<string>();
  const collect = (list: readonly Operation[]): void => {
    for (const operation of list) {
      if (operation.kind === "gate") gates.add(operation.gate);
      if (operation.kind === "unitary") for (const gate of unitaryGates) gates.add(gate);
      for (const body of bodiesOf(operation)) collect(body);
    }
  };
  collect(operations);
  return gates;
}

/**
 * Returns an operation with every angle replaced by `change(angle)`, inside control flow too.
 *
 * Effect: pure; operations without angles are returned as they are.
 */
export function mapAngles(operation: Operation, change: (angle: Angle) => Angle): Operation {
  const inside = (list: readonly Operation[]): readonly Operation[] =>
    list.map((item) => mapAngles(item, change));
  switch (operation.kind) {
    case "gate":
      return operation.angles.length === 0
        ? operation
        : { ...operation, angles: operation.angles.map(change) };
    case "phase":
      return { ...operation, angle: change(operation.angle) };
    case "if":
      return {
        ...operation,
        then: inside(operation.then),
        ...(operation.else === undefined ? {} : { else: inside(operation.else) }),
      };
    case "while":
      return { ...operation, body: inside(operation.body) };
    case "switch":
      return {
        ...operation,
        cases: operation.cases.map((item) => ({ ...item, body: inside(item.body) })),
        ...(operation.default === undefined ? {} : { default: inside(operation.default) }),
      };
    case "unitary":
    case "measure":
    case "reset":
    case "barrier":
    case "delay":
    case "assign":
      return operation;
    default:
      return operation satisfies never;
  }
}

/**
 * Returns an operation on other qubits and classical bits, inside control flow too.
 *
 * Effect: pure.
 */
export function moveOperation(
  operation: Operation,
  qubit: (qubit: number) => number,
  clbit: (clbit: number) => number = (same) => same,
): Operation {
  const inside = (list: readonly Operation[]): readonly Operation[] =>
    list.map((item) => moveOperation(item, qubit, clbit));
  const controls = (list: readonly Control[] | undefined): { controls?: readonly Control[] } =>
    list === undefined
      ? {}
      : { controls: list.map((one) => ({ ...one, qubit: qubit(one.qubit) })) };
  switch (operation.kind) {
    case "gate":
    case "unitary":
      return { ...operation, qubits: operation.qubits.map(qubit), ...controls(operation.controls) };
    case "phase":
      return { ...operation, ...controls(operation.controls) };
    case "measure":
      return { ...operation, qubit: qubit(operation.qubit), clbit: clbit(operation.clbit) };
    case "reset":
      return { ...operation, qubit: qubit(operation.qubit) };
    case "barrier":
    case "delay":
      return { ...operation, qubits: operation.qubits.map(qubit) };
    case "assign":
      return {
        ...operation,
        clbits: operation.clbits.map(clbit),
        value: operation.value.map((bit) =>
          typeof bit === "number" ? bit : { ...bit, clbit: clbit(bit.clbit) },
        ),
      };
    case "if":
      return {
        ...operation,
        condition: moveCondition(operation.condition, clbit),
        then: inside(operation.then),
        ...(operation.else === undefined ? {} : { else: inside(operation.else) }),
      };
    case "while":
      return {
        ...operation,
        condition: moveCondition(operation.condition, clbit),
        body: inside(operation.body),
      };
    case "switch":
      return {
        ...operation,
        clbits: operation.clbits.map(clbit),
        cases: operation.cases.map((item) => ({ ...item, body: inside(item.body) })),
        ...(operation.default === undefined ? {} : { default: inside(operation.default) }),
      };
    default:
      return operation satisfies never;
  }
}

function moveCondition(condition: Condition, clbit: (clbit: number) => number): Condition {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater":
      return { ...condition, clbits: condition.clbits.map(clbit) };
    case "not":
      return { ...condition, of: moveCondition(condition.of, clbit) };
    case "and":
    case "or":
    case "xor":
      return { ...condition, of: condition.of.map((one) => moveCondition(one, clbit)) };
    default:
      return condition satisfies never;
  }
}

/** Returns a unitary operation under further controls. Barriers and delays stay as they are. */
export function withControls(operation: Operation, controls: readonly Control[]): Operation {
  if (controls.length === 0) return operation;
  switch (operation.kind) {
    case "gate":
    case "unitary":
    case "phase":
      return { ...operation, controls: [...controls, ...(operation.controls ?? [])] };
    default:
      return operation;
  }
}
