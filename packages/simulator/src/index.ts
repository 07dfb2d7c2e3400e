// For users.
export { type LocalExecutorOptions, createLocalExecutor } from "./local-executor.ts";
export {
  type NoisySampler,
  type NoisySampling,
  createNoisySampler,
  noisyDistribution,
  sampleNoisyProgram,
} from "./noise/noisy-program.ts";

// For other packages.
export { detuningSet, detuningSetVersion } from "./noise/detuning.ts";
