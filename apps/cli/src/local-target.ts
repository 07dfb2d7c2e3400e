/** Models and adapters opened in this process: what `eval`, `generate`, `export` and `merge` work on. */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { loadAdapter } from "@qtune/adapters";
import { QtuneError } from "@qtune/base";
import type { Executor } from "@qtune/circuit";
import {
  type BaseWeights,
  type OpenedModel,
  type Tokenizer,
  assertVocabulary,
  loadTokenizer,
  openModel,
} from "@qtune/llm";
import { createRemoteExecutor } from "@qtune/rpc";
import { createLocalExecutor } from "@qtune/simulator";
import { type EvaluationTarget, linearSites, listCheckpoints } from "@qtune/trainer";
import type { CommandContext } from "./command.ts";

/** Who runs circuits, as a configuration says it. */
export interface ExecutorSettings {
  readonly kind: "exact" | "simulator" | "device";
  readonly target?: string | undefined;
  readonly chip?: string | undefined;
}

/** Opens the executor that a configuration names. Errors: invalid_argument without a target. */
export function openExecutor({ kind, target, chip }: ExecutorSettings): Executor {
  if (kind === "exact") return createLocalExecutor({});
  if (target === undefined)
    throw new QtuneError(
      "invalid_argument",
      `expected the address of a ${kind}, grpc://host:port; start one with: qtune device serve`,
      { where: "executor.target" },
    );
  const token = process.env["QTUNE_TOKEN"];
  return createRemoteExecutor({
    target,
    simulator: kind === "simulator",
    ...(chip === undefined ? {} : { device: chip }),
    ...(token === undefined ? {} : { token }),
  });
}

/** A target with what has to be closed. */
export interface OpenTarget extends AsyncDisposable {
  readonly target: EvaluationTarget;
  readonly model: OpenedModel;
  readonly tokenizer: Tokenizer;
}

/**
 * Opens a model, and an adapter on it where one is named. A run's folder stands for its newest checkpoint, on the model it
 * was trained on.
 */
export async function openTarget(
  named: {
    readonly model?: string | undefined;
    readonly adapter?: string | undefined;
    readonly executor?: ExecutorSettings;
    /** How the frozen matrices are kept. Default `float32`. */
    readonly baseWeights?: BaseWeights | undefined;
  },
  { output, signal }: CommandContext,
): Promise<OpenTarget> {
  const adapterFolder =
    named.adapter === undefined ? undefined : await adapterFolderOf(named.adapter);
  const source =
    named.model ?? (adapterFolder === undefined ? undefined : await baseOf(adapterFolder));
  if (source === undefined)
    throw new QtuneError("invalid_argument", "expected a model; give --model", {
      where: "--model",
    });
  const model = await openModel(source, { signal, onProgress: output.progress });
  try {
    const tokenizer = await loadTokenizer(model.tokenizerFiles);
    assertVocabulary(tokenizer, model.config, source);
    const base = { name: model.identity.source, sha256: model.identity.sha256 };
    const adapter =
      adapterFolder === undefined
        ? undefined
        : await loadAdapter(adapterFolder, linearSites(model.config), base);
    const settings = named.executor ?? { kind: "exact" };
    const executor = openExecutor(settings);
    return {
      target: {
        model: { ...model, baseWeights: named.baseWeights },
        tokenizer,
        executor,
        // Exact circuits of a few qubits are computed in the graph.
        ...(settings.kind === "exact" ? { circuits: { kind: settings.kind } } : {}),
        ...(adapter === undefined ? {} : { adapter }),
      },
      model,
      tokenizer,
      [Symbol.asyncDispose]: async () => {
        await executor.close();
        await model.close();
      },
    };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** Returns the adapter's folder: the folder itself, or the newest checkpoint of a run's. */
export async function adapterFolderOf(folder: string): Promise<string> {
  const isAdapter = await stat(path.join(folder, "adapter_config.json")).then(
    () => true,
    () => false, // perhaps a run
  );
  if (isAdapter) return folder;
  const [newest] = await listCheckpoints(folder);
  if (newest !== undefined) return newest.directory;
  throw new QtuneError(
    "not_found",
    "expected a folder with adapter_config.json, or a run's folder with checkpoints",
    { where: folder },
  );
}

/** Reads which model an adapter was made for. */
async function baseOf(folder: string): Promise<string | undefined> {
  const text = await readFile(path.join(folder, "adapter_config.json"), "utf8");
  const { base_model_name_or_path: base } = JSON.parse(text) as {
    base_model_name_or_path?: unknown;
  };
  return typeof base === "string" && base !== "" ? base : undefined;
}
