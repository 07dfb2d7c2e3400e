import { type Observable, circuitBuilder, pauliZ } from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import {
  estimateObservables,
  planMeasurements,
  rememberMeasurements,
  restrictCounts,
} from "./measurement.ts";

const circuit = circuitBuilder(3).h(0).cx(0, 1).build();
const term = (coefficient: number, text: string) => ({
  coefficient,
  paulis: [...text].flatMap((pauli, qubit) =>
    pauli === "X" || pauli === "Y" || pauli === "Z"
      ? [{ qubit, pauli: pauli as "X" | "Y" | "Z" }]
      : [],
  ),
});
const observable = (...terms: readonly ReturnType<typeof term>[]): Observable => ({ terms });

describe("planMeasurements", () => {
  test("terms that agree where they meet share one circuit", () => {
    const plan = planMeasurements(
      circuit,
      [observable(term(1, "XI"), term(1, "XZ")), observable(term(1, "IZX")), pauliZ(0)],
      false,
    );
    expect(plan.measured).toHaveLength(2); // X Z X, and Z on qubit 0
  });

  test("counts are read in the first circuit, which Z terms share", () => {
    const plan = planMeasurements(circuit, [pauliZ(2)], true);
    expect(plan.measured).toHaveLength(1);
    expect(plan.counts).toEqual({ measured: 0, clbits: 3 });
  });

  test("refuses qubits that are not there", () => {
    expect(() => planMeasurements(circuit, [pauliZ(3)], false)).toThrow(
      /observables\[0\]\.terms\[0\]: expected qubits below 3 .* qubit 3/,
    );
  });

  test.each([
    ["a gate", circuitBuilder(2).h(0).measure(0, 0).h(0).measure(1, 1).build()],
    ["a second measurement", circuitBuilder(1).h(0).measure(0, 0).measure(0, 1).build()],
  ])("refuses %s behind a measurement instead of moving it", (what, late) => {
    for (const wantsCounts of [true, false])
      expect(() => planMeasurements(late, [pauliZ(0)], wantsCounts)).toThrow(
        new RegExp(
          `circuit\\.operations\\[2\\]: .* given ${what} on qubit 0 after it was measured`,
        ),
      );
  });

  test("one that remembers gives the same circuits for the same structure", () => {
    const measure = rememberMeasurements();
    const first = measure(circuit, [pauliZ(0)], true);
    expect(measure(circuit, [pauliZ(0)], true).measured[0]?.circuit).toBe(
      first.measured[0]?.circuit,
    );
    expect(measure(circuit, [pauliZ(1)], true)).not.toBe(first);
  });
});

describe("estimateObservables", () => {
  test("adds weighted parities and constants; terms read together share their correlation", () => {
    const plan = planMeasurements(
      circuit,
      [observable(term(2, "ZZ"), term(-1, "Z"), term(0.25, ""))],
      false,
    );
    const counts = new Map([
      ["00", 30],
      ["11", 10],
    ]);
    const [estimate] = estimateObservables(plan, [counts]);
    // Values per shot: 2 − 1 = 1 for 00, 2 + 1 = 3 for 11.
    const mean = (30 * 1 + 10 * 3) / 40;
    expect(estimate?.mean).toBeCloseTo(mean + 0.25, 12);
    expect(estimate?.variance).toBeCloseTo(
      (30 * (1 - mean) ** 2 + 10 * (3 - mean) ** 2) / 39 / 40,
      12,
    );
  });
});

test("restrictCounts sums over the bits that were added", () => {
  const counts = new Map([
    ["101", 3],
    ["001", 4],
    ["010", 5],
  ]);
  expect(restrictCounts(counts, 2)).toEqual(
    new Map([
      ["01", 7],
      ["10", 5],
    ]),
  );
  expect(restrictCounts(counts, 0)).toEqual(new Map([["", 12]]));
});
