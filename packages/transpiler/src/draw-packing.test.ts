import { createChip } from "@qtune/chip";
import { circuitBuilder } from "@qtune/circuit";
import { expect, test } from "vitest";
import { drawPacking } from "./draw-packing.ts";
import { planChipJobs } from "./plan.ts";

test("a packing picture shows every site once and every circuit with its fidelity", () => {
  const chip = createChip("grid-4x4");
  const circuit = circuitBuilder(2).h(0).cx(0, 1).measureAll().build();
  const plan = planChipJobs({
    chip,
    circuits: [circuit],
    items: [{ shape: 0 }, { shape: 0 }, { shape: 0 }],
    seed: 1n,
  });
  const [execution] = plan.jobs[0]?.executions ?? [];
  if (execution === undefined) throw new Error("a plan without executions");
  const svg = drawPacking({ chip, plan, execution, title: "a < b" });
  for (let qubit = 0; qubit < 16; qubit++) expect(svg.split(`>${qubit}</text>`)).toHaveLength(2);
  expect(svg.match(/#\d+: predicted fidelity 0\.\d{3}/g)).toHaveLength(execution.items.length);
  expect(svg).toContain("a &lt; b");
});
