/** Grammars as fast-check arbitraries: programs of every text form, and circuits of every operation. Tests only. */
import fc from "fast-check";
import { type Angle, maxAngle } from "./angle.ts";
import type { Circuit, Condition, Control, Operation } from "./circuit.ts";
import { gateTable } from "./gate-table.ts";
import { printCircuitJson } from "./json.ts";

/**
 * A grammar: alternatives of each rule. `<rule>` stands for one of its alternatives, `<rule*>` for up to eight of them
 * in a row, `<rule,>` for one to three with commas.
 */
type Grammar = Readonly<Record<string, readonly string[]>> & {
  readonly program: readonly string[];
};

const numbers = [
  "0",
  "1",
  "2",
  "3",
  "007",
  "1.5",
  ".25",
  "3.",
  "1e-3",
  "2.5E+2",
  "1e400",
  "4294967296",
  "99999999999999999999",
  "0.1234567890123456789",
];

/** Mostly right programs of OpenQASM 2: the rules know more than the language allows. */
const qasm2: Grammar = {
  program: [
    'OPENQASM 2.0;\ninclude "qelib1.inc";\n<definition*>qreg q[3];\nqreg r[2];\ncreg c[3];\ncreg d[2];\n<statement*>',
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3]; creg c[3];\n<statement*><statement*><statement*>',
    '<version>include "stdgates.inc";<register*><definition*><statement*>',
    "<statement*>",
  ],
  version: ["OPENQASM 2.0;", "OPENQASM 2;", "", "OPENQASM 2.1;", "OPENQASM 3;"],
  register: [
    "qreg q[3];\n",
    "creg c[3];\n",
    "qreg r[<number>];",
    "creg d[<number>];",
    "qreg <name>[2];",
  ],
  definition: [
    "gate g a,b { <body*>}\n",
    "gate k(t,u) a,b { <body*>}\n",
    "gate h2 a { h a; h a; }\n",
    "gate swap a,b { cx a,b; cx b,a; cx a,b; }\n",
    "opaque o(t) a,b;\n",
    "gate <name>(<name>) <name,> { }\n",
  ],
  body: [
    "<gate0> a;",
    "<gate1>(<formula>) b;",
    "<gate2> a,b; ",
    "barrier a,b;",
    "U(<formula>,<formula>,0) a;",
    "cu1(<formula>) b,a;",
    "g a,b;",
    "k(<formula>,u) b,a;",
    "measure a -> c;",
  ],
  formula: [
    "t",
    "u",
    "-t",
    "t/2+u",
    "2*t-pi/4",
    "sin(t)",
    "t*u",
    "t^2",
    "ln(u)/t",
    "<angle>",
    "(<formula>)",
  ],
  statement: [
    "<gate0> <qubit>;\n",
    "<gate1>(<angle>) <qubit>;\n",
    "<gate2> <pair>;\n",
    "u3(<angle>,<angle>,<angle>) <qubit>;\n",
    "crz(<angle>) <pair>;\n",
    "ccx q[0],q[1],q[2];\n",
    "g <pair>;\n",
    "k(<angle>,<angle>) <pair>;\n",
    "measure <qubit> -> <bit>;\n",
    "measure q -> c;\n",
    "reset <qubit>;\n",
    "barrier <qubit,>;\n",
    "if(c==<number>) <statement>",
    "<definition>",
    "<register>",
    ";",
    "// <name>\n",
  ],
  gate0: ["x", "h", "sdg", "t", "id", "sx", "s", "z"],
  gate1: ["rx", "ry", "rz", "u1", "p", "r", "u0"],
  gate2: ["cx", "cz", "CX", "swap", "ch", "iswap", "ecr"],
  pair: ["q[0],q[1]", "q[2],q[0]", "r[0],q[1]", "q,r[1]", "r,r", "q[1],q[1]", "<qubit>,<qubit>"],
  qubit: ["q[0]", "q[1]", "q[2]", "q", "r[1]", "r", "c[0]", "q[3]", "q[<number>]"],
  bit: ["c[0]", "c[2]", "c", "d[1]", "d", "q[0]"],
  angle: [
    "<number>",
    "pi",
    "-pi/2",
    "3*pi/4",
    "(<angle>)",
    "<angle>+<angle>",
    "<angle>*<angle>",
    "-<angle>",
    "<angle>/<angle>",
    "<angle>^<angle>",
    "sin(<angle>)",
    "sqrt(<angle>)",
    "<name>",
  ],
  number: numbers,
  name: ["a", "b", "foo", "q", "c", "gate", "pi", "Q_1", "if", "_x", "é"],
};

