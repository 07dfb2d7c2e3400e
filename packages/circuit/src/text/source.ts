/**
 * What all readers share: the text, its issues with line, column and excerpt, and how a reader gives up a statement
 * and goes on with the next.
 */
import { type Issue, QtuneError } from "@qtune/base";

/** A text that is being read. Issues are collected here. */
export interface Source {
  readonly text: string;
  readonly file: string | undefined;
  readonly maxIssues: number;
  readonly issues: Issue[];
  /** How many problems there were, also those beyond `maxIssues`. */
  problems: number;
  /** Offsets of line starts, made when the first issue needs them. */
  lines: readonly number[] | undefined;
}

/** One problem, placed by offset. */
export interface Problem {
  /** What kind of statement or value it is about, e.g. `measure`. */
  readonly where: string;
  readonly offset: number;
  readonly expected: string;
  readonly given: string;
  readonly hint?: string | undefined;
}

/** Creates a source. Effect: a byte order mark is skipped. */
export function createSource(text: string, file: string | undefined, maxIssues = 20): Source {
  return { text, file, maxIssues, issues: [], problems: 0, lines: undefined };
}

/** Thrown inside readers to leave a statement; the problem has been reported. */
export class StatementFault extends Error {
  override readonly name = "StatementFault";
}

/** Records a problem. */
export function report(source: Source, problem: Problem): void {
  source.problems += 1;
  if (source.issues.length >= source.maxIssues) return;
  source.issues.push({
    where: problem.where,
    expected: problem.expected,
    given: problem.given,
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    ...(source.file === undefined ? {} : { file: source.file }),
    ...locate(source, problem.offset),
  });
}

/** Records a problem and leaves the statement. */
export function fail(source: Source, problem: Problem): never {
  report(source, problem);
  throw new StatementFault(problem.expected);
}

/** Throws all problems at once, if there are any. Errors: invalid_argument. */
export function throwIssues(source: Source): void {
  if (source.issues.length > 0) throw QtuneError.fromIssues(source.issues);
}

/** Longest excerpt of a line that an issue shows. */
const excerptWidth = 120;

/** Returns line, column and excerpt of an offset. */
export function locate(
  source: Source,
  offset: number,
): { line: number; column: number; excerpt: string } {
  source.lines ??= lineStarts(source.text);
  let low = 0;
  let high = source.lines.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((source.lines[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  const start = source.lines[low] ?? 0;
  const next = source.lines[low + 1];
  const end = next === undefined ? source.text.length : next - 1;
  const column = offset - start + 1;
  const line = source.text.slice(start, Math.min(end, start + 1_000_000)).replace(/[\r\n]+$/, "");
  if (line.length <= excerptWidth) return { line: low + 1, column, excerpt: printable(line) };
  return { line: low + 1, column, excerpt: cutLine(line, column) };
}

/** A machine-made line of any length: its start when the caret falls into it, else the place itself, marked. */
function cutLine(line: string, column: number): string {
  if (column < excerptWidth) return `${printable(line.slice(0, excerptWidth - 1))}…`;
  const at = column - 1;
  const before = printable(line.slice(at - 50, at));
  return `…${before}⟪${printable(line.slice(at, at + 1))}⟫${printable(line.slice(at + 1, at + 50))}…`;
}

/** Replaces characters that would disturb a terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd").replace(/\t/g, " ");
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** Returns names for a message: a few of them, and how many there are. */
export function listNames(names: readonly string[]): string {
  if (names.length <= 8) return names.join(", ");
  return `${names.slice(0, 7).join(", ")} … (${names.length} in all)`;
}

/** Returns a piece of the user's text for a message, quoted and cut. */
export function quote(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 39)}…` : text;
  return `"${printable(short)}"`;
}
