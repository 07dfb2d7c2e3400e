import { createRandom } from "@qtune/base";
import { createChip, scaleNoise } from "@qtune/chip";
import { allPauliZ, circuitBuilder, ringAnsatz } from "@qtune/circuit";
import { createLocalExecutor } from "@qtune/simulator";
import { describe, expect, test } from "vitest";
import { createChipExecutor } from "./chip-executor.ts";
import { mitigateCounts, mitigatedZ } from "./readout-mitigation.ts";

describe("mitigatedZ", () => {
  test.each([
    { p10: 0, p01: 0 },
    { p10: 0.05, p01: 0.2 },
    { p10: 0.3, p01: 0.4 },
  ])(
    "averages to 1 for a prepared 0 and to −1 for a prepared 1 at P(1|0) = $p10, P(0|1) = $p01",
    (error) => {
      expect((1 - error.p10) * mitigatedZ(0, error) + error.p10 * mitigatedZ(1, error)).toBeCloseTo(
        1,
        12,
      );
      expect(error.p01 * mitigatedZ(0, error) + (1 - error.p01) * mitigatedZ(1, error)).toBeCloseTo(
        -1,
        12,
      );
    },
  );

  test("refuses a readout that tells nothing", () => {
    expect(() => mitigatedZ(0, { p10: 0.4, p01: 0.6 })).toThrow(/tells nothing/);
  });
});

describe("mitigateCounts", () => {
  test("undoes independent flips of a known distribution", () => {
    const errors = new Map([
      [0, { p10: 0.1, p01: 0.2 }],
      [1, { p10: 0.02, p01: 0.3 }],
    ]);
    // |01⟩ prepared: bit 0 is 1, bit 1 is 0; read frequencies are products.
    const counts = new Map([
      ["00", 0.98 * 0.2 * 1e4],
      ["01", 0.98 * 0.8 * 1e4],
      ["10", 0.02 * 0.2 * 1e4],
      ["11", 0.02 * 0.8 * 1e4],
    ]);
    const { quasiProbabilities, shotOverhead } = mitigateCounts(counts, errors);
    expect(quasiProbabilities.get("01")).toBeCloseTo(1, 10);
    expect([...quasiProbabilities.values()].reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 10);
    expect(shotOverhead).toBeGreaterThan(1);
  });

  test("standard errors agree with the spread of many samples", () => {
    const random = createRandom(3);
    const error = { p10: 0.1, p01: 0.25 };
    const estimates: number[] = [];
    let predicted = 0;
    for (let k = 0; k < 400; k++) {
      let ones = 0;
      for (let shot = 0; shot < 200; shot++) if (random.nextUniform() < 0.4) ones += 1;
      const { quasiProbabilities, standardErrors } = mitigateCounts(
        new Map([
          ["0", 200 - ones],
          ["1", ones],
        ]),
        new Map([[0, error]]),
      );
      estimates.push(quasiProbabilities.get("1") ?? 0);
      predicted += (standardErrors.get("1") ?? 0) / 400;
    }
    const mean = estimates.reduce((sum, x) => sum + x, 0) / 400;
    const spread = Math.sqrt(estimates.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 399);
    expect(Math.abs(spread / predicted - 1)).toBeLessThan(5 / Math.sqrt(2 * 400)); // 5 sigma of a sample deviation
  });
});

describe("createChipExecutor with readout mitigation", () => {
  test("brings expectation values closer to the exact ones, beside the raw ones and with larger errors", async () => {
    const circuit = ringAnsatz({ n: 2, layers: 1 });
    const batch = {
      circuit,
      shared: new Float64Array(8).fill(0.4),
      rows: Float64Array.from([0.3, 1.1, 2.0, -0.5]),
      B: 2,
      observables: allPauliZ(2),
    };
    const exact = await createLocalExecutor({ precision: "float64" }).run(batch);
    // Only readout is noisy here, so what is left after mitigation is shot noise.
    const knobs = {
      singleQubitErrorScale: 0,
      twoQubitErrorScale: 0,
      relaxationScale: 0,
      dephasingScale: 0,
      detuningScale: 0,
    };
    const options = { chip: createChip("wukong-72"), knobs, mitigation: "readout" as const };
    const result = await createChipExecutor(options).run(batch, { shots: 2000, seed: 1n });
    const { mitigated } = result;
    if (mitigated === undefined) throw new Error("nothing was mitigated");
    mitigated.expectations.forEach((value, index) => {
      expect(Math.abs(value - (exact.expectations[index] ?? 0))).toBeLessThan(
        5 * (mitigated.standardErrors[index] ?? 0),
      ); // 5 sigma
    });
    const bias = (values: Float64Array) =>
      values.reduce(
        (sum, value, index) => sum + Math.abs(value - (exact.expectations[index] ?? 0)),
        0,
      );
    expect(bias(mitigated.expectations)).toBeLessThan(bias(result.expectations));
    expect(mitigated.shotOverhead).toBeGreaterThan(1);
    const reported = await createChipExecutor({ ...options, report: "mitigated" }).run(batch, {
      shots: 2000,
      seed: 1n,
    });
    expect(reported.expectations).toEqual(mitigated.expectations);
  });

  test("knows of readout errors that the knobs scale", async () => {
    const chip = createChip("wukong-72");
    const circuit = circuitBuilder(1).x(0).build();
    const batch = {
      circuit,
      B: 1,
      shared: new Float64Array(0),
      rows: new Float64Array(0),
      observables: allPauliZ(1),
    };
    const knobs = { ...scaleNoise(0), readoutErrorScale: 2 };
    const executor = createChipExecutor({ chip, knobs, mitigation: "readout" });
    const { mitigated } = await executor.run(batch, { shots: 10_000, seed: 3n });
    const [value = 0] = mitigated?.expectations ?? [];
    const [error = 1] = mitigated?.standardErrors ?? [];
    expect(Math.abs(value + 1)).toBeLessThan(5 * error); // exactly −1; unscaled errors would leave twice 0.05 or more
    expect(error).toBeLessThan(0.02);
  });

  test("changes nothing where reading is perfect", async () => {
    const batch = {
      circuit: circuitBuilder(1).h(0).build(),
      shared: new Float64Array(0),
      rows: new Float64Array(0),
      B: 1,
      observables: allPauliZ(1),
    };
    const result = await createChipExecutor({
      chip: createChip("grid-1x2-ideal"),
      mitigation: "readout",
    }).run(batch, { shots: 100, seed: 1n });
    expect(result.mitigated?.expectations).toEqual(result.expectations);
    expect(result.mitigated?.shotOverhead).toBe(1);
  });
});
