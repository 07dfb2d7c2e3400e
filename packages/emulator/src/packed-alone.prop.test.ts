import { createRandom } from "@qtune/base";
import { type ChipModel, createChip, createSnapshot, newestSnapshot } from "@qtune/chip";
import { type Circuit, type Operation, parameterAngle } from "@qtune/circuit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { planChipBatch, prepareChipBatch, rowLookup, runChipJob } from "./chip-run.ts";
import { createTaskRunner } from "./task-runner.ts";

/** A grid of 4 by 4 with random dead qubits and couplers, and values up to the ends of their ranges. */
function randomChip(seed: number): ChipModel {
  const random = createRandom(seed, "chip");
  const chip = createChip("grid-4x4", { seed });
  const base = newestSnapshot(chip);
  const extreme = { method: "random", time: base.calibratedAt };
  const qubits = base.qubits
    .filter(({ id }) => id < 2 || random.nextUniform() > 0.2)
    .map(({ id, values }) => {
      const isWorst = random.nextBelow(5) === 0;
      const worst = { readoutF0: { value: 0.5, ...extreme }, t1Us: { value: 50, ...extreme } };
      return { id, values: isWorst ? { ...values, ...worst } : values };
    });
  const live = new Set(qubits.map(({ id }) => id));
  const couplers = base.couplers.filter(
    ({ a, b }) => live.has(a) && live.has(b) && (a + b === 1 || random.nextUniform() > 0.2),
  );
  return {
    ...chip,
    snapshots: [createSnapshot({ ...base, qubits, couplers }, chip.topology)],
  };
}

function randomCircuit(seed: number): Circuit {
  const random = createRandom(seed, "circuit");
  const operations: Operation[] = [
    { kind: "gate", gate: "RY", qubits: [0], angles: [parameterAngle("x")] },
  ];
  for (let k = 0; k < 8; k++) {
    const qubit = random.nextBelow(2);
    operations.push(
      random.nextBelow(3) === 0
        ? { kind: "gate", gate: "CZ", qubits: [0, 1], angles: [] }
        : { kind: "gate", gate: "RX", qubits: [qubit], angles: [6 * random.nextUniform()] },
    );
  }
  for (const qubit of [0, 1]) operations.push({ kind: "measure", qubit, clbit: qubit });
  return { qubits: 2, clbits: 2, parameters: [{ name: "x", role: "row" }], operations };
}

test("on any calibration a packed circuit gives the counts of the same circuit alone on its qubits", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 1e6 }),
      fc.constantFrom<0 | 1>(0, 1),
      async (number, bufferQubits) => {
        const chip = randomChip(number);
        const B = 12;
        const seed = BigInt(number);
        const batch = {
          circuit: randomCircuit(number),
          B,
          shared: new Float64Array(0),
          rows: Float64Array.from({ length: B }, (_, row) => row),
          observables: [],
        };
        const prepared = prepareChipBatch(batch, { chip, shots: 100, seed, wantsCounts: true });
        const packing = { bufferQubits, relativeFloor: 0.01 };
        const plan = planChipBatch(prepared, { chip, packing });
        const packed = await Promise.all(
          plan.jobs.map((job) => runChipJob(prepared, plan, job, createTaskRunner({ chip }))),
        );
        for (const { executions } of plan.jobs) {
          for (const { item, place } of executions.flatMap(({ items }) => items)) {
            const where = plan.places[0]?.[place];
            const circuit = prepared.measurement.measured[0]?.circuit;
            if (where === undefined || circuit === undefined) throw new Error("not in the plan");
            const alone = await createTaskRunner({ chip }).sample(
              { circuit, values: rowLookup(batch)(item), place: where },
              { shots: 100, seed, index: item },
            );
            expect(packed.find((counts) => counts.has(item))?.get(item)).toEqual(alone);
          }
        }
      },
    ),
    { numRuns: 25 },
  );
});
