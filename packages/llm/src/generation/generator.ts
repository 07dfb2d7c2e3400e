/** Generates text: batches prompts, samples, drops finished rows. */
import { QtuneError, assertInteger, type Abortable, type Random } from "@qtune/base";
import type { Program } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";
import { createRopeCache } from "../model/batch.ts";
import type { DecoderOptions } from "../model/decoder-program.ts";
import type { RopeTables } from "../model/rope.ts";
import { cacheRowBytes, createCache, type KeyValueCache } from "./cache.ts";
import { compileGeneration, extendCache } from "./generation-program.ts";
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

/** A new token of one row. */
export interface GeneratedToken {
  /** Index of the prompt. */
  readonly row: number;
  readonly id: number;
  /** Natural log-probability under the model's own distribution; where asked for. */
  readonly logProbability?: number | undefined;
  /** The likeliest tokens in its place; where asked for. */
  readonly top?: readonly TokenLikelihood[] | undefined;
}

/** What to generate, and how. */
export interface GenerateOptions extends Abortable, SamplingOptions {
  /** One prompt per row; lengths may differ. */
  readonly promptIds: readonly ArrayLike<number>[];
  readonly maxNewTokens: number;
  /** Ids that end a row; the one that ended it is the last of its ids. Default: the model's end tokens. */
  readonly stopIds?: readonly number[] | undefined;
  /** Needed when temperature > 0. Row b draws from `random.fork(b)`, so its text does not depend on the other rows. */
  readonly random?: Random | undefined;
  /** Returns log-probabilities. Default false: they cost a pass over the vocabulary. */
  readonly logProbabilities?: boolean | undefined;
  /** Returns this many of the likeliest tokens at each place. Default 0. */
  readonly topLogProbabilities?: number | undefined;
  /** Called with each new token. Returning false ends its row. */
  readonly onToken?: ((token: GeneratedToken) => boolean | void) | undefined;
  /** Rows computed together. Default 64, fewer where their cache would exceed 1 GiB. */
  readonly batchRows?: number | undefined;
}

/** What was generated for one prompt. */
export interface Generation {
  /** New ids, the stop id included. */
  readonly ids: readonly number[];
  readonly finishReason: "stop" | "length";
  /** Natural log-probability of each new id, where asked for. */
  readonly logProbabilities?: readonly number[];
  /** The likeliest tokens at each place, where asked for. */
  readonly top?: readonly (readonly TokenLikelihood[])[];
}

/** Options of a generator. */
export interface GeneratorOptions extends Omit<DecoderOptions, "precision"> {
  /** Ids from here on are padding of the vocabulary and never chosen. Default: none. */
  readonly knownIds?: number | undefined;
}

/** Generates text with a cache of keys and values. One call at a time. */
export interface Generator {
  readonly parameters: readonly string[];
  bindParameters(values: Readonly<Record<string, Float32Array | Float64Array>>): void;
  /**
   * Continues prompts.
   *
   * Cost:   one pass over the weights per token for all rows together.
   * Errors: invalid_argument for an empty prompt or an id outside the vocabulary; out_of_range where prompt and new tokens exceed
   *         the context; cancelled on abort.
   */
  generate(options: GenerateOptions): Promise<readonly Generation[]>;
  close(): Promise<void>;
}

const cacheLimitBytes = 2 ** 30;
/** Prompt tokens that pass the model together: bounds the memory of activations. */
const promptTokens = 4096;
/** Finished rows are dropped once they are this share of the rows under way. */
const droppedShare = 0.25;

/** Compiles a decoder with its adapters for generation. */
export async function createGenerator(options: GeneratorOptions): Promise<Generator> {
  const { config, knownIds = config.vocab } = options;
  const program = await compileGeneration({ ...options, precision: "float32" });
  const rope = createRopeCache(config);
  return {
    parameters: program.parameters,
    bindParameters: (values) => program.bindParameters(values),
    close: () => program.close(),
    async generate(request) {
      assertRequest(request, config);
      const results = new Array<Generation>(request.promptIds.length);
      for (const rows of batchesOf(request, config)) {
        const lengths = rows.map(({ ids }) => ids.length);
        const capacity = Math.max(...lengths) + request.maxNewTokens;
        const run = { program, config, knownIds, request, rope: rope(capacity) };
        await generateBatch(run, rows, createCache(config, rows.length, capacity));
        for (const row of rows) results[row.index] = finish(row, request);
      }
      return results;
    },
  };
}

/** A row under way. */
interface Row {
  readonly index: number;
  readonly ids: number[];
  readonly promptLength: number;
  readonly random: Random | undefined;
  readonly logProbabilities: number[];
  readonly top: (readonly TokenLikelihood[])[];
  isDone: boolean;
  isStopped: boolean;
}

interface BatchRun {
  readonly program: Program;
  readonly config: ModelConfig;
  readonly knownIds: number;
  readonly request: GenerateOptions;
  readonly rope: RopeTables;
}

