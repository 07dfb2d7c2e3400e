export { createProgram, runCommandLine } from "./command-line.ts";
