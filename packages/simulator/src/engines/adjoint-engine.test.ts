import { createRandom } from "@qtune/base";
import {
  type Circuit,
  type CircuitBatch,
  type Observable,
  allPauliZ,
  gateTable,
  parameterNames,
  parseObservable,
  ringAnsatz,
} from "@qtune/circuit";
import { afterAll, describe, expect, test } from "vitest";
import { createLocalExecutor } from "../local-executor.ts";
import { randomCircuit } from "../testing/random-circuit.ts";
import { compileAdjoint, createAdjointEngine } from "./adjoint-engine.ts";
import { walshSumsInPlace, writeWalshInPlace } from "./walsh.ts";

const exact = createLocalExecutor({ precision: "float64", threads: 1 });
afterAll(() => exact.close());

const mixed: readonly Observable[] = ["0.7 X0 - 0.4 Z1", "1.3 Y0 X2 + 0.25", "-1 Z1 Y2"].map(
  parseObservable,
);
const cotangent = Float64Array.of(1, -0.5, 0.25);

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}

function batchOf(circuit: Circuit, observables: readonly Observable[], seed: string): CircuitBatch {
  const random = createRandom(seed);
  const draw = (length: number) =>
    Float64Array.from({ length }, () => 4 * random.nextUniform() - 2);
  const shared = draw(parameterNames(circuit, "shared").length);
  const rows = draw(parameterNames(circuit, "row").length);
  return { circuit, shared, rows, B: 1, observables };
}

/** The gradient of the large engine, whatever the size. */
async function large(batch: CircuitBatch, g: Float64Array, precision: "float32" | "float64") {
  await using engine = createAdjointEngine(batch.circuit.qubits, { precision, threads: 1 });
  const plan = compileAdjoint(batch.circuit);
  return await engine.pullBack(plan, batch.observables, g, {
    shared: batch.shared,
    row: batch.rows,
  });
}

async function weightedSum(batch: CircuitBatch, g: Float64Array): Promise<number> {
  const { expectations } = await exact.run(batch);
  return expectations.reduce((sum, value, i) => sum + value * g[i]!, 0);
}

