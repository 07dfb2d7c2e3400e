/**
 * The slow reference for circuits that measure: every outcome of a measurement or reset becomes a branch, so the
 * distribution of the classical bits is exact. Branches with the same bits after the same operation are not merged.
 */
import { QtuneError } from "@qtune/base";
import type { Circuit, Condition, Operation } from "./circuit.ts";
import { applyUnitaryReferenceInPlace, createReferenceState, type StateVector } from "./unitary.ts";

interface Branch {
  readonly state: StateVector;
  readonly clbits: Uint8Array;
}

/** Branches lighter than this are dropped. */
const negligible = 1e-15;

/**
 * Returns the exact distribution of the classical bits, or of all qubits when the circuit has no classical bit.
 * Keys are bit strings, highest index first; only outcomes with p > 1e-12.
 *
 * Range:  bound circuit, n ≤ 12.
 * Cost:   2^n per gate and branch.
 * Errors: out_of_range beyond 12 qubits, invalid_argument for unbound angles, failed_precondition when a `while` goes
 *         on after its `maxIterations`.
 */
export function referenceDistribution(circuit: Circuit): ReadonlyMap<string, number> {
  if (circuit.qubits > 12) {
    throw new QtuneError(
      "out_of_range",
      `the reference takes at most 12 qubits but was given ${circuit.qubits}; use a simulator`,
      { where: "circuit.qubits" },
    );
  }
  const start: Branch = {
    state: createReferenceState(circuit.qubits),
    clbits: new Uint8Array(circuit.clbits),
  };
  const branches = runAll([start], circuit.operations, circuit);
  const sums = new Map<string, number>();
  const add = (key: string, p: number): void => void sums.set(key, (sums.get(key) ?? 0) + p);
  for (const { state, clbits } of branches) {
    if (circuit.clbits > 0) add([...clbits].reverse().join(""), norm(state));
    else
      state.re.forEach((re, i) =>
        add(i.toString(2).padStart(circuit.qubits, "0"), re * re + (state.im[i] ?? 0) ** 2),
      );
  }
  return new Map([...sums].filter(([, p]) => p > 1e-12));
}

function runAll(
  start: readonly Branch[],
  operations: readonly Operation[],
  circuit: Circuit,
): readonly Branch[] {
  let branches = start;
  for (const operation of operations)
    branches = branches.flatMap((branch) => runOne(branch, operation, circuit));
  return branches;
}

function runOne(branch: Branch, operation: Operation, circuit: Circuit): readonly Branch[] {
  switch (operation.kind) {
    case "measure":
      return split(branch, operation.qubit).map(({ state, value }) => {
        const clbits = Uint8Array.from(branch.clbits);
        clbits[operation.clbit] = value;
        return { state, clbits };
      });
    case "reset":
      return split(branch, operation.qubit).map(({ state, value }) => {
        if (value === 1)
          applyUnitaryReferenceInPlace(
            state,
            { kind: "gate", gate: "X", qubits: [operation.qubit], angles: [] },
            circuit,
          );
        return { state, clbits: branch.clbits };
      });
    case "assign": {
      const clbits = Uint8Array.from(branch.clbits);
      operation.clbits.forEach((clbit, i) => {
        const value = operation.value[i] ?? 0;
        clbits[clbit] =
          typeof value === "number"
            ? value
            : (branch.clbits[value.clbit] ?? 0) ^ (value.inverted === true ? 1 : 0);
      });
      return [{ state: branch.state, clbits }];
    }
    case "if":
      return runAll(
        [branch],
        holds(operation.condition, branch.clbits) ? operation.then : (operation.else ?? []),
        circuit,
      );
    case "switch": {
      const value = bitsValue(operation.clbits, branch.clbits);
      const hit = operation.cases.find((one) => one.values.includes(value));
      return runAll([branch], hit?.body ?? operation.default ?? [], circuit);
    }
    case "while": {
      const done: Branch[] = [];
      let open: readonly Branch[] = [branch];
      for (let round = 0; ; round++) {
        const going = open.filter((one) => holds(operation.condition, one.clbits));
        done.push(...open.filter((one) => !holds(operation.condition, one.clbits)));
        if (going.length === 0) return done;
        if (round === operation.maxIterations) {
          throw new QtuneError(
            "failed_precondition",
            `a while loop still goes on after its ${operation.maxIterations} iterations`,
            { where: "circuit.operations" },
          );
        }
        open = runAll(going, operation.body, circuit);
      }
    }
    default:
      applyUnitaryReferenceInPlace(branch.state, operation, circuit);
      return [branch];
  }
}

/** Tells whether a condition holds for bit values (index = clbit). */
export function holds(condition: Condition, clbits: ArrayLike<number>): boolean {
  switch (condition.kind) {
    case "equals":
      return bitsValue(condition.clbits, clbits) === condition.value;
    case "less":
      return bitsValue(condition.clbits, clbits) < condition.value;
    case "greater":
      return bitsValue(condition.clbits, clbits) > condition.value;
    case "not":
      return !holds(condition.of, clbits);
    case "and":
      return condition.of.every((one) => holds(one, clbits));
    case "or":
      return condition.of.some((one) => holds(one, clbits));
    case "xor":
      return condition.of.filter((one) => holds(one, clbits)).length % 2 === 1;
    default:
      return condition satisfies never;
  }
}

/** Returns the number that bits hold; bits listed first are least significant. */
export function bitsValue(positions: readonly number[], clbits: ArrayLike<number>): bigint {
  let value = 0n;
  positions.forEach((clbit, bit) => {
    if (clbits[clbit] === 1) value |= 1n << BigInt(bit);
  });
  return value;
}

/** The two projections of a branch, not normalised: weights stay in the amplitudes. */
function split(
  branch: Branch,
  qubit: number,
): readonly { readonly state: StateVector; readonly value: 0 | 1 }[] {
  return ([0, 1] as const).flatMap((value) => {
    const keep = (amplitude: number, index: number): number =>
      Math.floor(index / 2 ** qubit) % 2 === value ? amplitude : 0;
    const state = {
      n: branch.state.n,
      re: branch.state.re.map(keep),
      im: branch.state.im.map(keep),
    };
    return norm(state) > negligible ? [{ state, value }] : [];
  });
}

function norm(state: StateVector): number {
  return state.re.reduce((sum, re, i) => sum + re * re + (state.im[i] ?? 0) ** 2, 0);
}
