import { readFile } from "node:fs/promises";
import path from "node:path";
import { openSafetensors } from "@qtune/weights";
import { findData } from "@qtune/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseModelConfig } from "../config/parse-config.ts";
import { createScoringProgram, type DecoderProgram } from "./decoder-program.ts";

const goldenPath = findData("models/stories260K/golden.json");

interface GoldenItem {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly last_logits_top10: readonly (readonly [id: number, logit: number])[];
  readonly last_logits_first8: readonly number[];
  readonly mean_nll: number | null;
  readonly greedy_ids: readonly number[];
}

describe.skipIf(goldenPath === undefined)("stories260K", () => {
  const folder = path.dirname(goldenPath ?? "");
  let program: DecoderProgram | undefined;
  let items: readonly GoldenItem[] = [];

  beforeAll(async () => {
    const read = async (name: string): Promise<string> => readFile(path.join(folder, name), "utf8");
    items = (JSON.parse(await read("golden.json")) as { items: GoldenItem[] }).items;
    const config = parseModelConfig(JSON.parse(await read("config.json")));
    const { tensors } = await openSafetensors(path.join(folder, "model.safetensors"));
    program = await createScoringProgram({ config, tensors, returnLogits: true });
  });
  afterAll(async () => program?.close());

  test("gives the logits and likelihoods of an independent implementation, all prompts in one batch", async () => {
    // A last token is appended so that the last prompt position is labelled.
    const sequences = items.map(({ ids }) => {
      const extended = [...ids, 1];
      return { ids: extended, labels: extended };
    });
    const result = await program?.run(sequences);
    if (result?.logits === undefined) throw new Error("logits were asked for");
    let end = 0;
    for (const item of items) {
      const start = end;
      end += item.ids.length;
      const last = result.logits.subarray((end - 1) * 512, end * 512);
      item.last_logits_first8.forEach((logit, k) =>
        expect(Math.abs((last[k] ?? 0) - logit)).toBeLessThan(1e-4),
      );
      for (const [id, logit] of item.last_logits_top10)
        expect(Math.abs((last[id] ?? 0) - logit)).toBeLessThan(1e-4);
      expect(last.indexOf(Math.max(...last))).toBe(item.last_logits_top10[0]?.[0]);
      if (item.mean_nll === null) continue;
      const nll = result.nll.subarray(start, end - 1);
      expect(nll.reduce((sum: number, value: number) => sum + value, 0) / nll.length).toBeCloseTo(
        item.mean_nll,
        5,
      );
    }
    expect(result.count).toBe(end);
  });
});
