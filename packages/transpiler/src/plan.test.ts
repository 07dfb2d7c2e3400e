import { createChip, newestSnapshot, predictedFidelity } from "@qtune/chip";
import { type Circuit, circuitBuilder, ringAnsatz } from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { compileCircuit } from "./compile.ts";
import { createCoupling } from "./coupling.ts";
import { listPlaces } from "./places.ts";
import { planChipJobs, planChipSeconds } from "./plan.ts";
import { openSchedule } from "./template.ts";

function measured(circuit: Circuit): Circuit {
  const measures = Array.from({ length: circuit.qubits }, (_, qubit) => ({
    kind: "measure" as const,
    qubit,
    clbit: qubit,
  }));
  return { ...circuit, clbits: circuit.qubits, operations: [...circuit.operations, ...measures] };
}

const ring = measured(ringAnsatz({ n: 4, layers: 1 }));
const path = measured(ringAnsatz({ n: 4, layers: 1, ansatz: "path" }));
const many = (count: number, shape = 0) => Array.from({ length: count }, () => ({ shape }));

describe("planChipJobs", () => {
  test("places rings on plaquettes and many of them side by side", () => {
    const chip = createChip("wukong-72");
    const plan = planChipJobs({ chip, circuits: [ring], items: many(200), seed: 1n });
    expect(plan.parallelMax).toBeGreaterThanOrEqual(5);
    const couplers = new Set(newestSnapshot(chip).couplers.map(({ a, b }) => `${a}-${b}`));
    for (const { layout = [] } of plan.places[0] ?? []) {
      layout.forEach((qubit, i) => {
        const next = layout[(i + 1) % 4] ?? 0;
        expect(couplers).toContain(`${Math.min(qubit, next)}-${Math.max(qubit, next)}`);
      });
    }
  });

  test("predicts of each place what compiling there predicts, within half a percent", () => {
    const chip = createChip("wukong-72");
    const plan = planChipJobs({ chip, circuits: [ring], items: many(50), seed: 1n });
    for (const place of plan.places[0] ?? []) {
      const compiled = compileCircuit(ring, { chip, layout: place.layout });
      expect(place.predictedFidelity).toBeCloseTo(compiled.predictedFidelity, 2);
    }
  });

  test("keeps every neighbour on the lattice idle", () => {
    const chip = createChip("wukong-72");
    const plan = planChipJobs({
      chip,
      circuits: [ring, path],
      items: [...many(30), ...many(30, 1)],
      seed: 1n,
    });
    const shapeOf = (item: number) => (item < 30 ? 0 : 1);
    for (const { executions } of plan.jobs) {
      for (const { items } of executions) {
        const owner = new Map(
          items.flatMap(({ item, place }, index) =>
            (plan.places[shapeOf(item)]?.[place]?.qubits ?? []).map(
              (qubit) => [qubit, index] as const,
            ),
          ),
        );
        for (const { a, b } of chip.topology.couplers) {
          if (owner.has(a) && owner.has(b)) expect(owner.get(a)).toBe(owner.get(b));
        }
      }
    }
  });

  test.each<[string, readonly (readonly [number, number])[]]>([
    ["four alone", []],
    ["a pair and two alone", [[0, 1]]],
    [
      "two pairs",
      [
        [0, 1],
        [2, 3],
      ],
    ],
    [
      "a chain of three and one alone",
      [
        [0, 1],
        [1, 2],
      ],
    ],
  ])("circuits that fall into parts (%s) pack no worse than rings", (_, pairs) => {
    const chip = createChip("wukong-72");
    const builder = circuitBuilder(4);
    for (const [a, b] of pairs) builder.h(a).cz(a, b).h(b);
    const circuit = measured(builder.h(0).h(1).h(2).h(3).build());
    const request = { chip, items: many(200), seed: 1n };
    const rings = planChipJobs({ ...request, circuits: [ring] });
    expect(planChipJobs({ ...request, circuits: [circuit] }).executions).toBeLessThanOrEqual(
      rings.executions,
    );
  });

  test("parts that only two far regions can hold find them among many better lone qubits", () => {
    const coupling = createCoupling({
      size: 26,
      qubits: Array.from({ length: 26 }, (_, qubit) => {
        const cost = qubit < 6 ? 0.01 : 0.001;
        return { qubit, pulse: cost, readout: cost };
      }),
      couplers: [
        [0, 1],
        [1, 2],
        [3, 4],
        [4, 5],
      ].map(([a = 0, b = 0]) => ({ a, b, cost: 0.03 })),
      lengths: { pulseNs: 30, czNs: 40, measureNs: 1000 },
    });
    const chains = circuitBuilder(6).h(0).cz(0, 1).cz(1, 2).cz(3, 4).cz(4, 5);
    const places = listPlaces(measured(chains.build()), coupling);
    expect(places.map(({ qubits }) => qubits)).toEqual([[0, 1, 2, 3, 4, 5]]);
  });

  test("the fidelity floor leaves bad places out", () => {
    const chip = createChip("wukong-72");
    const fidelities = (relativeFloor: number) =>
      (
        planChipJobs({
          chip,
          circuits: [ring],
          items: many(50),
          seed: 1n,
          packing: { relativeFloor },
        }).places[0] ?? []
      ).map((place) => place.predictedFidelity);
    const strict = fidelities(0.9);
    expect(Math.min(...strict)).toBeGreaterThanOrEqual(0.9 * Math.max(...strict) - 1e-12);
    expect(fidelities(0.2).length).toBeGreaterThan(strict.length);
  });

  test("a floor that no place reaches is an error with the best one", () => {
    const chip = createChip("wukong-72");
    expect(() =>
      planChipJobs({
        chip,
        circuits: [ring],
        items: many(1),
        seed: 1n,
        packing: { minFidelity: 0.999 },
      }),
    ).toThrow(/at least 0\.999 but was given 0\.\d+ at best \(qubits [\d, ]+\)/);
  });

  test("a circuit with no perfect match gets compact regions to be routed in", () => {
    const chip = createChip("grid-4x4");
    const star = measured(circuitBuilder(6).cx(0, 1).cx(0, 2).cx(0, 3).cx(0, 4).cx(0, 5).build());
    const plan = planChipJobs({ chip, circuits: [star], items: many(2), seed: 1n });
    expect(plan.places[0]?.[0]?.layout).toBeUndefined();
    expect(plan.places[0]?.[0]?.qubits).toHaveLength(6);
  });

  test("alone means one circuit per execution, on the best place", () => {
    const plan = planChipJobs({
      chip: createChip("wukong-72"),
      circuits: [ring],
      items: many(5),
      seed: 1n,
      packing: { parallel: false },
    });
    expect(plan).toMatchObject({ executions: 5, parallelMax: 1, parallelMean: 1 });
  });

  test("is deterministic, and packing saves chip time", () => {
    const chip = createChip("wukong-72");
    const request = { chip, circuits: [ring], items: many(200), seed: 3n };
    const plan = planChipJobs(request);
    expect(planChipJobs(request)).toEqual(plan);
    const alone = planChipJobs({ ...request, packing: { parallel: false } });
    expect(planChipSeconds(alone, chip, 1000) / planChipSeconds(plan, chip, 1000)).toBeGreaterThan(
      3,
    );
  });
});

