/** The daemon as a function: a chip and a simulator as gRPC services. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import {
  type CalibrationSnapshot,
  type ChipModel,
  type DriftRates,
  type DriftState,
  findSnapshot,
  hasCrosstalk,
  resolveKnobs,
} from "@qtune/chip";
import { deviceV1, simulatorV1 } from "@qtune/contracts";
import {
  type CallRecord,
  type HostedService,
  type ServerTls,
  type TokenTable,
  createServer,
  hostService,
} from "@qtune/rpc";
import { openCalibrationBook } from "./calibration-book.ts";
import type { BufferQubits } from "./compute/chip-work.ts";
import { createWorkerPool } from "./compute/pool.ts";
import { type ClockMode, createDeviceEngine } from "./engine.ts";
import { type Faults, withFaults } from "./faults.ts";
import { createDeviceHandlers } from "./handlers/device-handlers.ts";
import { notFound } from "./handlers/names.ts";
import type { DevicePorts } from "./handlers/ports.ts";
import { createSimulatorHandlers } from "./handlers/simulator-handlers.ts";
import { deviceName } from "./messages.ts";
import { createQuotaKeeper } from "./quotas.ts";
import { openTaskStore } from "./store/task-store.ts";

/** Services that the daemon can host. */
export const serviceNames = ["device", "simulator"] as const;

/** Options of {@link startDeviceEmulator}. */
export interface DeviceEmulatorOptions {
  readonly chip: ChipModel;
  /** `host:port`; port 0 takes a free one. Default 127.0.0.1:0. */
  readonly listen?: string;
  /** Folder of what must survive. Absent: kept in memory only. */
  readonly dataDirectory?: string;
  /** Default: both. */
  readonly services?: readonly (typeof serviceNames)[number][];
  /** Absent: everyone who reaches the address may do everything. */
  readonly tokens?: TokenTable;
  readonly tls?: ServerTls;
  /** Default `instant`. */
  readonly clock?: ClockMode;
  /** Worker threads. Default: one per processor, at most 8. */
  readonly threads?: number;
  /** Circuits that may wait or run in all. Default 2,000,000. */
  readonly maxQueuedCircuits?: number;
  /** How the chip ages. Absent: it does not. */
  readonly drift?: DriftOfDevice;
  /**
   * Idle qubits that packing keeps around each circuit. Default 1. With 0 more circuits fit side by side; where crosstalk is
   * on, circuits of a batch that stand beside each other then disturb each other, and batches share no executions.
   */
  readonly bufferQubits?: BufferQubits;
  readonly faults?: Faults;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly now?: () => number;
  readonly log?: (message: string, fields?: Record<string, unknown>) => void;
  readonly onCall?: (record: CallRecord) => void;
}

/** How an emulated chip ages. */
export interface DriftOfDevice {
  readonly rates: DriftRates;
  readonly seed: bigint;
}

/** A daemon that listens. */
export interface DeviceEmulator {
  /** `host:port`. */
  readonly address: string;
  /** `devices/{device}`. */
  readonly device: string;
  /** Puts a new calibration into use. */
  addCalibration(snapshot: CalibrationSnapshot): void;
  /** What is waiting, for the status page. */
  queue(): deviceV1.QueueInfo;
  /** Stops taking calls, lets chip jobs that run end, closes everything. */
  close(): Promise<void>;
}

/** The clock of the drift goes in steps, so that tasks within a step share what is compiled. */
const driftStepSeconds = 600;
/** The drift model ends 400 days after a calibration. */
const maxDriftSeconds = 400 * 86_400;

/** How often batches whose time is over are deleted. */
const sweepEveryMs = 3600 * 1000;

/**
 * Starts the daemon and takes up what an earlier one has left in the folder.
 *
 * Errors: unavailable when the address is taken, failed_precondition when another daemon uses the folder, data_loss when
 *         the folder holds something else.
 */
