/** How well a model meets runs, before and after a fit. */
import type { CalibrationSnapshot } from "../calibration.ts";
import type { ChipModel } from "../chip-model.ts";
import type { ScheduledCircuit } from "../scheduled-circuit.ts";
import type { RealRun } from "./real-runs.ts";
import { createRunModel } from "./run-model.ts";
import { samplingFloor, totalVariationOf } from "./statistics.ts";

/** A run and the schedule of what was executed. */
export interface ReadyRun {
  readonly run: RealRun;
  readonly schedule: ScheduledCircuit;
}

/** How well the model meets a run. */
export interface FittedRun {
  readonly id: string;
  /** Whether the fit saw it. */
  readonly used: boolean;
  /** Total variation distance after the fit, and before it. */
  readonly tvd: number;
  readonly tvdBefore: number;
  /** Distance that a perfect model would show at this number of shots. */
  readonly floor: number;
}

/** Distances of runs, and of runs that did the same taken together. */
export interface RunReport {
  readonly runs: readonly FittedRun[];
  /** Runs with the same circuit and qubits, their counts added up. */
  readonly pools: readonly (Omit<FittedRun, "id" | "used"> & { readonly ids: readonly string[] })[];
}

/** Distances of all runs and pools before and after. */
export function reportRuns(
  ready: readonly ReadyRun[],
  heldOut: ReadonlySet<string>,
  models: {
    readonly chip: ChipModel;
    readonly snapshot: CalibrationSnapshot;
    readonly fitted: CalibrationSnapshot;
  },
): RunReport {
  const runs = ready.map(({ run }) => run);
  const schedules = ready.map(({ schedule }) => schedule);
  const predict = (snapshot: CalibrationSnapshot): readonly Float64Array[] =>
    createRunModel(schedules, [], models.chip, snapshot).distributions(new Float64Array());
  const before = predict(models.snapshot);
  const after = predict(models.fitted);
  const compare = (indices: readonly number[]): Omit<FittedRun, "id" | "used"> => {
    const counts = new Map<number, number>();
    for (const index of indices) {
      for (const [outcome, count] of runs[index]?.counts ?? []) {
        counts.set(outcome, (counts.get(outcome) ?? 0) + count);
      }
    }
    const shots = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const first = indices[0] ?? 0;
    const frequencies = Array.from(
      after[first] ?? [],
      (_, outcome) => (counts.get(outcome) ?? 0) / shots,
    );
    return {
      tvd: totalVariationOf(counts, after[first] ?? new Float64Array()),
      tvdBefore: totalVariationOf(counts, before[first] ?? new Float64Array()),
      floor: samplingFloor(frequencies, shots),
    };
  };
  const groups = new Map<string, number[]>();
  for (const [index, schedule] of schedules.entries()) {
    const key = poolKey(schedule);
    groups.set(key, [...(groups.get(key) ?? []), index]);
  }
  return {
    runs: runs.map(({ id }, index) => ({ id, used: !heldOut.has(id), ...compare([index]) })),
    pools: [...groups.values()]
      .filter((indices) => indices.length > 1)
      .map((indices) => ({
        ids: indices.flatMap((index) => runs[index]?.id ?? []),
        ...compare(indices),
      })),
  };
}

/**
 * Schedules that do the same: same instructions at the same times, axes up to rounding in the text.
 */
function poolKey(schedule: ScheduledCircuit): string {
  const turn = (angle: unknown): string =>
    typeof angle === "number" ? (Math.round(angle * 1e6) / 1e6).toFixed(5) : JSON.stringify(angle);
  const parts = schedule.instructions.map((instruction) =>
    instruction.kind === "rphi"
      ? `${instruction.qubit}@${instruction.startNs}:${turn(instruction.thetaRad)}`
      : JSON.stringify({ ...instruction, durationNs: 0 }),
  );
  return parts.sort().join(" ");
}