describe("planChipJobs with crosstalk", () => {
  const chip = createChip("grid-6x6");
  const knobs = { simultaneousCzFactor: 0.9, zzKhz: 200, crosstalkPhaseRad: 0.1 };
  const packing = { bufferQubits: 0, relativeFloor: 0.2 } as const;
  const request = { chip, circuits: [ring], items: many(24), seed: 1n, packing };
  const total = (plan: ReturnType<typeof planChipJobs>) =>
    plan.jobs.flatMap(({ executions }) => executions.flatMap(({ items }) => items));

  test("predicts for each circuit what the noise model says beside the others", () => {
    const plan = planChipJobs({ ...request, knobs });
    for (const { executions } of plan.jobs) {
      for (const { items } of executions) {
        const schedules = items.map(({ place }) => {
          const layout = plan.places[0]?.[place]?.layout;
          const compiled = compileCircuit(ring, { chip, layout, knobs });
          return openSchedule(compiled.template).scheduled;
        });
        schedules.forEach((scheduled, at) => {
          const beside = schedules.filter((_, other) => other !== at);
          const exact = predictedFidelity(scheduled, newestSnapshot(chip), knobs, { chip, beside });
          expect(items[at]?.predictedFidelity).toBeCloseTo(exact.total, 2);
          const alone = plan.places[0]?.[items[at]?.place ?? -1]?.predictedFidelity ?? 0;
          expect(items[at]?.predictedFidelity).toBeLessThanOrEqual(alone + 1e-12);
        });
      }
    }
  });

  test("keeps everyone above the floor and costs less than packing without a look at it", () => {
    const aware = planChipJobs({ ...request, knobs });
    const best = Math.max(...(aware.places[0] ?? []).map((place) => place.predictedFidelity));
    const fidelities = total(aware).map((item) => item.predictedFidelity ?? 0);
    expect(fidelities).toHaveLength(24);
    expect(Math.min(...fidelities)).toBeGreaterThan(0.19 * best);
    const strict = planChipJobs({ ...request, knobs, packing: { ...packing, relativeFloor: 0.7 } });
    expect(strict.executions).toBeGreaterThan(aware.executions);
    expect(Math.min(...total(strict).map((item) => item.predictedFidelity ?? 0))).toBeGreaterThan(
      0.69 * best,
    );
  });

  test("with the idle buffer, and with crosstalk off, nobody disturbs anybody", () => {
    const buffered = planChipJobs({ ...request, knobs, packing: {} });
    for (const { place, predictedFidelity: beside } of total(buffered))
      expect(beside).toBe(buffered.places[0]?.[place]?.predictedFidelity);
    for (const item of total(planChipJobs(request))) expect(item.predictedFidelity).toBeUndefined();
  });
});
