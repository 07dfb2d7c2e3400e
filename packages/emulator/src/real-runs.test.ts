/** The runs of 2026-03-08 on the real chip, through compiler, noise model and density matrix. */
import { readFileSync } from "node:fs";
import { readChipFile } from "@qtune/chip";
import { readCircuit } from "@qtune/circuit";
import { findData, totalVariation } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { runChipCircuit } from "./chip-circuit.ts";

interface RealRun {
  readonly id: string;
  readonly shots: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly pulseTimeNs: number;
  readonly executed: readonly string[];
}

const chipFile = findData("chip/wukong72-2026-03-06.json");
const runsFile = findData("chip/real-runs.json");
const runs =
  runsFile === undefined
    ? []
    : (JSON.parse(readFileSync(runsFile, "utf8")) as { runs: RealRun[] }).runs;

describe.skipIf(chipFile === undefined || runs.length === 0)(
  "real runs on the physical layout",
  () => {
    test.each(runs)(
      "$id takes the time that the chip reported and comes out alike",
      async ({ executed, counts, shots, pulseTimeNs }) => {
        const { chip } = readChipFile(readFileSync(chipFile ?? "", "utf8"), {
          fileName: "wukong72-2026-03-06.json",
        });
        const { circuit } = readCircuit(executed.join("\n"), {
          fileName: "executed",
          format: "originir",
        });
        if (circuit === undefined) throw new Error("the executed circuit cannot be read");
        const { compiled, probabilities = new Map() } = await runChipCircuit(circuit, {
          chip,
          layout: "physical",
        });
        expect(compiled.durationNs).toBe(pulseTimeNs);
        const measured = Object.entries(counts).map(([key, count]): [string, number] => [
          Number(key).toString(2).padStart(circuit.clbits, "0"),
          count / shots,
        ]);
        // The plain model with the readout of the snapshot is at most 0.065 away on every run (chip.md 5.1).
        expect(totalVariation(probabilities, new Map(measured))).toBeLessThan(0.075);
      },
    );
  },
);
