import { describe, expect, test } from "vitest";
import { type Issue, QtuneError } from "@qtune/base";
import { addAngles, scaleAngle } from "../angle.ts";
import { circuitBuilder } from "../builder.ts";
import type { Circuit, Operation } from "../circuit.ts";
import { gateTable } from "../gate-table.ts";
import { matrixDistance } from "../matrix.ts";
import { referenceDistribution } from "../reference-run.ts";
import { circuitUnitary } from "../unitary.ts";
import { detectOriginirDialect, parseOriginir } from "./parse.ts";
import { type OriginirDialect, printOriginir } from "./print.ts";

const dialects: readonly OriginirDialect[] = ["originir", "originir2"];

function program(body: string, qubits = 3, clbits = 3): Circuit {
  return parseOriginir(`QINIT ${qubits}\nCREG ${clbits}\n${body}`);
}

function issuesOf(text: string): readonly Issue[] {
  try {
    parseOriginir(text, { fileName: "a.originir" });
  } catch (error) {
    if (error instanceof QtuneError && error.code === "invalid_argument") return error.issues;
    throw error;
  }
  return [];
}

function expectRoundTrip(circuit: Circuit, dialect: OriginirDialect): void {
  expect(parseOriginir(printOriginir(circuit, { dialect }), { dialect })).toEqual(circuit);
}

describe.each(dialects)("%s", (dialect) => {
  test.each(gateTable.map((gate) => [gate.name, gate] as const))(
    "%s comes back, plain, inverted and controlled",
    (name, gate) => {
      const angles = gate.angles.map((_, i) => 0.1 + i / 3);
      const qubits = [...Array(gate.qubits).keys()].reverse();
      const circuit = circuitBuilder(gate.qubits + 1)
        .gate(name, qubits, angles)
        .gate(name, qubits, angles, { power: -1 })
        .gate(name, qubits, angles, { controls: [{ qubit: gate.qubits, value: 1 }], power: -1 })
        .build();
      expectRoundTrip(circuit, dialect);
    },
  );

  test.each(gateTable.map((gate) => [gate.name, gate] as const))(
    "%s written natively has the same unitary up to phase",
    (name, gate) => {
      const angles = gate.angles.map((_, i) => 0.1 + i / 3);
      const circuit = circuitBuilder(gate.qubits)
        .gate(name, [...Array(gate.qubits).keys()], angles)
        .build();
      const text = printOriginir(circuit, { dialect, native: true });
      expect(text).not.toMatch(/QGATE/);
      const again = circuitUnitary(parseOriginir(text, { dialect }));
      const [first = 0] = [...again.re.keys()].filter(
        (i) => Math.hypot(again.re[i]!, again.im[i]!) > 0.3,
      );
      const before = circuitUnitary(circuit);
      const phase =
        Math.atan2(before.im[first]!, before.re[first]!) -
        Math.atan2(again.im[first]!, again.re[first]!);
      const turned = circuitUnitary({ ...parseOriginir(text, { dialect }), globalPhase: phase });
      expect(matrixDistance(turned, before)).toBeLessThan(1e-12);
    },
  );

  test("phases, definitions, barriers, measurements and resets come back", () => {
    const inner = circuitBuilder(2);
    inner.rx(inner.parameter("a"), 0).cx(0, 1);
    const builder = circuitBuilder(3, { clbits: 2 }).define("kick", {
      ...inner.build(),
      globalPhase: 0.25,
    });
    const circuit = builder
      .phase(0.3)
      .gate("kick", [2, 0], [0.7])
      .barrier()
      .barrier(0, 2)
      .measure(0, 1)
      .reset(0)
      .control([1], (one) => one.phase(0.4).x(0))
      .phase(-0.1)
      .build();
    expectRoundTrip(circuit, dialect);
    expectRoundTrip({ ...circuit, globalPhase: 1.5 }, dialect);
  });

  test("what has no words becomes something equal", () => {
    const matrix = circuitUnitary(circuitBuilder(2).h(0).crx(0.3, 0, 1).t(1).build());
    const circuit = circuitBuilder(3)
      .unitary(matrix, [2, 0])
      .gate("H", [1], [], { power: 0.5 })
      .gate("X", [0], [], { controls: [{ qubit: 1, value: 0 }] })
      .gate("SWAP", [0, 2], [], { power: 3, controls: [{ qubit: 1, value: 1 }] })
      .build();
    const again = parseOriginir(printOriginir(circuit, { dialect }), { dialect });
    expect(matrixDistance(circuitUnitary(again), circuitUnitary(circuit))).toBeLessThan(1e-9);
  });

  test("conditions of any shape keep their outcomes", () => {
    const base = circuitBuilder(3, { clbits: 4 })
      .ry(1, 0)
      .ry(2, 1)
      .cx(0, 2)
      .measure(0)
      .measure(1)
      .measure(2);
    const circuit = base
      .if(
        { kind: "equals", clbits: [0, 1, 2], value: 5n },
        (one) => one.x(0),
        (one) => one.ry(0.3, 1),
      )
      .if({ kind: "less", clbits: [2, 0], value: 2n }, (one) => one.h(2))
      .if(
        {
          kind: "xor",
          of: [
            { kind: "equals", clbits: [0], value: 1n },
            { kind: "greater", clbits: [1, 2], value: 0n },
          ],
        },
        (one) => one.x(2),
      )
      .if(
        {
          kind: "or",
          of: [
            { kind: "not", of: { kind: "equals", clbits: [0], value: 0n } },
            {
              kind: "and",
              of: [
                { kind: "equals", clbits: [1], value: 1n },
                { kind: "equals", clbits: [2], value: 0n },
              ],
            },
          ],
        },
        (one) => one.y(0),
      )
      .append({
        kind: "switch",
        clbits: [0, 1],
        cases: [{ values: [0n, 3n], body: [{ kind: "gate", gate: "X", qubits: [1], angles: [] }] }],
        default: [{ kind: "reset", qubit: 2 }],
      })
      .measure(0, 0)
      .measure(1, 1)
      .measure(2, 3)
      .build();
    const again = referenceDistribution(
      parseOriginir(printOriginir(circuit, { dialect }), { dialect }),
    );
    for (const [key, p] of referenceDistribution(circuit))
      expect(again.get(key)).toBeCloseTo(p, 12);
  });
});

