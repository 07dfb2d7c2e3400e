import { createRandom } from "@qtune/base";
import type { HostHandler } from "@qtune/graph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createScoringProgram } from "../model/decoder-program.ts";
import type { OnLinear } from "../model/on-linear.ts";
import { tinyConfig, tinyTensors } from "../model/tiny-model.fixture.ts";
import { createGenerator, type Generator } from "./generator.ts";
import type { Generation } from "./row.ts";

const config = tinyConfig();
const tensors = tinyTensors(config);
// Some begin alike: their common beginning passes once.
const prompts = [
  [1, 5, 9],
  [1, 4, 4, 4, 8, 20, 11],
  [1],
  [1, 30, 2, 7],
  [1, 4, 4, 4, 8, 3],
  [1, 5, 9],
];

/** Continues a prompt by scoring ever longer texts: generation without a cache. */
async function continueSlowly(
  prompt: readonly number[],
  count: number,
  onLinear?: OnLinear,
  hostOperations = {},
) {
  const program = await createScoringProgram({
    config,
    tensors,
    returnLogits: true,
    ...(onLinear ? { onLinear } : {}),
    hostOperations,
  });
  bindRandom(program);
  const ids = [...prompt];
  for (let k = 0; k < count; k++) {
    // Only the last position is labelled.
    const extended = [...ids, 0];
    const labels = extended.map((id, t) => (t === ids.length ? id : -100));
    const { logits } = await program.run([{ ids: extended, labels }]);
    const row = Array.from(logits ?? []);
    ids.push(row.indexOf(Math.max(...row)));
  }
  await program.close();
  return ids.slice(prompt.length);
}

function bindRandom(program: {
  readonly parameters: readonly string[];
  bindParameters(values: Record<string, Float32Array>): void;
}) {
  for (const name of program.parameters) {
    const random = createRandom(5, name);
    program.bindParameters({
      [name]: Float32Array.from({ length: 32 }, () => random.nextNormal()),
    });
  }
}

