import { createRandom } from "@qtune/base";
import { createChip } from "@qtune/chip";
import { describe, expect, test } from "vitest";
import { qasmBenchCircuits } from "../bench/qasmbench.ts";
import { compileCircuit } from "./compile.ts";
import { expectNative, expectSameUnitary } from "./same-unitary.suite.ts";

const chip = createChip("wukong-72");
const circuits = qasmBenchCircuits(7);

describe.skipIf(circuits.length === 0)("QASMBench small on a chip", () => {
  test.each(circuits)(
    "$family of $n qubits keeps its unitary, native and coupled only",
    ({ circuit }) => {
      const unlimited = { ...chip, limits: { ...chip.limits, maxLayers: 1e6 } };
      const compiled = compileCircuit(circuit, { chip: unlimited, level: 2 });
      expectNative(compiled, chip);
      expectSameUnitary(circuit, compiled, chip, createRandom(1));
      expect(compiled.report.cz).toBeGreaterThanOrEqual(0);
    },
  );
});
