/** What there is to know about a circuit without running it. */
import { QtuneError } from "@qtune/base";
import type { Circuit, Condition, Operation } from "./circuit.ts";
import { findGate } from "./gate-table.ts";
import { type Matrix, matrixDistance, phaseMatrix, relativePhase } from "./matrix.ts";
import { bodiesOf, moveOperation } from "./rewrite.ts";
import { circuitUnitary } from "./unitary.ts";

/** Numbers about a circuit. */
export interface CircuitStats {
  readonly qubits: number;
  readonly clbits: number;
  readonly parameters: number;
  /** All operations, those inside control flow once. */
  readonly operations: number;
  /** Gates by name; extra controls count as `C` in front, e.g. `CCH`. */
  readonly gates: Readonly<Record<string, number>>;
  readonly oneQubitGates: number;
  readonly twoQubitGates: number;
  /** Gates on three or more qubits. */
  readonly largerGates: number;
  readonly measurements: number;
  readonly resets: number;
  readonly barriers: number;
  /** `if`, `while` and `switch`. */
  readonly controlFlow: number;
  /** Longest chain of operations; barriers order but do not count. */
  readonly depth: number;
  /** Longest chain that counts operations on two or more qubits only. */
  readonly twoQubitDepth: number;
  /** Qubits that something other than a barrier acts on. */
  readonly activeQubits: number;
  /** Groups of active qubits that never meet in an operation. */
  readonly components: number;
}

/**
 * Returns the numbers of a circuit. Defined gates count as one gate; expand the circuit to look inside.
 *
 * Cost: linear.
 */
export function circuitStats(circuit: Circuit): CircuitStats {
  const gates: Record<string, number> = {};
  const counts = {
    operations: 0,
    one: 0,
    two: 0,
    larger: 0,
    measure: 0,
    reset: 0,
    barrier: 0,
    flow: 0,
  };
  const visit = (operation: Operation): void => {
    counts.operations += 1;
    if (operation.kind === "measure" || operation.kind === "reset" || operation.kind === "barrier")
      counts[operation.kind] += 1;
    const bodies = bodiesOf(operation);
    if (bodies.length > 0) counts.flow += 1;
    for (const body of bodies) body.forEach(visit);
    if (operation.kind !== "gate" && operation.kind !== "unitary") return;
    const width = operation.qubits.length + (operation.controls?.length ?? 0);
    const name =
      "C".repeat(operation.controls?.length ?? 0) +
      (operation.kind === "gate" ? operation.gate : "UNITARY");
    gates[name] = (gates[name] ?? 0) + 1;
    counts[width <= 1 ? "one" : width === 2 ? "two" : "larger"] += 1;
  };
  circuit.operations.forEach(visit);
  return {
    qubits: circuit.qubits,
    clbits: circuit.clbits,
    parameters: circuit.parameters.length,
    operations: counts.operations,
    gates: Object.fromEntries(Object.entries(gates).sort(([a], [b]) => (a < b ? -1 : 1))),
    oneQubitGates: counts.one,
    twoQubitGates: counts.two,
    largerGates: counts.larger,
    measurements: counts.measure,
    resets: counts.reset,
    barriers: counts.barrier,
    controlFlow: counts.flow,
    depth: circuitDepth(circuit),
    twoQubitDepth: circuitDepth(circuit, { minQubits: 2 }),
    activeQubits: activeQubits(circuit).length,
    components: connectedComponents(circuit).length,
  };
}

/** Returns the qubits that an operation touches, controls and bodies included; barriers and delays on all give `n`. */
export function operationQubits(operation: Operation, n: number): readonly number[] {
  const all = (): readonly number[] => Array.from({ length: n }, (_, qubit) => qubit);
  switch (operation.kind) {
    case "gate":
    case "unitary":
      return operation.controls === undefined
        ? operation.qubits
        : [...operation.controls.map((one) => one.qubit), ...operation.qubits];
    case "phase":
      return (operation.controls ?? []).map((one) => one.qubit);
    case "measure":
    case "reset":
      return [operation.qubit];
    case "barrier":
    case "delay":
      return operation.qubits.length === 0 ? all() : operation.qubits;
    case "assign":
      return [];
    default:
      return [
        ...new Set(
          bodiesOf(operation).flatMap((body) => body.flatMap((one) => operationQubits(one, n))),
        ),
      ];
  }
}

