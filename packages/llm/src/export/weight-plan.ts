/** The weights of an export: read from the model, changed where an adapter is merged in, one at a time. */
import { QtuneError } from "@qtune/base";
import type { TensorSource } from "@qtune/weights";
import type { ModelConfig } from "../config/model-config.ts";
import { listWeights, type WeightPlace } from "../config/weight-names.ts";

/**
 * Changes a weight before it is written, e.g. adds an adapter's update. Gets the float32 weight and may return it as it
 * is.
 *
 * Shapes: `[out, in]` row-major, as in the file.
 */
export type MergeWeight = (
  name: string,
  weight: Float32Array,
) => Float32Array | Promise<Float32Array>;

/** A weight to be written. */
export interface PlannedWeight extends WeightPlace {
  /** Reads, merges; values in the order of Hugging Face. */
  readonly read: () => Promise<Float32Array>;
}

/** What the plan is made of. */
export interface WeightPlanSource {
  readonly config: ModelConfig;
  readonly tensors: ReadonlyMap<string, TensorSource>;
  readonly merge?: MergeWeight | undefined;
  /** Writes the head apart from the embedding although the model ties them, because a merge changes one of them. */
  readonly untie?: boolean | undefined;
}

/** Lists the weights of an export in the order of the computation. */
export function planWeights(source: WeightPlanSource): {
  readonly config: ModelConfig;
  readonly weights: readonly PlannedWeight[];
} {
  const { tensors, merge, untie = false } = source;
  const config = untie ? { ...source.config, tied: false } : source.config;
  const weights = listWeights(config).map((place): PlannedWeight => {
    const read = async (): Promise<Float32Array> => {
      // A head that was tied is the embedding until the merge changes it.
      const isTiedHead = source.config.tied && place.hf === "lm_head.weight";
      const tensor = tensors.get(isTiedHead ? "model.embed_tokens.weight" : place.hf);
      if (tensor === undefined) {
        throw new QtuneError("not_found", `the model has no weight ${place.hf}`, {
          where: "export",
        });
      }
      const values = await tensor.readFloat32();
      return merge === undefined ? values : merge(place.hf, values);
    };
    return { ...place, read };
  });
  return { config, weights };
}