describe("reading QPanda2", () => {
  test("branches, loops and assignments", () => {
    const text =
      "QIF c[0]+2*c[1]==2 && !c[2]\nX q[0]\nELSE\nQWHILE c[1]\nX q[1]\nMEASURE q[1],c[1]\nENDQWHILE\nc[2]=!c[0]\nENDQIF";
    const circuit = program(text);
    expect(circuit.operations).toEqual([
      {
        kind: "if",
        condition: {
          kind: "and",
          of: [
            { kind: "equals", clbits: [0, 1], value: 2n },
            { kind: "not", of: { kind: "equals", clbits: [2], value: 1n } },
          ],
        },
        then: [{ kind: "gate", gate: "X", qubits: [0], angles: [] }],
        else: [
          {
            kind: "while",
            maxIterations: 1024,
            condition: { kind: "equals", clbits: [1], value: 1n },
            body: [
              { kind: "gate", gate: "X", qubits: [1], angles: [] },
              { kind: "measure", qubit: 1, clbit: 1 },
            ],
          },
          { kind: "assign", clbits: [2], value: [{ clbit: 0, inverted: true }] },
        ],
      },
    ]);
    expectRoundTrip(circuit, "originir2");
  });

  test("any expression over few bits is a condition", () => {
    const [operation] = program("QIF c[0]*c[1]+c[2] >= 1\nX q[0]\nENDQIF").operations;
    const condition = operation?.kind === "if" ? operation.condition : undefined;
    expect(condition).toMatchObject({ kind: "or" });
    expect(
      condition?.kind === "or" && condition.of.map((one) => one.kind === "equals" && one.value),
    ).toEqual([3n, 4n, 5n, 6n, 7n]);
  });

  test("a condition that never holds leaves the other branch, one value is one comparison", () => {
    expect(
      program("QIF c[0]*0\nX q[0]\nELSE\nY q[0]\nENDQIF\nQWHILE 0\nX q[0]\nENDQWHILE").operations,
    ).toEqual([{ kind: "gate", gate: "Y", qubits: [0], angles: [] }]);
    // Conditions that read no bit choose once and for all, in any nesting.
    expect(program("QIF 1\nX q[0]\nELSE\nY q[0]\nENDQIF").operations).toMatchObject([
      { gate: "X" },
    ]);
    expect(program("QIF !(1 && 0)\nX q[0]\nENDQIF").operations).toHaveLength(1);
    expect(program("QIF 1\nELSE\nENDQIF").operations).toEqual([]);
    expect(program("QIF c[0]*c[1]\nX q[0]\nENDQIF").operations[0]).toMatchObject({
      condition: { kind: "equals", clbits: [0, 1], value: 3n },
    });
  });

  test("loops are finite only with a bound, which is an option", () => {
    const circuit = parseOriginir("QINIT 1\nCREG 1\nQWHILE c[0]\nX q[0]\nENDQWHILE", {
      maxIterations: 7,
    });
    expect(circuit.operations[0]).toMatchObject({ kind: "while", maxIterations: 7 });
  });
});

