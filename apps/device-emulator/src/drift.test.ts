import { createChip, newestSnapshot, observedDriftRates } from "@qtune/chip";
import { createChipExecutor } from "@qtune/emulator";
import { createDeviceClient } from "@qtune/rpc";
import { afterEach, expect, test } from "vitest";
import { ansatzBatch } from "./ansatz-batch.fixture.ts";
import { type DeviceEmulatorOptions, startDeviceEmulator } from "./device-emulator.ts";

const grid = createChip("grid-3x3", { seed: 3 });
/** Loading takes a quarter of an hour, so that a few jobs make the chip old. */
const chip = { ...grid, timing: { ...grid.timing, loadMs: 900_000 } };
const device = `devices/${chip.name}`;
const drift = { rates: observedDriftRates, seed: 5n };
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function connect(options: Partial<DeviceEmulatorOptions>) {
  const emulator = await startDeviceEmulator({ chip, threads: 1, ...options });
  open.push(emulator);
  const client = createDeviceClient({ target: emulator.address });
  open.push(client);
  return client;
}

const sampled = { device, shots: 100, seed: 7n };

test("the clock of the chip is the time of the drift; a placement replays by calibration, drift time and seed", async () => {
  const client = await connect({ drift });
  const young = await client.submit(ansatzBatch(4), sampled);
  await client.results(young.name, ansatzBatch(4));
  expect((await client.service.getTaskBatch({ name: young.name })).placement?.driftSeconds).toBe(0);

  const batch = ansatzBatch(50);
  const old = await client.submit(batch, sampled);
  const result = await client.results(old.name, batch);
  const { placement } = await client.service.getTaskBatch({ name: old.name });
  expect(placement?.driftSeconds).toBeGreaterThanOrEqual(600);
  expect(placement?.driftSeed).toBe(5n);
  expect(placement?.snapshotId).toBe(newestSnapshot(chip).id);

  const replayed = await client.submit(batch, {
    ...sampled,
    driftSeconds: placement?.driftSeconds,
  });
  expect((await client.results(replayed.name, batch)).expectations).toEqual(result.expectations);
  const here = createChipExecutor({
    chip,
    drift: { ...drift, seconds: placement?.driftSeconds ?? 0 },
  });
  expect((await here.run(batch, sampled)).expectations).toEqual(result.expectations);
});

test("with a real-time clock the drift time is that since the calibration came into use", async () => {
  let nowMs = Date.parse("2026-11-01T00:00:00Z");
  const client = await connect({ drift, clock: "real-time", now: () => nowMs });
  nowMs += 3 * 86_400_000 + 1000;
  const checked = await client.validate(ansatzBatch(1), sampled);
  expect(checked.placement).toMatchObject({ driftSeconds: 3 * 86_400, driftSeed: 5n });
});

test("a chip without drift says so, and a drift time out of range is refused", async () => {
  const client = await connect({});
  const checked = await client.validate(ansatzBatch(1), sampled);
  expect(checked.placement).toMatchObject({ driftSeconds: 0, driftSeed: 0n });
  await expect(client.validate(ansatzBatch(1), { ...sampled, driftSeconds: -1 })).rejects.toThrow(
    /drift_seconds: expected 0 to 34560000 s \(400 days\) but was given -1/,
  );
});
