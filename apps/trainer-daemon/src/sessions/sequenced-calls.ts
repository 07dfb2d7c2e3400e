/**
 * Calls that change something, applied in the order of their numbers whatever order they arrive in, each exactly once.
 *
 * A number that was applied returns its stored answer. A call that is refused leaves its number open, so that a corrected call can
 * take it; a call that was started runs to its end even when its caller has gone, and its answer waits for the retry.
 */
import { QtuneError, raceAbort } from "@qtune/base";

/** Applied calls whose answers are kept. */
const keptAnswers = 256;
/** How far ahead of the next number a call may wait. */
const furthestAhead = 64n;

/** The numbered calls of one session. */
export interface SequencedCalls {
  /** Number that is applied next. */
  readonly next: bigint;
  /**
   * Applies a call when its turn comes, or returns the answer that it got.
   *
   * Range:  `body` identifies what is asked for: the same number with another body is refused.
   * Errors: already_exists, resource_exhausted far ahead of the next number, failed_precondition when the answer is no longer kept,
   *         cancelled when the caller goes before its turn; what `apply` throws.
   */
  run<T>(sequence: bigint, body: string, apply: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Refuses all calls that wait. */
  close(reason: QtuneError): void;
}

interface Waiting {
  readonly body: string;
  readonly start: () => Promise<unknown>;
  readonly answer: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Callers that wait for the answer. */
  callers: number;
}

/** Creates the calls of a new session; the first number is 0. */
export function createSequencedCalls(): SequencedCalls {
  let next = 0n;
  let running = false;
  let closed: QtuneError | undefined;
  const waiting = new Map<bigint, Waiting>();
  const answers = new Map<bigint, { readonly body: string; readonly value: unknown }>();

  const pump = async (): Promise<void> => {
    if (running) return;
    running = true;
    try {
      for (let call = waiting.get(next); call !== undefined; call = waiting.get(next)) {
        try {
          const value = await call.start();
          answers.set(next, { body: call.body, value });
          answers.delete(next - BigInt(keptAnswers));
          waiting.delete(next);
          next += 1n;
          call.resolve(value);
        } catch (error) {
          waiting.delete(next);
          call.reject(error);
        }
      }
    } finally {
      running = false;
    }
  };

  const assertSame = (known: string, body: string, sequence: bigint): void => {
    if (known === body) return;
    throw new QtuneError(
      "already_exists",
      `number ${sequence} belongs to another call; the next free one is ${next}`,
      { where: "sequence" },
    );
  };

  return {
    get next() {
      return next;
    },
    async run<T>(sequence: bigint, body: string, apply: () => Promise<T>, signal: AbortSignal) {
      if (closed !== undefined) throw closed;
      const answer = answers.get(sequence);
      if (answer !== undefined) {
        assertSame(answer.body, body, sequence);
        return answer.value as T; // the same body had the same kind of answer
      }
      if (sequence < next) {
        throw new QtuneError(
          "failed_precondition",
          `number ${sequence} was applied and its answer is no longer kept; the next is ${next}`,
          { where: "sequence" },
        );
      }
      if (sequence > next + furthestAhead) {
        throw new QtuneError(
          "resource_exhausted",
          `expected a number of at most ${next + furthestAhead} but was given ${sequence}; the next is ${next}`,
          { where: "sequence" },
        );
      }
      const known = waiting.get(sequence);
      if (known !== undefined) assertSame(known.body, body, sequence);
      const call = known ?? createWaiting(body, apply);
      call.callers += 1;
      waiting.set(sequence, call);
      void pump();
      try {
        return (await raceAbort(call.answer, signal)) as T; // apply's own value
      } finally {
        call.callers -= 1;
        // A call that has started ends, and keeps its answer.
        if (call.callers === 0 && sequence > next && waiting.get(sequence) === call)
          waiting.delete(sequence);
      }
    },
    close(reason) {
      closed = reason;
      for (const call of waiting.values()) call.reject(reason);
      waiting.clear();
    },
  };
}

function createWaiting(body: string, start: () => Promise<unknown>): Waiting {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  promise.catch(() => {}); // every caller awaits it
  return { body, start, answer: promise, resolve, reject, callers: 0 };
}
