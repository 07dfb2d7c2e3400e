import type { BatchResult, Circuit, ExecutionUsage } from "@qtune/circuit";
import { circuitV1 } from "@qtune/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  batchFromWire,
  batchToWire,
  createResultCollector,
  rowResultsToWire,
  runOptionsFromWire,
  runOptionsToWire,
  usageFromWire,
  usageToWire,
} from "./execution.ts";

const real = fc.double({ noNaN: true, noDefaultInfinity: true });
const noText = (): never => {
  throw new Error("no text here");
};

const circuit: Circuit = {
  qubits: 2,
  clbits: 2,
  parameters: [
    { name: "w", role: "shared" },
    { name: "x", role: "row" },
    { name: "y", role: "row" },
  ],
  operations: [],
};

const batch = fc.integer({ min: 1, max: 9 }).chain((B) =>
  fc.record({
    circuit: fc.constant(circuit),
    B: fc.constant(B),
    shared: fc
      .array(real, { minLength: 1, maxLength: 1 })
      .map((values) => Float64Array.from(values)),
    rows: fc
      .array(real, { minLength: 2 * B, maxLength: 2 * B })
      .map((values) => Float64Array.from(values)),
    observables: fc.constant([
      { terms: [{ coefficient: 1, paulis: [{ qubit: 0, pauli: "Z" as const }] }] },
    ]),
  }),
);

const usage: ExecutionUsage = {
  circuits: 3,
  shots: 6e9,
  chipSeconds: 0.5,
  chipJobs: 1,
  parallelMax: 3,
  parallelMean: 3,
};

describe("a batch", () => {
  test("comes back from its bytes as it was", () => {
    fc.assert(
      fc.property(batch, (original) => {
        const bytes = circuitV1.CircuitBatch.encode(batchToWire(original)).finish();
        expect(batchFromWire(circuitV1.CircuitBatch.decode(Buffer.from(bytes)), noText)).toEqual(
          original,
        );
      }),
    );
  });

  test.each([
    ["no rows", { rows: 0 }, "batch.rows"],
    [
      "too few values",
      { rows: 2, sharedValues: Buffer.alloc(8), rowValues: Buffer.alloc(24) },
      "batch.row_values",
    ],
    [
      "a value that is not finite",
      { rows: 1, sharedValues: Buffer.alloc(8, 0xff), rowValues: Buffer.alloc(16) },
      "batch.shared_values[0]",
    ],
  ])("with %s is refused by place", (_, change, where) => {
    const message = {
      ...batchToWire({
        circuit,
        B: 1,
        shared: new Float64Array(1),
        rows: new Float64Array(2),
        observables: [],
      }),
      ...change,
    };
    expect(() => batchFromWire(message, noText)).toThrowError(
      expect.objectContaining({ message: expect.stringContaining(where) }),
    );
  });
});

test("run options come back as they were", () => {
  const options = {
    shots: 1000,
    seed: (1n << 64n) - 1n,
    returns: ["counts", "probabilities"] as const,
    precision: "float64" as const,
  };
  expect(runOptionsFromWire(runOptionsToWire(options))).toEqual(options);
  expect(runOptionsFromWire(runOptionsToWire({}))).toEqual({ returns: [] });
});

test("usage comes back as it was, with and without what is optional", () => {
  expect(usageFromWire(usageToWire(usage))).toEqual(usage);
  const full = { ...usage, snapshotId: "abc", seed: 7n };
  expect(usageFromWire(usageToWire(full))).toEqual(full);
});

describe("results in parts", () => {
  const result: BatchResult = {
    expectations: Float64Array.from({ length: 10 }, (_, i) => i / 10),
    standardErrors: Float64Array.from({ length: 10 }, (_, i) => i / 100),
    counts: Array.from({ length: 5 }, (_, row) => new Map([["0101", row + 1]])),
    probabilities: Array.from({ length: 5 }, (_, row) => new Map([["11", row / 5]])),
    usage,
  };

  test("give the whole, in any order and with repeats", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (order) => {
        const collector = createResultCollector(5, 2, { returns: ["counts", "probabilities"] });
        for (const row of [...order, 0]) collector.add(rowResultsToWire(result, 2, row, 1));
        expect(collector.finish(usage)).toEqual(result);
      }),
    );
  });

  test("with a row missing are data_loss", () => {
    const collector = createResultCollector(5, 2);
    collector.add(rowResultsToWire(result, 2, 0, 4));
    expect(() => collector.finish(usage)).toThrowError(
      expect.objectContaining({ code: "data_loss" }),
    );
  });
});
