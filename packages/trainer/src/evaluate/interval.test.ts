import { describe, expect, test } from "vitest";
import {
  meanEstimate,
  ratioEstimate,
  studentCumulative,
  studentQuantile,
  wilsonInterval,
} from "./interval.ts";

describe("Student's t", () => {
  // Two-sided 5% points of the usual table, to its precision.
  test.each([
    [1, 12.7062],
    [2, 4.30265],
    [4, 2.77645],
    [9, 2.26216],
    [30, 2.04227],
    [1000, 1.96234],
  ])("has the tabulated 97.5%% quantile for %i degrees", (degrees, quantile) => {
    expect(studentQuantile(0.975, degrees)).toBeCloseTo(quantile, 4);
  });
  test("is symmetric, and Cauchy for one degree", () => {
    expect(studentCumulative(0, 5)).toBeCloseTo(0.5, 12);
    expect(studentCumulative(1, 1)).toBeCloseTo(0.75, 12); // 1/2 + atan(1)/π
  });
});

describe("wilsonInterval", () => {
  test("has the known values for 0 and 10 of 10", () => {
    const z2 = 1.959963984540054 ** 2;
    expect(wilsonInterval(0, 10)[0]).toBe(0);
    expect(wilsonInterval(0, 10)[1]).toBeCloseTo(z2 / (10 + z2), 12);
    expect(wilsonInterval(10, 10)[0]).toBeCloseTo(10 / (10 + z2), 12);
  });
  test("knows nothing without trials", () => expect(wilsonInterval(0, 0)).toEqual([0, 1]));
});

describe("ratioEstimate", () => {
  test("of equal weights is the mean with its standard error", () => {
    const { value, standardError, interval } = meanEstimate([1, 2, 3, 4]);
    expect(value).toBe(2.5);
    expect(standardError).toBeCloseTo(Math.sqrt(5 / 3 / 4), 12);
    expect(interval[1] - interval[0]).toBeCloseTo(2 * 3.18245 * standardError, 3); // t, 3 degrees
  });
  test("weighs items by their tokens", () => {
    expect(ratioEstimate([10, 1], [10, 1]).value).toBe(1);
    expect(ratioEstimate([10, 1], [10, 1]).standardError).toBeCloseTo(0, 12);
  });
  test("of one item knows no interval", () =>
    expect(meanEstimate([3]).interval[1]).toBe(Number.POSITIVE_INFINITY));
});
