import type { Abortable, Random } from "@qtune/base";
import type { Item } from "../plan/item.ts";

/**
 * A simulation engine: a state of n qubits that gates change and measurements project. The runner branches over
 * measurements with `save` and `restore`; weights need not be normalised.
 */
export interface Engine extends AsyncDisposable {
  /** Applies items with bound angles, in order. Errors: cancelled; invalid_argument for what the engine cannot hold. */
  apply(items: readonly Item[], options?: Abortable): Promise<void>;
  /** The weight of value 1 of a qubit, and of the whole state. */
  weights(qubit: number): { readonly one: number; readonly total: number };
  /** Projects a qubit onto a value; with `flip` it ends in the other one. Multiplies the state by `factor`. */
  projectInPlace(qubit: number, value: 0 | 1, factor: number, flip: boolean): void;
  save(): unknown;
  restore(saved: unknown): void;
  /** |ψ|² over all basis states, where the engine can list them. */
  populations?(): Float64Array;
  /** Draws basis states as bits by qubit, uint8 [shots, n]. */
  sampleBits?(shots: number, random: Random, options?: Abortable): Promise<Uint8Array>;
}
