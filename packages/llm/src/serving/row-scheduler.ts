/**
 * Many callers, one generator: rows wait in a bounded queue, join the rows under way as soon as there is room, and are taken
 * from the callers in turn, so that a caller with a hundred prompts does not keep one with a single prompt waiting.
 */
import { QtuneError, abortError, type Abortable } from "@qtune/base";
import type { ModelConfig } from "../config/model-config.ts";
import type { Generator, QueuedRow } from "../generation/generator.ts";
import { assertRow, type Generation, type RowRequest } from "../generation/row.ts";

/** Options of a scheduler. */
export interface RowSchedulerOptions {
  /** Texts that advance together. Default 16. */
  readonly maxRows?: number | undefined;
  /** Texts that may wait, those of all callers together. Default 256. */
  readonly maxWaitingRows?: number | undefined;
  /** Most tokens of a text, prompt and answer. Default: the model's context, which is the most in any case. */
  readonly longest?: number | undefined;
}

/** How busy a scheduler is. */
export interface SchedulerLoad {
  readonly waitingRows: number;
  readonly activeRows: number;
}

/** Shares one generator among callers. */
export interface RowScheduler {
  readonly config: ModelConfig;
  readonly load: SchedulerLoad;
  /**
   * Continues the rows of one caller. Results come in the order of the rows.
   *
   * Errors: resource_exhausted when the queue is full; invalid_argument and out_of_range for a row that cannot be continued,
   *         before anything runs; cancelled on abort.
   */
  run(rows: readonly RowRequest[], options?: Abortable): Promise<readonly Generation[]>;
  /** Ends what runs, with `unavailable`. The generator stays open. */
  close(): Promise<void>;
}

/** One caller's rows. */
interface Submission {
  readonly waiting: QueuedRow[];
  /** Whether one of them has joined. */
  isUnderWay: boolean;
  readonly fail: (error: unknown) => void;
}

/** Creates the scheduler of a generator, which then belongs to it alone. */
export function createRowScheduler(
  generator: Generator,
  { maxRows = 16, maxWaitingRows = 256, longest = Infinity }: RowSchedulerOptions = {},
): RowScheduler {
  const maxPositions = Math.min(longest, generator.config.maxPositions);
  const config: ModelConfig = { ...generator.config, maxPositions };
  const queue: Submission[] = [];
  const open = new Set<Submission>();
  const closing = new AbortController();
  let activeRows = 0;
  let pumping: Promise<void> | undefined;

  const waitingRows = (): number => queue.reduce((sum, { waiting }) => sum + waiting.length, 0);

  /** Takes one row of each caller in turn. */
  const take = (room: number): readonly QueuedRow[] => {
    const taken: QueuedRow[] = [];
    while (taken.length < room) {
      const submission = queue.shift();
      if (submission === undefined) break;
      const row = submission.waiting.shift();
      if (row !== undefined) taken.push(row);
      submission.isUnderWay = true;
      if (submission.waiting.length > 0) queue.push(submission);
    }
    activeRows += taken.length;
    return taken;
  };
  const pump = async (): Promise<void> => {
    while (queue.length > 0) {
      try {
        await generator.serveRows({ take }, { maxRows, signal: closing.signal });
      } catch (error) {
        // Nobody can say which row it was: all that are under way fail, those that wait go on.
        for (const submission of open) {
          if (submission.isUnderWay || closing.signal.aborted) submission.fail(error);
        }
      } finally {
        activeRows = 0;
      }
    }
    // In one go with the check above: whoever comes later starts anew.
    pumping = undefined;
  };
  const start = (): void => {
    pumping ??= pump();
  };
  const assertRoom = (count: number): void => {
    if (closing.signal.aborted)
      throw new QtuneError("unavailable", "the model is being closed", { where: "model" });
    if (waitingRows() + count <= maxWaitingRows) return;
    const given = `${waitingRows()} wait and ${count} more were asked for`;
    throw new QtuneError(
      count > maxWaitingRows ? "out_of_range" : "resource_exhausted",
      `expected at most ${maxWaitingRows} texts in the queue but ${given}; ${count > maxWaitingRows ? "send fewer at a time" : "try again later"}`,
      { where: "queue" },
    );
  };

  return {
    config,
    get load() {
      return { waitingRows: waitingRows(), activeRows };
    },
    async run(rows, { signal } = {}) {
      rows.forEach((row, index) => assertRow(row, config, `prompt[${index}]`));
      assertRoom(rows.length);
      if (signal?.aborted === true) throw abortError(signal);
      const results = new Array<Generation>(rows.length);
      let left = rows.length;
      return await new Promise<readonly Generation[]>((resolve, reject) => {
        const finish = (settle: () => void): void => {
          signal?.removeEventListener("abort", onAbort);
          open.delete(submission);
          const place = queue.indexOf(submission);
          if (place >= 0) queue.splice(place, 1);
          settle();
        };
        const onAbort = (): void => {
          if (signal !== undefined) finish(() => reject(abortError(signal)));
        };
        const submission: Submission = {
          isUnderWay: false,
          waiting: rows.map((request, index) => ({
            request: { ...request, signal },
            onDone: (generation) => {
              activeRows--;
              results[index] = generation;
              left--;
              if (left === 0) finish(() => resolve(results));
            },
          })),
          fail: (error) =>
            finish(() => reject(error instanceof Error ? error : new Error(String(error)))),
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        open.add(submission);
        queue.push(submission);
        start();
      });
    },
    async close() {
      closing.abort(new QtuneError("unavailable", "the model is being closed", { where: "model" }));
      await pumping;
    },
  };
}
