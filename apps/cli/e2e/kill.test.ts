/** `kill -9` of either daemon at random moments: nothing accepted is lost, and the adapter is that of an undisturbed run. */
import path from "node:path";
import { createRandom, sleep } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { expect, test } from "vitest";
import { startDaemon } from "../src/daemon-process.ts";
import { adapterBytes, createTestBed, finish, tinyRun } from "./runs.ts";

const kills = 6;
const steps = 30;

test(
  "a run on the chip survives kills of both daemons and ends with the same adapter",
  { timeout: 180_000 },
  async () => {
    await using bed = await createTestBed();
    const { client } = bed;
    const executor = {
      kind: "device",
      target: `grpc://${bed.device.address}`,
      chip: "grid-2x6",
      shots: 100,
      seed: 11,
      gradient: "spsa",
    };
    const config = tinyRun(bed.model, { steps, executor });
    const quiet = await client.submit(config);
    expect((await finish(client, quiet.name)).state).toBe(trainingV1.RunState.RUN_STATE_SUCCEEDED);
    const expected = await adapterBytes(client, quiet.name);

    const disturbed = await client.submit(config);
    const random = createRandom(5, "kills");
    const ended = finish(client, disturbed.name);
    let over = false;
    void ended.finally(() => (over = true)).catch(() => {});
    for (let kill = 0; kill < kills && !over;) {
      await sleep(300 + 1500 * random.nextUniform());
      if (over) break;
      const victim = random.nextUniform() < 0.5 ? bed.device : bed.trainer;
      if (killHard(victim.pid)) kill += 1;
    }
    const run = await ended;
    expect(run.state).toBe(trainingV1.RunState.RUN_STATE_SUCCEEDED);
    expect(bed.restarts.length).toBeGreaterThan(0);
    expect(Buffer.compare(await adapterBytes(client, disturbed.name), expected)).toBe(0);
  },
);

test(
  "a killed emulator pauses the run, which says why and goes on when it is back",
  { timeout: 180_000 },
  async () => {
    await using bed = await createTestBed();
    const { signal } = new AbortController();
    const folder = path.join(bed.folder, "other-device");
    const args = ["--chip", "grid-2x6", "--data-dir", folder];
    const options = { signal, logFile: path.join(bed.folder, "other-device.log") };
    // A device without a supervisor, so that it stays away until this test brings it back.
    let device = await startDaemon("device-emulator", args, { ...options, port: bed.sparePort });
    const executor = {
      kind: "device",
      target: `grpc://${device.address}`,
      chip: "grid-2x6",
      shots: 100,
      seed: 2,
      gradient: "spsa",
    };
    const run = await bed.client.submit(tinyRun(bed.model, { steps: 8, executor }));
    const states: string[] = [];
    let killed = false;
    try {
      for await (const { event } of bed.client.watch(run.name)) {
        if (event?.$case === "metrics" && event.value.step === 2 && !killed) {
          killed = killHard(device.pid);
        }
        if (event?.$case !== "state") continue;
        const state = `${trainingV1.runStateToJSON(event.value.state)} ${event.value.stateReason}`;
        states.push(state);
        if (!/PAUSED .+/.test(state)) continue;
        device = await startDaemon("device-emulator", args, { ...options, port: bed.sparePort });
      }
    } finally {
      await device.stop();
    }
    expect(killed).toBe(true);
    expect(states.some((state) => /PAUSED waiting for the circuits: .+/.test(state))).toBe(true);
    expect(states.at(-1)).toContain("SUCCEEDED");
  },
);

/** Kills a process without warning. Returns whether it was alive: one that is being started again cannot be killed. */
function killHard(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
