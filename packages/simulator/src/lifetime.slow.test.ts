import { allPauliZ, ringAnsatz } from "@qtune/circuit";
import { expect, test } from "vitest";
import { createLocalExecutor } from "./index.ts";

test.runIf(process.env["QTUNE_SLOW"] === "1")(
  "10,000 executors come and go without growing memory",
  { timeout: 600_000 },
  async () => {
    const circuit = ringAnsatz({ n: 4, layers: 1 });
    const batch = {
      circuit,
      shared: new Float64Array(16),
      rows: new Float64Array(4),
      B: 1,
      observables: allPauliZ(4),
    };
    const cycle = async (): Promise<void> => {
      const executor = createLocalExecutor({ threads: 2 });
      await executor.run(batch);
      await executor.close();
    };
    for (let i = 0; i < 500; i++) await cycle();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 9500; i++) await cycle();
    // Room for the collector's own pace, far below one page of memory per executor.
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  },
);
