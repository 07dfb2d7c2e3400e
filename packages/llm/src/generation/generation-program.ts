/**
 * The decoder with a cache of keys and values: one program for prompts and for single steps.
 *
 * Rows are real tokens, as in training; attention sees them as [B, T, …], right-padded, each sequence at its own position.
 */
import { compile, createGraph, type Operations, type Program, type Tensor } from "@qtune/graph";
import { int64Value } from "../model/batch.ts";
import { buildDecoder, type AttentionInputs } from "../model/decoder.ts";
import type { DecoderOptions } from "../model/decoder-program.ts";
import type { RopeTables } from "../model/rope.ts";
import { cacheHeadDim, cacheName, type KeyValueCache } from "./cache.ts";

/** Compiles the decoder for generation: outputs `logits` [R, vocab] of the kept rows, and the caches. */
export async function compileGeneration(options: DecoderOptions): Promise<Program> {
  const { config } = options;
  const { heads, kvHeads, headDim } = config;
  const graph = createGraph();
  const half = headDim / 2;
  const width = cacheHeadDim(config);
  const places = graph.input("places", "int64", ["B", "T"]);
  const rowPlaces = graph.input("rowPlaces", "int64", ["N"]);
  const lengths = graph.input("lengths", "int32", ["B"]);
  const total = graph.input("total", "int32", []);
  const keptRows = graph.input("keptRows", "int64", ["R"]);
  const keptInverse = graph.input("keptInverse", "int64", ["N"]);
  const outputs: Record<string, Tensor> = {};
  const anyPadding = { padding: "any", inversePadding: "any" } as const;
  const attend = ({ layer, q, k, v }: AttentionInputs): Tensor => {
    const place = (rows: Tensor): Tensor =>
      widenHeads(graph, graph.gatherRows(rows, places, rowPlaces, anyPadding), headDim, width);
    const past = (part: "keys" | "values"): Tensor =>
      graph.input(`past.${cacheName(layer, part)}`, "float", ["B", kvHeads, "S", width]);
    const attended = graph.cachedAttention(
      {
        query: place(q),
        key: place(k),
        value: place(v),
        pastKeys: past("keys"),
        pastValues: past("values"),
        lengths,
        total,
      },
      { heads, kvHeads, scale: headDim ** -0.5 },
    );
    outputs[`present.${cacheName(layer, "keys")}`] = attended.keys;
    outputs[`present.${cacheName(layer, "values")}`] = attended.values;
    const flat = graph.reshape(attended.output, [-1, heads * width]);
    return narrowHeads(
      graph,
      graph.gatherRows(flat, rowPlaces, places, anyPadding),
      headDim,
      width,
    );
  };
  const isNarrow = options.baseWeights === "int8" || options.baseWeights === "int4";
  outputs["logits"] = buildDecoder({
    ...options,
    // With float32 the head alone would take a third of a step.
    headWeights: isNarrow ? "int8" : "float32",
    graph,
    inputs: {
      ids: graph.input("ids", "int64", ["N"]),
      positions: graph.input("positions", "int64", ["N"]),
      cos: graph.input("cos", "float", ["P", half]),
      sin: graph.input("sin", "float", ["P", half]),
    },
    attend,
    keepRows: (rows) => graph.gatherRows(rows, keptRows, keptInverse, anyPadding),
  });
  // A step is a thousand small operations: waiting threads spin, unless circuits on the host need the cores.
  const spin = options.spin ?? !graph.nodes.some(({ op }) => op === "hostOperation");
  return compile(graph, { ...options, spin, outputs });
}

/** Appends zeros to every head. Shapes: x [B, T, H·headDim], result [B, T, H·width]. */
function widenHeads(graph: Operations, x: Tensor, headDim: number, width: number): Tensor {
  if (width === headDim) return x;
  const heads = Number(x.shape[2]) / headDim;
  const zeros = graph.expand(graph.constant(0), ["B", "T", heads, width - headDim]);
  const wide = graph.concat([graph.reshape(x, ["B", "T", heads, headDim]), zeros], 3);
  return graph.reshape(wide, ["B", "T", heads * width]);
}

