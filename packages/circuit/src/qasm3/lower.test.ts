import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { type Issue, QtuneError } from "@qtune/base";
import { findData } from "@qtune/testkit";
import { parameterAngle, scaleAngle } from "../angle.ts";
import { ringAnsatz } from "../ansatz/ring.ts";
import { bindCircuit } from "../bind.ts";
import { circuitBuilder } from "../builder.ts";
import type { Circuit } from "../circuit.ts";
import { gateTable } from "../gate-table.ts";
import { matrixDistance } from "../matrix.ts";
import { parseQasm2 } from "../qasm2/parse.ts";
import { referenceDistribution } from "../reference-run.ts";
import { circuitUnitary } from "../unitary.ts";
import { parseQasm3, type Qasm3Options } from "./lower.ts";
import { printQasm3 } from "./print.ts";

const head = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n';

function parse(body: string, options: Qasm3Options = {}): Circuit {
  return parseQasm3(head + body, options);
}

function gates(circuit: Circuit): readonly string[] {
  return circuit.operations.map((operation) =>
    operation.kind === "gate" ? `${operation.gate} ${operation.qubits.join()}` : operation.kind,
  );
}

function issuesOf(text: string): readonly Issue[] {
  try {
    parseQasm3(text, { fileName: "a.qasm" });
  } catch (error) {
    if (error instanceof QtuneError && error.code === "invalid_argument") return error.issues;
    throw error;
  }
  return [];
}

function expectRoundTrip(circuit: Circuit): void {
  expect(parseQasm3(printQasm3(circuit))).toEqual(circuit);
}

