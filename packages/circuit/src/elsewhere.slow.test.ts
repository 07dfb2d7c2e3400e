/**
 * What we write means the same to the readers of others: Qiskit for OpenQASM 2 and 3, QPanda3 for OriginIR. Needs
 * QTUNE_SLOW=1, python3 with pip and the network; QTUNE_TEST_CACHE keeps the packages between runs.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { printSkipReason, wantsSlowTests } from "@qtune/testkit";
import { addAngles, scaleAngle } from "./angle.ts";
import { circuitBuilder } from "./builder.ts";
import type { Circuit } from "./circuit.ts";
import { gateTable } from "./gate-table.ts";
import { printCircuit } from "./read.ts";
import { circuitUnitary } from "./unitary.ts";

const packages = ["qiskit==2.6.2", "qiskit-qasm3-import==0.6.0", "pyqpanda3==0.5.1"];
const formats = ["qasm2", "qasm3", "originir"] as const;
const isOn = wantsSlowTests();
if (!isOn) printSkipReason("readers of PyPI are fetched with QTUNE_SLOW=1");

/** Where Qiskit means something else: it takes whole numbers for u0, and U without the phase of the specification. */
const different: ReadonlySet<string> = new Set([
  "qasm2 U0",
  "qasm2 U0, inverted",
  "qasm2 U0, defined",
  "qasm3 U, controlled",
]);

interface Answer {
  readonly name: string;
  readonly format: string;
  readonly re?: readonly number[];
  readonly im?: readonly number[];
  readonly error?: string;
}

/** Every gate on a state that tells everything apart: plain, inverted, controlled, and in a definition of the user's. */
function* circuits(): Generator<readonly [name: string, circuit: Circuit]> {
  for (const gate of gateTable) {
    const n = gate.qubits + 1;
    const qubits = [...Array(gate.qubits).keys()];
    const angles = gate.angles.map((_, i) => 0.3 + 0.7 * i);
    const start = circuitBuilder(n);
    for (let i = 0; i < n; i++) start.rx(0.4 + 0.3 * i, i).rz(0.9 - 0.2 * i, i);
    const before = start.build();
    const on = (change: (builder: ReturnType<typeof circuitBuilder>) => unknown): Circuit => {
      const builder = circuitBuilder(n);
      change(builder);
      const after = builder.build();
      return { ...after, operations: [...before.operations, ...after.operations] };
    };
    const controls = [{ qubit: n - 1, value: 1 as const }];
    yield [gate.name, on((b) => b.gate(gate.name, qubits, angles))];
    yield [`${gate.name}, inverted`, on((b) => b.gate(gate.name, qubits, angles, { power: -1 }))];
    yield [`${gate.name}, controlled`, on((b) => b.gate(gate.name, qubits, angles, { controls }))];
    const body = circuitBuilder(gate.qubits);
    const [x, y] = [body.parameter("x"), body.parameter("y")];
    body.rx(addAngles(x, scaleAngle(y, -0.5)), 0);
    body.gate(gate.name, [...qubits].reverse(), angles, { power: -1 }).ry(y, 0);
    yield [
      `${gate.name}, defined`,
      on((b) => b.define("mine", body.build()).gate("mine", qubits, [0.6, 0.9])),
    ];
  }
}

test.runIf(isOn)("every gate means the same to Qiskit and QPanda3", { timeout: 600_000 }, () => {
  const cache = process.env["QTUNE_TEST_CACHE"];
  const folder = mkdtempSync(path.join(tmpdir(), "qtune-readers-"));
  const venv = path.join(cache ?? folder, "readers");
  const python = path.join(venv, "bin/python");
  try {
    execFileSync("python3", ["-m", "venv", venv]);
    execFileSync(python, ["-m", "pip", "install", "--quiet", ...packages], { stdio: "ignore" });
    const all = [...circuits()];
    const items = all.flatMap(([name, circuit]) =>
      formats.map((format) => ({ name, format, text: printCircuit(circuit, format) })),
    );
    const file = path.join(folder, "circuits.json");
    writeFileSync(file, JSON.stringify(items));
    const script = fileURLToPath(new URL("../tools/read-elsewhere.py", import.meta.url));
    const output = execFileSync(python, [script, file], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const answers = JSON.parse(output) as readonly Answer[]; // the script's documented output
    const wanted = new Map(all.map(([name, circuit]) => [name, circuitUnitary(circuit)]));
    const wrong = answers.filter(({ name, re = [], im = [] }) => {
      const unitary = wanted.get(name);
      if (unitary === undefined) return true;
      let [x, y] = [0, 0];
      for (let i = 0; i < unitary.size; i++) {
        const [a, b] = [unitary.re[i * unitary.size]!, unitary.im[i * unitary.size]!];
        x += a * (re[i] ?? 0) + b * (im[i] ?? 0);
        y += a * (im[i] ?? 0) - b * (re[i] ?? 0);
      }
      return !(Math.abs(Math.hypot(x, y) - 1) < 1e-9);
    });
    expect(answers.length).toBe(items.length);
    const names = wrong.map(({ name, format }) => `${format} ${name}`);
    expect(names.filter((name) => !different.has(name))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
