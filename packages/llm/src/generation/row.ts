/** One text under way: its settings, what it has so far, and how its next token is chosen. */
import { QtuneError, assertInteger, type Random } from "@qtune/base";
import type { ModelConfig } from "../config/model-config.ts";
import {
  argmax,
  assertSampling,
  likeliest,
  logSumExp,
  penaliseInPlace,
  sampleToken,
  type SamplingOptions,
  type TokenLikelihood,
} from "./sampler.ts";

/** A new token of a row. */
export interface RowToken {
  readonly id: number;
  /** Natural log-probability under the model's own distribution; where asked for. */
  readonly logProbability?: number | undefined;
  /** The likeliest tokens in its place; where asked for. */
  readonly top?: readonly TokenLikelihood[] | undefined;
}

/** A text to continue, with settings of its own. */
export interface RowRequest extends SamplingOptions {
  readonly promptIds: ArrayLike<number>;
  /** May be 0 where the prompt is scored. */
  readonly maxNewTokens: number;
  /** Ids that end the row; the one that ended it is the last of its ids. Default: the model's end tokens. */
  readonly stopIds?: readonly number[] | undefined;
  /** Needed when temperature > 0. */
  readonly random?: Random | undefined;
  /** Returns log-probabilities. Default false: they cost a pass over the vocabulary. */
  readonly logProbabilities?: boolean | undefined;
  /** Returns this many of the likeliest tokens at each place. Default 0. */
  readonly topLogProbabilities?: number | undefined;
  /** Also scores the tokens of the prompt, as asked for the new ones. Default false: costs the head at every token. */
  readonly scorePrompt?: boolean | undefined;
  /** Called with each new token. Returning false ends the row. */
  readonly onToken?: ((token: RowToken) => boolean | void) | undefined;
  /** Ends the row, and no other, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** Log-probabilities of consecutive tokens. */
export interface TokenScores {
  readonly logProbabilities: readonly number[];
  /** The likeliest tokens at each place, where asked for. */
  readonly top?: readonly (readonly TokenLikelihood[])[];
}

/** What was generated for one prompt. */
export interface Generation {
  /** New ids, the stop id included. */
  readonly ids: readonly number[];
  readonly finishReason: "stop" | "length" | "aborted";
  /** Natural log-probability of each new id, where asked for. */
  readonly logProbabilities?: readonly number[];
  /** The likeliest tokens at each place, where asked for. */
  readonly top?: readonly (readonly TokenLikelihood[])[];
  /** Scores of the prompt from its second token on, where asked for: nothing precedes the first. */
  readonly prompt?: TokenScores;
}

/** Throws the first reason why a row cannot be continued. */
export function assertRow(row: RowRequest, config: ModelConfig, where: string): void {
  const { promptIds, maxNewTokens, scorePrompt = false } = row;
  assertSampling(row);
  assertInteger(
    maxNewTokens,
    { min: scorePrompt ? 0 : 1, max: config.maxPositions },
    "generate.maxNewTokens",
  );
  if ((row.temperature ?? 0) > 0 && row.random === undefined) {
    throw new QtuneError(
      "invalid_argument",
      "expected a random stream, since temperature is above 0",
      { where: "generate.random" },
    );
  }
  if (promptIds.length === 0)
    throw new QtuneError("invalid_argument", "expected at least one token", { where });
  if (promptIds.length + maxNewTokens > config.maxPositions) {
    throw new QtuneError(
      "out_of_range",
      `expected at most ${config.maxPositions} tokens (the model's context) but was given ${promptIds.length} and asked for ${maxNewTokens} more`,
      { where },
    );
  }
  for (let t = 0; t < promptIds.length; t++)
    assertInteger(promptIds[t] ?? -1, { min: 0, max: config.vocab - 1 }, `${where}[${t}]`);
}

/** Throws where a logit is no finite number: the likeliest of such tokens would be any. */
function assertLogits(logits: Float32Array, position: number): void {
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += logits[id] ?? 0;
  if (Number.isFinite(sum)) return; // float32 values cannot add up to more than float64 holds
  const id = logits.findIndex((logit) => !Number.isFinite(logit));
  throw new QtuneError(
    "data_loss",
    `expected finite logits but token ${id} has ${logits[id]} after ${position} tokens; ` +
      "a weight of the model or its adapter is no finite number, or the model overflows: fetch it again, or try float32 base weights",
    { where: "generate.logits" },
  );
}

/** A row under way. */
export class Row {
  readonly request: RowRequest;
  /** Prompt and new ids. */
  readonly ids: number[];
  readonly promptLength: number;
  readonly #stopIds: readonly number[];
  readonly #logProbabilities: number[] = [];
  readonly #top: (readonly TokenLikelihood[])[] = [];
  #end: Generation["finishReason"] | undefined;