describe("round trips", () => {
  test.each(gateTable.map((gate) => [gate.name, gate] as const))(
    "%s comes back, plain, inverted, to a power, controlled",
    (name, gate) => {
      const angles = gate.angles.map((_, i) => 0.1 + i / 3);
      const qubits = [...Array(gate.qubits).keys()].reverse();
      const n = gate.qubits;
      expectRoundTrip(
        circuitBuilder(n + 3)
          .gate(name, qubits, angles)
          .gate(name, qubits, angles, { power: -1 })
          .gate(name, qubits, angles, { power: 0.25 })
          .gate(name, qubits, angles, {
            controls: [
              { qubit: n, value: 1 },
              { qubit: n + 2, value: 0 },
              { qubit: n + 1, value: 0 },
            ],
            power: -1,
          })
          .build(),
      );
    },
  );

  test("of parameters, vectors, roles and names that are no identifiers", () => {
    const builder = circuitBuilder(2);
    const x = builder.parameters("x", 2, "row");
    const w = builder.parameter("w 1");
    builder
      .ry(x[0]!, 0)
      .rz(
        {
          constant: -Math.PI / 2,
          terms: [
            { parameter: "w 1", coefficient: -0.5 },
            { parameter: "x[1]", coefficient: 2 },
          ],
        },
        1,
      )
      .phase(w);
    builder.rx(builder.parameter("theta"), 0).p(builder.parameter("pi"), 1);
    expectRoundTrip(builder.build());
    expectRoundTrip(ringAnsatz({ n: 3, layers: 2 }));
  });

  test("of phases: global, in place, controlled, in definitions", () => {
    const inner: Circuit = { ...circuitBuilder(1).phase(0.1).x(0).build(), globalPhase: 0.5 };
    const lone: Circuit = circuitBuilder(1).phase(0.1).x(0).build();
    const circuit = circuitBuilder(2)
      .define("both", inner)
      .define("lone", lone)
      .phase(0.2)
      .gate("both", [1])
      .gate("lone", [0])
      .control([0, 1], (one) => one.phase(0.3))
      .phase(0.4)
      .build();
    expectRoundTrip(circuit);
    expectRoundTrip({ ...circuit, globalPhase: -Math.PI / 4 });
  });

  test("of u2 and u3, which carry a phase in stdgates.inc", () => {
    const circuit = parse(
      "qubit q; qubit c; u3(1, 0.5, 0.25) q; u2(0.5, 0.25) q; ctrl @ u3(1, 2, 3) c, q; inv @ u3(1, 2, 3) q;",
    );
    expectRoundTrip(circuit);
    expect(printQasm3(circuit)).toContain(
      "\nu3(1, 0.5, 0.25) q[0];\nu2(0.5, 0.25) q[0];\nctrl @ u3(1, 2, 3) c[0], q[0];\n",
    );
  });

  test("of classical bits, conditions and control flow", () => {
    const circuit: Circuit = {
      qubits: 3,
      clbits: 5,
      parameters: [],
      classicalRegisters: [
        { name: "c", size: 3 },
        { name: "flag", size: 2 },
      ],
      operations: [
        { kind: "measure", qubit: 0, clbit: 3 },
        { kind: "assign", clbits: [0], value: [1] },
        { kind: "assign", clbits: [0, 2], value: [1, 0] },
        { kind: "assign", clbits: [1], value: [{ clbit: 4, inverted: true }] },
        { kind: "assign", clbits: [0, 1, 2], value: [{ clbit: 3 }, { clbit: 4 }, { clbit: 0 }] },
        {
          kind: "if",
          condition: { kind: "equals", clbits: [0, 1, 2], value: 5n },
          then: [{ kind: "reset", qubit: 1 }],
          else: [{ kind: "barrier", qubits: [] }],
        },
        { kind: "if", condition: { kind: "less", clbits: [4, 0], value: 2n }, then: [] },
        {
          kind: "if",
          condition: {
            kind: "and",
            of: [
              { kind: "greater", clbits: [2, 1], value: 1n },
              { kind: "not", of: { kind: "equals", clbits: [3], value: 0n } },
              {
                kind: "or",
                of: [
                  { kind: "equals", clbits: [0], value: 1n },
                  { kind: "equals", clbits: [1], value: 1n },
                ],
              },
            ],
          },
          then: [{ kind: "delay", qubits: [0, 2], durationNs: 2.5 }],
        },
        {
          kind: "if",
          condition: {
            kind: "xor",
            of: [
              { kind: "equals", clbits: [0], value: 1n },
              { kind: "equals", clbits: [1], value: 0n },
              { kind: "equals", clbits: [2], value: 1n },
            ],
          },
          then: [{ kind: "delay", qubits: [], durationNs: 1e-9 }],
        },
        {
          kind: "while",
          condition: { kind: "equals", clbits: [0], value: 1n },
          maxIterations: 5,
          body: [{ kind: "measure", qubit: 0, clbit: 0 }],
        },
        {
          kind: "while",
          condition: { kind: "equals", clbits: [0], value: 1n },
          maxIterations: 1024,
          body: [],
        },
        {
          kind: "switch",
          clbits: [0, 1],
          cases: [
            { values: [0n, 3n], body: [] },
            { values: [1n], body: [{ kind: "barrier", qubits: [2] }] },
          ],
          default: [{ kind: "reset", qubit: 2 }],
        },
      ],
    };
    expectRoundTrip(circuit);
  });

  test("of dense unitaries keep the unitary", () => {
    const matrix = circuitUnitary(circuitBuilder(2).h(0).crx(0.3, 0, 1).t(1).phase(0.4).build());
    const circuit = circuitBuilder(3)
      .unitary(matrix, [2, 0])
      .control([1], (one) => one.unitary(matrix, [0, 2]))
      .build();
    expect(
      matrixDistance(circuitUnitary(parseQasm3(printQasm3(circuit))), circuitUnitary(circuit)),
    ).toBeLessThan(1e-10);
  });
});

