import type { Abortable, Random } from "@qtune/base";

/** What to generate, and how. */
export interface GenerateOptions extends Abortable {
  /** One prompt per row; lengths may differ. */
  readonly promptIds: readonly ArrayLike<number>[];
  readonly maxNewTokens: number;
  /** Ids that end a row; the one that ended it is the last of its ids. Default: the model's end tokens. */
  readonly stopIds?: readonly number[] | undefined;
  /** 0 (default) takes the likeliest token. */
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly minP?: number | undefined;
  /** Divides (or multiplies, where negative) the logits of ids that occurred. Default 1. */
  readonly repetitionPenalty?: number | undefined;
  /** Needed when temperature > 0. Row b draws from `random.fork(b)`, so its text does not depend on the other rows. */
  readonly random?: Random | undefined;
  /** Called with each new token of each row. Return false to end that row. */
  readonly onToken?:
    ((row: number, id: number, logProbability: number) => boolean | void) | undefined;
  /** Rows computed together. Default 64. */
  readonly batchRows?: number | undefined;
}

/** What was generated for one prompt. */
export interface Generation {
  /** New ids, the stop id included. */
  readonly ids: readonly number[];
  /** Natural log-probability of each new id under the unscaled distribution. */
  readonly logProbabilities: readonly number[];
  readonly finishReason: "stop" | "length";
}

/** Generates text with a cache of keys and values. One call at a time. */
export interface Generator {
  readonly parameters: readonly string[];
  bindParameters(values: Readonly<Record<string, Float32Array | Float64Array>>): void;
  generate(options: GenerateOptions): Promise<readonly Generation[]>;
  close(): Promise<void>;
}
