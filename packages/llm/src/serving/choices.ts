/** The texts of one request: settings become rows, tokens become pieces of text as they come. */
import { createRandom, type Abortable, type Random } from "@qtune/base";
import type { Generation, RowRequest, RowToken } from "../generation/row.ts";
import { requestError } from "./api-error.ts";
import type { CommonRequest } from "./request-schema.ts";
import type { ServedModel } from "./served-model.ts";
import { createStoppingText, type StoppingText } from "./stopping-text.ts";
import { createTokenPrinter, type ScoredToken, type TokenPrinter } from "./token-text.ts";

/** What is to be written. */
export interface ChoicesRequest {
  readonly common: CommonRequest;
  readonly promptIds: readonly (readonly number[])[];
  /** Undefined: what the context leaves, at most {@link defaultNewTokens}. */
  readonly maxNewTokens: number | undefined;
  /** Scores tokens, with this many of the likeliest. */
  readonly top: number | undefined;
  /** Scores the prompt as well. */
  readonly scorePrompt: boolean;
}

/** A piece of one text. */
export interface ChoicePiece {
  /** Index of the text: prompt index · n + k. */
  readonly index: number;
  readonly text: string;
  /** Tokens of the piece, where scores were asked for. */
  readonly tokens: readonly ScoredToken[];
  /** With the last piece. */
  readonly finishReason?: "stop" | "length";
}

/** What is known once all texts are written. */
export interface ChoicesEnd {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** The scored tokens of each text's prompt, where asked for. */
  readonly prompts: readonly (readonly ScoredToken[])[];
}

/** Most new tokens of a chat answer that does not say. */
const defaultNewTokens = 2048;

/**
 * Writes the texts of a request.
 *
 * Errors: invalid_argument with `context_length_exceeded` where a prompt leaves too little of the context; as the scheduler.
 */
export async function writeChoices(
  { tokenizer, scheduler }: ServedModel,
  request: ChoicesRequest,
  options: Abortable & { readonly random: Random; readonly onPiece: (piece: ChoicePiece) => void },
): Promise<ChoicesEnd> {
  const { common, promptIds, top } = request;
  const { n = 1, seed } = common;
  const stops = [common.stop ?? []].flat().filter((stop) => stop !== "");
  const { config } = scheduler;
  const random =
    seed === undefined ? options.random : createRandom(BigInt.asUintN(64, BigInt(seed)), "serve");
  const printer = createTokenPrinter(tokenizer);
  const stopIds = [
    ...(common.ignore_eos === true ? [] : config.eosIds),
    ...(common.stop_token_ids ?? []),
  ];
  const writers: TextWriter[] = [];
  const rows = promptIds.flatMap((ids) =>
    Array.from({ length: n }, (): RowRequest => {
      const index = writers.length;
      const writer = createTextWriter({
        index,
        text: createStoppingText(tokenizer, stops),
        printer: top === undefined ? undefined : printer,
        stopIds,
        onPiece: options.onPiece,
      });
      writers.push(writer);
      return {
        promptIds: ids,
        maxNewTokens: newTokensOf(ids.length, request, config.maxPositions),
        ...samplingOf(common),
        random: random.fork(index),
        stopIds,
        logProbabilities: top !== undefined,
        topLogProbabilities: top ?? 0,
        scorePrompt: request.scorePrompt,
        onToken: (token) => writer.push(token),
      };
    }),
  );
  const generations = await scheduler.run(rows, { signal: options.signal });
  generations.forEach((generation, index) => writers[index]?.end(generation));
  const passed = (at: number): number => promptIds[at]?.length ?? 0;
  return {
    promptTokens: promptIds.reduce((sum, _, at) => sum + passed(at), 0),
    completionTokens: generations.reduce((sum, { ids }) => sum + ids.length, 0),
    prompts: generations.map((generation, index) =>
      scoredPrompt(promptIds[Math.floor(index / n)] ?? [], generation),
    ),
  };
}

function samplingOf(common: CommonRequest): Partial<RowRequest> {
  const { temperature = 1, top_p: topP, top_k: topK, min_p: minP } = common;
  return {
    temperature,
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined || topK < 1 ? {} : { topK }),
    ...(minP === undefined ? {} : { minP }),
    ...(common.repetition_penalty === undefined
      ? {}
      : { repetitionPenalty: common.repetition_penalty }),
  };
}

function newTokensOf(
  length: number,
  { maxNewTokens, scorePrompt }: ChoicesRequest,
  context: number,
): number {
  const least = scorePrompt ? 0 : 1;
  const wanted = maxNewTokens ?? Math.min(defaultNewTokens, Math.max(least, context - length));
  if (length + wanted > context) {
    throw requestError(
      "invalid_argument",
      `this model's context is ${context} tokens, but ${length} of the prompt and ${wanted} new ones were asked for`,
      { apiCode: "context_length_exceeded" },
    );
  }
  return wanted;
}

/** The prompt's tokens with their scores; nothing precedes the first. */
function scoredPrompt(ids: readonly number[], { prompt }: Generation): readonly ScoredToken[] {
  if (prompt === undefined) return [];
  return ids.map((id, t) =>
    t === 0
      ? { id }
      : { id, logProbability: prompt.logProbabilities[t - 1], top: prompt.top?.[t - 1] },
  );
}

interface TextWriter {
  /** Adds a token; false once the text is over. */
  push(token: RowToken): boolean;
  end(generation: Generation): void;
}

/** Turns the tokens of one text into pieces. */
function createTextWriter(options: {
  readonly index: number;
  readonly text: StoppingText;
  /** Absent where no scores were asked for. */
  readonly printer: TokenPrinter | undefined;
  readonly stopIds: readonly number[];
  readonly onPiece: (piece: ChoicePiece) => void;
}): TextWriter {
  const { index, text, printer, onPiece } = options;
  let tokens: { readonly token: ScoredToken; readonly start: number }[] = [];
  let [tokenBytes, shownBytes] = [0, 0];
  /** Shows a piece with the tokens that begin in what has been shown; at an end that was not cut, with all that are left. */
  const flush = (piece: string, finishReason?: "stop" | "length"): void => {
    if (piece === "" && finishReason === undefined) return;
    shownBytes += Buffer.byteLength(piece);
    const isWhole = finishReason !== undefined && !text.isStopped;
    const shown = tokens.filter(({ start }) => isWhole || start < shownBytes);
    tokens = tokens.slice(shown.length);
    onPiece({
      index,
      text: piece,
      tokens: shown.map(({ token }) => token),
      ...(finishReason && { finishReason }),
    });
  };
  return {
    push(token) {
      if (printer !== undefined) {
        tokens.push({ token, start: tokenBytes });
        tokenBytes += printer.bytes(token.id).length;
      }
      if (options.stopIds.includes(token.id)) return true; // it ends the text and is no part of it
      flush(text.push(token.id));
      return !text.isStopped;
    },
    end({ finishReason }) {
      const rest = text.end();
      flush(rest, text.isStopped || finishReason === "stop" ? "stop" : "length");
    },
  };
}
