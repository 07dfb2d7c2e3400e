import { isQtuneError } from "@qtune/base";
import { createChip, newestSnapshot } from "@qtune/chip";
import { type CircuitBatch, allPauliZ, circuitBuilder, ringAnsatz } from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { createChipExecutor } from "./chip-executor.ts";
import {
  chipUsage,
  combineChipResults,
  jobSeconds,
  planChipBatch,
  prepareChipBatch,
  runChipJob,
} from "./chip-run.ts";
import { createTaskRunner } from "./task-runner.ts";

function ringBatch(B: number, n = 4): CircuitBatch {
  const circuit = ringAnsatz({ n, layers: 1 });
  const shared = Float64Array.from({ length: 4 * n }, (_, i) => 0.3 * i - 1);
  const rows = Float64Array.from({ length: B * n }, (_, i) => Math.sin(1 + i));
  return { circuit, shared, rows, B, observables: allPauliZ(n) };
}

const bell: CircuitBatch = {
  circuit: circuitBuilder(2).h(0).cx(0, 1).build(),
  shared: new Float64Array(0),
  rows: new Float64Array(0),
  B: 1,
  observables: [
    {
      terms: [
        {
          coefficient: 1,
          paulis: [
            { qubit: 0, pauli: "X" },
            { qubit: 1, pauli: "X" },
          ],
        },
      ],
    },
    {
      terms: [
        {
          coefficient: 1,
          paulis: [
            { qubit: 0, pauli: "Y" },
            { qubit: 1, pauli: "Y" },
          ],
        },
      ],
    },
    {
      terms: [
        {
          coefficient: 2,
          paulis: [
            { qubit: 0, pauli: "Z" },
            { qubit: 1, pauli: "Z" },
          ],
        },
        { coefficient: 0.5, paulis: [] },
      ],
    },
  ],
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (isQtuneError(error) ? error.code : String(error)),
  );
}