const qasm3: Grammar = {
  program: [
    'OPENQASM 3.0;\ninclude "stdgates.inc";\n<declaration*>qubit[4] q;\nbit[4] c;\nint n = 2;\n<statement*>',
    'OPENQASM 3.0;\ninclude "stdgates.inc";\n<definition*>qubit[4] q;\nqubit r;\nbit[4] c;\nbit d;\nint n = 1;\n<statement*>',
    "<declaration*><definition*><statement*>",
  ],
  declaration: [
    "const int m = <integer>;\n",
    "const float f = <angle>;\n",
    "input float t;\n",
    "input angle[32] u;\n",
    "input array[float[64], 3] w;\n",
    "int[8] k = <integer>;\n",
    "uint[4] l = <integer>;\n",
    "array[int[32], 2, 2] a = {{1, 2}, {<integer>, 4}};\n",
    "array[float[64], 3] b = {<angle>, 1.0, pi};\n",
    "let x = q[<range>];\n",
    'bit[4] s = "0101";\n',
    "bool flag = <condition>;\n",
    "duration e = 100ns;\n",
    "qubit[<integer>] z;\n",
    "output bit o;\n",
    "@note <name>\n",
    "pragma <name>\n",
    "cal { <name> }\n",
    "defcal x $0 { play(<name>); }\n",
    "extern ext(int) -> int;\n",
  ],
  definition: [
    "gate g a { <body*>}\n",
    "gate k(y) a, b { <body*>}\n",
    "def sub(qubit p, int v) -> bit { <local*> bit y; y = measure p; return y; }\n",
    "def twice(int v) -> int { return 2 * v; }\n",
    "def rec(int v) -> int { if (v < 1) { return 1; } return v * rec(v - 1); }\n",
    "def any(qubit[2] p) { <local*> }\n",
  ],
  body: [
    "<modifier*><gate0> a;",
    "rx(<angle>) a;",
    "cx a, b;",
    "rz(y/2) b;",
    "gphase(<angle>);",
    "U(y, 0, <angle>) a;",
    "g a;",
  ],
  local: ["h p;", "rx(v) p;", "int loc = v;", "x p[0];", "if (v > 1) { x p; }"],
  statement: [
    "<modifier*><gate0> <qubit>;\n",
    "<modifier*><gate1>(<angle>) <qubit>;\n",
    "<modifier*><gate2> <qubit>, <qubit>;\n",
    "ctrl @ <gate0> q[3], <qubit>;\n",
    "negctrl @ <gate1>(<angle>) q[3], q[<integer>];\n",
    "gphase(<angle>);\n",
    "g q[0];\n",
    "k(<angle>) q[1], q[2];\n",
    "<bit> = measure <qubit>;\n",
    "measure <qubit> -> <bit>;\n",
    "reset <qubit>;\n",
    "barrier <qubit,>;\n",
    "delay[<integer>ns] <qubit>;\n",
    "if (<condition>) { <statement*>}\n",
    "if (<condition>) { <statement*>} else { <statement*>}\n",
    "for int i in [0:<integer>] { <statement*>}\n",
    "for uint i in {1, 2, <integer>} <statement>",
    "for float j in b { rx(j) q[0]; }\n",
    "while (<condition>) { <statement*> n += 1; }\n",
    "while (c[0] == 1) { x q[0]; c[0] = measure q[0]; }\n",
    "switch (<integer>) { case 0, 1 { <statement*>} default { <statement*>} }\n",
    "switch (c) { case 1 { <statement>} case 2, 3 { <statement>} }\n",
    "n = <integer>;\n",
    "n += <integer>;\n",
    "a[0][<integer>] = 5;\n",
    "b[<range>] = b[0:1];\n",
    "c[<integer>] = <condition>;\n",
    "d = sub(q[0], <integer>);\n",
    "any(q[<range>]);\n",
    "let y = q[<range>] ++ q[{<integer>}];\n",
    "h y;\n",
    "box { <statement*>}\n",
    "break;\n",
    "continue;\n",
    "end;\n",
    "return 1;\n",
    "<declaration>",
    "<definition>",
    "/* <name> */",
  ],
  modifier: [
    "inv @ ",
    "pow(<integer>) @ ",
    "pow(0.5) @ ",
    "ctrl @ ",
    "negctrl(2) @ ",
    "ctrl(<integer>) @ ",
  ],
  gate0: ["x", "h", "sdg", "t", "id", "sx", "s", "z", "cx"],
  gate1: ["rx", "ry", "rz", "p", "u1", "phase"],
  gate2: ["cx", "cz", "swap", "cy", "ch", "cu1"],
  qubit: ["q[0]", "q[1]", "q[-1]", "q[<integer>]", "q", "r", "q[<range>]", "x", "$0", "q[{0, 2}]"],
  bit: ["c[0]", "c[<integer>]", "c", "d", "c[<range>]", "n"],
  range: ["0:1", "1:2", "0:2:3", "-2:-1", "<integer>:<integer>", "3:-1:0", ":", "{1, 3}"],
  integer: [
    "0",
    "1",
    "2",
    "3",
    "n",
    "i",
    "m",
    "k",
    "<number>",
    "0b101",
    "0x1F",
    "1_000",
    "<integer> + <integer>",
    "<integer> * <integer>",
    "<integer> % <integer>",
    "<integer> << 1",
    "-<integer>",
    "~<integer>",
    "int(<angle>)",
    "sizeof(a)",
    "a[1][0]",
    "twice(<integer>)",
    "rec(3)",
    "popcount(<integer>)",
    "ext(1)",
    "(<integer>)",
  ],
  angle: [
    "<number>",
    "pi",
    "π / 2",
    "tau",
    "t",
    "u",
    "w[1]",
    "f",
    "b[0]",
    "i * pi / 4",
    "-<angle>",
    "<angle> + <angle>",
    "<angle> * <angle>",
    "<angle> / <angle>",
    "<angle> ** 2",
    "sin(<angle>)",
    "arctan(<angle>)",
    "float(<integer>)",
    "angle[16](<angle>)",
    "(<angle>)",
    "2im",
  ],
  condition: [
    "true",
    "false",
    "c == <integer>",
    "c[0]",
    "!c[1]",
    "d == 1",
    "n < <integer>",
    "<condition> && <condition>",
    "<condition> || <condition>",
    "c[0] ^ c[1]",
    "c < 3",
    "i == 1",
    "flag",
    "(<condition>)",
    "measure q[0]",
  ],
  number: numbers,
  name: ["a", "foo", "q", "gate", "if", "ü", "_1", "x y z"],
};

