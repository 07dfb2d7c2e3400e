// For users.
export {
  type Backend,
  type BackendKind,
  type Precision,
  type TileJob,
  bytesOf,
} from "./backend.ts";
export { type BackendOptions, availableBackends, canShareMemory, createBackend } from "./select.ts";
export { createReferenceBackend } from "./reference-backend.ts";

// For other packages.
export {
  type ArgumentKind,
  type KernelName,
  type KernelRow,
  kernelNames,
  kernelTable,
} from "./kernel-table.ts";
export {
  type KernelCall,
  encodeProgram,
  movePlace,
  operationWords,
  place,
  registers,
} from "./program.ts";
export { maxMemoryBytes } from "./memory.ts";
