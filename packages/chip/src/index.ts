// For users.
export type { Coupler, Topology } from "./topology.ts";
export { connectedRegions, couplerKey, createGridTopology, createTopology } from "./topology.ts";
export type { CouplerQuantity, QuantityRow, QubitQuantity } from "./calibration-quantities.ts";
export {
  couplerQuantities,
  couplerQuantityTable,
  qubitQuantities,
  qubitQuantityTable,
} from "./calibration-quantities.ts";
export type {
  CalibrationEntry,
  CalibrationSnapshot,
  CouplerCalibration,
  QubitCalibration,
  SnapshotContent,
  SnapshotKind,
} from "./calibration.ts";
export { createSnapshot, snapshotId, validateSnapshot } from "./calibration.ts";
export type { ChipLimits, ChipModel, ChipTiming, NativeGate } from "./chip-model.ts";
export {
  addSnapshot,
  chipJobSeconds,
  countLayers,
  findSnapshot,
  newestSnapshot,
  validateScheduled,
  validateShots,
} from "./chip-model.ts";
export type { ChipOptions, ChipPreset } from "./presets/presets.ts";
export { createChip, listChips, wukongLimits, wukongTiming } from "./presets/presets.ts";
export type { NoiseKnob, NoiseKnobs } from "./noise/knobs.ts";
export {
  defaultKnobs,
  idealKnobs,
  knobTable,
  observedKnobs,
  resolveKnobs,
  scaleNoise,
  validateKnobs,
} from "./noise/knobs.ts";
export type { ChipFormat, ImportedChip } from "./convert/imported-chip.ts";
export type { ReadChipOptions } from "./convert/read-chip-file.ts";
export { chipFormats, readChipFile } from "./convert/read-chip-file.ts";
export { chipCalibrationSchema, printChipCalibration } from "./convert/chip-calibration.ts";
export type { FitOptions, FitResult, FittedParameter } from "./fit/fit-chip.ts";
export { fitChip } from "./fit/fit-chip.ts";
export type { FittedRun, RunReport } from "./fit/report-runs.ts";
export { chooseHeldOut } from "./fit/hold-out.ts";
export type { RealRun } from "./fit/real-runs.ts";
export { readRealRuns, realRunsSchema } from "./fit/real-runs.ts";
export type { QuantityShift, SnapshotChange, SnapshotDiff } from "./diff.ts";
export { diffSnapshots, printSnapshotDiff } from "./diff.ts";
export type { DriftOptions, DriftRates, DriftState } from "./drift.ts";
export { driftBy, driftSnapshot, observedDriftRates, validateDriftRates } from "./drift.ts";
export { drawChipText } from "./draw/text-map.ts";
export type { ChipSvgOptions } from "./draw/svg-map.ts";
export { drawChipSvg } from "./draw/svg-map.ts";

// For other packages.
export type {
  CzInstruction,
  DelayInstruction,
  MeasureInstruction,
  NativeInstruction,
  PulseInstruction,
  ScheduledCircuit,
} from "./scheduled-circuit.ts";
export { bindScheduledCircuit, instructionQubits } from "./scheduled-circuit.ts";
export type { CalibrationView } from "./calibration-view.ts";
export { createCalibrationView } from "./calibration-view.ts";
export type { NoisyProgram, NoisyReadout, NoisyStep } from "./noisy-program.ts";
export type { NoiseOptions, NoisyProgramTemplate } from "./noise/build-noisy-program.ts";
export { buildNoisyProgram, createNoisyProgramTemplate } from "./noise/build-noisy-program.ts";
export type { PredictedFidelity } from "./predicted-fidelity.ts";
export { predictedFidelity } from "./predicted-fidelity.ts";
export { hasCrosstalk } from "./noise/crosstalk.ts";
export { crosstalkCost } from "./noise/crosstalk-cost.ts";
export type { ExactOptions } from "./reference/exact-distribution.ts";
export { exactDistribution } from "./reference/exact-distribution.ts";
export { scheduleNative } from "./fit/schedule-native.ts";
export { samplingFloor, totalVariationOf } from "./fit/statistics.ts";
