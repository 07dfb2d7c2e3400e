/**
 * The events of a batch, from a cursor on, until its final state. Stored events have cursors of their own; the place in
 * the queue is sent in between under the cursor before it, and is not stored.
 */
import { QtuneError, isQtuneError } from "@qtune/base";
import type { deviceV1 } from "@qtune/contracts";
import { isFinalTaskState } from "@qtune/rpc";
import type { StoredBatch, StoredEvent, TaskStore } from "../store/task-store.ts";
import type { DevicePorts } from "./ports.ts";
import { resultParts } from "./tasks.ts";

/** Events that are read from the store at a time. */
const eventsPerRead = 100;
/** The place in the queue is sent at most this often. */
const positionEveryMs = 500;

type Event = NonNullable<deviceV1.WatchTasksResponse["event"]>;

/** Yields the events of a batch after the cursor of the request. */
export async function* watchTasks(
  ports: DevicePorts,
  { id, message }: StoredBatch,
  request: deviceV1.WatchTasksRequest,
  signal: AbortSignal,
): AsyncGenerator<deviceV1.WatchTasksResponse> {
  let sequence = parseCursor(request.cursor);
  let positionAtMs = 0;
  for (;;) {
    const changed = ports.engine.waitForChange(id, signal);
    changed.catch(() => undefined); // its end is awaited below, or nobody waits for it any more
    const events = ports.store.eventsAfter(id, sequence, eventsPerRead);
    for (const event of events) {
      sequence = event.sequence;
      for (const each of toWire(ports.store, id, event, request.includeResults)) {
        yield { cursor: String(sequence), eventTime: new Date(event.timeMs), event: each };
      }
      if (event.kind === "batch" && isFinalTaskState(event.message.state)) return;
    }
    if (events.length === eventsPerRead) continue;
    const batch = ports.store.find(id);
    if (batch === undefined)
      throw new QtuneError("not_found", "the batch was deleted", { where: message.name });
    if (
      isFinalTaskState(batch.message.state) &&
      ports.store.eventsAfter(id, sequence, 1).length === 0
    ) {
      yield {
        cursor: String(sequence),
        eventTime: batch.message.endTime,
        event: { $case: "taskBatch", value: batch.message },
      };
      return;
    }
    const position = ports.engine.position(id);
    if (position !== undefined && ports.now() - positionAtMs >= positionEveryMs) {
      positionAtMs = ports.now();
      const value = { ...batch.message, position };
      yield {
        cursor: String(sequence),
        eventTime: new Date(positionAtMs),
        event: { $case: "taskBatch", value },
      };
    }
    await untilChange(changed);
  }
}

/** A stop of the daemon reaches watchers as unavailable: they come back by cursor. */
async function untilChange(changed: Promise<void>): Promise<void> {
  try {
    await changed;
  } catch (error) {
    throw isQtuneError(error) ? error : QtuneError.from(error);
  }
}

function* toWire(
  store: TaskStore,
  id: string,
  event: StoredEvent,
  includeResults: boolean,
): Generator<Event> {
  switch (event.kind) {
    case "batch":
      yield { $case: "taskBatch", value: event.message };
      break;
    case "task":
      yield { $case: "task", value: event.message };
      break;
    case "results": {
      const results = includeResults ? store.jobResults(id, event.job) : undefined;
      if (results === undefined) return;
      const ended = new Set(store.endedRows(id).keys());
      for (const value of resultParts(results, ended)) yield { $case: "results", value };
      break;
    }
    default:
      event satisfies never;
  }
}

function parseCursor(cursor: string): number {
  if (cursor === "") return 0;
  if (!/^\d{1,15}$/.test(cursor)) {
    throw QtuneError.fromIssues([
      {
        where: "cursor",
        expected: "the cursor of a response",
        given: JSON.stringify(cursor.slice(0, 40)),
      },
    ]);
  }
  return Number(cursor);
}
