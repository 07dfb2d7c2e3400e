import { describe, expect, test } from "vitest";
import { type Issue, QtuneError } from "@qtune/base";
import type { Circuit, Operation } from "../circuit.ts";
import { circuitUnitary } from "../unitary.ts";
import { matrixDistance } from "../matrix.ts";
import { parseQasm2, type Qasm2Options } from "./parse.ts";
import { printQasm2 } from "./print.ts";

const head = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n';

function parse(body: string, options: Qasm2Options = {}): Circuit {
  return parseQasm2(head + body, options);
}

function gates(circuit: Circuit): readonly string[] {
  return circuit.operations.map((operation: Operation) =>
    operation.kind === "gate" ? `${operation.gate} ${operation.qubits.join()}` : operation.kind,
  );
}

function issuesOf(text: string, options: Qasm2Options = {}): readonly Issue[] {
  try {
    parseQasm2(text, { fileName: "a.qasm", ...options });
  } catch (error) {
    if (error instanceof QtuneError && error.code === "invalid_argument") return error.issues;
    throw error;
  }
  return [];
}

describe("statements", () => {
  test("registers number their qubits and bits in the order of declaration", () => {
    const circuit = parse(
      "qreg a[2]; creg m[1]; qreg b[1]; creg n[2]; cx a[1],b[0]; measure b[0] -> n[1];",
    );
    expect(circuit.qubits).toBe(3);
    expect(circuit.operations).toEqual([
      { kind: "gate", gate: "CX", qubits: [1, 2], angles: [] },
      { kind: "measure", qubit: 2, clbit: 2 },
    ]);
    expect(circuit.quantumRegisters).toEqual([
      { name: "a", size: 2 },
      { name: "b", size: 1 },
    ]);
  });

  test("a gate on registers is repeated", () => {
    expect(gates(parse("qreg a[2]; qreg b[2]; h a; cx a,b; cx a[0],b;"))).toEqual([
      "H 0",
      "H 1",
      "CX 0,2",
      "CX 1,3",
      "CX 0,2",
      "CX 0,3",
    ]);
  });

  test("U and CX are part of the language", () => {
    const circuit = parseQasm2("OPENQASM 2.0; qreg q[2]; U(0.1,0.2,0.3) q[0]; CX q[0],q[1];");
    expect(gates(circuit)).toEqual(["U3 0", "CX 0,1"]);
  });

  test("if compares a whole register with a number of any size", () => {
    const circuit = parse(
      "qreg q[1]; creg c[2]; if(c==340282366920938463463374607431768211456) x q[0];",
    );
    expect(circuit.operations[0]).toEqual({
      kind: "if",
      condition: { kind: "equals", clbits: [0, 1], value: 2n ** 128n },
      then: [{ kind: "gate", gate: "X", qubits: [0], angles: [] }],
    });
  });

  test("comments, line ends of every kind and a byte order mark are skipped", () => {
    expect(
      gates(parseQasm2(`\ufeff// first\r\n${head}qreg q[1]; // a register\r\n\th q[0]; // last`)),
    ).toEqual(["H 0"]);
  });
});

describe("expressions", () => {
  test.each([
    ["pi/2", Math.PI / 2],
    ["-pi/4", -Math.PI / 4],
    ["-2^2", -4],
    ["2^3^2", 512],
    ["2^-1", 0.5],
    ["1-2-3", -4],
    ["8/2/2", 2],
    ["sin(pi/2)+cos(0)*ln(exp(2))", 3],
    ["sqrt(2)*tan(0.5)", Math.SQRT2 * Math.tan(0.5)],
    [".5e1", 5],
    ["1e-3", 0.001],
    ["--1", 1],
  ])("%s is %d", (text, value) => {
    const [operation] = parse(`qreg q[1]; rz(${text}) q[0];`).operations;
    expect(operation?.kind === "gate" && operation.angles[0]).toBeCloseTo(value, 15);
  });
});

