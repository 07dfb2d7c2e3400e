import type { Operations, Tensor } from "@qtune/graph";

/** One linear module of a model that can be adapted. */
export interface AdapterSite {
  /** Index of the decoder layer, from 0. */
  readonly layer: number;
  /** Name as in Hugging Face files, e.g. `q_proj`. */
  readonly module: string;
  /** Full path, e.g. `model.layers.3.self_attn.q_proj`. */
  readonly path: string;
  /** i */
  readonly inFeatures: number;
  /** o */
  readonly outFeatures: number;
}

/** What an adapter is told about a linear module that was just built into a graph. */
export interface AdapterCall extends AdapterSite {
  readonly graph: Operations;
  /** Input, one row per token [T, i]. */
  readonly x: Tensor;
  /** What the frozen module returns [T, o]. */
  readonly y: Tensor;
}
