/**
 * AdamW as in torch: decoupled weight decay, bias correction, eps outside the square root (Loshchilov and Hutter,
 * arXiv 1711.05101). Master weights and moments keep the element type they are created with; the arithmetic is float64,
 * so a step is a pure function of its inputs and a saved state continues bit for bit.
 */
import { internalError } from "@qtune/base";

/** A flat tensor of trainable values, its moments or its gradient. */
export type Values = Float32Array | Float64Array;

/** First and second moment of each tensor, and the number of steps taken. */
export interface AdamState {
  step: number;
  readonly moments: ReadonlyMap<string, { readonly first: Values; readonly second: Values }>;
}

/** Settings of one step. */
export interface AdamOptions {
  readonly learningRate: number;
  /** Default: 0.9. */
  readonly beta1?: number;
  /** Default: 0.999. */
  readonly beta2?: number;
  /** Default: 1e-8. */
  readonly epsilon?: number;
  /** Default: 0. */
  readonly weightDecay?: number;
  /** Factor of the learning rate by tensor name (LoRA+). Default: 1. */
  readonly learningRateFactor?: ((name: string) => number) | undefined;
}

/** Creates zero moments for each tensor. */
export function createAdamState(parameters: ReadonlyMap<string, Values>): AdamState {
  const moments = new Map<string, { first: Values; second: Values }>();
  for (const [name, values] of parameters) {
    const Type = values instanceof Float64Array ? Float64Array : Float32Array;
    moments.set(name, { first: new Type(values.length), second: new Type(values.length) });
  }
  return { step: 0, moments };
}

/**
 * Updates the parameters by one step.
 *
 * Effect: changes `parameters` and `state` in place.
 * Cost:   one pass over the parameters.
 */
export function stepAdamInPlace(
  parameters: ReadonlyMap<string, Values>,
  gradients: ReadonlyMap<string, Values>,
  state: AdamState,
  options: AdamOptions,
): void {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  state.step += 1;
  const correction1 = 1 - beta1 ** state.step;
  const correction2 = Math.sqrt(1 - beta2 ** state.step);
  for (const [name, w] of parameters) {
    const gradient = gradients.get(name);
    const moments = state.moments.get(name);
    if (gradient?.length !== w.length || moments === undefined) {
      throw internalError(`no gradient or state of ${w.length} values for ${name}`);
    }
    const rate = options.learningRate * (options.learningRateFactor?.(name) ?? 1);
    const { first, second } = moments;
    for (let i = 0; i < w.length; i++) {
      const g = gradient[i]!; // the lengths are equal, checked above
      const m = beta1 * first[i]! + (1 - beta1) * g;
      const v = beta2 * second[i]! + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      const denominator = Math.sqrt(v) / correction2 + epsilon;
      w[i] = w[i]! * (1 - rate * weightDecay) - ((rate / correction1) * m) / denominator;
    }
  }
}
