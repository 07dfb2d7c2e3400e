import { readFileSync } from "node:fs";
import { findData, wantsSlowTests } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { readChipFile } from "../convert/read-chip-file.ts";
import { fitChip } from "./fit-chip.ts";
import { readRealRuns } from "./real-runs.ts";

const runsFile = findData("chip/real-runs.json");
const snapshotFile = findData("chip/wukong72-2026-03-06.json");
const canRun = wantsSlowTests() && runsFile !== undefined && snapshotFile !== undefined;

describe.skipIf(!canRun)("the real runs of 2026-03-08", () => {
  const read = () => {
    const { chip } = readChipFile(readFileSync(snapshotFile ?? "", "utf8"), {
      fileName: "snapshot",
    });
    return { chip, runs: readRealRuns(readFileSync(runsFile ?? "", "utf8"), { fileName: "runs" }) };
  };

  test("a fit that has not seen x3 predicts it, and meets each x1 run", () => {
    const { chip, runs } = read();
    const { runs: fitted, pools } = fitChip(runs, chip, { exclude: ["cnot-fold-56-62-x3"] });
    const tvd = (id: string): number => fitted.find((run) => run.id === id)?.tvd ?? 1;
    for (const id of ["bell-56-62-1", "bell-56-62-2", "cnot-fold-56-62-x1"])
      expect(tvd(id)).toBeLessThan(0.035);
    expect(tvd("cnot-fold-56-62-x3")).toBeLessThan(0.03);
    expect(pools.find(({ ids }) => ids.length === 3)?.tvd).toBeLessThan(0.038);
  });
});
