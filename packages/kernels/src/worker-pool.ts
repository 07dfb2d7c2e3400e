import { type Abortable, QtuneError, throwIfAborted, yieldToOthers } from "@qtune/base";
import type { Platform, Thread } from "./platform.ts";
import { controlWords as w, workerSource } from "./control.ts";

/** How long the calling thread works before it lets others run, and how long it spins before it sleeps. */
const sliceMs = 20;
const spinMs = 0.2;

/** Threads that help with tiles. Started on first use, ended by `close`; they never keep the process alive. */
export class WorkerPool implements AsyncDisposable {
  readonly #platform: Platform;
  readonly #module: WebAssembly.Module;
  readonly #memory: WebAssembly.Memory;
  readonly #helpers: number;
  readonly #control: Int32Array;
  #threads: Thread[] = [];
  #crash: unknown;

  constructor(
    platform: Platform,
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    helpers: number,
  ) {
    this.#platform = platform;
    this.#module = module;
    this.#memory = memory;
    this.#helpers = helpers;
    this.#control = new Int32Array(memory.buffer, 0, 64);
  }

  /**
   * Runs the job in the control block: helpers and this thread claim tiles until none is left. `runTile` does one here.
   *
   * Errors: cancelled, unavailable when a helper died; then all helpers are ended and the next run starts new ones.
   */
  async run(runTile: (tile: number) => void, options: Abortable): Promise<void> {
    this.#start();
    const control = this.#control;
    Atomics.store(control, w.nextTile, 0);
    Atomics.store(control, w.finished, 0);
    Atomics.store(control, w.stop, 0);
    Atomics.add(control, w.generation, 1);
    Atomics.notify(control, w.generation);
    for (const thread of this.#threads) thread.hold();
    try {
      await this.#claimTiles(runTile, options);
    } catch (error) {
      Atomics.store(control, w.stop, 1);
      throw error;
    } finally {
      await this.#joinHelpers();
      for (const thread of this.#threads) thread.release();
    }
    throwIfAborted(options.signal);
  }

  async #claimTiles(runTile: (tile: number) => void, options: Abortable): Promise<void> {
    const tiles = this.#control[w.tiles]!; // the block has 64 words
    let sliceEnd = performance.now() + sliceMs;
    for (;;) {
      const tile = Atomics.add(this.#control, w.nextTile, 1);
      if (tile >= tiles) return;
      runTile(tile);
      if (performance.now() > sliceEnd) {
        await yieldToOthers(options.signal);
        if (this.#crash !== undefined) return;
        sliceEnd = performance.now() + sliceMs;
      }
    }
  }

  async #joinHelpers(): Promise<void> {
    const spinEnd = performance.now() + spinMs;
    for (;;) {
      const finished = Atomics.load(this.#control, w.finished);
      if (this.#crash !== undefined) return this.#reportCrash();
      if (finished === this.#threads.length) return;
      if (performance.now() > spinEnd) await waitForChange(this.#control, w.finished, finished);
    }
  }

  #start(): void {
    while (this.#threads.length < this.#helpers) {
      const thread = this.#threads.length + 1;
      const data = { module: this.#module, memory: this.#memory, thread };
      this.#control[w.generation] = 0;
      this.#threads.push(
        this.#platform.spawnThread(workerSource, data, (cause) => this.#onCrash(cause)),
      );
    }
  }

  #onCrash(cause: unknown): void {
    this.#crash ??= cause ?? new Error("no reason given");
    Atomics.add(this.#control, w.finished, 0);
    Atomics.notify(this.#control, w.finished);
  }

  async #reportCrash(): Promise<never> {
    const cause = this.#crash;
    await this.#endThreads();
    this.#crash = undefined;
    throw new QtuneError(
      "unavailable",
      "a worker thread died while it computed; retry, the next call starts fresh threads",
      { cause },
    );
  }

  async #endThreads(): Promise<void> {
    const threads = this.#threads;
    this.#threads = [];
    Atomics.store(this.#control, w.stop, 2);
    Atomics.add(this.#control, w.generation, 1);
    Atomics.notify(this.#control, w.generation);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endThreads();
  }
}

/** Waits until a word is no longer `value`, at most 5 ms at a time so that a lost wake-up costs little. */
async function waitForChange(words: Int32Array, index: number, value: number): Promise<void> {
  if (typeof Atomics.waitAsync !== "function") {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return;
  }
  await Atomics.waitAsync(words as Int32Array<SharedArrayBuffer>, index, value, 5).value; // only pools on shared memory exist
}
