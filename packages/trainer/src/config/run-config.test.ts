import type { QtuneError } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { parseRunConfig } from "./parse-run-config.ts";
import { runConfigJsonSchema } from "./run-config.ts";

const good = `
model: minimind2-small
adapter:
  kind: ABC
  rank: 4
  mpo: { bottleneck: [4, 4, 2, 2], ranks: [1, 4, 4, 4, 1] }
train:
  steps: 75
  lr: 1e-4
`;

function issuesOf(text: string, overrides: readonly string[] = []): readonly object[] {
  try {
    parseRunConfig(text, { file: "run.yaml", overrides });
  } catch (error) {
    return (error as QtuneError).issues;
  }
  throw new Error("the configuration was accepted");
}

describe("parseRunConfig", () => {
  test("fills in defaults", () => {
    const config = parseRunConfig(good);
    expect(config.train).toMatchObject({
      steps: 75,
      lr: 1e-4,
      batchExamples: 16,
      clipNorm: 1,
      schedule: "cosine",
    });
    expect(config.data.source).toBe("builtin:school-arithmetic");
    expect(config.executor.kind).toBe("exact");
  });

  test("reads JSON too", () => {
    const json = JSON.stringify({ model: "m", adapter: { kind: "lora", rank: 2 } });
    expect(parseRunConfig(json).adapter).toEqual({ kind: "lora", rank: 2 });
  });

  test("lets overrides win, with values as YAML reads them", () => {
    const config = parseRunConfig(good, {
      overrides: ["train.lr=5e-3", "adapter.targets=[q_proj]", "eval.every=10"],
    });
    expect(config.train.lr).toBe(5e-3);
    expect(config.adapter.targets).toEqual(["q_proj"]);
    expect(config.eval.every).toBe(10);
  });

  test("reports all problems at once, with line, column and suggestion", () => {
    const text =
      "model: m\nadapter:\n  kind: lorra\n  rnak: 4\ntrain:\n  lr: fast\n  schedule: cosin\ntrian: {}\n";
    expect(issuesOf(text)).toEqual([
      expect.objectContaining({
        where: "adapter.kind",
        file: "run.yaml",
        line: 3,
        column: 9,
        given: '"lorra"',
        hint: "did you mean lora?",
        excerpt: "  kind: lorra",
      }),
      expect.objectContaining({
        where: "adapter.rank",
        expected: "a number",
        given: "nothing",
        line: 3,
      }),
      expect.objectContaining({
        where: "adapter.rnak",
        line: 4,
        column: 3,
        hint: "did you mean rank?",
      }),
      expect.objectContaining({ where: "train.lr", line: 6, given: '"fast"' }),
      expect.objectContaining({ where: "train.schedule", line: 7, hint: "did you mean cosine?" }),
      expect.objectContaining({ where: "trian", line: 8, column: 1, hint: "did you mean train?" }),
    ]);
  });

  test("points at a value outside its range", () => {
    expect(issuesOf(`${good}  clipNorm: -1\n`)).toEqual([
      expect.objectContaining({
        where: "train.clipNorm",
        expected: "at least 0",
        given: "-1",
        line: 10,
        column: 13,
      }),
    ]);
  });

  test("reports broken YAML with its place", () => {
    expect(issuesOf("model: m\nadapter: {kind: lora\n")[0]).toMatchObject({
      where: "yaml",
      line: 3,
    });
    expect(issuesOf("model: m\nmodel: n\n")[0]).toMatchObject({ line: 2 });
  });

  test.each(["train", "=3", "train..lr=1", "model.x=1"])("refuses the override %s", (override) => {
    expect(() => parseRunConfig(good, { overrides: [override] })).toThrow("--set");
  });
});

test("the schema for editors describes keys and forbids others", () => {
  const schema = runConfigJsonSchema() as {
    $id: string;
    additionalProperties: boolean;
    properties: { train: { properties: Record<string, { description?: string }> } };
  };
  expect(schema.$id).toBe("qtune.run/1");
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties.train.properties["lr"]?.description).toBe("peak learning rate");
});
