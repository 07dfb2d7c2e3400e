import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { readMetrics } from "../src/metrics/metrics-log.ts";
import { writeTinyData } from "../src/tiny-model.fixture.ts";

const script = path.join(import.meta.dirname, "train-tiny.ts");

/** Runs the training process; kills it `killAfterMs` after its first step. Returns whether it came to its end. */
async function trainOnce(
  directory: string,
  source: string,
  killAfterMs?: number,
): Promise<boolean> {
  const child = spawn(process.execPath, ["--conditions=@qtune/source", script, directory, source]);
  let output = "";
  let killer: NodeJS.Timeout | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (killAfterMs !== undefined) killer ??= setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  });
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(killer);
  return output.endsWith("done\n");
}

describe.skipIf(process.env["QTUNE_SLOW"] !== "1")("kill -9 (set QTUNE_SLOW=1 to run)", () => {
  test(
    "at random moments, again and again, leads to the adapter of an undisturbed run",
    { timeout: 300_000 },
    async () => {
      const directory = await mkdtemp(path.join(tmpdir(), "qtune-kill-"));
      try {
        const source = writeTinyData(directory);
        const [whole, killed] = [path.join(directory, "whole"), path.join(directory, "killed")];
        expect(await trainOnce(whole, source)).toBe(true);
        const random = createRandom(1, "kills");
        let kills = 0;
        while (
          !(await trainOnce(killed, source, kills < 8 ? 20 + random.nextBelow(400) : undefined))
        )
          kills += 1;
        expect(kills).toBeGreaterThan(0);
        const adapterOf = (folder: string): Promise<Buffer> =>
          readFile(path.join(folder, "checkpoint-30", "adapter_model.safetensors"));
        expect((await adapterOf(killed)).equals(await adapterOf(whole))).toBe(true);
        const steps = readMetrics(path.join(killed, "metrics.jsonl")).map(({ step }) => step);
        expect(steps).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
      } finally {
        await rm(directory, { recursive: true });
      }
    },
  );
});
