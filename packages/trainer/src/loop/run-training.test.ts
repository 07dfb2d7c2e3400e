import { cp, mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import type { Executor } from "@qtune/circuit";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { listCheckpoints } from "../checkpoint/checkpoint.ts";
import type { RunConfig } from "../config/run-config.ts";
import { createByteTokenizer } from "../data/byte-tokenizer.fixture.ts";
import { readMetrics } from "../metrics/metrics-log.ts";
import { createTinyModel, tinyNetwork, tinyRun, writeTinyData } from "../tiny-model.fixture.ts";
import type { TrainingEvent } from "./events.ts";
import { type TrainingOptions, type TrainingResult, runTraining } from "./run-training.ts";

const executor = createLocalExecutor({ threads: 1 });
afterAll(() => executor.close());

let directory = "";
let source = "";
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "qtune-run-"));
  source = writeTinyData(directory);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const quantum = { kind: "ABC", rank: 2, mpo: tinyNetwork } as const;

/** Trains in a folder of its own below the test's. */
function train(config: RunConfig, options: Partial<TrainingOptions> = {}): Promise<TrainingResult> {
  return runTraining({
    config,
    model: createTinyModel(),
    tokenizer: createByteTokenizer(),
    executor,
    directory: path.join(directory, "run"),
    ...options,
  });
}

const adapterFile = (folder: string, step: number): Promise<Buffer> =>
  readFile(path.join(folder, `checkpoint-${step}`, "adapter_model.safetensors"));

/** A signal that fires once a step has been reported. */
function abortAfter(step: number): {
  signal: AbortSignal;
  onEvent: (event: TrainingEvent) => void;
} {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onEvent: (event) => {
      if (event.kind === "metrics" && event.metrics.step === step) controller.abort();
    },
  };
}

