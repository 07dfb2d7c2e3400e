import { QtuneError } from "./error.ts";

/** Options of every call that may last: `signal` aborts it, the call then rejects with `cancelled`. */
export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

/** Throws `cancelled` (or the signal's own QtuneError, such as `deadline_exceeded`) when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** Returns the error that a fired signal stands for. */
export function abortError(signal: AbortSignal): QtuneError {
  const reason: unknown = signal.reason;
  if (reason instanceof QtuneError) return reason;
  if (reason instanceof Error && reason.name === "TimeoutError") return QtuneError.from(reason);
  return new QtuneError("cancelled", "the call was aborted", { cause: reason });
}

/** Settles with `promise`, or rejects as soon as the signal fires. The promise itself goes on. */
export async function raceAbort<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  throwIfAborted(signal);
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortError(signal));
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}

/** Waits `durationMs`, or rejects as soon as the signal fires. */
export async function sleep(durationMs: number, options: Abortable = {}): Promise<void> {
  throwIfAborted(options.signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, durationMs);
  });
  try {
    await raceAbort(waited, options.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets other tasks of this thread run, then checks the signal: what long synchronous work calls now and then. */
export async function yieldToOthers(signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  throwIfAborted(signal);
}
