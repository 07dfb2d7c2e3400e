import type { RunEngine } from "../run-engine.ts";
import type { RunQueue } from "../run-queue.ts";
import type { RunStore } from "../run-store.ts";

/** What the handlers of TrainerService work on. */
export interface TrainerPorts {
  readonly store: RunStore;
  readonly engine: RunEngine;
  readonly queue: RunQueue;
  /** Folder of uploaded files. */
  readonly filesDirectory: string;
  /** Folder for exports while they are sent. */
  readonly scratchDirectory: string;
}
