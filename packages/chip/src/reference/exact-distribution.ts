/**
 * The slow definition of what a noisy program means, for up to 6 qubits: the density matrix as a
 * vector of Pauli components, every step as a matrix on it, static detuning integrated by
 * Gauss–Hermite quadrature. The engines are tested against it; the fit uses it because its circuits
 * are small.
 */
import { QtuneError } from "@qtune/base";
import type { NoisyProgram, NoisyReadout } from "../noisy-program.ts";
import { multiplyTransfer, transferMatrixOf } from "./pauli-transfer.ts";

/** Options of {@link exactDistribution}. */
export interface ExactOptions {
  /**
   * Nodes of the quadrature per qubit with detuning. Default: 12, 7, 5, 3, 2, 2 on 1 to 6 such
   * qubits.
   */
  readonly nodes?: number;
}

/**
 * Computes the distribution of the classical bits of a noisy program.
 *
 * Shapes: float64 [2^clbits]; bit k of the index is classical bit k, bits never measured are 0.
 * Range:  at most 6 qubits and 20 classical bits.
 * Cost:   steps · 16^n · nodes^(qubits with detuning).
 * Errors: out_of_range beyond that.
 */
export function exactDistribution(program: NoisyProgram, options: ExactOptions = {}): Float64Array {
  if (program.clbits > 20) {
    throw new QtuneError(
      "out_of_range",
      `expected at most 20 classical bits but was given ${program.clbits}`,
      { where: "program.clbits" },
    );
  }
  return readOut(exactPopulations(program, options), program.readout, program.clbits);
}

/**
 * Computes the populations before the readout.
 *
 * Shapes: float64 [2^n]; bit k of the index is compact qubit k.
 * Errors: out_of_range beyond 6 qubits.
 */
export function exactPopulations(program: NoisyProgram, options: ExactOptions = {}): Float64Array {
  if (program.qubits > 6) {
    throw new QtuneError(
      "out_of_range",
      `expected at most 6 qubits but was given ${program.qubits}`,
      {
        where: "program.qubits",
      },
    );
  }
  const populations = new Float64Array(2 ** program.qubits);
  const stages = compileStages(program);
  for (const { weight, detuningRadPerNs } of detuningGrid(program, options)) {
    const final = populationsOf(evolve(stages, program.qubits, detuningRadPerNs), program.qubits);
    for (const [index, p] of final.entries()) populations[index]! += weight * p;
  }
  return populations;
}

/** Nodes per qubit by the number of qubits with detuning. */
const defaultNodes = [1, 12, 7, 5, 3, 2, 2];