/** Returns the classical bits that an operation reads and writes. */
export function operationClbits(operation: Operation): {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
} {
  switch (operation.kind) {
    case "measure":
      return { reads: [], writes: [operation.clbit] };
    case "assign":
      return {
        reads: operation.value.flatMap((bit) => (typeof bit === "number" ? [] : [bit.clbit])),
        writes: operation.clbits,
      };
    case "if":
    case "while":
    case "switch": {
      const inner = bodiesOf(operation).flat().map(operationClbits);
      const tested =
        operation.kind === "switch" ? operation.clbits : conditionClbits(operation.condition);
      return {
        reads: [...tested, ...inner.flatMap((one) => one.reads)],
        writes: inner.flatMap((one) => one.writes),
      };
    }
    default:
      return { reads: [], writes: [] };
  }
}

/** Returns the classical bits that a condition reads. */
export function conditionClbits(condition: Condition): readonly number[] {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater":
      return condition.clbits;
    case "not":
      return conditionClbits(condition.of);
    case "and":
    case "or":
    case "xor":
      return condition.of.flatMap(conditionClbits);
    default:
      return condition satisfies never;
  }
}

/**
 * Returns the length of the longest chain of operations. A branch counts as its longest body, a loop as one round.
 *
 * @param options.minQubits counts only operations on at least that many qubits. Default 1.
 */
export function circuitDepth(
  circuit: Circuit,
  options: { readonly minQubits?: number } = {},
): number {
  const { minQubits = 1 } = options;
  const depths = new Float64Array(circuit.qubits + circuit.clbits);
  let deepest = 0;
  for (const operation of circuit.operations) {
    const weight = operationDepth(circuit, operation, minQubits);
    const { reads, writes } = operationClbits(operation);
    const places = [
      ...operationQubits(operation, circuit.qubits),
      ...reads.map((bit) => circuit.qubits + bit),
      ...writes.map((bit) => circuit.qubits + bit),
    ];
    let level = 0;
    for (const place of places) level = Math.max(level, depths[place] ?? 0);
    level += weight;
    for (const place of places) depths[place] = level;
    deepest = Math.max(deepest, level);
  }
  return deepest;
}

function operationDepth(circuit: Circuit, operation: Operation, minQubits: number): number {
  if (operation.kind === "barrier" || operation.kind === "phase" || operation.kind === "assign")
    return 0;
  const bodies = bodiesOf(operation);
  if (bodies.length === 0)
    return operationQubits(operation, circuit.qubits).length >= minQubits ? 1 : 0;
  return Math.max(
    ...bodies.map((body) => circuitDepth({ ...circuit, operations: body }, { minQubits })),
  );
}

/** Returns the qubits that something other than a barrier acts on, in order. */
export function activeQubits(circuit: Circuit): readonly number[] {
  const active = new Set<number>();
  for (const operation of circuit.operations) {
    if (operation.kind === "barrier") continue;
    for (const qubit of operationQubits(operation, circuit.qubits)) active.add(qubit);
  }
  return [...active].sort((a, b) => a - b);
}

/** Returns the groups of active qubits that never meet, directly or through others; classical bits connect as well. */
export function connectedComponents(circuit: Circuit): readonly (readonly number[])[] {
  const parent = Array.from({ length: circuit.qubits + circuit.clbits }, (_, i) => i);
  const find = (start: number): number => {
    let root = start;
    while (parent[root] !== root) root = parent[root] ?? root;
    for (let at = start; at !== root;) {
      const next = parent[at] ?? root;
      parent[at] = root;
      at = next;
    }
    return root;
  };
  for (const operation of circuit.operations) {
    if (operation.kind === "barrier" || operation.kind === "delay") continue;
    const { reads, writes } = operationClbits(operation);
    const [first, ...rest] = [
      ...operationQubits(operation, circuit.qubits),
      ...[...reads, ...writes].map((bit) => circuit.qubits + bit),
    ];
    if (first === undefined) continue;
    for (const other of rest) parent[find(other)] = find(first);
  }
  const groups = new Map<number, number[]>();
  for (const qubit of activeQubits(circuit)) {
    const root = find(qubit);
    groups.set(root, [...(groups.get(root) ?? []), qubit]);
  }
  return [...groups.values()];
}

