import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { adapterFolderOf } from "./local-target.ts";
import { baseWeightsOption } from "./number-option.ts";

test("an adapter's folder stands for itself; one without an adapter or a checkpoint is refused", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "qtune-adapter-folder-"));
  try {
    await expect(adapterFolderOf(folder)).rejects.toMatchObject({ code: "not_found" });
    await mkdir(path.join(folder, "checkpoint-3"));
    await expect(adapterFolderOf(folder)).rejects.toThrow("a run's folder with checkpoints");
    await writeFile(path.join(folder, "adapter_config.json"), "{}");
    expect(await adapterFolderOf(folder)).toBe(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("base weights are one of four kinds", () => {
  const [, , parse] = baseWeightsOption();
  expect(parse("int4")).toBe("int4");
  expect(() => parse("int3")).toThrow("expected one of float32, float16, int8, int4.");
});
