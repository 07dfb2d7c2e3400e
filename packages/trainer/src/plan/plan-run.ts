/** What a run would be, before it is run: parameters, steps, memory, time, circuits. */
import { type ParameterCount, countParameters, hasCircuit, isLinearKind } from "@qtune/adapters";
import { createRandom } from "@qtune/base";
import type { Executor } from "@qtune/circuit";
import type { Tokenizer } from "@qtune/llm";
import { type QuantumPlan, planQuantumWork } from "@qtune/quantum-layer";
import type { RunConfig } from "../config/run-config.ts";
import { createBatchOrder } from "../data/batches.ts";
import { estimateTrainingMemory } from "./plan-memory.ts";
import { countSteps } from "../loop/run-training.ts";
import { type TrainingData, loadTrainingData } from "../loop/training-data.ts";
import { type TrainerModel, countModelParameters, linearSites } from "../model.ts";

/** The plan of a run. */
export interface RunPlan {
  readonly parameters: ParameterCount;
  readonly totalParameters: number;
  readonly totalSteps: number;
  readonly data: TrainingData["train"]["statistics"];
  readonly tokensPerStep: number;
  /** Expected peak memory. */
  readonly memoryBytes: number;
  /** Expected time on this machine. */
  readonly wallSeconds: number;
  /** Absent where the adapter has no circuit. */
  readonly circuits: QuantumPlan | undefined;
  /** What is unusual but allowed. */
  readonly warnings: readonly string[];
}

/**
 * Multiply-adds per second that a training step reaches on one thread in float32: an estimate from steps measured on
 * 2 cores (150 GFLOP/s together), good to a factor of two.
 */
const multiplyAddsPerSecond = 37e9;

/**
 * Plans a run by the code that runs it: data and adapter are real, nothing is trained.
 *
 * Errors: what data and adapter throw; resource_exhausted when the budget does not allow one token per step.
 */
export async function planRun(options: {
  readonly config: RunConfig;
  readonly model: TrainerModel;
  readonly tokenizer: Tokenizer;
  readonly executor: Executor;
  readonly threads: number;
}): Promise<RunPlan> {
  const { config, model, tokenizer, executor, threads } = options;
  const sites = linearSites(model.config);
  const parameters = countParameters(config.adapter, sites);
  const data = await loadTrainingData(config, model, tokenizer);
  const order = createBatchOrder(
    data.train.samples,
    config.train,
    createRandom(config.train.seed, "order"),
  );
  const totalSteps = countSteps(config, order);
  const tokensPerStep = Math.round(data.train.statistics.tokens / order.stepsPerEpoch);
  const totalParameters = countModelParameters(model);
  const circuits = hasCircuit(config.adapter.kind)
    ? await planCircuits(config, parameters.bySite.length, tokensPerStep, totalSteps, executor)
    : undefined;
  // Gradients, their sums in float64 and two moments per trainable value.
  const memoryBytes =
    estimateTrainingMemory(config, model, order).totalBytes + 24 * parameters.total;
  const warnings = warningsOf(config, data, parameters, sites.length);
  if (memoryBytes > process.availableMemory()) {
    const free = (process.availableMemory() / 1e9).toFixed(1);
    warnings.push(
      `the run would be refused here: ${free} GB are free; train.microBatchTokens, train.gradientCheckpointing and train.baseWeights lower what it needs`,
    );
  }
  // Forward and backward each multiply by every weight once.
  const multiplyAdds = 2 * totalParameters * tokensPerStep * totalSteps;
  return {
    parameters,
    totalParameters,
    totalSteps,
    data: data.train.statistics,
    tokensPerStep,
    memoryBytes,
    wallSeconds: multiplyAdds / (multiplyAddsPerSecond * threads) + (circuits?.wallSeconds ?? 0),
    circuits,
    warnings,
  };
}

function planCircuits(
  config: RunConfig,
  modules: number,
  tokensPerStep: number,
  steps: number,
  executor: Executor,
): Promise<QuantumPlan> {
  const { adapter, executor: settings } = config;
  return planQuantumWork(
    {
      n: adapter.rank,
      layers: adapter.qlayers ?? 1,
      ansatz: adapter.ansatz,
      modules,
      steps,
      tokensPerStep,
      sampledTokens: settings.sampledTokens,
      gradient: settings.gradient ?? (executor.vjp === undefined ? "parameter-shift" : "adjoint"),
      shots: settings.shots,
    },
    executor,
    adapter.budget,
  );
}

function warningsOf(
  config: RunConfig,
  data: TrainingData,
  parameters: ParameterCount,
  modules: number,
): string[] {
  const warnings: string[] = [];
  const { cutExamples, cutTokens } = data.train.statistics;
  if (cutExamples > 0)
    warnings.push(`${cutExamples} examples lose ${cutTokens} tokens to data.maxTokens`);
  if (parameters.bySite.length === modules && !isLinearKind(config.adapter.kind)) {
    warnings.push("every linear module gets an adapter that cannot be merged");
  }
  if (
    config.executor.kind === "device" &&
    config.executor.sampledTokens === undefined &&
    hasCircuit(config.adapter.kind)
  ) {
    warnings.push("every token is measured on the device; executor.sampledTokens limits that");
  }
  return warnings;
}
