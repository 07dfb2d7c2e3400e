import { type Issue, type OnProgress, type QtuneError, printIssue } from "@qtune/base";

/**
 * Where a command writes. With `--json` stdout holds exactly one JSON document, whatever happens; progress and notes go
 * to stderr. Without it, stdout holds the text for people.
 */
export interface Output {
  readonly json: boolean;
  /** Writes the command's result: the document with `--json`, else the text. Called once. */
  result(document: unknown, text: () => string): void;
  /** Writes a line for people on stderr, above the progress line. */
  note(line: string): void;
  /** Shows progress: one line that is rewritten on a terminal, a line now and then elsewhere. */
  readonly progress: OnProgress;
  /** Replaces the progress line by any text; empty clears it. */
  status(line: string): void;
}

/** Time between lines of progress where there is no terminal. */
const plainIntervalMs = 5000;

/** Creates the output of one command. */
export function createOutput(options: { readonly json: boolean }): Output {
  const terminal = process.stderr.isTTY && process.env["TERM"] !== "dumb";
  let shown = "";
  let plain = { phase: "", since: 0, shown: false };

  const clear = (): void => {
    if (shown !== "") process.stderr.write("\r\u001b[2K");
    shown = "";
  };
  const status = (line: string): void => {
    if (!terminal) return;
    clear();
    const columns = process.stderr.columns || 80;
    shown = line.length < columns ? line : `${line.slice(0, columns - 2)}…`;
    process.stderr.write(shown);
  };
  return {
    json: options.json,
    result: (document, text) => {
      clear();
      process.stdout.write(options.json ? `${stringify(document)}\n` : `${text()}\n`);
    },
    note: (line) => {
      clear();
      process.stderr.write(`${line}\n`);
    },
    status,
    progress: (progress) => {
      const line = printProgress(
        progress.phase,
        progress.done,
        progress.total,
        progress.unit,
        progress.message,
      );
      if (terminal) {
        status(line);
        return;
      }
      // Elsewhere: a line every few seconds, and nothing of what is over in a moment.
      const now = Date.now();
      if (progress.phase !== plain.phase)
        plain = { phase: progress.phase, since: now, shown: false };
      const isEnd = plain.shown && progress.done === progress.total;
      if (now - plain.since < plainIntervalMs && !isEnd) return;
      plain = { phase: progress.phase, since: now, shown: !isEnd };
      process.stderr.write(`${line}\n`);
    },
  };
}

/** Prints an error for people, all issues included; a bug of ours says so. */
export function printError(error: QtuneError): string {
  if (error.issues.length > 1) return error.issues.map(printIssue).join("\n");
  return error.message;
}

/** Returns the error document of `--json`. */
export function errorDocument(error: QtuneError): unknown {
  return {
    error: { code: error.code, message: error.message, issues: error.issues.map(issueDocument) },
  };
}

/**
 * Exit codes: 2 for usage and bad input, 130 when interrupted, 1 for every other failure. A precondition that problems
 * of the input break, such as a circuit that fits no region of the chip, is bad input.
 */
export function exitCodeOf(error: QtuneError): number {
  switch (error.code) {
    case "cancelled":
      return 130;
    case "invalid_argument":
    case "out_of_range":
    case "not_found":
    case "unimplemented":
      return 2;
    case "failed_precondition":
      return error.issues.length > 0 ? 2 : 1;
    default:
      return 1;
  }
}

/** Tells whether text may be colored: a terminal that did not say NO_COLOR. */
export function wantsColor(): boolean {
  return process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined;
}

function issueDocument(issue: Issue): unknown {
  const { file, line, column, expected, given, hint, where } = issue;
  return { file, line, column, where, expected, given, hint };
}

/** JSON of a document; 64-bit integers become strings, typed arrays become arrays, maps become objects. */
function stringify(document: unknown): string {
  return JSON.stringify(document, (_, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    if (value instanceof Map) return Object.fromEntries(value);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView))
      return Array.from(value as unknown as ArrayLike<number>); // every view but DataView is array-like
    return value;
  });
}

function printProgress(
  phase: string,
  done: number,
  total: number | undefined,
  unit: string,
  message: string | undefined,
): string {
  const amount = unit === "bytes" ? printBytes(done) : done.toLocaleString("en-US");
  const tail = message === undefined ? "" : `  ${message}`;
  if (total === undefined) return `${phase}: ${amount}${unit === "bytes" ? "" : ` ${unit}`}${tail}`;
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * 24);
  const bar = `${"█".repeat(filled)}${"░".repeat(24 - filled)}`;
  const whole = unit === "bytes" ? printBytes(total) : `${total.toLocaleString("en-US")} ${unit}`;
  return `${phase} ${bar} ${amount} of ${whole}${tail}`;
}

/** Prints a size: `23.4 MB`. */
export function printBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
