/**
 * Maximum likelihood for multinomial counts by Fisher scoring within bounds: the Jacobian of the
 * distributions gives the score and the Fisher information, so no second derivatives are needed.
 * Small problems only (tens of parameters).
 */
import { logLikelihoodOf } from "./statistics.ts";

/** Counts and the model of their distribution. */
export interface CountsModel {
  readonly counts: readonly ReadonlyMap<number, number>[];
  /** Distributions of all runs for values of the parameters. */
  readonly distributions: (values: Float64Array) => readonly Float64Array[];
  readonly min: ArrayLike<number>;
  readonly max: ArrayLike<number>;
}

/**
 * Gains of log-likelihood below this end the search: a thousandth of what an interval is made of.
 */
const smallGain = 1e-4;

/** Where the likelihood is largest. */
export interface Maximum {
  readonly values: Float64Array;
  readonly logLikelihood: number;
  /**
   * Fisher information at the maximum, row-major, fixed parameters as zero rows. Shapes: [P, P].
   */
  readonly information: Float64Array;
}

/**
 * Maximises the likelihood.
 *
 * Range:  `fixed` parameters keep their start value. Values stay within [min, max].
 * Effect: pure, deterministic.
 * Cost:   about 10 rounds of 2 P evaluations.
 */
export function maximiseLikelihood(
  model: CountsModel,
  start: Float64Array,
  fixed: ReadonlySet<number> = new Set(),
): Maximum {
  let values: Float64Array = Float64Array.from(start, (value, j) => clamp(value, model, j));
  let best = logLikelihood(model, values);
  let information: Float64Array = new Float64Array(values.length ** 2);
  for (let round = 0; round < 60; round++) {
    const derivative = scoreAndInformation(model, values, fixed);
    information = derivative.information;
    const step = ascentStep(model, values, derivative, fixed);
    const promised =
      step.reduce((sum, change, j) => sum + change * (derivative.score[j] ?? 0), 0) / 2;
    if (promised < smallGain) break;
    const next = searchAlong(model, values, step, best);
    if (next === undefined) break;
    values = next.values;
    best = next.logLikelihood;
  }
  return { values, logLikelihood: best, information };
}

function logLikelihood(model: CountsModel, values: Float64Array): number {
  const distributions = model.distributions(values);
  return model.counts.reduce(
    (sum, counts, run) => sum + logLikelihoodOf(counts, distributions[run] ?? new Float64Array()),
    0,
  );
}

function clamp(value: number, model: CountsModel, j: number): number {
  return Math.min(model.max[j] ?? Infinity, Math.max(model.min[j] ?? -Infinity, value));
}

/** Score Σ c ∂p / p and information Σ S ∂p ∂pᵀ / p, by differences of the distributions. */
function scoreAndInformation(
  model: CountsModel,
  values: Float64Array,
  fixed: ReadonlySet<number>,
): { readonly score: Float64Array; readonly information: Float64Array } {
  const P = values.length;
  const base = model.distributions(values);
  const slopes = Array.from(values, (value, j) =>
    fixed.has(j) ? undefined : slope(model, values, value, j),
  );
  const score = new Float64Array(P);
  const information = new Float64Array(P * P);
  for (const [run, counts] of model.counts.entries()) {
    const shots = [...counts.values()].reduce((sum, count) => sum + count, 0);
    for (const [outcome, raw] of (base[run] ?? []).entries()) {
      const p = Math.max(1e-9, raw);
      for (let i = 0; i < P; i++) {
        const di = slopes[i]?.[run]?.[outcome] ?? 0;
        if (di === 0) continue;
        score[i]! += ((counts.get(outcome) ?? 0) * di) / p;
        for (let j = 0; j < P; j++) {
          information[i * P + j]! += (shots * di * (slopes[j]?.[run]?.[outcome] ?? 0)) / p;
        }
      }
    }
  }
  return { score, information };
}

/** Derivative of every distribution with respect to one parameter, one-sided at a bound. */
function slope(
  model: CountsModel,
  values: Float64Array,
  value: number,
  j: number,
): readonly Float64Array[] {
  const h = 1e-5;
  const high = clamp(value + h, model, j);
  const low = clamp(value - h, model, j);
  const above = model.distributions(values.with(j, high));
  const below = model.distributions(values.with(j, low));
  return above.map((distribution, run) =>
    distribution.map((p, outcome) => (p - (below[run]?.[outcome] ?? 0)) / (high - low)),
  );
}

/**
 * Newton step with the Fisher information; parameters pushed out of their bounds stay where they
 * are.
 */
function ascentStep(
  model: CountsModel,
  values: Float64Array,
  { score, information }: { readonly score: Float64Array; readonly information: Float64Array },
  fixed: ReadonlySet<number>,
): Float64Array {
  const P = values.length;
  const free = Array.from(values, (_, j) => j).filter((j) => {
    if (fixed.has(j)) return false;
    const value = values[j] ?? 0;
    const slopeHere = score[j] ?? 0;
    return (
      !(value >= (model.max[j] ?? Infinity) && slopeHere > 0) &&
      !(value <= (model.min[j] ?? -Infinity) && slopeHere < 0)
    );
  });
  const matrix = free.map((i) =>
    free.map(
      (j) => (information[i * P + j] ?? 0) * (i === j ? 1 + 1e-6 : 1) + (i === j ? 1e-6 : 0),
    ),
  );
  const solution = solve(
    matrix,
    free.map((j) => score[j] ?? 0),
  );
  const step = new Float64Array(P);
  for (const [index, j] of free.entries()) step[j] = solution[index] ?? 0;
  return step;
}

