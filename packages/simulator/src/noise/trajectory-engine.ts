/**
 * Runs compiled trajectories on a backend. Tasks that wait for the backend together and have one structure run as one job,
 * so that threads are woken once and share tiles of many tasks; what a task gives does not depend on its company.
 */
import { type Abortable, type Random, abortError } from "@qtune/base";
import type { NoisyProgram } from "@qtune/chip";
import type { Backend } from "@qtune/kernels";
import {
  type TrajectoryStructure,
  compileTrajectories,
  trajectoryRegisters,
} from "./trajectory-program.ts";

/** Shots per tile by number of qubits: part of the seeded stream, so it depends on nothing else. */
function trajectoryRows(n: number): number {
  return Math.max(4, Math.min(128, 2 ** (13 - n)));
}

/** Kernel work, in amplitudes (some milliseconds), below which waking threads gains too little. */
const parallelWork = 6_000_000;

/** Most bytes of parameters and outcomes of one job, and most tasks. */
const jobBytes = 2 ** 24;
const jobTasks = 256;

/** A task that waits for the backend. */
interface WaitingTask {
  readonly structure: TrajectoryStructure;
  readonly parameters: Float64Array;
  readonly amps: number;
  readonly shots: number;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (read: Uint32Array) => void;
  readonly reject: (error: unknown) => void;
}

/** A trajectory engine on one backend. */
export class TrajectoryEngine {
  readonly #backend: Backend;
  #waiting: WaitingTask[] = [];
  #isRunning = false;

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
    const bound = compileTrajectories(program, trajectoryRows(program.qubits));
    if (bound === undefined) return undefined;
    const { structure, parameters } = bound;
    const key = BigInt(`0x${random.fork("trajectories").key}`);
    const words = new Uint32Array(parameters.buffer, parameters.byteOffset, 2);
    words[0] = Number(key & 0xffffffffn);
    words[1] = Number(key >> 32n);
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const amps = 2 ** program.qubits;
      this.#waiting.push({ structure, parameters, amps, shots, signal, resolve, reject });
      if (!this.#isRunning) {
        this.#isRunning = true;
        // Tasks that the caller starts in the same turn are still to come.
        queueMicrotask(() => void this.#runAll());
      }
    });
  }

  async #runAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const tasks = this.#takeJob();
      try {
        await this.#run(tasks);
      } catch (error) {
        for (const task of tasks) task.reject(error);
      }
    }
    this.#isRunning = false;
  }

  /** Takes the first task and those behind it that are like it. */
  #takeJob(): readonly WaitingTask[] {
    const first = this.#waiting[0]!; // there is one
    const bytes = 8 * first.parameters.length + 4 * first.shots;
    const most = Math.max(1, Math.min(jobTasks, Math.floor(jobBytes / bytes)));
    const tasks: WaitingTask[] = [];
    const left: WaitingTask[] = [];
    for (const task of this.#waiting)
      (tasks.length < most && isAlike(first, task) ? tasks : left).push(task);
    this.#waiting = left;
    return tasks;
  }

  async #run(tasks: readonly WaitingTask[]): Promise<void> {
    const { structure, amps, shots } = tasks[0]!; // at least one
    const backend = this.#backend;
    const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
    const tiles = Math.ceil(shots / structure.W);
    const program = align(backend.firstAddress);
    const parameterBytes = align(8 * structure.parameterCount);
    const outcomeBytes = 4 * structure.W * tiles;
    const constants = align(program + 4 * structure.words.length);
    const parameters = align(constants + 8 * structure.constants.length);
    const outcomes = align(parameters + parameterBytes * tasks.length);
    const scratch = align(outcomes + outcomeBytes * tasks.length);
    const scratchBytes = align(structure.scratchBytes);
    backend.reserve(scratch + scratchBytes * backend.threads);
    backend.uint32(program, structure.words.length).set(structure.words);
    backend.float64(constants, structure.constants.length).set(structure.constants);
    for (const [index, task] of tasks.entries())
      backend
        .float64(parameters + parameterBytes * index, task.parameters.length)
        .set(task.parameters);
    const base = new Uint32Array(16);
    const advance = new Uint32Array(16);
    const groupAdvance = new Uint32Array(16);
    base[trajectoryRegisters.constants] = constants;
    base[trajectoryRegisters.parameters] = parameters;
    groupAdvance[trajectoryRegisters.parameters] = parameterBytes;
    base[trajectoryRegisters.outcomes] = outcomes;
    advance[trajectoryRegisters.outcomes] = 4 * structure.W;
    groupAdvance[trajectoryRegisters.outcomes] = outcomeBytes;
    advance[trajectoryRegisters.tile] = 1;
    using abort = watchSignals(tasks);
    await backend.runTiles(
      {
        precision: "float32",
        program,
        operations: structure.operations,
        tiles: tiles * tasks.length,
        groupTiles: tiles,
        base,
        advance,
        groupAdvance,
        scratch,
        scratchBytes,
        parallel: structure.operations * amps * shots * tasks.length > parallelWork,
      },
      { signal: abort.signal },
    );
    for (const [index, task] of tasks.entries())
      task.resolve(backend.uint32(outcomes + outcomeBytes * index, shots).slice());
  }
}

function isAlike(first: WaitingTask, other: WaitingTask): boolean {
  return other.structure === first.structure && other.shots === first.shots;
}

/** Rejects a task when its own signal fires; its signal fires when all tasks have been given up. */
function watchSignals(
  tasks: readonly WaitingTask[],
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  let left = tasks.length;
  const stops = tasks.map(({ signal, reject }) => {
    const onAbort = (): void => {
      if (signal !== undefined) reject(abortError(signal));
      left -= 1;
      if (left === 0) controller.abort(signal?.reason);
    };
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    return () => signal?.removeEventListener("abort", onAbort);
  });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const stop of stops) stop();
    },
  };
}
