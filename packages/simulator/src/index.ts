// For users.
export { type LocalExecutorOptions, createLocalExecutor } from "./local-executor.ts";
export {
  type NoisyMethod,
  type NoisyResult,
  type NoisySampler,
  type NoisySampling,
  createNoisySampler,
  noisyDistribution,
  runNoisyProgram,
  sampleNoisyProgram,
} from "./noise/noisy-program.ts";
export { type EngineLimits, type Method } from "./run/choose-engine.ts";
export {
  type PartReport,
  type SimulateOptions,
  type SimulationResult,
  exactDistribution,
  sampleCircuit,
  simulate,
} from "./run/simulate.ts";

// For other packages.
export { detuningSet, detuningSetVersion } from "./noise/detuning.ts";
export {
  type StateVectorOptions,
  createStateVector,
  stateVectorBytes,
} from "./engines/state-vector.ts";
