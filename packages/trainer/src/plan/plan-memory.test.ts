import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { createBatchOrder } from "../data/batches.ts";
import type { Sample } from "../data/example.ts";
import { createTinyModel, tinyRun } from "../tiny-model.fixture.ts";
import { assertTrainingFits, chooseRecompute, estimateTrainingMemory } from "./plan-memory.ts";

const tiny = createTinyModel();
const model = { ...tiny, config: { ...tiny.config, layers: 8 } };
const samples = [20, 20, 20, 300].map((length, k): Sample => {
  const ids = new Int32Array(length).fill(5);
  const labels = ids.map((id, t) => (t < 10 ? -100 : id));
  return { id: `s${k}`, ids, labels, labelled: length - 10, cut: 0 };
});

function estimate(train: NonNullable<Parameters<typeof tinyRun>[0]["train"]>) {
  const config = tinyRun({ source: "-", adapter: { kind: "lora", rank: 2 }, train });
  const order = createBatchOrder(samples, config.train, createRandom(1));
  return { config, order, memory: estimateTrainingMemory(config, model, order) };
}

describe("predicted memory of a training", () => {
  test("is that of the largest micro-batch: one long example exceeds any limit", () => {
    const { logitBytes } = estimate({ microBatchTokens: 64 }).memory;
    expect(logitBytes).toBe(4 * 290 * model.config.vocab * 3);
    expect(estimate({ microBatchTokens: 1024 }).memory.logitBytes).toBe(
      4 * (290 + 30) * model.config.vocab * 3,
    );
  });

  test("falls with few bits and with layers computed again", () => {
    const plain = estimate({}).memory;
    expect(estimate({ gradientCheckpointing: true }).memory.activationBytes).toBeLessThan(
      plain.activationBytes,
    );
    expect(estimate({ baseWeights: "int8" }).memory.totalBytes).not.toBe(plain.totalBytes);
  });

  test("refuses what does not fit and names the settings that help", () => {
    const { config, order, memory } = estimate({});
    expect(() => assertTrainingFits(config, model, order, memory.totalBytes - 1)).toThrow(
      /needs about .* are free; use fewer tokens.*\(train\.microBatchTokens, train\.gradientCheckpointing, train\.baseWeights, model\)/,
    );
    expect(() => assertTrainingFits(config, model, order, memory.totalBytes)).not.toThrow();
  });
});

describe("what is computed again in the reverse pass", () => {
  const choose = (gradientCheckpointing: boolean, longest: number) => {
    const config = tinyRun({
      source: "-",
      adapter: { kind: "lora", rank: 2 },
      train: { gradientCheckpointing },
    });
    const chosen = samples.filter(({ ids }) => ids.length <= longest);
    return chooseRecompute(config.train, createBatchOrder(chosen, config.train, createRandom(1)));
  };

  test("is attention where an example is long, layers where that is asked for", () => {
    expect(choose(false, 20)).toBe("nothing");
    expect(choose(false, 300)).toBe("attention");
    expect(choose(true, 20)).toBe("layers");
  });
});
