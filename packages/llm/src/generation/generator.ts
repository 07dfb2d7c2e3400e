/** Generates text: batches prompts, samples, drops finished rows. */
import { assertInteger, type Abortable, type Random } from "@qtune/base";
import type { ModelConfig } from "../config/model-config.ts";
import { createRopeCache } from "../model/batch.ts";
import type { DecoderOptions } from "../model/decoder-program.ts";
import { decodeRows, type RowSource } from "./decode-rows.ts";
import { compileGeneration } from "./generation-program.ts";
import { assertRow, Row, type Generation, type RowRequest, type RowToken } from "./row.ts";

/** A new token of one row. */
export interface GeneratedToken extends RowToken {
  /** Index of the prompt. */
  readonly row: number;
}

/** What to generate, and how. */
export interface GenerateOptions
  extends Abortable, Omit<RowRequest, "promptIds" | "onToken" | "signal"> {
  /** One prompt per row; lengths may differ. */
  readonly promptIds: readonly ArrayLike<number>[];
  /** Needed when temperature > 0. Row b draws from `random.fork(b)`, so its text does not depend on the other rows. */
  readonly random?: Random | undefined;
  /** Called with each new token. Returning false ends its row. */
  readonly onToken?: ((token: GeneratedToken) => boolean | void) | undefined;
  /** Rows computed together. Default 64, fewer where their cache would exceed 1 GiB. */
  readonly batchRows?: number | undefined;
}

/** Options of a generator. */
export interface GeneratorOptions extends Omit<DecoderOptions, "precision"> {
  /** Ids from here on are padding of the vocabulary and never chosen. Default: none. */
  readonly knownIds?: number | undefined;
}

/** Rows of many callers that share the passes over the weights. */
export interface RowQueue {
  /** Returns the next rows that are to join, at most `room`; called between tokens. Empty while none waits. */
  take(room: number): readonly QueuedRow[];
}

/** A row of a queue, and who waits for it. */
export interface QueuedRow {
  readonly request: RowRequest;
  readonly onDone: (generation: Generation) => void;
}

/** Options of serving a queue. */
export interface ServeRowsOptions extends Abortable {
  /** Most rows together. Default 16. */
  readonly maxRows?: number | undefined;
  /** Most prompt tokens that pass together: how long the other rows wait for their next token. Default 512. */
  readonly promptTokens?: number | undefined;
}

/** Generates text with a cache of keys and values. One call at a time. */
export interface Generator {
  readonly config: ModelConfig;
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
  /**
   * Continues the rows of a queue, which may join while others are under way, until the queue is empty and all are done.
   * Callers check rows by {@link assertRow} before they queue them.
   *
   * Errors: cancelled on abort.
   */
  serveRows(queue: RowQueue, options?: ServeRowsOptions): Promise<void>;
  close(): Promise<void>;
}

/** Prompt tokens that pass the model together: bounds the memory of activations. */
const promptTokens = 2048;
/** The same for a queue: the other rows wait that long for their next token. */
export const defaultPieceTokens = 512;
/** Rows join once this share of the places is free, so that prompts pass in groups. */
const joinedShare = 0.25;

/** Compiles a decoder with its adapters for generation. */
export async function createGenerator(options: GeneratorOptions): Promise<Generator> {
  const { config, knownIds = config.vocab } = options;
  const program = await compileGeneration({ ...options, precision: "float32" });
  const model = { program, config, knownIds, rope: createRopeCache(config) };
  return {
    config,
    parameters: program.parameters,
    bindParameters: (values) => program.bindParameters(values),
    close: () => program.close(),
    async generate(request) {
      const { signal, batchRows: maxRows = 64 } = request;
      assertInteger(maxRows, { min: 1, max: 4096 }, "generate.batchRows");
      const rows = rowsOf(request, config);
      await decodeRows({ ...model, maxRows, promptTokens, signal }, sourceOf(rows, maxRows));
      return rows.map((row) => row.finish());
    },
    async serveRows(
      queue,
      { signal, maxRows = 16, promptTokens: tokens = defaultPieceTokens } = {},
    ) {
      const waiting = new Map<Row, QueuedRow>();
      const pending: Row[] = [];
      await decodeRows(
        { ...model, maxRows, promptTokens: tokens, signal },
        {
          take(room) {
            for (const queued of queue.take(Math.max(0, maxRows - room.active - pending.length))) {
              const row = new Row(queued.request, config);
              waiting.set(row, queued);
              pending.push(row);
            }
            return takeFitting(pending, room.fits);
          },
          done: (row) => {
            waiting.get(row)?.onDone(row.finish());
            waiting.delete(row);
          },
        },
      );
    },
  };
}

function rowsOf(request: GenerateOptions, config: ModelConfig): readonly Row[] {
  const { promptIds, onToken, random, ...settings } = request;
  const rows = promptIds.map((ids, row): RowRequest => ({
    ...settings,
    signal: undefined, // it aborts the call, not single rows
    promptIds: ids,
    random: random?.fork(row),
    onToken: onToken && ((token) => onToken({ row, ...token })),
  }));
  rows.forEach((row, index) => assertRow(row, config, `generate.promptIds[${index}]`));
  return rows.map((row) => new Row(row, config));
}

/** Hands rows out by length, so that little attention is spent on padding, and in groups. */
function sourceOf(rows: readonly Row[], maxRows: number): RowSource {
  const waiting = rows.toSorted((a, b) => a.promptLength - b.promptLength);
  return {
    take({ active, fits }) {
      const isSoon = active > 0 && maxRows - active < joinedShare * maxRows;
      return isSoon ? [] : takeFitting(waiting, fits);
    },
    done: () => {}, // the rows are read when all are done
  };
}

/** Takes rows from the front while they fit. */
function takeFitting(
  waiting: Row[],
  fits: (rows: number, tokens: number) => boolean,
): readonly Row[] {
  const taken: Row[] = [];
  let longest = 0;
  for (let row = waiting[0]; row !== undefined; row = waiting[0]) {
    longest = Math.max(longest, row.longest);
    if (!fits(taken.length + 1, longest)) break;
    taken.push(row);
    waiting.shift();
  }
  return taken;
}
