/** QASMBench: 77 real files against exact distributions that somebody else computed; four faulty ones. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { QtuneError } from "@qtune/base";
import { findData } from "@qtune/testkit";
import type { Circuit } from "./circuit.ts";
import { parseCircuitJson, printCircuitJson } from "./json.ts";
import { parseOriginir } from "./originir/parse.ts";
import { printOriginir } from "./originir/print.ts";
import { parseQasm2 } from "./qasm2/parse.ts";
import { printQasm2 } from "./qasm2/print.ts";
import { parseQasm3 } from "./qasm3/lower.ts";
import { printQasm3 } from "./qasm3/print.ts";
import { referenceDistribution } from "./reference-run.ts";

interface Expected {
  readonly qubits: number;
  readonly clbits: number;
  readonly outcomes: number;
  readonly probabilities: Readonly<Record<string, number>>;
}

const expectedFile = findData("qasm/qasmbench/expected.json");
const root = expectedFile === undefined ? "" : path.dirname(expectedFile);
const expected: Readonly<Record<string, Expected>> =
  expectedFile === undefined
    ? {}
    : (JSON.parse(readFileSync(expectedFile, "utf8")) as Record<string, Expected>);

function read(name: string): Circuit {
  return parseQasm2(readFileSync(path.join(root, name), "utf8"), { fileName: path.basename(name) });
}

function expectSameOutcomes(circuit: Circuit, outcomes: ReadonlyMap<string, number>): void {
  const again = referenceDistribution(circuit);
  expect(again.size).toBe(outcomes.size);
  for (const [outcome, p] of outcomes)
    expect(Math.abs((again.get(outcome) ?? 0) - p), outcome).toBeLessThan(1e-10);
}

describe.skipIf(expectedFile === undefined)("QASMBench", () => {
  test.each(Object.keys(expected))(
    "%s has its known outcomes and survives a round trip",
    (name) => {
      const circuit = read(name);
      const row = expected[name];
      expect([circuit.qubits, circuit.clbits]).toEqual([row?.qubits, row?.clbits]);
      const found = referenceDistribution(circuit);
      expect(found.size).toBe(row?.outcomes);
      for (const [outcome, p] of Object.entries(row?.probabilities ?? {})) {
        expect(Math.abs((found.get(outcome) ?? 0) - p), outcome).toBeLessThan(1e-9);
      }
      expect(parseQasm2(printQasm2(circuit))).toEqual(circuit);
      expect(parseQasm3(printQasm3(circuit))).toEqual(circuit);
      expect(parseCircuitJson(printCircuitJson(circuit))).toEqual(circuit);
      for (const dialect of ["originir", "originir2"] as const) {
        expectSameOutcomes(parseOriginir(printOriginir(circuit, { dialect }), { dialect }), found);
      }
    },
  );

  test("the four files that measure an undeclared register are refused, naming register and line", () => {
    const folder = path.join(root, "small");
    const files = readdirSync(folder).flatMap((name) => {
      const inside = path.join(folder, name);
      return name.endsWith(".inc") || !existsSync(inside)
        ? []
        : readdirSync(inside)
            .filter((file) => file.endsWith(".qasm"))
            .map((file) => `small/${name}/${file}`);
    });
    const faulty = files.filter((file) => expected[file] === undefined);
    expect(faulty.length).toBe(4);
    for (const file of faulty) {
      try {
        read(file);
        expect.unreachable(file);
      } catch (error) {
        const issue = error instanceof QtuneError ? error.issues[0] : undefined;
        expect(issue?.given).toBe('"q"');
        expect(issue?.expected).toBe("a declared quantum register");
        expect(issue?.hint).toBe("declared are reg");
        expect(issue?.line).toBeGreaterThan(1);
        expect(issue?.file).toBe(path.basename(file));
      }
    }
  });
});
