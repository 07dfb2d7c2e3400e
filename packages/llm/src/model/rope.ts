/**
 * Rotary tables: cos and sin of every position and frequency, for each kind of scaling.
 *
 * Frequencies, angles, cos and sin are rounded to float32 step by step, as the reference implementation (transformers 5.18,
 * modeling_rope_utils.py) computes them, whatever the precision of the rest.
 */
import { QtuneError } from "@qtune/base";
import type { ModelConfig, RopeScaling } from "../config/model-config.ts";

/** Rotary tables. Shapes: cos, sin float32 [positions, headDim / 2], row-major. */
export interface RopeTables {
  readonly positions: number;
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

type RopeSource = Pick<ModelConfig, "headDim" | "maxPositions" | "rope">;

const { fround } = Math;

/** inv_freq_i = theta^(-2i/d), in float32. */
function baseFrequencies(theta: number, headDim: number): Float32Array {
  return Float32Array.from(
    { length: headDim / 2 },
    (_, i) => 1 / fround(theta ** fround((2 * i) / headDim)),
  );
}

type Rule<Kind extends RopeScaling["kind"]> = (
  scaling: Extract<RopeScaling, { kind: Kind }>,
  source: RopeSource,
  length: number,
) => Float32Array;

const rules: { readonly [Kind in RopeScaling["kind"]]: Rule<Kind> } = {
  default: (_, source) => baseFrequencies(source.rope.theta, source.headDim),
  linear: ({ factor }, source) =>
    baseFrequencies(source.rope.theta, source.headDim).map((frequency) => frequency / factor),
  // theta' = theta·(factor·n/max − (factor − 1))^(d/(d − 2)), n = max(length, max)
  dynamic({ factor, originalMaxPositions }, { rope, headDim }, length) {
    const n = Math.max(length, originalMaxPositions);
    const stretch = (factor * n) / originalMaxPositions - (factor - 1);
    return baseFrequencies(rope.theta * stretch ** (headDim / (headDim - 2)), headDim);
  },
  // Long waves are divided by the factor, short ones kept, those between blended by their place.
  llama3({ factor, lowFreqFactor, highFreqFactor, originalMaxPositions }, { rope, headDim }) {
    return baseFrequencies(rope.theta, headDim).map((frequency) => {
      const wave = (2 * Math.PI) / frequency;
      if (wave > originalMaxPositions / lowFreqFactor) return frequency / factor;
      if (wave < originalMaxPositions / highFreqFactor) return frequency;
      const s = (originalMaxPositions / wave - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
      return ((1 - s) * frequency) / factor + s * frequency;
    });
  },
  // A linear ramp over the dimension index blends divided and kept frequencies.
  yarn({ factor, betaFast, betaSlow, originalMaxPositions, truncate }, { rope, headDim }) {
    const turn = (rotations: number): number =>
      (headDim * Math.log(originalMaxPositions / (rotations * 2 * Math.PI))) /
      (2 * Math.log(rope.theta));
    const low = Math.max(0, truncate ? Math.floor(turn(betaFast)) : turn(betaFast));
    const high = Math.min(headDim - 1, truncate ? Math.ceil(turn(betaSlow)) : turn(betaSlow));
    const width = high === low ? 0.001 : high - low;
    return baseFrequencies(rope.theta, headDim).map((frequency, i) => {
      const divided = Math.min(1, Math.max(0, (i - low) / width));
      return (frequency / factor) * divided + frequency * (1 - divided);
    });
  },
  longrope({ shortFactor, longFactor, originalMaxPositions }, { rope, headDim }, length) {
    const factors = length > originalMaxPositions ? longFactor : shortFactor;
    return divideBy(baseFrequencies(rope.theta, headDim), factors);
  },
  factors: ({ factors }, { rope, headDim }) =>
    divideBy(baseFrequencies(rope.theta, headDim), factors),
};

function divideBy(frequencies: Float32Array, factors: readonly number[]): Float32Array {
  if (factors.length !== frequencies.length) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${frequencies.length} factors but was given ${factors.length}`,
      {
        where: "config.rope.scaling",
      },
    );
  }
  return frequencies.map((frequency, i) => frequency / (factors[i] ?? 1));
}

/**
 * Computes the rotary frequencies of a model for sequences of up to `length` tokens.
 *
 * Shapes: float32 [headDim / 2].
 * Errors: invalid_argument where the settings give frequencies that are no numbers above 0.
 */
export function ropeFrequencies(source: RopeSource, length: number): Float32Array {
  const { scaling } = source.rope;
  const rule = rules[scaling.kind] as Rule<RopeScaling["kind"]>; // the rule of its own kind
  const frequencies = rule(scaling, source, length);
  const bad = frequencies.find((frequency) => !(frequency > 0 && frequency < Infinity));
  if (bad === undefined) return frequencies;
  throw new QtuneError(
    "invalid_argument",
    `expected frequencies above 0 but theta ${source.rope.theta} with scaling ${scaling.kind} gives ${bad}; ` +
      "compare the rope settings with those of the published model",
    { where: "config.rope" },
  );
}

/** Computes cos and sin of positions 0 … length − 1. */
export function ropeTables(source: RopeSource, length: number): RopeTables {
  const frequencies = ropeFrequencies(source, length);
  const { scaling } = source.rope;
  const factor = "attentionFactor" in scaling ? scaling.attentionFactor : 1;
  const half = frequencies.length;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = fround(position * (frequencies[i] ?? 0));
      cos[position * half + i] = fround(Math.cos(angle)) * factor;
      sin[position * half + i] = fround(Math.sin(angle)) * factor;
    }
  }
  return { positions: length, cos, sin };
}
