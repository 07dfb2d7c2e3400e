/** What a user of chips gets wrong: each ends with exit code 2 and says where, what was expected and what to do. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createChip, newestSnapshot, printChipCalibration } from "@qtune/chip";
import { useCommands } from "./commands.suite.ts";

const folder = mkdtempSync(path.join(tmpdir(), "qtune-bad-input-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { run, failureOf } = useCommands();

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** A chain over so many qubits, so many times over. */
function chain(qubits: number, times = 1): string {
  const gates = Array.from({ length: qubits - 1 }, (_, q) => `cx q[${q}],q[${q + 1}];\nh q[${q}];`);
  const body = Array.from({ length: times }, () => gates.join("\n")).join("\n");
  return `OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[${qubits}];\ncreg c[${qubits}];\n${body}\nmeasure q -> c;\n`;
}

describe("a conversion", () => {
  test("to native gates is for OriginIR", async () => {
    const file = write("small.qasm", chain(2));
    const args = ["circuit", "convert", file, "--native", "--to"];
    const { exit, issues } = await failureOf(...args, "qasm3");
    expect(exit).toBe(2);
    expect(issues).toMatchObject([{ where: "--native", expected: "--to originir or originir2" }]);
    expect(await run(...args, "originir")).toMatch(/^QINIT 2\nCREG 2\nCNOT /);
    expect(process.exitCode).toBe(0);
  });
});

describe("a circuit", () => {
  test.each([["run"], ["compile"]])(
    "wider than every region: %s says which fits",
    async (command) => {
      const file = write("wide.qasm", chain(73));
      const { exit, code, issues } = await failureOf(
        "circuit",
        command,
        file,
        "--chip",
        "wukong-72",
      );
      expect({ exit, code }).toEqual({ exit: 2, code: "failed_precondition" });
      expect(issues).toMatchObject([
        {
          where: "circuit.qubits",
          given: "73",
          hint: expect.stringMatching(/up to 62 qubits fit/),
        },
      ]);
    },
  );

  test("deeper than the chip takes", async () => {
    const file = write("deep.qasm", chain(3, 200));
    const { exit, issues } = await failureOf("circuit", "run", file, "--chip", "wukong-72");
    expect(exit).toBe(2);
    expect(issues).toMatchObject([
      { where: "circuit", expected: "at most 500 native layers on wukong-72" },
    ]);
  });

  test.each([
    ["99", "ask for more shots"],
    ["10001", "split the shots over several tasks"],
  ])("with %s shots", async (shots, hint) => {
    const file = write("four.qasm", chain(4));
    const { exit, issues } = await failureOf(
      "circuit",
      "run",
      file,
      "--chip",
      "wukong-72",
      "--shots",
      shots,
    );
    expect(exit).toBe(2);
    expect(issues).toMatchObject([
      { expected: "100 to 10000 shots on wukong-72", given: shots, hint },
    ]);
  });

  test("with a gate that nothing defines", async () => {
    const text = chain(2)
      .replace("qreg", "opaque magic(a) x,y;\nqreg")
      .replace("measure", "magic(1) q[0],q[1];\nmeasure");
    const { exit, issues } = await failureOf(
      "circuit",
      "compile",
      write("opaque.qasm", text),
      "--chip",
      "ideal",
    );
    expect(exit).toBe(2);
    expect(issues).toMatchObject([
      { where: "magic", given: expect.stringMatching(/^an opaque gate/) },
    ]);
  });

  test("that names dead qubits where the layout is physical", async () => {
    const dead = createChip("wukong-72");
    const live = new Set(newestSnapshot(dead).qubits.map(({ id }) => id));
    const qubit = [...Array(72).keys()].find((id) => !live.has(id)) ?? -1;
    const text = `OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[72];\nh q[${qubit}];\n`;
    const { exit, issues } = await failureOf(
      "circuit",
      "compile",
      write("dead.qasm", text),
      "--chip",
      "wukong-72",
      "--layout",
      "physical",
    );
    expect(exit).toBe(2);
    expect(issues.map(({ given }) => given)).toContain(String(qubit));
  });
});

describe("a calibration", () => {
  const chip = createChip("grid-2x2");
  type Row = Record<string, number>;
  const variants: [string, (file: { qubits: Row[]; edges: Row[] }) => void, RegExp][] = [
    [
      "T2 over 2 T1",
      ({ qubits }) => Object.assign(qubits[1] ?? {}, { t1Us: 10, t2Us: 21 }),
      /qubits\[id=1\]\.t2Us.*at most 2 T1 = 20 us.*given 21 us/,
    ],
    [
      "a fidelity over 1",
      ({ qubits }) => Object.assign(qubits[0] ?? {}, { singleQubitFidelity: 1.5 }),
      /singleQubitFidelity.*from 0\.25 to 1.*given 1\.5/,
    ],
    [
      "an edge to a dead qubit",
      ({ qubits }) => qubits.pop(),
      /edges\[1-3\].*dead qubit 3.*remove the edge/,
    ],
    [
      "an edge without its fidelity",
      ({ edges }) => delete edges[0]?.["czFidelity"],
      /edges\[0-1\]\.czFidelity.*given nothing/,
    ],
  ];
  test.each(variants)("with %s", async (name, change, message) => {
    const file = JSON.parse(printChipCalibration(chip)) as { qubits: Row[]; edges: Row[] }; // our schema
    change(file);
    const named = write(`${name.replaceAll(" ", "-")}.json`, JSON.stringify(file));
    const failure = await failureOf("chip", "import", named);
    expect(failure.exit).toBe(2);
    expect(failure.message).toMatch(message);
  });
});
