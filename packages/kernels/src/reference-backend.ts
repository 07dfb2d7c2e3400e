import { type Abortable, QtuneError, yieldToOthers } from "@qtune/base";
import { type Backend, type TileJob, bytesOf } from "./backend.ts";
import { createMemory, growMemory } from "./memory.ts";
import { interpret } from "./reference/interpreter.ts";
import { viewMemory } from "./reference/memory.ts";
import { setTileRegisters } from "./tile-registers.ts";

/**
 * Creates the backend that runs the reference kernels: plain loops in this thread, without WebAssembly SIMD.
 *
 * Effect: owns a memory until closed.
 */
export function createReferenceBackend(reason = "asked for by name"): Backend {
  let memory: WebAssembly.Memory | undefined = createMemory(false);
  const buffer = (): ArrayBuffer => {
    if (memory === undefined) throw new QtuneError("failed_precondition", "the backend is closed");
    return memory.buffer as ArrayBuffer; // created unshared
  };
  const run: Backend["run"] = (precision, program, operations, registers) => {
    interpret(viewMemory(buffer(), bytesOf(precision)), program, operations, registers);
  };
  const runTiles = async (job: TileJob, options: Abortable = {}) => {
    const registers = new Uint32Array(16);
    for (let tile = 0; tile < job.tiles; tile++) {
      await yieldToOthers(options.signal);
      setTileRegisters(registers, job, tile);
      registers[1] = job.scratch;
      run(job.precision, job.program, job.operations, registers);
    }
  };
  return {
    kind: "reference",
    reason,
    threads: 1,
    firstAddress: 64,
    reserve: (bytes) => {
      buffer();
      growMemory(memory!, bytes); // buffer() has checked it
    },
    float32: (address, length) => new Float32Array(buffer(), address, length),
    float64: (address, length) => new Float64Array(buffer(), address, length),
    uint32: (address, length) => new Uint32Array(buffer(), address, length),
    int32: (address, length) => new Int32Array(buffer(), address, length),
    run,
    runTiles,
    close: async () => {
      memory = undefined;
    },
  };
}
