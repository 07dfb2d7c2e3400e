/**
 * The statistics of an honest comparison. Arms are measured with the same seeds; the best classical control is chosen on
 * validation and compared on test; `advantage` is signed so that positive means the quantum arm is better, and is stated
 * against the best control, never against LoRA alone.
 */
import { QtuneError } from "@qtune/base";
import { type Interval, studentCumulative, studentQuantile } from "../evaluate/interval.ts";

/** Results of one arm: one value per seed, in the same order in every arm. */
export interface ArmResults {
  readonly name: string;
  readonly quantum: boolean;
  readonly validation: readonly number[];
  readonly test: readonly number[];
}

/** Whether less (losses) or more (scores) is better. */
export type Better = "lower" | "higher";

/** A paired comparison of a quantum arm with one control. */
export interface Comparison {
  readonly control: string;
  /** Mean over seeds of the paired difference; positive: the quantum arm is better. */
  readonly advantage: number;
  readonly interval: Interval;
  /** One-sided p of "the quantum arm is not better", paired t over seeds. */
  readonly p: number;
}

/** What a study says about one quantum arm. */
export interface ArmVerdict {
  readonly name: string;
  /** Against the control that was best on validation. */
  readonly best: Comparison;
  readonly all: readonly Comparison[];
  /** p of "better than every control": the largest of the single ones (intersection-union). */
  readonly pAll: number;
  /** The same, corrected over the quantum arms (Holm). */
  readonly pAdjusted: number;
  /** Whether the quantum arm is better than every control at level 5% after correction. */
  readonly wins: boolean;
}

/**
 * Compares every quantum arm with the classical controls.
 *
 * Errors: invalid_argument when an arm has another number of seeds, fewer than two, or a kind of arm is missing.
 */
export function compareArms(arms: readonly ArmResults[], better: Better): readonly ArmVerdict[] {
  assertArms(arms);
  const controls = arms.filter((arm) => !arm.quantum);
  const quantum = arms.filter((arm) => arm.quantum);
  const bestControl = controls.reduce((best, arm) =>
    gain(mean(arm.validation), mean(best.validation), better) > 0 ? arm : best,
  );
  const verdicts = quantum.map((arm) => {
    const all = controls.map((control) => compare(arm, control, better));
    const best =
      all.find(({ control }) => control === bestControl.name) ?? compare(arm, bestControl, better);
    return { name: arm.name, best, all, pAll: Math.max(...all.map(({ p }) => p)) };
  });
  const adjusted = holm(verdicts.map(({ pAll }) => pAll));
  return verdicts.map((verdict, i) => {
    const pAdjusted = adjusted[i] ?? 1;
    return { ...verdict, pAdjusted, wins: pAdjusted < 0.05 };
  });
}

function assertArms(arms: readonly ArmResults[]): void {
  const seeds = arms[0]?.test.length ?? 0;
  for (const { name, test, validation } of arms) {
    if (test.length !== seeds || validation.length !== seeds || seeds < 2) {
      throw new QtuneError(
        "invalid_argument",
        `expected the same two or more seeds in every arm but was given ${validation.length} and ${test.length}`,
        { where: `study.${name}` },
      );
    }
  }
  for (const quantum of [true, false]) {
    if (arms.some((arm) => arm.quantum === quantum)) continue;
    throw new QtuneError(
      "invalid_argument",
      `expected a ${quantum ? "quantum arm" : "classical control"} but there is none`,
      {
        where: "study.arms",
      },
    );
  }
}

/** How much better `a` is than `b`. */
function gain(a: number, b: number, better: Better): number {
  return better === "higher" ? a - b : b - a;
}

function compare(arm: ArmResults, control: ArmResults, better: Better): Comparison {
  const differences = arm.test.map((value, i) =>
    gain(value, control.test[i] ?? Number.NaN, better),
  );
  const n = differences.length;
  const advantage = mean(differences);
  const variance = differences.reduce((sum, value) => sum + (value - advantage) ** 2, 0) / (n - 1);
  const standardError = Math.sqrt(variance / n);
  const half = studentQuantile(0.975, n - 1) * standardError;
  const p =
    standardError === 0
      ? advantage > 0
        ? 0
        : 1
      : 1 - studentCumulative(advantage / standardError, n - 1);
  return { control: control.name, advantage, interval: [advantage - half, advantage + half], p };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns Holm's adjusted p values (Scand. J. Stat. 6, 1979), in the order given. */
export function holm(ps: readonly number[]): readonly number[] {
  const order = ps.map((p, at) => ({ p, at })).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number>(ps.length);
  let largest = 0;
  order.forEach(({ p, at }, rank) => {
    largest = Math.max(largest, Math.min(1, p * (ps.length - rank)));
    adjusted[at] = largest;
  });
  return adjusted;
}
