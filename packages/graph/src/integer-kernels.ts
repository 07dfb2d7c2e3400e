/** Whether the processor multiplies 8-bit integers faster than floats. */
import { readFileSync } from "node:fs";

/** Names under which /proc/cpuinfo lists dot products of 8-bit integers: x86 and Arm. */
const dotProducts = /\b(avx512_vnni|avx_vnni|avx_vnni_int8|amx_int8|asimddp|i8mm)\b/;

/**
 * Tells whether products with 8-bit integers pay on this processor: it has a dot product of 8-bit integers.
 *
 * Range: false on x86 where the system does not say (only Linux does); true on 64-bit Arm, which has it since 2017.
 */
export function hasIntegerDotProduct(): boolean {
  known ??= askProcessor();
  return known;
}

let known: boolean | undefined;

function askProcessor(): boolean {
  try {
    return dotProducts.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    // Not Linux.
    return process.arch === "arm64";
  }
}