describe("gates", () => {
  test("stdgates.inc has the unitaries of its text", () => {
    const file = findData("qasm/openqasm3/examples/stdgates.inc");
    if (file === undefined) return;
    const text = readFileSync(file, "utf8");
    const definitions = text.replace(/^include.*$/gm, "");
    for (const [, name = "", parameters = "", qubits = ""] of text.matchAll(
      /^gate (\w+)(?:\(([^)]*)\))? ([\w, ]+?) \{/gm,
    )) {
      // its text for CX controls U(π, 0, π), which is iX; ours is the CNOT that everybody means
      if (name === "CX") continue;
      const n = qubits.split(",").length;
      const angles =
        parameters === "" ? [] : parameters.split(",").map((_, i) => String(0.3 + i / 7));
      const call = `qubit[${n + 1}] q; ctrl @ ${name}${angles.length === 0 ? "" : `(${angles.join()})`} q[0], ${[...Array(n).keys()].map((i) => `q[${i + 1}]`).join()};`;
      const builtIn = circuitUnitary(parse(call));
      const own = circuitUnitary(parseQasm3(`${definitions}\n${call}`));
      expect(matrixDistance(builtIn, own), name).toBeLessThan(1e-12);
    }
  });

  test("modifiers nest from the gate outwards", () => {
    const circuit = parse("qubit[3] q; ctrl @ inv @ pow(2) @ negctrl @ s q[0], q[1], q[2];");
    expect(circuit.operations).toEqual([
      {
        kind: "gate",
        gate: "S",
        qubits: [2],
        angles: [],
        power: -2,
        controls: [
          { qubit: 0, value: 1 },
          { qubit: 1, value: 0 },
        ],
      },
    ]);
  });

  test("definitions keep affine angles, others are kept per set of values", () => {
    const circuit = parse(
      "gate a(x, y) q { rz(x / 2 - y) q; } gate b(x) q { rz(sin(x)) q; a(x, x ** 2) q; } qubit q; a(1, 2) q; b(0.5) q; b(0.5) q;",
    );
    expect(circuit.definitions?.map((one) => one.name)).toEqual(["a", "b_1"]);
    expect(gates(circuit)).toEqual(["a 0", "b_1 0", "b_1 0"]);
  });

  test("a gate on registers is repeated, single qubits serve every repetition", () => {
    expect(gates(parse("qubit[2] q; qubit[2] r; qubit s; cx q, r; cx s, q;"))).toEqual([
      "CX 0,2",
      "CX 1,3",
      "CX 4,0",
      "CX 4,1",
    ]);
  });

  test("physical qubits are a register of their own", () => {
    const circuit = parse("x $2; cx $0, $2;");
    expect(circuit).toMatchObject({ qubits: 3, quantumRegisters: [{ name: "$", size: 3 }] });
    expectRoundTrip(circuit);
    expectRoundTrip(parse("qubit q; if (false) { x $4; } delay[3ns]; x $1;"));
  });

  test("a parameter that is called like a gate of its body is renamed, which reads back", () => {
    const circuit = parseQasm2(
      'OPENQASM 2.0; include "qelib1.inc"; gate q0(t) a { t a; } gate k(t) a, b { t a; q0(t) b; } qreg q[2]; k(1) q[0], q[1];',
    );
    const again = parseQasm3(printQasm3(circuit));
    expect(again.definitions?.map((one) => one.parameters)).toEqual([["t_"], ["t_"]]);
    expect(matrixDistance(circuitUnitary(again), circuitUnitary(circuit))).toBeLessThan(1e-12);
    expectRoundTrip(again);
  });
});

