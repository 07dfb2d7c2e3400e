import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTinyModel } from "../tiny-model.fixture.ts";
import {
  type SessionDatum,
  type TrainingSession,
  createTrainingSession,
} from "./training-session.ts";

const executor = createLocalExecutor({ threads: 1 });
let session: TrainingSession;
let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "qtune-session-"));
  session = await createTrainingSession({
    model: createTinyModel(),
    adapter: { kind: "BC", rank: 2, init: "published" },
    executor,
    seed: 3,
    threads: 1,
  });
});
afterAll(async () => {
  await session.close();
  await executor.close();
  await rm(directory, { recursive: true });
});

const a: SessionDatum = { inputIds: [1, 40, 50], targetIds: [40, 50, 2] };
const b: SessionDatum = { inputIds: [1, 60], targetIds: [60, 2] };

/** Gradients of the calls made by `act`, which are then dropped. */
async function gradientsOf(act: () => Promise<unknown>): Promise<Map<string, Float64Array>> {
  await act();
  const taken = new Map([...session.gradients()].map(([name, data]) => [name, data.slice()]));
  session.optimStep({ learningRate: 0 });
  return taken;
}

function expectClose(
  left: Map<string, Float64Array>,
  right: Map<string, Float64Array>,
  factor = 1,
): void {
  for (const [name, data] of left) {
    const scale = Math.max(1e-9, ...data.map(Math.abs));
    data.forEach((value, i) =>
      expect((value - factor * right.get(name)![i]!) / scale, name).toBeCloseTo(0, 4),
    );
  }
}

describe("a training session", () => {
  test("adds up gradients over calls as one call would", async () => {
    const together = await gradientsOf(() => session.forwardBackward([a, b]));
    const apart = await gradientsOf(async () => {
      await session.forwardBackward([a]);
      await session.forwardBackward([b]);
    });
    expectClose(together, apart);
  });

  test("multiplies loss and gradient by the weights, and the gradient by the scale", async () => {
    const plain = await session.forwardBackward([a]);
    session.optimStep({ learningRate: 0 });
    const weighted = await session.forwardBackward([{ ...a, weights: [0.5, 2, 0] }]);
    session.optimStep({ learningRate: 0 });
    const [first, second] = plain.logprobs[0]!;
    expect(weighted.lossSum).toBeCloseTo(-0.5 * first! - 2 * second!, 5);
    expect(weighted.weightSum).toBe(2.5);
    expect(weighted.logprobs[0]![2]).toBeNaN();
    const once = await gradientsOf(() => session.forwardBackward([a]));
    const tripled = await gradientsOf(() => session.forwardBackward([a], { scale: 3 }));
    expectClose(tripled, once, 3);
  });

  test("cuts many tokens into parts that add up, and a call that fails in a later part leaves nothing", async () => {
    const long = (length: number, first: number): SessionDatum => {
      const ids = Array.from({ length: length + 1 }, (_, t) => 40 + ((first + 7 * t) % 50));
      return { inputIds: ids.slice(0, -1), targetIds: ids.slice(1) };
    };
    const data = [long(400, 1), long(500, 2), long(300, 3), long(400, 4)];
    const together = await gradientsOf(() => session.forwardBackward(data));
    const apart = await gradientsOf(async () => {
      for (const datum of data) await session.forwardBackward([datum]);
    });
    expectClose(together, apart);
    const bad = { inputIds: [1, 40], targetIds: [40, 9_999] };
    await expect(session.forwardBackward([...data, bad])).rejects.toMatchObject({
      code: "invalid_argument",
    });
    expectClose(
      await gradientsOf(() => session.forwardBackward([a])),
      await gradientsOf(() => session.forwardBackward([a])),
    );
  });

  test("refuses an example that would not fit into memory, before it runs", async () => {
    const model = createTinyModel();
    const huge = { ...model, config: { ...model.config, maxPositions: 4_000_000 } };
    const other = await createTrainingSession({
      model: huge,
      adapter: { kind: "lora", rank: 2 },
      executor,
      seed: 1,
      threads: 1,
    });
    const ids = new Array<number>(300_000).fill(5);
    await expect(other.forwardBackward([{ inputIds: ids, targetIds: ids }])).rejects.toMatchObject({
      code: "resource_exhausted",
    });
    await other.close();
  });

  test("computes a loss alone without leaving a gradient", async () => {
    await session.forwardBackward([a], { forwardOnly: true });
    expect(
      [...session.gradients().values()].every((data) => data.every((value) => value === 0)),
    ).toBe(true);
  });

  test("learns, saves its state and goes back to it exactly", async () => {
    const losses: number[] = [];
    const train = async (): Promise<void> => {
      losses.push((await session.forwardBackward([a, b])).lossSum);
      session.optimStep({ learningRate: 0.05, clipNorm: 1 });
    };
    for (let i = 0; i < 5; i++) await train();
    expect(losses[4]).toBeLessThan(losses[0]!);
    const state = await session.saveState(directory);
    await train();
    const ahead = new Map([...session.values].map(([name, data]) => [name, data.slice()]));
    await session.loadState(state);
    await train();
    expect(new Map(session.values)).toEqual(ahead);
  });

  test.each([
    [{ inputIds: [1], targetIds: [1, 2] }, "data[0]"],
    [{ inputIds: [1], targetIds: [2], weights: [Number.NaN] }, "data[0].weights[0]"],
  ])("refuses %j", async (datum, where) => {
    await expect(session.forwardBackward([datum])).rejects.toMatchObject({
      code: "invalid_argument",
      where,
    });
  });
});
