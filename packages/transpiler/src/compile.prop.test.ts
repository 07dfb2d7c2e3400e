import { createRandom, type Random } from "@qtune/base";
import { type ChipModel, createChip } from "@qtune/chip";
import {
  type Circuit,
  type Operation,
  gateTable,
  parameterAngle,
  ringAnsatz,
} from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { type CompileLevel, compileCircuit } from "./compile.ts";
import { expectNative, expectSameUnitary } from "./same-unitary.suite.ts";

const smallGates = gateTable.filter((gate) => gate.qubits <= 3);

function randomCircuit(random: Random, n: number, length: number): Circuit {
  const operations: Operation[] = [];
  const angles = [Math.PI / 2, Math.PI, -Math.PI / 4, 0];
  while (operations.length < length) {
    const gate = smallGates[random.nextBelow(smallGates.length)];
    if (gate === undefined || gate.qubits > n) continue;
    const qubits = Array.from({ length: n }, (_, q) => q);
    for (let i = 0; i < gate.qubits; i++) {
      const j = i + random.nextBelow(n - i);
      [qubits[i], qubits[j]] = [qubits[j] ?? 0, qubits[i] ?? 0];
    }
    const angle = () =>
      random.nextBelow(2) === 0 ? (angles[random.nextBelow(4)] ?? 0) : 6 * random.nextUniform() - 3;
    operations.push({
      kind: "gate",
      gate: gate.name,
      qubits: qubits.slice(0, gate.qubits),
      angles: gate.angles.map(angle),
    });
  }
  return { qubits: n, clbits: 0, parameters: [], operations };
}

const chips = [
  createChip("grid-3x3"),
  createChip("wukong-72", { seed: 3 }),
  createChip("wukong-72", { seed: 4, couplerYield: 0.7 }),
];
const levels: readonly CompileLevel[] = [0, 1, 2, 3];

/** A chip with a calibration of its own; with half of the couplers its largest region still holds six qubits. */
function randomChip(random: Random): ChipModel {
  return createChip("wukong-72", {
    seed: random.nextUint32(),
    couplerYield: 0.6 + 0.4 * random.nextUniform(),
  });
}

describe.each(levels)("compileCircuit at level %i", (level) => {
  test("keeps the unitary up to phase and permutation on random chips, native and coupled only", () => {
    const random = createRandom(11, level);
    for (let k = 0; k < 24; k++) {
      const n = 1 + (k % 6);
      const chip = k % 3 === 0 ? createChip("grid-3x3") : randomChip(random);
      const circuit = randomCircuit(random, n, 4 + random.nextBelow(24));
      const compiled = compileCircuit(circuit, { chip, level, seed: BigInt(k) });
      expectNative(compiled, chip);
      expectSameUnitary(circuit, compiled, chip, random);
    }
  });

  test("every gate of the table of up to three qubits comes out right", () => {
    const [chip = createChip("grid-3x3")] = chips;
    const random = createRandom(12, level);
    for (const gate of smallGates) {
      const operations: Operation[] = [
        {
          kind: "gate",
          gate: gate.name,
          qubits: [2, 0, 1].slice(0, gate.qubits),
          angles: gate.angles.map((_, i) => 0.4 + i),
        },
      ];
      const circuit: Circuit = { qubits: 3, clbits: 0, parameters: [], operations };
      expectSameUnitary(circuit, compileCircuit(circuit, { chip, level }), chip, random);
    }
  });

  test("compiles structures once for all values of their parameters", () => {
    const random = createRandom(13, level);
    for (const circuit of [
      ringAnsatz({ n: 4, layers: 2 }),
      ringAnsatz({ n: 5, layers: 1 }),
      ringAnsatz({ n: 4, layers: 1, ansatz: "path" }),
    ]) {
      for (const chip of chips) {
        const compiled = compileCircuit(circuit, { chip, level });
        expectNative(compiled, chip);
        const values = new Map(
          circuit.parameters.map(({ name }) => [name, 6 * random.nextUniform() - 3]),
        );
        expectSameUnitary(circuit, compiled, chip, random, values);
      }
    }
  });

  test("symbolic gates of every kind stay right", () => {
    const [chip = createChip("grid-3x3")] = chips;
    const random = createRandom(14, level);
    const withAngles = smallGates.filter((gate) => gate.angles.length > 0);
    for (const gate of withAngles) {
      const angles = gate.angles.map((_, i) => parameterAngle(`p${i}`));
      const operations: Operation[] = [
        { kind: "gate", gate: gate.name, qubits: [0, 1, 2].slice(0, gate.qubits), angles },
      ];
      const parameters = gate.angles.map((_, i) => ({ name: `p${i}`, role: "row" as const }));
      const circuit: Circuit = { qubits: 3, clbits: 0, parameters, operations };
      const values = new Map(parameters.map(({ name }, i) => [name, 0.7 - i]));
      expectSameUnitary(circuit, compileCircuit(circuit, { chip, level }), chip, random, values);
    }
  });

  test("is deterministic", () => {
    const circuit = randomCircuit(createRandom(15), 7, 60);
    const options = { chip: createChip("wukong-72"), level, seed: 5n };
    expect(compileCircuit(circuit, options)).toEqual(compileCircuit(circuit, options));
  });
});

test("decoupling pulses keep the unitary", () => {
  const chip = createChip("wukong-72");
  const random = createRandom(21);
  let added = 0;
  for (let k = 0; k < 6; k++) {
    const circuit = randomCircuit(random, 4, 60);
    const compiled = compileCircuit(circuit, {
      chip,
      level: 1,
      decoupling: k % 2 === 0 ? "xx" : "xy4",
    });
    expectSameUnitary(circuit, compiled, chip, random);
    added += compiled.template.steps.filter((step) => step.kind === "decoupling").length;
  }
  expect(added).toBeGreaterThan(0);
});
