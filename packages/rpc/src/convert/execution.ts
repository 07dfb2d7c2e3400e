/** Batches, options, results, estimates and descriptions to messages and back. */
import type {
  BatchResult,
  Circuit,
  CircuitBatch,
  Counts,
  ExecutionUsage,
  ExecutorDescription,
  ExecutorEstimate,
  RunOptions,
} from "@qtune/circuit";
import { parameterNames } from "@qtune/circuit";
import { QtuneError, assertFinite } from "@qtune/base";
import { circuitV1 } from "@qtune/contracts";
import { float64FromBytes, float64ToBytes, rowSlice } from "../bytes.ts";
import { circuitFromWire, circuitToWire, observableFromWire, observableToWire } from "./circuit.ts";

/** Returns the message of a batch; its values share memory with the batch. */
export function batchToWire(batch: CircuitBatch): circuitV1.CircuitBatch {
  return {
    structure: { form: { $case: "circuit", value: circuitToWire(batch.circuit) } },
    sharedValues: float64ToBytes(batch.shared),
    rowValues: float64ToBytes(batch.rows),
    rows: batch.B,
    observables: batch.observables.map(observableToWire),
  };
}

/** Returns the circuit of a text; the caller chooses the parser and its include rules. */
export type TextParser = (text: circuitV1.CircuitText) => Circuit;

/** Returns the circuit of a structure. Errors: invalid_argument when neither form is set. */
export function structureFromWire(
  structure: circuitV1.CircuitStructure | undefined,
  parseText: TextParser,
  where = "structure",
): Circuit {
  const form = structure?.form;
  if (form === undefined)
    throw QtuneError.fromIssues([{ where, expected: "a circuit or a text", given: "neither" }]);
  return form.$case === "circuit"
    ? circuitFromWire(form.value, `${where}.circuit`)
    : parseText(form.value);
}

/**
 * Returns the batch of a message.
 *
 * Errors: invalid_argument for a malformed structure, a wrong number of values, or one that is not finite.
 */
export function batchFromWire(
  message: circuitV1.CircuitBatch | undefined,
  parseText: TextParser,
  where = "batch",
): CircuitBatch {
  if (message === undefined)
    throw QtuneError.fromIssues([{ where, expected: "a batch", given: "none" }]);
  const circuit = structureFromWire(message.structure, parseText, `${where}.structure`);
  const B = message.rows;
  if (B < 1)
    throw QtuneError.fromIssues([
      { where: `${where}.rows`, expected: "at least 1", given: String(B) },
    ]);
  const shared = readValues(
    message.sharedValues,
    parameterNames(circuit, "shared").length,
    `${where}.shared_values`,
  );
  const rows = readValues(
    message.rowValues,
    B * parameterNames(circuit, "row").length,
    `${where}.row_values`,
  );
  const observables = message.observables.map((each, i) =>
    observableFromWire(each, `${where}.observables[${i}]`),
  );
  return { circuit, shared, rows, B, observables };
}

function readValues(bytes: Uint8Array, count: number, where: string): Float64Array {
  const values = float64FromBytes(bytes, count, where);
  assertFinite(values, where);
  return values;
}

const precisionToWire = {
  float32: circuitV1.Precision.PRECISION_FLOAT32,
  float64: circuitV1.Precision.PRECISION_FLOAT64,
} as const;

const returnToWire = {
  counts: circuitV1.ReturnKind.RETURN_KIND_COUNTS,
  probabilities: circuitV1.ReturnKind.RETURN_KIND_PROBABILITIES,
} as const;

/** Returns the message of run options; request id and signal travel elsewhere. */
export function runOptionsToWire(options: RunOptions): circuitV1.RunOptions {
  return {
    shots: options.shots,
    seed: options.seed,
    returns: (options.returns ?? []).map((kind) => returnToWire[kind]),
    precision: options.precision === undefined ? 0 : precisionToWire[options.precision],
  };
}

/** Returns the run options of a message. Errors: invalid_argument for an unknown kind or precision. */
export function runOptionsFromWire(
  message: circuitV1.RunOptions | undefined,
  where = "options",
): RunOptions {
  if (message === undefined) return {};
  return {
    shots: message.shots,
    seed: message.seed,
    returns: message.returns.map((kind, i) => keyOf(returnToWire, kind, `${where}.returns[${i}]`)),
    ...(message.precision === 0
      ? {}
      : { precision: keyOf(precisionToWire, message.precision, `${where}.precision`) }),
  };
}

function keyOf<K extends string>(
  table: Readonly<Record<K, number>>,
  value: number,
  where: string,
): K {
  for (const [key, row] of Object.entries<number>(table)) if (row === value) return key as K; // a key of the table
  throw QtuneError.fromIssues([
    { where, expected: Object.keys(table).join(" or "), given: String(value) },
  ]);
}

/** Returns rows `first … first + rows − 1` of a result as a message; K observables. */
export function rowResultsToWire(
  result: BatchResult,
  K: number,
  first: number,
  rows: number,
): circuitV1.RowResults {
  return {
    firstRow: first,
    rows,
    expectations: float64ToBytes(rowSlice(result.expectations, K, first, rows)),
    standardErrors: float64ToBytes(rowSlice(result.standardErrors, K, first, rows)),
    mitigatedExpectations: Buffer.alloc(0),
    mitigatedStandardErrors: Buffer.alloc(0),
    counts: (result.counts ?? [])
      .slice(first, first + rows)
      .map((counts) => ({ counts: new Map(counts) })),
    probabilities: (result.probabilities ?? [])
      .slice(first, first + rows)
      .map((row) => ({ probabilities: new Map(row) })),
  };
}

