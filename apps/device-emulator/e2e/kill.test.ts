import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRandom } from "@qtune/base";
import { createChip } from "@qtune/chip";
import { type CircuitBatch, allPauliZ, ringAnsatz } from "@qtune/circuit";
import { createChipExecutor } from "@qtune/emulator";
import { createDeviceClient, createRemoteExecutor } from "@qtune/rpc";
import { afterEach, expect, test } from "vitest";
import { type TestDaemon, startDaemon } from "./daemon.ts";

const slow = process.env["QTUNE_SLOW"] === "1";
const seed = 20_260_307n;
let daemon: TestDaemon | undefined;
const folder = mkdtempSync(path.join(tmpdir(), "qtune-kill-"));

afterEach(async () => {
  await daemon?.kill();
  rmSync(folder, { recursive: true, force: true });
});

function ringBatch(B: number): CircuitBatch {
  const circuit = ringAnsatz({ n: 2, layers: 1, ansatz: "ring" });
  const count = (role: string): number =>
    circuit.parameters.filter((each) => each.role === role).length;
  const rows = Float64Array.from({ length: B * count("row") }, (_, i) => Math.sin(i));
  return {
    circuit,
    B,
    shared: new Float64Array(count("shared")).fill(0.3),
    rows,
    observables: allPauliZ(2),
  };
}

/**
 * kill -9 at seeded moments while an executor waits for one batch: the executor notices nothing, nothing is run twice in
 * the books, and the result is that of an undisturbed run.
 */
test(
  "a batch survives kill -9 of the daemon, with the counts of an undisturbed run",
  { timeout: 180_000 },
  async () => {
    const random = createRandom(seed, "kill moments");
    const args = [
      "--chip",
      "grid-3x3",
      "--data-dir",
      folder,
      "--threads",
      "1",
      "--log-level",
      "warn",
    ];
    daemon = await startDaemon([...args, "--listen", "127.0.0.1:0"]);
    const { address } = daemon;
    const batch = ringBatch(slow ? 10_000 : 2_000);
    const remote = createRemoteExecutor({
      target: `grpc://${address}`,
      retry: { attempts: 30, maxDelayMs: 1000 },
    });
    let rows = 0;
    const run = remote.run(batch, { shots: 100, seed, onProgress: ({ done }) => (rows = done) });
    let kills = 0;
    for (const wanted = slow ? 20 : 3; kills < wanted && rows < batch.B; kills++) {
      await new Promise((resolve) => setTimeout(resolve, 100 + random.nextBelow(600)));
      if (rows >= batch.B) break;
      await daemon.kill();
      daemon = await startDaemon([...args, "--listen", address]);
    }
    const result = await run;
    console.info(`killed ${kills} times, seed ${seed}`);
    expect(kills).toBeGreaterThan(0);
    expect(result.expectations).toEqual(
      (await createChipExecutor({ chip: createChip("grid-3x3") }).run(batch, { shots: 100, seed }))
        .expectations,
    );
    expect(result.usage.circuits).toBe(batch.B);
    const client = createDeviceClient({ target: address });
    expect((await client.service.getUsage({ device: "devices/grid-3x3" })).circuits).toBe(
      BigInt(batch.B),
    );
    client.close();
    await remote.close();
  },
);