const originir: Grammar = {
  program: [
    "QINIT 4\nCREG 3\n<definition*><statement*><statement*>",
    "QINIT 4\nCREG 3\n<statement*>",
    "QINIT <number>\nCREG <number>\n<statement*>",
    "<statement*>",
  ],
  definition: [
    "QGATE g a,b\n<body*>ENDQGATE\n",
    "QGATE k a,(s)\nRX a,(<formula>)\nENDQGATE\n",
    "QGATE <name> a\nENDQGATE\n",
  ],
  body: [
    "H a\n",
    "CNOT a,b\n",
    "RZ b,(<angle>)\n",
    "CONTROL a\nX b\nENDCONTROL\n",
    "DAGGER\nT a\nENDDAGGER\n",
    "g a,b\n",
  ],
  formula: ["s", "s/2", "-s+PI", "2*s-1", "s*s", "<angle>"],
  statement: [
    "<gate0> <qubit>\n",
    "<gate1> <qubit>,(<angle>)\n",
    "<gate2> <qubit>,<qubit>\n",
    "U3 <qubit>,(<angle>,<angle>,<angle>)\n",
    "CR q[0],q[2],(<angle>)\n",
    "TOFFOLI q[0],q[1],q[2]\n",
    "g q[0],q[1]\n",
    "k q[3],(<angle>)\n",
    "MEASURE <qubit>,<bit>\n",
    "RESET <qubit>\n",
    "BARRIER <qubit,>\n",
    "IDLE <qubit>,(<number>)\n",
    "DAGGER\n<statement*>ENDDAGGER\n",
    "CONTROL <qubit>\n<statement*>ENDCONTROL\n",
    "QIF <condition>\n<statement*>ENDQIF\n",
    "QIF <condition>\n<statement*>ELSE\n<statement*>ENDQIF\n",
    "QIF c[0],c[1]\n<statement*>QELSE\n<statement*>QENDIF\n",
    "QIF c[0]\n<statement>QELSEIF c[1]\n<statement>QELSE\n<statement>QENDIF\n",
    "QWHILE <condition>\n<statement*>ENDQWHILE\n",
    "QWHILE c[0]\n<statement*>QENDWHILE\n",
    "c[<number>]=<condition>\n",
    "<definition>",
    "% <name>\n",
    "ENDQIF\n",
    "\n",
  ],
  gate0: ["H", "X", "S", "T", "X1", "I", "Y", "NOT"],
  gate1: ["RX", "RY", "RZ", "U1", "P", "RPHI"],
  gate2: ["CNOT", "CZ", "SWAP", "ISWAP", "SQISWAP"],
  qubit: ["q[0]", "q[1]", "q[2]", "q[1+2]", "q", "q[<number>]", "c[0]"],
  bit: ["c[0]", "c[1]", "c", "c[<number>]"],
  condition: [
    "c[0]",
    "!c[1]",
    "c[0]==<number>",
    "c[0]+2*c[1] < <number>",
    "<condition> && <condition>",
    "<condition> || <condition>",
    "(<condition>)",
    "c[2]*c[1] != 1",
    "1",
  ],
  angle: [
    "<number>",
    "PI",
    "PI/2",
    "-<angle>",
    "<angle>+<angle>",
    "<angle>*<angle>",
    "<angle>/<angle>",
    "(<angle>)",
  ],
  number: numbers,
  name: ["a", "foo", "q", "QIF", "H", "ü"],
};

