import { createRandom } from "@qtune/base";
import { relativeDistance } from "@qtune/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, createGraph, interpret, type Program, type Tensor, type Value } from "./index.ts";

const [B, H, G, D, S] = [3, 4, 2, 8, 6];

function draw(dims: readonly number[], label: string): Value {
  const random = createRandom(11, label);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { dims, data: Float32Array.from({ length: size }, () => random.nextNormal()) };
}

function buildAttention() {
  const g = createGraph();
  const rows = (name: string, heads: number): Tensor =>
    g.input(name, "float", ["B", "T", heads * D]);
  const cache = (name: string): Tensor => g.input(name, "float", ["B", G, "S", D]);
  const outputs = g.cachedAttention(
    {
      query: rows("query", H),
      key: rows("key", G),
      value: rows("value", G),
      pastKeys: cache("pastKeys"),
      pastValues: cache("pastValues"),
      lengths: g.input("lengths", "int32", ["B"]),
      total: g.input("total", "int32", []),
    },
    { heads: H, kvHeads: G, scale: D ** -0.5 },
  );
  return { g, outputs };
}

/** Feeds of T new tokens per row after which row b holds ends[b] tokens. */
function feedsOf(
  T: number,
  ends: readonly number[],
  pastKeys: Value,
  pastValues: Value,
): Record<string, Value> {
  return {
    query: draw([B, T, H * D], `q${T}`),
    key: draw([B, T, G * D], `k${T}`),
    value: draw([B, T, G * D], `v${T}`),
    pastKeys,
    pastValues,
    lengths: { dims: [B], data: Int32Array.from(ends, (end) => end - 1) },
    total: { dims: [], data: Int32Array.of(Math.max(...ends)) },
  };
}

describe("attention to a cache", () => {
  const { g, outputs } = buildAttention();
  let program: Program | undefined;
  beforeAll(async () => {
    program = await compile(g, { outputs, threads: 1 });
  });
  afterAll(async () => program?.close());

  test("equals its definition, for prompts of different lengths and the step after them, in place", async () => {
    const dims = [B, G, S, D];
    const cache = {
      keys: { dims, data: new Float32Array(B * G * S * D) },
      values: { dims, data: new Float32Array(B * G * S * D) },
    };
    const reference = {
      pastKeys: structuredClone(cache.keys),
      pastValues: structuredClone(cache.values),
    };
    for (const [T, ends] of [
      [4, [4, 2, 3]],
      [1, [5, 3, 4]],
    ] as const) {
      const expected = await interpret(g, {
        outputs,
        feeds: feedsOf(T, ends, reference.pastKeys, reference.pastValues),
      });
      const actual = await program?.run(feedsOf(T, ends, cache.keys, cache.values), {
        into: cache,
      });
      ends.forEach((end, b) => {
        const newTokens = T === 1 ? 1 : end;
        for (let t = 0; t < newTokens; t++) {
          const from = (b * T + t) * H * D;
          const part = (value: Value | undefined): number[] =>
            Array.from(value?.data.subarray(from, from + H * D) as Float64Array);
          expect(relativeDistance(part(actual?.["output"]), part(expected["output"]))).toBeLessThan(
            1e-5,
          );
        }
        for (let k = 0; k < G; k++) {
          const from = (b * G + k) * S * D;
          const part = (value: Value | undefined): number[] =>
            Array.from(value?.data.subarray(from, from + end * D) as Float64Array);
          expect(relativeDistance(part(cache.keys), part(expected["keys"]))).toBeLessThan(1e-6);
        }
      });
      reference.pastKeys = {
        dims,
        data: Float32Array.from(expected["keys"]?.data as Float64Array),
      };
      reference.pastValues = {
        dims,
        data: Float32Array.from(expected["values"]?.data as Float64Array),
      };
    }
  });

  test("has no derivative and says so where it is emitted in float64", async () => {
    await expect(compile(g, { outputs, precision: "float64" })).rejects.toMatchObject({
      code: "unimplemented",
    });
  });
});
