/** How a program is laid out: operations of 16 words, pointers relative to a register named by their low four bits. */

export const operationBytes: usize = 64;

// @ts-ignore: decorator
@inline
export function pointer(op: usize, at: usize, registers: usize): usize {
  const word = <usize>load<u32>(op + (at << 2));
  return <usize>load<u32>(registers + ((word & 15) << 2)) + (word & ~(<usize>15));
}

// @ts-ignore: decorator
@inline
export function size(op: usize, at: usize): usize {
  return <usize>load<u32>(op + (at << 2));
}