describe("gate definitions", () => {
  test("are kept, with affine angles", () => {
    const circuit = parse(
      "gate g(a,b) x,y { rz(a/2-b+pi) x; cx x,y; barrier x,y; } qreg q[2]; g(0.1,0.2) q[1],q[0];",
    );
    expect(circuit.definitions).toEqual([
      {
        name: "g",
        parameters: ["a", "b"],
        qubits: 2,
        body: [
          {
            kind: "gate",
            gate: "RZ",
            qubits: [0],
            angles: [
              {
                constant: Math.PI,
                terms: [
                  { parameter: "a", coefficient: 0.5 },
                  { parameter: "b", coefficient: -1 },
                ],
              },
            ],
          },
          { kind: "gate", gate: "CX", qubits: [0, 1], angles: [] },
          { kind: "barrier", qubits: [0, 1] },
        ],
      },
    ]);
    expect(circuit.operations).toEqual([
      { kind: "gate", gate: "g", qubits: [1, 0], angles: [0.1, 0.2] },
    ]);
  });

  test("that are not affine are kept per set of values, also through another gate", () => {
    const circuit = parse(
      "gate g(a) x { rz(sin(a)) x; } gate h2(a) x { g(2*a) x; } qreg q[1]; h2(0.3) q[0]; h2(0.3) q[0]; h2(0.4) q[0];",
    );
    expect(circuit.definitions?.length).toBe(4);
    const plain = parse("qreg q[1]; rz(sin(0.6)) q[0]; rz(sin(0.6)) q[0]; rz(sin(0.8)) q[0];");
    expect(matrixDistance(circuitUnitary(circuit), circuitUnitary(plain))).toBeLessThan(1e-15);
  });

  test("may take a name that only the extended set has, or a name of the gate table", () => {
    const circuit = parse(
      "gate swap a,b { cx a,b; cx b,a; cx a,b; } gate RX a { x a; } qreg q[2]; swap q[0],q[1]; RX q[0];",
    );
    expect(circuit.definitions?.map((one) => one.name)).toEqual(["swap", "RX_"]);
  });

  test("opaque gates can be declared but not used", () => {
    expect(parse("opaque mystery(a) x,y; qreg q[1]; h q[0];").operations.length).toBe(1);
    expect(issuesOf(`${head}opaque m x; qreg q[1]; m q[0];`)[0]?.given).toContain("opaque");
  });
});

describe("includes", () => {
  test("other files come from the resolver", () => {
    const resolveInclude = (path: string): string | undefined =>
      path === "my.inc" ? "gate two a { x a; x a; }" : undefined;
    expect(gates(parse('include "my.inc"; qreg q[1]; two q[0];', { resolveInclude }))).toEqual([
      "two 0",
    ]);
  });

  test("a file that is not there, or includes itself, is refused", () => {
    expect(issuesOf(`${head}include "../qelib1.inc";`)[0]?.hint).toContain("no such file");
    expect(
      issuesOf('OPENQASM 2.0; include "a.inc";', { resolveInclude: () => 'include "a.inc";' }).at(
        -1,
      )?.hint,
    ).toContain("include itself");
  });

  test("a problem in an included file names that file and its line", () => {
    const [issue] = issuesOf('OPENQASM 2.0; include "b.inc";', {
      resolveInclude: () => "\n\ngate g a { nothing a; }",
    });
    expect(issue).toMatchObject({ file: "b.inc", line: 3 });
  });
});

describe("strict", () => {
  test.each([
    ["a missing version line", 'include "qelib1.inc"; qreg q[1];', {}],
    ["a gate that the 2017 file lacks", `${head}qreg q[1]; sx q[0];`, {}],
    ["an exponent without a point", `${head}qreg q[1]; rz(1e-3) q[0];`, {}],
    ["an integer with leading zeros", `${head}qreg q[01];`, {}],
    ["an empty statement", `${head};`, {}],
    ["a name with a capital letter", `${head}qreg Q[1];`, {}],
  ])("refuses %s", (_, text) => {
    expect(issuesOf(text)).toEqual([]);
    expect(issuesOf(text, { strict: true }).length).toBeGreaterThan(0);
  });
});

