/** Writes a model as a Hugging Face folder: weights, configuration, tokenizer, template, generation config, card. */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Abortable, OnProgress } from "@qtune/base";
import { shapeSize } from "@qtune/base";
import {
  float32ToBytes,
  type TensorToWrite,
  writeFileAtomically,
  writeSafetensors,
} from "@qtune/weights";
import type { OpenedModel } from "../sources/open-model.ts";
import type { TokenizerFiles } from "../sources/model-files.ts";
import { toHfFiles } from "../tokenizer/tokenizer-json.ts";
import { toHfConfig } from "./hf-config.ts";
import { type CardFacts, printModelCard } from "./model-card.ts";
import { readVocabularyOf } from "./vocabulary.ts";
import { type MergeWeight, planWeights } from "./weight-plan.ts";

/** The part of an opened model that an export needs. */
export type ExportedModel = Pick<
  OpenedModel,
  "config" | "rawConfig" | "generationConfig" | "tokenizerFiles" | "identity"
> & { readonly tensors: Pick<OpenedModel["tensors"], "tensors"> };

/** What both kinds of export take. */
export interface ExportOptions extends Abortable {
  /** Changes weights before they are written: how an adapter is merged in. */
  readonly merge?: MergeWeight | undefined;
  /** Writes the head apart from the embedding; needed when a merge changes one of them in a model that ties them. */
  readonly untie?: boolean | undefined;
  /** For the model card; the base model is filled in. */
  readonly card?: Partial<CardFacts> | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** Options of {@link exportSafetensors}. */
export interface ExportSafetensorsOptions extends ExportOptions {
  /** Default: as the model is published, F32 where it is quantised. Merges are computed in float32 and rounded once. */
  readonly dtype?: "F32" | "F16" | "BF16" | undefined;
  /** Largest file before the weights are cut into shards. Default: 5 GB. */
  readonly maxShardBytes?: number | undefined;
}

const dtypeNames = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/**
 * Writes a model as a folder that transformers and kin load.
 *
 * Effect: each file appears whole or not at all; files of the same names are replaced.
 * Cost:   memory of the largest weight.
 * Errors: not_found for a weight or tokenizer the model lacks, cancelled.
 */
export async function exportSafetensors(
  model: ExportedModel,
  folder: string,
  options: ExportSafetensorsOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const dtype = options.dtype ?? publishedDtype(model.config.storedDtype);
  const { config, weights } = planWeights({
    config: model.config,
    tensors: model.tensors.tensors,
    merge: options.merge,
    untie: options.untie,
  });
  const tensors = weights.map(({ hf, shape, read }): TensorToWrite => ({
    name: hf,
    dtype,
    shape,
    read: async () => float32ToBytes(await read(), dtype),
  }));
  await writeWeights(folder, tensors, options);
  const raw = Object.keys(model.rawConfig).length === 0 ? toHfConfig(config) : model.rawConfig;
  const { torch_dtype: _old, dtype: _new, ...rest } = raw;
  // The older key is the one that every version of transformers reads.
  const json = { ...rest, tie_word_embeddings: config.tied, torch_dtype: dtypeNames[dtype] };
  await writeJson(path.join(folder, "config.json"), json);
  const { eosIds, bosId } = config;
  const generation = {
    bos_token_id: bosId ?? null,
    eos_token_id: eosIds,
    ...model.generationConfig,
  };
  await writeJson(path.join(folder, "generation_config.json"), generation);
  await writeTokenizer(model.tokenizerFiles, folder);
  await writeCard(model, folder, options);
}

function publishedDtype(stored: string | undefined): "F32" | "F16" | "BF16" {
  const found = Object.entries(dtypeNames).find(
    ([dtype, name]) => stored === name || stored === dtype,
  );
  return (found?.[0] as keyof typeof dtypeNames | undefined) ?? "F32"; // keys of the table are the dtypes
}

async function writeWeights(
  folder: string,
  tensors: readonly TensorToWrite[],
  options: ExportSafetensorsOptions,
): Promise<void> {
  const widths = { F32: 4, F16: 2, BF16: 2 } as const;
  const sizeOf = ({ dtype, shape }: TensorToWrite): number =>
    shapeSize(shape) * widths[dtype as keyof typeof widths]; // exports write these three only
  const shards = cutIntoShards(tensors, sizeOf, options.maxShardBytes ?? 5e9);
  const total = tensors.length;
  let done = 0;
  const counted = (tensor: TensorToWrite): TensorToWrite => ({
    ...tensor,
    read: async () => {
      const bytes = await tensor.read();
      options.onProgress?.({ phase: "export", done: ++done, total, unit: "tensors" });
      return bytes;
    },
  });
  const abort = options.signal === undefined ? {} : { signal: options.signal };
  const five = (value: number): string => String(value).padStart(5, "0");
  const nameOf = (index: number): string =>
    shards.length === 1
      ? "model.safetensors"
      : `model-${five(index + 1)}-of-${five(shards.length)}.safetensors`;
  const weightMap: Record<string, string> = {};
  for (const [index, shard] of shards.entries()) {
    await writeSafetensors(path.join(folder, nameOf(index)), shard.map(counted), abort);
    for (const { name } of shard) weightMap[name] = nameOf(index);
  }
  if (shards.length === 1) return;
  const totalSize = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  await writeJson(path.join(folder, "model.safetensors.index.json"), {
    metadata: { total_size: totalSize },
    weight_map: weightMap,
  });
}

function cutIntoShards(
  tensors: readonly TensorToWrite[],
  sizeOf: (tensor: TensorToWrite) => number,
  maxBytes: number,
): TensorToWrite[][] {
  const shards: TensorToWrite[][] = [[]];
  let size = 0;
  for (const tensor of tensors) {
    if (size > 0 && size + sizeOf(tensor) > maxBytes) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)?.push(tensor);
    size += sizeOf(tensor);
  }
  return shards;
}

