/**
 * Chooses the next token from logits: repetition penalty, temperature, top-k, top-p, min-p, in the order of the Hugging Face
 * processors, so that the same settings mean the same distribution.
 */
import { QtuneError, type Random } from "@qtune/base";

/** How tokens are chosen. */
export interface SamplingOptions {
  /** 0 (default) takes the likeliest token. */
  readonly temperature?: number | undefined;
  /** Keeps the k likeliest tokens. */
  readonly topK?: number | undefined;
  /** Keeps the likeliest tokens that together reach this probability. Range 0 < p ≤ 1. */
  readonly topP?: number | undefined;
  /** Keeps tokens with at least this share of the likeliest one's probability. Range 0 ≤ p ≤ 1. */
  readonly minP?: number | undefined;
  /** Divides the logits of ids that occurred, or multiplies them where negative. Default 1. */
  readonly repetitionPenalty?: number | undefined;
}

/** A token and its natural log-probability under the model's own distribution. */
export interface TokenLikelihood {
  readonly id: number;
  readonly logProbability: number;
}

/** Throws `out_of_range` naming the first setting outside its range. */
export function assertSampling(options: SamplingOptions): void {
  const { temperature = 0, topK = 1, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const checks: readonly [name: string, value: number, fits: boolean, range: string][] = [
    ["temperature", temperature, temperature >= 0 && Number.isFinite(temperature), "at least 0"],
    ["topK", topK, Number.isInteger(topK) && topK >= 1, "an integer of at least 1"],
    ["topP", topP, topP > 0 && topP <= 1, "above 0 and at most 1"],
    ["minP", minP, minP >= 0 && minP <= 1, "from 0 to 1"],
    [
      "repetitionPenalty",
      repetitionPenalty,
      repetitionPenalty >= 0.01 && repetitionPenalty <= 100,
      "from 0.01 to 100",
    ],
  ];
  for (const [name, value, fits, range] of checks) {
    if (!fits) {
      throw new QtuneError("out_of_range", `expected ${range} but was given ${value}`, {
        where: `generate.${name}`,
      });
    }
  }
}

/** Returns the index of the largest logit, the first of equals. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  let largest = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? -Infinity;
    if (logit > largest) {
      largest = logit;
      best = id;
    }
  }
  return best;
}

/** Returns ln Σ exp(logits). */
export function logSumExp(logits: Float32Array): number {
  const largest = logits[argmax(logits)] ?? 0;
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp((logits[id] ?? -Infinity) - largest);
  return largest + Math.log(sum);
}

/**
 * Returns the `count` likeliest tokens, likeliest first; of equals the lower id.
 *
 * Cost: one pass over the vocabulary, and an insertion for each token that was among the likeliest so far.
 */
export function likeliest(
  logits: Float32Array,
  count: number,
  total = logSumExp(logits),
): readonly TokenLikelihood[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? -Infinity;
    const isFull = ids.length >= count;
    if (isFull && !(logit > (logits[ids[count - 1] ?? 0] ?? 0))) continue;
    let place = isFull ? count - 1 : ids.length;
    while (place > 0 && logit > (logits[ids[place - 1] ?? 0] ?? 0)) {
      ids[place] = ids[place - 1] ?? 0;
      place--;
    }
    ids[place] = id;
  }
  return ids.map((id) => ({ id, logProbability: (logits[id] ?? 0) - total }));
}

function sortedIds(logits: Float32Array, ids: Iterable<number>): number[] {
  return [...ids].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
}

/** Weakens ids that occurred, in place. */
export function penaliseInPlace(
  logits: Float32Array,
  occurred: Iterable<number>,
  penalty: number,
): void {
  for (const id of new Set(occurred)) {
    const logit = logits[id] ?? 0;
    logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** Tokens below the likeliest by this much have less than 1e-21 of its probability: they are left out before sorting. */
const negligible = 50;

/**
 * Draws a token.
 *
 * Range:  temperature > 0; call {@link argmax} for 0.
 * Effect: pure but for one draw from `random`.
 */
export function sampleToken(
  logits: Float32Array,
  options: SamplingOptions,
  random: Random,
): number {
  const { temperature = 1, topK = Infinity, topP = 1, minP = 0 } = options;
  const largest = logits[argmax(logits)] ?? 0;
  const near: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if ((logits[id] ?? -Infinity) - largest > -negligible * temperature) near.push(id);
  }
  const ids = sortedIds(logits, near).slice(0, topK);
  const weights = ids.map((id) => Math.exp(((logits[id] ?? 0) - largest) / temperature));
  const kept = keepNucleus(weights, topP, minP);
  const total = weights.slice(0, kept).reduce((sum, weight) => sum + weight, 0);
  let rest = random.nextUniform() * total;
  for (let k = 0; k < kept; k++) {
    rest -= weights[k] ?? 0;
    if (rest < 0) return ids[k] ?? 0;
  }
  return ids[kept - 1] ?? 0;
}

/** Returns how many of the sorted weights stay: the least that reach topP, of those those not below minP of the first. */
function keepNucleus(weights: readonly number[], topP: number, minP: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let reached = 0;
  let kept = 0;
  while (kept < weights.length && (kept === 0 || reached < topP * total))
    reached += weights[kept++] ?? 0;
  const floor = minP * (weights[0] ?? 0);
  while (kept > 1 && (weights[kept - 1] ?? 0) < floor) kept--;
  return kept;
}
