import { expect, test } from "vitest";
import { allPauliZ, parseObservable, printObservable } from "./observable.ts";

test("Pauli sums are read and written", () => {
  const observable = parseObservable("0.5 Z1 X0 - 1.2e-1*Y3 + 2 - Z0");
  expect(observable.terms).toEqual([
    {
      coefficient: 0.5,
      paulis: [
        { qubit: 0, pauli: "X" },
        { qubit: 1, pauli: "Z" },
      ],
    },
    { coefficient: -0.12, paulis: [{ qubit: 3, pauli: "Y" }] },
    { coefficient: 2, paulis: [] },
    { coefficient: -1, paulis: [{ qubit: 0, pauli: "Z" }] },
  ]);
  expect(parseObservable(printObservable(observable))).toEqual(observable);
  expect(allPauliZ(2).map(printObservable)).toEqual(["1 Z0", "1 Z1"]);
});

test.each([
  ["", "a number"],
  ["Z0 Z0", "each qubit once"],
  ["Q1", "a Pauli operator"],
  ["1 +", "a number"],
  ["Z", "a Pauli operator"],
])("%j is refused", (text, expected) => {
  expect(() => parseObservable(text)).toThrow(expected);
});
