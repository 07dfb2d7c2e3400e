import { expect, test } from "vitest";
import { createReadLog, readTime } from "./json-reader.ts";

test.each([
  ["2024-02-29", "2024-02-29"],
  ["2026-03-06 15:41:31", "2026-03-06T15:41:31Z"],
  ["2026-03-06T15:41:31.123456+0800", "2026-03-06T15:41:31.123456+0800"],
  [1_772_755_291_000, "2026-03-06T00:01:31.000Z"],
  ["1772755291000", "2026-03-06T00:01:31.000Z"],
])("the time %s is read", (calibratedAt, time) => {
  const log = createReadLog();
  expect(readTime(calibratedAt, "Z", "x", log)).toBe(time);
  expect(log.issues).toEqual([]);
});
