import type { ExecutionUsage } from "@qtune/circuit";

/** Usage of nothing. */
export const noUsage: ExecutionUsage = {
  circuits: 0,
  shots: 0,
  chipSeconds: 0,
  chipJobs: 0,
  parallelMax: 0,
  parallelMean: 0,
};

/** Adds two usages: sums, the larger of the maxima, the mean weighted by chip jobs. Keeps the newer snapshot. */
export function addUsage(a: ExecutionUsage, b: ExecutionUsage): ExecutionUsage {
  const chipJobs = a.chipJobs + b.chipJobs;
  const snapshotId = b.snapshotId ?? a.snapshotId;
  return {
    circuits: a.circuits + b.circuits,
    shots: a.shots + b.shots,
    chipSeconds: a.chipSeconds + b.chipSeconds,
    chipJobs,
    parallelMax: Math.max(a.parallelMax, b.parallelMax),
    parallelMean:
      chipJobs === 0 ? 0 : (a.parallelMean * a.chipJobs + b.parallelMean * b.chipJobs) / chipJobs,
    ...(snapshotId === undefined ? {} : { snapshotId }),
  };
}
