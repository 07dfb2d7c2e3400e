import { describe, expect, expectTypeOf, test } from "vitest";
import { type Issue, QtuneError } from "@qtune/base";
import { type Angle, parameterAngle } from "./angle.ts";
import { bindCircuit } from "./bind.ts";
import { circuitBuilder } from "./builder.ts";
import type { Circuit, Operation } from "./circuit.ts";
import { circuitFingerprint } from "./fingerprint.ts";
import { parseCircuitJson, printCircuitJson } from "./json.ts";
import { detectFormat, readCircuit } from "./read.ts";
import { sha256 } from "./sha256.ts";
import { assertCircuit, validateCircuit } from "./validate.ts";

describe("circuitBuilder", () => {
  test("has one method per gate, checked by the compiler", () => {
    const builder = circuitBuilder(3);
    expectTypeOf(builder.h).parameters.toEqualTypeOf<[qubit: number]>();
    expectTypeOf(builder.crz).parameters.toEqualTypeOf<
      [angle: Angle, first: number, second: number]
    >();
    expectTypeOf(builder.u3).parameters.toEqualTypeOf<
      [angle: Angle, angle: Angle, angle: Angle, qubit: number]
    >();
    // @ts-expect-error one qubit is missing
    expect(() => builder.cx(0).build()).toThrow(/CX on 2 qubits/);
  });

  test("collects parameters, bits and control flow", () => {
    const builder = circuitBuilder(2);
    const x = builder.parameter("x", "row");
    const circuit = builder
      .ry(x, 0)
      .rz(parameterAngle("w"), 1)
      .measure(0, 3)
      .if(
        3,
        (one) => one.x(1),
        (one) => one.y(1),
      )
      .build();
    expect(circuit.parameters).toEqual([
      { name: "x", role: "row" },
      { name: "w", role: "shared" },
    ]);
    expect(circuit.clbits).toBe(4);
    expect(circuit.operations[3]).toMatchObject({
      kind: "if",
      then: [{ gate: "X" }],
      else: [{ gate: "Y" }],
    });
  });

  test("composes circuits on other qubits", () => {
    const bell = circuitBuilder(2).h(0).cx(0, 1).measureAll().build();
    const circuit = circuitBuilder(4).compose(bell, [3, 1], [1, 0]).build();
    expect(circuit.operations).toEqual([
      { kind: "gate", gate: "H", qubits: [3], angles: [] },
      { kind: "gate", gate: "CX", qubits: [3, 1], angles: [] },
      { kind: "measure", qubit: 3, clbit: 1 },
      { kind: "measure", qubit: 1, clbit: 0 },
    ]);
  });
});

describe("bindCircuit", () => {
  const circuit = circuitBuilder(1)
    .rx({ constant: 1, terms: [{ parameter: "a", coefficient: 2 }] }, 0)
    .ry(parameterAngle("b"), 0)
    .build();

  test("binds some, replaces others by angles", () => {
    const bound = bindCircuit(circuit, { a: 0.25 });
    expect(bound.parameters.map((one) => one.name)).toEqual(["b"]);
    expect(bound.operations[0]).toMatchObject({ angles: [1.5] });
    const renamed = bindCircuit(circuit, {
      a: { constant: 0, terms: [{ parameter: "c", coefficient: 3 }] },
    });
    expect(renamed.operations[0]).toMatchObject({
      angles: [{ constant: 1, terms: [{ parameter: "c", coefficient: 6 }] }],
    });
    expect(renamed.parameters.map((one) => one.name)).toEqual(["c", "b"]);
  });

  test("refuses unknown names, values that are no angles, and values that make none", () => {
    expect(() => bindCircuit(circuit, { aa: 1 })).toThrow(/no parameter "aa"; did you mean a\?/);
    expect(() => bindCircuit(circuit, { a: Number.NaN })).toThrow(
      /values.a: expected an angle of at most 2\^53 radian but was given NaN/,
    );
    expect(() => bindCircuit(circuit, { a: 2 ** 53 })).toThrow(
      /the values make an angle larger than 2\^53 radian: 18014398509481984/,
    );
  });
});