describe("errors", () => {
  const cases: readonly (readonly [string, string, Partial<Issue>])[] = [
    [
      "an undeclared register",
      "qreg reg[2];\nmeasure reg[0] -> c[0];",
      { line: 4, column: 19, given: '"c"', excerpt: "measure reg[0] -> c[0];" },
    ],
    [
      "a gate nobody defined",
      "qreg q[1];\nhh q[0];",
      { line: 4, column: 1, hint: "did you mean h?" },
    ],
    ["too few qubits", "qreg q[2];\ncx q[0];", { expected: "2 qubits", given: "1" }],
    ["too many angles", "qreg q[1];\nrx(1,2) q[0];", { expected: "1 angle", given: "2" }],
    [
      "an index outside",
      "qreg q[2];\nh q[2];",
      { line: 4, column: 5, expected: "an index from 0 to 1 of q" },
    ],
    ["the same qubit twice", "qreg q[2];\ncx q[1],q[1];", { expected: "different qubits" }],
    [
      "registers of other sizes",
      "qreg a[2]; qreg b[3];\ncx a,b;",
      { expected: "registers of equal size, 2", given: "3" },
    ],
    ["a missing semicolon", "qreg q[1];\nh q[0]\nx q[0];", { line: 5, column: 1, expected: '";"' }],
    ["recursion", "gate g a { g a; }", { hint: "a gate cannot use itself" }],
    [
      "a measurement in a gate",
      "gate g a { measure a -> c; }",
      { expected: "only gates and barriers in the body of a gate" },
    ],
    ["a parameter outside of a gate", "qreg q[1];\nrx(theta) q[0];", { given: '"theta"' }],
    [
      "an integer that overflows",
      "qreg q[99999999999999999999];",
      { expected: "the size of the register below 2^53" },
    ],
    ["a huge register", "qreg q[2000000];", { given: "2000000" }],
    ["division by zero", "qreg q[1];\nrx(1/0) q[0];", { expected: "a divisor other than 0" }],
    [
      "an angle that is not a number",
      "qreg q[1];\nrx(sqrt(-1)) q[0];",
      { expected: "an angle of at most 2^53 radian", given: "NaN" },
    ],
    ["an unclosed string", 'include "abc', { expected: 'a closing "' }],
    ["an unclosed body", "gate g a { x a;", { given: "the end of the file" }],
    [
      "a second register of a name",
      "qreg q[1]; creg q[1];",
      { expected: "a name that is not in use" },
    ],
    [
      "a quantum register where a bit is due",
      "qreg q[1]; qreg r[1];\nmeasure q -> r;",
      { given: 'the quantum register "r"' },
    ],
    ["a gate of the 2017 file again", "gate h a { x a; }", { hint: "h is in qelib1.inc already" }],
    ["other characters", "qreg q[1];\n$$ q[0];", { given: '"$"' }],
    ["version 3", "", {}],
  ];
  test.each(cases.filter(([, body]) => body !== ""))("%s", (_, body, expected) => {
    expect(issuesOf(head + body)[0]).toMatchObject({ file: "a.qasm", ...expected });
  });

  test("a version 3 file gets a hint", () => {
    expect(issuesOf("OPENQASM 3.0; qubit q;")[0]?.hint).toBe("read it as qasm3");
  });

  test("several problems are found in one pass", () => {
    const issues = issuesOf(
      `${head}qreg q[1];\nfoo q[0];\nh q[3];\nx q[0];\ncx q[0];\ngate g a { bar a; y b; }`,
    );
    expect(issues.map((issue) => issue.line)).toEqual([4, 5, 7, 8, 8]);
  });

  test("an empty text is no program", () => {
    expect(issuesOf("  // nothing\n")[0]?.expected).toBe("a program");
  });

  test("deep nesting and long chains neither crash nor hang", () => {
    expect(issuesOf(`${head}qreg q[1]; rx(${"(".repeat(100_000)}1) q[0];`)[0]?.expected).toContain(
      "nested at most",
    );
    expect(issuesOf(`${head}qreg q[1]; rx(${"-".repeat(100_000)}1) q[0];`)).toEqual([]);
    expect(issuesOf(`${head}qreg q[1]; rx(${"2^".repeat(100_000)}1) q[0];`)[0]?.expected).toContain(
      "nested at most",
    );
    expect(issuesOf("(".repeat(100_000)).length).toBeGreaterThan(0);
  });
});

test("values for which a body has no finite angle are refused at the call", () => {
  const text =
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[1];\ngate k(t) a { rz(ln(t)) a; }\nk(-1) q[0];\n';
  expect(() => parseQasm2(text, { fileName: "a.qasm" })).toThrow(
    /a\.qasm:3:1: k: expected values that give its body angles of at most 2\^53 radian but was given -1/,
  );
});

describe("gates that the files of other readers lack", () => {
  test.each(["cs", "csdg", "ryy(1)", "rzx(1)", "ccz"])(
    "%s is read as it is and written with its definition",
    (call) => {
      const text = `OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; ${call} ${call === "ccz" ? "q[0],q[1],q[2]" : "q[2],q[1]"};`;
      const circuit = parseQasm2(text);
      expect(circuit.definitions).toBeUndefined();
      const printed = printQasm2(circuit);
      expect(printed).toContain(`gate ${/^\w+/.exec(call)?.[0]}`);
      expect(parseQasm2(printed)).toEqual(circuit);
    },
  );
});
