// For users.
export { type LocalExecutorOptions, createLocalExecutor } from "./local-executor.ts";
export {
  type NoisySampling,
  noisyDistribution,
  sampleNoisyProgram,
} from "./noise/noisy-program.ts";
export { detuningSet, detuningSetVersion } from "./noise/detuning.ts";
