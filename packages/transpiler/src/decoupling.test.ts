import { createCalibrationView, createChip, newestSnapshot } from "@qtune/chip";
import { circuitBuilder } from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { compileCircuit } from "./compile.ts";

const chip = createChip("wukong-72");
/** A pair whose first qubit has static detuning: there is something to refocus. */
const view = createCalibrationView(newestSnapshot(chip));
const pair = view.couplers.find(({ a }) => (view.detuningSigmaRadPerNs[a] ?? 0) > 1e-4);
const layout = [pair?.a ?? -1, pair?.b ?? -1];

/** Qubit 0 waits between two pulses while qubit 1 is busy for a long time. */
function waiting(pulses: number) {
  const builder = circuitBuilder(2).h(0).cz(0, 1);
  for (let k = 0; k < pulses; k++) builder.rx(0.3, 1).rz(0.4, 1).ry(0.2, 1).barrier(1);
  return builder.cz(0, 1).h(0).measureAll().build();
}

describe("insertDecoupling", () => {
  test.each([
    { sequence: "xx" as const, pulses: 2 },
    { sequence: "xy4" as const, pulses: 4 },
  ])(
    "$sequence puts $pulses pulses into a long wait and keeps the duration",
    ({ sequence, pulses }) => {
      const circuit = waiting(80);
      const plain = compileCircuit(circuit, { chip, level: 0, layout });
      const decoupled = compileCircuit(circuit, { chip, level: 0, layout, decoupling: sequence });
      const added =
        decoupled.scheduled?.instructions.filter(
          (one) => one.kind === "rphi" && one.decoupling === true,
        ) ?? [];
      expect(added).toHaveLength(pulses);
      expect(decoupled.durationNs).toBe(plain.durationNs);
      const busy = (decoupled.scheduled?.instructions ?? [])
        .filter((one) => one.kind === "rphi" && one.qubit === layout[0])
        .sort((a, b) => a.startNs - b.startNs);
      expect(busy.length).toBeGreaterThan(pulses);
      busy.slice(1).forEach((one, index) => {
        const before = busy[index];
        expect(one.startNs).toBeGreaterThanOrEqual(
          (before?.startNs ?? 0) + (before?.durationNs ?? 0),
        );
      });
    },
  );

  test("leaves short waits alone: the pulses would cost more than they save", () => {
    const decoupled = compileCircuit(waiting(2), { chip, level: 0, layout, decoupling: "xx" });
    expect(
      decoupled.scheduled?.instructions.some(
        (one) => one.kind === "rphi" && one.decoupling === true,
      ),
    ).toBe(false);
  });
});
