/**
 * Cuts a circuit down to what its output needs: gates outside of the light cone of the measurements go, idle qubits go,
 * and what is left falls apart into groups of qubits that never meet.
 */
import { type Circuit, type Condition, type Operation, moveOperation } from "@qtune/circuit";

/** A piece that can be simulated alone, with its own numbering. */
export interface Part {
  readonly circuit: Circuit;
  /** Qubit and classical bit of the whole circuit for each of the part. */
  readonly qubits: readonly number[];
  readonly clbits: readonly number[];
}

/**
 * Returns the operations that can change the given qubits and any classical bit.
 *
 * Effect: pure. Everything that measures, resets by condition or decides by bits is kept.
 */
export function lightCone(
  operations: readonly Operation[],
  outputs: ReadonlySet<number>,
): readonly Operation[] {
  const relevant = new Set(outputs);
  const kept: Operation[] = [];
  for (const operation of [...operations].reverse()) {
    const { qubits, clbits } = touched(operation);
    if (operation.kind === "barrier" || operation.kind === "delay") continue;
    if (clbits.size === 0 && ![...qubits].some((qubit) => relevant.has(qubit))) continue;
    for (const qubit of qubits) relevant.add(qubit);
    kept.push(operation);
  }
  return kept.reverse();
}

/** Splits a circuit into parts that share neither qubits nor classical bits. Qubits without operations are left out. */
export function splitParts(circuit: Circuit): readonly Part[] {
  const outputs = new Set(
    circuit.clbits === 0 ? Array.from({ length: circuit.qubits }, (_, qubit) => qubit) : [],
  );
  const operations = lightCone(circuit.operations, outputs);
  const parent = Array.from({ length: circuit.qubits + circuit.clbits }, (_, node) => node);
  const find = (node: number): number => {
    let root = node;
    while (parent[root] !== root) root = parent[root]!; // nodes are inside
    parent[node] = root;
    return root;
  };
  for (const operation of operations) {
    const nodes = nodesOf(operation, circuit.qubits);
    for (const node of nodes.slice(1)) parent[find(node)] = find(nodes[0]!); // not empty here
  }
  const byRoot = new Map<number, Operation[]>();
  for (const operation of operations) {
    const [node] = nodesOf(operation, circuit.qubits);
    if (node === undefined) continue;
    const root = find(node);
    byRoot.set(root, [...(byRoot.get(root) ?? []), operation]);
  }
  return [...byRoot.values()].map((list) => extractPart(circuit, list));
}

function nodesOf(operation: Operation, n: number): readonly number[] {
  const { qubits, clbits } = touched(operation);
  return [...qubits, ...[...clbits].map((clbit) => n + clbit)];
}

/** Renumbers the qubits and bits that operations touch. */
export function extractPart(circuit: Circuit, operations: readonly Operation[]): Part {
  const qubits = new Set<number>();
  const clbits = new Set<number>();
  for (const operation of operations) {
    const places = touched(operation);
    for (const qubit of places.qubits) qubits.add(qubit);
    for (const clbit of places.clbits) clbits.add(clbit);
  }
  const qubitList = [...qubits].sort((a, b) => a - b);
  const clbitList = [...clbits].sort((a, b) => a - b);
  const qubitAt = new Map(qubitList.map((qubit, index) => [qubit, index]));
  const clbitAt = new Map(clbitList.map((clbit, index) => [clbit, index]));
  const moved = operations.map((operation) =>
    moveOperation(
      operation,
      (qubit) => qubitAt.get(qubit) ?? qubit,
      (clbit) => clbitAt.get(clbit) ?? clbit,
    ),
  );
  const part: Circuit = {
    qubits: qubitList.length,
    clbits: clbitList.length,
    parameters: circuit.parameters,
    operations: moved,
    ...(circuit.definitions === undefined ? {} : { definitions: circuit.definitions }),
  };
  return { circuit: part, qubits: qubitList, clbits: clbitList };
}

/** Qubits and classical bits that an operation reads or writes, inside control flow too. */
export function touched(operation: Operation): {
  readonly qubits: ReadonlySet<number>;
  readonly clbits: ReadonlySet<number>;
} {
  const qubits = new Set<number>();
  const clbits = new Set<number>();
  const visit = (one: Operation): void => {
    switch (one.kind) {
      case "gate":
      case "unitary":
        for (const qubit of one.qubits) qubits.add(qubit);
        for (const control of one.controls ?? []) qubits.add(control.qubit);
        return;
      case "phase":
        for (const control of one.controls ?? []) qubits.add(control.qubit);
        return;
      case "measure":
        qubits.add(one.qubit);
        clbits.add(one.clbit);
        return;
      case "reset":
        qubits.add(one.qubit);
        return;
      case "barrier":
      case "delay":
        for (const qubit of one.qubits) qubits.add(qubit);
        return;
      case "assign":
        for (const clbit of one.clbits) clbits.add(clbit);
        for (const value of one.value) if (typeof value !== "number") clbits.add(value.clbit);
        return;
      case "if":
        visitCondition(one.condition, clbits);
        [...one.then, ...(one.else ?? [])].forEach(visit);
        return;
      case "while":
        visitCondition(one.condition, clbits);
        one.body.forEach(visit);
        return;
      case "switch":
        for (const clbit of one.clbits) clbits.add(clbit);
        [...one.cases.flatMap(({ body }) => body), ...(one.default ?? [])].forEach(visit);
        return;
      default:
        one satisfies never;
    }
  };
  visit(operation);
  return { qubits, clbits };
}

function visitCondition(condition: Condition, clbits: Set<number>): void {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater":
      for (const clbit of condition.clbits) clbits.add(clbit);
      return;
    case "not":
      return visitCondition(condition.of, clbits);
    case "and":
    case "or":
    case "xor":
      return condition.of.forEach((one) => visitCondition(one, clbits));
    default:
      condition satisfies never;
  }
}
