import { describe, expect, test } from "vitest";
import type { Generator, QueuedRow, RowQueue } from "../generation/generator.ts";
import { tinyConfig } from "../model/tiny-model.fixture.ts";
import { createRowScheduler } from "./row-scheduler.ts";

/** A generator that takes rows one by one, and fails at a prompt that begins with 31. */
function createStepGenerator(seen: number[]): Generator {
  const finish = ({ request, onDone }: QueuedRow): void => {
    const first = request.promptIds[0] ?? -1;
    if (first === 31) throw new Error("the device is away");
    seen.push(first);
    onDone({ ids: [first], finishReason: "length" });
  };
  return {
    config: tinyConfig(),
    parameters: [],
    bindParameters: () => {},
    generate: async () => [],
    close: async () => {},
    async serveRows(queue: RowQueue, { signal } = {}) {
      for (let rows = queue.take(1); rows.length > 0; rows = queue.take(1)) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        signal?.throwIfAborted();
        rows.forEach(finish);
      }
    },
  };
}

const rowsOf = (...firsts: number[]) =>
  firsts.map((first) => ({ promptIds: [first], maxNewTokens: 1 }));

describe("a scheduler", () => {
  test("takes rows of its callers in turn and answers in their order", async () => {
    const seen: number[] = [];
    const scheduler = createRowScheduler(createStepGenerator(seen));
    const many = scheduler.run(rowsOf(1, 2, 3, 4));
    const one = scheduler.run(rowsOf(10));
    const two = scheduler.run(rowsOf(20, 21));
    expect((await one)[0]?.ids).toEqual([10]);
    expect((await many).map(({ ids }) => ids[0])).toEqual([1, 2, 3, 4]);
    await two;
    expect(seen).toEqual([1, 2, 10, 20, 3, 21, 4]);
  });

  test("refuses texts longer than it was made for", async () => {
    const scheduler = createRowScheduler(createStepGenerator([]), { longest: 3 });
    expect(scheduler.config.maxPositions).toBe(3);
    const tooLong = scheduler.run([{ promptIds: [1, 2], maxNewTokens: 2 }]);
    await expect(tooLong).rejects.toThrow(/at most 3 tokens .* given 2 and asked for 2 more/);
    const fits = await scheduler.run([{ promptIds: [1, 2], maxNewTokens: 1 }]);
    expect(fits).toHaveLength(1);
    const context = tinyConfig().maxPositions;
    const unbounded = createRowScheduler(createStepGenerator([]), { longest: 1e9 });
    expect(unbounded.config.maxPositions).toBe(context);
  });

  test("fails those that were under way when the generator fails, and goes on with the others", async () => {
    const scheduler = createRowScheduler(createStepGenerator([]));
    const failing = scheduler.run(rowsOf(31, 1));
    const waiting = scheduler.run(rowsOf(5));
    await expect(failing).rejects.toThrow("the device is away");
    expect((await waiting)[0]?.ids).toEqual([5]);
    expect(scheduler.load).toEqual({ waitingRows: 0, activeRows: 0 });
  });

  test("forgets a caller that aborts, and ends all when it closes", async () => {
    const scheduler = createRowScheduler(createStepGenerator([]));
    const leaving = new AbortController();
    const left = scheduler.run(rowsOf(1, 2, 3), { signal: leaving.signal });
    const stays = scheduler.run(rowsOf(4, 5, 6));
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: "cancelled" });
    await Promise.all([
      expect(stays).rejects.toMatchObject({ code: "unavailable" }),
      scheduler.close(),
    ]);
    await expect(scheduler.run(rowsOf(1))).rejects.toMatchObject({ code: "unavailable" });
  });

  test("refuses a row before anything runs, naming it", async () => {
    const seen: number[] = [];
    const scheduler = createRowScheduler(createStepGenerator(seen));
    await expect(scheduler.run(rowsOf(1, 99))).rejects.toThrow("prompt[1][0]");
    expect(seen).toEqual([]);
  });
});
