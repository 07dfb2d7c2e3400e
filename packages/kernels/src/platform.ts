/** What a platform file offers: threads that run a source text. Everything else is the same in Node and in a browser. */
export interface Platform {
  /** Processors that this process may use. */
  readonly processors: number;
  /**
   * Starts a thread that evaluates `source`, a function expression, and calls it with `data`. The thread keeps the
   * process alive only while it is held.
   */
  spawnThread(source: string, data: unknown, onCrash: (cause: unknown) => void): Thread;
}

/** A running thread. */
export interface Thread {
  /** Keeps the process alive until `release`; no effect in a browser. */
  hold(): void;
  release(): void;
  /** Ends the thread and waits until it is gone. */
  terminate(): Promise<void>;
}
