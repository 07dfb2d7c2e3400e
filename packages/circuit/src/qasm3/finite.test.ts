/** Whatever is a finite circuit: each feature beside a circuit that was built without the language. */
import { describe, expect, test } from "vitest";
import { bindCircuit } from "../bind.ts";
import { type CircuitBuilder, circuitBuilder } from "../builder.ts";
import type { Circuit } from "../circuit.ts";
import { matrixDistance } from "../matrix.ts";
import { referenceDistribution } from "../reference-run.ts";
import { circuitUnitary } from "../unitary.ts";
import { parseQasm3 } from "./lower.ts";

const head = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\n';
const { PI } = Math;

function expectSameUnitary(circuit: Circuit, build: (builder: CircuitBuilder) => unknown): void {
  const builder = circuitBuilder(3);
  build(builder);
  expect(circuit.qubits).toBe(3);
  const distance = matrixDistance(circuitUnitary(circuit), circuitUnitary(builder.build()));
  expect(distance).toBeLessThan(1e-12);
}

type Case = readonly [name: string, program: string, build: (builder: CircuitBuilder) => unknown];

describe.each<readonly [string, readonly Case[]]>([
  [
    "constants and expressions",
    [
      ["constants", "const int n = 2; const float a = pi / n; rx(a) q[n];", (b) => b.rx(PI / 2, 2)],
      [
        "constants of constants",
        "const uint n = 3; const uint m = n * 2 - 5; ry(0.1 * m) q[m];",
        (b) => b.ry(0.1, 1),
      ],
      [
        "functions",
        "rz(arctan(1) + sqrt(2) * sin(pi / 4) + exp(0) + log(1)) q[0];",
        (b) => b.rz(PI / 4 + 2, 0),
      ],
      ["powers bind tighter than a sign", "rx(-2 ** 2 / 10) q[0];", (b) => b.rx(-0.4, 0)],
      ["bits and shifts", "rx(0.1 * ((5 & 6) | (1 << 3) ^ 2)) q[0];", (b) => b.rx(1.4, 0)],
      [
        "casts",
        "int[4] k = 9; rx(float(k)) q[0]; ry(angle[8](pi)) q[1]; rz(uint[2](7)) q[2];",
        (b) => b.rx(-7, 0).ry(PI, 1).rz(3, 2),
      ],
      [
        "complex numbers",
        "complex[float] z = (1 + 2im) * (1 - 2im); rx(real(z)) q[0];",
        (b) => b.rx(5, 0),
      ],
      [
        "bit strings",
        'const bit[3] s = "110"; for int i in [0:2] { if (s[i]) x q[i]; }',
        (b) => b.x(1).x(2),
      ],
      ["assignments with operators", "int n = 7; n %= 4; n <<= 1; n -= 4; x q[n];", (b) => b.x(2)],
      ["durations", "duration d = 100ns; delay[2 * d] q[0]; h q[1];", (b) => b.h(1)],
    ],
  ],
  [
    "gates and modifiers",
    [
      [
        "a definition with parameters",
        "gate g(a, b) p, r { rx(a / 2) p; cx p, r; rz(a - b) r; } g(1, 0.5) q[2], q[0];",
        (b) => b.rx(0.5, 2).cx(2, 0).rz(0.5, 0),
      ],
      [
        "a definition that is not affine",
        "gate g(a) p { rx(sin(a) * a) p; } g(1.5) q[1];",
        (b) => b.rx(Math.sin(1.5) * 1.5, 1),
      ],
      [
        "definitions of definitions",
        "gate a p { h p; } gate b p, r { a p; cx p, r; a r; } b q[0], q[1];",
        (b) => b.h(0).cx(0, 1).h(1),
      ],
      [
        "loops and constants in definitions",
        "gate g p { for int i in [1:3] { rx(0.1 * i) p; } } g q[0];",
        (b) => b.rx(0.6, 0),
      ],
      ["ctrl", "ctrl @ ry(0.3) q[2], q[0];", (b) => b.cry(0.3, 2, 0)],
      ["ctrl of several", "ctrl(2) @ x q[0], q[1], q[2];", (b) => b.ccx(0, 1, 2)],
      ["negctrl", "negctrl @ h q[0], q[1];", (b) => b.x(0).ch(0, 1).x(0)],
      [
        "ctrl and negctrl together",
        "ctrl @ negctrl @ z q[0], q[1], q[2];",
        (b) => b.x(1).ccz(0, 1, 2).x(1),
      ],
      [
        "inv of a definition",
        "gate g(a) p, r { rx(a) p; cx p, r; s r; } inv @ g(0.4) q[0], q[1];",
        (b) => b.sdg(1).cx(0, 1).rx(-0.4, 0),
      ],
      [
        "pow with a whole exponent",
        "gate g p { h p; t p; } pow(2) @ g q[1];",
        (b) => b.h(1).t(1).h(1).t(1),
      ],
      [
        "pow with a negative exponent",
        "gate g p { h p; t p; } pow(-1) @ g q[1];",
        (b) => b.tdg(1).h(1),
      ],
      ["pow with a fraction", "pow(1 / 2) @ x q[0];", (b) => b.sqrt_x(0)],
      [
        "a controlled root",
        "ctrl @ pow(0.5) @ x q[1], q[2];",
        (b) => b.gate("SQRT_X", [2], [], { controls: [{ qubit: 1, value: 1 }] }),
      ],
      ["inv of a controlled gate", "inv @ ctrl @ s q[0], q[1];", (b) => b.csdg(0, 1)],
      ["gphase under control", "ctrl @ gphase(0.7) q[1];", (b) => b.p(0.7, 1)],
      [
        "gphase in a controlled definition",
        "gate g p { gphase(0.3); h p; } ctrl @ g q[0], q[1];",
        (b) => b.p(0.3, 0).ch(0, 1),
      ],
      ["U", "U(0.1, 0.2, 0.3) q[0];", (b) => b.u(0.1, 0.2, 0.3, 0)],
      ["broadcasting", "h q; cx q[0], q[1:2];", (b) => b.h(0).h(1).h(2).cx(0, 1).cx(0, 2)],
    ],
  ],
  [
    "functions",
    [
      [
        "a subroutine on qubits",
        "def f(qubit[2] p, float a) { rx(a) p[0]; cx p[0], p[1]; } f(q[1:2], 0.3);",
        (b) => b.rx(0.3, 1).cx(1, 2),
      ],
      [
        "a value that comes back",
        "def f(int n) -> int { return n * n; } rx(f(3) / 10) q[0];",
        (b) => b.rx(0.9, 0),
      ],
      [
        "recursion that ends",
        "def f(int n) -> int { if (n < 2) { return 1; } return n * f(n - 1); } rx(f(4)) q[0];",
        (b) => b.rx(24, 0),
      ],
      [
        "arrays by reference",
        "def f(mutable array[float, 2] a) { a[1] = 0.5; } array[float, 2] v = {0.1, 0.2}; f(v); rx(v[1]) q[0];",
        (b) => b.rx(0.5, 0),
      ],
      [
        "arrays of any size",
        "def f(readonly array[float, #dim = 1] a, qubit p) { for int i in [0:sizeof(a) - 1] rx(a[i]) p; } array[float, 3] v = {0.1, 0.2, 0.3}; f(v, q[2]);",
        (b) => b.rx(0.6, 2),
      ],
      [
        "names of their own",
        "int n = 1; def f() -> int { int n = 2; return n; } int m = f(); x q[n]; y q[m];",
        (b) => b.x(1).y(2),
      ],
    ],
  ],
  [
    "loops and branches with known bounds",
    [
      ["for over a range", "for int i in [0:2] rx(0.1 * i) q[i];", (b) => b.rx(0.1, 1).rx(0.2, 2)],
      ["for over a range with a step", "for int i in [2:-2:0] x q[i];", (b) => b.x(2).x(0)],
      ["for over a set", "for uint i in {2, 0} y q[i];", (b) => b.y(2).y(0)],
      [
        "for over an array",
        "array[float, 2] a = {0.1, 0.2}; for float t in a rz(t) q[1];",
        (b) => b.rz(0.3, 1),
      ],
      [
        "for over qubits of an alias",
        "let a = q[1:2]; for int i in [0:sizeof(a) - 1] h a[i];",
        (b) => b.h(1).h(2),
      ],
      [
        "loops in loops",
        "for int i in [0:1] { for int j in [i + 1:2] { cz q[i], q[j]; } }",
        (b) => b.cz(0, 1).cz(0, 2).cz(1, 2),
      ],
      [
        "while",
        "int i = 0; float a = 1; while (a > 0.2) { rx(a) q[i]; a /= 2; i += 1; }",
        (b) => b.rx(1, 0).rx(0.5, 1).rx(0.25, 2),
      ],
      [
        "break and continue",
        "for int i in [0:9] { if (i == 1) continue; if (i == 3) break; x q[i]; }",
        (b) => b.x(0).x(2),
      ],
      [
        "if and else",
        "const int n = 2; if (n > 1 && n != 3) { x q[0]; } else { y q[0]; } if (false) z q[1]; else h q[1];",
        (b) => b.x(0).h(1),
      ],
      [
        "switch",
        "const int n = 3; switch (n) { case 0, 1 { x q[0]; } case 3 { y q[1]; } default { z q[2]; } }",
        (b) => b.y(1),
      ],
      [
        "the default of a switch",
        "switch (7) { case 0 { x q[0]; } default { z q[2]; } }",
        (b) => b.z(2),
      ],
      ["end", "x q[0]; end; x q[1];", (b) => b.x(0)],
    ],
  ],
  [
    "arrays, aliases and slices",
    [
      [
        "an array of two dimensions",
        "array[float, 2, 2] m = {{0.1, 0.2}, {0.3, 0.4}}; rx(m[1, 0]) q[0]; ry(m[0][1]) q[1];",
        (b) => b.rx(0.3, 0).ry(0.2, 1),
      ],
      [
        "slices are copied",
        "array[int, 4] v = {0, 1, 2, 0}; v[0:1] = v[1:2]; x q[v[0]]; y q[v[1]];",
        (b) => b.x(1).y(2),
      ],
      ["an alias of slices", "let a = q[2] ++ q[0:1]; cx a[0], a[2];", (b) => b.cx(2, 1)],
      ["an alias of an alias", "let a = q[1:2]; let b = a[{1}]; x b;", (b) => b.x(2)],
      [
        "negative indices and steps",
        "x q[-1]; let r = q[2:-1:0]; cx r[0], r[1];",
        (b) => b.x(2).cx(2, 1),
      ],
      ["an index set", "h q[{0, 2}];", (b) => b.h(0).h(2)],
    ],
  ],
] as const)("%s", (_group, cases) => {
  test.each(cases)("%s", (_name, program, build) =>
    expectSameUnitary(parseQasm3(head + program), build),
  );
});