/** Drops those zeros again. Shapes: rows [N, H·width], result [N, H·headDim]. */
function narrowHeads(graph: Operations, rows: Tensor, headDim: number, width: number): Tensor {
  if (width === headDim) return rows;
  const heads = Number(rows.shape[1]) / width;
  const narrow = graph.slice(graph.reshape(rows, ["N", heads, width]), 2, 0, headDim);
  return graph.reshape(narrow, ["N", heads * headDim]);
}

/** New tokens of sequences that stand at rows [start, start + B) of a cache. */
export interface Extension {
  /** New ids of each sequence. */
  readonly ids: readonly ArrayLike<number>[];
  /** Tokens that each sequence has in the cache already. */
  readonly known: readonly number[];
  /** How many of each sequence's new tokens, counted from its end, give logits. */
  readonly kept: readonly number[];
  /** First cache row. */
  readonly start: number;
}

/**
 * Runs new tokens through the model and returns the logits after the kept ones, sequence by sequence.
 *
 * Shapes: float32 [R, vocab], R the sum of `kept`.
 * Range:  a sequence with more than one new token and some in the cache stands alone (a limit of the attention kernel).
 */
export async function extendCache(
  program: Program,
  cache: KeyValueCache,
  { ids, known, kept, start }: Extension,
  rope: RopeTables,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const B = ids.length;
  const T = Math.max(...ids.map(({ length }) => length));
  const { rows, places, keptRows } = layOut({ ids, known, kept, start }, T);
  const N = rows.length;
  const keptInverse = new Array<number>(N).fill(-1);
  keptRows.forEach((row, k) => (keptInverse[row] = k));
  const ends = ids.map(({ length }, b) => (known[b] ?? 0) + length);
  const { past, present } = cache.view(start, start + B);
  const half = rope.cos.length / rope.positions;
  const outputs = await program.run(
    {
      ids: int64Value(
        [N],
        rows.map(({ id }) => id),
      ),
      positions: int64Value(
        [N],
        rows.map(({ position }) => position),
      ),
      cos: { dims: [rope.positions, half], data: rope.cos },
      sin: { dims: [rope.positions, half], data: rope.sin },
      places: { dims: [B, T], data: places },
      rowPlaces: int64Value(
        [N],
        rows.map(({ place }) => place),
      ),
      lengths: { dims: [B], data: Int32Array.from(ends, (end) => end - 1) },
      total: { dims: [], data: Int32Array.of(Math.max(...ends)) },
      keptRows: int64Value([keptRows.length], keptRows),
      keptInverse: int64Value([N], keptInverse),
      ...past,
    },
    { into: present, signal },
  );
  return outputs["logits"]?.data as Float32Array; // generation runs in float32
}

/** A token that passes the model: where it stands in its text, and at which of the places [B, T] its attention is read. */
interface TokenRow {
  readonly id: number;
  readonly position: number;
  readonly place: number;
}

/**
 * Lays new tokens out as rows. Texts that begin alike share the rows of their common beginning: each token there is the same
 * computation, done once.
 */
function layOut(
  { ids, known, kept }: Extension,
  T: number,
): {
  readonly rows: readonly TokenRow[];
  /** Row at each place [B, T], -1 at padding. */
  readonly places: BigInt64Array;
  readonly keptRows: readonly number[];
} {
  const rows: TokenRow[] = [];
  const places = new BigInt64Array(ids.length * T).fill(-1n);
  const keptRows: number[] = [];
  const beginnings = new Map<string, number>();
  ids.forEach((sequence, b) => {
    const start = known[b] ?? 0;
    let row = -1;
    for (let t = 0; t < sequence.length; t++) {
      const id = sequence[t] ?? 0;
      const key = `${row} ${id}`;
      const shared = start === 0 ? beginnings.get(key) : undefined;
      row = shared ?? rows.push({ id, position: start + t, place: b * T + t }) - 1;
      if (start === 0) beginnings.set(key, row);
      places[b * T + t] = BigInt(row);
      if (t >= sequence.length - (kept[b] ?? 1)) keptRows.push(row);
    }
  });
  return { rows, places, keptRows };
}