describe("what is a finite circuit", () => {
  test.each([
    ["for uint i in [0:2] x q[i];", "X 0|X 1|X 2"],
    ["for int i in [2:-1:0] x q[i];", "X 2|X 1|X 0"],
    ["for int i in {0, 3} { if (i == 3) break; x q[i]; }", "X 0"],
    ["for int i in [0:3] { if (i % 2 == 0) continue; x q[i]; }", "X 1|X 3"],
    ["int i = 0; while (i < 2) { x q[i]; i += 1; }", "X 0|X 1"],
    ["const int n = 2; for int i in [0:n - 1] { y q[n * i]; }", "Y 0|Y 2"],
    [
      "def f(int a, qubit[2] p) -> int { x p[a]; return a + 1; } int r = f(1, q[2:3]); z q[r];",
      "X 3|Z 2",
    ],
    ["def g(qubit p) { h p; } g(q[1]); g q[0];", "H 1|H 0"],
    ["let a = q[0:1] ++ q[3]; x a[2]; cx a[{2, 0}], q[{1, 2}];", "X 3|CX 3,1|CX 0,2"],
    ["array[int, 2, 2] m = {{0, 1}, {2, 3}}; m[1][0] = 3; x q[m[1, 0]]; x q[m[0][1]];", "X 3|X 1"],
    ["array[int, 4] v = {3, 2, 1, 0}; v[0:1] = v[2:3]; for int i in v x q[i];", "X 1|X 0|X 1|X 0"],
    [
      "def fill(mutable array[int, 2] a) { a[0] = 2; } array[int, 2] v = {0, 0}; fill(v); x q[v[0]];",
      "X 2",
    ],
    ["uint[4] k = 9; for uint i in [0:3] { if (bool(k[i])) x q[i]; }", "X 0|X 3"],
    ["uint[2] k = 7; x q[k];", "X 3"],
    ["switch (1 + 1) { case 1 { x q[0]; } case 2, 3 { y q[0]; } default { z q[0]; } }", "Y 0"],
    ['bit[4] b = "0110"; x q[popcount("0111")]; if (sizeof(q) == 4) y q[0];', "assign|X 3|Y 0"],
    ["{ bit[4] b = bit[4](5); for uint i in [0:3] if (b[i] == 1) x q[i]; }", "X 0|X 2"],
    ["x q[-1]; end; x q[0];", "X 3"],
    ["nop; box { x q[0]; } pragma something\ncal { anything } defcal x $0 { }", "X 0"],
  ])("%s", (body, expected) => {
    expect(gates(parse(`qubit[4] q; ${body}`)).join("|")).toBe(expected);
  });

  test.each([
    ["7 / 2", 3.5],
    ["int[8](7 / 2)", 3],
    ["8 / 2", 4],
    ["-2 ** 2", -4],
    ["2 ** 3 ** 2", 512],
    ["5 % 3", 2],
    ["1 << 3 | 1", 9],
    ["3 > 2 && !false", 1],
    ["sin(pi / 2) + arccos(1)", 1],
    ["0x1F + 0b11 + 0o7", 41],
    ["1_000.5", 1000.5],
    ["real((1 + 2im) * (1 - 2im))", 5],
    ["mod(-1, 4)", 3],
    ["float(int[8](200))", -56],
    ["τ / 2", Math.PI],
    ["ceiling(1.2) + floor(1.8)", 3],
    ["2.5e-1", 0.25],
  ])("%s is %d", (text, value) => {
    const [operation] = parse(`qubit q; rz(float(${text})) q;`).operations;
    expect(operation?.kind === "gate" && operation.angles[0]).toBeCloseTo(value, 14);
  });

  test("inputs are parameters, or constants when they get values", () => {
    const text = "input float t; input array[angle[32], 2] v; qubit q; rx(2 * t - v[1] / 2) q;";
    const circuit = parse(text);
    expect(circuit.parameters.map((one) => one.name)).toEqual(["t", "v[0]", "v[1]"]);
    expect(circuit.operations[0]).toMatchObject({
      angles: [
        {
          constant: 0,
          terms: [
            { parameter: "t", coefficient: 2 },
            { parameter: "v[1]", coefficient: -0.5 },
          ],
        },
      ],
    });
    const bound = parse(text, { inputs: { t: 1, "v[1]": 2 } });
    expect(bound.operations[0]).toMatchObject({ angles: [1] });
    expect(gates(parse("input int n; qubit[3] q; x q[n];", { inputs: { n: 2 } }))).toEqual(["X 2"]);
  });

  test("measured bits flow through subroutines, aliases and logic", () => {
    const circuit = parse(
      "qubit[2] q; bit[2] c; bit r; def m(qubit p) -> bit { bit b; b = measure p; return b; } x q[0]; c[0] = m(q[0]); c[1] = m(q[1]);" +
        "r = c[0] ^ c[1]; if (r && !c[1]) x q[1]; let all = c[{1, 0}]; if (all == 2) h q[0]; r = ~r; c = measure q;",
    );
    const outcomes = referenceDistribution(circuit);
    const seen = new Map<string, number>();
    for (const [key, p] of outcomes) seen.set(key.slice(-3), (seen.get(key.slice(-3)) ?? 0) + p);
    // c = 1 and then r c[1] c[0] after H on q[0]
    expect(seen.get("010")).toBeCloseTo(0.5, 12);
    expect(seen.get("011")).toBeCloseTo(0.5, 12);
  });
});

