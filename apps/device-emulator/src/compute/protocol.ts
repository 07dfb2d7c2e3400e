/** Messages between the daemon's main thread and its workers. */
import { type ErrorCode, type Issue, QtuneError } from "@qtune/base";
import type { ChipModel } from "@qtune/chip";
import type {
  BatchGradient,
  BatchResult,
  ExecutorDescription,
  ExecutorEstimate,
  RunOptions,
} from "@qtune/circuit";
import type {
  BufferQubits,
  ChipBatchRequest,
  JobRequest,
  JobResult,
  PlannedBatch,
  PreviewRequest,
  PreviewResult,
  SharedRequest,
} from "./chip-work.ts";

/** What a worker is started with. */
export interface WorkerSetup {
  readonly chip: ChipModel;
  readonly bufferQubits: BufferQubits;
}

/** Options of a simulation that can travel to a worker. */
export type PlainRunOptions = Pick<RunOptions, "shots" | "seed" | "returns" | "precision">;

/** A simulation: a CircuitBatch message and how it is run. */
export interface SimulatorArguments {
  readonly payload: Uint8Array;
  readonly options: PlainRunOptions;
}

/** What a worker can be asked, by name: arguments and answer. */
export interface WorkerCalls {
  readonly plan: { arguments: { request: ChipBatchRequest }; answer: PlannedBatch };
  readonly planShared: {
    arguments: { batches: readonly SharedRequest[] };
    answer: readonly PlannedBatch[];
  };
  readonly job: { arguments: { request: ChipBatchRequest; job: JobRequest }; answer: JobResult };
  readonly preview: { arguments: { request: PreviewRequest }; answer: PreviewResult };
  readonly describeSimulator: { arguments: Record<string, never>; answer: ExecutorDescription };
  readonly simulate: {
    arguments: SimulatorArguments;
    answer: { result: BatchResult; B: number; K: number };
  };
  readonly estimate: { arguments: SimulatorArguments; answer: ExecutorEstimate };
  readonly pullBack: {
    arguments: SimulatorArguments & { cotangent: Uint8Array };
    answer: { gradient: BatchGradient; B: number; width: number };
  };
}

/** Name of a call. */
export type CallName = keyof WorkerCalls;

/** From the main thread: a call, the wish to stop one, or a chip with more calibrations. */
export type ToWorker =
  | {
      readonly kind: "call";
      readonly id: number;
      readonly name: CallName;
      readonly arguments: unknown;
    }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "chip"; readonly chip: ChipModel };

/** From a worker: an answer or an error. */
export type FromWorker =
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: PlainError };

/** An error as plain data, since classes do not survive the way between threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly where?: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly issues: readonly Issue[];
  readonly stack?: string | undefined;
}

/** Returns an error as plain data. */
export function toPlainError(thrown: unknown): PlainError {
  const error = QtuneError.from(thrown);
  const prefix = error.where === undefined ? "" : `${error.where}: `;
  const message = error.message.startsWith(prefix)
    ? error.message.slice(prefix.length)
    : error.message;
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return {
    code: error.code,
    message,
    where: error.where,
    details: error.details,
    issues: error.issues,
    stack,
  };
}

/** Returns the error that plain data stands for. */
export function fromPlainError({
  code,
  message,
  where,
  details,
  issues,
  stack,
}: PlainError): QtuneError {
  const cause = stack === undefined ? undefined : `in a worker: ${stack}`;
  return new QtuneError(code, message, {
    details,
    issues,
    cause,
    ...(where === undefined ? {} : { where }),
  });
}
