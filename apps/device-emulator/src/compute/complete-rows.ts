/**
 * Turns the counts of one chip job into results of the rows that it completes. A row with several measured circuits may
 * begin in one job and end in the next; what is known of it is carried over.
 */
import type { Counts, ExecutionUsage } from "@qtune/circuit";
import { circuitV1 } from "@qtune/contracts";
import { type ChipBatch, type ReadoutErrors, combineChipResults } from "@qtune/emulator";
import { float64ToBytes, rowResultsToWire } from "@qtune/rpc";
import type { ChipJob } from "@qtune/transpiler";

/** Counts of the tasks of a row that goes on in the next job; plain data that is stored as JSON. */
export type RowCarry = readonly CarriedTask[];

/** One of them. */
export interface CarriedTask {
  /** Which measured circuit of the row. */
  readonly part: number;
  /** Where it ran: index into the places of that circuit. */
  readonly place: number;
  readonly counts: readonly (readonly [string, number])[];
}

/** What one job did, and what came before it. */
export interface JobOutcome {
  readonly job: ChipJob;
  readonly counts: ReadonlyMap<number, Counts>;
  /** Tasks before this job, and in it. */
  readonly before: number;
  readonly circuits: number;
  readonly carry: RowCarry;
  /** Readout errors of a measured circuit at a place; absent: no mitigation. */
  readonly errorsAt?: ((part: number, place: number) => ReadoutErrors) | undefined;
}

/** Results of the completed rows as a RowResults message, absent when there are none, and what is carried on. */
export function completeRows(
  prepared: ChipBatch,
  outcome: JobOutcome,
): { results?: Uint8Array; carry: RowCarry } {
  const parts = prepared.measurement.measured.length;
  const firstRow = Math.floor(outcome.before / parts);
  const rows = Math.floor((outcome.before + outcome.circuits) / parts) - firstRow;
  const counts = new Array<Counts | undefined>(rows * parts);
  const errors = new Array<ReadoutErrors>(rows * parts).fill(new Map());
  const carry: CarriedTask[] = [];
  const put = (task: number, place: number, value: Counts): void => {
    const at = task - firstRow * parts;
    if (at >= rows * parts) {
      carry.push({ part: at - rows * parts, place, counts: [...value] });
      return;
    }
    counts[at] = value;
    if (outcome.errorsAt !== undefined) errors[at] = outcome.errorsAt(at % parts, place);
  };
  for (const { part, place, counts: value } of outcome.carry)
    put(firstRow * parts + part, place, new Map(value));
  for (const { items } of outcome.job.executions) {
    for (const { item, place } of items) put(item, place, outcome.counts.get(item) ?? new Map());
  }
  if (rows === 0) return { carry };
  const completed = { ...prepared, batch: { ...prepared.batch, B: rows } };
  const result = combineChipResults(
    completed,
    counts,
    noUsage,
    outcome.errorsAt === undefined ? undefined : errors,
  );
  const raw = rowResultsToWire(result, prepared.batch.observables.length, 0, rows);
  const { mitigated } = result;
  const message = {
    ...raw,
    firstRow,
    ...(mitigated === undefined
      ? {}
      : {
          mitigatedExpectations: float64ToBytes(mitigated.expectations),
          mitigatedStandardErrors: float64ToBytes(mitigated.standardErrors),
        }),
  };
  return { results: circuitV1.RowResults.encode(message).finish(), carry };
}

/** The usage of a batch is counted by the engine, not per job. */
const noUsage: ExecutionUsage = {
  circuits: 0,
  shots: 0,
  chipSeconds: 0,
  chipJobs: 0,
  parallelMax: 0,
  parallelMean: 0,
};
