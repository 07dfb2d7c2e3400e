/**
 * Dynamical decoupling: pairs of half turns in the waits of a schedule, which refocus the static detuning of a shot.
 * A pair costs two pulses, so it is put in only where the dephasing that it removes is predicted to be worse.
 */
import { type CalibrationSnapshot, createCalibrationView } from "@qtune/chip";
import type { NativeTemplate, TemplateStep } from "./template.ts";

/** `xx`: two X in each long wait. `xy4`: X Y X Y. `none`: nothing. */
export type DecouplingSequence = "none" | "xx" | "xy4";

const axes: Readonly<Record<Exclude<DecouplingSequence, "none">, readonly number[]>> = {
  xx: [0, 0],
  xy4: [0, Math.PI / 2, 0, Math.PI / 2],
};

/**
 * Puts decoupling pulses into the waits between two operations of a qubit.
 *
 * Maths:  n pulses at (k + 1/2)/n of the wait (Carr and Purcell 1954); worth it where the mean infidelity (1 − e^{−(σt)²/2})/3
 *         of the wait is above that of the pulses.
 * Effect: pure; the duration stays. Waits that the circuit asks for (delays) stay as they are.
 */
export function insertDecoupling(
  template: NativeTemplate,
  sequence: DecouplingSequence,
  snapshot: CalibrationSnapshot,
): NativeTemplate {
  if (sequence === "none") return template;
  const view = createCalibrationView(snapshot);
  const { pulseNs, czNs } = template.lengths;
  const axesOf = axes[sequence];
  const busyUntil = new Map<number, number>();
  const added: TemplateStep[] = [];
  for (const step of template.steps) {
    const lengthNs =
      step.kind === "cz"
        ? czNs
        : step.kind === "delay"
          ? step.durationNs
          : step.kind === "local" && step.pulse
            ? pulseNs
            : 0;
    for (const qubit of step.kind === "cz" ? [step.a, step.b] : [step.qubit]) {
      const since = busyUntil.get(qubit);
      const waitNs = step.startNs - (since ?? step.startNs);
      const angle = (view.detuningSigmaRadPerNs[qubit] ?? 0) * waitNs;
      const loss = (1 - Math.exp((-angle * angle) / 2)) / 3;
      const price = axesOf.length * (view.singleQubitError[qubit] ?? 1);
      if (
        since !== undefined &&
        step.kind !== "measure" &&
        waitNs >= 2 * axesOf.length * pulseNs &&
        loss > price
      ) {
        axesOf.forEach((phiRad, k) => {
          const centre = since + ((k + 0.5) / axesOf.length) * waitNs;
          added.push({ kind: "decoupling", qubit, phiRad, startNs: centre - pulseNs / 2 });
        });
      }
      busyUntil.set(qubit, step.startNs + lengthNs);
    }
  }
  const steps = [...template.steps, ...added];
  // Frame changes at the end of a wait come after its pulses: they start later or are listed later at the same time.
  steps.sort((x, y) => x.startNs - y.startNs);
  return { ...template, steps };
}
