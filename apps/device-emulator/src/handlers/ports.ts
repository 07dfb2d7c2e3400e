import type { ChipModel, DriftState } from "@qtune/chip";
import type { Principal } from "@qtune/rpc";
import type { ClockMode, DeviceEngine } from "../engine.ts";
import type { TaskStore } from "../store/task-store.ts";
import type { WorkerPool } from "../compute/pool.ts";
import type { CalibrationBook } from "../calibration-book.ts";
import type { QuotaKeeper } from "../quotas.ts";

/** What the handlers of the device service work with. */
export interface DevicePorts {
  readonly store: TaskStore;
  readonly engine: DeviceEngine;
  readonly pool: WorkerPool;
  readonly book: CalibrationBook;
  readonly quotas: QuotaKeeper;
  readonly clock: ClockMode;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How far the chip has drifted from a calibration by now. */
  driftOf(snapshotId: string): DriftState | undefined;
  /** Returns the chip of a device name. Errors: not_found. */
  chipOf(device: string): ChipModel;
  /** Errors: unavailable while the daemon stops. */
  assertOnline(): void;
  isOnline(): boolean;
}

/** Tells whether a principal may see a batch: its own only. */
export function owns(principal: Principal, batch: { readonly principal: string }): boolean {
  return batch.principal === principal.name;
}