/** The vectors of detunings at which the program runs, and their weights. */
function detuningGrid(
  program: NoisyProgram,
  options: ExactOptions,
): readonly { readonly weight: number; readonly detuningRadPerNs: readonly number[] }[] {
  const used = new Set(
    program.steps.flatMap((step) => (step.kind === "detuning" ? [step.qubit] : [])),
  );
  const nodes = options.nodes ?? defaultNodes[used.size] ?? 2;
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

const rules = new Map<number, readonly { readonly node: number; readonly weight: number }[]>();

/**
 * Nodes and weights for the mean over a standard normal variable, exact for polynomials of degree 2
 * · count − 1.
 *
 * Maths:  roots of the probabilists' Hermite polynomial He_n, weights n! / (n He_{n−1}(x))²,
 *         Abramowitz and Stegun 25.4.46.
 */
export function gaussHermite(
  count: number,
): readonly { readonly node: number; readonly weight: number }[] {
  const known = rules.get(count);
  if (known !== undefined) return known;
  let factorial = 1;
  for (let k = 2; k <= count; k++) factorial *= k;
  const rule = hermiteRoots(count).map((node) => ({
    node,
    weight: factorial / (count * hermite(count - 1, node)) ** 2,
  }));
  rules.set(count, rule);
  return rule;
}

/** The roots are simple and lie within ±2√n: scan for changes of sign, then bisect. */
function hermiteRoots(count: number): readonly number[] {
  const roots: number[] = [];
  const bound = 2 * Math.sqrt(count) + 1;
  const scan = 200 * count + 1; // odd, so that 0 is no point of the scan
  let previous = -bound;
  for (let step = 1; step <= scan; step++) {
    const next = -bound + (2 * bound * step) / scan;
    if (hermite(count, previous) * hermite(count, next) < 0)
      roots.push(bisect(count, previous, next));
    previous = next;
  }
  return roots;
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

/** A step ready to run: a matrix on some qubits, or a rotation by the detuning. */
type Stage =
  | {
      readonly kind: "matrix";
      readonly matrix: Float64Array;
      readonly qubits: readonly number[];
      readonly offsets: readonly number[];
      readonly mask: number;
    }
  | { readonly kind: "detuning"; readonly qubit: number; readonly durationNs: number };

/**
 * Works out the steps once for all detunings; neighbouring steps on the same single qubit become
 * one.
 */
function compileStages(program: NoisyProgram): readonly Stage[] {
  const stages: Stage[] = [];
  for (const step of program.steps) {
    if (step.kind === "detuning") {
      stages.push(step);
      continue;
    }
    const { qubits, matrix } = transferMatrixOf(step);
    const last = stages.at(-1);
    if (
      last?.kind === "matrix" &&
      qubits.length === 1 &&
      last.qubits.length === 1 &&
      last.qubits[0] === qubits[0]
    ) {
      stages[stages.length - 1] = { ...last, matrix: multiplyTransfer(matrix, last.matrix, 4) };
      continue;
    }
    const offsets = Array.from({ length: 4 ** qubits.length }, (_, local) =>
      qubits.reduce((sum, qubit, k) => sum + ((local >> (2 * k)) & 3) * 4 ** qubit, 0),
    );
    stages.push({ kind: "matrix", matrix, qubits, offsets, mask: offsets.at(-1) ?? 0 });
  }
  return stages;
}

/** Runs the stages from |0…0⟩. Shapes: Pauli components float64 [4^n]. */
function evolve(
  stages: readonly Stage[],
  qubits: number,
  detuningRadPerNs: readonly number[],
): Float64Array {
  const state = new Float64Array(4 ** qubits);
  for (let index = 0; index < 2 ** qubits; index++) state[3 * spread(index)] = 1; // products of I and Z
  for (const stage of stages) {
    if (stage.kind === "matrix") applyInPlace(state, stage);
    else rotateInPlace(state, stage.qubit, (detuningRadPerNs[stage.qubit] ?? 0) * stage.durationNs);
  }
  return state;
}

/** Moves bit k to position 2k. */
function spread(bits: number): number {
  let out = 0;
  for (let k = 0; bits >> k !== 0; k++) out |= ((bits >> k) & 1) << (2 * k);
  return out;
}

function applyInPlace(state: Float64Array, stage: Stage & { readonly kind: "matrix" }): void {
  const { matrix, offsets, mask } = stage;
  const size = offsets.length;
  const local = new Float64Array(size);
  for (let base = 0; base < state.length; base++) {
    if ((base & mask) !== 0) continue;
    for (let k = 0; k < size; k++) local[k] = state[base + offsets[k]!]!;
    for (let row = 0; row < size; row++) {
      let sum = 0;
      for (let col = 0; col < size; col++) sum += matrix[row * size + col]! * local[col]!;
      state[base + offsets[row]!] = sum;
    }
  }
}

/** RZ(angle): turns the X and Y components. */
function rotateInPlace(state: Float64Array, qubit: number, angle: number): void {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const stride = 4 ** qubit;
  for (let base = 0; base < state.length; base++) {
    if ((base & (3 * stride)) !== 0) continue;
    const x = state[base + stride]!;
    const y = state[base + 2 * stride]!;
    state[base + stride] = cos * x - sin * y;
    state[base + 2 * stride] = sin * x + cos * y;
  }
}

/** Probabilities of the basis states from the components of I and Z. Shapes: [4^n] to [2^n]. */
function populationsOf(state: Float64Array, qubits: number): Float64Array {
  const size = 2 ** qubits;
  return Float64Array.from({ length: size }, (_, index) => {
    let sum = 0;
    for (let subset = 0; subset < size; subset++) {
      const value = state[3 * spread(subset)]!;
      sum += isOdd(index & subset) ? -value : value;
    }
    return sum / size;
  });
}

function isOdd(bits: number): boolean {
  let odd = false;
  for (let rest = bits; rest !== 0; rest &= rest - 1) odd = !odd;
  return odd;
}

/** Confuses the populations as the readout does. Shapes: populations [2^n] to [2^clbits]. */
export function readOut(
  populations: Float64Array,
  readout: NoisyReadout,
  clbits: number,
): Float64Array {
  return confuse(measuredDistribution(populations, readout), readout, clbits);
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
