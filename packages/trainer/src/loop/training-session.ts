/**
 * Training primitives: the loop runs in the caller. Gradients add up over calls until a step applies and clears them; the
 * loss is a sum over weighted targets and the caller normalises, by `scale` or by the learning rate.
 */
import { type Adapter, type AdapterOptions, createAdapter } from "@qtune/adapters";
import { type Abortable, QtuneError } from "@qtune/base";
import type { ExecutionUsage, Executor } from "@qtune/circuit";
import {
  type Sequence,
  assertMemory,
  createTrainingProgram,
  estimateDecoderMemory,
} from "@qtune/llm";
import { noUsage } from "@qtune/quantum-layer";
import { loadCheckpoint, saveCheckpoint } from "../checkpoint/checkpoint.ts";
import { ignoredLabel } from "../data/tokenise.ts";
import { type TrainerModel, linearSites, decoderOf } from "../model.ts";
import { type AdamOptions, createAdamState, stepAdamInPlace } from "../optimise/adamw.ts";
import { clipInPlace, globalNorm } from "../optimise/clip.ts";
import { type CircuitSettings, createCircuitRunner } from "./circuits.ts";
import { findNonFinite, nonFiniteError } from "./non-finite.ts";

/** One example. The caller does the causal shift: target t belongs to the position of input t. */
export interface SessionDatum {
  readonly inputIds: readonly number[];
  readonly targetIds: readonly number[];
  /** Weight of each target; 0 leaves it out. Default: all 1. */
  readonly weights?: readonly number[] | undefined;
}

/** Loss of a call. */
export interface SessionLoss {
  /** Σ weight · −log p, in nats. */
  readonly lossSum: number;
  readonly weightSum: number;
  /** Log probability of each target of each datum; NaN where its weight is 0. */
  readonly logprobs: readonly Float64Array[];
  readonly usage: ExecutionUsage;
}

