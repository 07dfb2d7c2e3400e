import { createChip } from "@qtune/chip";
import { circuitBuilder, referenceDistribution } from "@qtune/circuit";
import { samplingBound, totalVariation } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { runChipCircuit } from "./chip-circuit.ts";

const ghz = circuitBuilder(4).h(0).cx(0, 1).cx(1, 2).cx(2, 3).measureAll().build();

describe("runChipCircuit", () => {
  test("an ideal chip predicts the exact distribution", async () => {
    const { probabilities = new Map() } = await runChipCircuit(ghz, { chip: createChip("ideal") });
    expect(totalVariation(probabilities, referenceDistribution(ghz))).toBeLessThan(1e-9);
  });

  test("counts of a noisy chip tend to its predicted distribution", async () => {
    const chip = createChip("wukong-72");
    const { probabilities = new Map() } = await runChipCircuit(ghz, { chip });
    const { counts = new Map() } = await runChipCircuit(ghz, { chip, shots: 2000, seed: 1n });
    expect(
      totalVariation(
        probabilities,
        new Map([...counts].map(([bits, count]) => [bits, count / 2000])),
      ),
    ).toBeLessThan(samplingBound(probabilities.size, 2000));
  });

  test("a layout that was reported runs again on the same qubits", async () => {
    const chip = createChip("wukong-72");
    const first = await runChipCircuit(ghz, { chip, shots: 100, seed: 1n });
    const again = await runChipCircuit(ghz, {
      chip,
      shots: 100,
      seed: 1n,
      layout: first.compiled.layout.initial,
    });
    expect(again.counts).toEqual(first.counts);
  });

  test("the physical layout maps and cancels nothing", async () => {
    const twice = circuitBuilder(2).x(0).x(0).cz(0, 1).cz(0, 1).measureAll().build();
    const { compiled } = await runChipCircuit(twice, {
      chip: createChip("grid-1x2"),
      layout: "physical",
    });
    expect(compiled.report).toMatchObject({ cz: 2, pulses: 2 });
    expect(compiled.layout.initial).toEqual([0, 1]);
  });

  test("the physical layout refuses pairs without a coupler and says what is near", async () => {
    const far = circuitBuilder(9).cz(0, 8).build();
    await expect(
      runChipCircuit(far, { chip: createChip("grid-3x3"), layout: "physical" }),
    ).rejects.toThrow(
      /expected two coupled qubits but was given \(0, 8\); qubit 0 is coupled to 1, 3/,
    );
  });

  test("a prediction is refused beyond ten active qubits, not beyond ten declared ones", async () => {
    const few = circuitBuilder(30, { clbits: 1 }).h(29).measure(29, 0).build();
    await expect(runChipCircuit(few, { chip: createChip("wukong-72") })).resolves.toHaveProperty(
      "probabilities",
    );
    const many = circuitBuilder(11).h(0).measureAll().build();
    await expect(runChipCircuit(many, { chip: createChip("wukong-72") })).rejects.toThrow(
      /up to 10 active qubits but the circuit has 11/,
    );
  });
});
