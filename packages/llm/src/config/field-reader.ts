/** Reads fields of untrusted JSON, collecting what is wrong instead of stopping at the first problem. */
import type { Issue } from "@qtune/base";

/** Typed access to one JSON object; a missing or wrong field adds an issue and yields a harmless value. */
export interface FieldReader {
  /** Whether the field is there and not null. */
  has(key: string): boolean;
  /** The field as it is. */
  raw(key: string): unknown;
  /** An integer ≥ 1, at most `most`. */
  count(key: string, fallback?: number, most?: number): number;
  /** A finite number > 0. */
  positive(key: string, fallback?: number): number;
  flag(key: string, fallback: boolean): boolean;
  /** A text, or undefined when absent. */
  text(key: string): string | undefined;
  /** Numbers > 0, `length` of them. */
  positives(key: string, length: number): readonly number[];
  /** Adds an issue about a field. */
  complain(key: string, issue: Omit<Issue, "where">): void;
}

/** Creates a reader over a JSON object; `path` starts the `where` of its issues. */
export function createFieldReader(
  json: Readonly<Record<string, unknown>>,
  context: { readonly path: string; readonly file: string; readonly issues: Issue[] },
): FieldReader {
  const { path, file, issues } = context;
  const where = (key: string): string => (path === "" ? key : `${path}.${key}`);
  const complain = (key: string, issue: Omit<Issue, "where">): void => {
    issues.push({ where: where(key), file, ...issue });
  };
  const has = (key: string): boolean => json[key] !== undefined && json[key] !== null;

  function read<T>(
    key: string,
    fallback: T | undefined,
    expected: string,
    accepts: (value: unknown) => value is T,
    harmless: T,
  ): T {
    const value = json[key];
    if (!has(key)) {
      if (fallback !== undefined) return fallback;
      complain(key, { expected, given: "nothing" });
      return harmless;
    }
    if (accepts(value)) return value;
    complain(key, { expected, given: JSON.stringify(value) });
    return harmless;
  }

  const isCount =
    (most: number) =>
    (value: unknown): value is number =>
      Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= most;
  const isPositive = (value: unknown): value is number =>
    typeof value === "number" && Number.isFinite(value) && value > 0;
  const isFlag = (value: unknown): value is boolean => typeof value === "boolean";

  return {
    has,
    complain,
    raw: (key) => json[key],
    count: (key, fallback, most = Number.MAX_SAFE_INTEGER) => {
      const range = most < Number.MAX_SAFE_INTEGER ? `from 1 to ${most}` : "of at least 1";
      return read(key, fallback, `an integer ${range}`, isCount(most), 1);
    },
    positive: (key, fallback) => read(key, fallback, "a number above 0", isPositive, 1),
    flag: (key, fallback) => read(key, fallback, "true or false", isFlag, fallback),
    text: (key) => (typeof json[key] === "string" ? json[key] : undefined),
    positives: (key, length) => {
      const accepts = (value: unknown): value is number[] =>
        Array.isArray(value) && value.length === length && value.every(isPositive);
      return read<readonly number[]>(key, undefined, `${length} numbers above 0`, accepts, []);
    },
  };
}

/** Tells whether a JSON value is an object. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
