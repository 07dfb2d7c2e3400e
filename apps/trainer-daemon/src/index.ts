import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { layerV1, trainingV1 } from "@qtune/contracts";
import {
  type HostedService,
  type ServerTls,
  createServer,
  hostService,
  parseTokenFile,
} from "@qtune/rpc";
import { createRunEngine } from "./engine/run-engine.ts";
import { type ExecutorPool, createExecutorPool } from "./executors.ts";
import { createCheckpointHandlers } from "./handlers/checkpoint-handlers.ts";
import { createFileHandlers } from "./handlers/file-handlers.ts";
import { createLayerHandlers } from "./handlers/layer-handlers.ts";
import { createModelHandlers } from "./handlers/model-handlers.ts";
import type { TrainerPorts } from "./handlers/ports.ts";
import { createRunHandlers } from "./handlers/run-handlers.ts";
import { createSessionHandlers } from "./handlers/session-handlers.ts";
import { createRunQueue } from "./run-queue.ts";
import { openRunStore } from "./run-store.ts";
import {
  type SessionBook,
  createSessionBook,
  removeUnfinishedStates,
} from "./sessions/session-book.ts";

/** Services that the daemon can host, by the name that `--services` takes. */
export const serviceNames = ["trainer", "session", "layer"] as const;

/** Options of {@link startTrainerDaemon}. */
export interface TrainerDaemonOptions {
  /** `host:port`, port 0 takes a free one. Default 127.0.0.1:7273. */
  readonly listen?: string;
  /** Folder of everything that must survive: runs, events, uploads. */
  readonly dataDirectory: string;
  /** Folder of downloaded models. Default: QTUNE_CACHE, or `qtune` in the user's cache folder. */
  readonly cacheDirectory?: string;
  /** Models that runs may name beside the short names: sources or folders, as the operator wrote them. */
  readonly models?: readonly string[];
  /** Devices and simulator services that runs may use: `grpc://host:port`. */
  readonly devices?: readonly string[];
  /** Folder below which runs may name data and models by relative path. Absent: none. */
  readonly dataRoot?: string;
  readonly services?: readonly (typeof serviceNames)[number][];
  readonly tokenFile?: string;
  readonly tls?: ServerTls;
  readonly log: (message: string, fields?: object) => void;
}

/** A daemon that listens. */
export interface TrainerDaemon {
  readonly address: string;
  /** Lets running calls end, stops the training at the end of its step, closes everything. */
  close(): Promise<void>;
}

/**
 * Starts the training daemon.
 *
 * Errors: unavailable when the address is taken, failed_precondition when another daemon uses the folder, data_loss when
 *         its database is damaged.
 */
export async function startTrainerDaemon(options: TrainerDaemonOptions): Promise<TrainerDaemon> {
  const folders = {
    runs: path.join(options.dataDirectory, "runs"),
    files: path.join(options.dataDirectory, "files"),
    scratch: path.join(options.dataDirectory, "scratch"),
    states: path.join(options.dataDirectory, "states"),
  };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  const tokens =
    options.tokenFile === undefined
      ? undefined
      : parseTokenFile(await readFile(options.tokenFile, "utf8"));
  const store = openRunStore(path.join(options.dataDirectory, "trainer.sqlite"));
  const executors = createExecutorPool({ targets: options.devices ?? [] });
  const engine = createRunEngine({
    executors,
    ...(options.cacheDirectory === undefined ? {} : { cacheDirectory: options.cacheDirectory }),
    models: options.models ?? [],
    dataRoot: options.dataRoot,
    resolveFile: (id) => {
      const file = store.findFile(id);
      return file?.complete === true ? path.join(folders.files, file.id) : undefined;
    },
  });
  const queue = createRunQueue({ store, engine, runsDirectory: folders.runs, log: options.log });
  await removeUnfinishedStates(folders.states);
  const sessions = createSessionBook({ engine, statesDirectory: folders.states });
  const ports: TrainerPorts = {
    store,
    engine,
    queue,
    filesDirectory: folders.files,
    scratchDirectory: folders.scratch,
  };
  const server = await createServer({
    services: hostedServices(ports, sessions, executors, options.services ?? serviceNames),
    listen: options.listen ?? "127.0.0.1:7273",
    ...(tokens === undefined ? {} : { tokens }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    onError: (error, method) => options.log("internal error", { method, error }),
  });
  return {
    address: server.address,
    close: async () => {
      await queue.close();
      await server.close({ graceMs: 2000 });
      await sessions.close();
      await engine.close();
      await executors.close();
      store[Symbol.dispose]();
    },
  };
}

function hostedServices(
  ports: TrainerPorts,
  sessions: SessionBook,
  executors: ExecutorPool,
  names: readonly (typeof serviceNames)[number][],
): HostedService[] {
  const all: Record<(typeof serviceNames)[number], () => HostedService> = {
    trainer: () =>
      hostService(trainingV1.TrainerServiceService, {
        ...createRunHandlers(ports),
        ...createCheckpointHandlers(ports),
        ...createFileHandlers(ports),
        ...createModelHandlers(ports),
      }),
    session: () =>
      hostService(trainingV1.TrainingSessionServiceService, createSessionHandlers(sessions)),
    layer: () => hostService(layerV1.QuantumLayerServiceService, createLayerHandlers(executors)),
  };
  return names.map((name) => all[name]());
}