describe("what is no finite circuit says why", () => {
  test.each([
    ["extern f(int) -> int; int x = f(1);", "it calls the extern f"],
    ["input int n; qubit[2] q; x q[n];", "the input n of type int has no value; give one"],
    ["stretch s; qubit q; delay[s] q;", "a stretch has no length until it is scheduled"],
    ["qubit q; delay[5dt] q;", "dt is known only to a device"],
    ["qubit q; delay[durationof({x q;})] q;", "durationof is known only to a device"],
    ["qubit q; bit b; b = measure q; rx(b) q;", "it depends on a measurement"],
    [
      "qubit q; bit b; int n; b = measure q; if (b) n = 1;",
      "the value of n would depend on a measurement",
    ],
    [
      "qubit q; bit b; for int i in [0:3] { b = measure q; if (b) break; }",
      "break depends on a measurement",
    ],
    [
      "qubit q; bit[4] b; b[0] = measure q; int n = int[4](b) + 1;",
      "it does arithmetic on a measured value",
    ],
    ["input float x; qubit q; rx(x * x) q;", "a product of a parameter is not affine"],
  ])("%s", (body, reason) => {
    expect(issuesOf(head + body)[0]?.hint).toBe(`not a finite circuit because ${reason}`);
  });
});

describe("errors", () => {
  test.each([
    ["qubit[2] q;\nx q[2];", { line: 4, column: 4, expected: "an index from 0 to 1" }],
    ["qubit q;\nxx q;", { line: 4, hint: "did you mean x?" }],
    ["qubit[2] q;\ncx q[0];", { expected: "2 qubits", given: "1" }],
    ["qubit q;\nrx q;", { expected: "1 angle", given: "0" }],
    ["qubit[2] q;\ncx q[0], q[0];", { expected: "different qubits" }],
    ["qubit[2] a; qubit[3] b;\ncx a, b;", { expected: "registers of equal size, 2", given: "3" }],
    ["qubit q; qubit q;", { expected: "a name that is not in use" }],
    ["const int n = 1;\nn = 2;", { line: 4, expected: "a variable that can change" }],
    ["def f() { f(); } f();", { hint: "does it call itself?" }],
    ["gate g q { g q; }", { where: "gate", hint: "a gate cannot contain itself" }],
    [
      "gate g(x) q { g(x * x) q; }\nqubit q; g(1) q;",
      { line: 3, column: 15, hint: "a gate cannot contain itself" },
    ],
    [
      "gate g(x) q { later(x * x) q; }\ngate later(x) q { g(x * x) q; }\nqubit q; g(1) q;",
      { line: 3, column: 15, expected: "a gate that is declared", given: '"later"' },
    ],
    ["gate g q { bit b; }", { expected: "only gates in the body of a gate" }],
    ["qubit[99999999999] q;", { expected: "a size from 1 to 1000000" }],
    [
      "bit[2] c; qubit[3] q;\nc = measure q;",
      { expected: "as many qubits as bits", given: "3 and 2" },
    ],
    [
      "for int i in [0:1] {\ninput float x; }",
      { line: 4, where: "input", expected: "inputs and outputs outside of blocks" },
    ],
    [
      "@qtune.name w\ninput array[float, 2] u;\n@qtune.name w\ninput array[float, 2] v;",
      { line: 6, where: "input", given: '"w[0]"' },
    ],
    ["return 1;", { expected: "return only in subroutines" }],
    ["break;", { where: "statement" }],
    ["qubit q; rx(1 / 0) q;", { hint: "not a finite circuit because it divides by 0" }],
    [
      "qubit q; rx(2 ** 99999999999) q;",
      { hint: "not a finite circuit because the integer is too large" },
    ],
    ['include "other.inc";', { hint: "no such file is known here" }],
  ])("%s", (body, issue) => {
    expect(issuesOf(head + body)[0]).toMatchObject({ file: "a.qasm", ...issue });
  });

  test("a standard gate without its include gets a hint, a version 2 file too", () => {
    expect(issuesOf("qubit q; h q;")[0]?.hint).toBe('add include "stdgates.inc";');
    expect(issuesOf("OPENQASM 2.0; qreg q[1];")[0]?.hint).toBe("read it as qasm2");
  });

  test("an endless loop ends", () => {
    expect(() => parse("qubit q; while (true) { x q; }", { maxOperations: 1000 })).toThrow(
      /more than 1000 steps/,
    );
    expect(() => parse("for int i in [0:9999999999999] { }", { maxOperations: 1000 })).toThrow(
      /more than 1000 steps/,
    );
  });
});

