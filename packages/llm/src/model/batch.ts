/**
 * Lays sequences of different lengths out as rows: one row per real token, so that padding costs nothing outside attention.
 *
 * Attention works on [B, heads, T]; `queryPlaces` and `keyPlaces` say which row and head stands at each place, -1 at padding,
 * and the inverse maps lead back.
 */
import { QtuneError } from "@qtune/base";
import type { Value } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";
import { ropeTables, type RopeTables } from "./rope.ts";

/** One tokenised example. `labels[i]` is what the token at position i is to be, or -100; shifted by the model. */
export interface Sequence {
  readonly ids: ArrayLike<number>;
  /** As in Hugging Face: same length as `ids`, -100 where nothing is learnt. Absent: nothing is labelled. */
  readonly labels?: ArrayLike<number> | undefined;
}

/** Rows of several sequences, and how they lie in attention. */
export interface RowLayout {
  /** Rows: real tokens, those of common beginnings once where they are shared. */
  readonly N: number;
  /** Sequences. */
  readonly B: number;
  /** Longest sequence. */
  readonly T: number;
  /** Row of each token, by sequence. */
  readonly rowsOf: readonly Int32Array[];
  readonly feeds: Readonly<Record<string, Value>>;
}

/** Labelled positions: the row that predicts, and what it is to predict. */
export interface LabelledRows {
  readonly rows: readonly number[];
  readonly labels: readonly number[];
}

/** The label that means "not learnt". */
const ignored = -100;

/** Computes rotary tables, keeping the last ones: batches of one run need the same few lengths. */
export function createRopeCache(config: ModelConfig): (length: number) => RopeTables {
  const { kind } = config.rope.scaling;
  const dependsOnLength = kind === "dynamic" || kind === "longrope";
  let last: RopeTables | undefined;
  return (length) => {
    const fits =
      last !== undefined &&
      (dependsOnLength ? last.positions === length : last.positions >= length);
    if (last === undefined || !fits)
      last = ropeTables(config, dependsOnLength ? length : roundUp(length, 64));
    return last;
  };
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** Returns an int64 value. */
export function int64Value(dims: readonly number[], data: ArrayLike<number>): Value {
  return { dims, data: BigInt64Array.from(data as ArrayLike<number> & Iterable<number>, BigInt) };
}

/**
 * Lays out sequences as rows.
 *
 * Range:  with `share`, sequences that begin alike share the rows of their common beginning: each token there is the same
 *         computation, done once. Not for a reverse pass, which would have to add up what comes back to a shared row.
 * Errors: invalid_argument when a sequence is empty, longer than the context, or holds an id outside the vocabulary.
 */
export function layOutRows(
  sequences: readonly ArrayLike<number>[],
  config: ModelConfig,
  rope: (length: number) => RopeTables,
  { share = false }: { readonly share?: boolean | undefined } = {},
): RowLayout {
  const lengths = sequences.map((ids, b) => checkedLength(ids, b, config));
  const T = Math.max(1, ...lengths);
  const { ids, positions, rowsOf } = numberRows(sequences, share);
  const N = ids.length;
  const { cos, sin, positions: P } = rope(T);
  const half = config.headDim / 2;
  return {
    N,
    B: sequences.length,
    T,
    rowsOf,
    feeds: {
      ids: int64Value([N], ids),
      positions: int64Value([N], positions),
      cos: { dims: [P, half], data: cos },
      sin: { dims: [P, half], data: sin },
      ...placesOf("query", { rowsOf, N, T }, config.heads),
      ...placesOf("key", { rowsOf, N, T }, config.kvHeads),
    },
  };
}

/** Numbers the tokens of sequences: each its own row, or one row for all sequences that are equal up to it. */
function numberRows(
  sequences: readonly ArrayLike<number>[],
  share: boolean,
): { readonly ids: number[]; readonly positions: number[]; readonly rowsOf: Int32Array[] } {
  const ids: number[] = [];
  const positions: number[] = [];
  const known = new Map<string, number>();
  const rowsOf = sequences.map((sequence) => {
    let before = -1;
    return Int32Array.from(sequence, (id, t) => {
      const key = share ? `${before} ${id}` : "";
      const row = (share ? known.get(key) : undefined) ?? ids.length;
      if (row === ids.length) {
        ids.push(id);
        positions.push(t);
        if (share) known.set(key, row);
      }
      before = row;
      return row;
    });
  });
  return { ids, positions, rowsOf };
}

function checkedLength(ids: ArrayLike<number>, b: number, config: ModelConfig): number {
  const where = `sequences[${b}].ids`;
  if (ids.length === 0)
    throw new QtuneError("invalid_argument", "expected at least one token", { where });
  if (ids.length > config.maxPositions) {
    throw new QtuneError(
      "invalid_argument",
      `expected at most ${config.maxPositions} tokens (the model's context) but was given ${ids.length}`,
      { where },
    );
  }
  for (let t = 0; t < ids.length; t++) {
    const id = ids[t] ?? -1;
    if (!Number.isInteger(id) || id < 0 || id >= config.vocab) {
      throw new QtuneError(
        "invalid_argument",
        `expected ids from 0 to ${config.vocab - 1} but was given ${id}`,
        { where: `${where}[${t}]` },
      );
    }
  }
  return ids.length;
}

/** Places of heads in attention [B, heads, T] and back from rows [N, heads]; a shared row is read at one of its places. */
function placesOf(
  kind: "query" | "key",
  { rowsOf, N, T }: Pick<RowLayout, "rowsOf" | "N" | "T">,
  heads: number,
): Record<string, Value> {
  const B = rowsOf.length;
  const places = new BigInt64Array(B * heads * T).fill(-1n);
  const rows = new BigInt64Array(N * heads);
  rowsOf.forEach((own, b) => {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < own.length; t++) {
        const place = (b * heads + h) * T + t;
        const row = (own[t] ?? 0) * heads + h;
        places[place] = BigInt(row);
        rows[row] = BigInt(place);
      }
    }
  });
  return {
    [`${kind}Places`]: { dims: [B, heads, T], data: places },
    [`${kind}Rows`]: { dims: [N * heads], data: rows },
  };
}

