import { createChip } from "@qtune/chip";
import { expect, test } from "vitest";
import { printAnsatzReport, reportAnsatz } from "./ansatz-report.ts";

test("the open chain takes fewer CZ and less time, and more of it fit side by side", () => {
  const report = reportAnsatz({ chip: createChip("wukong-72"), n: 4, layers: 1 });
  expect(report.ring).toMatchObject({ weights: 16, cz: 16, swaps: 0 });
  expect(report.path).toMatchObject({ weights: 14, cz: 12, swaps: 0 });
  expect(report.path.bestFidelity).toBeGreaterThan(report.ring.bestFidelity);
  expect(report.path.parallelMax).toBeGreaterThanOrEqual(report.ring.parallelMax);
  expect(report.path.chipSecondsPer200).toBeLessThanOrEqual(report.ring.chipSecondsPer200);
});

test("the report prints both forms side by side", () => {
  const text = printAnsatzReport(reportAnsatz({ chip: createChip("grid-4x4"), n: 4, layers: 1 }));
  expect(text).toMatch(/^n = 4, L = 1 +ring +path$/m);
  expect(text).toMatch(/^CZ +16 +12$/m);
});
