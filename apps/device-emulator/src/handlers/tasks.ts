/** Single tasks, read from what the store holds of their batch. */
import { circuitV1, deviceV1 } from "@qtune/contracts";
import { messageLimits } from "@qtune/rpc";
import type { StoredBatch, TaskStore } from "../store/task-store.ts";

const { TaskState } = deviceV1;

/** What a page of tasks asks for. */
export interface TaskPage {
  readonly first: number;
  readonly size: number;
  readonly includeResults: boolean;
}

/** Returns one task, with its result where it has one and that is asked for. */
export function taskOf(
  store: TaskStore,
  batch: StoredBatch,
  row: number,
  includeResults: boolean,
): deviceV1.Task {
  const ended = store.endedRows(batch.id).get(row);
  if (ended !== undefined) return ended;
  const results = store.rowResults(batch.id, row);
  const name = `${batch.message.name}/tasks/${row}`;
  const task = deviceV1.Task.fromPartial({ name, row, ...placeOf(store, batch, row) });
  if (results === undefined)
    return { ...task, state: waitingState(batch), failure: batch.message.failure };
  return {
    ...task,
    state: TaskState.TASK_STATE_SUCCEEDED,
    result: includeResults ? sliceResults(results, row, 1) : undefined,
  };
}

/** Returns a page of tasks; it is cut short where its results would exceed one stream chunk. */
export function tasksFrom(
  store: TaskStore,
  batch: StoredBatch,
  page: TaskPage,
): deviceV1.ListTasksResponse {
  const tasks: deviceV1.Task[] = [];
  const end = Math.min(batch.message.tasks, page.first + page.size);
  let bytes = 0;
  let row = page.first;
  for (; row < end && bytes < messageLimits.maxChunkBytes; row++) {
    const task = taskOf(store, batch, row, page.includeResults);
    bytes += page.includeResults ? deviceV1.Task.encode(task).finish().length : 0;
    tasks.push(task);
  }
  return { tasks, nextPageToken: row < batch.message.tasks ? String(row) : "" };
}

/** A task without a result shares the state of its batch, but a batch that runs has tasks that wait. */
function waitingState({ message }: StoredBatch): deviceV1.TaskState {
  return message.state === TaskState.TASK_STATE_RUNNING
    ? TaskState.TASK_STATE_LOADING
    : message.state;
}

function placeOf(
  store: TaskStore,
  batch: StoredBatch,
  row: number,
): Pick<deviceV1.Task, "region" | "chipJob"> {
  const planned = store.plan(batch.id);
  if (planned === undefined) return { region: undefined, chipJob: undefined };
  const { plan } = planned;
  const first = row * plan.places.length; // the first chip task of the row; bases follow it
  let before = 0;
  for (const [job, { circuits, executions }] of plan.jobs.entries()) {
    if (first < before + circuits) {
      const item = executions.flatMap(({ items }) => items).find((each) => each.item === first);
      const place = item === undefined ? undefined : plan.places[0]?.[item.place];
      const qubits = [...(place?.layout ?? place?.qubits ?? [])];
      return {
        chipJob: job,
        region:
          place === undefined
            ? undefined
            : { qubits, predictedFidelity: item?.predictedFidelity ?? place.predictedFidelity },
      };
    }
    before += circuits;
  }
  return { region: undefined, chipJob: undefined };
}

/** Returns rows `first … first + rows − 1` out of results that hold them. */
export function sliceResults(
  results: circuitV1.RowResults,
  first: number,
  rows: number,
): circuitV1.RowResults {
  const at = first - results.firstRow;
  const sliceMatrix = (bytes: Buffer): Buffer => {
    const width = bytes.length / results.rows;
    return bytes.subarray(at * width, (at + rows) * width);
  };
  return {
    firstRow: first,
    rows,
    expectations: sliceMatrix(results.expectations),
    standardErrors: sliceMatrix(results.standardErrors),
    mitigatedExpectations: sliceMatrix(results.mitigatedExpectations),
    mitigatedStandardErrors: sliceMatrix(results.mitigatedStandardErrors),
    counts: results.counts.slice(at, at + rows),
    probabilities: results.probabilities.slice(at, at + rows),
  };
}

/** Yields results without the rows that ended in another way, in parts under 1 MiB. */
export function* resultParts(
  results: circuitV1.RowResults,
  ended: ReadonlySet<number>,
): Generator<circuitV1.RowResults> {
  const end = results.firstRow + results.rows;
  for (let row = results.firstRow; row < end;) {
    if (ended.has(row)) {
      row++;
      continue;
    }
    let next = row + 1;
    while (next < end && !ended.has(next)) next++;
    yield* smallParts(sliceResults(results, row, next - row));
    row = next;
  }
}

function* smallParts(results: circuitV1.RowResults): Generator<circuitV1.RowResults> {
  const size = circuitV1.RowResults.encode(results).finish().length;
  if (size <= messageLimits.maxChunkBytes || results.rows === 1) return yield results;
  const half = Math.floor(results.rows / 2);
  yield* smallParts(sliceResults(results, results.firstRow, half));
  yield* smallParts(sliceResults(results, results.firstRow + half, results.rows - half));
}
