/** Runs compiled trajectories on a backend, tile by tile; one task at a time, callers queue. */
import type { Abortable, Random } from "@qtune/base";
import type { NoisyProgram } from "@qtune/chip";
import type { Backend } from "@qtune/kernels";
import {
  type TrajectoryProgram,
  compileTrajectories,
  trajectoryRegisters,
} from "./trajectory-program.ts";

/** Shots per tile by number of qubits: part of the seeded stream, so it depends on nothing else. */
function trajectoryRows(n: number): number {
  return Math.max(4, Math.min(64, 2 ** (13 - n)));
}

/** Kernel work, in amplitudes (some milliseconds), below which waking threads gains too little. */
const parallelWork = 6_000_000;

/** A trajectory engine on one backend. */
export class TrajectoryEngine {
  readonly #backend: Backend;
  #last: Promise<unknown> = Promise.resolve();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Returns the read bits of every shot, or undefined when the program needs the shot-by-shot engine.
   *
   * Shapes: result uint32 [shots], bit j is the j-th measured bit.
   */
  sample(
    program: NoisyProgram,
    shots: number,
    random: Random,
    options: Abortable,
  ): Promise<Uint32Array> | undefined {
    const W = trajectoryRows(program.qubits);
    const compiled = compileTrajectories(program, W);
    if (compiled === undefined) return undefined;
    const key = BigInt(`0x${random.fork("trajectories").key}`);
    const words = new Uint32Array(compiled.parameters.buffer, compiled.parameters.byteOffset, 2);
    words[0] = Number(key & 0xffffffffn);
    words[1] = Number(key >> 32n);
    const mine = this.#last.then(() => this.#run(compiled, 2 ** program.qubits, W, shots, options));
    this.#last = mine.catch(() => undefined); // the caller gets the error; the queue only needs the end
    return mine;
  }

  async #run(
    compiled: TrajectoryProgram,
    amps: number,
    W: number,
    shots: number,
    options: Abortable,
  ): Promise<Uint32Array> {
    const backend = this.#backend;
    const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
    const tiles = Math.ceil(shots / W);
    const program = align(backend.firstAddress);
    const parameters = align(program + 4 * compiled.words.length);
    const outcomes = align(parameters + 8 * compiled.parameters.length);
    const scratch = align(outcomes + 4 * W * tiles);
    const scratchBytes = align(compiled.scratchBytes);
    backend.reserve(scratch + scratchBytes * backend.threads);
    backend.uint32(program, compiled.words.length).set(compiled.words);
    backend.float64(parameters, compiled.parameters.length).set(compiled.parameters);
    const base = new Uint32Array(16);
    const advance = new Uint32Array(16);
    base[trajectoryRegisters.parameters] = parameters;
    base[trajectoryRegisters.outcomes] = outcomes;
    advance[trajectoryRegisters.outcomes] = 4 * W;
    advance[trajectoryRegisters.tile] = 1;
    await backend.runTiles(
      {
        precision: "float32",
        program,
        operations: compiled.operations,
        tiles,
        base,
        advance,
        scratch,
        scratchBytes,
        parallel: compiled.operations * amps * shots > parallelWork,
      },
      options,
    );
    return backend.uint32(outcomes, shots).slice();
  }
}
