import { createRandom } from "@qtune/base";
import fc from "fast-check";
import { expect, test } from "vitest";
import { newestSnapshot, validateScheduled } from "../chip-model.ts";
import { predictedFidelity } from "../predicted-fidelity.ts";
import { createChip } from "../presets/presets.ts";
import { exactDistribution } from "../reference/exact-distribution.ts";
import type { NativeInstruction, ScheduledCircuit } from "../scheduled-circuit.ts";
import { buildNoisyProgram } from "./build-noisy-program.ts";
import { idealKnobs, knobTable, type NoiseKnobs, scaleNoise } from "./knobs.ts";

/** A random schedule on the qubits of a 1 x 3 grid: pulses, CZ and gaps, then a common readout. */
function randomSchedule(seed: number): ScheduledCircuit {
  const random = createRandom(seed, "schedule");
  const ready = [0, 0, 0];
  const instructions: NativeInstruction[] = [];
  for (let gate = 0; gate < 12; gate++) {
    const qubit = random.nextBelow(3);
    const gap = random.nextBelow(3) === 0 ? 200 * random.nextUniform() : 0;
    if (random.nextBelow(3) > 0 || qubit === 2) {
      const startNs = (ready[qubit] ?? 0) + gap;
      const [thetaRad, phiRad] = [6 * random.nextUniform(), 6 * random.nextUniform()];
      instructions.push({ kind: "rphi", qubit, thetaRad, phiRad, startNs, durationNs: 30 });
      ready[qubit] = startNs + 30;
    } else {
      const startNs = Math.max(ready[qubit] ?? 0, ready[qubit + 1] ?? 0) + gap;
      instructions.push({ kind: "cz", qubits: [qubit, qubit + 1], startNs, durationNs: 40 });
      ready[qubit] = ready[qubit + 1] = startNs + 40;
    }
  }
  const durationNs = Math.max(...ready);
  for (const qubit of [0, 1, 2]) {
    instructions.push({
      kind: "measure",
      qubit,
      clbit: qubit,
      startNs: durationNs,
      durationNs: 1000,
    });
  }
  instructions.sort((a, b) => a.startNs - b.startNs);
  return { physicalQubits: [0, 1, 2], clbits: 3, instructions, durationNs };
}

/** Every knob somewhere in the lower tenth of its range, scales up to 5. */
function randomKnobs(seed: number): Partial<NoiseKnobs> {
  const random = createRandom(seed, "knobs");
  const entries = Object.entries(knobTable).map(([name, { min, max }]) => {
    if (name.endsWith("Scale")) return [name, 5 * random.nextUniform()];
    if (name.endsWith("Factor")) return [name, 0.8 + 0.2 * random.nextUniform()];
    if (name === "zzKhz") return [name, 300 * random.nextNormal()];
    return [name, (min < 0 ? 2 * random.nextUniform() - 1 : random.nextUniform()) * 0.1 * max];
  });
  return Object.fromEntries(entries) as Partial<NoiseKnobs>; // names of the table
}

const seeds = fc.integer({ min: 0, max: 1e6 });

test("every noisy program is physical: its distribution is one, and its steps preserve the trace", () => {
  fc.assert(
    fc.property(seeds, seeds, (circuitSeed, chipSeed) => {
      const chip = createChip("grid-1x3", { seed: chipSeed });
      const scheduled = randomSchedule(circuitSeed);
      const program = buildNoisyProgram(scheduled, {
        chip,
        knobs: randomKnobs(circuitSeed + chipSeed),
      });
      const distribution = exactDistribution(program, { nodes: 2 });
      expect(distribution.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
      expect(Math.min(...distribution)).toBeGreaterThan(-1e-12);
      for (const step of program.steps) {
        if (step.kind === "pauli") {
          expect(step.probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
          expect(Math.min(...step.probabilities)).toBeGreaterThanOrEqual(0);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("without noise the program is the circuit, whatever the waits", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const chip = createChip("grid-1x3", { seed });
      const scheduled = randomSchedule(seed);
      const ideal = exactDistribution(
        buildNoisyProgram(scheduled, { chip: createChip("grid-1x3-ideal") }),
      );
      const off = exactDistribution(buildNoisyProgram(scheduled, { chip, knobs: idealKnobs }));
      expect(Math.max(...ideal.map((p, index) => Math.abs(p - (off[index] ?? 0))))).toBeLessThan(
        1e-12,
      );
    }),
    { numRuns: 40 },
  );
});

test("a noise ladder starts at no noise, whatever else is set, and falls from rung to rung", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const chip = createChip("grid-1x3", { seed });
      const scheduled = randomSchedule(seed);
      const at = (factor: number): number =>
        predictedFidelity(scheduled, newestSnapshot(chip), {
          incoherentFactor: 0.9,
          ...scaleNoise(factor),
        }).total;
      expect(at(0)).toBeCloseTo(1, 12);
      expect(at(0.5)).toBeLessThan(1);
      expect(at(1)).toBeLessThan(at(0.5));
      const extras = {
        incoherentFactor: 0.9,
        leakage: 0.1,
        thermalPopulation: 0.1,
        zzKhz: 300,
        crosstalkPhaseRad: 0.2,
      };
      const off = buildNoisyProgram(scheduled, { chip, knobs: { ...extras, ...scaleNoise(0) } });
      expect(off.steps.every(({ kind }) => kind === "unitary")).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("predicted fidelity lies in 0..1, is 1 on an ideal chip, and falls when errors grow", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const chip = createChip("grid-1x3", { seed });
      const scheduled = randomSchedule(seed);
      expect(validateScheduled(chip, scheduled)).toEqual([]);
      const here = predictedFidelity(scheduled, newestSnapshot(chip)).total;
      const worse = predictedFidelity(scheduled, newestSnapshot(chip), {
        twoQubitErrorScale: 2,
        singleQubitErrorScale: 2,
      }).total;
      expect(here).toBeGreaterThan(0);
      expect(here).toBeLessThan(1);
      expect(worse).toBeLessThan(here);
      expect(predictedFidelity(scheduled, newestSnapshot(createChip("grid-1x3-ideal"))).total).toBe(
        1,
      );
    }),
    { numRuns: 40 },
  );
});
