import { createChip } from "@qtune/chip";
import { type Circuit, type Operation, circuitBuilder } from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { compileCircuit } from "./compile.ts";
import { lowerCircuit } from "./lower.ts";

const circuitOf = (operations: readonly Operation[], qubits = 2, clbits = 2): Circuit => ({
  qubits,
  clbits,
  parameters: [],
  operations,
});
const x = (qubit: number): Operation => ({ kind: "gate", gate: "X", qubits: [qubit], angles: [] });
const measure = (qubit: number, clbit: number): Operation => ({ kind: "measure", qubit, clbit });

describe("lowerCircuit", () => {
  test.each([
    {
      what: "a gate after a measurement",
      operations: [measure(0, 0), x(0)],
      message: /measurement as the last operation of a qubit/,
    },
    {
      what: "a control on a measured qubit",
      operations: [
        measure(1, 0),
        { kind: "gate", gate: "X", qubits: [0], angles: [], controls: [{ qubit: 1, value: 1 }] },
      ] as Operation[],
      message: /on qubit 1 after it was measured/,
    },
    {
      what: "a second measurement",
      operations: [measure(0, 0), measure(0, 1)],
      message: /a second measurement/,
    },
    {
      what: "two qubits into one bit",
      operations: [measure(0, 0), measure(1, 0)],
      message: /bit 0 for qubits 0 and 1/,
    },
    {
      what: "a reset after a gate",
      operations: [x(0), { kind: "reset", qubit: 0 }] as Operation[],
      message: /resets at the start only/,
    },
    {
      what: "classical control",
      operations: [
        { kind: "if", condition: { kind: "equals", clbits: [0], value: 1n }, then: [x(0)] },
      ] as Operation[],
      message: /classical control \(if\).*simulator/,
    },
    {
      what: "an unknown gate",
      operations: [{ kind: "gate", gate: "NOPE", qubits: [0], angles: [] }] as Operation[],
      message: /NOPE/,
    },
  ])("refuses $what and says why", ({ operations, message }) => {
    expect(() => lowerCircuit(circuitOf(operations))).toThrow(message);
  });

  test("lists every problem at once", () => {
    expect(() => lowerCircuit(circuitOf([measure(0, 0), x(0), measure(0, 1)]))).toThrow(
      /and 1 more problem/,
    );
  });

  test("a reset at the start costs nothing", () => {
    expect(lowerCircuit(circuitOf([{ kind: "reset", qubit: 0 }, x(0)])).operations).toHaveLength(1);
  });

  test("a unitary of three qubits is taken apart into gates", () => {
    const re = Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0));
    const circuit = circuitOf([{ kind: "unitary", qubits: [0, 1, 2], re, im: re.map(() => 0) }], 3);
    expect(compileCircuit(circuit, { chip: createChip("grid-2x2") }).report.cz).toBe(0);
  });
});

describe("compileCircuit", () => {
  test("says which size fits when a circuit is too wide", () => {
    const wide = circuitBuilder(7)
      .h(0)
      .cx(0, 1)
      .cx(1, 2)
      .cx(2, 3)
      .cx(3, 4)
      .cx(4, 5)
      .cx(5, 6)
      .build();
    expect(() => compileCircuit(wide, { chip: createChip("grid-2x3") })).toThrow(
      /circuit\.qubits: expected at most 6 qubits, .* but was given 7; circuits of up to 6 qubits fit/,
    );
  });

  test("refuses a circuit with more layers than the chip takes", () => {
    const builder = circuitBuilder(2);
    for (let k = 0; k < 300; k++) builder.cx(0, 1).rx(0.3, 0).rx(0.2, 1);
    expect(() =>
      compileCircuit(builder.build(), { chip: createChip("wukong-72"), level: 0 }),
    ).toThrow(/at most 500 native layers/);
  });

  test("stays in the region that it is given, and refuses dead qubits there", () => {
    const chip = createChip("wukong-72");
    const pair = circuitBuilder(2).h(0).cx(0, 1).build();
    const region = [...compileCircuit(pair, { chip }).region];
    expect(compileCircuit(pair, { chip, region }).region).toEqual(region);
    expect(() => compileCircuit(pair, { chip, region: [0, 999] })).toThrow(
      /region\[1\]: expected a working qubit but was given 999/,
    );
  });

  test("Bell preparation takes two pulses and a CZ in 100 ns, as on the real chip", () => {
    const compiled = compileCircuit(circuitBuilder(2).h(0).cx(0, 1).measureAll().build(), {
      chip: createChip("wukong-72"),
    });
    expect(compiled.report).toMatchObject({ cz: 1, pulses: 3, layers: 3 });
    expect(compiled.durationNs).toBe(100);
  });

  test("the four CRZ of a ring run in two steps", () => {
    const crz = (a: number, b: number): Operation => ({
      kind: "gate",
      gate: "CRZ",
      qubits: [a, b],
      angles: [0.3 + a],
    });
    const ring = circuitOf([x(0), x(1), x(2), x(3), crz(0, 1), crz(1, 2), crz(2, 3), crz(3, 0)], 4);
    expect(compileCircuit(ring, { chip: createChip("grid-2x2") }).durationNs).toBeLessThanOrEqual(
      30 + 2 * 110 + 30,
    );
  });
});
