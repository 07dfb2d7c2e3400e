import { describe, expect, test } from "vitest";
import { maxAngle } from "./angle.ts";
import type { Circuit, Operation } from "./circuit.ts";
import { expandCircuit } from "./expand.ts";
import { printCircuitJson } from "./json.ts";
import { mergeRotations } from "./passes.ts";
import { type CircuitFormat, readCircuit } from "./read.ts";

const gate = (fields: Partial<Operation>): Operation =>
  ({ kind: "gate", gate: "RX", qubits: [0], angles: [maxAngle], ...fields }) as Operation;
const circuitOf = (...operations: readonly Operation[]): Circuit => ({
  qubits: 2,
  clbits: 0,
  parameters: [],
  operations,
});
const qasm2 = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2];\n';
const qasm3 = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q;\n';

describe("angles beyond 2^53", () => {
  test.each<[CircuitFormat, string, what: string]>([
    ["qasm2", `${qasm2}rx(SIZE) q[0];`, "a number"],
    ["qasm2", `${qasm2}rx(2*SIZE/2) q[0];`, "a product"],
    ["qasm2", `${qasm2}gate g(t) a { rx(SIZE*t) a; } g(1) q[0];`, "a coefficient in a body"],
    ["qasm2", `${qasm2}gate g(t) a { rx(exp(t)*SIZE) a; } g(0) q[0];`, "a body that is evaluated"],
    ["qasm3", `${qasm3}rx(SIZE) q[0];`, ""],
    ["qasm3", `${qasm3}gate g(t) a { rx(SIZE*t) a; } g(1) q[0];`, "a coefficient in a body"],
    ["qasm3", `${qasm3}pow(SIZE) @ x q[0];`, "an exponent"],
    ["qasm3", `${qasm3}pow(2) @ gphase(SIZE/2);`, "a phase to a power"],
    ["originir", "QINIT 1\nCREG 1\nRX q[0],(SIZE)", ""],
    ["json", printCircuitJson(circuitOf(gate({ angles: [0.5] }))).replace("0.5", "SIZE"), ""],
  ])("%s refuses what it would accept at the bound: %s", (format, text) => {
    const read = (size: string): ReturnType<typeof readCircuit> =>
      readCircuit(text.replaceAll("SIZE", size), { format, fileName: "wide" });
    expect(read(String(maxAngle)).issues).toEqual([]);
    const [issue] = read("9007199254740994").issues;
    expect(issue?.file).toBe("wide");
    expect(issue?.expected).toMatch(/of at most 2\^53/);
  });

  test("that powers make are refused when the circuit is expanded", () => {
    expect(() => expandCircuit(circuitOf(gate({ power: 2 })))).toThrow(
      /the angles of RX grow beyond 2\^53 radian when the circuit is expanded: 18014398509481984/,
    );
  });

  test("are not made by merging rotations", () => {
    const circuit = circuitOf(gate({}), gate({}));
    expect(mergeRotations(circuit)).toEqual(circuit);
  });
});

test("a switch over no bit is refused", () => {
  const text = printCircuitJson({
    ...circuitOf({ kind: "switch", clbits: [0], cases: [] }),
    clbits: 1,
  });
  const [issue] = readCircuit(text.replace(/"clbits":\s*\[\s*0\s*\]/, '"clbits": []')).issues;
  expect(issue).toMatchObject({ expected: "at least one classical bit", given: "none" });
});
