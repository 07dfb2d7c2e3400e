import { type Abortable, QtuneError, isQtuneError, sleep, throwIfAborted } from "@qtune/base";

/** A stream of events that can be picked up by cursor. */
export interface ResumableStream<T extends { readonly cursor: string }> extends Abortable {
  /** What is watched, for error messages. */
  readonly name: string;
  /** Where to begin. Absent: from the start. */
  readonly cursor?: string | undefined;
  open(cursor: string): AsyncIterable<T>;
  isFinal(event: T): boolean;
}

/** Attempts that bring nothing new before a watcher gives up: about ten seconds with the waits between them. */
const maxSilentAttempts = 12;

/**
 * Yields the events of a stream up to the final one, opening it again at the last cursor whenever it breaks.
 *
 * Errors: unavailable when nothing came for about ten seconds of attempts; anything else at once.
 */
export async function* resumeStream<T extends { readonly cursor: string }>(
  stream: ResumableStream<T>,
): AsyncGenerator<T> {
  let cursor = stream.cursor ?? "";
  for (let silent = 0; ;) {
    try {
      for await (const event of stream.open(cursor)) {
        cursor = event.cursor;
        silent = 0;
        yield event;
        if (stream.isFinal(event)) return;
      }
      throw new QtuneError("unavailable", "the stream ended before what it reports on", {
        where: stream.name,
      });
    } catch (error) {
      throwIfAborted(stream.signal);
      if (!isQtuneError(error, "unavailable") || ++silent >= maxSilentAttempts) throw error;
      await sleep(Math.min(1000, 50 * 2 ** silent), { signal: stream.signal });
    }
  }
}