/** Copies the files of a tokenizer, or writes them where the vocabulary came in another form. */
async function writeTokenizer(files: TokenizerFiles, folder: string): Promise<void> {
  if (files.tokenizerJson !== undefined) {
    const { tokenizerJson, tokenizerConfig, specialTokensMap, chatTemplate, sentencePiece } = files;
    for (const file of [
      tokenizerJson,
      tokenizerConfig,
      specialTokensMap,
      chatTemplate,
      sentencePiece,
    ]) {
      if (file !== undefined) await copyText(file, folder);
    }
    return;
  }
  const { json, config } = toHfFiles(await readVocabularyOf(files));
  await writeJson(path.join(folder, "tokenizer.json"), json);
  await writeJson(path.join(folder, "tokenizer_config.json"), config);
  if (files.sentencePiece !== undefined) {
    await copyText(files.sentencePiece, folder);
  }
}

/** Copies the content only: a read-only original must not make a read-only copy. */
async function copyText(file: string, folder: string): Promise<void> {
  const bytes = await readFile(file);
  await writeFileAtomically(path.join(folder, path.basename(file)), (sink) => sink.write(bytes));
}

async function writeJson(filePath: string, value: unknown): Promise<void> {
  await writeText(filePath, `${JSON.stringify(value, null, 2)}\n`);
}

async function writeText(filePath: string, text: string): Promise<void> {
  await writeFileAtomically(filePath, (sink) => sink.write(new TextEncoder().encode(text)));
}

/** Writes the model card of an export. */
export async function writeCard(
  { identity }: Pick<ExportedModel, "identity">,
  folder: string,
  options: ExportOptions,
): Promise<void> {
  const card = printModelCard({
    title: path.basename(path.resolve(folder)),
    base: identity.source,
    baseSha256: identity.sha256,
    licence: identity.licence,
    ...options.card,
  });
  await writeText(path.join(folder, "README.md"), card);
}
