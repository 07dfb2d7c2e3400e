// For users.
export {
  type RunConfig,
  type RunConfigInput,
  dataFormats,
  runConfigJsonSchema,
  runConfigSchemaId,
} from "./config/run-config.ts";
export {
  applyOverrides,
  parseRunConfig,
  type ParseConfigOptions,
  validateRunConfig,
} from "./config/parse-run-config.ts";
export {
  countSteps,
  findNamedCheckpoint,
  runTraining,
  type TrainingOptions,
  type TrainingResult,
} from "./loop/run-training.ts";
export { type StepMetrics, type TrainingEvent } from "./loop/events.ts";
export { probeGradient, type ProbeOptions, type ProbeStep } from "./loop/probe-gradient.ts";
export {
  createTrainingSession,
  type SessionDatum,
  type SessionLoss,
  type SessionOptions,
  type TrainingSession,
} from "./loop/training-session.ts";
export { planRun, type RunPlan } from "./plan/plan-run.ts";
export {
  type EvaluatedSample,
  evaluateModel,
  type EvaluationOptions,
  type EvaluationResult,
  type EvaluationTarget,
} from "./evaluate/evaluation.ts";
export { type ExpectedTexts, createTargetGenerator } from "./evaluate/target-generator.ts";
export {
  type EvalConfig,
  type EvalConfigInput,
  evalConfigSchemaId,
  parseEvalConfig,
} from "./evaluate/eval-config.ts";
export {
  type ArithmeticItem,
  type ArithmeticSet,
  generateSchoolArithmetic,
  type SchoolArithmeticOptions,
  schoolArithmeticVersion,
} from "./data/school-arithmetic.ts";
export {
  type AdapterExportFormat,
  adapterExportFormats,
  exportAdapter,
  type ExportAdapterOptions,
} from "./export/export-adapter.ts";
export { type Example, type Sample } from "./data/example.ts";
export {
  type DataInspection,
  inspectData,
  type InspectedSample,
  type InspectedToken,
} from "./data/inspect.ts";
export {
  type ArmResults,
  type ArmVerdict,
  type Better,
  compareArms,
  type Comparison,
  holm,
} from "./study/compare.ts";
export { characterBleu, rouge, type RougeScores } from "./evaluate/overlap.ts";
export { readExamples } from "./data/read-examples.ts";
export { type CheckpointInfo, listCheckpoints } from "./checkpoint/checkpoint.ts";
export {
  extractFlexible,
  extractStrict,
  gsm8kScorer,
  scoreAnswer,
} from "./evaluate/gsm8k-score.ts";
export { type Estimate, type Interval, meanEstimate, wilsonInterval } from "./evaluate/interval.ts";

// For other packages.
export { countModelParameters, linearSites, type TrainerModel } from "./model.ts";
export { type CircuitSettings } from "./loop/circuits.ts";
export { createPatientExecutor } from "./loop/patient-executor.ts";
export {
  type AdamOptions,
  type AdamState,
  createAdamState,
  stepAdamInPlace,
} from "./optimise/adamw.ts";
export { clipInPlace } from "./optimise/clip.ts";
export { scheduleFactor } from "./optimise/schedule.ts";
export { tokeniseAll, tokeniseExample, type TokeniseOptions } from "./data/tokenise.ts";
export { microBatches } from "./data/batches.ts";
export { readMetrics } from "./metrics/metrics-log.ts";
