/**
 * The training loop: data in a fixed order, micro-batches whose summed gradients are divided by the labels of the whole
 * step, clipping, AdamW, checkpoints. Reads from top to bottom; its parts are in the files beside it.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { type Adapter, type CircuitPlacement, createAdapter } from "@qtune/adapters";
import {
  type Abortable,
  QtuneError,
  createRandom,
  isQtuneError,
  throwIfAborted,
} from "@qtune/base";
import type { ExecutionUsage, Executor } from "@qtune/circuit";
import { type DecoderProgram, type Tokenizer, createTrainingProgram } from "@qtune/llm";
import { addUsage, noUsage } from "@qtune/quantum-layer";
import {
  type CheckpointContent,
  type CheckpointInfo,
  type TrainerState,
  listCheckpoints,
  loadCheckpoint,
  pruneCheckpoints,
  removeUnfinished,
  saveCheckpoint,
} from "../checkpoint/checkpoint.ts";
import type { RunConfig } from "../config/run-config.ts";
import { type BatchOrder, createBatchOrder, microBatches } from "../data/batches.ts";
import type { Sample } from "../data/example.ts";
import { type EvaluationResult, evaluateModel } from "../evaluate/evaluation.ts";
import { evalConfigSchema } from "../evaluate/eval-config.ts";
import { appendMetrics, readMetrics, truncateMetrics } from "../metrics/metrics-log.ts";
import { type TensorBoardWriter, createTensorBoardWriter } from "../metrics/tensorboard.ts";
import { type TrainerModel, countModelParameters, linearSites, decoderOf } from "../model.ts";
import { type AdamState, createAdamState, stepAdamInPlace } from "../optimise/adamw.ts";
import { clipInPlace, globalNorm } from "../optimise/clip.ts";
import { scheduleFactor } from "../optimise/schedule.ts";
import { type CircuitRunner, createCircuitRunner, placeCircuits } from "./circuits.ts";
import type { StepMetrics, TrainingEvent } from "./events.ts";
import { createMeasuredHooks } from "./measured-gradient.ts";
import { findNonFinite, nonFiniteError } from "./non-finite.ts";
import { createPatientExecutor } from "./patient-executor.ts";
import { type RunIdentity, assertSameRun, describeRun, writeRunFiles } from "./run-files.ts";
import { type TrainingData, loadTrainingData } from "./training-data.ts";
import { assertTrainingFits, chooseRecompute } from "../plan/plan-memory.ts";

/** What a training needs. */
export interface TrainingOptions extends Abortable {
  readonly config: RunConfig;
  readonly model: TrainerModel;
  readonly tokenizer: Tokenizer;
  /** Runs the circuits, as `config.executor` says. */
  readonly executor: Executor;
  /** Runs what `executor.sampledTokens` leaves unmeasured. Default: `executor`. */
  readonly exactExecutor?: Executor | undefined;
  /** Folder of the run; made if missing. */
  readonly directory: string;
  /** Goes on from the newest good checkpoint in the folder, if there is one. Default: true. */
  readonly resume?: boolean | undefined;
  readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
  /** Versions and the like, kept with the run. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since 1970. Default: the system's clock. Times never influence what is learnt. */
  readonly clock?: (() => number) | undefined;
}

