// For users.
export type { ChipExecutorOptions } from "./chip-executor.ts";
export { createChipExecutor } from "./chip-executor.ts";
export type { ChipCircuitOptions, ChipCircuitResult } from "./chip-circuit.ts";
export { measureAllIfNone, runChipCircuit } from "./chip-circuit.ts";

// For other packages: a chip run step by step, for daemons that schedule themselves.
export type { ChipBatch, ChipBatchOptions, JobOptions, PlacementOptions } from "./chip-run.ts";
export {
  chipUsage,
  combineChipResults,
  jobSeconds,
  planChipBatch,
  prepareChipBatch,
  rowLookup,
  runChipJob,
} from "./chip-run.ts";
export type { Estimate, MeasuredCircuit, MeasurementPlan } from "./measurement.ts";
export { estimateObservables, planMeasurements, restrictCounts } from "./measurement.ts";
export type { ChipTask, SampleOptions, TaskRunner, TaskRunnerOptions } from "./task-runner.ts";
export { createTaskRunner } from "./task-runner.ts";
