import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createAdapter } from "@qtune/adapters";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createByteTokenizer } from "../data/byte-tokenizer.fixture.ts";
import { linearSites } from "../model.ts";
import { createTinyModel, writeTinyData } from "../tiny-model.fixture.ts";
import { parseEvalConfig } from "./eval-config.ts";
import { type EvaluationTarget, evaluateModel } from "./evaluation.ts";

const executor = createLocalExecutor({ threads: 1 });
const model = createTinyModel();
const base: EvaluationTarget = { model, tokenizer: createByteTokenizer(), executor, threads: 1 };

let directory = "";
let data = "";
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "qtune-eval-"));
  data = writeTinyData(directory);
});
afterAll(async () => {
  await rm(directory, { recursive: true });
  await executor.close();
});

function withAdapter(kind: "lora" | "BC"): EvaluationTarget {
  const adapter = createAdapter({ kind, rank: 2 }, linearSites(model.config));
  return { ...base, adapter: { adapter, values: adapter.initialValues(1) } };
}

describe("the loss", () => {
  test("is the mean over answer tokens, with an interval around it", async () => {
    const result = await evaluateModel(base, parseEvalConfig({ task: "nll", data, limit: 12 }));
    const { loss, tokens } = result.metrics as { loss: number; tokens: number };
    expect(loss).toBeGreaterThan(result.metrics["loss.low"]!);
    expect(loss).toBeLessThan(result.metrics["loss.high"]!);
    const sum = result.samples.reduce((total, sample) => total + sample.nll! * sample.tokens!, 0);
    expect(sum / tokens).toBeCloseTo(loss, 9);
    expect(result.metrics["perplexity"]).toBeCloseTo(Math.exp(loss), 9);
  });

  test("does not depend on how samples are batched", async () => {
    const [coarse, fine] = await Promise.all(
      [4096, 30].map((microBatchTokens) =>
        evaluateModel(base, parseEvalConfig({ task: "nll", data, limit: 12, microBatchTokens })),
      ),
    );
    expect(coarse!.metrics["loss"]).toBeCloseTo(fine!.metrics["loss"]!, 5);
    expect(coarse!.samples.map(({ id }) => id)).toEqual(fine!.samples.map(({ id }) => id));
  });

  test.each(["lora", "BC"] as const)(
    "of a fresh %s adapter is bit for bit that of the base model",
    async (kind) => {
      const config = parseEvalConfig({ task: "nll", data, limit: 8 });
      const [plain, adapted] = [
        await evaluateModel(base, config),
        await evaluateModel(withAdapter(kind), config),
      ];
      expect(adapted.metrics).toEqual(plain.metrics);
      expect(adapted.usage.circuits > 0).toBe(kind === "BC");
    },
  );

  test("is the same with exact circuits in the graph and by the executor", async () => {
    const target = withAdapter("BC");
    for (const data of target.adapter!.values.values())
      data.forEach((value, i) => (data[i] = value + Math.sin(i) / 4));
    const config = parseEvalConfig({ task: "nll", data, limit: 8 });
    const [graph, host] = [
      await evaluateModel({ ...target, circuits: { kind: "exact" } }, config),
      await evaluateModel({ ...target, circuits: { kind: "exact", placement: "host" } }, config),
    ];
    expect(graph.metrics["loss"]).toBeCloseTo(host.metrics["loss"]!, 5);
    expect(graph.usage.circuits).toBe(host.usage.circuits);
  });

  test("through shots differs a little and says what it has cost", async () => {
    const target = withAdapter("BC");
    for (const data of target.adapter!.values.values())
      data.forEach((value, i) => (data[i] = value + Math.sin(i) / 4));
    const config = parseEvalConfig({ task: "nll", data, limit: 4 });
    const exact = await evaluateModel(target, config);
    const sampled = await evaluateModel({ ...target, circuits: { shots: 2000, seed: 3 } }, config);
    expect(sampled.metrics["loss"]).not.toBe(exact.metrics["loss"]);
    expect(sampled.metrics["loss"]).toBeCloseTo(exact.metrics["loss"]!, 1);
    expect(sampled.usage.shots).toBe(2000 * sampled.usage.circuits);
    expect(sampled.settings["shots"]).toBe(2000);
  });
});

describe("answers", () => {
  test("are generated, scored and kept", async () => {
    const config = parseEvalConfig({ task: "arithmetic", data, limit: 6, maxNewTokens: 4 });
    const result = await evaluateModel(base, config);
    expect(result.samples).toHaveLength(6);
    expect(result.metrics).toMatchObject({ strict: 0, "strict.low": 0 }); // an untrained model never writes "#### 7"
    expect(result.samples[0]).toMatchObject({ id: "tiny.jsonl:1", strict: false });
    expect(result.version).toContain("gsm8k 3.0");
  });

  test("of the built-in set come from the part that is asked for", async () => {
    const request = {
      task: "arithmetic",
      limit: 2,
      maxNewTokens: 1,
      languages: ["en"],
      seed: 3,
    } as const;
    const known = await evaluateModel(base, parseEvalConfig({ ...request, part: "newNumbers" }));
    const unseen = await evaluateModel(base, parseEvalConfig({ ...request, part: "newFrames" }));
    expect(known.samples[0]?.id).toBe("new-numbers-0");
    expect(unseen.samples[0]?.id).toBe("new-frames-0");
    expect(unseen.data).toBe("builtin:school-arithmetic newFrames");
  });
});

test("choices are judged by likelihood, plain and per character", async () => {
  const file = path.join(directory, "choice.jsonl");
  const lines = Array.from({ length: 5 }, (_, i) =>
    JSON.stringify({ prompt: `q${i}`, completion: "yes\nno way at all" }),
  );
  await writeFile(file, lines.join("\n"));
  const result = await evaluateModel(base, parseEvalConfig({ task: "choice", data: file }));
  // A short answer has the smaller sum of losses under any model that is near uniform.
  expect(result.metrics["accuracy"]).toBe(1);
  expect(result.metrics["accuracyNormalised"]).toBeGreaterThanOrEqual(0);
});

test("an unknown task and an unknown key are refused together", () => {
  expect(() => parseEvalConfig({ task: "gsm9k", limti: 3 })).toThrow(
    expect.objectContaining({
      issues: [
        expect.objectContaining({ where: "task", hint: "did you mean gsm8k?" }),
        expect.objectContaining({ where: "limti", hint: "did you mean limit?" }),
      ],
    }),
  );
});