/**
 * Returns the operations that can affect given qubits at the end, and the qubits they involve.
 *
 * Maths: backwards from the end, an operation that touches a qubit of the cone belongs to it with all its qubits.
 */
export function lightCone(
  circuit: Circuit,
  qubits: readonly number[],
): { readonly qubits: readonly number[]; readonly operations: readonly number[] } {
  const cone = new Set(qubits);
  const bits = new Set<number>();
  const operations: number[] = [];
  for (let i = circuit.operations.length - 1; i >= 0; i--) {
    const operation = circuit.operations[i];
    if (operation === undefined || operation.kind === "barrier") continue;
    const touched = operationQubits(operation, circuit.qubits);
    const { reads, writes } = operationClbits(operation);
    if (!touched.some((qubit) => cone.has(qubit)) && !writes.some((bit) => bits.has(bit))) continue;
    operations.push(i);
    for (const qubit of touched) cone.add(qubit);
    for (const bit of reads) bits.add(bit);
  }
  return { qubits: [...cone].sort((a, b) => a - b), operations: operations.reverse() };
}

/** What counts as equal for {@link areEquivalent}. */
export interface EquivalenceOptions {
  /** Ignore a global phase. Default true. */
  readonly upToPhase?: boolean;
  /** Qubit i of the first circuit is qubit `permutation[i]` of the second at the end; `any` tries all, up to 6 qubits. */
  readonly permutation?: readonly number[] | "any";
  /** Largest difference of matrix entries. Default 1e-9. */
  readonly tolerance?: number;
}

/**
 * Tells whether two bound circuits without measurement have the same unitary.
 *
 * Range: n ≤ 12; n ≤ 6 when all permutations are tried.
 * Errors: as {@link circuitUnitary}; out_of_range for `any` beyond 6 qubits.
 */
export function areEquivalent(a: Circuit, b: Circuit, options: EquivalenceOptions = {}): boolean {
  if (a.qubits !== b.qubits) return false;
  const { upToPhase = true, permutation, tolerance = 1e-9 } = options;
  const n = a.qubits;
  if (permutation === "any" && n > 6) {
    throw new QtuneError(
      "out_of_range",
      `trying all permutations takes at most 6 qubits but was given ${n}; name the permutation`,
      { where: "permutation" },
    );
  }
  const left = circuitUnitary(a);
  const right = circuitUnitary(b);
  const identity = Array.from({ length: n }, (_, i) => i);
  const candidates =
    permutation === undefined
      ? [identity]
      : permutation === "any"
        ? permutationsOf(identity)
        : [permutation];
  return candidates.some((one) => {
    const moved = permuteRows(left, one);
    const turned = upToPhase ? phaseMatrix(right, relativePhase(moved, right)) : right;
    return matrixDistance(moved, turned) <= tolerance;
  });
}

/** Bit i of the row index becomes bit permutation[i]: the outputs are renamed. */
function permuteRows(matrix: Matrix, permutation: readonly number[]): Matrix {
  const N = matrix.size;
  const re = new Float64Array(N * N);
  const im = new Float64Array(N * N);
  for (let row = 0; row < N; row++) {
    let target = 0;
    permutation.forEach((bit, i) => {
      if (Math.floor(row / 2 ** i) % 2 === 1) target += 2 ** bit;
    });
    re.set(matrix.re.subarray(row * N, (row + 1) * N), target * N);
    im.set(matrix.im.subarray(row * N, (row + 1) * N), target * N);
  }
  return { size: N, re, im };
}

function permutationsOf(items: readonly number[]): readonly (readonly number[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item) =>
    permutationsOf(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}

/** Returns the circuit on the given qubits only, renumbered in their order. The caller knows that no other is used. */
export function restrictQubits(circuit: Circuit, qubits: readonly number[]): Circuit {
  const places = new Map(qubits.map((qubit, i) => [qubit, i]));
  const { quantumRegisters: _, ...rest } = circuit;
  return {
    ...rest,
    qubits: qubits.length,
    operations: circuit.operations.map((operation) =>
      moveOperation(operation, (qubit) => places.get(qubit) ?? 0),
    ),
  };
}

/** Tells whether a gate operation only changes phases of basis states. */
export function isDiagonal(operation: Operation): boolean {
  return (
    operation.kind === "phase" ||
    (operation.kind === "gate" && findGate(operation.gate)?.diagonal === true)
  );
}