describe("inputs", () => {
  const program = `${head}input float a; input array[angle[32], 2] w; rx(2 * a - pi) q[0]; ry(w[1] / 3) q[1]; for int i in [0:1] rz(w[i] + a) q[2];`;
  const values = { a: 0.3, "w[0]": 1.1, "w[1]": -0.7 };
  const build = (b: CircuitBuilder): unknown =>
    b
      .rx(0.6 - PI, 0)
      .ry(-0.7 / 3, 1)
      .rz(1.4, 2)
      .rz(-0.4, 2);

  test("become parameters that are bound later", () =>
    expectSameUnitary(bindCircuit(parseQasm3(program), values), build));

  test("or get values at once", () =>
    expectSameUnitary(parseQasm3(program, { inputs: values }), build));

  test("decide about the shape where they get values", () =>
    expectSameUnitary(
      parseQasm3(`${head}input int n; for int i in [0:n] x q[i];`, { inputs: { n: 1 } }),
      (b) => b.x(0).x(1),
    ));
});

describe("measured bits", () => {
  test.each([
    ["if and else", "bit c; x q[0]; c = measure q[0]; if (c) x q[1]; else x q[2];", "1"],
    [
      "while, bounded",
      "bit[2] c; x q[0]; c[0] = measure q[0]; while (c[0]) { x q[0]; x q[1]; c[0] = measure q[0]; } c[1] = measure q[1];",
      "10",
    ],
    [
      "switch",
      "bit[2] c; x q[1]; c = measure q[0:1]; switch (c) { case 1 { } case 2 { x q[2]; } default { } } c[0] = measure q[2];",
      "11",
    ],
    [
      "logic",
      "bit[3] c; x q[0]; c[0] = measure q[0]; if (c[0] && !c[1] || c == 7) { x q[2]; } c[2] = measure q[2];",
      "101",
    ],
    ["assignment", 'bit[2] c; x q[0]; c[0] = measure q[0]; c[1] = ~c[0]; c[0] = "0";', "00"],
    [
      "a subroutine that measures",
      "bit c; def m(qubit p) -> bit { return measure p; } x q[1]; c = m(q[1]);",
      "1",
    ],
  ])("%s", (_name, program, outcome) => {
    const outcomes = referenceDistribution(parseQasm3(head + program));
    expect([...outcomes.keys()].map((key) => key.slice(-outcome.length))).toEqual([outcome]);
  });
});
