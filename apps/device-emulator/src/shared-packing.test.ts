import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createChip } from "@qtune/chip";
import type { CircuitBatch } from "@qtune/circuit";
import { deviceV1 } from "@qtune/contracts";
import { createTaskRunner, prepareChipBatch, rowLookup } from "@qtune/emulator";
import { type DeviceClient, createDeviceClient, parseTokenFile } from "@qtune/rpc";
import { afterEach, describe, expect, test } from "vitest";
import { ansatzBatch } from "./ansatz-batch.fixture.ts";
import {
  type DeviceEmulator,
  type DeviceEmulatorOptions,
  startDeviceEmulator,
} from "./device-emulator.ts";

const chip = createChip("wukong-72");
const device = `devices/${chip.name}`;
const names = ["alice", "bob", "carol"];
const tokenOf = (name: string): string => `${name}-0123456789abcdef`;
const tokens = parseTokenFile(
  JSON.stringify([...names, "ward"].map((name) => ({ name, token: tokenOf(name) }))),
);
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function start(options: Partial<DeviceEmulatorOptions> = {}): Promise<DeviceEmulator> {
  const emulator = await startDeviceEmulator({ chip, threads: 1, tokens, ...options });
  open.push(emulator);
  return emulator;
}

function connect(emulator: DeviceEmulator, name: string): DeviceClient {
  const client = createDeviceClient({ target: emulator.address, token: tokenOf(name) });
  open.push(client);
  return client;
}

/** Open chains, measured without observables. */
function pathBatch(B: number, n = 3): CircuitBatch {
  return { ...ansatzBatch(B, { n, ansatz: "path" }), observables: [] };
}

const sampled = { device, shots: 100, returns: ["counts"] as const };

/** Lets one client keep the chip busy, so that what comes after has to wait until the returned function frees it. */
async function keepBusy(emulator: DeviceEmulator): Promise<() => Promise<unknown>> {
  const client = connect(emulator, "ward");
  const { name } = await client.submit(pathBatch(1000, 4), {
    ...sampled,
    shots: 300,
    packing: "none",
  });
  for await (const { event } of client.watch(name)) {
    const isRunning =
      event?.$case === "taskBatch" && event.value.state === deviceV1.TaskState.TASK_STATE_RUNNING;
    if (isRunning) break;
  }
  return () => client.service.cancelTaskBatch({ name });
}

/** Every task of a finished batch with its counts, and the counts that it has alone on the same qubits. */
async function againAlone(client: DeviceClient, name: string, batch: CircuitBatch) {
  const message = await client.service.getTaskBatch({ name });
  const seed = message.options?.seed ?? 0n;
  const prepared = prepareChipBatch(batch, { chip, shots: 100, seed, wantsCounts: true });
  const circuit = prepared.measurement.measured[0]?.circuit ?? batch.circuit;
  const runner = createTaskRunner({ chip, level: 2 });
  const { tasks } = await client.service.listTasks({
    parent: name,
    pageSize: 1000,
    pageToken: "",
    includeResults: true,
  });
  return Promise.all(
    tasks.map(async ({ row, region, result }) => {
      const layout = region?.qubits ?? [];
      const place = { qubits: layout.toSorted((a, b) => a - b), layout, predictedFidelity: 1 };
      const values = rowLookup(batch)(row);
      const alone = await runner.sample(
        { circuit, values, place },
        { shots: 100, seed, index: row },
      );
      return { packed: countsOf(result), alone };
    }),
  );
}

function countsOf(result: deviceV1.Task["result"]): ReadonlyMap<string, number> {
  const [counts] = result?.counts ?? [];
  return new Map([...(counts?.counts ?? [])].map(([key, value]) => [key, Number(value)]));
}

