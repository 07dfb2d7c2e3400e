import { internalError } from "@qtune/base";
import { type KernelName, kernelNames, kernelTable } from "./kernel-table.ts";

/** 32-bit words per operation: the code and up to 15 arguments. */
export const operationWords = 16;

/** A register: pointers of a program are relative to it, so that one program serves every tile and thread. */
export const registers = {
  /** Always zero: the pointer is an address. */
  absolute: 0,
  /** Start of the calling thread's own scratch space. */
  scratch: 1,
  /** The first register whose meaning the caller chooses; it may advance with the tile. */
  first: 2,
} as const;

/** One kernel call: a name of the kernel table and its arguments by name. */
export interface KernelCall {
  readonly kernel: KernelName;
  readonly arguments: Readonly<Record<string, number>>;
}

/** Returns a pointer argument: `offset` bytes behind a register. Range: offset a multiple of 16, register 0 … 15. */
export function place(register: number, offset: number): number {
  if (offset % 16 !== 0)
    throw internalError(`expected an offset that is a multiple of 16 but was given ${offset}`);
  return offset + register;
}

/** Returns a pointer argument moved by `bytes`, a multiple of 16. */
export function movePlace(pointer: number, bytes: number): number {
  return place(pointer % 16, pointer - (pointer % 16) + bytes);
}

/**
 * Encodes calls as the words that every backend runs.
 *
 * Shapes: result uint32 [calls, 16].
 * Errors: internal when an argument is missing, unknown or not an unsigned 32-bit integer.
 */
export function encodeProgram(calls: readonly KernelCall[]): Uint32Array {
  const words = new Uint32Array(calls.length * operationWords);
  for (const [index, call] of calls.entries()) {
    const names = kernelTable[call.kernel].arguments;
    if (Object.keys(call.arguments).length !== names.length) {
      throw internalError(
        `${call.kernel}: expected ${names.length} arguments but was given ${Object.keys(call.arguments).length}`,
      );
    }
    words[index * operationWords] = kernelNames.indexOf(call.kernel) + 1;
    for (const [at, [name]] of names.entries()) {
      const value = call.arguments[name];
      if (value === undefined || !Number.isInteger(value) || value < 0 || value > 0xffffffff) {
        throw internalError(
          `${call.kernel}.${name}: expected an unsigned integer but was given ${value}`,
        );
      }
      words[index * operationWords + at + 1] = value;
    }
  }
  return words;
}
