/**
 * A noisy program as matrix product states take it: sites along a chain in place of qubits, two-qubit operators split into
 * sums of products (operator-Schmidt decomposition; Nielsen et al., quant-ph/0208077), and the order of the chain.
 */
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { decomposeMatrix } from "../engines/svd.ts";
import { splitJumps } from "./one-qubit.ts";
import { type Operator, krausOperators } from "./step-operator.ts";

/** A complex matrix, entries (re, im) one after the other, row-major. */
export type Entries = Float64Array;

/** O = Σ_k low_k ⊗ high_k, of 2×2 matrices. Shapes: low, high [rank, 2, 2]. */
export interface OperatorSplit {
  readonly rank: number;
  readonly low: Entries;
  readonly high: Entries;
}

/** A two-qubit operator on neighbours or not: `site` is the low bit of its index, `other` > `site` the high one. */
export interface PairOperator {
  readonly matrix: Entries;
  readonly split: OperatorSplit;
}

/** One step on the chain. */
export type ChainStep =
  | { readonly kind: "turn"; readonly site: number; readonly matrix: Entries }
  | {
      readonly kind: "detuning";
      readonly site: number;
      readonly qubit: number;
      readonly durationNs: number;
    }
  | {
      readonly kind: "mixture";
      readonly sites: readonly number[];
      readonly probabilities: readonly number[];
    }
  /** The first operator happens with a probability of at least `sure`, whatever the state. */
  | {
      readonly kind: "channel";
      readonly site: number;
      readonly operators: readonly Entries[];
      readonly sure: number;
    }
  | {
      readonly kind: "pair";
      readonly site: number;
      readonly other: number;
      readonly operator: PairOperator;
    }
  | {
      readonly kind: "pairChannel";
      readonly site: number;
      readonly other: number;
      readonly operators: readonly PairOperator[];
    };

/** A program along a chain. */
export interface ChainProgram {
  readonly n: number;
  readonly siteOf: readonly number[];
  readonly steps: readonly ChainStep[];
  /** log₂ of a bound of the largest bond: the ranks of all operators across a cut, multiplied. */
  readonly bondBits: number;
  /** How often two sites are multiplied by an operator, swaps included. */
  readonly pairs: number;
}

/** Compiles a program for a chain; undefined when it holds an operator of three qubits or more. */
export function compileChain(program: NoisyProgram): ChainProgram | undefined {
  const siteOf = orderSites(program);
  const steps: ChainStep[] = [];
  for (const step of program.steps) {
    const taken = toChainStep(step, siteOf);
    if (taken === undefined) return undefined;
    steps.push(taken);
  }
  const pairs = steps.reduce(
    (sum, step) =>
      step.kind === "pair" || step.kind === "pairChannel"
        ? sum + 2 * (step.other - step.site) - 1
        : sum,
    0,
  );
  return { n: program.qubits, siteOf, steps, bondBits: boundBonds(program.qubits, steps), pairs };
}

/** The ranks of all operators across each cut, multiplied, and never more than the smaller side allows. */
function boundBonds(n: number, steps: readonly ChainStep[]): number {
  const bits = new Float64Array(Math.max(1, n - 1));
  for (const step of steps) {
    if (step.kind !== "pair" && step.kind !== "pairChannel") continue;
    const operators = step.kind === "pair" ? [step.operator] : step.operators;
    const rank = Math.max(...operators.map(({ split }) => split.rank));
    for (let cut = step.site; cut < step.other; cut++) bits[cut]! += Math.log2(rank); // other < n
  }
  return bits.reduce((most, x, cut) => Math.max(most, Math.min(x, cut + 1, n - 1 - cut)), 0);
}

function toChainStep(step: NoisyStep, siteOf: readonly number[]): ChainStep | undefined {
  const siteAt = (qubit: number): number => siteOf[qubit] ?? 0;
  switch (step.kind) {
    case "detuning":
      return {
        kind: "detuning",
        site: siteAt(step.qubit),
        qubit: step.qubit,
        durationNs: step.durationNs,
      };
    case "pauli":
      return {
        kind: "mixture",
        sites: step.qubits.map(siteAt),
        probabilities: step.probabilities,
      };
    case "reset":
      return toChannel(siteAt(step.qubit), krausOperators(step, []));
    case "unitary":
    case "kraus": {
      const operators = krausOperators(step, []);
      const [a, b] = step.qubits.map(siteAt);
      if (a === undefined || step.qubits.length > 2) return undefined;
      if (b !== undefined) return toPair(a, b, operators);
      const [only] = operators;
      return operators.length === 1 && only !== undefined
        ? { kind: "turn", site: a, matrix: entriesOf(only) }
        : toChannel(a, operators);
    }
    default:
      return step satisfies never;
  }
}

