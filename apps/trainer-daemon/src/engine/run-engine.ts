/**
 * Training in this process: the port of the daemon on top of `@qtune/trainer`. Long work is native (onnxruntime) or in
 * workers (circuits), so the event loop stays free for calls.
 */
import os from "node:os";
import path from "node:path";
import { loadAdapter } from "@qtune/adapters";
import { type Abortable, QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { estimateToWire, usageToWire } from "@qtune/rpc";
import {
  type EvalConfig,
  type EvaluationTarget,
  type RunConfig,
  createTrainingSession,
  evaluateModel,
  linearSites,
  listCheckpoints,
  parseEvalConfig,
  parseRunConfig,
  planRun,
  probeGradient,
  runConfigSchemaId,
  runTraining,
  validateRunConfig,
} from "@qtune/trainer";
import type { ExecutorPool } from "../executors.ts";
import type { ResolvedRun, RunEngine, Target } from "../run-engine.ts";
import { eventToWire, evaluationToWire } from "./event-messages.ts";
import { exportCheckpoint } from "./export-checkpoint.ts";
import { generate } from "./generate.ts";
import { createModelLibrary, pathBelow } from "./model-library.ts";

/** Options of {@link createRunEngine}. */
export interface RunEngineOptions {
  readonly executors: ExecutorPool;
  readonly cacheDirectory?: string;
  /** Models that runs may name beside the short names. */
  readonly models: readonly string[];
  readonly dataRoot?: string | undefined;
  /** Path of a client's uploaded file, by id. */
  readonly resolveFile: (id: string) => string | undefined;
}

/** Creates the engine of a daemon. */
export function createRunEngine(options: RunEngineOptions): RunEngine {
  const { executors } = options;
  const library = createModelLibrary({
    cacheDirectory: options.cacheDirectory,
    allowed: options.models,
    dataRoot: options.dataRoot,
  });

  /** Data that a client names: built in, uploaded, or below the operator's folder; nothing else is opened. */
  const resolveData = (source: string, where: string): string => {
    if (source.startsWith("builtin:")) return source;
    const uploaded = /^files\/([A-Za-z0-9_-]+)$/.exec(source)?.[1];
    const file = uploaded === undefined ? undefined : options.resolveFile(uploaded);
    if (file !== undefined) return file;
    const below = options.dataRoot === undefined ? undefined : pathBelow(options.dataRoot, source);
    if (below !== undefined && uploaded === undefined) return below;
    throw new QtuneError(
      "not_found",
      `expected builtin:NAME, files/ID of an uploaded file${options.dataRoot === undefined ? "" : ", or a path below the operator's data folder"} but was given ${JSON.stringify(source)}`,
      { where },
    );
  };
  const localConfig = (config: RunConfig): RunConfig => ({
    ...config,
    data: { ...config.data, source: resolveData(config.data.source, "data.source") },
  });
  /** Checks the `executor` part of a configuration by the schema of the whole. */
  const parseExecutor = (json: string): RunConfig["executor"] =>
    validateRunConfig({ ...smallestRun, executor: parseJson(json, "executor_json") }).executor;

  const openTarget = async (
    target: Target,
    executorJson: string,
    { signal }: Abortable,
  ): Promise<EvaluationTarget & { readonly step: number }> => {
    if (target.kind === "model") {
      const opened = await library.open(target.model, { signal });
      return { ...opened, executor: executors.open({ kind: "exact" }), step: 0 };
    }
    const config = parseRunConfig(target.configJson);
    const opened = await library.open(config.model, { signal });
    const settings = executorJson === "" ? config.executor : parseExecutor(executorJson);
    const { config: modelConfig, identity } = opened.model;
    const base = { name: identity.source, sha256: identity.sha256 };
    const adapter = await loadAdapter(
      path.join(target.runDirectory, target.checkpoint),
      linearSites(modelConfig),
      base,
    );
    const step = Number(/-(\d+)$/.exec(target.checkpoint)?.[1] ?? 0);
    return { ...opened, adapter, executor: executors.open(settings), circuits: settings, step };
  };

  return {
    resolve: ({ schema, json }) => {
      if (schema !== "" && schema !== runConfigSchemaId) {
        throw new QtuneError(
          "invalid_argument",
          `expected the schema ${runConfigSchemaId} but was given ${schema}`,
          { where: "run.config.schema" },
        );
      }
      const config = parseRunConfig(json, { file: "run.config.json" });
      library.assertAllowed(config.model, "model");
      resolveData(config.data.source, "data.source");
      executors.open(config.executor);
      return { json: JSON.stringify(config), totalSteps: config.train.steps ?? 0 };
    },

    plan: async (run, { signal }) => {
      const config = localConfig(parseRunConfig(run.json));
      const opened = await library.open(config.model, { signal });
      const plan = await planRun({
        config,
        ...opened,
        executor: executors.open(config.executor),
        threads: os.availableParallelism(),
      });
      return trainingV1.ValidateRunResponse.fromPartial({
        trainableParameters: BigInt(plan.parameters.total),
        totalParameters: BigInt(plan.totalParameters),
        totalSteps: plan.totalSteps,
        memoryBytes: BigInt(Math.round(plan.memoryBytes)),
        wallSeconds: plan.wallSeconds,
        ...(plan.circuits === undefined ? {} : { circuits: estimateToWire(plan.circuits) }),
        warnings: [...plan.warnings],
      });
    },

    train: async (run: ResolvedRun, context) => {
      const config = localConfig(parseRunConfig(run.json));
      const forward = (event: Parameters<typeof eventToWire>[0]): void => {
        if (event.kind === "state" && (event.state === "waiting" || event.state === "running"))
          context.onWaiting(event.reason);
        const message = eventToWire(event);
        if (message !== undefined) context.onEvent(message);
      };
      const opened = await library.open(config.model, {
        signal: context.signal,
        onProgress: (progress) => forward({ kind: "progress", progress }),
      });
      const result = await runTraining({
        config,
        ...opened,
        executor: executors.open(config.executor),
        exactExecutor: executors.open({ kind: "exact" }),
        directory: context.directory,
        signal: context.signal,
        onEvent: forward,
      });
      return {
        trainableParameters: BigInt(result.trainableParameters),
        metrics: new Map(Object.entries(result.metrics)),
        reportJson: JSON.stringify({ schema: "qtune.run-result/1", ...result }),
        checkpointId: result.checkpoint,
      };
    },

    evaluate: async (target, request, { signal, onProgress }) => {
      const parsed = parseEvalConfig(parseJson(request.configJson, "config_json"));
      const config: EvalConfig = { ...parsed, data: resolveData(parsed.data, "data") };
      const opened = await openTarget(target, request.executorJson, { signal });
      return evaluationToWire(
        await evaluateModel(opened, config, { signal, onProgress }),
        opened.step,
      );
    },

    probeGradient: async function* (target, request, { signal, onProgress }) {
      if (target.kind !== "checkpoint")
        throw new QtuneError("invalid_argument", "expected a checkpoint", { where: "checkpoint" });
      const config = localConfig(parseRunConfig(target.configJson));
      const settings = parseExecutor(request.executorJson);
      const probes = probeGradient({
        config,
        checkpoint: path.join(target.runDirectory, target.checkpoint),
        ...(await library.open(config.model, { signal })),
        exactExecutor: executors.open({ kind: "exact" }),
        device: executors.open(settings),
        settings,
        module: request.module,
        tokens: request.tokens,
        steps: request.steps,
        signal,
        onProgress,
      });
      for await (const { usage, ...probe } of probes)
        yield trainingV1.GradientProbe.fromPartial({ ...probe, usage: usageToWire(usage) });
    },

    generate: async function* (target, request, { signal }) {
      const opened = await openTarget(target, request.executorJson, { signal });
      yield* generate(opened, request, { signal });
    },

    openSession: async ({ model, adapterJson, executorJson, seed }, { signal }) => {
      library.assertAllowed(model, "session.model");
      const { adapter, executor: settings } = validateRunConfig({
        ...smallestRun,
        adapter: parseJson(adapterJson, "session.adapter_json"),
        executor: executorJson === "" ? {} : parseJson(executorJson, "session.executor_json"),
      });
      const executor = executors.open(settings);
      const opened = await library.open(model, { signal });
      const training = await createTrainingSession({
        model: opened.model,
        adapter,
        executor,
        circuits: { ...settings, seed: settings.seed ?? Number(seed) },
        seed: Number(seed),
        signal,
      });
      const { adapter: trained, values } = training;
      const target = { ...opened, adapter: { adapter: trained, values }, executor };
      return {
        training,
        sample: (request, options) => generate({ ...target, circuits: settings }, request, options),
      };
    },

    exportAdapter: async (target, request, { signal, onProgress }) => {
      const { adapter } = await openTarget(target, "", { signal });
      if (target.kind !== "checkpoint" || adapter === undefined) {
        throw new QtuneError("invalid_argument", "expected a checkpoint", { where: "name" });
      }
      const { model } = await library.open(parseRunConfig(target.configJson).model, { signal });
      await exportCheckpoint({ model, adapter }, request, { signal, onProgress });
    },

    listCheckpoints: async (runDirectory) =>
      (await listCheckpoints(runDirectory)).map((info) => ({
        ...trainingV1.Checkpoint.fromPartial({
          step: info.step,
          createTime: info.savedAt,
          sizeBytes: BigInt(info.sizeBytes),
          best: info.best,
          final: info.final,
        }),
        id: info.id,
        directory: info.directory,
      })),
    listModels: () => library.list(),
    close: () => library.close(),
  };
}

/** The least that the schema accepts, to check one part of a configuration alone. */
const smallestRun = { model: "none", adapter: { kind: "lora", rank: 1 } };

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new QtuneError("invalid_argument", `expected JSON: ${(error as Error).message}`, {
      where,
      cause: error,
    });
  }
}
