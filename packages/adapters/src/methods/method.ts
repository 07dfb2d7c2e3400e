/**
 * What an adapter method is. A new method is one value of this form and one line in the method table: its tensors with
 * shapes and initial values, how it changes a module's output in a graph, and, where it is linear, the matrices that it
 * amounts to.
 */
import type { Operations, Tensor } from "@qtune/graph";
import type { AdapterConfig } from "../adapter-config.ts";
import type { InitRule } from "../init.ts";
import type { AdapterSite } from "../site.ts";
import type { LoweredBlocks } from "./lowered-circuit.ts";

/** What a tensor is counted as. */
export type TensorRole = "matrix" | "tensor-train" | "circuit";

/** A trainable tensor of one site. */
export interface TensorSpec {
  /** Name inside the site, as in adapter files: `lora_A.weight`, `qx_theta`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: TensorRole;
  readonly init: InitRule;
  /** Whether the tensor stands on the output side, which LoRA+ trains faster. */
  readonly outputSide?: boolean;
}

/** `host`: a host operation that calls an executor; `graph`: exact, as tensor operations, for few qubits. */
export type CircuitPlacement = "host" | "graph";

/** What a method builds with. */
export interface BuildContext {
  readonly graph: Operations;
  readonly site: AdapterSite;
  readonly config: AdapterConfig;
  /** Input [T, i]. */
  readonly x: Tensor;
  /** Output of the frozen module [T, o]. */
  readonly y: Tensor;
  /**
   * Unitaries of this site's circuit, when circuits are lowered into the graph; absent when a host operation calls an
   * executor.
   */
  readonly loweredBlocks: LoweredBlocks | undefined;
  /** Returns the parameter of one of the method's tensors. */
  tensor(name: string): Tensor;
}

/** A linear update as two matrices: ΔW = scale · b a. Shapes: a [R, i], b [o, R], row-major. */
export interface LowRankUpdate {
  readonly rank: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly scale: number;
}

/** A way to adapt a linear module. */
export interface AdapterMethod {
  /** Returns the trainable tensors of a site. */
  tensors(site: AdapterSite, config: AdapterConfig): readonly TensorSpec[];
  /** Returns what takes the place of `y`. */
  build(context: BuildContext): Tensor;
  /** Returns the update as two matrices; absent where it is not linear in x. */
  update?(
    site: AdapterSite,
    config: AdapterConfig,
    value: (name: string) => ArrayLike<number>,
  ): LowRankUpdate;
}
