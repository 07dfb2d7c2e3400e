import { createChip } from "@qtune/chip";
import { createChipExecutor } from "@qtune/emulator";
import { createDeviceClient } from "@qtune/rpc";
import { afterEach, expect, test } from "vitest";
import { ansatzBatch } from "./ansatz-batch.fixture.ts";
import { type DeviceEmulatorOptions, startDeviceEmulator } from "./device-emulator.ts";

const quiet = createChip("grid-4x5");
const crossing = { ...quiet, knobs: { ...quiet.knobs, crosstalkPhaseRad: 0.3 } };
const batch = ansatzBatch(12, { n: 4, ansatz: "path" });
const options = { shots: 100, seed: 7n };
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function runAt(given: Pick<DeviceEmulatorOptions, "chip" | "bufferQubits">) {
  const emulator = await startDeviceEmulator({ threads: 1, ...given });
  open.push(emulator);
  const client = createDeviceClient({ target: emulator.address });
  open.push(client);
  const run = { ...options, device: emulator.device };
  const { name } = await client.submit(batch, run);
  const { expectations, usage } = await client.results(name, batch, run);
  return { expectations, parallelMax: usage.parallelMax };
}

async function runHere(chip: typeof quiet, bufferQubits: 0 | 1) {
  const executor = createChipExecutor({ chip, packing: { bufferQubits } });
  open.push(executor);
  const { expectations, usage } = await executor.run(batch, options);
  return { expectations, parallelMax: usage.parallelMax };
}

test("the idle qubit around circuits is the default; without it more run side by side", async () => {
  const buffered = await runAt({ chip: quiet });
  expect(buffered).toEqual(await runHere(quiet, 1));
  const close = await runAt({ chip: quiet, bufferQubits: 0 });
  expect(close).toEqual(await runHere(quiet, 0));
  expect(close.parallelMax).toBeGreaterThan(buffered.parallelMax ?? 0);
});

test("without a buffer, circuits of a batch disturb each other as in this process, bit for bit", async () => {
  const there = await runAt({ chip: crossing, bufferQubits: 0 });
  expect(there).toEqual(await runHere(crossing, 0));
  expect(there.expectations).not.toEqual((await runHere(quiet, 0)).expectations);
});
