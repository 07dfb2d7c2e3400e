/**
 * Keys and values of the rows under way: one block per layer, row-major, so that a range of rows is a view and finished rows
 * are dropped by moving the others up. It grows as rows join and as they get longer.
 */
import type { Value } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";

/** The cache of the rows under way. */
export interface KeyValueCache {
  /** Tokens that each row has room for. */
  readonly capacity: number;
  /** Makes room for this many rows of this many tokens, keeping what these rows hold. */
  reserve(rows: number, capacity: number): void;
  /** Forgets everything and gives the memory back. */
  clear(): void;
  /** Returns views of rows [start, end) by name, as inputs and as places of the outputs. */
  view(
    start: number,
    end: number,
  ): { readonly past: Record<string, Value>; readonly present: Record<string, Value> };
  /** Keeps these rows, in ascending order, moved to the front. */
  keep(rows: readonly number[]): void;
}

/** Returns the width of a head in the cache: the kernel wants a multiple of 8, narrower heads end in zeros. */
export function cacheHeadDim(config: ModelConfig): number {
  return Math.ceil(config.headDim / 8) * 8;
}

/** Rows join while the cache stays below this; a single row may exceed it. */
export const cacheLimitBytes = 2 ** 30;

/** Bytes of one row of a cache. */
export function cacheRowBytes(config: ModelConfig, capacity: number): number {
  return 2 * 4 * config.layers * config.kvHeads * cacheHeadDim(config) * capacity;
}

/** Name of a cache tensor as input; the output is `present.` and the same. */
export function cacheName(layer: number, part: "keys" | "values"): string {
  return `${layer}.${part}`;
}

/** Creates an empty cache. Shapes: per layer keys and values float32 [rows, kvHeads, capacity, headDim]. */
export function createCache(config: ModelConfig): KeyValueCache {
  const { kvHeads, layers } = config;
  const headDim = cacheHeadDim(config);
  const blocks = new Map<string, Float32Array>();
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ["keys", "values"] as const)
      blocks.set(cacheName(layer, part), new Float32Array(0));
  }
  let capacity = 0;
  let allocated = 0;
  const rowSize = (): number => kvHeads * capacity * headDim;
  return {
    get capacity() {
      return capacity;
    },
    reserve(rows, tokens) {
      if (rows <= allocated && tokens <= capacity) return;
      const before = { rows: Math.min(rows, allocated), size: capacity * headDim };
      allocated = rows;
      capacity = Math.max(tokens, capacity);
      const size = capacity * headDim;
      for (const [name, old] of blocks) {
        const block = new Float32Array(allocated * kvHeads * size);
        for (let head = 0; head < before.rows * kvHeads; head++)
          block.set(old.subarray(head * before.size, (head + 1) * before.size), head * size);
        blocks.set(name, block);
      }
    },
    clear() {
      for (const name of blocks.keys()) blocks.set(name, new Float32Array(0));
      [allocated, capacity] = [0, 0];
    },
    view(start, end) {
      const past: Record<string, Value> = {};
      const present: Record<string, Value> = {};
      for (const [name, block] of blocks) {
        const value = {
          dims: [end - start, kvHeads, capacity, headDim],
          data: block.subarray(start * rowSize(), end * rowSize()),
        };
        past[`past.${name}`] = value;
        present[`present.${name}`] = value;
      }
      return { past, present };
    },
    keep(kept) {
      const size = rowSize();
      for (const block of blocks.values()) {
        kept.forEach((from, to) => {
          if (from !== to) block.copyWithin(to * size, from * size, (from + 1) * size);
        });
      }
    },
  };
}
