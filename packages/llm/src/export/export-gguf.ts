/** Writes a model, or a LoRA adapter of one, as a GGUF file. Key names: gguf-py `constants.py`. */
import path from "node:path";
import { QtuneError } from "@qtune/base";
import {
  type GgufTensorToWrite,
  quantizeGguf,
  type TypedValue,
  type WritableGgufType,
  writeGguf,
} from "@qtune/weights";
import type { ModelConfig } from "../config/model-config.ts";
import { ropeFrequencies } from "../model/rope.ts";
import { ggufRowOf, invertOrder, takeRows } from "../sources/rotated-rows.ts";
import { listWeights } from "../config/weight-names.ts";
import type { ExportedModel, ExportOptions } from "./export-safetensors.ts";
import { readVocabularyOf, toGgufValues } from "./vocabulary.ts";
import { planWeights } from "./weight-plan.ts";

/** Options of {@link exportGguf}. */
export interface ExportGgufOptions extends ExportOptions {
  /** Type of the matrices; vectors stay F32. Rows that do not fill Q8_0 blocks become F16. Default: F16. */
  readonly type?: WritableGgufType | undefined;
}

/** Numbers by which GGUF names the main type of a file. */
const fileTypes: Readonly<Record<WritableGgufType, number>> = { F32: 0, F16: 1, Q8_0: 7, BF16: 32 };

const text = (value: string): TypedValue => ({ type: "string", value });
const count = (value: number): TypedValue => ({ type: "uint32", value });
const real = (value: number): TypedValue => ({ type: "float32", value });

/** Mistral models call themselves llama in GGUF. */
const architectureOf = ({ architecture }: ModelConfig): string =>
  architecture === "mistral" ? "llama" : architecture;

/**
 * Writes a whole model with its vocabulary and chat template as one GGUF file.
 *
 * Effect: the file appears whole or not at all.
 * Cost:   memory of the largest weight.
 * Errors: unimplemented for rope scaling or vocabularies that GGUF has no words for; not_found for a missing weight.
 */
export async function exportGguf(
  model: ExportedModel,
  filePath: string,
  options: ExportGgufOptions = {},
): Promise<void> {
  const type = options.type ?? "F16";
  const { config, weights } = planWeights({
    config: model.config,
    tensors: model.tensors.tensors,
    merge: options.merge,
    untie: options.untie,
  });
  const values = new Map<string, TypedValue>([
    ["general.architecture", text(architectureOf(config))],
    ["general.type", text("model")],
    ["general.name", text(options.card?.title ?? path.basename(filePath, ".gguf"))],
    ...(model.identity.licence === undefined
      ? []
      : [["general.license", text(model.identity.licence.toLowerCase())] as const]),
    ["general.file_type", count(fileTypes[type])],
    ["general.quantization_version", count(2)],
    ...configValues(config),
    ...endTokens(config),
    ...toGgufValues(await readVocabularyOf(model.tokenizerFiles), config.vocab),
  ]);
  const total = weights.length;
  const tensors = weights.map(({ gguf, shape, rotatedHeads, read }, index): GgufTensorToWrite => {
    const own = typeFor(shape, type);
    const bytes = async (): Promise<Uint8Array> => {
      const weight = rotate(await read(), shape[0] ?? 0, rotatedHeads);
      options.onProgress?.({ phase: "export", done: index + 1, total, unit: "tensors" });
      return quantizeGguf(weight, own);
    };
    return { name: gguf, type: own, shape, read: bytes };
  });
  const freqs = ropeFactors(config);
  await writeGguf(filePath, values, freqs === undefined ? tensors : [freqs, ...tensors], {
    signal: options.signal,
  });
}

/** Ids from the configuration; those that the vocabulary names by text come after and win. */
function endTokens({ bosId, eosIds, padId }: ModelConfig): [string, TypedValue][] {
  const [eosId, eotId] = eosIds;
  const ids = { bos: bosId, eos: eosId, eot: eotId, padding: padId };
  return Object.entries(ids).flatMap(([role, id]) =>
    id === undefined
      ? []
      : [[`tokenizer.ggml.${role}_token_id`, count(id)] as [string, TypedValue]],
  );
}

function typeFor(shape: readonly number[], type: WritableGgufType): WritableGgufType {
  if (shape.length === 1) return "F32";
  return type === "Q8_0" && (shape.at(-1) ?? 0) % 32 !== 0 ? "F16" : type;
}

/** Brings rows of query and key heads into the order of llama files. */
function rotate(values: Float32Array, rows: number, heads: number): Float32Array {
  if (heads === 0) return values;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return new Float32Array(takeRows(bytes, invertOrder(ggufRowOf(rows, heads))).buffer);
}

