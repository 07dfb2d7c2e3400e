/**
 * Training steps in which the gradient of one adapter is measured on a device by parameter shift while the rest stays
 * exact: what hardware gradients are worth, and what they cost.
 */
import { createAdapter } from "@qtune/adapters";
import {
  type Abortable,
  type OnProgress,
  QtuneError,
  createRandom,
  throwIfAborted,
} from "@qtune/base";
import type { ExecutionUsage, Executor } from "@qtune/circuit";
import { type Tokenizer, createTrainingProgram } from "@qtune/llm";
import { addUsage, noUsage } from "@qtune/quantum-layer";
import { loadCheckpoint } from "../checkpoint/checkpoint.ts";
import type { RunConfig } from "../config/run-config.ts";
import { createBatchOrder, microBatches } from "../data/batches.ts";
import { type TrainerModel, linearSites, decoderOf } from "../model.ts";
import { stepAdamInPlace } from "../optimise/adamw.ts";
import { clipInPlace } from "../optimise/clip.ts";
import { type CircuitSettings, createCircuitRunner } from "./circuits.ts";
import { type GradientComparison, createMeasuredHooks } from "./measured-gradient.ts";
import { createPatientExecutor } from "./patient-executor.ts";
import { loadTrainingData } from "./training-data.ts";