/** Gathers the rows of a batch that arrive in parts, in any order. */
export interface ResultCollector {
  /** Adds a part; a part that came before is written over by the same values. Errors: internal for a malformed part. */
  add(part: circuitV1.RowResults): void;
  /** Rows that are there. */
  readonly received: number;
  /** Returns the whole. Errors: data_loss when rows are missing. */
  finish(usage: ExecutionUsage): BatchResult;
}

/** What a collector keeps. */
export interface CollectOptions {
  readonly returns?: RunOptions["returns"];
  /** Expectation values as measured, or after readout mitigation where that was asked for. Default `raw`. */
  readonly report?: "raw" | "mitigated" | undefined;
}

/** Creates a collector for B rows of K observables. */
export function createResultCollector(
  B: number,
  K: number,
  { returns = [], report = "raw" }: CollectOptions = {},
): ResultCollector {
  const expectations = new Float64Array(B * K);
  const standardErrors = new Float64Array(B * K);
  const counts: Counts[] = [];
  const probabilities: ReadonlyMap<string, number>[] = [];
  const seen = new Uint8Array(B);
  let received = 0;
  return {
    get received() {
      return received;
    },
    add: (part) => {
      const { firstRow, rows } = part;
      if (firstRow + rows > B)
        throw new QtuneError(
          "data_loss",
          `expected at most ${B} rows but was given row ${firstRow + rows}`,
        );
      const { means, errors } =
        report === "raw"
          ? { means: part.expectations, errors: part.standardErrors }
          : { means: part.mitigatedExpectations, errors: part.mitigatedStandardErrors };
      expectations.set(float64FromBytes(means, rows * K, "results.expectations"), firstRow * K);
      standardErrors.set(
        float64FromBytes(errors, rows * K, "results.standard_errors"),
        firstRow * K,
      );
      part.counts.forEach((row, i) => (counts[firstRow + i] = row.counts));
      part.probabilities.forEach((row, i) => (probabilities[firstRow + i] = row.probabilities));
      for (let row = firstRow; row < firstRow + rows; row++) {
        if (seen[row] === 0) received++;
        seen[row] = 1;
      }
    },
    finish: (usage) => {
      if (received !== B)
        throw new QtuneError("data_loss", `expected ${B} rows but only ${received} came`, {
          where: "results",
        });
      return {
        expectations,
        standardErrors,
        ...(returns.includes("counts") ? { counts } : {}),
        ...(returns.includes("probabilities") ? { probabilities } : {}),
        usage,
      };
    },
  };
}

/** Returns the message of a usage. */
export function usageToWire(usage: ExecutionUsage): circuitV1.ExecutionUsage {
  return {
    circuits: usage.circuits,
    shots: BigInt(usage.shots),
    chipSeconds: usage.chipSeconds,
    chipJobs: usage.chipJobs,
    parallelMax: usage.parallelMax,
    parallelMean: usage.parallelMean,
    snapshotId: usage.snapshotId ?? "",
    seed: usage.seed,
  };
}

/** Returns the usage of a message; nothing was used where there is none. */
export function usageFromWire(message: circuitV1.ExecutionUsage | undefined): ExecutionUsage {
  return {
    circuits: message?.circuits ?? 0,
    shots: Number(message?.shots ?? 0n),
    chipSeconds: message?.chipSeconds ?? 0,
    chipJobs: message?.chipJobs ?? 0,
    parallelMax: message?.parallelMax ?? 0,
    parallelMean: message?.parallelMean ?? 0,
    ...(message === undefined || message.snapshotId === ""
      ? {}
      : { snapshotId: message.snapshotId }),
    ...(message?.seed === undefined ? {} : { seed: message.seed }),
  };
}

/** Returns the message of an estimate. */
export function estimateToWire(estimate: ExecutorEstimate): circuitV1.ExecutionEstimate {
  const { circuits, shots, chipSeconds, parallelSlots, wallSeconds } = estimate;
  return { circuits, shots: BigInt(shots), chipSeconds, parallelSlots, wallSeconds };
}

/** Returns the estimate of a message. */
export function estimateFromWire(
  message: circuitV1.ExecutionEstimate | undefined,
): ExecutorEstimate {
  return {
    circuits: message?.circuits ?? 0,
    shots: Number(message?.shots ?? 0n),
    chipSeconds: message?.chipSeconds ?? 0,
    parallelSlots: message?.parallelSlots ?? 0,
    wallSeconds: message?.wallSeconds ?? 0,
  };
}

/** Returns the message of a description; limits above 2^32 − 1 become that. */
export function descriptionToWire(description: ExecutorDescription): circuitV1.ExecutorDescription {
  const clamp = (value: number): number => Math.min(value, 0xffff_ffff);
  return {
    name: description.name,
    maxQubits: clamp(description.limits.maxQubits),
    maxOperations: clamp(description.limits.maxOperations),
    maxRows: clamp(description.limits.maxRows),
    shots: description.shots,
    exact: description.exact,
    seedable: description.seedable,
    adjoint: description.gradients === "adjoint",
  };
}

/** Returns the description of a message, under another name where given. */
export function descriptionFromWire(
  message: circuitV1.ExecutorDescription | undefined,
  name = message?.name ?? "",
): ExecutorDescription {
  if (message === undefined)
    throw new QtuneError("data_loss", "the service described nothing", { where: "description" });
  return {
    name,
    limits: {
      maxQubits: message.maxQubits,
      maxOperations: message.maxOperations,
      maxRows: message.maxRows,
    },
    ...(message.shots === undefined ? {} : { shots: message.shots }),
    exact: message.exact,
    seedable: message.seedable,
    gradients: message.adjoint ? "adjoint" : "none",
  };
}