/** Programs of one grammar; a rule that nests takes its first alternative where it gets deep. */
function programs(grammar: Grammar): fc.Arbitrary<string> {
  return fc.letrec<Readonly<Record<string, string>>>((tie) =>
    Object.fromEntries(
      Object.entries(grammar).map(([rule, alternatives]) => [
        rule,
        fc.oneof({ maxDepth: 4 }, ...alternatives.map((text) => sequence(text, tie))),
      ]),
    ),
  )["program"] as fc.Arbitrary<string>; // every grammar has this rule
}

function sequence(text: string, tie: (rule: string) => fc.Arbitrary<string>): fc.Arbitrary<string> {
  const parts = text.split(/(<\w+[*,]?>)/).filter((part) => part !== "");
  const pieces = parts.map((part): fc.Arbitrary<string> => {
    const [, rule, many] = /^<(\w+)([*,]?)>$/.exec(part) ?? [];
    if (rule === undefined) return fc.constant(part);
    if (many === "") return tie(rule);
    return many === "*"
      ? fc.array(tie(rule), { maxLength: 8 }).map((list) => list.join(""))
      : fc.array(tie(rule), { minLength: 1, maxLength: 3 }).map((list) => list.join(","));
  });
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined
    ? only
    : fc.tuple(...pieces).map((list) => list.join(""));
}