const folder = findData("qasm/openqasm3/examples");

describe.skipIf(folder === undefined)("the examples of the specification", () => {
  /** Line, statement and reason of the first issue. Without an entry a program is a finite circuit. */
  const refused: Readonly<Record<string, readonly [number, string, RegExp]>> = {
    "alignment.qasm": [8, "stretch g;", /because a stretch has no length until it is scheduled/],
    "arrays.qasm": [51, "4", /an index from 0 to 3/], // the example writes behind its array
    "cphase.qasm": [4, "CX", /a gate that is declared add include "stdgates.inc"/], // it has no include
    "dd.qasm": [7, "stretch a;", /because a stretch has no length until it is scheduled/],
    "gateteleport.qasm": [12, "vote(c)", /because it calls the extern vote/],
    "ipe.qasm": [28, "measure q -> c[0];", /because the value of c would depend on a measurement/],
    "msd.qasm": [48, "3", /an index from 0 to 2/], // the example uses a qubit that it does not have
    "scqec.qasm": [86, "zfirst(layer, shot, d)", /because it calls the extern zfirst/],
    "t1.qasm": [36, "durationof({x $1;})", /because durationof is known only to a device/],
    "vqe.qasm": [25, "a single qubit", /a register to index/], // the example indexes a single qubit
  };
  const names =
    folder === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith(".qasm"));

  test.each(names)("%s", (name) => {
    const text = readFileSync(path.join(folder ?? "", name), "utf8");
    const issues = issuesOf(text);
    const [line, statement, reason] = refused[name] ?? [];
    if (reason !== undefined) {
      const [first] = issues;
      expect(first?.line).toBe(line);
      expect((first?.given ?? "").replaceAll('"', "")).toBe(statement);
      expect(`${first?.expected ?? ""} ${first?.hint ?? ""}`).toMatch(reason);
      return;
    }
    expect(issues).toEqual([]);
    const circuit = parseQasm3(text);
    expectRoundTrip(circuit);
    if (circuit.qubits <= 12) expect(referenceDistribution(circuit).size).toBeGreaterThan(0);
  });

  test("calibrations alone are an empty circuit", () => {
    const text = readFileSync(path.join(folder ?? "", "defcal.qasm"), "utf8");
    expect(parseQasm3(text)).toEqual({ qubits: 0, clbits: 0, parameters: [], operations: [] });
  });

  test("the controlled phase of cphase.qasm is the table's, once CX and the qubits are declared", () => {
    const text = readFileSync(path.join(folder ?? "", "cphase.qasm"), "utf8");
    const circuit = parseQasm3(
      `include "stdgates.inc"; qubit[2] q;\n${text.replace(/^qubit.*$/m, "")}`,
    );
    const wanted = circuitBuilder(2)
      .cp(Math.PI / 2, 0, 1)
      .build();
    expect(matrixDistance(circuitUnitary(circuit), circuitUnitary(wanted))).toBeLessThan(1e-14);
  });

  test("arrays.qasm without its two mistakes is read", () => {
    const text = readFileSync(path.join(folder ?? "", "arrays.qasm"), "utf8")
      .replace("my_defined_uints[a - 1]", "my_defined_uints[a - 2]")
      .replace("const uint[32] first_dimension = sizeof(my_doubles);", "");
    expect(issuesOf(text)).toEqual([]);
  });

  test("the ripple-carry adder adds 1 and 15", () => {
    const outcomes = referenceDistribution(
      parseQasm3(readFileSync(path.join(folder ?? "", "adder.qasm"), "utf8")),
    );
    expect([...outcomes.keys()]).toEqual(["10000"]);
  });

  test("repeat until success prepares its rotation: the output is 0", () => {
    const outcomes = referenceDistribution(
      parseQasm3(readFileSync(path.join(folder ?? "", "rus.qasm"), "utf8"), { maxIterations: 40 }),
    );
    // bits from the last: locals m and b, output_qubit, flags
    for (const key of outcomes.keys()) expect(key.slice(-3)).toBe("000");
  });
});