function assertRequest(request: GenerateOptions, config: ModelConfig): void {
  assertSampling(request);
  assertInteger(
    request.maxNewTokens,
    { min: 1, max: config.maxPositions },
    "generate.maxNewTokens",
  );
  if ((request.temperature ?? 0) > 0 && request.random === undefined) {
    throw new QtuneError(
      "invalid_argument",
      "expected a random stream, since temperature is above 0",
      { where: "generate.random" },
    );
  }
  request.promptIds.forEach((ids, b) => {
    const where = `generate.promptIds[${b}]`;
    if (ids.length === 0)
      throw new QtuneError("invalid_argument", "expected at least one token", { where });
    if (ids.length + request.maxNewTokens > config.maxPositions) {
      throw new QtuneError(
        "out_of_range",
        `expected at most ${config.maxPositions} tokens (the model's context) but was given ${ids.length} and asked for ${request.maxNewTokens} more`,
        { where },
      );
    }
    for (let t = 0; t < ids.length; t++)
      assertInteger(ids[t] ?? -1, { min: 0, max: config.vocab - 1 }, `${where}[${t}]`);
  });
}

/** Groups prompts of similar length, so that little attention is spent on padding. */
function batchesOf(request: GenerateOptions, config: ModelConfig): readonly Row[][] {
  const rows = request.promptIds.map((prompt, index): Row => ({
    index,
    ids: Array.from(prompt),
    promptLength: prompt.length,
    random: request.random?.fork(index),
    logProbabilities: [],
    top: [],
    isDone: false,
    isStopped: false,
  }));
  rows.sort((a, b) => a.promptLength - b.promptLength || a.index - b.index);
  const longest = rows.at(-1)?.promptLength ?? 0;
  const rowBytes = cacheRowBytes(config, longest + request.maxNewTokens);
  const size = Math.max(
    1,
    Math.min(request.batchRows ?? 64, Math.floor(cacheLimitBytes / rowBytes)),
  );
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, k) =>
    rows.slice(k * size, (k + 1) * size),
  );
}

async function generateBatch(
  run: BatchRun,
  rows: readonly Row[],
  cache: KeyValueCache,
): Promise<void> {
  const { program, request, rope } = run;
  await readPrompts(run, rows, cache);
  let active = rows;
  while (active.some(({ isDone }) => !isDone)) {
    const kept = active.flatMap(({ isDone }, k) => (isDone ? [] : [k]));
    if (kept.length <= (1 - droppedShare) * active.length) {
      cache.keep(kept);
      active = active.filter(({ isDone }) => !isDone);
    }
    const extension = {
      ids: active.map(({ ids }) => ids.slice(-1)),
      known: active.map(({ ids }) => ids.length - 1),
      start: 0,
    };
    const logits = await extendCache(program, cache, extension, rope, request.signal);
    chooseTokens(run, active, logits);
  }
}

/** Runs the prompts, as many rows at a time as fit, and chooses each row's first token. */
async function readPrompts(
  run: BatchRun,
  rows: readonly Row[],
  cache: KeyValueCache,
): Promise<void> {
  for (let start = 0; start < rows.length;) {
    let end = start;
    let tokens = 0;
    while (
      end < rows.length &&
      (end === start || tokens + (rows[end]?.promptLength ?? 0) <= promptTokens)
    ) {
      tokens += rows[end++]?.promptLength ?? 0;
    }
    const group = rows.slice(start, end);
    const extension = { ids: group.map(({ ids }) => ids), known: group.map(() => 0), start };
    chooseTokens(
      run,
      group,
      await extendCache(run.program, cache, extension, run.rope, run.request.signal),
    );
    start = end;
  }
}

function chooseTokens(run: BatchRun, rows: readonly Row[], logits: Float32Array): void {
  const { vocab } = run.config;
  rows.forEach((row, k) => {
    if (!row.isDone) chooseToken(run, row, logits.subarray(k * vocab, k * vocab + run.knownIds));
  });
}

function chooseToken({ request, config }: BatchRun, row: Row, logits: Float32Array): void {
  const { temperature = 0, repetitionPenalty = 1, topLogProbabilities = 0 } = request;
  const wantsLikelihood = request.logProbabilities === true || topLogProbabilities > 0;
  const total = wantsLikelihood ? logSumExp(logits) : 0;
  const top = topLogProbabilities > 0 ? likeliest(logits, topLogProbabilities) : undefined;
  let scores = logits;
  if (repetitionPenalty !== 1) {
    scores = logits.slice();
    penaliseInPlace(scores, row.ids, repetitionPenalty);
  }
  const id =
    temperature > 0 && row.random !== undefined
      ? sampleToken(scores, request, row.random)
      : argmax(scores);
  const logProbability = wantsLikelihood ? (logits[id] ?? 0) - total : undefined;
  row.ids.push(id);
  if (logProbability !== undefined) row.logProbabilities.push(logProbability);
  if (top !== undefined) row.top.push(top);
  const isEnded = request.onToken?.({ row: row.index, id, logProbability, top }) === false;
  row.isStopped = isEnded || (request.stopIds ?? config.eosIds).includes(id);
  row.isDone = row.isStopped || row.ids.length - row.promptLength >= request.maxNewTokens;
}

function finish(row: Row, request: GenerateOptions): Generation {
  const wantsTop = (request.topLogProbabilities ?? 0) > 0;
  return {
    ids: row.ids.slice(row.promptLength),
    finishReason: row.isStopped ? "stop" : "length",
    ...(request.logProbabilities === true || wantsTop
      ? { logProbabilities: row.logProbabilities }
      : {}),
    ...(wantsTop ? { top: row.top } : {}),
  };
}
