/** QASMBench small: real circuits against exact distributions from an independent simulation. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseQasm2 } from "@qtune/circuit";
import { findData } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { exactDistribution } from "./simulate.ts";

interface Expected {
  readonly probabilities: Readonly<Record<string, number>>;
}

const expectedFile = findData("qasm/qasmbench/expected.json");
const root = expectedFile === undefined ? "" : path.dirname(expectedFile);
const expected: Readonly<Record<string, Expected>> =
  expectedFile === undefined
    ? {}
    : (JSON.parse(readFileSync(expectedFile, "utf8")) as Record<string, Expected>);

describe.skipIf(expectedFile === undefined)("QASMBench small", () => {
  test.each(Object.entries(expected))(
    "%s has its known outcomes",
    async (file, { probabilities }) => {
      const circuit = parseQasm2(readFileSync(path.join(root, file), "utf8"), {
        fileName: path.basename(file),
      });
      const distribution = await exactDistribution(circuit);
      for (const [outcome, p] of Object.entries(probabilities)) {
        expect(Math.abs((distribution.get(outcome) ?? 0) - p), outcome).toBeLessThan(1e-9);
      }
    },
  );
});