const width = 4;
const clbits = 3;
const angle: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    Math.PI,
    -Math.PI / 2,
    (3 * Math.PI) / 4,
    1e-300,
    maxAngle,
    5e-324,
    0.1,
  ),
  fc.double({ min: -maxAngle, max: maxAngle, noNaN: true }).map((value) => value + 0), // −0 becomes 0
);
const openAngle: fc.Arbitrary<Angle> = fc.oneof(
  { weight: 3, arbitrary: angle },
  {
    weight: 1,
    arbitrary: fc
      .tuple(angle, fc.uniqueArray(fc.constantFrom("a", "b[0]", "x y"), { minLength: 1 }), angle)
      .map(([constant, names, size]) => ({
        constant,
        terms: [...names]
          .sort()
          .map((parameter) => ({ parameter, coefficient: size === 0 ? 2 : size })),
      })),
  },
);
const qubitList = (least: number, most = least): fc.Arbitrary<number[]> =>
  fc.shuffledSubarray([0, 1, 2, 3], { minLength: least, maxLength: most });
const bitList: fc.Arbitrary<number[]> = fc.shuffledSubarray([0, 1, 2], { minLength: 1 });
const bigint = fc.bigInt({ min: -2n, max: 9n });

const condition: fc.Arbitrary<Condition> = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 2 },
    fc.record({
      kind: fc.constantFrom("equals", "less", "greater"),
      clbits: bitList,
      value: bigint,
    }),
    fc.record({ kind: fc.constant("not"), of: tie("condition") }),
    fc.record({
      kind: fc.constantFrom("and", "or", "xor"),
      of: fc.array(tie("condition"), { minLength: 2, maxLength: 3 }),
    }),
  ),
})).condition;

/** Splits a list of distinct qubits into targets and controls. */
function withControls(
  qubits: readonly number[],
  targets: number,
): { qubits: number[]; controls?: Control[] } {
  const controls = qubits
    .slice(targets)
    .map((qubit): Control => ({ qubit, value: qubit % 2 === 0 ? 1 : 0 }));
  return { qubits: qubits.slice(0, targets), ...(controls.length === 0 ? {} : { controls }) };
}

function gateOperation(anyAngle: fc.Arbitrary<Angle>): fc.Arbitrary<Operation> {
  return fc.constantFrom(...gateTable.filter((gate) => gate.qubits <= width)).chain((gate) =>
    fc
      .tuple(
        fc.array(anyAngle, { minLength: gate.angles.length, maxLength: gate.angles.length }),
        qubitList(gate.qubits, width),
        fc.constantFrom(1, 1, 1, -1, 2, 0.5),
      )
      .map(([angles, qubits, power]) => ({
        kind: "gate" as const,
        gate: gate.name,
        angles,
        ...withControls(qubits, gate.qubits),
        ...(power === 1 ? {} : { power }),
      })),
  );
}

const dense: fc.Arbitrary<Operation> = fc
  .tuple(
    fc.constantFrom(...gateTable.filter((gate) => gate.qubits < 3)),
    fc.double({ min: -7, max: 7, noNaN: true }),
    qubitList(2, width),
  )
  .map(([gate, value, qubits]) => {
    const { re, im } = gate.matrix(gate.angles.map(() => value));
    return {
      kind: "unitary",
      re: Array.from(re, (value) => value + 0),
      im: Array.from(im, (value) => value + 0),
      ...withControls(qubits, gate.qubits),
    };
  });

