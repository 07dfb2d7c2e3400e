import { type Issue, QtuneError, suggest } from "@qtune/base";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { type LocatedDocument, parseLocated } from "./locate.ts";
import { type RunConfig, runConfigSchema } from "./run-config.ts";

/** How a configuration is read. */
export interface ParseConfigOptions {
  /** Name of the file as the user gave it, for messages. */
  readonly file?: string | undefined;
  /** `a.b=c` settings that win over the text; values are YAML. */
  readonly overrides?: readonly string[] | undefined;
}

/**
 * Reads a run configuration from YAML or JSON, applies overrides, fills in defaults.
 *
 * Errors: invalid_argument with every problem at once, each with line, column and, for an unknown key, the nearest one.
 *
 * @example
 * parseRunConfig("model: minimind2-small\nadapter: { kind: lora, rank: 8 }", { overrides: ["train.lr=1e-3"] });
 */
export function parseRunConfig(text: string, options: ParseConfigOptions = {}): RunConfig {
  const located = parseLocated(text);
  const { file } = options;
  if (located.problems.length > 0) {
    throw QtuneError.fromIssues(
      located.problems.map(({ message, ...place }) => ({
        where: "yaml",
        expected: "YAML",
        given: message,
        ...place,
        ...(file === undefined ? {} : { file }),
      })),
    );
  }
  return validateRunConfig(applyOverrides(located.value, options.overrides ?? []), {
    located,
    file,
  });
}

/**
 * Checks a configuration given as a value and fills in defaults.
 *
 * Errors: invalid_argument with every problem at once.
 */
export function validateRunConfig(
  value: unknown,
  text: { readonly located?: LocatedDocument; readonly file?: string | undefined } = {},
): RunConfig {
  return validateBySchema(runConfigSchema, value, text) as RunConfig; // adapter.kind is one of adapterKinds
}

/**
 * Checks a value by a schema. The issues carry the place in the text where one is given.
 *
 * Errors: invalid_argument with every problem at once.
 */
export function validateBySchema<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  text: { readonly located?: LocatedDocument; readonly file?: string | undefined } = {},
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.flatMap((issue) => toIssues(schema, value, issue));
  throw QtuneError.fromIssues(
    issues.map(({ path, atKey, ...issue }) => ({
      ...issue,
      where: printPath(path),
      ...text.located?.locate(path, atKey),
      ...(text.file === undefined ? {} : { file: text.file }),
    })),
  );
}

interface PathIssue extends Omit<Issue, "where"> {
  readonly path: readonly PropertyKey[];
  readonly atKey?: boolean;
}

function toIssues(schema: z.ZodType, value: unknown, issue: z.core.$ZodIssue): PathIssue[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, path);
    return issue.keys.map((key) => {
      const near = suggest(key, known);
      const hint = near === undefined ? `known keys: ${known.join(", ")}` : `did you mean ${near}?`;
      return { path: [...path, key], atKey: true, expected: "a known key", given: key, hint };
    });
  }
  const given = path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
  if (given === undefined) return [{ path, expected: expectation(issue), given: "nothing" }];
  const options = issue.code === "invalid_value" ? issue.values.map(String) : [];
  const near = suggest(String(given), options);
  return [
    {
      path,
      expected: expectation(issue),
      given: JSON.stringify(given),
      ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
    },
  ];
}

/** What a zod issue asks for, in the words of our messages. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.expected === "int" ? "an integer" : `a ${issue.expected}`;
    case "invalid_value":
      return issue.values.length === 1
        ? String(issue.values[0])
        : `one of ${issue.values.join(", ")}`;
    case "too_small":
      return `${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}${issue.origin === "array" ? " items" : ""}`;
    case "too_big":
      return `${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
    case "invalid_union":
      return issue.errors
        .map(([first]) => (first === undefined ? "" : expectation(first)))
        .join(", or ");
    default:
      return issue.message;
  }
}

/** Keys that a schema knows at a path; wrappers for defaults and optional values are looked through. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = schema;
  for (const key of path) at = shapeOf(at)?.[String(key)];
  return Object.keys(shapeOf(at) ?? {});
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  const { shape, def } = schema as {
    shape?: Record<string, unknown>;
    def?: { innerType?: unknown };
  };
  if (shape !== undefined) return shape;
  return def?.innerType === undefined ? undefined : shapeOf(def.innerType);
}

function printPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === "number"
        ? `${text}[${key}]`
        : text === ""
          ? String(key)
          : `${text}.${String(key)}`,
    "",
  );
}

/**
 * Returns the value with `a.b=c` settings applied; c is read as YAML, so `1e-4`, `true` and `[0, 1]` mean what they say.
 *
 * Errors: invalid_argument for a setting without `=` or through something that is no map.
 */
export function applyOverrides(value: unknown, overrides: readonly string[]): unknown {
  const result: unknown = structuredClone(value);
  for (const override of overrides) {
    const split = override.indexOf("=");
    const keys = override.slice(0, Math.max(0, split)).trim().split(".");
    if (split < 1 || keys.includes("")) {
      throw new QtuneError("invalid_argument", `expected key.key=value but was given ${override}`, {
        where: "--set",
      });
    }
    let at = result;
    for (const [position, key] of keys.entries()) {
      if (typeof at !== "object" || at === null || Array.isArray(at)) {
        const where = keys.slice(0, position).join(".");
        throw new QtuneError(
          "invalid_argument",
          `expected a map at ${where} for the setting ${override}`,
          {
            where: "--set",
          },
        );
      }
      const map = at as Record<string, unknown>;
      if (position === keys.length - 1) map[key] = parseYaml(override.slice(split + 1)) as unknown;
      else at = map[key] ??= {};
    }
  }
  return result;
}
