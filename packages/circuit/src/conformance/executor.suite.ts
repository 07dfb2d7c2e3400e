/**
 * What every executor must do, in this process or on a remote machine. Exact executors are compared with closed formulas;
 * those that only sample, within five standard errors of them (or of the noise that the caller states).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Circuit,
  type CircuitBatch,
  type Executor,
  type RunOptions,
  parameterAngle,
  pauliZ,
} from "../index.ts";

/** What the suite is told of an executor. */
export interface ExecutorCase {
  readonly create: () => Promise<Executor>;
  /** Shots of every run. Absent: exact. */
  readonly shots?: number;
  /** How far values may be from those of a perfect machine, beside statistics. Default 1e-5. */
  readonly systematic?: number;
  /** Arithmetic of every run. Default: the executor's own. */
  readonly precision?: RunOptions["precision"];
}

/** RY(x) on qubit 0, then CX: ⟨Z₀⟩ = cos x and ⟨Z₁⟩ = cos x; RY(w) on qubit 1 afterwards: ⟨Z₁⟩ = cos x cos w. */
const circuit: Circuit = {
  qubits: 2,
  clbits: 2,
  parameters: [
    { name: "w", role: "shared" },
    { name: "x", role: "row" },
  ],
  operations: [
    { kind: "gate", gate: "RY", qubits: [0], angles: [parameterAngle("x")] },
    { kind: "gate", gate: "CX", qubits: [0, 1], angles: [] },
    { kind: "gate", gate: "RY", qubits: [1], angles: [parameterAngle("w")] },
  ],
};

const measured: Circuit = {
  ...circuit,
  operations: [
    ...circuit.operations,
    { kind: "measure", qubit: 0, clbit: 0 },
    { kind: "measure", qubit: 1, clbit: 1 },
  ],
};

const w = 0.4;
const inputs = [0, 0.3, 1.1, Math.PI / 2, 2.5, Math.PI, -0.7];

function batchOf(xs: readonly number[], structure = circuit): CircuitBatch {
  return {
    circuit: structure,
    shared: Float64Array.of(w),
    rows: Float64Array.from(xs),
    B: xs.length,
    observables: [pauliZ(0), pauliZ(1)],
  };
}

/** Declares the tests of an executor under a name. */
export function describeExecutor(name: string, given: ExecutorCase): void {
  describe(`executor ${name}`, () => {
    let executor: Executor;
    const { shots, systematic = 1e-5, precision } = given;
    const options: RunOptions = { shots, precision, ...(shots === undefined ? {} : { seed: 11n }) };

    beforeAll(async () => {
      executor = await given.create();
    });
    afterAll(async () => {
      await executor.close();
    });

    test("describes limits that a batch of two qubits is within", async () => {
      const { limits, exact, shots: range } = await executor.describe();
      expect(limits.maxQubits).toBeGreaterThanOrEqual(2);
      expect(limits.maxRows).toBeGreaterThanOrEqual(inputs.length);
      expect(shots === undefined ? exact : range !== undefined).toBe(true);
    });

    test("returns expectation values row by row", async () => {
      const { expectations, standardErrors } = await executor.run(batchOf(inputs), options);
      inputs.forEach((x, row) => {
        const exact = [Math.cos(x), Math.cos(x) * Math.cos(w)];
        exact.forEach((value, k) => {
          const spread = shots === undefined ? 0 : 5 / Math.sqrt(shots); // five standard errors at most
          const error = Math.abs((expectations[row * 2 + k] ?? Number.NaN) - value);
          expect(error, `row ${row}, observable ${k}`).toBeLessThanOrEqual(spread + systematic);
          if (shots === undefined) expect(standardErrors[row * 2 + k]).toBe(0);
        });
      });
    });

    test("gives the same again for the same seed", async () => {
      const first = await executor.run(batchOf(inputs), options);
      const second = await executor.run(batchOf(inputs), options);
      expect(second.expectations).toEqual(first.expectations);
    });

    test("runs several calls at a time, each with its own answer", async () => {
      const calls = inputs.map((x) => executor.run(batchOf([x]), options));
      const together = await Promise.all(calls);
      for (const [at, x] of inputs.entries()) {
        expect(together[at]?.expectations).toEqual(
          (await executor.run(batchOf([x]), options)).expectations,
        );
      }
    });

    test("counts say how often each outcome came", async ({ skip }) => {
      if ((await executor.describe()).shots === undefined)
        return skip("it computes exact values only");
      const { counts } = await executor.run(batchOf(inputs, measured), {
        seed: 5n,
        returns: ["counts"],
        shots: shots ?? 200,
      });
      expect(counts).toHaveLength(inputs.length);
      for (const row of counts ?? []) {
        for (const bits of row.keys()) expect(bits).toMatch(/^[01]{2}$/);
        expect([...row.values()].reduce((sum, count) => sum + count, 0)).toBe(shots ?? 200);
      }
    });

    test("estimates what a batch costs without running it", async () => {
      const estimate = await executor.estimate(batchOf(inputs), options);
      expect(estimate.circuits).toBeGreaterThanOrEqual(inputs.length);
      expect(estimate.shots).toBe(estimate.circuits * (shots ?? 0));
    });

    test("pulls a cotangent back: shared values are summed over rows", async ({ skip }) => {
      if (executor.vjp === undefined) return skip("it can only measure");
      const cotangent = Float64Array.from(inputs.flatMap((_, row) => [1, row]));
      const { shared, rows } = await executor.vjp(batchOf(inputs), cotangent, { precision });
      const slope = inputs.map((x, row) => -Math.sin(x) * (1 + row * Math.cos(w)));
      slope.forEach((value, row) => expect(rows[row]).toBeCloseTo(value, 4));
      const sum = inputs.reduce((total, x, row) => total - row * Math.cos(x) * Math.sin(w), 0);
      expect(shared[0]).toBeCloseTo(sum, 4);
    });

    test.each([
      ["too few row values", { rows: new Float64Array(3) }],
      ["a value that is not finite", { rows: Float64Array.of(Number.NaN, 0, 0, 0, 0, 0, 0) }],
      ["too many shared values", { shared: new Float64Array(2) }],
    ])("refuses %s with invalid_argument", async (_, change) => {
      const call = executor.run({ ...batchOf(inputs), ...change }, options);
      await expect(call).rejects.toMatchObject({ code: "invalid_argument" });
    });

    test("refuses a gate that does not exist with invalid_argument", async () => {
      const operations = [{ kind: "gate" as const, gate: "NO_SUCH_GATE", qubits: [0], angles: [] }];
      const call = executor.run(batchOf(inputs, { ...circuit, operations }), options);
      await expect(call).rejects.toMatchObject({ code: "invalid_argument" });
    });

    test("rejects with cancelled when its signal has fired", async () => {
      const call = executor.run(batchOf(inputs), { ...options, signal: AbortSignal.abort() });
      await expect(call).rejects.toMatchObject({ code: "cancelled" });
    });
  });
}
