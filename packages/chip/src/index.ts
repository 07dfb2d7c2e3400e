export type { NoisyProgram, NoisyReadout, NoisyStep } from "./noisy-program.ts";
