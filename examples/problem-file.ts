/** Problem files of the examples: JSON, read and checked, with a message that says what is wrong where. */
import { readFileSync } from "node:fs";
import { QtuneError } from "../packages/base/src/index.ts";

/** What a field has to be; the key is its name. */
export type Shape = Readonly<Record<string, (value: unknown) => string | undefined>>;

/** A finite number. */
export function number(value: unknown): string | undefined {
  return typeof value === "number" && Number.isFinite(value) ? undefined : "a number";
}

/** A whole number within bounds. */
export function whole(min: number, max: number) {
  return (value: unknown): string | undefined =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max
      ? undefined
      : `a whole number from ${min} to ${max}`;
}

/** A list of a length (or of any), each item as said. */
export function list(item: (value: unknown) => string | undefined, length?: number) {
  return (value: unknown): string | undefined => {
    const size = length === undefined ? "a list" : `a list of ${length}`;
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) return size;
    const wrong = value.map(item).findIndex((one) => one !== undefined);
    return wrong === -1 ? undefined : `${size}, with ${item(value[wrong])} at [${wrong}]`;
  };
}

/** A text. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" ? undefined : "a text";
}

/**
 * Reads the problem that the command names, or the one beside the program.
 *
 * Errors: invalid_argument when it is no JSON or a field is not what `shape` says; not_found when there is no file.
 */
export function readProblem<T>(shapeOf: (fields: Partial<T>) => Shape, standard: URL): T {
  const file = process.argv[2] ?? standard;
  const name = process.argv[2] ?? "the standard problem";
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (cause) {
    throw new QtuneError("not_found", "expected a problem file", { where: name, cause });
  }
  let fields: Partial<T>;
  try {
    fields = JSON.parse(content) as Partial<T>; // checked below
  } catch (cause) {
    throw new QtuneError("invalid_argument", `expected JSON (${String(cause)})`, { where: name });
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields))
    throw new QtuneError("invalid_argument", "expected a JSON object", { where: name });
  for (const [key, check] of Object.entries(shapeOf(fields))) {
    const value = (fields as Readonly<Record<string, unknown>>)[key];
    const expected = check(value);
    if (expected === undefined) continue;
    const given = (JSON.stringify(value) ?? "nothing").slice(0, 80);
    const message = `${key}: expected ${expected} but was given ${given}`;
    throw new QtuneError("invalid_argument", message, { where: name });
  }
  return fields as T; // every field was checked
}

/** Runs an example; what is wrong with its input is one line, exit 2. */
export async function runExample(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof QtuneError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = 2;
  }
}