describe("reading QPanda3", () => {
  test("QIF takes a list of bits, QELSEIF chains", () => {
    const circuit = program(
      "QIF c[0],c[2]\nX q[0]\nQELSEIF c[1]\nY q[0]\nQELSE\nZ q[0]\nQENDIF\nQWHILE c[1]\nH q[1]\nQENDWHILE",
    );
    const gate = (name: string): Operation => ({
      kind: "gate",
      gate: name,
      qubits: [0],
      angles: [],
    });
    expect(circuit.operations[0]).toEqual({
      kind: "if",
      condition: { kind: "equals", clbits: [0, 2], value: 3n },
      then: [gate("X")],
      else: [
        {
          kind: "if",
          condition: { kind: "equals", clbits: [1], value: 1n },
          then: [gate("Y")],
          else: [gate("Z")],
        },
      ],
    });
    expectRoundTrip(circuit, "originir");
  });

  test("IDLE is a delay", () => {
    const circuit = program("IDLE q[1],(30)");
    expect(circuit.operations).toEqual([{ kind: "delay", qubits: [1], durationNs: 30 }]);
    expectRoundTrip(circuit, "originir");
  });
});

describe("reading", () => {
  test("registers stand for all their elements", () => {
    expect(program("H q\nMEASURE q,c\nBARRIER q", 2, 2).operations).toEqual([
      ...[0, 1].map((qubit) => ({ kind: "gate", gate: "H", qubits: [qubit], angles: [] })),
      ...[0, 1].map((qubit) => ({ kind: "measure", qubit, clbit: qubit })),
      { kind: "barrier", qubits: [] },
    ]);
  });

  test("comments of three kinds, spaces and Windows line ends are skipped", () => {
    const text = "% one\r\nQINIT 1 # two\r\n\r\n  CREG 1 // three\r\n\tRX q[0] , ( PI / 2 )\r\n";
    expect(parseOriginir(text).operations).toEqual([
      { kind: "gate", gate: "RX", qubits: [0], angles: [Math.PI / 2] },
    ]);
  });

  test("ISWAP has +i, SQISWAP +i in QPanda3 and −i in QPanda2, whichever it looks like", () => {
    const twice = "SQISWAP q[0],q[1]\nSQISWAP q[0],q[1]";
    const text = `QINIT 2\nCREG 1\n${twice}`;
    const iswap = circuitUnitary(program("ISWAP q[0],q[1]", 2, 0));
    const inverse = circuitUnitary(program("DAGGER\nISWAP q[0],q[1]\nENDDAGGER", 2, 0));
    for (const [circuit, wanted] of [
      [parseOriginir(text), iswap],
      [parseOriginir(text, { dialect: "originir2" }), inverse],
      [parseOriginir(`${text}\nNOT q[0]\nNOT q[0]`), inverse],
      [parseOriginir(`${text}\nNOT q[0]\nNOT q[0]`, { dialect: "originir" }), iswap],
    ] as const)
      expect(matrixDistance(circuitUnitary(circuit), wanted)).toBeLessThan(1e-12);
  });

  test("QPanda3 ignores what follows a binary minus in a definition, and refuses names of its own gates", () => {
    const inner = circuitBuilder(1);
    const [a, b] = [inner.parameter("a"), inner.parameter("b")];
    const angle = addAngles(scaleAngle(a, 0.5), addAngles(scaleAngle(b, -0.5), -1));
    const circuit = circuitBuilder(1)
      .define("sdg", inner.rx(angle, 0).build())
      .gate("sdg", [0], [1, 2])
      .gate("SDG", [0])
      .build();
    const text = printOriginir(circuit);
    expect(text).toContain("RX a0,(0.5*a+-0.5*b+-1)");
    expect(text).not.toMatch(/^QGATE sdg\b/im);
    expect(printOriginir(circuit, { dialect: "originir2" })).toContain("(0.5*a-0.5*b-1)");
    const again = circuitUnitary(parseOriginir(text));
    expect(matrixDistance(again, circuitUnitary(circuit))).toBeLessThan(1e-12);
  });

  test("CONTROL and DAGGER blocks nest", () => {
    const circuit = program(
      "CONTROL q[2]\nDAGGER\nT q[0]\nCONTROL q[1]\nRX q[0],(0.3)\nENDCONTROL\nENDDAGGER\nENDCONTROL",
    );
    expect(circuit.operations).toEqual([
      {
        kind: "gate",
        gate: "RX",
        qubits: [0],
        angles: [0.3],
        power: -1,
        controls: [
          { qubit: 2, value: 1 },
          { qubit: 1, value: 1 },
        ],
      },
      {
        kind: "gate",
        gate: "T",
        qubits: [0],
        angles: [],
        power: -1,
        controls: [{ qubit: 2, value: 1 }],
      },
    ]);
  });

  test.each([
    ["QINIT 1\nENDQIF", "originir2"],
    ["QINIT 1\nQIF c[0]==1\n", "originir2"],
    ["QINIT 1\nQIF c[0]\nQENDIF", "originir"],
    ["QINIT 1\nH q[0]", "originir"],
  ])("%j is %s", (text, dialect) => {
    expect(detectOriginirDialect(text)).toBe(dialect);
  });
});

