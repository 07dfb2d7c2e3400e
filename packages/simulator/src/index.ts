// For users.
export { type LocalExecutorOptions, createLocalExecutor } from "./local-executor.ts";
