import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { QtuneError } from "@qtune/base";
import { loadTokenizer, openModel } from "@qtune/llm";
import { createTrainerClient } from "@qtune/rpc";
import {
  type RunConfig,
  type TrainingEvent,
  parseRunConfig,
  planRun,
  runTraining,
} from "@qtune/trainer";
import { type CommandContext, defineAction } from "../command.ts";
import { readInput } from "../input.ts";
import { openExecutor } from "../local-target.ts";
import { collectOption } from "../number-option.ts";
import { printBytes } from "../output.ts";
import { watchRun } from "../quickstart/training-client.ts";

interface TrainOptions {
  readonly set: string[];
  readonly dryRun?: boolean;
  readonly resume?: boolean;
  readonly target?: string;
  readonly out?: string;
}

/** Adds `qtune train`. */
export function addTrain(program: Command, signal: AbortSignal): void {
  const train = program
    .command("train")
    .description("fine-tunes a model as a run configuration says")
    .argument("<run.yaml>", "run configuration, - for stdin")
    .option("--set <a.b=c>", "a setting that wins over the file (repeatable)", collectOption, [])
    .option("--dry-run", "prints the plan: parameters, memory, time, circuits")
    .option(
      "--resume",
      "goes on in the output folder; without it a folder that holds a run is refused",
    )
    .option("--out <folder>", "folder of the run; default output of the file, else runs/<time>")
    .option("--target <address>", "trains at a training daemon: grpc://host:port");
  defineAction<TrainOptions>(train, signal, async ([file = ""], options, context) => {
    const { name, text } = await readInput(file);
    const config = parseRunConfig(text, { file: name, overrides: options.set });
    if (options.dryRun === true) return dryRun(config, context);
    return options.target === undefined
      ? trainHere(config, options, context)
      : trainAt(options.target, config, context);
  });
}

async function dryRun(config: RunConfig, { output, signal }: CommandContext): Promise<void> {
  const model = await openModel(config.model, { signal, onProgress: output.progress });
  const executor = openExecutor(config.executor);
  try {
    const plan = await planRun({
      config,
      model,
      tokenizer: await loadTokenizer(model.tokenizerFiles),
      executor,
      threads: availableParallelism(),
    });
    output.result({ plan, config }, () =>
      [
        `trainable parameters  ${plan.parameters.total.toLocaleString("en-US")} of ${plan.totalParameters.toLocaleString("en-US")} (${((100 * plan.parameters.total) / plan.totalParameters).toFixed(3)} %)`,
        `optimiser steps       ${plan.totalSteps}`,
        `memory, about         ${printBytes(plan.memoryBytes)}`,
        `time, about           ${Math.round(plan.wallSeconds)} s`,
        plan.circuits === undefined
          ? "circuits              none"
          : `circuits              ${plan.circuits.circuits.toLocaleString("en-US")}, ${plan.circuits.shots.toLocaleString("en-US")} shots, ${plan.circuits.chipSeconds.toFixed(1)} chip seconds`,
        ...plan.warnings.map((warning) => `note: ${warning}`),
      ].join("\n"),
    );
  } finally {
    await executor.close();
    await model.close();
  }
}

async function trainHere(
  config: RunConfig,
  options: TrainOptions,
  { output, signal }: CommandContext,
): Promise<void> {
  const directory = path.resolve(
    options.out ??
      config.output ??
      path.join(
        "runs",
        new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-"),
      ),
  );
  const model = await openModel(config.model, { signal, onProgress: output.progress });
  const executor = openExecutor(config.executor);
  const exactExecutor = openExecutor({ kind: "exact" });
  try {
    if (options.resume !== true) await assertFresh(directory);
    const tokenizer = await loadTokenizer(model.tokenizerFiles);
    const result = await runTraining({
      config,
      model,
      tokenizer,
      executor,
      exactExecutor,
      directory,
      signal,
      onEvent: (event) => showEvent(event, output),
    });
    output.result(
      { directory, ...result },
      () =>
        `${result.steps} steps, train loss ${result.metrics["train.loss"]?.toFixed(4)}, ${result.trainableParameters.toLocaleString("en-US")} parameters\nadapter: ${path.join(directory, result.checkpoint)}`,
    );
  } finally {
    await executor.close();
    await exactExecutor.close();
    await model.close();
  }
}

async function assertFresh(directory: string): Promise<void> {
  const entries = await readdir(directory).catch(() => [] as string[]); // a folder that is not there is fresh
  if (entries.some((entry) => entry.startsWith("checkpoint-"))) {
    throw new QtuneError(
      "failed_precondition",
      "the folder holds a run; give --resume to go on, or another --out",
      { where: directory },
    );
  }
}

async function trainAt(
  target: string,
  config: RunConfig,
  { output, signal }: CommandContext,
): Promise<void> {
  const token = process.env["QTUNE_TOKEN"];
  const client = createTrainerClient({ target, ...(token === undefined ? {} : { token }) });
  try {
    const run = await client.submit(config, { signal });
    output.note(`${run.name} at ${target}`);
    const ended = await watchRun(
      client.channel,
      run.name,
      {
        onMetrics: (metrics) =>
          output.status(
            `step ${metrics.step}/${metrics.totalSteps}  loss ${metrics.loss.toFixed(4)}  ${Math.round(metrics.tokensPerSecond)} tokens/s  ${metrics.circuits} circuits`,
          ),
        onLog: (line) => output.note(line.message),
      },
      signal,
    );
    output.result(
      {
        name: run.name,
        metrics: Object.fromEntries(ended.result?.metrics ?? []),
        checkpoint: ended.result?.checkpoint,
      },
      () => `${run.name}: done, checkpoint ${ended.result?.checkpoint}`,
    );
  } finally {
    client.close();
  }
}

function showEvent(event: TrainingEvent, output: CommandContext["output"]): void {
  switch (event.kind) {
    case "metrics": {
      const {
        step,
        totalSteps,
        loss,
        tokensPerSecond,
        gradientNorm,
        learningRate,
        circuits,
        remainingSeconds,
      } = event.metrics;
      const line = `step ${step}/${totalSteps}  loss ${loss.toFixed(4)}  grad ${gradientNorm.toFixed(2)}  lr ${learningRate.toExponential(1)}  ${Math.round(tokensPerSecond)} tokens/s  ${circuits.toLocaleString("en-US")} circuits  ${Math.ceil(remainingSeconds)} s left`;
      if (process.stderr.isTTY) output.status(line);
      else output.note(line);
      return;
    }
    case "log":
      return output.note(`${event.level === "warning" ? "warning: " : ""}${event.message}`);
    case "progress":
      return output.progress(event.progress);
    case "state":
      return event.reason === "" ? undefined : output.note(event.reason);
    case "evaluation":
      return output.note(
        `step ${event.step}: ${event.result.task} ${Object.entries(event.result.metrics)
          .filter(([name]) => !name.includes("."))
          .map(([name, value]) => `${name} ${value.toFixed(4)}`)
          .join(", ")}`,
      );
    case "checkpoint":
      return undefined;
    default:
      return event satisfies never;
  }
}
