import type { ChatMessage } from "@qtune/llm";

/** One example before it is tokenised. `id` names it in messages: `file:line`, or the item of a generator. */
export type Example = { readonly id: string } & (
  | { readonly kind: "chat"; readonly messages: readonly ChatMessage[] }
  | { readonly kind: "prompt"; readonly prompt: string; readonly completion: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "tokens"; readonly ids: readonly number[]; readonly labels: readonly number[] }
);

/** One tokenised example, ready for a model. */
export interface Sample {
  readonly id: string;
  readonly ids: Int32Array;
  /** As in Hugging Face: same length, −100 where nothing is learnt. */
  readonly labels: Int32Array;
  /** Positions whose prediction is learnt: labels other than −100, the first position aside. */
  readonly labelled: number;
  /** Tokens that were cut off. */
  readonly cut: number;
}
