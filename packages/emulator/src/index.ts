// For users.
export type { ChipExecutor, ChipExecutorOptions } from "./chip-executor.ts";
export { createChipExecutor } from "./chip-executor.ts";
export type { ChipCircuitOptions, ChipCircuitResult } from "./chip-circuit.ts";
export { measureAllIfNone, runChipCircuit } from "./chip-circuit.ts";

export type { ChipBatchResult, MitigatedExpectations } from "./chip-run.ts";
export type { MitigatedDistribution, ReadoutError, ReadoutErrors } from "./readout-mitigation.ts";
export { mitigateCounts, mitigatedZ, readoutErrorsOf } from "./readout-mitigation.ts";

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
  taskReadoutErrors,
} from "./chip-run.ts";
export type { Estimate, MeasuredCircuit, MeasurementPlan } from "./measurement.ts";
export {
  estimateObservables,
  planMeasurements,
  rememberMeasurements,
  restrictCounts,
} from "./measurement.ts";
export type { ChipTask, SampleOptions, TaskRunner, TaskRunnerOptions } from "./task-runner.ts";
export { createTaskRunner } from "./task-runner.ts";
