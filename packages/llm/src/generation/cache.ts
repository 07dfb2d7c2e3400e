/**
 * Keys and values of the rows under way: one block per layer, row-major, so that a range of rows is a view and finished rows
 * are dropped by moving the others up.
 */
import type { Value } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";

/** The cache of one batch. */
export interface KeyValueCache {
  readonly capacity: number;
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

/** Bytes of one row of a cache. */
export function cacheRowBytes(config: ModelConfig, capacity: number): number {
  return 2 * 4 * config.layers * config.kvHeads * cacheHeadDim(config) * capacity;
}

/** Name of a cache tensor as input; the output is `present.` and the same. */
export function cacheName(layer: number, part: "keys" | "values"): string {
  return `${layer}.${part}`;
}

/** Creates an empty cache. Shapes: per layer keys and values float32 [rows, kvHeads, capacity, headDim]. */
export function createCache(config: ModelConfig, rows: number, capacity: number): KeyValueCache {
  const { kvHeads, layers } = config;
  const headDim = cacheHeadDim(config);
  const rowSize = kvHeads * capacity * headDim;
  const names = Array.from({ length: layers }, (_, layer) =>
    (["keys", "values"] as const).map((part) => cacheName(layer, part)),
  ).flat();
  const blocks = new Map(names.map((name) => [name, new Float32Array(rows * rowSize)]));
  return {
    capacity,
    view(start, end) {
      const past: Record<string, Value> = {};
      const present: Record<string, Value> = {};
      for (const [name, block] of blocks) {
        const value = {
          dims: [end - start, kvHeads, capacity, headDim],
          data: block.subarray(start * rowSize, end * rowSize),
        };
        past[`past.${name}`] = value;
        present[`present.${name}`] = value;
      }
      return { past, present };
    },
    keep(kept) {
      for (const block of blocks.values()) {
        kept.forEach((from, to) => {
          if (from !== to) block.copyWithin(to * rowSize, from * rowSize, (from + 1) * rowSize);
        });
      }
    },
  };
}