export async function startDeviceEmulator(options: DeviceEmulatorOptions): Promise<DeviceEmulator> {
  const {
    now = Date.now,
    log = () => undefined,
    clock = "instant",
    services = serviceNames,
    bufferQubits = 1,
  } = options;
  const store = openTaskStore(storeFile(options.dataDirectory));
  const book = openCalibrationBook(options.chip, store, now);
  const pool = createWorkerPool({ chip: book.chip(), threads: options.threads, bufferQubits });
  const tokenWeights = new Map(
    [...(options.tokens?.values() ?? [])].map(({ name, quotas }) => [name, quotas.weight ?? 1]),
  );
  let stopping = false;
  const driftOf = (snapshotId: string): DriftState | undefined => {
    if (options.drift === undefined) return undefined;
    const since =
      clock === "instant"
        ? store.chipSecondsSince(snapshotId)
        : (now() - book.effectiveMs(snapshotId)) / 1000;
    const seconds = Math.floor(since / driftStepSeconds) * driftStepSeconds;
    return { ...options.drift, seconds: Math.min(Math.max(0, seconds), maxDriftSeconds) };
  };
  const engine = createDeviceEngine({
    chip: () => book.chip(),
    store,
    pool,
    clock,
    now,
    log,
    failJob: options.faults?.failJob,
    driftOf,
    mayShare: (snapshotId) => {
      const current = book.chip();
      const snapshot = findSnapshot(current, { id: snapshotId });
      return bufferQubits === 1 || !hasCrosstalk(snapshot, resolveKnobs(current.knobs, {}));
    },
    weightOf: (principal) => tokenWeights.get(principal) ?? 1,
  });
  const ports: DevicePorts = {
    store,
    engine,
    pool,
    book,
    clock,
    now,
    driftOf,
    quotas: createQuotaKeeper({
      maxQueuedCircuits: options.maxQueuedCircuits ?? 2_000_000,
      queued: (principal) =>
        principal === undefined ? engine.queue().circuits : engine.queuedCircuits(principal),
      usedChipSeconds: (principal) => store.usage(principal).chipSeconds,
      drainSeconds: () => engine.queue().drainSeconds,
    }),
    chipOf: (device) => {
      if (device !== deviceName(book.chip())) throw notFound("device", device.slice(0, 200));
      return book.chip();
    },
    assertOnline: () => {
      if (stopping)
        throw new QtuneError("unavailable", "the daemon is stopping", {
          details: { retryDelayMs: 1000 },
        });
    },
    isOnline: () => !stopping,
  };
  const sweeper = setInterval(() => store.expire(now()), sweepEveryMs);
  sweeper.unref();
  const closeAll = async (): Promise<void> => {
    clearInterval(sweeper);
    await engine.close();
    await pool.close();
    store[Symbol.dispose]();
  };
  try {
    store.expire(now());
    const server = await createServer({
      ...options,
      services: services.map((name) =>
        withFaults(hostedService(name, ports), options.faults ?? {}),
      ),
      onError: (error, method) =>
        log("a call met an error of our own", { method, error: errorText(error) }),
    });
    const restored = engine.restore();
    if (restored > 0) log("took up unfinished task batches", { batches: restored });
    return {
      address: server.address,
      device: deviceName(book.chip()),
      addCalibration: (snapshot) => {
        book.add(snapshot);
        pool.setChip(book.chip());
      },
      queue: () => engine.queue(),
      close: async () => {
        stopping = true;
        const closed = server.close({ graceMs: 2000 });
        await engine.close();
        await closed;
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function storeFile(directory: string | undefined): string {
  if (directory === undefined) return ":memory:";
  mkdirSync(directory, { recursive: true });
  return path.join(directory, "tasks.sqlite");
}

function hostedService(name: (typeof serviceNames)[number], ports: DevicePorts): HostedService {
  return name === "device"
    ? hostService(deviceV1.DeviceServiceService, createDeviceHandlers(ports))
    : hostService(simulatorV1.SimulatorServiceService, createSimulatorHandlers(ports.pool));
}

function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