describe("validateCircuit", () => {
  const base: Circuit = {
    qubits: 2,
    clbits: 1,
    parameters: [{ name: "t", role: "shared" }],
    operations: [],
  };
  const gate = (fields: Partial<Operation>): Operation =>
    ({ kind: "gate", gate: "CX", qubits: [0, 1], angles: [], ...fields }) as Operation;
  const cases: readonly (readonly [string, Partial<Circuit>, Partial<Issue>])[] = [
    [
      "an unknown gate",
      { operations: [gate({ gate: "CXX" } as Partial<Operation>)] },
      { where: "circuit.operations[0].gate", hint: "did you mean CX?" },
    ],
    [
      "a qubit outside",
      { operations: [gate({ qubits: [0, 2] } as Partial<Operation>)] },
      { where: "circuit.operations[0].qubits[1]", expected: "a qubit from 0 to 1" },
    ],
    [
      "the same qubit twice",
      { operations: [gate({ qubits: [1, 1] } as Partial<Operation>)] },
      { given: "(1, 1)" },
    ],
    [
      "a control that is a target",
      { operations: [gate({ controls: [{ qubit: 1, value: 1 }] } as Partial<Operation>)] },
      { where: "circuit.operations[0].controls" },
    ],
    [
      "an angle too many",
      { operations: [gate({ angles: [1] } as Partial<Operation>)] },
      { expected: "CX with 0 angles" },
    ],
    [
      "an undeclared parameter",
      { operations: [{ kind: "phase", angle: parameterAngle("tt") }] },
      { hint: "did you mean t?" },
    ],
    [
      "an angle that is not finite",
      { operations: [{ kind: "phase", angle: Number.NaN }] },
      { where: "circuit.operations[0].angle" },
    ],
    [
      "a bit outside",
      { operations: [{ kind: "measure", qubit: 0, clbit: 1 }] },
      { expected: "classical bits from 0 to 0" },
    ],
    [
      "a matrix that is not unitary",
      { operations: [{ kind: "unitary", qubits: [0], re: [1, 0, 0, 2], im: [0, 0, 0, 0] }] },
      { expected: "a unitary matrix" },
    ],
    [
      "registers of another size",
      { quantumRegisters: [{ name: "a", size: 3 }] },
      { where: "circuit.quantumRegisters", given: "3" },
    ],
    [
      "a definition that contains itself",
      {
        definitions: [
          {
            name: "g",
            parameters: [],
            qubits: 1,
            body: [{ kind: "gate", gate: "g", qubits: [0], angles: [] }],
          },
        ],
      },
      { given: "g → g" },
    ],
    [
      "a measurement in a definition",
      {
        definitions: [
          { name: "g", parameters: [], qubits: 1, body: [{ kind: "reset", qubit: 0 }] },
        ],
      },
      { expected: "only unitary operations in a definition" },
    ],
    [
      "a definition named like a table gate",
      { definitions: [{ name: "RX", parameters: [], qubits: 1, body: [] }] },
      { given: "RX" },
    ],
    [
      "an operation of no known kind",
      { operations: [{ kind: "dance" } as unknown as Operation] },
      { where: "circuit.operations[0].kind" },
    ],
    [
      "a place inside control flow",
      {
        operations: [
          {
            kind: "if",
            condition: { kind: "equals", clbits: [0], value: 1n },
            then: [{ kind: "reset", qubit: 9 }],
          },
        ],
      },
      { where: "circuit.operations[0].then[0].qubits[0]" },
    ],
  ];
  test.each(cases)("%s", (_, change, issue) => {
    expect(validateCircuit({ ...base, ...change })[0]).toMatchObject(issue);
  });

  test("assertCircuit throws the first and counts the others", () => {
    const bad = {
      ...base,
      operations: [
        gate({ qubits: [0, 2] } as Partial<Operation>),
        gate({ gate: "Q" } as Partial<Operation>),
      ],
    };
    expect(() => assertCircuit(bad)).toThrow(/operations\[0\].*\n\(and 1 more problem\)/s);
  });
});

