/**
 * The slow definition of what a noisy program means, for up to 4 qubits: the density matrix as a vector, every step as a
 * superoperator, static detuning integrated by Gauss–Hermite quadrature. The engines are tested against it; the fit
 * uses it because its circuits are small.
 */
import { QtuneError } from "@qtune/base";
import type { NoisyProgram, NoisyReadout, NoisyStep } from "../noisy-program.ts";

/** A complex matrix or vector, row-major. */
interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Options of {@link exactDistribution}. */
export interface ExactOptions {
  /** Nodes of the quadrature per qubit with detuning. Default: 12 on one qubit, 7 on two, 5 beyond. */
  readonly nodes?: number;
}

/**
 * Computes the distribution of the classical bits of a noisy program.
 *
 * Shapes: float64 [2^clbits]; bit k of the index is classical bit k, bits never measured are 0.
 * Range:  at most 4 qubits and 20 classical bits.
 * Cost:   steps · 16^n · nodes^(qubits with detuning).
 * Errors: out_of_range beyond that.
 */
export function exactDistribution(program: NoisyProgram, options: ExactOptions = {}): Float64Array {
  if (program.qubits > 4 || program.clbits > 20) {
    throw new QtuneError(
      "out_of_range",
      `expected at most 4 qubits and 20 classical bits but was given ${program.qubits} and ${program.clbits}`,
      { where: "program" },
    );
  }
  const populations = new Float64Array(2 ** program.qubits);
  for (const { weight, detuningRadPerNs } of detuningGrid(program, options)) {
    const final = evolve(program, detuningRadPerNs);
    for (let index = 0; index < populations.length; index++) {
      populations[index]! += weight * final.re[index * (populations.length + 1)]!; // the diagonal
    }
  }
  return readOut(populations, program);
}

/** The vectors of detunings at which the program runs, and their weights. */
function detuningGrid(
  program: NoisyProgram,
  options: ExactOptions,
): readonly { readonly weight: number; readonly detuningRadPerNs: readonly number[] }[] {
  const used = new Set(
    program.steps.flatMap((step) => (step.kind === "detuning" ? [step.qubit] : [])),
  );
  const nodes = options.nodes ?? (used.size <= 1 ? 12 : used.size === 2 ? 7 : 5);
  const rule = gaussHermite(nodes);
  let grid = [{ weight: 1, detuningRadPerNs: new Array<number>(program.qubits).fill(0) }];
  for (const qubit of used) {
    const sigma = program.detuningSigmaRadPerNs[qubit] ?? 0;
    if (sigma === 0) continue;
    grid = grid.flatMap((point) =>
      rule.map(({ node, weight }) => ({
        weight: point.weight * weight,
        detuningRadPerNs: point.detuningRadPerNs.with(qubit, sigma * node),
      })),
    );
  }
  return grid;
}

/**
 * Nodes and weights for the mean over a standard normal variable, exact for polynomials of degree 2 · count − 1.
 *
 * Maths: roots of the probabilists' Hermite polynomial He_n by Newton's method from the outermost inwards, weights
 *        n! / (n² He_{n−1}(x)²), Abramowitz and Stegun 25.4.46.
 */
export function gaussHermite(
  count: number,
): readonly { readonly node: number; readonly weight: number }[] {
  const roots: number[] = [];
  // The roots of He_n interlace and lie within ±2√n: scan for changes of sign, then bisect.
  const bound = 2 * Math.sqrt(count) + 1;
  const scan = 200 * count;
  let previous = -bound;
  for (let step = 1; step <= scan; step++) {
    const next = -bound + (2 * bound * step) / scan;
    if (hermite(count, previous) * hermite(count, next) < 0)
      roots.push(bisect(count, previous, next));
    else if (hermite(count, next) === 0) roots.push(next);
    previous = next;
  }
  let factorial = 1;
  for (let k = 2; k <= count; k++) factorial *= k;
  return roots.map((node) => ({
    node,
    weight: factorial / (count * hermite(count - 1, node)) ** 2,
  }));
}

function hermite(degree: number, x: number): number {
  let previous = 1;
  if (degree === 0) return previous;
  let current = x;
  for (let k = 1; k < degree; k++) [previous, current] = [current, x * current - k * previous];
  return current;
}

