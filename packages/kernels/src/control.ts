/**
 * The control block at the start of a shared memory, int32 words that threads read and write with atomic operations,
 * and the source text of a worker. A worker sleeps until the generation changes, then claims tiles one by one until
 * none is left. The text is JavaScript in a string because bundles must not need a second file.
 */

/** Position of each word of the control block. */
export const controlWords = {
  generation: 0,
  nextTile: 1,
  finished: 2,
  stop: 3,
  tiles: 4,
  precision: 5,
  program: 6,
  operations: 7,
  scratch: 8,
  scratchBytes: 9,
  groupTiles: 10,
  base: 16,
  advance: 32,
  groupAdvance: 48,
} as const;

/** Bytes of the block: the words, then one set of registers per thread. */
export const controlBytes = 4096;
/** Address of the registers of a thread, 64 bytes each. */
export function registerAddress(thread: number): number {
  return 1024 + 64 * thread;
}
/** Most threads that the block has registers for. */
export const maxThreads = 32;

/** A function expression that a thread calls with { module, memory, thread }. */
export const workerSource = `({ module, memory, thread }) => {
  const w = ${JSON.stringify(controlWords)};
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const control = new Int32Array(memory.buffer, 0, ${controlBytes / 4});
  const unsigned = new Uint32Array(memory.buffer, 0, ${controlBytes / 4});
  const registers = 1024 + 64 * thread;
  let seen = 0;
  for (;;) {
    Atomics.wait(control, w.generation, seen);
    seen = Atomics.load(control, w.generation);
    if (Atomics.load(control, w.stop) === 2) return;
    const run = control[w.precision] === 4 ? instance.exports.runFloat32 : instance.exports.runFloat64;
    const tiles = control[w.tiles];
    const groupTiles = control[w.groupTiles];
    for (;;) {
      if (Atomics.load(control, w.stop) !== 0) break;
      const tile = Atomics.add(control, w.nextTile, 1);
      if (tile >= tiles) break;
      const within = tile % groupTiles;
      const group = (tile - within) / groupTiles;
      for (let i = 0; i < 16; i++)
        unsigned[registers / 4 + i] = unsigned[w.base + i] + within * unsigned[w.advance + i] + group * unsigned[w.groupAdvance + i];
      unsigned[registers / 4 + 1] = unsigned[w.scratch] + thread * unsigned[w.scratchBytes];
      run(unsigned[w.program], unsigned[w.operations], registers);
    }
    Atomics.add(control, w.finished, 1);
    Atomics.notify(control, w.finished);
  }
}`;
