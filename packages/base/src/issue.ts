/**
 * One thing that is wrong with a user's data, with stable fields: where it is, what was expected, what was given and
 * what to do. Validators return all issues at once; the first becomes the message when they throw.
 */
export interface Issue {
  /** Path inside the data, e.g. `circuit.operations[12].qubits[1]` or `train.lr`. */
  readonly where: string;
  readonly expected?: string;
  readonly given?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Name of the file as the user gave it. */
  readonly file?: string;
  /** Line, from 1. */
  readonly line?: number;
  /** Column in UTF-16 code units, from 1. */
  readonly column?: number;
  /** The user's own line of text; the caret stands under `column`. */
  readonly excerpt?: string;
}

/** Returns an issue as the lines a person reads: place, expectation, what was given, hint, excerpt with caret. */
export function printIssue(issue: Issue): string {
  const place = [issue.file, issue.line, issue.column]
    .filter((part) => part !== undefined)
    .join(":");
  const head = [place, issue.where].filter((part) => part !== "").join(": ");
  let text = head;
  if (issue.expected !== undefined) text += `: expected ${issue.expected}`;
  if (issue.given !== undefined)
    text += `${issue.expected === undefined ? ":" : " but"} was given ${issue.given}`;
  if (issue.hint !== undefined) text += `; ${issue.hint}`;
  if (issue.excerpt === undefined) return text;
  const indent = caretIndent(issue.excerpt, issue.column);
  const caret = indent === undefined ? "" : `\n  ${" ".repeat(indent)}^`;
  return `${text}\n  ${issue.excerpt}${caret}`;
}

/** Where the caret stands: under the column, or under the mark ⟪ of an excerpt that is a piece of a long line. */
function caretIndent(excerpt: string, column: number | undefined): number | undefined {
  if (column === undefined) return undefined;
  if (column - 1 <= excerpt.length) return Math.max(0, column - 1);
  const mark = excerpt.indexOf("⟪");
  return mark === -1 ? undefined : mark + 1;
}
