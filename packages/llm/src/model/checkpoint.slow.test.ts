import { spawnSync } from "node:child_process";
import path from "node:path";
import { printSkipReason, wantsSlowTests } from "@qtune/testkit";
import { expect, test } from "vitest";

const script = path.resolve(import.meta.dirname, "../../bench/training-step.bench.ts");

/** Peak memory in megabytes of one training step in a process of its own. */
function peakOf(...flags: readonly string[]): number {
  const args = ["--conditions=@qtune/source", script, "--batch", "8x192", "--steps", "1", ...flags];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const peak = /peak memory (\d+) MB/.exec(stdout)?.[1];
  if (peak === undefined) throw new Error(`no peak in the output of the benchmark: ${stderr}`);
  return Number(peak);
}

if (!wantsSlowTests()) printSkipReason("memory of checkpointing is measured with QTUNE_SLOW=1");

test.skipIf(!wantsSlowTests())(
  "computing layers again takes at most 70% of the memory: the runtime merges nothing back",
  { timeout: 300_000 },
  () => {
    expect(peakOf("--checkpointed") / peakOf()).toBeLessThan(0.7);
  },
);