/** What a training has led to. */
export interface TrainingResult {
  readonly steps: number;
  readonly trainableParameters: number;
  readonly totalParameters: number;
  /** `train.loss` of the last step, and `eval.…` of the last evaluation. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly checkpoint: string;
  readonly usage: ExecutionUsage;
  readonly stoppedEarly: boolean;
}

/** Everything that changes from step to step. */
interface Progress {
  step: number;
  tokensSeen: number;
  usage: ExecutionUsage;
  bestMetric: number | null;
  bestStep: number | null;
  withoutImprovement: number;
}

/**
 * Trains an adapter to the end of its configuration, or goes on where the folder's newest good checkpoint stands.
 *
 * Effect: writes `config.yaml`, `environment.json`, `metrics.jsonl`, `tensorboard/`, `checkpoint-N/` and, at the end, the
 *         adapter in `adapter/`. Killed at any moment and started again, it gives byte for byte the adapter of an
 *         undisturbed run (exact circuits, or shots with a seed). On abort it saves a checkpoint after the current step.
 * Errors: cancelled on abort; out_of_range naming tensor, step and examples when a number is not finite;
 *         failed_precondition when the folder holds another run, with the differences; what data and model throw.
 */
export async function runTraining(given: TrainingOptions): Promise<TrainingResult> {
  const { baseWeights } = given.config.train;
  const run = await prepareRun({ ...given, model: { ...given.model, baseWeights } });
  try {
    await trainSteps(run);
    return await finishRun(run);
  } finally {
    run.tensorBoard.close();
    await run.program.close();
  }
}

/** A prepared run: what does not change, and the values that do. */
interface Run {
  readonly options: TrainingOptions;
  readonly emit: (event: TrainingEvent) => void;
  readonly clock: () => number;
  readonly adapter: Adapter;
  /** Modules whose circuits are computed in the graph, where no executor counts them. */
  readonly loweredSites: number;
  readonly data: TrainingData;
  readonly order: BatchOrder;
  readonly totalSteps: number;
  readonly program: DecoderProgram;
  readonly circuits: CircuitRunner;
  readonly executor: Executor;
  readonly values: Map<string, Float32Array>;
  readonly optimizer: AdamState;
  readonly progress: Progress;
  readonly identity: RunIdentity;
  readonly tensorBoard: TensorBoardWriter;
  /** Whether values were read back from a checkpoint. */
  stoppedEarly: boolean;
  lastEvaluation: EvaluationResult | undefined;
}

async function prepareRun(options: TrainingOptions): Promise<Run> {
  const { config, model, tokenizer, directory, signal } = options;
  const emit = options.onEvent ?? (() => {});
  const clock = options.clock ?? Date.now;
  emit({ kind: "state", state: "preparing", reason: "" });
  await mkdir(directory, { recursive: true });
  await removeUnfinished(directory);

  const circuitPlacement = placeCircuits(config);
  const adapter = createAdapter(config.adapter, linearSites(model.config), {
    circuits: circuitPlacement,
  });
  const data = await loadTrainingData(config, model, tokenizer);
  reportData(data, emit);
  reportCircuits(adapter, circuitPlacement, config, emit);
  const order = createBatchOrder(
    data.train.samples,
    config.train,
    createRandom(config.data.seed ?? config.train.seed, "order"),
  );
  assertTrainingFits(config, model, order, process.availableMemory());
  const totalSteps = countSteps(config, order);
  const identity = describeRun({
    config,
    model,
    totalSteps,
    environment: options.environment ?? {},
  });
  await assertSameRun(directory, identity, emit);
  await writeRunFiles(directory, identity);

  const found =
    options.resume === false ? undefined : await findCheckpoint(directory, adapter, emit);
  const values = found?.values ?? adapter.initialValues(config.train.seed);
  const optimizer = found?.optimizer ?? createAdamState(values);
  const progress = startingPoint(found?.state);
  const metricsFile = path.join(directory, "metrics.jsonl");
  await truncateMetrics(metricsFile, progress.step);

  const waiting = (reason: string | undefined): void =>
    emit(
      reason === undefined
        ? { kind: "state", state: "running", reason: "" }
        : { kind: "state", state: "waiting", reason: `waiting for the circuits: ${reason}` },
    );
  const executor = createPatientExecutor(options.executor, { onWaiting: waiting, signal });
  const exact =
    options.exactExecutor === undefined
      ? executor
      : createPatientExecutor(options.exactExecutor, { onWaiting: waiting, signal });
  const { sampledTokens } = config.executor;
  const settings = { ...config.executor, seed: config.executor.seed ?? config.train.seed };
  const circuits =
    sampledTokens === undefined
      ? createCircuitRunner(executor, settings)
      : createCircuitRunner(
          exact,
          {},
          createMeasuredHooks({ executor, settings, tokens: () => sampledTokens }),
        );
  const program = await createTrainingProgram({
    ...decoderOf(model),
    recompute: chooseRecompute(config.train, order),
    onLinear: (call) => adapter.onLinear(call),
    hostOperations: circuits.handlers,
    threads: config.train.threads,
    signal,
  });
  const boardDirectory = path.join(directory, "tensorboard");
  await mkdir(boardDirectory, { recursive: true });
  return {
    options,
    emit,
    clock,
    adapter,
    loweredSites: circuitPlacement === "graph" ? adapter.quantumSites.length : 0,
    data,
    order,
    totalSteps,
    program,
    circuits,
    executor,
    values,
    optimizer,
    progress,
    identity,
    tensorBoard: createTensorBoardWriter(boardDirectory, clock() / 1000),
    stoppedEarly: false,
    lastEvaluation: undefined,
  };
}

function reportData({ train, validation, description }: TrainingData, emit: Run["emit"]): void {
  const { examples, tokens, labelled, cutExamples, cutTokens } = train.statistics;
  const held = validation === undefined ? "" : `, ${validation.statistics.examples} held out`;
  emit({
    kind: "log",
    level: "info",
    message: `data: ${description}; ${examples} examples${held}, ${tokens} tokens, ${((100 * labelled) / tokens).toFixed(1)}% of them learnt`,
  });
  if (cutExamples > 0) {
    emit({
      kind: "log",
      level: "warning",
      message: `data: ${cutExamples} examples were cut, ${cutTokens} tokens lost; raise data.maxTokens to keep them`,
    });
  }
}

function reportCircuits(
  adapter: Adapter,
  placement: CircuitPlacement,
  { executor }: RunConfig,
  emit: Run["emit"],
): void {
  if (adapter.quantumSites.length === 0) return;
  const where =
    placement === "graph"
      ? "exact, as tensor operations of the model's graph (the executor gives the same numbers)"
      : executor.kind === "exact"
        ? "exact, by the local executor"
        : `by ${executor.kind} ${executor.chip ?? ""}`.trim();
  emit({
    kind: "log",
    level: "info",
    message: `circuits: ${adapter.quantumSites.length} modules of ${adapter.config.rank} qubits, ${where}`,
  });
}

/** Number of optimiser steps: as given, or from epochs, or one pass. */
export function countSteps(config: RunConfig, order: Pick<BatchOrder, "stepsPerEpoch">): number {
  return (
    config.train.steps ?? Math.max(1, Math.round((config.train.epochs ?? 1) * order.stepsPerEpoch))
  );
}

function startingPoint(state: TrainerState | undefined): Progress {
  return {
    step: state?.global_step ?? 0,
    tokensSeen: state?.num_input_tokens_seen ?? 0,
    usage: { ...noUsage, ...(state?.usage as Partial<ExecutionUsage> | undefined) },
    bestMetric: state?.best_metric ?? null,
    bestStep: state?.best_global_step ?? null,
    withoutImprovement: state?.evaluations_without_improvement ?? 0,
  };
}

/** Loads the newest checkpoint that is whole; a damaged one is named and the one before it tried. */
async function findCheckpoint(
  directory: string,
  adapter: Adapter,
  emit: Run["emit"],
): Promise<CheckpointContent | undefined> {
  for (const info of await listCheckpoints(directory)) {
    try {
      const content = await loadCheckpoint(info.directory, adapter);
      emit({ kind: "log", level: "info", message: `goes on from ${info.id}` });
      return content;
    } catch (error) {
      const { code, message } = QtuneError.from(error);
      if (code !== "data_loss") throw error;
      emit({
        kind: "log",
        level: "warning",
        message: `${info.id} is damaged (${message}); trying the one before`,
      });
    }
  }
  return undefined;
}

async function trainSteps(run: Run): Promise<void> {
  const { options, emit, progress, totalSteps, clock } = run;
  const { train, eval: evaluation } = options.config;
  if (progress.step < totalSteps) emit({ kind: "state", state: "running", reason: "" });
  const started = { time: clock(), step: progress.step };
  while (progress.step < totalSteps && !run.stoppedEarly) {
    if (options.signal?.aborted === true) {
      if (progress.step > started.step) await checkpoint(run, false);
      throwIfAborted(options.signal);
    }
    const metrics = await trainStep(run, started);
    record(run, metrics);
    watchLoss(run);
    if (evaluation.every > 0 && progress.step % evaluation.every === 0) await evaluate(run);
    if (progress.step % train.checkpointEvery === 0 && progress.step < totalSteps)
      await checkpoint(run, false);
  }
}

async function trainStep(
  run: Run,
  started: { readonly time: number; readonly step: number },
): Promise<StepMetrics> {
  const { options, program, values, optimizer, progress, order, clock } = run;
  const { train } = options.config;
  const begun = clock();
  const samples = order.batch(progress.step);
  program.bindParameters(Object.fromEntries(values));
  const sums = await accumulate(run, samples);
  const gradients = new Map<string, Float64Array>(
    Object.entries(await program.takeGradients({ signal: options.signal })),
  );
  assertFiniteStep(run, samples, sums.loss, gradients);
  for (const gradient of gradients.values()) {
    for (let i = 0; i < gradient.length; i++) gradient[i]! /= sums.count; // i is inside the array
  }
  const norm = train.clipNorm > 0 ? clipInPlace(gradients, train.clipNorm) : globalNorm(gradients);
  const learningRate = train.lr * scheduleFactor(scheduleOf(run), progress.step);
  stepAdamInPlace(values, gradients, optimizer, {
    learningRate,
    beta1: train.beta1,
    beta2: train.beta2,
    epsilon: train.epsilon,
    weightDecay: train.weightDecay,
    learningRateFactor: outputSideFactor(run.adapter),
  });
  progress.step += 1;
  progress.tokensSeen += sums.tokens;
  progress.usage = addUsage(progress.usage, sums.usage);
  const elapsed = (clock() - begun) / 1000;
  const perStep = (clock() - started.time) / 1000 / (progress.step - started.step);
  return {
    step: progress.step,
    totalSteps: run.totalSteps,
    loss: sums.loss / sums.count,
    learningRate,
    gradientNorm: norm,
    tokensPerSecond: elapsed > 0 ? sums.tokens / elapsed : 0,
    tokensSeen: progress.tokensSeen,
    circuits: progress.usage.circuits,
    epoch: progress.step / order.stepsPerEpoch,
    remainingSeconds: perStep * (run.totalSteps - progress.step),
  };
}

/** Runs the micro-batches of a step; the program adds up their gradients. */
async function accumulate(
  { options, program, circuits, progress, values, loweredSites }: Run,
  samples: readonly Sample[],
): Promise<{ loss: number; count: number; tokens: number; usage: ExecutionUsage }> {
  const before = circuits.usage();
  let [loss, count, tokens] = [0, 0, 0];
  for (const [index, part] of microBatches(
    samples,
    options.config.train.microBatchTokens,
  ).entries()) {
    circuits.setLabel("step", progress.step, index);
    const result = await program.run(part).catch((error: unknown) => {
      if (!isQtuneError(error, "out_of_range")) throw error;
      const ids = part.map(({ id }) => id);
      throw nonFiniteError(
        progress.step + 1,
        `what enters a circuit (${error.message})`,
        ids,
        findNonFinite(values),
      );
    });
    loss += result.loss;
    count += result.count;
    tokens += result.tokens;
  }
  const after = circuits.usage();
  const jobs = after.chipJobs - before.chipJobs;
  const usage = {
    ...after,
    // In the graph each token runs its circuit once forward and once back, as an executor would count them.
    circuits: after.circuits - before.circuits + 2 * loweredSites * tokens,
    shots: after.shots - before.shots,
    chipSeconds: after.chipSeconds - before.chipSeconds,
    chipJobs: jobs,
    parallelMean:
      jobs === 0
        ? 0
        : (after.parallelMean * after.chipJobs - before.parallelMean * before.chipJobs) / jobs,
  };
  return { loss, count, tokens, usage };
}

function assertFiniteStep(
  { progress, values }: Run,
  samples: readonly Sample[],
  loss: number,
  gradients: ReadonlyMap<string, Float64Array>,
): void {
  const ids = samples.map(({ id }) => id);
  const step = progress.step + 1;
  const badGradient = findNonFinite(gradients);
  if (!Number.isFinite(loss))
    throw nonFiniteError(step, "the loss", ids, findNonFinite(values) ?? badGradient);
  if (badGradient !== undefined) throw nonFiniteError(step, "a gradient", ids, badGradient);
}

function scheduleOf({ options, totalSteps }: Run): Parameters<typeof scheduleFactor>[0] {
  const { schedule, warmupSteps, warmupRatio } = options.config.train;
  const warmup = warmupRatio === undefined ? warmupSteps : Math.round(warmupRatio * totalSteps);
  return { kind: schedule, warmupSteps: Math.min(warmup, totalSteps), steps: totalSteps };
}

/** LoRA+: the output side learns faster. */
function outputSideFactor(adapter: Adapter): ((name: string) => number) | undefined {
  const ratio = adapter.config.loraPlusRatio;
  if (ratio === 1) return undefined;
  const outputSide = new Set(
    adapter.tensors
      .filter(({ outputSide }) => outputSide === true)
      .map(({ parameter }) => parameter),
  );
  return (name) => (outputSide.has(name) ? ratio : 1);
}

/** Writes the metrics of a step to the log, to TensorBoard and to whoever listens. */
function record({ options, emit, clock, tensorBoard }: Run, metrics: StepMetrics): void {
  const { totalSteps: _, remainingSeconds: __, ...line } = metrics;
  appendMetrics(path.join(options.directory, "metrics.jsonl"), line);
  tensorBoard.write(
    metrics.step,
    {
      "train/loss": metrics.loss,
      "train/learning_rate": metrics.learningRate,
      "train/grad_norm": metrics.gradientNorm,
      "train/tokens_per_second": metrics.tokensPerSecond,
      "train/epoch": metrics.epoch,
    },
    clock() / 1000,
  );
  emit({ kind: "metrics", metrics });
}

/** Stops a run whose loss stays above the limit. */
function watchLoss({ options, progress }: Run): void {
  const { lossLimit, lossLimitPatience } = options.config.train;
  if (lossLimit === undefined) return;
  const last = lossesOf(options.directory).slice(-lossLimitPatience);
  if (last.length < lossLimitPatience || last.some((loss) => loss <= lossLimit)) return;
  throw new QtuneError(
    "aborted",
    `expected a loss of at most ${lossLimit} but the last ${last.length} steps were above it; lower train.lr`,
    { where: `train.step ${progress.step}` },
  );
}

function lossesOf(directory: string): readonly number[] {
  return readMetrics(path.join(directory, "metrics.jsonl")).flatMap(({ loss }) =>
    typeof loss === "number" ? [loss] : [],
  );
}

async function evaluate(run: Run): Promise<void> {
  const { options, adapter, values, executor, progress, emit, tensorBoard, clock } = run;
  const { config, model, tokenizer } = options;
  for (const task of config.eval.tasks) {
    const result = await evaluateModel(
      {
        model,
        tokenizer,
        adapter: { adapter: createAdapter(config.adapter, adapter.sites), values },
        executor,
        circuits: config.executor.sampledTokens === undefined ? config.executor : {},
        threads: config.train.threads,
      },
      evalConfigSchema.parse({
        task,
        data: config.data.source,
        part: task === "nll" ? "validation" : "newNumbers",
        seed: config.data.seed ?? config.train.seed,
        limit: config.eval.limit,
        maxNewTokens: config.eval.maxNewTokens,
        maxTokens: config.data.maxTokens,
        chat: config.data.template === "chat",
        level: config.data.level,
        languages: config.data.languages,
        operators: config.data.operators,
        maxOperand: config.data.maxOperand,
        ...(config.data.system === undefined ? {} : { system: config.data.system }),
      }),
      {
        signal: options.signal,
        onProgress: (progressOf) => emit({ kind: "progress", progress: progressOf }),
      },
    );
    run.lastEvaluation = result;
    const scalars = Object.fromEntries(
      Object.entries(result.metrics)
        .filter(([name, value]) => !name.includes(".") && Number.isFinite(value))
        .map(([name, value]) => [`eval/${name}`, value]),
    );
    tensorBoard.write(progress.step, scalars, clock() / 1000);
    emit({ kind: "evaluation", step: progress.step, result });
    if (task === config.eval.tasks[0]) await judge(run, result);
  }
}

/** Keeps the best state so far, and stops when there was none for too long. */
async function judge(run: Run, result: EvaluationResult): Promise<void> {
  const { options, progress } = run;
  const metric =
    result.task === "nll" ? (result.metrics["loss"] ?? 0) : -(result.metrics["strict"] ?? 0);
  if (progress.bestMetric === null || metric < progress.bestMetric) {
    progress.bestMetric = metric;
    progress.bestStep = progress.step;
    progress.withoutImprovement = 0;
    await checkpoint(run, false);
    return;
  }
  progress.withoutImprovement += 1;
  const { earlyStopPatience } = options.config.train;
  if (earlyStopPatience !== undefined && progress.withoutImprovement >= earlyStopPatience) {
    run.stoppedEarly = true;
    run.emit({
      kind: "log",
      level: "info",
      message: `stops early: ${progress.withoutImprovement} evaluations without improvement since step ${progress.bestStep}`,
    });
  }
}

async function checkpoint(run: Run, final: boolean): Promise<string> {
  const { options, adapter, values, optimizer, progress, order, identity, emit } = run;
  const history = readMetrics(path.join(options.directory, "metrics.jsonl"));
  const state: TrainerState = {
    epoch: progress.step / order.stepsPerEpoch,
    global_step: progress.step,
    max_steps: run.totalSteps,
    log_history: history.map(({ step, loss, learningRate, gradientNorm }) => ({
      step,
      loss: Number(loss),
      learning_rate: Number(learningRate),
      grad_norm: Number(gradientNorm),
    })),
    best_metric: progress.bestMetric,
    best_global_step: progress.bestStep,
    best_model_checkpoint: progress.bestStep === null ? null : `checkpoint-${progress.bestStep}`,
    num_input_tokens_seen: progress.tokensSeen,
    evaluations_without_improvement: progress.withoutImprovement,
    usage: usageRecord(progress.usage),
    final,
  };
  await saveCheckpoint(
    options.directory,
    {
      adapter,
      values,
      optimizer,
      state,
      random: { seed: options.config.train.seed, step: progress.step },
    },
    identity.provenance,
  );
  await pruneCheckpoints(options.directory, options.config.train.saveTotalLimit);
  const id = `checkpoint-${progress.step}`;
  emit({ kind: "checkpoint", id, step: progress.step, final });
  return id;
}

/** Plain numbers and strings: a seed is left out, it stands in the configuration. */
function usageRecord({ seed: _, ...usage }: ExecutionUsage): Record<string, number | string> {
  return usage;
}

async function finishRun(run: Run): Promise<TrainingResult> {
  const { options, emit, progress, adapter } = run;
  emit({ kind: "state", state: "finishing", reason: "" });
  if (options.config.eval.atEnd && run.lastEvaluation === undefined) await evaluate(run);
  const checkpointId = await finalCheckpoint(run);
  const losses = lossesOf(options.directory);
  return {
    steps: progress.step,
    trainableParameters: adapter.tensors.reduce(
      (sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1),
      0,
    ),
    totalParameters: countModelParameters(options.model),
    metrics: {
      "train.loss": losses.at(-1) ?? Number.NaN,
      ...Object.fromEntries(
        Object.entries(run.lastEvaluation?.metrics ?? {}).map(([name, value]) => [
          `eval.${name}`,
          value,
        ]),
      ),
    },
    checkpoint: checkpointId,
    usage: progress.usage,
    stoppedEarly: run.stoppedEarly,
  };
}

/** Saves the end of the run; after an early stop the best state is the end. */
async function finalCheckpoint(run: Run): Promise<string> {
  const { options, progress, adapter, values } = run;
  if (run.stoppedEarly && progress.bestStep !== null) {
    const best = await loadCheckpoint(
      path.join(options.directory, `checkpoint-${progress.bestStep}`),
      adapter,
    );
    for (const [name, data] of best.values) values.get(name)?.set(data);
    progress.step = progress.bestStep;
  }
  return checkpoint(run, true);
}

/** Returns the checkpoint that a name stands for: an id, `last`, or `best` (the last where none was judged). */
export async function findNamedCheckpoint(
  directory: string,
  name: string,
): Promise<CheckpointInfo> {
  const infos = await listCheckpoints(directory);
  const found =
    name === "last"
      ? infos[0]
      : name === "best"
        ? (infos.find(({ best }) => best) ?? infos[0])
        : infos.find(({ id }) => id === name);
  if (found !== undefined) return found;
  const known = infos.map(({ id }) => id).join(", ");
  throw new QtuneError(
    "not_found",
    `expected a checkpoint (${known === "" ? "there is none yet" : known}) but was given ${name}`,
    {
      where: "checkpoint",
    },
  );
}