/** Halves the step until the likelihood grows; nothing when it never does. */
function searchAlong(
  model: CountsModel,
  values: Float64Array,
  step: Float64Array,
  best: number,
): { readonly values: Float64Array; readonly logLikelihood: number } | undefined {
  for (let scale = 1; scale > 1e-3; scale /= 2) {
    const next = values.map((value, j) => clamp(value + scale * (step[j] ?? 0), model, j));
    const likelihood = logLikelihood(model, next);
    if (likelihood > best) return { values: next, logLikelihood: likelihood };
  }
  return undefined;
}

/** Solves a small symmetric positive definite system by Gaussian elimination with pivoting. */
export function solve(
  matrix: readonly (readonly number[])[],
  right: readonly number[],
): readonly number[] {
  const rows = matrix.map((row, i) => [...row, right[i] ?? 0]);
  const size = rows.length;
  for (let col = 0; col < size; col++) {
    let pivot = col;
    for (let row = col + 1; row < size; row++) {
      if (Math.abs(rows[row]?.[col] ?? 0) > Math.abs(rows[pivot]?.[col] ?? 0)) pivot = row;
    }
    const lead = rows[pivot] ?? [];
    rows[pivot] = rows[col] ?? [];
    rows[col] = lead;
    const head = lead[col] ?? 0;
    if (head === 0) continue;
    for (const [index, row] of rows.entries()) {
      if (index === col) continue;
      const factor = (row[col] ?? 0) / head;
      if (factor === 0) continue;
      for (let k = col; k <= size; k++) row[k] = (row[k] ?? 0) - factor * (lead[k] ?? 0);
    }
  }
  return rows.map((row, i) => (row[i] === 0 ? 0 : (row[size] ?? 0) / (row[i] ?? 1)));
}

/**
 * Returns the standard errors of the parameters: the square roots of the diagonal of the inverse
 * information. Infinity where the counts say nothing.
 */
export function standardErrors(information: Float64Array, P: number): Float64Array {
  const known = Array.from({ length: P }, (_, j) => j).filter(
    (j) => (information[j * P + j] ?? 0) > 1e-9,
  );
  const matrix = known.map((i) => known.map((j) => information[i * P + j] ?? 0));
  const errors = new Float64Array(P).fill(Infinity);
  for (const [index, j] of known.entries()) {
    const column = solve(
      matrix,
      known.map((_, i) => (i === index ? 1 : 0)),
    );
    const variance = column[index] ?? 0;
    errors[j] = variance > 0 ? Math.sqrt(variance) : Infinity;
  }
  return errors;
}

/**
 * Returns the 95 % interval of one parameter by profile likelihood: the values whose best fit of
 * all the others loses at most 3.841 / 2 of log-likelihood. Right where a normal interval is not:
 * at bounds, and where the counts only see the square.
 */
export function profileInterval(
  model: CountsModel,
  maximum: Maximum,
  j: number,
  guess: number,
  fixed: ReadonlySet<number> = new Set(),
): { readonly low: number; readonly high: number } {
  const profile = new Set([...fixed, j]);
  const center = maximum.values[j] ?? 0;
  const loss = (value: number): number => {
    const refit = maximiseLikelihood(model, maximum.values.with(j, value), profile);
    return Math.max(0, maximum.logLikelihood - refit.logLikelihood);
  };
  const end = (direction: 1 | -1): number => {
    const reach =
      direction > 0 ? (model.max[j] ?? center) - center : center - (model.min[j] ?? center);
    return (
      center +
      direction * solveRising((distance) => loss(center + direction * distance), reach, guess)
    );
  };
  return { low: end(-1), high: end(1) };
}

/**
 * Finds where a rising function, zero at zero, reaches 3.841 / 2, or returns the reach. Its square
 * root is close to a line when the likelihood is close to normal, so the next point is a straight
 * guess, kept inside the bracket.
 */
function solveRising(loss: (distance: number) => number, reach: number, guess: number): number {
  const target = Math.sqrt(3.841 / 2);
  let [low, lowValue] = [0, 0];
  let [high, highValue] = [Infinity, Infinity];
  let next = Math.min(reach, guess);
  for (let round = 0; round < 12 && reach > 0; round++) {
    const value = Math.sqrt(loss(next));
    if (Math.abs(value - target) < 0.01) return next;
    if (value < target) [low, lowValue] = [next, value];
    else [high, highValue] = [next, value];
    if (low === reach) return reach;
    if (high === Infinity) {
      next = Math.min(reach, value > 0.1 ? low * Math.min(4, (1.05 * target) / value) : 4 * low);
    } else {
      const straight = low + ((target - lowValue) / (highValue - lowValue)) * (high - low);
      next = Math.min(high - 0.05 * (high - low), Math.max(low + 0.05 * (high - low), straight));
    }
  }
  return next;
}
