import type { Operations, Tensor } from "@qtune/graph";

/** A linear module of the decoder, as named in Hugging Face files. */
export type LinearModule =
  "q_proj" | "k_proj" | "v_proj" | "o_proj" | "gate_proj" | "up_proj" | "down_proj";

/** What an adapter is told about a linear module that was just built. */
export interface LinearCall {
  readonly graph: Operations;
  /** Index of the decoder layer, from 0. */
  readonly layer: number;
  readonly module: LinearModule;
  /** Full path, e.g. `model.layers.3.self_attn.q_proj`. */
  readonly path: string;
  /** Input, one row per token. Shape [rows, inFeatures]; `rows` is a symbol. */
  readonly x: Tensor;
  /** What the frozen module returns, bias included. Shape [rows, outFeatures]. */
  readonly y: Tensor;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** Returns what takes the place of `call.y`: the sum with an adapter's update, or `call.y` itself. */
export type OnLinear = (call: LinearCall) => Tensor;
