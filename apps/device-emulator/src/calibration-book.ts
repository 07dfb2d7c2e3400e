/**
 * The calibrations of a chip over time: which one is in use, and since when. They are immutable; every one that was ever
 * used stays in the store, so that a pinned batch runs after a restart too.
 */
import { EventEmitter, once } from "node:events";
import {
  type CalibrationSnapshot,
  type ChipModel,
  addSnapshot,
  newestSnapshot,
  printChipCalibration,
  readChipFile,
} from "@qtune/chip";
import type { TaskStore } from "./store/task-store.ts";

/** A calibration and when it came into use. */
export interface BookEntry {
  readonly snapshot: CalibrationSnapshot;
  readonly effectiveMs: number;
}

/** Calibrations of one chip. */
export interface CalibrationBook {
  /** The chip with all known calibrations, the current one last. */
  chip(): ChipModel;
  /** Oldest first. */
  entries(): readonly BookEntry[];
  /** Since when a calibration is in use; 0 for an unknown one. */
  effectiveMs(snapshotId: string): number;
  /** Puts a calibration into use. */
  add(snapshot: CalibrationSnapshot): void;
  /** Waits until another one comes into use. */
  waitForNext(signal: AbortSignal): Promise<void>;
}

/** Opens the book of a chip: what the store knows, then the calibration that the chip comes with. */
export function openCalibrationBook(
  base: ChipModel,
  store: TaskStore,
  now: () => number,
): CalibrationBook {
  const changes = new EventEmitter().setMaxListeners(0);
  const entries: BookEntry[] = store.calibrations().flatMap(({ document, effectiveMs }) => {
    const snapshot = newestSnapshot(
      readChipFile(document, { fileName: "stored calibration" }).chip,
    );
    return [{ snapshot, effectiveMs }];
  });
  let chip = entries.reduce((model, { snapshot }) => addSnapshot(model, snapshot), {
    ...base,
    snapshots: [],
  } as ChipModel);
  const add = (snapshot: CalibrationSnapshot): void => {
    chip = addSnapshot(chip, snapshot);
    if (!entries.some((entry) => entry.snapshot.id === snapshot.id)) {
      const effectiveMs = now();
      entries.push({ snapshot, effectiveMs });
      store.putCalibration(snapshot.id, printChipCalibration(base, snapshot), effectiveMs);
    }
    changes.emit("change");
  };
  for (const snapshot of base.snapshots) add(snapshot);
  return {
    chip: () => chip,
    entries: () => entries,
    effectiveMs: (snapshotId) =>
      entries.find(({ snapshot }) => snapshot.id === snapshotId)?.effectiveMs ?? 0,
    add,
    waitForNext: async (signal) => {
      await once(changes, "change", { signal });
    },
  };
}
