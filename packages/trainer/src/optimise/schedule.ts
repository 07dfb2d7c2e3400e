import { QtuneError, assertInteger } from "@qtune/base";

/** How the learning rate moves after the warm-up. */
export type ScheduleKind = "constant" | "linear" | "cosine";

/** A learning-rate schedule over a fixed number of steps. */
export interface Schedule {
  readonly kind: ScheduleKind;
  /** Steps over which the rate rises from 0; the first step has rate 0 where it is positive. */
  readonly warmupSteps: number;
  readonly steps: number;
}

/**
 * Returns the factor of the base learning rate at optimiser step `step`, counted from 0.
 *
 * Maths:  warm-up k/w; then p = (k − w)/(N − w): linear 1 − p, cosine ½(1 + cos πp).
 * Range:  0 ≤ step < steps; the result is in [0, 1].
 * Errors: out_of_range for a step outside the schedule.
 *
 * @example
 * scheduleFactor({ kind: "cosine", warmupSteps: 3, steps: 10 }, 5); // 0.811745
 */
export function scheduleFactor(schedule: Schedule, step: number): number {
  assertInteger(step, { min: 0, max: Math.max(0, schedule.steps - 1) }, "train.step");
  const { warmupSteps, steps } = schedule;
  if (warmupSteps < 0 || warmupSteps > steps) {
    throw new QtuneError(
      "out_of_range",
      `expected 0 to ${steps} warm-up steps but was given ${warmupSteps}`,
      {
        where: "train.warmupSteps",
      },
    );
  }
  if (step < warmupSteps) return step / warmupSteps;
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  switch (schedule.kind) {
    case "constant":
      return 1;
    case "linear":
      return 1 - progress;
    case "cosine":
      return 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}
