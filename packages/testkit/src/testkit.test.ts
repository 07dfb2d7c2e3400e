import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import {
  centralDifferences,
  expectGolden,
  findData,
  frequencies,
  relativeDistance,
  samplingBound,
  totalVariation,
} from "./index.ts";

test("central differences find the slope of a cubic to 1e-9", async () => {
  const slopes = await centralDifferences(
    (x) => (x[0] ?? 0) ** 3 + 2 * (x[1] ?? 0),
    Float64Array.of(2, 5),
  );
  expect(slopes.get(0)).toBeCloseTo(12, 8);
  expect(slopes.get(1)).toBeCloseTo(2, 8);
});

test("the relative distance sees a NaN", () => {
  expect(relativeDistance([1, Number.NaN], [1, 2])).toBeNaN();
});

test("a golden file that differs fails and leaves the new text beside it", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "qtune-golden-"));
  try {
    const file = path.join(folder, "a.txt");
    writeFileSync(file, "one");
    expect(() => expectGolden(file, "one")).not.toThrow();
    expect(() => expectGolden(file, "two")).toThrow(/golden/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a missing data file is reported, not thrown", () => {
  expect(findData("no/such/file")).toBeUndefined();
});

test("distances of distributions lie between 0 and 1", () => {
  expect(totalVariation(new Map([["0", 1]]), new Map([["1", 1]]))).toBe(1);
  expect(
    totalVariation(
      frequencies(
        new Map([
          ["0", 3],
          ["1", 1],
        ]),
      ),
      new Map([
        ["0", 0.75],
        ["1", 0.25],
      ]),
    ),
  ).toBe(0);
  expect(samplingBound(16, 1000)).toBeGreaterThan(0.1);
});