describe("errors", () => {
  test.each([
    [
      "no QINIT",
      "H q[0]",
      { line: 1, expected: "QINIT and the number of qubits in the first line" },
    ],
    ["an empty text", "", { expected: "QINIT and the number of qubits in the first line" }],
    ["a second QINIT", "QINIT 1\nQINIT 1", { line: 2 }],
    ["an unknown gate", "QINIT 1\nHH q[0]", { line: 2, column: 1, hint: "did you mean H?" }],
    ["a misspelt statement", "QINIT 1\nMEAUSRE q[0],c[0]", { hint: "did you mean MEASURE?" }],
    [
      "an index outside",
      "QINIT 2\nH q[2]",
      { line: 2, column: 5, expected: "an index from 0 to 1" },
    ],
    ["a bit without CREG", "QINIT 1\nMEASURE q[0],c[0]", { hint: "CREG says how many there are" }],
    ["the same qubit twice", "QINIT 2\nCNOT q[1],q[1]", { expected: "different qubits" }],
    ["a missing angle", "QINIT 1\nRX q[0]", { expected: "1 angle", given: "0" }],
    ["too many qubits", "QINIT 2\nH q[0],q[1]", { expected: "1 qubit", given: "2" }],
    [
      "a measurement in a CONTROL block",
      "QINIT 2\nCREG 1\nCONTROL q[1]\nMEASURE q[0],c[0]\nENDCONTROL",
      { line: 4, expected: "only gates in a CONTROL block" },
    ],
    ["a control that is acted on", "QINIT 2\nCONTROL q[1]\nX q[1]\nENDCONTROL", { line: 2 }],
    [
      "a block that stays open",
      "QINIT 1\nDAGGER\nH q[0]",
      { line: 2, given: "the end of the file" },
    ],
    ["an end without a block", "QINIT 1\nENDDAGGER", { given: "no open block" }],
    [
      "crossed blocks",
      "QINIT 2\nDAGGER\nCONTROL q[0]\nENDDAGGER",
      { given: "an open CONTROL block" },
    ],
    [
      "an index that is measured",
      "QINIT 2\nCREG 1\nH q[c[0]+1]",
      { hint: "an index that depends on a measurement is not a finite circuit" },
    ],
    [
      "classical integers",
      "QINIT 1\nCREG 1\nc[0]=c[0]+1",
      { hint: "classical values are single bits here" },
    ],
    ["text after a statement", "QINIT 1\nH q[0] q[0]", { expected: "the end of the line" }],
    ["division by zero", "QINIT 1\nRX q[0],(1/0)", { hint: "division by 0" }],
    ["a huge register", "QINIT 99999999999999999999", { expected: "a number from 1 to 1000000" }],
  ])("%s", (_, text, issue) => {
    expect(issuesOf(text)[0]).toMatchObject({ file: "a.originir", ...issue });
  });

  test("each bad line is reported", () => {
    expect(issuesOf("QINIT 1\nA q[0]\nH q[0]\nB q[0]\nRX q[0]").map((issue) => issue.line)).toEqual(
      [2, 4, 5],
    );
  });

  test("deep nesting and long chains neither crash nor hang", () => {
    expect(issuesOf(`QINIT 1\nRX q[0],(${"(".repeat(100_000)}`)[0]?.expected).toContain(
      "nested at most",
    );
    expect(issuesOf(`QINIT 1\nRX q[0],(1${"+1".repeat(100_000)})`)[0]?.expected).toContain("terms");
    expect(issuesOf(`QINIT 1\n${"DAGGER\n".repeat(100_000)}`)[0]?.expected).toContain(
      "nested at most",
    );
  });

  test.each([
    [
      "originir",
      circuitBuilder(1, { clbits: 1 })
        .append({ kind: "assign", clbits: [0], value: [1] })
        .build(),
      "circuit.operations[0]",
    ],
    ["originir2", circuitBuilder(2).h(0).delay(20, 1).build(), "circuit.operations[1]"],
    ["originir", circuitBuilder(1).delay(2.5, 0).build(), "circuit.operations[0]"],
  ] as const)("%s names the statement that it cannot say", (dialect, circuit, where) => {
    try {
      printOriginir(circuit, { dialect });
      expect.unreachable();
    } catch (error) {
      expect(error instanceof QtuneError && error.issues[0]?.where).toBe(where);
    }
  });
});

test("a block whose condition is wrong is reported once", () => {
  const issues = issuesOf(
    "QINIT 1\nCREG 1\nQIF c[0]==\nX q[0]\nENDQIF\nQWHILE\nX q[0]\nENDQWHILE\n",
  );
  expect(issues.map((issue) => issue.line)).toEqual([3, 6]);
});