async function centralDifference(
  batch: CircuitBatch,
  g: Float64Array,
  role: "shared" | "rows",
  index: number,
): Promise<number> {
  const moved = (by: number) =>
    weightedSum({ ...batch, [role]: batch[role].map((x, j) => (j === index ? x + by : x)) }, g);
  return ((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5;
}

const spread = (seed: string, n: number) =>
  randomCircuit({
    n,
    gates: 8,
    random: createRandom(seed),
    filter: (gate) => ["H", "RX", "CX"].includes(gate.name),
  }).operations;

describe("the adjoint on one state vector", () => {
  const parametrised = gateTable.filter((gate) => gate.angles.length > 0 && gate.qubits <= 3);

  test.each(parametrised.map((gate) => [gate.name, gate] as const))(
    "of %s equals central differences, the shift rule and the batched engine",
    async (name, gate) => {
      const random = createRandom("large", name);
      const one = randomCircuit({
        n: 3,
        gates: 3,
        random,
        shared: 2,
        rows: 2,
        filter: (other) => other.name === name,
      });
      const around = spread(name, 3);
      const batch = batchOf(
        { ...one, operations: [...around, ...one.operations, ...around] },
        mixed,
        name,
      );
      const gradient = await large(batch, cotangent, "float64");
      const batched = await exact.vjp(batch, cotangent);
      expect(distance(gradient.shared, batched.shared)).toBeLessThan(1e-9);
      expect(distance(gradient.row, batched.rows)).toBeLessThan(1e-9);
      for (let i = 0; i < 2; i++) {
        // The step 1e-5 leaves an error of the order of 1e-10 plus cancellation of 1e-11.
        const byShared = await centralDifference(batch, cotangent, "shared", i);
        expect(Math.abs(gradient.shared[i]! - byShared)).toBeLessThan(1e-8);
        const byRow = await centralDifference(batch, cotangent, "rows", i);
        expect(Math.abs(gradient.row[i]! - byRow)).toBeLessThan(1e-8);
      }
      const rough = await large(batch, cotangent, "float32");
      expect(distance(rough.shared, gradient.shared)).toBeLessThan(2e-5);
      expect(distance(rough.row, gradient.row)).toBeLessThan(2e-5);
      for (const [index, rule] of gate.shifts.entries()) {
        const angles = gate.angles.map((_, i) =>
          i === index ? { constant: 0, terms: [{ parameter: "t", coefficient: 1 }] } : 0.3 + i,
        );
        const qubits = [2, 0, 1].slice(0, gate.qubits);
        const operations = [
          ...around,
          { kind: "gate", gate: name, qubits, angles } as const,
          ...around,
        ];
        const parameters = [{ name: "t", role: "shared" }] as const;
        const circuit: Circuit = { qubits: 3, clbits: 0, parameters, operations };
        const single = { ...batchOf(circuit, mixed, name), shared: Float64Array.of(0.8) };
        let wanted = 0;
        for (const { coefficient, shiftRad } of rule.terms)
          wanted +=
            coefficient *
            (await weightedSum({ ...single, shared: Float64Array.of(0.8 + shiftRad) }, cotangent));
        const { shared } = await large(single, cotangent, "float64");
        expect(Math.abs(shared[0]! - wanted), `angle ${index}`).toBeLessThan(1e-9);
      }
    },
  );

  test("of 16 qubits equals central differences, in float32 too, for any number of threads", async () => {
    const batch = batchOf(ringAnsatz({ n: 16, layers: 1 }), allPauliZ(16), "sixteen");
    const g = Float64Array.from({ length: 16 }, (_, i) => Math.cos(i));
    const gradient = await exact.vjp(batch, g);
    for (const index of [0, 1, 12, 15, 20, 47])
      expect(
        Math.abs(gradient.shared[index]! - (await centralDifference(batch, g, "shared", index))),
      ).toBeLessThan(1e-8);
    expect(
      Math.abs(gradient.rows[14]! - (await centralDifference(batch, g, "rows", 14))),
    ).toBeLessThan(1e-8);
    const two = createLocalExecutor({ threads: 2 });
    const rough = await two.vjp(batch, g, { precision: "float32" });
    expect(distance(rough.shared, gradient.shared)).toBeLessThan(2e-5);
    const again = await two.vjp(batch, g, { precision: "float64" });
    expect([...again.shared]).toEqual([...gradient.shared]);
    await two.close();
  });

  test("of a batch is that of its rows, summed over them", async () => {
    const batch = batchOf(ringAnsatz({ n: 15, layers: 1 }), allPauliZ(15), "rows");
    const rows = Float64Array.of(...batch.rows, ...batch.rows.map((x) => 0.3 - x));
    const g = Float64Array.from({ length: 30 }, (_, i) => Math.sin(i));
    const both = await exact.vjp({ ...batch, rows, B: 2 }, g);
    const first = await exact.vjp(batch, g.subarray(0, 15));
    const second = await exact.vjp({ ...batch, rows: rows.slice(15) }, g.subarray(15));
    expect([...both.rows]).toEqual([...first.rows, ...second.rows]);
    expect([...both.shared]).toEqual([...first.shared.map((x, i) => x + second.shared[i]!)]);
  });

  test("is refused beforehand where it does not fit, with the figure", async () => {
    const batch = batchOf(ringAnsatz({ n: 28, layers: 1 }), allPauliZ(28), "too large");
    await expect(exact.vjp(batch, new Float64Array(28))).rejects.toThrow(
      /at most 3,072 MiB but a gradient over 28 qubits in float64 needs 10,240 MiB/,
    );
  });
});

describe("sums over Z strings", () => {
  const values = Float64Array.from({ length: 64 }, (_, x) => Math.sin(3 * x + 1));
  const sign = (bits: number): number =>
    bits.toString(2).replaceAll("0", "").length % 2 === 0 ? 1 : -1;

  test("equal the plain sums, repeated strings included", () => {
    const masks = [0, 5, 32, 63, 5, 34, 1];
    const sums = walshSumsInPlace(values.slice(), masks);
    const plain = masks.map((mask) => values.reduce((sum, v, x) => sum + sign(x & mask) * v, 0));
    expect(distance(sums, plain)).toBeLessThan(1e-12);
  });

  test("are written back by the transpose", () => {
    const terms = new Map([0, 9, 48, 3].map((mask, i) => [mask, 0.5 + i] as const));
    const written = new Float64Array(64);
    writeWalshInPlace(written, terms);
    const plain = written.map((_, x) =>
      [...terms].reduce((sum, [mask, c]) => sum + c * sign(x & mask), 0),
    );
    expect(distance(written, plain)).toBeLessThan(1e-12);
  });
});
