/**
 * The loop of generation: rows join when there is room, all rows under way advance by one token per pass over the weights,
 * finished rows leave. Each row has its own settings, so texts of different callers share a pass.
 */
import { throwIfAborted, type Abortable } from "@qtune/base";
import type { Program } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";
import type { RopeTables } from "../model/rope.ts";
import { cacheLimitBytes, cacheRowBytes, createCache, type KeyValueCache } from "./cache.ts";
import { extendCache } from "./generation-program.ts";
import type { Row } from "./row.ts";

/** Where rows come from and where they go. */
export interface RowSource {
  /** Returns the next rows that are to join, at most those that `fits` accepts; empty while none waits. */
  take(room: RowRoom): readonly Row[];
  /** Is told of each row that is done. */
  done(row: Row): void;
}

/** Room for rows beside those under way. */
export interface RowRoom {
  /** Rows under way. */
  readonly active: number;
  /** Whether this many rows more, each of at most this many tokens, fit. */
  fits(rows: number, tokens: number): boolean;
}

/** What the loop works with. */
export interface RowLoop extends Abortable {
  readonly program: Program;
  readonly config: ModelConfig;
  /** Ids from here on are padding of the vocabulary. */
  readonly knownIds: number;
  readonly rope: (length: number) => RopeTables;
  /** Most rows together. */
  readonly maxRows: number;
  /** Most prompt tokens that pass the model together: bounds memory, and how long the others wait. */
  readonly promptTokens: number;
}

/** Logits of prompts that are scored, at once: 128 MiB. */
const scoredLogits = 2 ** 25;
/** Finished rows leave once they are this share of the rows under way: moving the others costs time. */
const droppedShare = 0.05;
/** Caches grow by steps of this many tokens. */
const capacityStep = 64;

/**
 * Runs rows until the source has no more and all are done.
 *
 * Cost: one pass over the weights per token for all rows together.
 */
export async function decodeRows(loop: RowLoop, source: RowSource): Promise<void> {
  const { config } = loop;
  const cache = createCache(config);
  // Where rotary tables depend on the longest text, nobody joins later: keys in the cache would be turned by another table.
  const isFixed = ["dynamic", "longrope"].includes(config.rope.scaling.kind);
  const told = new Set<Row>();
  let active: Row[] = [];
  const longest = (): number => Math.max(0, ...active.map((row) => row.longest));
  for (;;) {
    throwIfAborted(loop.signal);
    for (const row of active) {
      row.endIfAborted();
      if (!row.isDone || told.has(row)) continue;
      told.add(row);
      source.done(row);
    }
    active = dropDone(active, cache, told);
    if (active.length === 0) cache.clear();
    const room: RowRoom = {
      active: active.length,
      fits: (rows, tokens) => {
        const count = active.length + rows;
        const bytes = count * cacheRowBytes(config, Math.max(tokens, longest(), cache.capacity));
        return count === 1 || (count <= loop.maxRows && bytes <= cacheLimitBytes);
      },
    };
    const fresh = isFixed && active.length > 0 ? [] : source.take(room);
    const start = active.length;
    active = active.concat(fresh);
    const run = { loop, cache, rope: loop.rope(longest()), longest: longest() };
    if (fresh.length > 0) await readPrompts(run, fresh, start);
    else if (active.length > 0) await step(run, active);
    else return;
  }
}

interface Run {
  readonly loop: RowLoop;
  readonly cache: KeyValueCache;
  readonly rope: RopeTables;
  /** Most tokens that a row under way can come to. */
  readonly longest: number;
}

/** Drops finished rows and moves the others up, once enough have finished. */
function dropDone(active: Row[], cache: KeyValueCache, told: Set<Row>): Row[] {
  const kept = active.flatMap(({ isDone }, k) => (isDone ? [] : [k]));
  if (kept.length === active.length || kept.length > (1 - droppedShare) * active.length)
    return active;
  cache.keep(kept);
  told.clear(); // all that were told leave now
  return active.filter(({ isDone }) => !isDone);
}

async function step(run: Run, active: readonly Row[]): Promise<void> {
  const known = active.map(({ ids }) => ids.length - 1);
  const extension = {
    ids: active.map(({ ids }) => ids.slice(-1)),
    known,
    kept: active.map(() => 1),
    start: 0,
  };
  chooseTokens(run, active, await extend(run, extension));
}

