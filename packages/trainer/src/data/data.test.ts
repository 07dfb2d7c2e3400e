import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { createBatchOrder, microBatches, sharedMicroBatches } from "./batches.ts";
import type { Sample } from "./example.ts";
import { createByteTokenizer } from "./byte-tokenizer.fixture.ts";
import { tokeniseAll, tokeniseExample } from "./tokenise.ts";

const tokenizer = createByteTokenizer();
const options = { template: "chat", maxTokens: 64, endId: 2 } as const;
const learnt = (sample: Sample): string =>
  tokenizer.decode(
    [...sample.labels].filter((label) => label >= 0),
    { skipSpecial: false },
  );

function sampleOf(length: number, id: string): Sample {
  return {
    id,
    ids: new Int32Array(length),
    labels: new Int32Array(length),
    labelled: length - 1,
    cut: 0,
  };
}

describe("tokeniseExample", () => {
  test("learns the answer and the end of turn, nothing else", () => {
    const example = { id: "a", kind: "prompt", prompt: "2+2?", completion: "4" } as const;
    const sample = tokeniseExample(tokenizer, example, options);
    expect(learnt(sample)).toBe("4</s>");
    expect(sample.labelled).toBe(2);
  });
  test("learns every assistant turn of a conversation", () => {
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "ho" },
      { role: "user", content: "x" },
      { role: "assistant", content: "y" },
    ];
    expect(learnt(tokeniseExample(tokenizer, { id: "a", kind: "chat", messages }, options))).toBe(
      "ho</s>y</s>",
    );
  });
  test("puts a system message in front where none is given", () => {
    const example = { id: "a", kind: "prompt", prompt: "q", completion: "a" } as const;
    const plain = tokeniseExample(tokenizer, example, options);
    const sample = tokeniseExample(tokenizer, example, { ...options, system: "be kind" });
    expect(tokenizer.decode(sample.ids)).toContain("be kind");
    expect(sample.labelled).toBe(plain.labelled);
  });
  test("without a template ends the completion itself", () => {
    const example = { id: "a", kind: "prompt", prompt: "q", completion: "a" } as const;
    expect(learnt(tokeniseExample(tokenizer, example, { ...options, template: "plain" }))).toBe(
      "a</s>",
    );
  });
  test("learns a whole text but its first token", () => {
    const sample = tokeniseExample(tokenizer, { id: "a", kind: "text", text: "abc" }, options);
    expect(sample.labelled).toBe(sample.ids.length - 1);
  });
  test("takes tokens as they are, and refuses labels of another length", () => {
    const sample = tokeniseExample(
      tokenizer,
      { id: "a", kind: "tokens", ids: [5, 6, 7], labels: [-100, 6, 9] },
      options,
    );
    expect([...sample.labels]).toEqual([-100, 6, 9]);
    expect(() =>
      tokeniseExample(tokenizer, { id: "f:3", kind: "tokens", ids: [5], labels: [] }, options),
    ).toThrow("f:3");
  });
});

describe("tokeniseAll", () => {
  test("counts what is cut", () => {
    const examples = [{ id: "a", kind: "text", text: "x".repeat(100) } as const];
    expect(tokeniseAll(tokenizer, examples, options).statistics).toMatchObject({
      cutExamples: 1,
      longest: 64,
    });
  });
  test("refuses examples with nothing to learn, naming them", () => {
    const examples = [
      { id: "d.jsonl:7", kind: "prompt", prompt: "x".repeat(100), completion: "y" } as const,
    ];
    expect(() => tokeniseAll(tokenizer, examples, options)).toThrow(
      /d\.jsonl:7: .*the answer lies beyond 64 tokens/,
    );
  });
  test("refuses an empty data set", () => {
    expect(() => tokeniseAll(tokenizer, [], options)).toThrow("expected at least one example");
  });
});

describe("createBatchOrder", () => {
  const samples = Array.from({ length: 10 }, (_, i) => sampleOf(4 + i, `s${i}`));
  test("gives each example once per epoch, in another order each time", () => {
    const order = createBatchOrder(samples, { batchExamples: 4 }, createRandom(1));
    const epoch = (k: number): string[] =>
      [0, 1, 2].flatMap((i) => order.batch(3 * k + i).map(({ id }) => id));
    expect(order.stepsPerEpoch).toBe(3);
    expect([...epoch(0)].sort()).toEqual(samples.map(({ id }) => id).sort());
    expect(epoch(1)).not.toEqual(epoch(0));
  });
  test("gives the same batch whatever was asked before", () => {
    const order = createBatchOrder(samples, { batchExamples: 4 }, createRandom(1));
    const later = order.batch(7);
    expect(createBatchOrder(samples, { batchExamples: 4 }, createRandom(1)).batch(7)).toEqual(
      later,
    );
  });
  test("fills batches by tokens", () => {
    const order = createBatchOrder(samples, { batchExamples: 1, batchTokens: 30 }, createRandom(1));
    const sizes = Array.from({ length: order.stepsPerEpoch }, (_, k) =>
      order.batch(k).reduce((sum, { ids }) => sum + ids.length, 0),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(85);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(13);
  });
});

test("micro-batches keep every sample and the token limit", () => {
  const samples = Array.from({ length: 16 }, (_, i) => sampleOf(50 + ((i * 7) % 30), `s${i}`));
  const cut = microBatches(samples, 512);
  expect(
    cut
      .flat()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(samples.map(({ id }) => id).sort());
  for (const part of cut)
    expect(part.reduce((sum, { ids }) => sum + ids.length, 0)).toBeLessThanOrEqual(512);
  expect(cut).toHaveLength(2);
  expect(microBatches([sampleOf(600, "long")], 512)).toHaveLength(1);
});

test("samples that begin alike are scored together, their beginning counted once", () => {
  const beginWith = (first: number, last: number): Sample => ({
    ...sampleOf(100, `${first}/${last}`),
    ids: Int32Array.from({ length: 100 }, (_, t) => (t < 98 ? first : t === 98 ? last : 0)),
  });
  const samples = [0, 1, 2, 3].flatMap((last) => [1, 2].map((first) => beginWith(first, last)));
  // 100 tokens and three times the last two.
  expect(sharedMicroBatches(samples, 106).map((part) => part.map(({ id }) => id))).toEqual([
    ["1/0", "1/1", "1/2", "1/3"],
    ["2/0", "2/1", "2/2", "2/3"],
  ]);
  // Nothing in common: as samples of any kind.
  const apart = [1, 2, 3].map((first) => beginWith(first, 0));
  expect(sharedMicroBatches(apart, 200)).toEqual(microBatches(apart, 200));
});
