/** One tokenised example. `labels[i]` is what the token at position i is to be, or -100; shifted by the model. */
export interface Sequence {
  readonly ids: ArrayLike<number>;
  /** As in Hugging Face: same length as `ids`, -100 where nothing is learnt. Absent: nothing is labelled. */
  readonly labels?: ArrayLike<number> | undefined;
}