test("a statement that means nothing does not hide the next one", () => {
  const issues = issuesOf(`${head}qubit q;\nx r;\ndef f(qubit p) { h p; }\nf(q);\ny s;`);
  expect(issues.map((issue) => issue.line)).toEqual([4, 7]);
});

test("the short way through a program gives what the long way gives", () => {
  const lines = [
    "h q[0];",
    "rz(-3*pi/4) q[1];",
    "u(0.5, 1e-3, -pi) q[2];",
    "cx q[0], q[2];",
    "cp(pi/8) q[2],q[1];",
    "g(2*pi) q[0];",
  ];
  const program = (text: string): Circuit =>
    parse(`gate u(a, b, c) p { U(a, b, c) p; } gate g(a) p { rx(a) p; } qubit[3] q; ${text}`);
  // a comment before the semicolon keeps a statement from the short way
  const long = program(lines.map((line) => line.replace(";", " /* */;")).join("\n"));
  expect(program(lines.join("\n"))).toEqual(long);
  for (const bad of [
    "h q[3];",
    "cx q[0], q[0];",
    "rz(1, 2) q[0];",
    "cx q[0];",
    "rz(1/0) q[0];",
    "rz(pi/0) q[0];",
  ]) {
    expect(issuesOf(`${head}qubit[3] q;\n${bad}`).length, bad).toBe(1);
  }
});

test("binding after lowering gives what lowering with values gives", () => {
  const text =
    "input float t; qubit[2] q; ctrl @ rx(t / 2) q[0], q[1]; gate g(a) p { rz(a) p; gphase(a / 2); } g(t) q[0];";
  const late = bindCircuit(parse(text), { t: 0.7 });
  const early = parse(text, { inputs: { t: 0.7 } });
  expect(matrixDistance(circuitUnitary(late), circuitUnitary(early))).toBeLessThan(1e-15);
  expect(scaleAngle(parameterAngle("t"), 0)).toBe(0);
});
