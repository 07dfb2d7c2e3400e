import type { Circuit, Operation } from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { assertOperationCount, countOperations } from "./operation-count.ts";

const gate = (name: string): Operation => ({ kind: "gate", gate: name, qubits: [0], angles: [] });

/** g0 = H, and each further gate is the one before it twice. */
function doubling(levels: number): Circuit {
  const definitions = Array.from({ length: levels + 1 }, (_, i) => ({
    name: `g${i}`,
    parameters: [],
    qubits: 1,
    body: i === 0 ? [gate("H")] : [gate(`g${i - 1}`), gate(`g${i - 1}`)],
  }));
  return {
    qubits: 1,
    clbits: 0,
    parameters: [],
    definitions,
    operations: [gate(`g${levels}`), gate("X")],
  };
}

describe("the number of operations", () => {
  test("counts defined gates by what they stand for, without writing them out", () => {
    expect(countOperations(doubling(3))).toBe(9);
    expect(countOperations(doubling(40))).toBe(2 ** 40 + 1);
  });

  test("counts every branch", () => {
    const condition = { kind: "equals", clbits: [0], value: 1n } as const;
    const branches: Operation = {
      kind: "if",
      condition,
      then: [gate("X"), gate("H")],
      else: [gate("Y")],
    };
    const loop: Operation = { kind: "while", condition, body: [branches], maxIterations: 3 };
    expect(countOperations({ qubits: 1, clbits: 1, parameters: [], operations: [loop] })).toBe(5);
  });

  test("refuses a gate that is defined by itself, and a circuit that is too long", () => {
    const own: Circuit = {
      ...doubling(0),
      definitions: [{ name: "g0", parameters: [], qubits: 1, body: [gate("g0")] }],
    };
    expect(() => countOperations(own)).toThrowError(
      expect.objectContaining({ code: "invalid_argument" }),
    );
    expect(() => assertOperationCount(doubling(5), 32)).toThrowError(
      expect.objectContaining({ code: "out_of_range" }),
    );
    expect(() => assertOperationCount(doubling(5), 33)).not.toThrowError();
  });
});