function operations(anyAngle: fc.Arbitrary<Angle>, hasDense: boolean): fc.Arbitrary<Operation[]> {
  return fc.letrec<{ list: Operation[]; operation: Operation }>((tie) => ({
    list: fc.array(tie("operation"), { maxLength: 6 }),
    operation: fc.oneof(
      { maxDepth: 3 },
      { weight: 8, arbitrary: gateOperation(anyAngle) },
      ...(hasDense ? [dense] : []),
      fc.tuple(anyAngle, qubitList(0, width)).map(([value, qubits]): Operation => {
        const { controls } = withControls(qubits, 0);
        return { kind: "phase", angle: value, ...(controls === undefined ? {} : { controls }) };
      }),
      fc.record({
        kind: fc.constant("measure"),
        qubit: fc.nat(width - 1),
        clbit: fc.nat(clbits - 1),
      }),
      fc.record({ kind: fc.constant("reset"), qubit: fc.nat(width - 1) }),
      fc.record({ kind: fc.constant("barrier"), qubits: qubitList(0, width) }),
      fc.record({
        kind: fc.constant("delay"),
        qubits: qubitList(1, width),
        durationNs: fc.constantFrom(0, 10, 0.5, 1e6),
      }),
      fc.tuple(bitList, fc.nat(3)).map(([list, choice]): Operation => ({
        kind: "assign",
        clbits: list,
        value: list.map((clbit) =>
          choice < 2
            ? (choice as 0 | 1)
            : { clbit: (clbit + 1) % clbits, ...(choice === 3 ? { inverted: true } : {}) },
        ),
      })),
      fc.record(
        { kind: fc.constant("if"), condition, then: tie("list"), else: tie("list") },
        { requiredKeys: ["kind", "condition", "then"] },
      ),
      fc.record({
        kind: fc.constant("while"),
        condition,
        body: tie("list"),
        maxIterations: fc.nat(2000),
      }),
      fc.record(
        {
          kind: fc.constant("switch"),
          clbits: bitList,
          cases: fc
            .uniqueArray(fc.bigInt({ min: 0n, max: 7n }), { minLength: 1, maxLength: 3 })
            .chain((values) =>
              fc.tuple(
                ...values.map((value) =>
                  fc.record({ values: fc.constant([value]), body: tie("list") }),
                ),
              ),
            ),
          default: tie("list"),
        },
        { requiredKeys: ["kind", "clbits", "cases"] },
      ),
    ) as fc.Arbitrary<Operation>, // the kinds above are those of the union
  })).list;
}

function circuits(anyAngle: fc.Arbitrary<Angle>, hasDense: boolean): fc.Arbitrary<Circuit> {
  return fc
    .tuple(operations(anyAngle, hasDense), fc.option(anyAngle), fc.constantFrom(0, 0, 1, 2))
    .map(([list, globalPhase, naming]) => ({
      qubits: width,
      clbits,
      parameters:
        anyAngle === openAngle
          ? ["a", "b[0]", "x y"].map((name) => ({ name, role: "shared" as const }))
          : [],
      operations: list,
      ...(globalPhase === null || globalPhase === 0 ? {} : { globalPhase }),
      ...(naming === 1
        ? {
            quantumRegisters: [
              { name: "if", size: 1 },
              { name: "Q é", size: width - 1 },
            ],
          }
        : {}),
      ...(naming === 2
        ? {
            classicalRegisters: [
              { name: "H", size: 2 },
              { name: "c_", size: clbits - 2 },
            ],
          }
        : {}),
    }));
}

/** Sound circuits with operations of every kind: bound or with parameters, with or without dense unitaries. */
export const anyCircuit: fc.Arbitrary<Circuit> = fc.oneof(
  circuits(angle, false),
  circuits(openAngle, false),
  circuits(angle, true),
);

/** JSON of a sound circuit with one value anywhere in it replaced. */
const brokenJson: fc.Arbitrary<string> = fc
  .tuple(
    anyCircuit,
    fc.nat(),
    fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom("RX", -1, 1e9, [], {}, null)),
  )
  .map(([circuit, place, value]) => {
    const tree: unknown = JSON.parse(printCircuitJson(circuit));
    const spots: { readonly holder: Record<string, unknown>; readonly key: string }[] = [];
    const walk = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      const holder = node as Record<string, unknown>; // keys of a list are its indices
      for (const key of Object.keys(holder)) {
        spots.push({ holder, key });
        walk(holder[key]);
      }
    };
    walk(tree);
    const spot = spots[place % spots.length];
    if (spot !== undefined) spot.holder[spot.key] = value;
    return JSON.stringify(tree, undefined, place % 2 === 0 ? 1 : undefined);
  });

/** Programs by grammar, of every text form. */
export const anyProgram: fc.Arbitrary<string> = fc.oneof(
  programs(qasm2),
  programs(qasm3),
  programs(originir),
  brokenJson,
);
