// For users.
export type {
  CompiledCircuit,
  CompileLevel,
  CompileOptions,
  CompileReport,
  PassReport,
} from "./compile.ts";
export { bindCompiled, compileCircuit } from "./compile.ts";
export type { DecouplingSequence } from "./decoupling.ts";
