import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunConfig } from "../config/run-config.ts";
import { createByteTokenizer } from "../data/byte-tokenizer.fixture.ts";
import { planRun } from "../plan/plan-run.ts";
import { createTinyModel, tinyRun, writeTinyData } from "../tiny-model.fixture.ts";
import { type ProbeOptions, type ProbeStep, probeGradient } from "./probe-gradient.ts";
import { runTraining } from "./run-training.ts";

const executor = createLocalExecutor({ threads: 1 });
const shared = { model: createTinyModel(), tokenizer: createByteTokenizer() };
let directory = "";
let config: RunConfig;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "qtune-probe-"));
  const adapter = { kind: "BC", rank: 2 } as const;
  config = tinyRun({
    source: writeTinyData(directory),
    adapter,
    train: { steps: 4, lr: 0.05, microBatchTokens: 40 },
  });
  await runTraining({ ...shared, config, executor, directory: path.join(directory, "run") });
});
afterAll(async () => {
  await rm(directory, { recursive: true });
  await executor.close();
});

async function probe(changes: Partial<ProbeOptions>): Promise<ProbeStep[]> {
  const steps: ProbeStep[] = [];
  const options: ProbeOptions = {
    ...shared,
    config,
    checkpoint: path.join(directory, "run", "checkpoint-4"),
    exactExecutor: executor,
    device: executor,
    settings: {},
    tokens: 11,
    steps: 2,
    ...changes,
  };
  for await (const step of probeGradient(options)) steps.push(step);
  return steps;
}

describe("probeGradient", () => {
  test("by exact shift rules agrees with the exact gradient, and counts its circuits", async () => {
    const steps = await probe({});
    expect(steps.map(({ step }) => step)).toEqual([1, 2]);
    for (const step of steps) {
      expect(step.module).toBe("model.layers.1.self_attn.q_proj");
      expect(step.tokens).toBe(11);
      expect(step.cosine).toBeCloseTo(1, 5);
      expect(step.cosineInputs).toBeCloseTo(1, 5);
      expect(step.measuredNorm / step.exactNorm).toBeCloseTo(1, 4);
      expect(step.usage.circuits).toBe(11 * (1 + 14 * 2)); // n = 2, L = 1
    }
  });

  test("from shots agrees less, the same each time, and changes nothing in the checkpoint", async () => {
    const file = path.join(directory, "run", "checkpoint-4", "adapter_model.safetensors");
    const before = await readFile(file);
    const options = { settings: { shots: 300, seed: 4 }, module: "v_proj" };
    const [once, again] = [await probe(options), await probe(options)];
    expect(once).toEqual(again);
    expect(once[0]!.cosine).toBeLessThan(1 - 1e-6);
    expect(once[0]!.cosineInputs).toBeGreaterThan(0);
    expect(once[0]!.usage.shots).toBe(300 * once[0]!.usage.circuits);
    expect((await readFile(file)).equals(before)).toBe(true);
  });

  test("names the modules that have a circuit", async () => {
    await expect(probe({ module: "k_proj" })).rejects.toThrow(
      /layers\.0\.self_attn\.q_proj.* but was given k_proj/,
    );
  });
});

describe("planRun", () => {
  const plan = (changes: Partial<RunConfig>) =>
    planRun({ ...shared, config: { ...config, ...changes }, executor, threads: 2 });

  test("says parameters, steps, tokens and circuits", async () => {
    const result = await plan({});
    expect(result.totalSteps).toBe(4);
    const perLayer = [16 * 2 + 16 * 2, 16 * 2 + 8 * 2].map((lora) => lora + 2 * 4 + 4 * 2);
    expect(result.parameters.total).toBe(2 * (perLayer[0]! + perLayer[1]!));
    expect(result.circuits).toMatchObject({ circuitsPerToken: { forward: 1, backward: 1 } });
    expect(result.circuits?.circuits).toBe(4 * 4 * 2 * result.tokensPerStep); // steps, modules, forward and backward
    expect(result.memoryBytes).toBeGreaterThan(8 * result.totalParameters);
  });

  test("warns of a device that measures every token, and has no circuits without a circuit", async () => {
    const device = await plan({ executor: { ...config.executor, kind: "device", shots: 100 } });
    expect(device.warnings).toContain(
      "every token is measured on the device; executor.sampledTokens limits that",
    );
    const lora = await plan({ adapter: { kind: "lora", rank: 2 } });
    expect(lora.circuits).toBeUndefined();
  });

  test("refuses a budget that is too small", async () => {
    const adapter = { ...config.adapter, budget: { circuits: 3 } };
    await expect(plan({ adapter })).rejects.toMatchObject({ code: "resource_exhausted" });
  });
});