describe("a generator", () => {
  let generator: Generator | undefined;
  beforeAll(async () => {
    generator = await createGenerator({ config, tensors });
  });
  afterAll(async () => generator?.close());
  const generate = (options: Partial<Parameters<Generator["generate"]>[0]>) => {
    if (generator === undefined) throw new Error("opened before the tests");
    return generator.generate({ promptIds: prompts, maxNewTokens: 6, stopIds: [], ...options });
  };

  test("continues as scoring the whole text again would, whatever the batch", async () => {
    const expected = await Promise.all(prompts.map((prompt) => continueSlowly(prompt, 6)));
    for (const batchRows of [1, 3, 64]) {
      const results = await generate({ batchRows });
      expect(results.map(({ ids }) => ids)).toEqual(expected);
    }
  });

  test("ends a row at a stop id, which is the last of its ids, and goes on with the others", async () => {
    const free = await generate({});
    const stopId = free[1]?.ids[2] ?? -1;
    const stopped = await generate({ stopIds: [stopId] });
    free.forEach(({ ids }, row) => {
      const end = ids.indexOf(stopId);
      expect(stopped[row]?.ids).toEqual(end < 0 ? ids : ids.slice(0, end + 1));
      expect(stopped[row]?.finishReason).toBe(end < 0 ? "length" : "stop");
    });
  });

  test("draws the same text for a row alone and among others, from the same stream", async () => {
    const settings = { temperature: 1, topK: 20 };
    const together = await generate({ ...settings, random: createRandom(1) });
    const again = await generate({ ...settings, random: createRandom(1), batchRows: 2 });
    expect(again).toEqual(together);
    const other = await generate({ ...settings, random: createRandom(2) });
    expect(other.map(({ ids }) => ids)).not.toEqual(together.map(({ ids }) => ids));
  });

  test("streams tokens with log-probabilities of the model's own distribution, and ends rows on request", async () => {
    const seen: number[] = [];
    const results = await generate({
      promptIds: [[1, 5, 9]],
      topLogProbabilities: 3,
      onToken: ({ id }) => {
        seen.push(id);
        return seen.length < 4;
      },
    });
    expect(seen).toEqual(results[0]?.ids);
    expect(seen).toHaveLength(4);
    results[0]?.ids.forEach((id, k) => {
      const best = results[0]?.top?.[k]?.[0];
      expect(best?.id).toBe(id);
      expect(best?.logProbability).toBeCloseTo(results[0]?.logProbabilities?.[k] ?? Number.NaN, 6);
      expect(best?.logProbability).toBeLessThan(0);
    });
  });

  test("refuses what does not fit, naming it", async () => {
    await expect(generate({ promptIds: [[]] })).rejects.toThrow(
      "generate.promptIds[0]: expected at least one token",
    );
    await expect(generate({ promptIds: [[1, 99]] })).rejects.toThrow(
      "generate.promptIds[0][1]: expected an integer from 0 to 31",
    );
    await expect(generate({ maxNewTokens: 64 })).rejects.toMatchObject({ code: "out_of_range" });
    await expect(generate({ temperature: 1 })).rejects.toThrow("generate.random");
    await expect(generate({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
  });
});

test("ids beyond the tokenizer's are never chosen", async () => {
  const generator = await createGenerator({ config, tensors, knownIds: 8 });
  const [result] = await generator.generate({
    promptIds: [[1, 5, 9]],
    maxNewTokens: 20,
    stopIds: [],
  });
  expect(Math.max(...(result?.ids ?? [99]))).toBeLessThan(8);
  await generator.close();
});

test("unmerged adapters take part, those computed on the host included", async () => {
  const square: HostHandler = async (calls) =>
    calls.map(({ inputs: [h] }) => [
      { dims: h?.dims ?? [], data: Float32Array.from(h?.data as Float32Array, (v) => v * v) },
    ]);
  // Both matrices have 32 elements, as bindRandom expects.
  const onLinear: OnLinear = ({ graph, module, path, x, y, inFeatures, outFeatures }) => {
    if (module !== "q_proj") return y;
    const h = graph.linear(x, graph.parameter(`${path}.a`, [2, inFeatures]));
    const [q = h] = graph.hostOperation({ kind: "square", inputs: [h], outputs: [h] });
    return graph.add(y, graph.linear(q, graph.parameter(`${path}.b`, [outFeatures, 2])));
  };
  const generator = await createGenerator({
    config,
    tensors,
    onLinear,
    hostOperations: { square },
  });
  bindRandom(generator);
  const results = await generator.generate({
    promptIds: prompts.slice(0, 2),
    maxNewTokens: 5,
    stopIds: [],
  });
  await generator.close();
  const expected = await Promise.all(
    prompts.slice(0, 2).map((prompt) => continueSlowly(prompt, 5, onLinear, { square })),
  );
  expect(results.map(({ ids }) => ids)).toEqual(expected);
});

describe("scores of a prompt", () => {
  const scoresOf = async (prompt: readonly number[]) => {
    const program = await createScoringProgram({ config, tensors });
    const { nll } = await program.run([{ ids: prompt, labels: prompt }]);
    await program.close();
    return Array.from(nll, (value) => -value);
  };

  test("equal those of a scoring program, with or without new tokens", async () => {
    const generator = await createGenerator({ config, tensors });
    const scored = prompts.filter(({ length }) => length > 1);
    const expected = await Promise.all(scored.map(scoresOf));
    for (const maxNewTokens of [0, 2]) {
      const results = await generator.generate({
        promptIds: scored,
        maxNewTokens,
        scorePrompt: true,
        topLogProbabilities: 1,
        stopIds: [],
      });
      results.forEach(({ ids, prompt, logProbabilities }, row) => {
        expect(ids).toHaveLength(maxNewTokens);
        expect(logProbabilities).toHaveLength(maxNewTokens);
        expect(prompt?.logProbabilities).toHaveLength(expected[row]?.length ?? 0);
        prompt?.logProbabilities.forEach((value, t) => {
          expect(value).toBeCloseTo(expected[row]?.[t] ?? Number.NaN, 5);
          expect(prompt.top?.[t]?.[0]?.logProbability).toBeGreaterThanOrEqual(value);
        });
      });
    }
    await generator.close();
  });

  test("do not depend on the pieces that a long prompt passes in", async () => {
    const generator = await createGenerator({ config, tensors });
    const prompt = Array.from({ length: 40 }, (_, t) => (t * 7) % 31);
    const run = async (promptTokens: number) => {
      let result: Generation | undefined;
      const row = {
        request: { promptIds: prompt, maxNewTokens: 4, scorePrompt: true, stopIds: [] },
        onDone: (generation: Generation) => void (result = generation),
      };
      const rows = [row];
      await generator.serveRows({ take: () => rows.splice(0) }, { promptTokens });
      return result;
    };
    const whole = await run(64);
    const pieces = await run(7);
    expect(pieces?.ids).toEqual(whole?.ids);
    expect(pieces?.prompt?.logProbabilities).toHaveLength(39);
    pieces?.prompt?.logProbabilities.forEach((value, t) =>
      expect(value).toBeCloseTo(whole?.prompt?.logProbabilities[t] ?? Number.NaN, 5),
    );
    await generator.close();
  });
});

test("rows that join later, with settings of their own, get what they would get alone; aborted ones leave", async () => {
  const generator = await createGenerator({ config, tensors });
  const alone = await Promise.all(prompts.map((prompt) => continueSlowly(prompt, 6)));
  const results = new Map<number, Generation>();
  const abort = new AbortController();
  const waiting = prompts.map((promptIds, row) => ({
    request: {
      promptIds,
      maxNewTokens: 6 - row,
      stopIds: [],
      ...(row === 1 ? { temperature: 1, random: createRandom(3) } : {}),
      ...(row === 2 ? { signal: abort.signal, onToken: () => abort.abort() } : {}),
    },
    onDone: (generation: Generation) => void results.set(row, generation),
  }));
  // One row between two tokens of the others.
  await generator.serveRows({ take: () => waiting.splice(0, 1) }, { maxRows: 3 });
  expect(results.get(0)?.ids).toEqual(alone[0]);
  expect(results.get(1)?.ids).toHaveLength(5);
  expect(results.get(2)).toMatchObject({ finishReason: "aborted", ids: alone[2]?.slice(0, 1) });
  expect(results.get(3)?.ids).toEqual(alone[3]?.slice(0, 3));
  await generator.close();
});

test.each(["int8", "int4"] as const)(
  "%s weights, the head in 8 bits, score a prompt close to float32",
  async (baseWeights) => {
    const scores = await Promise.all(
      (["float32", baseWeights] as const).map(async (weights) => {
        const wide = tinyConfig({ hidden: 32, headDim: 8 });
        const generator = await createGenerator({
          config: wide,
          tensors: tinyTensors(wide),
          baseWeights: weights,
        });
        const [result] = await generator.generate({
          promptIds: [[1, 5, 9, 4, 20, 11]],
          maxNewTokens: 0,
          scorePrompt: true,
        });
        await generator.close();
        return result?.prompt?.logProbabilities ?? [];
      }),
    );
    const [exact = [], narrow = []] = scores;
    const tolerance = baseWeights === "int8" ? 0.15 : 1.5;
    expect(narrow).not.toEqual(exact);
    narrow.forEach((value, t) =>
      expect(Math.abs(value - (exact[t] ?? Number.NaN)), `token ${t + 1}`).toBeLessThan(tolerance),
    );
  },
);

test("refuses to choose among logits that are no finite numbers, and to score them", async () => {
  const damaged = new Map(tensors);
  const shape = [config.hidden];
  const readFloat32 = async () => new Float32Array(config.hidden).fill(NaN);
  damaged.set("model.norm.weight", { shape, dtype: "F32", readFloat32 });
  const broken = await createGenerator({ config, tensors: damaged });
  const scoring = await createScoringProgram({ config, tensors: damaged });
  const asked = broken.generate({ promptIds: [[1, 5]], maxNewTokens: 2 });
  await expect(asked).rejects.toMatchObject({
    code: "data_loss",
    message: expect.stringMatching(
      /finite logits but token 0 has NaN after 2 tokens.*fetch it again/,
    ),
  });
  const ids = [1, 5, 9];
  await expect(scoring.run([{ ids, labels: ids }])).rejects.toThrow(/finite losses.*NaN/);
  await broken.close();
  await scoring.close();
});
