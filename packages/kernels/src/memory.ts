import { QtuneError } from "@qtune/base";

const pageBytes = 65536;
/** The most that 32-bit addresses reach. */
export const maxMemoryBytes = 65536 * pageBytes;

/** Creates a memory of one page that can grow to 4 GiB; shared where threads are wanted. */
export function createMemory(shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: 65536, shared });
}

/** Grows a memory until addresses below `bytes` exist. Errors: resource_exhausted when it cannot. */
export function growMemory(memory: WebAssembly.Memory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes);
  if (missing <= 0) return;
  try {
    if (bytes > maxMemoryBytes) throw new RangeError("beyond 4 GiB");
    memory.grow(missing);
  } catch (cause) {
    const given = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
    throw new QtuneError(
      "resource_exhausted",
      `expected memory for at most 4 GiB of amplitudes but ${given} could not be reserved`,
      {
        cause,
        details: { bytes },
      },
    );
  }
}
