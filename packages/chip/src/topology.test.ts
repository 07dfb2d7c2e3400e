import { expect, test } from "vitest";
import { connectedRegions, createGridTopology, createTopology } from "./topology.ts";

test("the 12 x 6 grid has 126 couplers and numbers row by row", () => {
  const { couplers, sites } = createGridTopology(12, 6);
  expect(couplers).toHaveLength(126);
  expect(sites[38]).toEqual({ row: 6, col: 2 });
  expect(couplers).toContainEqual({ a: 38, b: 44 });
});

test("couplers may be listed twice and in any direction", () => {
  const { couplers } = createTopology({
    qubits: 3,
    couplers: [
      { a: 2, b: 1 },
      { a: 1, b: 2 },
    ],
  });
  expect(couplers).toEqual([{ a: 1, b: 2 }]);
});

test("a coupler outside the qubits is refused with its place", () => {
  expect(() => createTopology({ qubits: 2, couplers: [{ a: 0, b: 2 }] })).toThrow(
    /topology\.couplers\[0\].*below 2.*\(0, 2\)/,
  );
});

test("regions come largest first and ignore couplers to qubits outside", () => {
  const couplers = [
    { a: 0, b: 1 },
    { a: 3, b: 4 },
    { a: 4, b: 5 },
    { a: 5, b: 6 },
  ];
  expect(connectedRegions([0, 1, 3, 4, 5], couplers)).toEqual([
    [3, 4, 5],
    [0, 1],
  ]);
});

test.each([
  [0, 3],
  [2.5, 2],
  [100, 100],
])("a grid of %d x %d is refused", (rows, cols) => {
  expect(() => createGridTopology(rows, cols)).toThrow(/at most 4,096/);
});

test.each([0, 1.5, 1e9, Number.NaN])("a topology of %d qubits is refused", (qubits) => {
  expect(() => createTopology({ qubits, couplers: [] })).toThrow(/1 to 100,000 qubits/);
});
