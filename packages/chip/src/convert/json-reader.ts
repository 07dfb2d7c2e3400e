import type { Issue } from "@qtune/base";
import type { CalibrationEntry } from "../calibration.ts";

/**
 * Helpers that read foreign JSON with one rule: what is wrong becomes an issue with its place, what
 * is not there is absent.
 */

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Collects what is wrong and what was assumed while a file is read. */
export interface ReadLog {
  /** The file cannot be used. */
  readonly issues: Issue[];
  /** The file can be used; the user should know. */
  readonly warnings: Issue[];
}

/** Creates an empty log. */
export function createReadLog(): ReadLog {
  return { issues: [], warnings: [] };
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns a member as an object, an empty one where it is absent. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** Returns a member as a list, an empty one where it is absent. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * Reads a number that may be spelt as text, with a unit behind it. `null`, absent and the empty
 * string mean "not published" and give nothing; anything else that is no number is an issue.
 */
export function readNumber(value: unknown, where: string, log: ReadLog): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string") {
    const match = /^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*[^\d\s]*\s*$/.exec(value);
    if (match?.[1] !== undefined) return Number(match[1]);
  }
  log.issues.push({
    where,
    expected: "a number or null (not published)",
    given: JSON.stringify(value) ?? String(value),
  });
  return undefined;
}

/** Builds an entry, or nothing for an absent number. */
export function entryOf(
  value: number | undefined,
  method: string,
  time: string,
  error?: number,
): CalibrationEntry | undefined {
  if (value === undefined) return undefined;
  return error === undefined ? { value, method, time } : { value, error, method, time };
}

/** Drops the absent members, so that an optional member is either there or not. */
export function present<T extends object>(values: {
  readonly [K in keyof T]: T[K] | undefined;
}): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> }; // same keys, fewer of them
}

/** Times further from 1970 are no times of the platform. */
const lastMillisecond = 8.64e15;
/** ISO 8601, as far as vendors write it: a date, a time of day, a zone. */
const isoTime = /^(\d{4})-(\d\d)-(\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * Reads a time: ISO 8601, `YYYY-MM-DD hh:mm:ss` in a given zone, or milliseconds since 1970.
 *
 * Range: `zone` such as `+08:00` is used where the text has none.
 */
export function readTime(value: unknown, zone: string, where: string, log: ReadLog): string {
  const milliseconds = typeof value === "string" && /^\d{11,}$/.test(value) ? Number(value) : value;
  if (typeof milliseconds === "number" && Math.abs(milliseconds) <= lastMillisecond) {
    return new Date(milliseconds).toISOString();
  }
  if (typeof value === "string") {
    const text = value.trim().replace(" ", "T");
    const [, year, month, day, ownZone] = isoTime.exec(text) ?? [];
    const zoned = ownZone === undefined && text.includes("T") ? text + zone : text;
    const isDay = day !== undefined && Number(day) <= daysOf(Number(year), Number(month));
    if (isDay && !Number.isNaN(Date.parse(zoned))) return zoned;
  }
  log.issues.push({
    where,
    expected: "a time, e.g. 2026-03-06T15:41:31+08:00",
    given: value === undefined ? "nothing" : JSON.stringify(value),
    hint: "a calibration without a time cannot be told from a stale one",
  });
  return "1970-01-01T00:00:00Z";
}

/** Days of a month, counted from 1. */
function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/**
 * As {@link readTime}, for formats that may lack it: then the calibration counts as of 1970, with a
 * warning.
 */
export function readTimeIfThere(value: unknown, where: string, log: ReadLog): string {
  if (value !== undefined && value !== null && value !== "")
    return readTime(value, "Z", where, log);
  log.warnings.push({
    where,
    expected: "the time of the calibration",
    given: "nothing",
    hint: "it counts as of 1970-01-01",
  });
  return "1970-01-01T00:00:00Z";
}
