import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { type ArmResults, compareArms, holm } from "./compare.ts";

/** Arms of a synthetic study: seeds share a difficulty, arms differ by their mean only. */
function synthetic(study: number, effect: number, seeds = 5): readonly ArmResults[] {
  const random = createRandom(study, "study");
  const difficulty = Array.from({ length: seeds }, () => random.nextNormal());
  const arm = (name: string, quantum: boolean, shift: number): ArmResults => {
    const draw = (): number[] =>
      difficulty.map((level) => 10 + level + random.nextNormal() - shift);
    return { name, quantum, validation: draw(), test: draw() };
  };
  return [
    ...["a", "b", "c"].map((name) => arm(name, false, 0)),
    arm("q1", true, effect),
    arm("q2", true, effect),
  ];
}

describe("compareArms", () => {
  test("signs the advantage so that positive means the quantum arm is better", () => {
    const arms: readonly ArmResults[] = [
      { name: "lora", quantum: false, validation: [2, 2, 2], test: [2, 2.1, 1.9] },
      { name: "abc", quantum: true, validation: [1, 1, 1], test: [1, 1.2, 0.8] },
    ];
    expect(compareArms(arms, "lower")[0]?.best.advantage).toBeCloseTo(1, 12);
    expect(compareArms(arms, "higher")[0]?.best.advantage).toBeCloseTo(-1, 12);
  });

  test("chooses the control on validation, not on the numbers it is compared with", () => {
    const arms: readonly ArmResults[] = [
      { name: "good on validation", quantum: false, validation: [1, 1], test: [3, 3.2] },
      { name: "lucky on test", quantum: false, validation: [2, 2], test: [1, 1.2] },
      { name: "q", quantum: true, validation: [2, 2], test: [2, 2.1] },
    ];
    const [verdict] = compareArms(arms, "lower");
    expect(verdict?.best.control).toBe("good on validation");
    expect(verdict?.best.advantage).toBeGreaterThan(0);
    expect(verdict?.wins).toBe(false); // worse than the other control
  });

  test("has the p value of a paired t test worked out by hand", () => {
    // Differences 1, 2, 3: mean 2, standard error 1/√3, t = 2√3 with 2 degrees: p = (1 − t/√(2 + t²)) / 2.
    const arms: readonly ArmResults[] = [
      { name: "c", quantum: false, validation: [0, 0, 0], test: [1, 2, 3] },
      { name: "q", quantum: true, validation: [0, 0, 0], test: [0, 0, 0] },
    ];
    const t = 2 * Math.sqrt(3);
    expect(compareArms(arms, "lower")[0]?.best.p).toBeCloseTo(
      (1 - t / Math.sqrt(2 + t * t)) / 2,
      10,
    );
  });

  test("wins at most 18 of 200 studies without an effect, and most with a planted one", () => {
    const wins = (effect: number): number =>
      Array.from({ length: 200 }, (_, study) =>
        compareArms(synthetic(study, effect), "lower"),
      ).filter((verdicts) => verdicts.some((verdict) => verdict.wins)).length;
    expect(wins(0)).toBeLessThanOrEqual(18); // 99.4% bound of a calibrated test at level 5%
    expect(wins(4)).toBeGreaterThan(100);
  });

  test("refuses arms with other seeds, and a study without a control", () => {
    const arm = { name: "x", quantum: true, validation: [1, 2], test: [1, 2] };
    expect(() =>
      compareArms([arm, { ...arm, name: "y", quantum: false, test: [1] }], "lower"),
    ).toThrow("study.y");
    expect(() => compareArms([arm], "lower")).toThrow("expected a classical control");
  });
});

test("Holm corrects step by step and keeps the order", () => {
  expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  expect(holm([0.5, 0.9])).toEqual([1, 1]);
});
