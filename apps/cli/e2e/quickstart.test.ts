/** The main job on a tiny model, as a user starts it: a process of its own, its report, and Ctrl-C. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Report } from "../src/report/report.ts";
import { writeTinyModel } from "./tiny-model.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "qtune-quickstart-"));
  await writeTinyModel(path.join(folder, "model"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts the quickstart from source. `onOutput` sees stderr as it comes. */
function start(
  out: string,
  onOutput: (text: string, kill: () => void) => void = () => {},
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const main = path.resolve(import.meta.dirname, "../src/main.ts");
  const child = spawn(
    process.execPath,
    [
      "--conditions=@qtune/source",
      main,
      "quickstart",
      "--model",
      path.join(folder, "model"),
      "--out",
      out,
      "--json",
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, INIT_CWD: folder } },
  );
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => {
    stderr += String(chunk);
    onOutput(stderr, () => child.kill("SIGINT"));
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

test("it ends by itself with a report, curves and adapters", { timeout: 400_000 }, async () => {
  const out = path.join(folder, "out");
  const { code, stdout, stderr } = await start(out);
  expect(code, stderr.slice(-2000)).toBe(0);
  const report = JSON.parse(stdout) as Report; // one JSON document and nothing else
  expect(JSON.parse(await readFile(path.join(out, "report.json"), "utf8"))).toEqual(report);
  expect(report.schema).toBe("qtune.report/1");
  expect(report.method[0]).toContain("exact local");
  expect(report.arms.map((arm) => arm.kind)).toEqual(["BASE", "LORA", "LORA", "ABC", "AB"]);
  for (const arm of report.arms.slice(1)) {
    expect(arm.losses).toHaveLength(75);
    expect(arm.losses.at(-1)).toBeLessThan(arm.losses[0] ?? 0);
    expect(arm.valLossCi[0]).toBeLessThan(arm.valLoss);
  }
  const chip = report.chip;
  // 57 circuits per sampled token at r = 4, L = 1 (1 + 14nL), 64 tokens a step.
  expect(chip?.gradientSteps.map((step) => step.circuits)).toEqual([3648, 3648, 3648]);
  expect(Math.min(...(chip?.gradientSteps.map((step) => step.cosine) ?? []))).toBeGreaterThan(0.5);
  expect(chip?.parallelMax).toBeGreaterThan(1);
  const html = await readFile(path.join(out, "report.html"), "utf8");
  expect(html).toContain("<svg");
  const arm = await readdir(path.join(out, "arms", "abc-quantum"));
  expect(arm).toEqual(
    expect.arrayContaining(["adapter", "tensorboard", "metrics.jsonl", "config.yaml"]),
  );
  expect(await readdir(out)).not.toContain("work");
});

test("Ctrl-C stops both daemons and ends with 130", { timeout: 120_000 }, async () => {
  let sent = false;
  const { code, stderr } = await start(path.join(folder, "interrupted"), (text, kill) => {
    if (sent || !text.includes("step 1/")) return;
    sent = true;
    kill();
  });
  expect(code, stderr.slice(-2000)).toBe(130);
  const pids = [...stderr.matchAll(/pid (\d+)/g)].map((match) => Number(match[1]));
  expect(pids).toHaveLength(2);
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});
