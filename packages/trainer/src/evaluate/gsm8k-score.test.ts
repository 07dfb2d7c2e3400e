import { describe, expect, test } from "vitest";
import { extractFlexible, extractStrict, scoreAnswer } from "./gsm8k-score.ts";

/** Output, strict, flexible: results of lm-eval 0.4.13 (Python) on the same strings. */
const golden: readonly (readonly [string, string, string])[] = [
  ["#### 72", "72", "72"],
  ["so 72.\n#### 1,234", "1234", "1234"],
  ["#### -5.", "-5", "-5"],
  ["#### $18", "[invalid]", "18"],
  ["The answer is 18", "[invalid]", "18"],
  ["#### 18.00", "18.00", "18.00"],
  ["#### 3.", "3", "3"],
  ["x\n#### 10\nQuestion: y", "10", "10"],
  ["####72", "[invalid]", "72"],
  ["#### 5 apples", "5", "5"],
  ["answer 7 and 8,000.", "[invalid]", "8000"],
  ["$1,000.50 total", "[invalid]", "1000.50"],
  [". then , 3", "[invalid]", "3"],
  ["1/2", "[invalid]", "2"],
  ["-3", "[invalid]", "-3"],
  ["١٢", "[invalid]", "[invalid]"],
  ["#### 1\n#### 2", "1", "2"],
];

describe.each(golden)("%j", (output, strict, flexible) => {
  test(`is ${strict} by the strict filter`, () => expect(extractStrict(output)).toBe(strict));
  test(`is ${flexible} by the flexible filter`, () =>
    expect(extractFlexible(output)).toBe(flexible));
});

test("a worked reference answer counts by its last number", () => {
  expect(scoreAnswer("3+4=7\n#### 7", "they have 7\n#### 7")).toEqual({
    strict: true,
    flexible: true,
  });
  expect(scoreAnswer("3+4=8\n#### 8", "#### 7")).toEqual({ strict: false, flexible: false });
  expect(scoreAnswer("it is 7", "#### 7")).toEqual({ strict: false, flexible: true });
});