describe("batches that allow sharing", () => {
  test("of several clients run side by side, each task as if alone on its qubits", async () => {
    const emulator = await start();
    const free = await keepBusy(emulator);
    const batches = names.map((_, index) => pathBatch(2 + index, 2 + index));
    const clients = names.map((name) => connect(emulator, name));
    const sent = await Promise.all(
      clients.map((client, index) =>
        client.submit(batches[index] ?? pathBatch(1), { ...sampled, packing: "shared" }),
      ),
    );
    await free();
    for (const [index, client] of clients.entries()) {
      const batch = batches[index] ?? pathBatch(1);
      const name = sent[index]?.name ?? "";
      await client.results(name, batch, sampled);
      const { usage, estimate, timeline } = await client.service.getTaskBatch({ name });
      expect(usage?.parallelMax, "circuits side by side, those of others included").toBe(9);
      expect(usage?.circuits).toBe(batch.B);
      expect(usage?.chipSeconds).toBeLessThan(0.6 * (estimate?.chipSeconds ?? 0));
      const phases = timeline ?? { loadSeconds: 0, shotsSeconds: 0, postSeconds: 0 };
      expect(phases.loadSeconds + phases.shotsSeconds + phases.postSeconds).toBeCloseTo(
        usage?.chipSeconds ?? 0,
        9,
      );
      for (const { packed, alone } of await againAlone(client, name, batch))
        expect(packed).toEqual(new Map(alone));
    }
    const used = await Promise.all(clients.map(({ service }) => service.getUsage({ device })));
    const together = used.reduce((sum, { chipSeconds }) => sum + chipSeconds, 0);
    const { timing } = chip;
    const oneJob =
      timing.loadMs + timing.postProcessMs + 9 * timing.compileMs + timing.measureOverheadMs + 10;
    expect(together, "nine circuits in one execution of one chip job").toBeCloseTo(
      oneJob / 1000,
      6,
    );
  });

  test("keep their places over a stop, and what was accepted is not lost", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "qtune-shared-"));
    open.push({ close: () => rmSync(folder, { recursive: true, force: true }) });
    const first = await startDeviceEmulator({ chip, threads: 1, tokens, dataDirectory: folder });
    await keepBusy(first);
    const early = names.map((name) =>
      createDeviceClient({ target: first.address, token: tokenOf(name) }),
    );
    const batch = pathBatch(30);
    const sent = await Promise.all(
      early.map((client) => client.submit(batch, { ...sampled, packing: "shared" })),
    );
    early.forEach((client) => client.close());
    await first.close();
    for (const client of open.splice(1)) await client.close();
    const second = await start({ dataDirectory: folder });
    for (const [index, name] of names.entries()) {
      const client = connect(second, name);
      const batchName = sent[index]?.name ?? "";
      expect((await client.results(batchName, batch, sampled)).counts).toHaveLength(30);
      for (const { packed, alone } of await againAlone(client, batchName, batch))
        expect(packed).toEqual(new Map(alone));
    }
  });

  test("stand closer without a buffer, but keep to themselves where circuits disturb each other", async () => {
    const noisy = { ...chip, knobs: { ...chip.knobs, crosstalkPhaseRad: 0.3 } };
    const batch = pathBatch(5, 4);
    for (const [device, parallelMax] of [
      [chip, 10],
      [noisy, 5],
    ] as const) {
      const emulator = await start({ chip: device, bufferQubits: 0 });
      const free = await keepBusy(emulator);
      const clients = ["alice", "bob"].map((name) => connect(emulator, name));
      const sent = await Promise.all(
        clients.map((client) => client.submit(batch, { ...sampled, packing: "shared" })),
      );
      await free();
      for (const [index, client] of clients.entries()) {
        const name = sent[index]?.name ?? "";
        await client.results(name, batch, sampled);
        expect((await client.service.getTaskBatch({ name })).usage?.parallelMax).toBe(parallelMax);
      }
    }
  });

  test("that is cancelled while it shares leaves the others alone", async () => {
    const emulator = await start();
    const free = await keepBusy(emulator);
    const [alice, bob] = [connect(emulator, "alice"), connect(emulator, "bob")];
    const batch = pathBatch(3);
    const [a, b] = await Promise.all([
      alice.submit(batch, { ...sampled, packing: "shared" }),
      bob.submit(batch, { ...sampled, packing: "shared" }),
    ]);
    await bob.service.cancelTaskBatch({ name: b.name });
    await free();
    expect((await alice.results(a.name, batch, sampled)).counts).toHaveLength(3);
    const cancelled = await bob.service.getTaskBatch({ name: b.name });
    expect(cancelled.state).toBe(deviceV1.TaskState.TASK_STATE_CANCELLED);
  });
});