/** What is probed. */
export interface ProbeOptions extends Abortable {
  /** Configuration of the run that the checkpoint belongs to: its data and adapter. */
  readonly config: RunConfig;
  /** Folder of the checkpoint. Nothing in it is changed. */
  readonly checkpoint: string;
  readonly model: TrainerModel;
  readonly tokenizer: Tokenizer;
  /** Runs everything that is not measured. */
  readonly exactExecutor: Executor;
  /** Measures. */
  readonly device: Executor;
  readonly settings: CircuitSettings;
  /** Path of the module. Default: the first quantum module of the last layer. */
  readonly module?: string | undefined;
  /** Tokens sampled per step. Default: 64. */
  readonly tokens?: number | undefined;
  /** Default: 3. */
  readonly steps?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** One step of the probe. */
export interface ProbeStep {
  /** From 1. */
  readonly step: number;
  readonly module: string;
  readonly tokens: number;
  /** Mean loss of the step with the device's values at the sampled tokens, in nats. */
  readonly loss: number;
  /** Cosine between the measured and the exact gradient of the circuit's weights, over the sampled tokens. */
  readonly cosine: number;
  readonly measuredNorm: number;
  readonly exactNorm: number;
  /** The same cosine for the gradient of the sampled tokens' angles. */
  readonly cosineInputs: number;
  /** What the device has run. */
  readonly usage: ExecutionUsage;
}

/** The learning rate of a probe's steps, as a share of the run's peak: the schedule has ended, the adapter is trained. */
const probeRateShare = 0.1;

/**
 * Trains some steps from a checkpoint and yields each with the agreement of its measured gradient.
 *
 * Cost:   (1 + 14nL) circuits per sampled token and step on the device.
 * Errors: invalid_argument when the adapter has no circuit in the module; what device and model throw.
 */
export async function* probeGradient(options: ProbeOptions): AsyncGenerator<ProbeStep> {
  const { config, model, tokenizer, signal, tokens = 64, steps = 3 } = options;
  const adapter = createAdapter(config.adapter, linearSites(model.config));
  const module = findModule(
    adapter.quantumSites.map(({ path, layer }) => ({ path, layer })),
    options.module,
  );
  const { values, optimizer } = await loadCheckpoint(options.checkpoint, adapter);
  const data = await loadTrainingData(config, model, tokenizer);
  const order = createBatchOrder(
    data.train.samples,
    config.train,
    createRandom(config.data.seed ?? config.train.seed, "order"),
  );
  const device = createPatientExecutor(options.device, {
    signal,
    onWaiting: (reason) =>
      options.onProgress?.({
        phase: "gradient",
        done: 0,
        unit: "steps",
        message: reason === undefined ? "goes on" : `waiting for the device: ${reason}`,
      }),
  });

  let comparisons: GradientComparison[] = [];
  let share = { part: 0, parts: 1 };
  const hooks = createMeasuredHooks({
    executor: device,
    settings: { ...options.settings, seed: options.settings.seed ?? config.train.seed },
    // Spread over the micro-batches of a step so that they add up to `tokens`.
    tokens: ({ path }) =>
      path === module
        ? Math.round((tokens * (share.part + 1)) / share.parts) -
          Math.round((tokens * share.part) / share.parts)
        : 0,
    onCompared: (comparison) => comparisons.push(comparison),
  });
  const runner = createCircuitRunner(options.exactExecutor, {}, hooks);
  const program = await createTrainingProgram({
    ...decoderOf(model),
    onLinear: (call) => adapter.onLinear(call),
    hostOperations: runner.handlers,
    threads: config.train.threads,
    signal,
  });
  try {
    for (let step = 0; step < steps; step++) {
      throwIfAborted(signal);
      comparisons = [];
      program.bindParameters(Object.fromEntries(values));
      const parts = microBatches(order.batch(step), config.train.microBatchTokens);
      let [loss, count] = [0, 0];
      for (const [part, samples] of parts.entries()) {
        share = { part, parts: parts.length };
        runner.setLabel("probe", step, part);
        const result = await program.run(samples, { signal });
        loss += result.loss;
        count += result.count;
      }
      const gradients = new Map(Object.entries(await program.takeGradients({ signal })));
      for (const gradient of gradients.values()) {
        for (let i = 0; i < gradient.length; i++) gradient[i]! /= count; // i is inside the array
      }
      clipInPlace(
        gradients,
        config.train.clipNorm > 0 ? config.train.clipNorm : Number.POSITIVE_INFINITY,
      );
      stepAdamInPlace(values, gradients, optimizer, {
        learningRate: config.train.lr * probeRateShare,
      });
      yield { step: step + 1, module, loss: loss / count, ...agreement(comparisons) };
      options.onProgress?.({ phase: "gradient", done: step + 1, total: steps, unit: "steps" });
    }
  } finally {
    await program.close();
  }
}

function findModule(
  sites: readonly { readonly path: string; readonly layer: number }[],
  wanted: string | undefined,
): string {
  const last = Math.max(...sites.map(({ layer }) => layer));
  const found =
    wanted === undefined || wanted === ""
      ? sites.find(({ layer }) => layer === last)
      : sites.find(({ path }) => path === wanted || path.endsWith(`.${wanted}`));
  if (found !== undefined) return found.path;
  const known = sites.map(({ path }) => path).join(", ");
  throw new QtuneError(
    "invalid_argument",
    `expected a module with a circuit (${known === "" ? "this adapter has none" : known}) but was given ${wanted ?? "nothing"}`,
    { where: "probe.module" },
  );
}

function agreement(
  comparisons: readonly GradientComparison[],
): Omit<ProbeStep, "step" | "module" | "loss"> {
  const weights = pairOf(
    comparisons.map(({ measuredWeights, exactWeights }) => [measuredWeights, exactWeights]),
    true,
  );
  const inputs = pairOf(
    comparisons.map(({ measuredInputs, exactInputs }) => [measuredInputs, exactInputs]),
    false,
  );
  return {
    tokens: comparisons.reduce(
      (sum, { measuredInputs, site }) => sum + measuredInputs.length / site.n,
      0,
    ),
    cosine: cosineOf(weights),
    measuredNorm: normOf(weights.measured),
    exactNorm: normOf(weights.exact),
    cosineInputs: cosineOf(inputs),
    usage: comparisons.reduce((sum, { usage }) => addUsage(sum, usage), noUsage),
  };
}

interface Pair {
  readonly measured: readonly number[];
  readonly exact: readonly number[];
}

/** Joins the parts of a step: weights are shared and add up, inputs belong to their tokens and stand one after another. */
function pairOf(parts: readonly (readonly [Float64Array, Float64Array])[], adds: boolean): Pair {
  const join = (side: 0 | 1): number[] => {
    const lists = parts.map((part) => [...part[side]]);
    if (!adds) return lists.flat();
    return (lists[0] ?? []).map((_, i) => lists.reduce((sum, list) => sum + (list[i] ?? 0), 0));
  };
  return { measured: join(0), exact: join(1) };
}

function normOf(values: readonly number[]): number {
  return Math.hypot(...values);
}

function cosineOf({ measured, exact }: Pair): number {
  const dot = measured.reduce((sum, value, i) => sum + value * (exact[i] ?? 0), 0);
  const norms = normOf(measured) * normOf(exact);
  return norms === 0 ? 0 : dot / norms;
}