function toChannel(site: number, operators: readonly Operator[]): ChainStep {
  const channel = splitJumps(operators);
  if (channel === undefined)
    return { kind: "channel", site, operators: operators.map(entriesOf), sure: 0 };
  const main = operators.filter((operator) => !channel.jumps.includes(operator));
  return {
    kind: "channel",
    site,
    operators: [...main, ...channel.jumps].map(entriesOf),
    sure: 1 - channel.largest,
  };
}

function toPair(a: number, b: number, operators: readonly Operator[]): ChainStep {
  const [site, other] = [Math.min(a, b), Math.max(a, b)];
  const own = operators.map((operator) => {
    const matrix = a < b ? entriesOf(operator) : exchangeBits(entriesOf(operator));
    return { matrix, split: splitOperator(matrix) };
  });
  const [only] = own;
  return own.length === 1 && only !== undefined
    ? { kind: "pair", site, other, operator: only }
    : { kind: "pairChannel", site, other, operators: own };
}

function entriesOf({ re, im }: Operator): Entries {
  return Float64Array.from({ length: 2 * re.length }, (_, i) => (i % 2 === 0 ? re : im)[i >> 1]!); // as many
}

/** A 4×4 matrix with its two qubits exchanged. */
function exchangeBits(matrix: Entries): Entries {
  const swapped = (x: number): number => (x >> 1) | ((x & 1) << 1);
  return Float64Array.from(matrix, (_, i) => {
    const [row, column, part] = [i >> 3, (i >> 1) & 3, i & 1];
    return matrix[8 * swapped(row) + 2 * swapped(column) + part]!; // 4 × 4
  });
}

/** Splits a 4×4 matrix, low bit and high bit apart. Effect: pure. */
export function splitOperator(matrix: Entries): OperatorSplit {
  const re = new Float64Array(16);
  const im = new Float64Array(16);
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const low = 2 * (row & 1) + (column & 1);
      const high = 2 * (row >> 1) + (column >> 1);
      re[4 * low + high] = matrix[8 * row + 2 * column]!; // 4 × 4
      im[4 * low + high] = matrix[8 * row + 2 * column + 1]!;
    }
  }
  const { u, values, vDagger } = decomposeMatrix({ rows: 4, columns: 4, re, im });
  const rank = Math.max(1, values.filter((x) => x > 1e-12 * values[0]!).length); // four values
  const low = new Float64Array(8 * rank);
  const high = new Float64Array(8 * rank);
  for (let k = 0; k < rank; k++) {
    const root = Math.sqrt(values[k]!);
    for (let i = 0; i < 4; i++) {
      low[8 * k + 2 * i] = root * u.re[4 * i + k]!;
      low[8 * k + 2 * i + 1] = root * u.im[4 * i + k]!;
      high[8 * k + 2 * i] = root * vDagger.re[4 * k + i]!;
      high[8 * k + 2 * i + 1] = root * vDagger.im[4 * k + i]!;
    }
  }
  return { rank, low, high };
}

/** The site of each qubit: as numbered, or in breadth-first order from an end where that brings joined qubits closer. */
function orderSites(program: NoisyProgram): readonly number[] {
  const n = program.qubits;
  const neighbours = Array.from({ length: n }, () => new Set<number>());
  const joined: (readonly [number, number])[] = [];
  for (const step of program.steps) {
    if (step.kind !== "unitary" && step.kind !== "kraus") continue;
    const [a, b] = step.qubits;
    if (a === undefined || b === undefined) continue;
    joined.push([a, b]);
    neighbours[a]!.add(b); // qubits of the program
    neighbours[b]!.add(a);
  }
  const asNumbered = Array.from({ length: n }, (_, qubit) => qubit);
  const spread = (siteOf: readonly number[]): number =>
    joined.reduce((sum, [a, b]) => sum + Math.abs(siteOf[a]! - siteOf[b]!) - 1, 0); // qubits of the program
  if (spread(asNumbered) === 0) return asNumbered;
  const walked = breadthFirst(neighbours);
  return spread(walked) < spread(asNumbered) ? walked : asNumbered;
}

/** Cuthill and McKee, "Reducing the bandwidth of sparse symmetric matrices", 1969: from a qubit with few neighbours on. */
function breadthFirst(neighbours: readonly ReadonlySet<number>[]): readonly number[] {
  const byDegree = (a: number, b: number): number =>
    neighbours[a]!.size - neighbours[b]!.size || a - b; // qubits of the program
  const siteOf = new Array<number>(neighbours.length).fill(-1);
  let next = 0;
  for (const start of Array.from(siteOf, (_, qubit) => qubit).sort(byDegree)) {
    if (siteOf[start] !== -1) continue;
    const queue = [start];
    siteOf[start] = next++;
    for (const qubit of queue) {
      for (const other of [...neighbours[qubit]!].sort(byDegree)) {
        if (siteOf[other] !== -1) continue;
        siteOf[other] = next++;
        queue.push(other);
      }
    }
  }
  return siteOf;
}
