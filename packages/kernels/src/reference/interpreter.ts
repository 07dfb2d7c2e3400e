/** Runs programs with the reference kernels: the definition of what every backend computes. */
import { internalError } from "@qtune/base";
import { type KernelName, kernelNames, kernelTable } from "../kernel-table.ts";
import { operationWords } from "../program.ts";
import * as diagonal from "./diagonal.ts";
import * as lanes from "./lanes.ts";
import * as matrix from "./matrix.ts";
import type { ReferenceMemory } from "./memory.ts";
import * as pauli from "./pauli.ts";
import * as prepare from "./prepare.ts";
import * as rotate from "./rotate.ts";
import * as trajectory from "./trajectory.ts";
import * as values from "./values.ts";

/** Returns true where the rest of the program would change nothing. */
type ReferenceKernel = (memory: ReferenceMemory, ...args: number[]) => boolean | undefined;

const files: Readonly<Record<string, unknown>> = {
  rotate,
  prepare,
  diagonal,
  lanes,
  matrix,
  pauli,
  trajectory,
  values,
};

/** Returns the reference of a kernel: the function of its name in the module of its row. */
function referenceOf(name: KernelName): ReferenceKernel {
  const module = files[kernelTable[name].file] as Readonly<
    Record<string, ReferenceKernel | undefined>
  >; // the modules export kernels only
  const kernel = module[name];
  if (kernel === undefined) throw internalError(`no reference for the kernel ${name}`);
  return kernel;
}

const kernels: readonly ReferenceKernel[] = kernelNames.map(referenceOf);

/** Runs `operations` encoded calls at address `program` with the values of the registers. */
export function interpret(
  memory: ReferenceMemory,
  program: number,
  operations: number,
  registers: Uint32Array,
): void {
  for (let index = 0; index < operations; index++) {
    const at = program / 4 + index * operationWords;
    const code = memory.uint32[at]! - 1; // the program is inside the memory
    const name = kernelNames[code];
    const kernel = kernels[code];
    if (name === undefined || kernel === undefined)
      throw internalError(`unknown operation code ${code + 1}`);
    const args = kernelTable[name].arguments.map(([, kind], position) => {
      const word = memory.uint32[at + 1 + position]!;
      return kind === "size" ? word : registers[word % 16]! + (word - (word % 16));
    });
    if (kernel(memory, ...args) === true) return;
  }
}
