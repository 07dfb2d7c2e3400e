import { describe, expect, test } from "vitest";
import { scoreAnswer } from "../evaluate/gsm8k-score.ts";
import { arithmeticFrames } from "./arithmetic-frames.ts";
import { canonicalKey, generateSchoolArithmetic } from "./school-arithmetic.ts";

const quickstart = generateSchoolArithmetic({ seed: 7 });
const mixed = generateSchoolArithmetic({
  seed: 3,
  level: 3,
  languages: ["zh", "en"],
  operators: ["add", "subtract", "multiply"],
  train: 400,
  validation: 40,
  newNumbers: 60,
  newFrames: 60,
});

describe("generateSchoolArithmetic", () => {
  test("gives the sizes of the quickstart", () => {
    const sizes = [
      quickstart.train,
      quickstart.validation,
      quickstart.newNumbers,
      quickstart.newFrames,
    ];
    expect(sizes.map((part) => part.length)).toEqual([1200, 100, 200, 200]);
  });

  test("gives the same items for the same seed and others for another", () => {
    expect(generateSchoolArithmetic({ seed: 7 })).toEqual(quickstart);
    expect(generateSchoolArithmetic({ seed: 8 }).train[0]).not.toEqual(quickstart.train[0]);
  });

  test.each([
    ["one step", quickstart],
    ["three steps", mixed],
  ])("%s: no canonical expression of a step is in two parts", (_, set) => {
    const keysOf = (items: readonly { readonly key: string }[]): Set<string> =>
      new Set(items.flatMap((item) => item.key.split(";")));
    const train = keysOf(set.train);
    const validation = keysOf(set.validation);
    const tested = keysOf([...set.newNumbers, ...set.newFrames]);
    expect([...tested].filter((key) => train.has(key) || validation.has(key))).toEqual([]);
    expect([...validation].filter((key) => train.has(key))).toEqual([]);
  });

  test("keeps the unseen frames for their own test", () => {
    const unseen = new Set(
      arithmeticFrames.filter((frame) => frame.unseen).map((frame) => frame.id),
    );
    expect(mixed.newFrames.every((item) => unseen.has(item.frame))).toBe(true);
    const others = [...mixed.train, ...mixed.validation, ...mixed.newNumbers];
    expect(others.some((item) => unseen.has(item.frame))).toBe(false);
  });

  test("works each answer out and ends it in the strict form", () => {
    for (const item of [...quickstart.train, ...mixed.train]) {
      expect(scoreAnswer(item.answer, String(item.result))).toEqual({
        strict: true,
        flexible: true,
      });
      for (const step of item.steps) {
        const value = {
          add: step.left + step.right,
          subtract: step.left - step.right,
          multiply: step.left * step.right,
        };
        expect(step.result).toBe(value[step.operator]);
        expect(step.result).toBeGreaterThan(0);
      }
    }
  });

  test("leaves no slot unfilled and states every operand", () => {
    for (const item of mixed.train) {
      expect(item.question).not.toMatch(/[{}]/);
      for (const step of item.steps) expect(item.question).toContain(String(step.right));
    }
  });

  test("never tells the same problem twice", () => {
    const questions = [...quickstart.train, ...quickstart.validation, ...quickstart.newNumbers].map(
      (item) => item.question,
    );
    expect(new Set(questions).size).toBe(questions.length);
  });

  test("says when the operands do not give enough problems", () => {
    expect(() => generateSchoolArithmetic({ seed: 1, maxOperand: 2, newNumbers: 5000 })).toThrow(
      expect.objectContaining({ code: "resource_exhausted", where: "data.new-numbers" }),
    );
  });
});

test("a canonical key sorts operands where the operator commutes and only there", () => {
  expect(canonicalKey({ operator: "add", left: 5, right: 3, result: 8 })).toBe("add(3,5)=8");
  expect(canonicalKey({ operator: "subtract", left: 5, right: 3, result: 2 })).toBe(
    "subtract(5,3)=2",
  );
});
