/** Texts made to be slow: what takes the square of its size somewhere would not end before these tests time out. */
import { describe, expect, test } from "vitest";
import { printCircuit, readCircuit } from "./read.ts";

const many = (count: number, text: (i: number) => string, between = "\n"): string =>
  Array.from({ length: count }, (_, i) => text(i)).join(between);
const qasm2 = 'OPENQASM 2.0; include "qelib1.inc";\n';
const qasm3 = 'OPENQASM 3.0; include "stdgates.inc";\n';

/** The circuit's operations, or what the first issue says. */
function answer(text: string): number | string {
  const { circuit, issues } = readCircuit(text, { maxOperations: 200_000 });
  return circuit?.operations.length ?? issues[0]?.expected ?? "";
}

describe("texts that are long in one way", () => {
  test.each([
    ["a barrier over a large register", `${qasm2}qreg q[500000]; barrier q;`, 1],
    [
      "a barrier over many qubits",
      `${qasm2}qreg q[50000]; barrier ${many(50_000, (i) => `q[${i}]`, ",")};`,
      1,
    ],
    [
      "many conditions over a large register",
      `${qasm2}qreg q[1]; creg c[50000];${many(500, (i) => `if(c==${i}) x q[0];`)}`,
      500,
    ],
    [
      "a gate that is kept for many values",
      `${qasm2}gate g(t) a { rz(sin(t)) a; } qreg q[1];${many(20_000, (i) => `g(${i}) q[0];`)}`,
      20_000,
    ],
    [
      "a gate of many qubits",
      `${qasm2}gate g ${many(20_000, (i) => `a${i}`, ",")} { ${many(20_000, (i) => `h a${i};`)} } qreg q[1];`,
      0,
    ],
    [
      "a long name that is not known",
      `${qasm2}qreg ${"x".repeat(1e6)}[1]; ${"y".repeat(1e6)} q;`,
      "a gate that is defined",
    ],
    [
      "a number with many underscores",
      `${qasm3}int a = ${"1_".repeat(300_000)}1;`,
      "at most 4096 digits",
    ],
    [
      "an alias that doubles",
      `${qasm3}qubit[1000] q0;${many(60, (i) => `let q${i + 1} = q${i} ++ q${i};`)}`,
      "an alias of at most 1000000 qubits or bits",
    ],
    [
      "a large bit string",
      `${qasm3}bit[200000] c = "${"01".repeat(100_000)}"; bit[200000] d = ~c;`,
      2,
    ],
    ["many registers", `${qasm3}${many(20_000, (i) => `qubit[1] q${i}; bit[1] c${i};`)}`, 0],
    [
      "many outcomes that nobody keeps",
      `${qasm3}qubit q;${many(20_000, () => "measure q;")}`,
      20_000,
    ],
    [
      "many definitions",
      `QINIT 1\nCREG 0\n${many(20_000, (i) => `QGATE g${i} a\nH a\nENDQGATE`)}`,
      0,
    ],
    [
      "a definition of many qubits",
      `QINIT 1\nCREG 0\nQGATE g ${many(20_000, (i) => `a${i}`, ",")}\n${many(20_000, (i) => `H a${i}`)}\nENDQGATE`,
      0,
    ],
    ["JSON that never closes", "[".repeat(1e6), "JSON, with a value here"],
    [
      "JSON with a mistake in each operation",
      `{"schema":"qtune.circuit/1","qubits":1,"clbits":0,"parameters":[],"operations":[${many(50_000, () => '{"kind":"gate","gate":"FOO","qubits":[0],"angles":[]}', ",\n")}]}`,
      "a gate of the table or of the circuit",
    ],
  ])("%s", (_name, text, expected) => expect(answer(text)).toBe(expected));
});

describe("circuits that would grow beyond measure are refused", () => {
  test("a switch of many cases in OriginIR", () => {
    const text = `${qasm3}qubit q; bit[10] c; switch (c) { ${many(1000, (i) => `case ${i} { x q; }`)} }`;
    const { circuit } = readCircuit(text);
    expect(circuit).toBeDefined();
    if (circuit === undefined) return;
    expect(readCircuit(printCircuit(circuit, "qasm3")).circuit).toEqual(circuit);
    expect(() => printCircuit(circuit, "originir")).toThrow(/a switch of 1000 cases/);
  });

  test("an exclusive or of many bits in QPanda2", () => {
    const text = `${qasm3}qubit q; bit[40] c; if (${many(40, (i) => `c[${i}]`, " ^ ")}) { x q; }`;
    const { circuit } = readCircuit(text);
    expect(circuit).toBeDefined();
    if (circuit === undefined) return;
    expect(() => printCircuit(circuit, "originir2")).toThrow(/an exclusive or of/);
  });
});
