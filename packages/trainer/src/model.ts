import type { AdapterSite } from "@qtune/adapters";
import type { WeightSource, WeightStore } from "@qtune/graph";
import type { BaseWeights, DecoderOptions, ModelConfig } from "@qtune/llm";

/** What the trainer needs of an opened model; `openModel` of `@qtune/llm` returns more. */
export interface TrainerModel {
  readonly config: ModelConfig;
  /** Weights under their Hugging Face names. */
  readonly tensors: { readonly tensors: ReadonlyMap<string, WeightSource> };
  readonly identity: { readonly source: string; readonly sha256: string };
  /** How its frozen linear maps are kept in memory. Default `float32`. */
  readonly baseWeights?: BaseWeights | undefined;
  /** Where its programs keep its weights, so that they are written once. Default: each program writes its own. */
  readonly weightStore?: WeightStore | undefined;
}

/** Returns what every program of a model is compiled from. */
export function decoderOf({
  config,
  tensors,
  baseWeights,
  weightStore,
}: TrainerModel): Pick<DecoderOptions, "config" | "tensors" | "baseWeights" | "weightStore"> {
  return { config, tensors: tensors.tensors, baseWeights, weightStore };
}

/** Returns the linear modules of a decoder that can be adapted, in order of execution. */
export function linearSites(config: ModelConfig): readonly AdapterSite[] {
  const query = config.heads * config.headDim;
  const keyValue = config.kvHeads * config.headDim;
  const modules = [
    ["self_attn", "q_proj", config.hidden, query],
    ["self_attn", "k_proj", config.hidden, keyValue],
    ["self_attn", "v_proj", config.hidden, keyValue],
    ["self_attn", "o_proj", query, config.hidden],
    ["mlp", "gate_proj", config.hidden, config.ffn],
    ["mlp", "up_proj", config.hidden, config.ffn],
    ["mlp", "down_proj", config.ffn, config.hidden],
  ] as const;
  return Array.from({ length: config.layers }, (_, layer) =>
    modules.map(([block, module, inFeatures, outFeatures]) => ({
      layer,
      module,
      path: `model.layers.${layer}.${block}.${module}`,
      inFeatures,
      outFeatures,
    })),
  ).flat();
}

/** Counts the parameters of a model's weights. */
export function countModelParameters(model: TrainerModel): number {
  let total = 0;
  for (const { shape } of model.tensors.tensors.values()) {
    total += shape.reduce((product, dim) => product * dim, 1);
  }
  return total;
}