function bisect(degree: number, low: number, high: number): number {
  let a = low;
  let b = high;
  const sign = Math.sign(hermite(degree, a));
  for (let step = 0; step < 80; step++) {
    const middle = (a + b) / 2;
    if (Math.sign(hermite(degree, middle)) === sign) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}

/** Runs the steps from |0…0⟩. Shapes: the density matrix as a vector [4^n], index = row + 2^n · column. */
function evolve(program: NoisyProgram, detuningRadPerNs: readonly number[]): Complex {
  const size = 4 ** program.qubits;
  let state: Complex = { re: new Float64Array(size), im: new Float64Array(size) };
  state.re[0] = 1;
  let spare: Complex = { re: new Float64Array(size), im: new Float64Array(size) };
  for (const step of program.steps) {
    const { qubits, operator } = superoperator(step, detuningRadPerNs);
    const targets = [...qubits, ...qubits.map((qubit) => qubit + program.qubits)];
    applyTo(state, operator, targets, spare);
    [state, spare] = [spare, state];
  }
  return state;
}

const superoperators = new WeakMap<NoisyStep, { qubits: readonly number[]; operator: Complex }>();

/** A step as a matrix on the vector of its qubits' density matrix: Σ K ⊗ K*, row bits low. Shapes: [4^k, 4^k]. */
function superoperator(
  step: NoisyStep,
  detuningRadPerNs: readonly number[],
): { readonly qubits: readonly number[]; readonly operator: Complex } {
  if (step.kind === "detuning") {
    const half = ((detuningRadPerNs[step.qubit] ?? 0) * step.durationNs) / 2;
    const operators = [
      { re: [Math.cos(half), 0, 0, Math.cos(half)], im: [-Math.sin(half), 0, 0, Math.sin(half)] },
    ];
    return { qubits: [step.qubit], operator: sumOfKraus(operators, 2) };
  }
  const known = superoperators.get(step);
  if (known !== undefined) return known;
  const made = makeSuperoperator(step);
  superoperators.set(step, made);
  return made;
}

function makeSuperoperator(step: Exclude<NoisyStep, { kind: "detuning" }>): {
  readonly qubits: readonly number[];
  readonly operator: Complex;
} {
  switch (step.kind) {
    case "unitary":
      return { qubits: step.qubits, operator: sumOfKraus([step], 2 ** step.qubits.length) };
    case "kraus":
      return { qubits: step.qubits, operator: sumOfKraus(step.operators, 2 ** step.qubits.length) };
    case "pauli":
      return {
        qubits: step.qubits,
        operator: sumOfKraus(
          pauliKraus(step.probabilities, step.qubits.length),
          2 ** step.qubits.length,
        ),
      };
    case "reset":
      return {
        qubits: [step.qubit],
        operator: sumOfKraus(
          [
            { re: [1, 0, 0, 0], im: [0, 0, 0, 0] },
            { re: [0, 1, 0, 0], im: [0, 0, 0, 0] },
          ],
          2,
        ),
      };
    default:
      return step satisfies never;
  }
}

type Matrix = { readonly re: readonly number[]; readonly im: readonly number[] };

function sumOfKraus(operators: readonly Matrix[], size: number): Complex {
  const width = size * size;
  const out = { re: new Float64Array(width * width), im: new Float64Array(width * width) };
  for (const { re, im } of operators) {
    for (let row = 0; row < width; row++) {
      for (let col = 0; col < width; col++) {
        // row = r + size · r', col = c + size · c': K[r, c] · conj K[r', c']
        const left = (row % size) * size + (col % size);
        const right = Math.floor(row / size) * size + Math.floor(col / size);
        const [a, b, c, d] = [re[left]!, im[left]!, re[right]!, -im[right]!];
        out.re[row * width + col]! += a * c - b * d;
        out.im[row * width + col]! += a * d + b * c;
      }
    }
  }
  return out;
}

const pauliMatrices: readonly Matrix[] = [
  { re: [1, 0, 0, 1], im: [0, 0, 0, 0] },
  { re: [0, 1, 1, 0], im: [0, 0, 0, 0] },
  { re: [0, 0, 0, 0], im: [0, -1, 1, 0] },
  { re: [1, 0, 0, -1], im: [0, 0, 0, 0] },
];

function pauliKraus(probabilities: readonly number[], qubits: number): readonly Matrix[] {
  return probabilities.flatMap((probability, index) => {
    if (probability === 0) return [];
    let matrix: Matrix = { re: [Math.sqrt(probability)], im: [0] };
    // The first listed qubit is the least significant bit of the index, so it is the right factor.
    for (let k = 0; k < qubits; k++) {
      matrix = kronecker(pauliMatrices[Math.floor(index / 4 ** k) % 4]!, matrix); // 0..3
    }
    return [matrix];
  });
}

function kronecker(left: Matrix, right: Matrix): Matrix {
  const n = Math.sqrt(left.re.length);
  const m = Math.sqrt(right.re.length);
  const re: number[] = [];
  const im: number[] = [];
  for (let row = 0; row < n * m; row++) {
    for (let col = 0; col < n * m; col++) {
      const l = Math.floor(row / m) * n + Math.floor(col / m);
      const r = (row % m) * m + (col % m);
      const [a, b, c, d] = [left.re[l]!, left.im[l]!, right.re[r]!, right.im[r]!];
      re.push(a * c - b * d);
      im.push(a * d + b * c);
    }
  }
  return { re, im };
}

/** Writes `operator` applied to the target bits of `state` into `out`. The first target is the lowest bit. */
function applyTo(
  state: Complex,
  operator: Complex,
  targets: readonly number[],
  out: Complex,
): void {
  const width = 2 ** targets.length;
  const offsets = Array.from({ length: width }, (_, local) =>
    targets.reduce((sum, target, bit) => sum + (((local >> bit) & 1) << target), 0),
  );
  const mask = offsets[width - 1] ?? 0;
  for (let base = 0; base < state.re.length; base++) {
    if ((base & mask) !== 0) continue;
    for (let row = 0; row < width; row++) {
      let re = 0;
      let im = 0;
      for (let col = 0; col < width; col++) {
        const a = operator.re[row * width + col]!;
        const b = operator.im[row * width + col]!;
        if (a === 0 && b === 0) continue;
        const c = state.re[base + offsets[col]!]!;
        const d = state.im[base + offsets[col]!]!;
        re += a * c - b * d;
        im += a * d + b * c;
      }
      out.re[base + offsets[row]!] = re;
      out.im[base + offsets[row]!] = im;
    }
  }
}

/** Confuses the populations as the readout does. Shapes: populations [2^n] to [2^clbits]. */
function readOut(populations: Float64Array, program: NoisyProgram): Float64Array {
  return confuse(
    measuredDistribution(populations, program.readout),
    program.readout,
    program.clbits,
  );
}

function measuredDistribution(populations: Float64Array, readout: NoisyReadout): Float64Array {
  const out = new Float64Array(2 ** readout.measured.length);
  for (const [index, population] of populations.entries()) {
    const key = readout.measured.reduce(
      (sum, { qubit }, bit) => sum + (((index >> qubit) & 1) << bit),
      0,
    );
    out[key]! += population;
  }
  return out;
}

function confuse(distribution: Float64Array, readout: NoisyReadout, clbits: number): Float64Array {
  let current = distribution;
  for (const [bit, { p10, p01 }] of readout.flips.entries()) {
    const next = new Float64Array(current.length);
    for (const [index, value] of current.entries()) {
      const flip = ((index >> bit) & 1) === 0 ? p10 : p01;
      next[index]! += (1 - flip) * value;
      next[index ^ (1 << bit)]! += flip * value;
    }
    current = next;
  }
  for (const { first, second, probability } of readout.correlatedFlips) {
    const mask = (1 << first) | (1 << second);
    current = current.map(
      (value, index) => (1 - probability) * value + probability * current[index ^ mask]!,
    );
  }
  const out = new Float64Array(2 ** clbits);
  for (const [index, value] of current.entries()) {
    const key = readout.measured.reduce(
      (sum, { clbit }, bit) => sum + (((index >> bit) & 1) << clbit),
      0,
    );
    out[key]! += value;
  }
  return out;
}
