/**
 * Gradients of which a part is measured on a device: of the tokens that pass a module some are sampled, their values and
 * all their shifted circuits run on the device in one batch, and everything else stays exact. What a chip can afford.
 */
import type { QuantumCall, QuantumHandlerOptions, QuantumSite } from "@qtune/adapters";
import { createRandom } from "@qtune/base";
import type { ExecutionUsage, Executor } from "@qtune/circuit";
import {
  type LayerGradient,
  type ShiftMeasurement,
  addUsage,
  noUsage,
  sampleTokens,
} from "@qtune/quantum-layer";
import { type CircuitSettings, createLayerCache } from "./circuits.ts";

/** Gradient of the sampled tokens, once measured and once exact. */
export interface GradientComparison {
  readonly site: QuantumSite;
  /** Gradient of the circuit's weights, summed over the sampled tokens. */
  readonly measuredWeights: Float64Array;
  readonly exactWeights: Float64Array;
  /** Gradient of the sampled tokens' angles. */
  readonly measuredInputs: Float64Array;
  readonly exactInputs: Float64Array;
  readonly usage: ExecutionUsage;
}

/** What is measured, and where. */
export interface MeasuredHooksOptions {
  /** The device. */
  readonly executor: Executor;
  readonly settings: CircuitSettings;
  /** Tokens to sample in a call of T tokens; 0 leaves it exact. */
  tokens(site: QuantumSite, T: number): number;
  /** Also computes the exact gradient of the sampled tokens and hands over both. */
  onCompared?(comparison: GradientComparison): void;
}

interface PendingMeasurement {
  readonly indices: Int32Array;
  readonly scale: number;
  readonly inputs: Float64Array;
  readonly pullBack: ShiftMeasurement["pullBack"];
  readonly usage: ExecutionUsage;
}

/** Creates the hooks for a circuit runner whose own executor is exact. */
export function createMeasuredHooks(
  options: MeasuredHooksOptions,
): Pick<QuantumHandlerOptions, "forward" | "backward"> {
  const layerFor = createLayerCache(options.executor, options.settings);
  const root = createRandom(options.settings.seed ?? 0, "sampled-tokens");
  const pending = new Map<string, PendingMeasurement>();
  return {
    async forward(call) {
      const { layer, inputs, weights, site, label, signal } = call;
      const { n } = site;
      const exact = await layer.forward(inputs, weights, { label, signal });
      const T = inputs.length / n;
      const count = options.tokens(site, T);
      pending.delete(site.path);
      if (count === 0 || T === 0) return exact;
      const { indices, scale } = sampleTokens(T, count, root.fork(...label));
      const sampled = takeRows(inputs, indices, n);
      const measured = await layerFor(site).measure(sampled, weights, { label, signal });
      pending.set(site.path, {
        indices,
        scale,
        inputs: sampled,
        pullBack: measured.pullBack,
        usage: measured.usage,
      });
      const values = Float64Array.from(exact.values);
      indices.forEach((t, k) => values.set(measured.values.subarray(k * n, (k + 1) * n), t * n));
      return { values, usage: addUsage(exact.usage, measured.usage) };
    },

    async backward(call, cotangent) {
      const { layer, inputs, weights, site, label, signal } = call;
      const exact = await layer.backward(inputs, weights, cotangent, { label, signal });
      const measurement = pending.get(site.path);
      if (measurement === undefined) return exact;
      pending.delete(site.path);
      const { n } = site;
      const sampledCotangent = takeRows(cotangent, measurement.indices, n);
      const measured = measurement.pullBack(sampledCotangent);
      await compare(call, measurement, sampledCotangent, measured);
      const mixed = Float64Array.from(exact.inputs);
      measurement.indices.forEach((t, k) =>
        mixed.set(measured.inputs.subarray(k * n, (k + 1) * n), t * n),
      );
      return {
        inputs: mixed,
        weights: measured.weights.map((value) => value * measurement.scale), // unbiased for all tokens
        usage: exact.usage,
      };
    },
  };

  async function compare(
    { layer, weights, site, label, signal }: QuantumCall,
    { inputs, usage }: PendingMeasurement,
    cotangent: Float64Array,
    measured: Pick<LayerGradient, "inputs" | "weights">,
  ): Promise<void> {
    if (options.onCompared === undefined) return;
    const exact = await layer.backward(inputs, weights, cotangent, { label, signal });
    options.onCompared({
      site,
      measuredWeights: measured.weights,
      exactWeights: exact.weights,
      measuredInputs: measured.inputs,
      exactInputs: exact.inputs,
      usage: addUsage(noUsage, usage),
    });
  }
}

function takeRows(values: Float64Array, indices: Int32Array, width: number): Float64Array {
  const taken = new Float64Array(indices.length * width);
  indices.forEach((row, k) =>
    taken.set(values.subarray(row * width, (row + 1) * width), k * width),
  );
  return taken;
}