/**
 * Returns the additive causal mask.
 *
 * Shapes: [T, T], 0 where the key is not after the query. Right padding needs nothing more: pad keys come after every query.
 */
export function causalMask(T: number): Value {
  const data = new Float32Array(T * T);
  for (let query = 0; query < T; query++) data.fill(-1e30, query * T + query + 1, (query + 1) * T);
  return { dims: [T, T], data };
}

/**
 * Finds the labelled positions: the row of token t predicts label t + 1.
 *
 * Errors: invalid_argument when labels and ids differ in length, or a label is outside the vocabulary.
 */
export function labelledRows(
  sequences: readonly Sequence[],
  vocab: number,
  { rowsOf }: Pick<RowLayout, "rowsOf">,
): LabelledRows {
  const rows: number[] = [];
  const labels: number[] = [];
  sequences.forEach(({ ids, labels: given }, b) => {
    if (given !== undefined && given.length !== ids.length) {
      throw new QtuneError(
        "invalid_argument",
        `expected ${ids.length} labels but was given ${given.length}`,
        { where: `sequences[${b}].labels` },
      );
    }
    for (let t = 0; given !== undefined && t + 1 < ids.length; t++) {
      const label = given[t + 1] ?? ignored;
      if (label === ignored) continue;
      if (!Number.isInteger(label) || label < 0 || label >= vocab) {
        throw new QtuneError(
          "invalid_argument",
          `expected a label from 0 to ${vocab - 1}, or -100, but was given ${label}`,
          { where: `sequences[${b}].labels[${t + 1}]` },
        );
      }
      rows.push(rowsOf[b]?.[t] ?? 0);
      labels.push(label);
    }
  });
  return { rows, labels };
}

/** Returns the feeds of labelled rows: which rows, what they predict, and where each row went. */
export function labelFeeds({ rows, labels }: LabelledRows, N: number): Record<string, Value> {
  const inverse = new Array<number>(N).fill(-1);
  rows.forEach((row, k) => (inverse[row] = k));
  return {
    labelledRows: int64Value([rows.length], rows),
    labelledInverse: int64Value([N], inverse),
    labels: int64Value([labels.length], labels),
  };
}