describe.each([
  ["LoRA", { kind: "lora", rank: 2 } as const],
  ["the quantum adapter", quantum],
])("%s", (_, adapter) => {
  const executor = { placement: "host" } as const;
  test("learns: the loss falls", async () => {
    const config = tinyRun({ source, adapter, executor, train: { steps: 25, lr: 0.05 } });
    const result = await train(config);
    const losses = readMetrics(path.join(directory, "run", "metrics.jsonl")).map(({ loss }) =>
      Number(loss),
    );
    expect(losses).toHaveLength(25);
    expect(result.metrics["train.loss"]).toBeLessThan(losses[0]! - 0.3);
  });

  test("resumed after an abort gives byte for byte the adapter of an undisturbed run", async () => {
    const config = tinyRun({ source, adapter, executor, train: { checkpointEvery: 2 } });
    const whole = path.join(directory, "whole");
    const cut = path.join(directory, "cut");
    await train(config, { directory: whole });
    await expect(train(config, { directory: cut, ...abortAfter(3) })).rejects.toMatchObject({
      code: "cancelled",
    });
    await train(config, { directory: cut });
    expect((await adapterFile(cut, 6)).equals(await adapterFile(whole, 6))).toBe(true);
    const steps = readMetrics(path.join(cut, "metrics.jsonl")).map(({ step }) => step);
    expect(steps).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("a killed run", () => {
  test("goes on from the last checkpoint although metrics were written after it", async () => {
    const config = tinyRun({ source, adapter: quantum, train: { checkpointEvery: 2 } });
    const whole = path.join(directory, "whole");
    await train(config, { directory: whole });
    // As kill -9 in step 4 leaves it: checkpoint 2, metrics of 3 and a cut line of 4, a half-written checkpoint.
    const killed = path.join(directory, "killed");
    await expect(train(config, { directory: killed, ...abortAfter(3) })).rejects.toThrow();
    await rm(path.join(killed, "checkpoint-3"), { recursive: true });
    await writeFile(path.join(killed, "metrics.jsonl"), '{"step":4,"lo', { flag: "a" });
    await cp(path.join(killed, "checkpoint-2"), path.join(killed, ".checkpoint-4.tmp"), {
      recursive: true,
    });
    await train(config, { directory: killed });
    expect((await adapterFile(killed, 6)).equals(await adapterFile(whole, 6))).toBe(true);
    expect(await readdir(killed)).not.toContain(".checkpoint-4.tmp");
  });

  test("uses the checkpoint before a damaged one, and says so", async () => {
    const config = tinyRun({ source, adapter: quantum, train: { checkpointEvery: 2 } });
    await expect(train(config, abortAfter(5))).rejects.toThrow();
    await truncate(path.join(directory, "run", "checkpoint-5", "optimizer.safetensors"), 100);
    const events: TrainingEvent[] = [];
    await train(config, { onEvent: (event) => events.push(event) });
    const warnings = events.flatMap((event) =>
      event.kind === "log" && event.level === "warning" ? [event.message] : [],
    );
    expect(warnings[0]).toMatch(/checkpoint-5 is damaged .*optimizer\.safetensors/);
    expect(readMetrics(path.join(directory, "run", "metrics.jsonl"))).toHaveLength(6);
  });
});

test("shots with a seed give the same adapter again, also when resumed", async () => {
  const config = tinyRun({
    source,
    adapter: { kind: "BC", rank: 2 },
    train: { steps: 3, checkpointEvery: 1 },
    executor: { kind: "simulator", shots: 20, gradient: "parameter-shift" },
  });
  const [whole, cut] = [path.join(directory, "whole"), path.join(directory, "cut")];
  await train(config, { directory: whole });
  await expect(train(config, { directory: cut, ...abortAfter(1) })).rejects.toThrow();
  await train(config, { directory: cut });
  expect((await adapterFile(cut, 3)).equals(await adapterFile(whole, 3))).toBe(true);
});

describe("accumulation", () => {
  test.each([{ kind: "lora", rank: 2 } as const, quantum])(
    "of $kind does not depend on how a step is cut into micro-batches",
    async (adapter) => {
      const runs = await Promise.all(
        [20, 4096].map(async (microBatchTokens) => {
          const folder = path.join(directory, String(microBatchTokens));
          await train(tinyRun({ source, adapter, train: { steps: 4, microBatchTokens } }), {
            directory: folder,
          });
          return readMetrics(path.join(folder, "metrics.jsonl"));
        }),
      );
      const [fine, coarse] = runs;
      fine!.forEach((line, i) => {
        expect(Number(line["loss"])).toBeCloseTo(Number(coarse![i]!["loss"]), 5);
        expect(Number(line["gradientNorm"]) / Number(coarse![i]!["gradientNorm"])).toBeCloseTo(
          1,
          4,
        );
      });
    },
  );
});

test("circuits in the graph and by the executor train the same adapter", async () => {
  const losses = await Promise.all(
    (["graph", "host"] as const).map(async (placement) => {
      const folder = path.join(directory, placement);
      const config = tinyRun({
        source,
        adapter: { ...quantum, init: "published", qlayers: 2 },
        train: { steps: 4 },
        executor: { placement },
      });
      const { usage } = await train(config, { directory: folder });
      return { usage, metrics: readMetrics(path.join(folder, "metrics.jsonl")) };
    }),
  );
  const [graph, host] = losses;
  graph!.metrics.forEach(({ loss }, i) =>
    expect(Number(loss)).toBeCloseTo(Number(host!.metrics[i]!["loss"]), 4),
  );
  expect(graph!.usage.circuits).toBe(host!.usage.circuits);
});

test("a run pauses while the circuits are away, says so, and loses nothing", async () => {
  const config = tinyRun({
    source,
    adapter: quantum,
    train: { steps: 3 },
    executor: { placement: "host" },
  });
  const whole = path.join(directory, "whole");
  await train(config, { directory: whole });
  let calls = 0;
  const flaky: Executor = {
    ...executor,
    describe: () => executor.describe(),
    run: (batch, options) =>
      calls++ % 7 === 3
        ? Promise.reject(new QtuneError("unavailable", "no answer"))
        : executor.run(batch, options),
    vjp: (batch, cotangent, options) => executor.vjp!(batch, cotangent, options),
  };
  const events: TrainingEvent[] = [];
  const shaky = path.join(directory, "shaky");
  await train(config, {
    directory: shaky,
    executor: flaky,
    onEvent: (event) => events.push(event),
  });
  const states = events.flatMap((event) => (event.kind === "state" ? [event.state] : []));
  expect(states).toContain("waiting");
  expect(states[states.indexOf("waiting") + 1]).toBe("running");
  expect((await adapterFile(shaky, 3)).equals(await adapterFile(whole, 3))).toBe(true);
});

test("a number that is not finite stops the run, naming step, tensor and examples", async () => {
  const broken: Executor = {
    ...executor,
    describe: () => executor.describe(),
    run: async (batch, options) => {
      const result = await executor.run(batch, options);
      result.expectations.fill(Number.NaN);
      return result;
    },
    vjp: (batch, cotangent, options) => executor.vjp!(batch, cotangent, options),
  };
  const attempt = train(
    tinyRun({
      source,
      adapter: { kind: "BC", rank: 2, init: "published" },
      executor: { placement: "host" },
    }),
    {
      executor: broken,
    },
  );
  await expect(attempt).rejects.toThrow(
    /train\.step 1: expected finite numbers but .*model\.layers\.1\..*tiny\.jsonl:\d+/,
  );
  expect(await listCheckpoints(path.join(directory, "run"))).toEqual([]);
});

test("a folder of another run is refused with the differences", async () => {
  await train(tinyRun({ source, adapter: quantum, train: { steps: 2 } }));
  const other = tinyRun({ source, adapter: quantum, train: { steps: 2, lr: 0.5 } });
  await expect(train(other)).rejects.toMatchObject({
    code: "failed_precondition",
    issues: [expect.objectContaining({ where: "train.lr", expected: "0.01", given: "0.5" })],
  });
});

test("evaluates on the way, keeps the best checkpoint and stops early", async () => {
  const config = tinyRun({
    source,
    adapter: { kind: "lora", rank: 2 },
    train: { steps: 40, lr: 2, saveTotalLimit: 1, earlyStopPatience: 2, schedule: "constant" },
    eval: { every: 2, tasks: ["nll"], limit: 4 },
  });
  const events: TrainingEvent[] = [];
  const result = await train(config, { onEvent: (event) => events.push(event) });
  const evaluations = events.flatMap((event) => (event.kind === "evaluation" ? [event] : []));
  const best = evaluations.reduce((a, b) =>
    b.result.metrics["loss"]! < a.result.metrics["loss"]! ? b : a,
  );
  expect(result.stoppedEarly).toBe(true);
  expect(result.checkpoint).toBe(`checkpoint-${best.step}`);
  const [newest] = await listCheckpoints(path.join(directory, "run"));
  expect(newest).toMatchObject({ id: result.checkpoint, best: true });
});

test("measures sampled tokens on a device and leaves the rest exact", async () => {
  const config = tinyRun({
    source,
    adapter: { kind: "BC", rank: 2, init: "published" },
    train: { steps: 2 },
    executor: { kind: "device", shots: 500, sampledTokens: 3 },
  });
  const shots: number[] = [];
  const device: Executor = {
    describe: () => executor.describe(),
    estimate: (batch, options) => executor.estimate(batch, options),
    run: (batch, options) => {
      shots.push(options?.shots ?? 0);
      return executor.run(batch, options);
    },
    close: async () => {},
  };
  const result = await train(config, { executor: device, exactExecutor: executor });
  expect(new Set(shots)).toEqual(new Set([500]));
  const perToken = 1 + 14 * 2; // n = 2, L = 1
  expect(result.usage.shots).toBe(shots.length * 3 * perToken * 500);
});

test("frozen weights in fewer bits train the adapter to a loss near that of float32; layers computed again give the same", async () => {
  const lossesWith = async (settings: Partial<RunConfig["train"]>): Promise<number[]> => {
    const folder = path.join(directory, JSON.stringify(settings).replaceAll(/\W/g, ""));
    const adapter = { kind: "lora", rank: 2 } as const;
    await train(tinyRun({ source, adapter, train: settings }), { directory: folder });
    return readMetrics(path.join(folder, "metrics.jsonl")).map(({ loss }) => Number(loss));
  };
  const exact = await lossesWith({});
  const again = await lossesWith({ gradientCheckpointing: true });
  const int8 = await lossesWith({ baseWeights: "int8" });
  for (const [step, loss] of exact.entries()) {
    expect(Math.abs(again[step]! / loss - 1)).toBeLessThan(1e-6);
    expect(Math.abs(int8[step]! / loss - 1)).toBeLessThan(0.01);
  }
  expect(int8).not.toEqual(exact);
});

test("a training that does not fit into memory is refused before anything is compiled", async () => {
  const { config, tensors, identity } = createTinyModel();
  const huge = { config: { ...config, layers: 100_000, ffn: 100_000 }, tensors, identity };
  const adapter = { kind: "lora" as const, rank: 2, layers: [0] };
  await expect(train(tinyRun({ source, adapter }), { model: huge })).rejects.toMatchObject({
    code: "resource_exhausted",
    message: expect.stringMatching(/needs about \d+\.\d GB .*train\.baseWeights/) as string,
  });
});
