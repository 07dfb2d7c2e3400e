/** An executor that waits for one that is away: a run pauses instead of failing, and loses nothing. */
import { isQtuneError, sleep } from "@qtune/base";
import type { Executor } from "@qtune/circuit";

/** How long and how loudly to wait. */
export interface PatienceOptions {
  /** Is told why it waits, once per outage, and `undefined` when it goes on. */
  readonly onWaiting: (reason: string | undefined) => void;
  /** Ends the waiting: what is called while it fires, or waits then, rejects with its reason. Calls that are answered go on. */
  readonly signal?: AbortSignal | undefined;
  /** First pause; it doubles up to `maxDelayMs`. Default: 250. */
  readonly minDelayMs?: number;
  /** Default: 5,000. */
  readonly maxDelayMs?: number;
}

/**
 * Wraps an executor so that `unavailable` is waited out instead of thrown.
 *
 * Effect: repeats a call until it is answered or its signal fires. Calls are pure functions of values and seed, so a
 *         repeated one gives what the first would have given.
 */
export function createPatientExecutor(executor: Executor, options: PatienceOptions): Executor {
  const { onWaiting, minDelayMs = 250, maxDelayMs = 5000 } = options;
  const stops = options.signal === undefined ? [] : [options.signal];
  let waiting = 0;
  const patiently = async <T>(
    call: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> => {
    for (let delay = minDelayMs, waited = false; ; delay = Math.min(2 * delay, maxDelayMs)) {
      try {
        const result = await call();
        if (waited && --waiting === 0) onWaiting(undefined);
        return result;
      } catch (error) {
        if (!isQtuneError(error, "unavailable")) {
          if (waited && --waiting === 0) onWaiting(undefined);
          throw error;
        }
        if (!waited) {
          waited = true;
          if (waiting++ === 0) onWaiting(error.message);
        }
        await sleep(delay, {
          signal: AbortSignal.any(signal === undefined ? stops : [signal, ...stops]),
        });
      }
    }
  };
  const vjp = executor.vjp?.bind(executor);
  return {
    describe: () => patiently(() => executor.describe(), undefined),
    estimate: (batch, run) => patiently(() => executor.estimate(batch, run), run?.signal),
    run: (batch, run) => patiently(() => executor.run(batch, run), run?.signal),
    ...(vjp === undefined
      ? {}
      : {
          vjp: (batch, cotangent, run) => patiently(() => vjp(batch, cotangent, run), run?.signal),
        }),
    close: () => executor.close(),
  };
}