function configValues(config: ModelConfig): [string, TypedValue][] {
  const name = architectureOf(config);
  const entries: [string, TypedValue][] = [
    ["block_count", count(config.layers)],
    ["context_length", count(config.maxPositions)],
    ["embedding_length", count(config.hidden)],
    ["feed_forward_length", count(config.ffn)],
    ["attention.head_count", count(config.heads)],
    ["attention.head_count_kv", count(config.kvHeads)],
    ["attention.key_length", count(config.headDim)],
    ["attention.value_length", count(config.headDim)],
    ["attention.layer_norm_rms_epsilon", real(config.eps)],
    ["rope.dimension_count", count(config.headDim)],
    ["rope.freq_base", real(config.rope.theta)],
    ["vocab_size", count(config.vocab)],
    ...(config.slidingWindow === undefined
      ? []
      : ([["attention.sliding_window", count(config.slidingWindow)]] as [string, TypedValue][])),
    ...scalingValues(config),
  ];
  return entries.map(([key, value]) => [`${name}.${key}`, value]);
}

function scalingValues({ rope }: ModelConfig): [string, TypedValue][] {
  const { scaling } = rope;
  switch (scaling.kind) {
    case "default":
    case "llama3":
    case "factors":
      return []; // written as divisors, see ropeFactors
    case "linear":
      return [
        ["rope.scaling.type", text("linear")],
        ["rope.scaling.factor", real(scaling.factor)],
      ];
    case "yarn":
      return [
        ["rope.scaling.type", text("yarn")],
        ["rope.scaling.factor", real(scaling.factor)],
        ["rope.scaling.original_context_length", count(scaling.originalMaxPositions)],
      ];
    case "dynamic":
    case "longrope":
      throw new QtuneError(
        "unimplemented",
        `rope scaling ${scaling.kind} cannot be written as GGUF`,
        {
          where: "config.rope.scaling",
        },
      );
    default:
      return scaling satisfies never;
  }
}

/** Llama 3 scaling as GGUF stores it: how much each frequency is divided by. */
function ropeFactors(config: ModelConfig): GgufTensorToWrite | undefined {
  const { scaling } = config.rope;
  if (scaling.kind !== "llama3" && scaling.kind !== "factors") return undefined;
  const plain = { ...config, rope: { ...config.rope, scaling: { kind: "default" as const } } };
  const original = ropeFrequencies(plain, config.maxPositions);
  const scaled = ropeFrequencies(config, config.maxPositions);
  const factors = original.map((frequency, i) => frequency / (scaled[i] ?? frequency));
  return {
    name: "rope_freqs.weight",
    type: "F32",
    shape: [factors.length],
    read: () => quantizeGguf(factors, "F32"),
  };
}

/** One module of a LoRA adapter: y += (alpha / rank) · B A x. */
export interface LoraModule {
  /** Path of the module, e.g. `model.layers.3.self_attn.q_proj`. */
  readonly path: string;
  readonly rank: number;
  /** Shapes: [rank, in]. */
  readonly a: Float32Array;
  /** Shapes: [out, rank]. */
  readonly b: Float32Array;
}

/**
 * Writes a LoRA adapter as a GGUF file, to be loaded beside its base model.
 *
 * Errors: invalid_argument for a module the model does not have, or whose matrices do not fit; failed_precondition for
 *         the head of a model that ties it to the embedding, which the format cannot say.
 */
export async function exportGgufLora(
  adapter: { readonly alpha: number; readonly modules: readonly LoraModule[] },
  config: ModelConfig,
  filePath: string,
  options: { readonly name?: string; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const values = new Map<string, TypedValue>([
    ["general.architecture", text(architectureOf(config))],
    ["general.type", text("adapter")],
    ["general.name", text(options.name ?? path.basename(filePath, ".gguf"))],
    ["adapter.type", text("lora")],
    ["adapter.lora.alpha", real(adapter.alpha)],
    ["general.quantization_version", count(2)],
  ]);
  const weights = new Map(listWeights(config).map((weight) => [weight.hf, weight]));
  const tensors = adapter.modules.flatMap((module): GgufTensorToWrite[] => {
    const weight = weights.get(`${module.path}.weight`);
    if (weight === undefined) throw unknownModule(module.path, config);
    const [rows = 0, columns = 0] = weight.shape;
    const { rank, a, b } = module;
    if (a.length !== rank * columns || b.length !== rows * rank) {
      const expected = `A [${rank}, ${columns}] and B [${rows}, ${rank}]`;
      const problem = `expected ${expected} but was given ${a.length} and ${b.length} values`;
      throw new QtuneError("invalid_argument", problem, { where: module.path });
    }
    const rotated = rotate(b, rows, weight.rotatedHeads);
    return [
      {
        name: `${weight.gguf}.lora_a`,
        type: "F32",
        shape: [rank, columns],
        read: () => quantizeGguf(a, "F32"),
      },
      {
        name: `${weight.gguf}.lora_b`,
        type: "F32",
        shape: [rows, rank],
        read: () => quantizeGguf(rotated, "F32"),
      },
    ];
  });
  await writeGguf(filePath, values, tensors, { signal: options.signal });
}

function unknownModule(module: string, config: ModelConfig): QtuneError {
  if (module === "lm_head" && config.tied) {
    const problem =
      "the head is the embedding in this model, and a GGUF adapter cannot say so; merge instead";
    return new QtuneError("failed_precondition", problem, { where: module });
  }
  return new QtuneError("invalid_argument", "the model has no such module", { where: module });
}