describe("createChipExecutor", () => {
  test("an ideal chip gives the expectation values of a Bell pair in every basis", async () => {
    const executor = createChipExecutor({ chip: createChip("grid-2x3-ideal") });
    const { expectations, standardErrors, usage } = await executor.run(bell, {
      shots: 200,
      seed: 1n,
    });
    expect([...expectations]).toEqual([1, -1, 2.5]);
    expect([...standardErrors]).toEqual([0, 0, 0]);
    expect(usage.circuits).toBe(3);
  });

  test("standard errors are those of the sample", async () => {
    const plus: CircuitBatch = {
      ...bell,
      circuit: circuitBuilder(1).h(0).build(),
      observables: allPauliZ(1),
    };
    const executor = createChipExecutor({ chip: createChip("grid-1x2-ideal") });
    const { expectations, standardErrors } = await executor.run(plus, { shots: 400, seed: 2n });
    const mean = expectations[0] ?? 1;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(400)); // 5 sigma
    expect(standardErrors[0]).toBeCloseTo(Math.sqrt((1 - mean * mean) / 399), 12);
  });

  test("counts are over the qubits where a circuit measures nothing, and sum to the shots", async () => {
    const executor = createChipExecutor({ chip: createChip("wukong-72") });
    const { counts } = await executor.run(bell, { shots: 150, seed: 3n, returns: ["counts"] });
    const [first = new Map<string, number>()] = counts ?? [];
    expect([...first.values()].reduce((sum, count) => sum + count, 0)).toBe(150);
    for (const bits of first.keys()) expect(bits).toMatch(/^[01]{2}$/);
  });

  test("counts of a circuit with measurements are over its own bits only", async () => {
    const circuit = circuitBuilder(2, { clbits: 3 }).x(1).measure(1, 2).build();
    const executor = createChipExecutor({ chip: createChip("grid-1x2-ideal") });
    const { counts, expectations } = await executor.run(
      { ...bell, circuit, observables: allPauliZ(2) },
      { shots: 100, seed: 3n, returns: ["counts"] },
    );
    expect(counts).toEqual([new Map([["100", 100]])]);
    expect([...expectations]).toEqual([1, -1]);
  });

  test("the same seed gives the same counts, another seed others", async () => {
    const executor = createChipExecutor({ chip: createChip("wukong-72") });
    const run = (seed: bigint) =>
      executor.run(ringBatch(3), { shots: 100, seed, returns: ["counts"] });
    const first = await run(5n);
    expect(await run(5n)).toEqual(first);
    expect((await run(6n)).counts).not.toEqual(first.counts);
  });

  test("counts do not depend on the number of threads", async () => {
    const chip = createChip("wukong-72");
    const run = async (threads: number) => {
      const executor = createChipExecutor({ chip, threads });
      const { counts } = await executor.run(ringBatch(3), {
        shots: 700,
        seed: 5n,
        returns: ["counts"],
      });
      await executor.close();
      return counts;
    };
    expect(await run(2)).toEqual(await run(1));
  });

  test("a packed circuit gives the same counts as the same circuit alone on the same qubits", async () => {
    const chip = createChip("wukong-72");
    const prepared = prepareChipBatch(ringBatch(12), {
      chip,
      shots: 100,
      seed: 9n,
      wantsCounts: true,
    });
    const plan = planChipBatch(prepared, { chip });
    expect(plan.parallelMax).toBeGreaterThan(3);
    const [job] = plan.jobs;
    if (job === undefined) throw new Error("a plan without jobs");
    const together = await runChipJob(prepared, plan, job, createTaskRunner({ chip }));
    for (const execution of job.executions.toReversed()) {
      for (const item of execution.items) {
        const alone = await runChipJob(
          prepared,
          plan,
          { executions: [{ items: [item] }], circuits: 1 },
          createTaskRunner({ chip }),
        );
        expect(alone.get(item.item)).toEqual(together.get(item.item));
      }
    }
  });

  test("a stored plan runs again to the same result", async () => {
    const chip = createChip("wukong-72");
    const prepared = prepareChipBatch(ringBatch(6), {
      chip,
      shots: 100,
      seed: 4n,
      wantsCounts: false,
    });
    const plan = planChipBatch(prepared, { chip });
    const stored = JSON.parse(JSON.stringify({ ...plan, seed: String(plan.seed) })) as typeof plan;
    const runner = createTaskRunner({ chip });
    const results = async (from: typeof plan) => {
      const counts = await Promise.all(
        from.jobs.map((job) => runChipJob(prepared, from, job, runner)),
      );
      const list = prepared.tasks.map((_, task) =>
        counts.map((map) => map.get(task)).find((found) => found !== undefined),
      );
      return combineChipResults(prepared, list, chipUsage(prepared, plan, chip));
    };
    expect(await results(stored)).toEqual(await results(plan));
  });

  test("crosstalk lets neighbours matter, and only then", async () => {
    const chip = createChip("grid-4x4");
    const batch = ringBatch(4);
    const run = (knobs: { driveCrosstalk?: number }, bufferQubits: 0 | 1) =>
      createChipExecutor({ chip, knobs, packing: { bufferQubits, relativeFloor: 0 } }).run(batch, {
        shots: 100,
        seed: 1n,
        returns: ["counts"],
      });
    const quiet = await run({}, 0);
    expect(quiet.usage.parallelMax).toBeGreaterThan(1);
    expect((await run({ driveCrosstalk: 0.2 }, 0)).counts).not.toEqual(quiet.counts);
  });

  test("a chip that has drifted gives other counts, the same for the same calibration, time and seed", async () => {
    const chip = createChip("wukong-72");
    const run = (seconds: number, seed = 1n) =>
      createChipExecutor({
        chip,
        drift: { seconds, rates: { readoutF1: 0.3, czFidelity: 0.2 }, seed },
      }).run(ringBatch(3), { shots: 1000, seed: 5n });
    const [fresh, old, again, other] = await Promise.all([
      run(0),
      run(9 * 86_400),
      run(9 * 86_400),
      run(9 * 86_400, 2n),
    ]);
    expect(old.expectations).toEqual(again.expectations);
    expect(old.expectations).not.toEqual(fresh.expectations);
    expect(old.expectations).not.toEqual(other.expectations);
    expect(old.usage.snapshotId).toBe(newestSnapshot(chip).id);
  });

  test("usage counts executions, parallel circuits and chip seconds, and names snapshot and seed", async () => {
    const chip = createChip("wukong-72");
    const executor = createChipExecutor({ chip });
    const { usage } = await executor.run(ringBatch(10), { shots: 100, seed: 8n });
    expect(usage).toMatchObject({
      circuits: 10,
      shots: 1000,
      snapshotId: newestSnapshot(chip).id,
      seed: 8n,
    });
    expect(usage.parallelMean).toBeCloseTo(10 / usage.chipJobs, 12);
    const estimate = await executor.estimate(ringBatch(10), { shots: 100, seed: 8n });
    expect(estimate.chipSeconds).toBe(usage.chipSeconds);
    expect(estimate.parallelSlots).toBe(usage.parallelMax);
  });

  test("batches beyond 200 circuits are sliced into chip jobs, in order", () => {
    const chip = createChip("wukong-72");
    const prepared = prepareChipBatch(ringBatch(450), {
      chip,
      shots: 100,
      seed: 1n,
      wantsCounts: false,
    });
    const plan = planChipBatch(prepared, { chip });
    expect(plan.jobs.map((job) => job.circuits)).toEqual([200, 200, 50]);
    const items = plan.jobs.map((job) =>
      job.executions
        .flatMap((execution) => execution.items.map(({ item }) => item))
        .sort((a, b) => a - b),
    );
    expect(items[1]).toEqual(Array.from({ length: 200 }, (_, i) => 200 + i));
    const seconds = plan.jobs.reduce((sum, job) => sum + jobSeconds(job, chip, 100), 0);
    expect(chipUsage(prepared, plan, chip).chipSeconds).toBeCloseTo(seconds, 9);
  });

  test("equal rows are sampled apart unless asked otherwise", async () => {
    const chip = createChip("wukong-72");
    const batch = {
      ...ringBatch(1),
      B: 3,
      rows: Float64Array.from([0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.3, 0.4]),
    };
    const options = { shots: 100, seed: 1n, returns: ["counts"] as const };
    const apart = await createChipExecutor({ chip }).run(batch, options);
    expect(apart.usage.circuits).toBe(3);
    expect(apart.counts?.[0]).not.toEqual(apart.counts?.[1]);
    const shared = await createChipExecutor({ chip, deduplicate: true }).run(batch, options);
    expect(shared.usage.circuits).toBe(2);
    expect(shared.counts?.[0]).toEqual(shared.counts?.[1]);
    expect(shared.counts).toHaveLength(3);
  });

  test.each([
    { what: "no shots", options: {}, code: "invalid_argument" },
    { what: "too few shots", options: { shots: 99 }, code: "out_of_range" },
    { what: "too many shots", options: { shots: 10_001 }, code: "out_of_range" },
    {
      what: "probabilities",
      options: { shots: 100, returns: ["probabilities"] as const },
      code: "invalid_argument",
    },
  ])("refuses $what with $code", async ({ options, code }) => {
    const executor = createChipExecutor({ chip: createChip("wukong-72") });
    expect(await codeOf(executor.run(bell, options))).toBe(code);
  });

  test("refuses values that are missing or not finite", async () => {
    const executor = createChipExecutor({ chip: createChip("wukong-72") });
    const batch = ringBatch(2);
    expect(
      await codeOf(executor.run({ ...batch, shared: batch.shared.subarray(1) }, { shots: 100 })),
    ).toBe("invalid_argument");
    expect(
      await codeOf(
        executor.run(
          { ...batch, rows: batch.rows.map((x, i) => (i === 5 ? Number.NaN : x)) },
          { shots: 100 },
        ),
      ),
    ).toBe("invalid_argument");
  });

  test("says which size fits when a circuit is too wide", async () => {
    const executor = createChipExecutor({ chip: createChip("grid-2x2") });
    const wide = {
      ...bell,
      circuit: circuitBuilder(5).h(0).cx(0, 1).cx(1, 2).cx(2, 3).cx(3, 4).build(),
      observables: allPauliZ(5),
    };
    await expect(executor.run(wide, { shots: 100 })).rejects.toThrow(
      /expected at most 4 qubits, .* but was given 5; circuits of up to 4 qubits fit/,
    );
  });

  test("an abort ends a run", async () => {
    const executor = createChipExecutor({ chip: createChip("wukong-72") });
    const abort = new AbortController();
    const running = executor.run(ringBatch(400), { shots: 10_000, signal: abort.signal });
    setTimeout(() => abort.abort(), 30);
    expect(await codeOf(running)).toBe("cancelled");
  });
});

test("a physical plan runs circuits as they are written, on the qubits that they name", async () => {
  const chip = createChip("grid-2x3");
  const circuit = circuitBuilder(6).x(4).x(4).cz(4, 5).measure(4, 0).build();
  const batch = { ...bell, circuit: { ...circuit, clbits: 1 }, observables: [] };
  const prepared = prepareChipBatch(batch, { chip, shots: 100, seed: 1n, wantsCounts: true });
  const plan = planChipBatch(prepared, { chip, packing: { layout: "physical" } });
  expect(plan.places[0]).toEqual([expect.objectContaining({ qubits: [4, 5], physical: true })]);
  const compiled = createTaskRunner({ chip }).compile(
    prepared.measurement.measured[0]?.circuit ?? circuit,
    plan.places[0]?.[0] ?? { qubits: [], predictedFidelity: 0 },
  );
  expect(compiled.report).toMatchObject({ pulses: 2, cz: 1 });
});