/** Runs the prompts of rows that join, as many at a time as may pass together. */
async function readPrompts(run: Run, rows: readonly Row[], start: number): Promise<void> {
  const { loop } = run;
  reserve(run, start + rows.length, Math.max(...rows.map(({ promptLength }) => promptLength)));
  const scored = Math.max(1, Math.floor(scoredLogits / loop.config.vocab));
  const sizeOf = ({ promptLength, request }: Row): number =>
    request.scorePrompt === true
      ? Math.max(promptLength, (promptLength * loop.promptTokens) / scored)
      : promptLength;
  for (let from = 0; from < rows.length;) {
    let end = from;
    let size = 0;
    while (end < rows.length) {
      const row = rows[end];
      if (row === undefined || (end > from && size + sizeOf(row) > loop.promptTokens)) break;
      size += sizeOf(row);
      end++;
    }
    const group = rows.slice(from, end);
    const [first] = group;
    if (first !== undefined && size > loop.promptTokens)
      await readLongPrompt(run, first, start + from, scored);
    else await readTogether(run, group, start + from);
    from = end;
  }
}

async function readTogether(run: Run, rows: readonly Row[], start: number): Promise<void> {
  const { config, knownIds } = run.loop;
  const kept = rows.map((row) => keptOf(row, row.promptLength));
  const ids = rows.map(({ ids: all }) => all);
  const logits = await extend(run, { ids, known: rows.map(() => 0), kept, start });
  let at = 0;
  const last = rows.map((row, k) => {
    const count = kept[k] ?? 1;
    const own = logits.subarray(at * config.vocab, (at + count) * config.vocab);
    if (row.request.scorePrompt === true)
      row.scorePrompt(row.ids.slice(1), own, config.vocab, knownIds);
    at += count;
    return own.subarray((count - 1) * config.vocab);
  });
  rows.forEach((row, k) => choose(run, row, last[k]));
}

/** Reads one prompt piece by piece, each seeing the pieces before it in the cache. */
async function readLongPrompt(run: Run, row: Row, start: number, scored: number): Promise<void> {
  const { vocab } = run.loop.config;
  const isScored = row.request.scorePrompt === true;
  const piece = isScored ? Math.min(scored, run.loop.promptTokens) : run.loop.promptTokens;
  for (let known = 0; known < row.promptLength; known += piece) {
    throwIfAborted(run.loop.signal);
    row.endIfAborted();
    if (row.isDone) return;
    const ids = row.ids.slice(known, Math.min(known + piece, row.promptLength));
    const kept = keptOf(row, ids.length);
    const logits = await extend(run, { ids: [ids], known: [known], kept: [kept], start });
    const next = row.ids.slice(known + 1, Math.min(known + ids.length + 1, row.promptLength));
    if (isScored) row.scorePrompt(next, logits, vocab, run.loop.knownIds);
    const isEnd = known + piece >= row.promptLength;
    if (isEnd) choose(run, row, logits.subarray((kept - 1) * vocab));
  }
}

function keptOf(row: Row, length: number): number {
  return row.request.scorePrompt === true ? length : 1;
}

function extend(run: Run, extension: Parameters<typeof extendCache>[2]): Promise<Float32Array> {
  const { ids, known, start } = extension;
  const { cache, loop } = run;
  reserve(run, start + ids.length, Math.max(...ids.map((own, b) => own.length + (known[b] ?? 0))));
  return extendCache(loop.program, cache, extension, run.rope, loop.signal);
}

/** Makes room in the cache: for all rows that join at once, and by halves more than is needed, so that moving costs little. */
function reserve({ cache, longest }: Run, rows: number, tokens: number): void {
  const wanted = tokens <= cache.capacity ? tokens : Math.min(longest, 1.5 * tokens);
  cache.reserve(rows, Math.ceil(wanted / capacityStep) * capacityStep);
}

function chooseTokens(run: Run, rows: readonly Row[], logits: Float32Array): void {
  const { vocab } = run.loop.config;
  rows.forEach((row, k) => choose(run, row, logits.subarray(k * vocab, (k + 1) * vocab)));
}

function choose(run: Run, row: Row, logits: Float32Array | undefined): void {
  if (!row.isDone && logits !== undefined) row.chooseToken(logits.subarray(0, run.loop.knownIds));
}