  constructor(request: RowRequest, config: ModelConfig) {
    this.request = request;
    this.ids = Array.from(request.promptIds);
    this.promptLength = request.promptIds.length;
    this.#stopIds = request.stopIds ?? config.eosIds;
  }

  get isDone(): boolean {
    return this.#end !== undefined;
  }

  /** Most tokens that it can come to. */
  get longest(): number {
    return this.promptLength + this.request.maxNewTokens;
  }

  /** Ends the row if its own signal has fired. */
  endIfAborted(): void {
    if (this.request.signal?.aborted === true) this.#end ??= "aborted";
  }

  /** Scores tokens of the prompt by the logits before them. Shapes: logits [ids.length, vocab]. */
  scorePrompt(ids: readonly number[], logits: Float32Array, vocab: number, knownIds: number): void {
    ids.forEach((id, k) => this.#score(id, logits.subarray(k * vocab, k * vocab + knownIds)));
  }

  /** Chooses the next token by the logits after the last, or ends the row where none is wanted. */
  chooseToken(logits: Float32Array): void {
    const { temperature = 0, repetitionPenalty = 1, maxNewTokens, onToken, random } = this.request;
    assertLogits(logits, this.ids.length);
    if (maxNewTokens === 0) {
      this.#end = "length";
      return;
    }
    let scores = logits;
    if (repetitionPenalty !== 1) {
      scores = logits.slice();
      penaliseInPlace(scores, this.ids, repetitionPenalty);
    }
    const id =
      temperature > 0 && random !== undefined
        ? sampleToken(scores, this.request, random)
        : argmax(scores);
    this.ids.push(id);
    const likelihood = this.#score(id, logits);
    const isEnded = onToken?.({ id, ...likelihood }) === false;
    if (isEnded || this.#stopIds.includes(id)) this.#end = "stop";
    else if (this.ids.length - this.promptLength >= maxNewTokens) this.#end = "length";
  }

  /** Returns what has come of it. */
  finish(): Generation {
    const { logProbabilities = false, topLogProbabilities = 0, scorePrompt = false } = this.request;
    const scoresOf = (start: number, end?: number): TokenScores => ({
      logProbabilities: this.#logProbabilities.slice(start, end),
      ...(topLogProbabilities > 0 ? { top: this.#top.slice(start, end) } : {}),
    });
    const prompt = scorePrompt ? this.promptLength - 1 : 0;
    return {
      ids: this.ids.slice(this.promptLength),
      finishReason: this.#end ?? "aborted",
      ...(logProbabilities || topLogProbabilities > 0 ? scoresOf(prompt) : {}),
      ...(scorePrompt ? { prompt: scoresOf(0, prompt) } : {}),
    };
  }

  #score(id: number, logits: Float32Array): Omit<RowToken, "id"> {
    const { logProbabilities = false, topLogProbabilities = 0, scorePrompt = false } = this.request;
    if (!logProbabilities && topLogProbabilities === 0 && !scorePrompt) return {};
    const total = logSumExp(logits);
    const logProbability = (logits[id] ?? -Infinity) - total;
    this.#logProbabilities.push(logProbability);
    if (topLogProbabilities === 0) return { logProbability };
    const top = likeliest(logits, topLogProbabilities, total);
    this.#top.push(top);
    return { logProbability, top };
  }
}
