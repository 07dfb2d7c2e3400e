import { createRandom } from "@qtune/base";
import { type ChipModel, createCalibrationView, newestSnapshot } from "@qtune/chip";
import { type Circuit, type Operation, circuitBuilder } from "@qtune/circuit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { builtNeighbours } from "./chip-coupling.ts";
import { type CompileLevel, compileCircuit } from "./compile.ts";
import { planChipJobs } from "./plan.ts";
import { randomChipOf } from "./random-snapshots.suite.ts";
import { expectNative, expectSameUnitary } from "./same-unitary.suite.ts";

const seeds = fc.integer({ min: 0, max: 2 ** 31 });

/** Random rotations and entangling gates, all qubits measured or none. */
function randomCircuit(seed: number, n: number, isMeasured: boolean): Circuit {
  const random = createRandom(seed, "circuit");
  const operations: Operation[] = [];
  for (let k = 0; k < 3 + random.nextBelow(20); k++) {
    const a = random.nextBelow(n);
    const angles = [6 * random.nextUniform() - 3];
    const isPair = n > 1 && random.nextBelow(2) === 0;
    const b = (a + 1 + random.nextBelow(Math.max(1, n - 1))) % n;
    const gate = isPair
      ? (["CZ", "CX", "RZZ", "SWAP"] as const)
      : (["RX", "RY", "RZ", "H"] as const);
    const name = gate[random.nextBelow(4)] ?? "H";
    const takesAngle = name.startsWith("R");
    operations.push({
      kind: "gate",
      gate: name,
      qubits: isPair ? [a, b] : [a],
      angles: takesAngle ? angles : [],
    });
  }
  for (let qubit = 0; isMeasured && qubit < n; qubit++)
    operations.push({ kind: "measure", qubit, clbit: qubit });
  return { qubits: n, clbits: isMeasured ? n : 0, parameters: [], operations };
}

function largestRegion(chip: ChipModel): number {
  return createCalibrationView(newestSnapshot(chip)).regions[0]?.length ?? 0;
}

test("on any calibration a circuit that fits comes out native, coupled and with its unitary", () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 0, max: 3 }), (seed, level) => {
      const random = createRandom(seed);
      const chip = randomChipOf(random);
      const n = Math.min(1 + random.nextBelow(6), largestRegion(chip));
      const circuit = randomCircuit(seed, n, false);
      const compiled = compileCircuit(circuit, {
        chip,
        level: level as CompileLevel, // 0 to 3
        seed: BigInt(seed),
      });
      expectNative(compiled, chip);
      expectSameUnitary(circuit, compiled, chip, random);
      expect(compiled.predictedFidelity).toBeGreaterThanOrEqual(0);
      expect(compiled.predictedFidelity).toBeLessThanOrEqual(1);
    }),
    { numRuns: 120 },
  );
});

test("on any calibration a circuit that is too wide is refused with the size that fits", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const chip = randomChipOf(createRandom(seed));
      const most = largestRegion(chip);
      const chain = circuitBuilder(most + 1);
      for (let q = 0; q < most; q++) chain.cx(q, q + 1);
      const circuit = most === 0 ? circuitBuilder(1).h(0).build() : chain.build();
      expect(() => compileCircuit(circuit, { chip })).toThrow(
        new RegExp(`\\b${most} (qubits?|connected|or)|largest.*\\b${most}\\b`),
      );
    }),
    { numRuns: 60 },
  );
});

test("on any calibration packed circuits stand on working, disjoint, buffered regions, each exactly once", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = createRandom(seed);
      const chip = randomChipOf(random);
      const most = Math.min(4, largestRegion(chip));
      const circuits = Array.from({ length: 1 + random.nextBelow(4) }, (_, index) =>
        randomCircuit(seed + index, 1 + random.nextBelow(most), true),
      );
      const items = Array.from({ length: 1 + random.nextBelow(40) }, () => ({
        shape: random.nextBelow(circuits.length),
        user: `user ${random.nextBelow(3)}`,
      }));
      const bufferQubits = random.nextBelow(2) as 0 | 1; // 0 or 1
      const packing = { bufferQubits, relativeFloor: random.nextUniform() };
      const request = { chip, circuits, items, seed: BigInt(seed), packing };
      const plan = planChipJobs(request);
      expect(planChipJobs(request)).toEqual(plan);
      const live = new Set(newestSnapshot(chip).qubits.map(({ id }) => id));
      const near = builtNeighbours(chip);
      const executions = plan.jobs.flatMap((job) => job.executions);
      const seen = executions.flatMap((execution) => execution.items.map(({ item }) => item));
      expect(seen.toSorted((a, b) => a - b)).toEqual(items.map((_, index) => index));
      for (const execution of executions) {
        const owner = new Map<number, number>();
        for (const { item, place } of execution.items) {
          const qubits = plan.places[items[item]?.shape ?? -1]?.[place]?.qubits ?? [];
          expect(qubits.length).toBeGreaterThan(0);
          for (const qubit of qubits) {
            expect(live).toContain(qubit);
            expect(owner.has(qubit)).toBe(false);
            owner.set(qubit, item);
          }
        }
        if (bufferQubits === 0) continue;
        for (const [qubit, item] of owner) {
          for (const other of near[qubit] ?? [])
            expect([item, undefined]).toContain(owner.get(other));
        }
      }
    }),
    { numRuns: 80 },
  );
});
