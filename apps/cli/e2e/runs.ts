import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import type { trainingV1 } from "@qtune/contracts";
import { type TrainerClient, createTrainerClient } from "@qtune/rpc";
import { withPatience } from "../src/quickstart/training-client.ts";
import { type SupervisedDaemon, superviseDaemon } from "../src/supervise.ts";
import { writeTinyModel } from "./tiny-model.ts";

/** Both daemons on loopback with a tiny model and a small chip, in a folder of their own. */
export interface TestBed extends AsyncDisposable {
  readonly folder: string;
  readonly model: string;
  readonly device: SupervisedDaemon;
  readonly trainer: SupervisedDaemon;
  readonly client: TrainerClient;
  readonly restarts: string[];
  /** A free port for a second device that runs may use as well. */
  readonly sparePort: number;
}

/** Starts the daemons as child processes that are started again when they are killed. */
export async function createTestBed(options: { readonly chip?: string } = {}): Promise<TestBed> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "qtune-e2e-"));
  const model = path.join(folder, "model");
  await writeTinyModel(model);
  const controller = new AbortController();
  const restarts: string[] = [];
  const common = {
    signal: controller.signal,
    onRestart: (line: string) => void restarts.push(line),
  };
  const device = await superviseDaemon(
    "device-emulator",
    ["--chip", options.chip ?? "grid-2x6", "--data-dir", path.join(folder, "device")],
    {
      ...common,
      logFile: path.join(folder, "device.log"),
    },
  );
  const sparePort = await freePort();
  const trainer = await superviseDaemon(
    "trainer-daemon",
    [
      "--data-dir",
      path.join(folder, "trainer"),
      "--model",
      model,
      "--device",
      `grpc://${device.address}`,
      "--device",
      `grpc://127.0.0.1:${sparePort}`,
    ],
    { ...common, logFile: path.join(folder, "trainer.log") },
  );
  const client = createTrainerClient({ target: trainer.address });
  await client.channel.waitForReady(30_000);
  return {
    folder,
    model,
    device,
    trainer,
    client,
    restarts,
    sparePort,
    [Symbol.asyncDispose]: async () => {
      client.close();
      await trainer.stop();
      await device.stop();
      controller.abort();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Returns a port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a listening TCP server has one
  server.close();
  await once(server, "close");
  return port;
}

/** A run configuration of a few steps on the tiny model. */
export function tinyRun(
  model: string,
  change: { readonly steps?: number; readonly executor?: object; readonly adapter?: object } = {},
): object {
  return {
    model,
    data: { source: "builtin:school-arithmetic", validation: 8, limit: 64, seed: 3 },
    adapter: change.adapter ?? { kind: "BC", rank: 4, targets: ["q_proj"] },
    train: { steps: change.steps ?? 6, batchExamples: 2, lr: 5e-3, seed: 3, checkpointEvery: 2 },
    executor: change.executor ?? { kind: "exact" },
  };
}

/** Waits for a run's end, whatever happens to the daemon meanwhile. */
export async function finish(
  client: TrainerClient,
  name: string,
  signal = new AbortController().signal,
): Promise<trainingV1.Run> {
  return withPatience(signal, async () => {
    for await (const _ of client.watch(name, { signal })) {
      // Only the end is of interest here.
    }
    return client.service.getRun({ name }, { signal });
  });
}

/** Downloads the last checkpoint's adapter file. */
export async function adapterBytes(client: TrainerClient, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { chunk } of client.service.downloadCheckpoint({
    name: `${name}/checkpoints/last`,
    path: "adapter_model.safetensors",
    offset: 0n,
  })) {
    if (chunk !== undefined) parts.push(chunk.data);
  }
  return Buffer.concat(parts);
}
