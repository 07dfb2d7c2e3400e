import { type ErrorCode, codeTable } from "./code-table.ts";
import { type Issue, printIssue } from "./issue.ts";

/** What a {@link QtuneError} carries besides its message. */
export interface QtuneErrorOptions {
  /** Path of the offending value, e.g. `circuit.operations[12]`. Starts the message. */
  readonly where?: string;
  /** Plain data for programs: expected, received, limits. Travels over the wire. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** All problems found in a user's data. Travels over the wire as field violations. */
  readonly issues?: readonly Issue[];
  /** What led to this; stays in the log of the process that threw. */
  readonly cause?: unknown;
}

/**
 * The one error class. The message reads: where, what was expected, what was given, what to do.
 *
 * @example
 * throw new QtuneError("out_of_range", "expected 100 to 10,000 shots but was given 7", { where: "task.shots" });
 */
export class QtuneError extends Error {
  override readonly name = "QtuneError";
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly issues: readonly Issue[];

  constructor(code: ErrorCode, message: string, options: QtuneErrorOptions = {}) {
    super(options.where === undefined ? message : `${options.where}: ${message}`, {
      cause: options.cause,
    });
    this.code = code;
    this.where = options.where;
    this.details = options.details ?? {};
    this.issues = options.issues ?? [];
  }

  /** Returns `error` if it is a QtuneError, else wraps it: an abort becomes `cancelled`, anything else `unknown`. */
  static from(error: unknown): QtuneError {
    if (error instanceof QtuneError) return error;
    if (error instanceof Error && error.name === "AbortError") {
      return new QtuneError("cancelled", error.message || "the call was aborted", { cause: error });
    }
    if (error instanceof Error && error.name === "TimeoutError") {
      return new QtuneError("deadline_exceeded", error.message || "the deadline passed", {
        cause: error,
      });
    }
    return new QtuneError("unknown", error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }

  /** Creates the error for a non-empty list of issues: the first is printed, the rest are counted and carried. */
  static fromIssues(
    issues: readonly Issue[],
    code: ErrorCode = "invalid_argument",
    details: Readonly<Record<string, unknown>> = {},
  ): QtuneError {
    const [first, ...rest] = issues;
    if (first === undefined) return internalError("an error without issues");
    const more =
      rest.length === 0
        ? ""
        : `\n(and ${rest.length} more ${rest.length === 1 ? "problem" : "problems"})`;
    return new QtuneError(code, printIssue(first) + more, { issues, details });
  }
}

/** Creates the error for a broken invariant of ours. */
export function internalError(message: string, options: QtuneErrorOptions = {}): QtuneError {
  return new QtuneError("internal", `internal: ${message}`, options);
}

/** Tells whether a value is a {@link QtuneError}, of one code if given. */
export function isQtuneError(value: unknown, code?: ErrorCode): value is QtuneError {
  return value instanceof QtuneError && (code === undefined || value.code === code);
}

/** Tells whether a string names an error code. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(codeTable, value);
}