describe("circuitFingerprint", () => {
  test("is SHA-256", () => {
    expect(sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(sha256("ä".repeat(100)).length).toBe(64);
  });

  test("does not depend on the order of keys, the name or absent defaults", () => {
    const circuit = circuitBuilder(2, { name: "a" }).rx(0.5, 0).cx(0, 1).build();
    const [first, second] = circuit.operations;
    const same: Circuit = {
      operations: [
        { angles: [0.5], qubits: [0], gate: "RX", kind: "gate", power: 1, controls: [] },
        second ?? first!,
      ],
      parameters: [],
      clbits: 0,
      qubits: 2,
      globalPhase: 0,
    };
    expect(circuitFingerprint(same)).toBe(circuitFingerprint(circuit));
    expect(circuitFingerprint({ ...circuit, clbits: 1 })).not.toBe(circuitFingerprint(circuit));
  });

  test("stays the same across versions", () => {
    expect(circuitFingerprint(circuitBuilder(2).h(0).cx(0, 1).build())).toBe(
      "ca90f4a34c5112dd43afbe79dad4fe23c6468cca5e9c4a27594c48e71f8c5747",
    );
  });
});

describe("JSON", () => {
  const circuit: Circuit = {
    ...circuitBuilder(2, { name: "all" })
      .rx(parameterAngle("t"), 0)
      .control([0], (one) => one.x(1))
      .measure(0)
      .build(),
    globalPhase: 0.5,
  };

  test("comes back, with big integers", () => {
    const big: Circuit = {
      ...circuit,
      operations: [
        ...circuit.operations,
        {
          kind: "if",
          condition: { kind: "equals", clbits: [0], value: 2n ** 80n },
          then: [],
          else: [],
        },
        { kind: "switch", clbits: [0], cases: [{ values: [1n], body: [] }] },
      ],
    };
    expect(parseCircuitJson(printCircuitJson(big))).toEqual(big);
  });

  test.each([
    ["{", "JSON"],
    ["[]", "an object"],
    ['{"schema":"qtune.circuit/9"}', '"qtune.circuit/1"'],
    [
      '{"schema":"qtune.circuit/1","qubits":"2","clbits":0,"parameters":[],"operations":[]}',
      "a number",
    ],
    [
      '{"schema":"qtune.circuit/1","qubits":1,"clbits":0,"parameters":[],"operations":[{"kind":"gate","gate":"H","qubits":[5],"angles":[]}]}',
      "a qubit from 0 to 0",
    ],
    [
      '{"schema":"qtune.circuit/1","qubits":1,"clbits":0,"parameters":[],"operations":[{"kind":"toString"}]}',
      "one of gate",
    ],
    [
      '{"schema":"qtune.circuit/1","qubits":1,"clbits":0,"parameters":[],"operations":[{"kind":"reset","qubit":0,"why":1}]}',
      "one of kind, qubit",
    ],
  ])("%s is refused", (text, expected) => {
    try {
      parseCircuitJson(text);
      expect.unreachable();
    } catch (error) {
      expect(error instanceof QtuneError && error.issues[0]?.expected).toContain(expected);
    }
  });
});

describe("readCircuit", () => {
  test.each([
    ['OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\nh q[0];\n', "qasm2"],
    ['// c\nOPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q;\nh q[0];\n', "qasm3"],
    ['include "stdgates.inc";\nqubit q; h q;', "qasm3"],
    ['include "qelib1.inc";\nqreg q[1];\nh q[0];', "qasm2"],
    ["QINIT 1\nCREG 1\nH q[0]", "originir"],
    ["% c\nQINIT 1\nCREG 1\nQIF c[0]==1\nH q[0]\nENDQIF", "originir2"],
    [printCircuitJson(circuitBuilder(1).h(0).build()), "json"],
  ])("finds out the format of %j", (text, format) => {
    expect(detectFormat(text)).toBe(format);
    expect(readCircuit(text)).toMatchObject({ format, issues: [], circuit: { qubits: 1 } });
  });

  test("reads UTF-16 with a byte order mark and refuses it without", () => {
    const text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; h q[0];';
    const utf16 = (mark: string): Uint8Array =>
      Uint8Array.from(
        [...(mark + text)].flatMap((c) => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8]),
      );
    expect(readCircuit(utf16("\ufeff")).issues).toEqual([]);
    expect(readCircuit(utf16("")).issues[0]?.hint).toContain("UTF-16");
    expect(readCircuit(new Uint8Array([0xff, 0xff, 0xff])).issues.length).toBeGreaterThan(0);
  });

  test("returns issues instead of throwing, with the file's name", () => {
    expect(
      readCircuit("OPENQASM 2.0; qreg q[1]; h q[0];", { fileName: "x.qasm" }).issues[0],
    ).toMatchObject({ file: "x.qasm", hint: 'add include "qelib1.inc";' });
    expect(readCircuit("x".repeat(100), { maxSize: 10 }).issues[0]?.expected).toBe(
      "at most 10 characters",
    );
  });
});

test("a case without values, a condition without bits and a loop over a constant are refused", () => {
  const never = { kind: "or", of: [] } as const;
  const issues = validateCircuit({
    qubits: 1,
    clbits: 1,
    parameters: [],
    operations: [
      { kind: "switch", clbits: [0], cases: [{ values: [], body: [] }] },
      { kind: "if", condition: { kind: "equals", clbits: [], value: 0n }, then: [] },
      { kind: "while", condition: never, body: [], maxIterations: 1 },
    ],
  });
  expect(issues.map((issue) => issue.where)).toEqual([
    "circuit.operations[0].cases[0].values",
    "circuit.operations[1].condition.clbits",
    "circuit.operations[2].condition",
  ]);
});