/** What a session is. */
export interface SessionOptions {
  readonly model: TrainerModel;
  readonly adapter: AdapterOptions;
  readonly executor: Executor;
  readonly circuits?: CircuitSettings | undefined;
  readonly seed: number;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * An adapter that is trained step by step by its caller. One call at a time.
 *
 * Errors: invalid_argument for a datum whose lists differ in length, naming it; out_of_range when a number is not finite.
 */
export interface TrainingSession {
  readonly adapter: Adapter;
  /** The current values, by parameter name. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Optimiser steps done. */
  readonly step: number;
  /** Computes the loss and adds its gradient, times `scale`, to what earlier calls have left; a call that fails adds nothing. */
  forwardBackward(
    data: readonly SessionDatum[],
    options?: Abortable & { readonly scale?: number; readonly forwardOnly?: boolean },
  ): Promise<SessionLoss>;
  /** The gradients that have added up so far. */
  gradients(): ReadonlyMap<string, Float64Array>;
  /** Applies the gradients, clipped where asked for, and clears them. Returns their norm before clipping. */
  optimStep(options: AdamOptions & { readonly clipNorm?: number }): {
    readonly step: number;
    readonly gradientNorm: number;
  };
  /** Saves values and optimiser as `checkpoint-<step>` below a folder, and returns its path. */
  saveState(directory: string): Promise<string>;
  /** Loads a saved state; the optimiser starts afresh with `weightsOnly`. Clears the gradients. */
  loadState(checkpoint: string, options?: { readonly weightsOnly?: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** Creates a session with a fresh adapter. Cost: compiles a training program. */
export async function createTrainingSession(options: SessionOptions): Promise<TrainingSession> {
  const { model, seed } = options;
  const adapter = createAdapter(options.adapter, linearSites(model.config));
  const values = adapter.initialValues(seed);
  let optimizer = createAdamState(values);
  const runner = createCircuitRunner(options.executor, { seed, ...options.circuits });
  const program = await createTrainingProgram({
    ...decoderOf(model),
    recompute,
    onLinear: (call) => adapter.onLinear(call),
    hostOperations: runner.handlers,
    threads: options.threads,
    signal: options.signal,
  });
  const sums = new Map<string, Float64Array>();
  const clear = (): void => {
    sums.clear();
    for (const [name, data] of values) sums.set(name, new Float64Array(data.length));
  };
  clear();
  let calls = 0;

  const takeGradients = async (
    signal: AbortSignal | undefined,
  ): Promise<Record<string, Float64Array>> => {
    const gradients = await program.takeGradients({ signal });
    const bad = findNonFinite(Object.entries(gradients));
    if (bad !== undefined) throw nonFiniteError(optimizer.step + 1, "a gradient", [], bad);
    return gradients;
  };
  const addGradients = (factor: number, gradients: Record<string, Float64Array>): void => {
    for (const [name, gradient] of Object.entries(gradients)) {
      const sum = sums.get(name);
      if (sum !== undefined) gradient.forEach((value, i) => (sum[i]! += factor * value)); // equal lengths
    }
  };

  return {
    adapter,
    values,
    get step() {
      return optimizer.step;
    },

    async forwardBackward(data, { scale = 1, forwardOnly = false, signal } = {}) {
      data.forEach(assertDatum);
      const before = runner.usage();
      const logprobs = data.map(({ targetIds }) =>
        new Float64Array(targetIds.length).fill(Number.NaN),
      );
      let [lossSum, weightSum] = [0, 0];
      const passes: { factor: number; gradients: Record<string, Float64Array> }[] = [];
      program.bindParameters(Object.fromEntries(values));
      calls += 1;
      try {
        // Targets of one weight form one pass: the program sums plain losses, the weight multiplies their gradient.
        for (const weight of distinctWeights(data)) {
          const chosen = data.flatMap((datum, index) => {
            const positions = positionsOf(datum, weight);
            return positions.length === 0 ? [] : [{ datum, index, positions }];
          });
          for (const [place, part] of cutIntoParts(chosen).entries()) {
            const sequences = part.map(toSequence);
            assertFits(model, sequences);
            runner.setLabel("session", optimizer.step, calls, weight, place);
            const { loss, count, nll } = await program.run(sequences, { signal });
            let at = 0;
            for (const { index, positions } of part) {
              for (const t of positions) logprobs[index]![t] = -nll[at++]!; // one nll per chosen position
            }
            lossSum += weight * loss;
            weightSum += weight * count;
          }
          const gradients = await takeGradients(signal);
          if (!forwardOnly) passes.push({ factor: weight * scale, gradients });
        }
      } catch (error) {
        await program.takeGradients(); // what earlier parts have left inside the program
        throw error;
      }
      // All or nothing: a call that fails on the way leaves no gradient behind.
      for (const { factor, gradients } of passes) addGradients(factor, gradients);
      const after = runner.usage();
      return {
        lossSum,
        weightSum,
        logprobs,
        usage: {
          ...noUsage,
          ...after,
          circuits: after.circuits - before.circuits,
          shots: after.shots - before.shots,
          chipSeconds: after.chipSeconds - before.chipSeconds,
        },
      };
    },

    gradients: () => sums,

    optimStep({ clipNorm, ...adam }) {
      const gradientNorm =
        clipNorm === undefined || clipNorm === 0 ? globalNorm(sums) : clipInPlace(sums, clipNorm);
      stepAdamInPlace(values, sums, optimizer, adam);
      clear();
      return { step: optimizer.step, gradientNorm };
    },

    saveState: (directory) =>
      saveCheckpoint(
        directory,
        {
          adapter,
          values,
          optimizer,
          random: { seed, step: optimizer.step },
          state: {
            epoch: 0,
            global_step: optimizer.step,
            max_steps: optimizer.step,
            log_history: [],
            best_metric: null,
            best_global_step: null,
            best_model_checkpoint: null,
            num_input_tokens_seen: 0,
            evaluations_without_improvement: 0,
            usage: {},
            final: false,
          },
        },
        {
          base: { name: model.identity.source, sha256: model.identity.sha256 },
          notes: { "qtune.seed": String(seed) },
        },
      ),

    async loadState(checkpoint, { weightsOnly = false } = {}) {
      const loaded = await loadCheckpoint(checkpoint, adapter);
      for (const [name, data] of loaded.values) values.get(name)?.set(data);
      optimizer = weightsOnly ? createAdamState(values) : loaded.optimizer;
      clear();
    },

    close: () => program.close(),
  };
}

/** What the reverse pass computes again: how long the examples will be is not known beforehand. */
const recompute = "attention";
/** Tokens computed at once; a longer example passes alone. */
const partTokens = 1024;

/** Cuts what is to be learnt into parts that pass the model one after the other: loss and gradients are sums. */
function cutIntoParts<T extends { readonly datum: SessionDatum }>(
  chosen: readonly T[],
): readonly (readonly T[])[] {
  const parts: T[][] = [];
  let room = 0;
  for (const entry of chosen) {
    const tokens = entry.datum.inputIds.length;
    if (tokens > room) {
      parts.push([]);
      room = partTokens;
    }
    parts.at(-1)?.push(entry);
    room -= tokens;
  }
  return parts;
}

/** Errors: resource_exhausted with the figures when a part would not fit into memory. */
function assertFits({ config, baseWeights }: TrainerModel, sequences: readonly Sequence[]): void {
  const lengths = sequences.map(({ ids }) => ids.length);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const longest = Math.max(...lengths); // of a part: a thousand at most
  const labelled = tokens;
  const question = {
    config,
    baseWeights,
    isTraining: true,
    recompute,
    tokens,
    longest,
    labelled,
  } as const;
  const { activationBytes, logitBytes } = estimateDecoderMemory(question);
  // Weights are in memory already, so small parts are not asked about: the answer costs a system call.
  if (activationBytes + logitBytes < 2 ** 28) return;
  assertMemory(question, process.availableMemory());
}

function assertDatum({ inputIds, targetIds, weights }: SessionDatum, index: number): void {
  const where = `data[${index}]`;
  if (
    inputIds.length === 0 ||
    inputIds.length !== targetIds.length ||
    (weights ?? targetIds).length !== targetIds.length
  ) {
    throw new QtuneError(
      "invalid_argument",
      `expected as many inputs, targets and weights, at least one, but was given ${inputIds.length}, ${targetIds.length} and ${weights?.length ?? "none"}`,
      { where },
    );
  }
  const bad = weights?.findIndex((weight) => !Number.isFinite(weight)) ?? -1;
  if (bad >= 0) {
    throw new QtuneError(
      "invalid_argument",
      `expected a finite weight but was given ${weights?.[bad]}`,
      {
        where: `${where}.weights[${bad}]`,
      },
    );
  }
}

/** The weights that occur, without 0, in ascending order. */
function distinctWeights(data: readonly SessionDatum[]): readonly number[] {
  const all = new Set(data.flatMap(({ targetIds, weights }) => weights ?? targetIds.map(() => 1)));
  all.delete(0);
  return [...all].sort((a, b) => a - b);
}

function positionsOf({ targetIds, weights }: SessionDatum, weight: number): readonly number[] {
  return targetIds.flatMap((_, t) => ((weights?.[t] ?? 1) === weight ? [t] : []));
}

/** Target t is the label of position t + 1, as in Hugging Face; one more input carries the last one. */
function toSequence({
  datum,
  positions,
}: {
  readonly datum: SessionDatum;
  readonly positions: readonly number[];
}): Sequence {
  const { inputIds, targetIds } = datum;
  const labels = new Int32Array(inputIds.length + 1).fill(ignoredLabel);
  for (const t of positions) labels[t + 1] = targetIds[t]!; // t is a target's index
  return { ids: [...inputIds, inputIds.at(-1) ?? 0], labels };
}
