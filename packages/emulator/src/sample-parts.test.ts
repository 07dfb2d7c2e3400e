import { createRandom } from "@qtune/base";
import { createChip } from "@qtune/chip";
import { circuitBuilder } from "@qtune/circuit";
import { frequencies, samplingBound, totalVariation } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import { runChipCircuit } from "./chip-circuit.ts";
import { createTaskRunner } from "./task-runner.ts";
import { independentParts } from "./sample-parts.ts";

const chip = createChip("wukong-72");

describe("sampleParts", () => {
  test("tends to the joint distribution of independent parts", async () => {
    const circuit = circuitBuilder(4).h(0).cx(0, 1).ry(0.7, 2).h(3).cx(3, 2).measureAll().build();
    const { probabilities = new Map() } = await runChipCircuit(circuit, { chip });
    const { counts = new Map() } = await runChipCircuit(circuit, { chip, shots: 4000, seed: 2n });
    expect(totalVariation(probabilities, frequencies(counts))).toBeLessThan(
      samplingBound(16, 4000),
    );
  });

  test("joins qubits by gates and leaves unmeasured parts out", () => {
    const circuit = circuitBuilder(5, { clbits: 3 })
      .h(0)
      .cx(0, 1)
      .h(2)
      .x(3)
      .x(4)
      .measure(0, 0)
      .measure(2, 1)
      .measure(4, 2)
      .build();
    const runner = createTaskRunner({ chip: createChip("grid-1x5") });
    const program = runner.program({
      circuit,
      values: () => 0,
      place: { qubits: [0, 1, 2, 3, 4], layout: [0, 1, 2, 3, 4], predictedFidelity: 1 },
    });
    expect(independentParts(program)).toEqual([[0, 1], [2], [4]]);
  });

  test("a whole chip of pairs runs in a moment, and the first shots depend on the seed only", async () => {
    const builder = circuitBuilder(40);
    for (let q = 0; q < 40; q += 2) builder.h(q).cx(q, q + 1);
    const circuit = builder.measureAll().build();
    const run = () => runChipCircuit(circuit, { chip, shots: 100, seed: 5n });
    const first = await run();
    expect(
      [...(first.counts ?? new Map<string, number>()).values()].reduce(
        (sum, count) => sum + count,
        0,
      ),
    ).toBe(100);
    expect((await run()).counts).toEqual(first.counts);
  });

  test("joins more qubits than a state vector holds where they entangle little", async () => {
    const builder = circuitBuilder(24).h(0);
    for (let q = 0; q + 1 < 24; q++) builder.cx(q, q + 1);
    const shots = 100;
    const { counts = new Map<string, number>() } = await runChipCircuit(
      builder.measureAll().build(),
      { chip, shots, seed: 1n },
    );
    // Neighbours agree but for errors of readout and gates: some 85 % of 2,300 pairs; independent bits would agree in half.
    let agreeing = 0;
    for (const [text, count] of counts)
      for (let i = 0; i + 1 < 24; i++) agreeing += text[i] === text[i + 1] ? count : 0;
    expect(agreeing / (23 * shots)).toBeGreaterThan(0.7);
    expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(shots);
  });

  test("pairing is random: independent bits stay uncorrelated", async () => {
    const circuit = circuitBuilder(2).h(0).h(1).measureAll().build();
    const { counts = new Map() } = await runChipCircuit(circuit, {
      chip: createChip("grid-1x2-ideal"),
      shots: 4000,
      seed: 1n,
    });
    const parity =
      ((counts.get("00") ?? 0) +
        (counts.get("11") ?? 0) -
        (counts.get("01") ?? 0) -
        (counts.get("10") ?? 0)) /
      4000;
    expect(Math.abs(parity)).toBeLessThan(5 / Math.sqrt(4000)); // 5 sigma
    expect(createRandom(1).fork("part", 0).key).not.toBe(createRandom(1).fork("part", 1).key);
  });
});
