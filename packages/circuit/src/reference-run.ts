/**
 * The slow reference for circuits that measure: every outcome of a measurement or reset becomes a branch, so the
 * distribution of the classical bits is exact. Branches with the same bits and the same state, up to a factor, are merged,
 * so that loops which repeat until success stay small.
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
  for (const operation of operations) {
    branches = branches.flatMap((branch) => runOne(branch, operation, circuit));
    const splits = operation.kind === "reset" || operation.kind === "measure";
    if (splits && branches.length > 4) branches = merge(branches);
  }
  return branches;
}

/** Joins branches that only differ by a factor: their weights add up. */
function merge(branches: readonly Branch[]): readonly Branch[] {
  const groups = new Map<string, Branch[]>();
  for (const branch of branches) {
    const key = branch.clbits.join("");
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    const weight = norm(branch.state);
    const i = group.findIndex((other) => isProportional(other.state, branch.state, weight));
    const twin = group[i];
    if (twin === undefined) {
      group.push(branch);
      continue;
    }
    const factor = Math.sqrt(1 + weight / norm(twin.state));
    const scale = (x: number): number => factor * x;
    const { n, re, im } = twin.state;
    group[i] = { state: { n, re: re.map(scale), im: im.map(scale) }, clbits: twin.clbits };
  }
  return [...groups.values()].flat();
}

/** |⟨a|b⟩|² = ⟨a|a⟩⟨b|b⟩, to rounding. */
function isProportional(a: StateVector, b: StateVector, weight: number): boolean {
  let re = 0;
  let im = 0;
  for (let i = 0; i < a.re.length; i++) {
    const [ar, ai, br, bi] = [a.re[i] ?? 0, a.im[i] ?? 0, b.re[i] ?? 0, b.im[i] ?? 0];
    re += ar * br + ai * bi;
    im += ar * bi - ai * br;
  }
  const product = norm(a) * weight;
  return product - (re * re + im * im) <= 1e-14 * product;
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
        for (const one of open) if (!holds(operation.condition, one.clbits)) done.push(one);
        if (going.length === 0) return merge(done);
        if (round === operation.maxIterations) {
          throw new QtuneError(
            "failed_precondition",
            `a while loop still goes on after its ${operation.maxIterations} iterations`,
            { where: "circuit.operations" },
          );
        }
        open = merge(runAll(merge(going), operation.body, circuit));
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
