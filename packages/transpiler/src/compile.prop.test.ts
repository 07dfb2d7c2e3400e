import { createRandom, type Random } from "@qtune/base";
import { type ChipModel, createChip, newestSnapshot } from "@qtune/chip";
import {
  type Circuit,
  type Operation,
  applyUnitaryReferenceInPlace,
  bindCircuit,
  createReferenceState,
  gateTable,
  parameterAngle,
  ringAnsatz,
  type StateVector,
} from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { type CompiledCircuit, type CompileLevel, compileCircuit } from "./compile.ts";
import { nativeCircuit } from "./native-circuit.ts";

/** Applies a circuit to a random product state; unmentioned qubits of `places` are |0⟩. */
function runOn(
  circuit: Circuit,
  inputs: readonly (readonly [number, number])[],
  places: readonly number[],
): StateVector {
  const state = createReferenceState(circuit.qubits);
  inputs.forEach(([theta, phi], index) => {
    const qubit = places[index] ?? -1;
    if (qubit < 0) return;
    applyUnitaryReferenceInPlace(
      state,
      { kind: "gate", gate: "U3", qubits: [qubit], angles: [theta, phi, 0] },
      circuit,
    );
  });
  for (const operation of circuit.operations) {
    if (operation.kind !== "measure") applyUnitaryReferenceInPlace(state, operation, circuit);
  }
  return state;
}

/** |⟨expected, permuted | given⟩|, where qubit q of the source stands at compact qubit `places[q]`. */
function overlap(expected: StateVector, given: StateVector, places: readonly number[]): number {
  let re = 0;
  let im = 0;
  for (let index = 0; index < expected.re.length; index++) {
    const to = places.reduce(
      (sum, place, q) => sum + (place >= 0 && (index >> q) & 1 ? 2 ** place : 0),
      0,
    );
    if (places.some((place, q) => place < 0 && (index >> q) & 1)) continue;
    re +=
      (expected.re[index] ?? 0) * (given.re[to] ?? 0) +
      (expected.im[index] ?? 0) * (given.im[to] ?? 0);
    im +=
      (expected.re[index] ?? 0) * (given.im[to] ?? 0) -
      (expected.im[index] ?? 0) * (given.re[to] ?? 0);
  }
  return Math.hypot(re, im);
}

/** The native circuit on compact qubits, and where each physical qubit went. */
function compactNative(
  compiled: CompiledCircuit,
  chip: ChipModel,
  values: ReadonlyMap<string, number>,
) {
  const native = nativeCircuit(compiled, chip.topology.qubits, (name) => values.get(name) ?? 0);
  const index = new Map(compiled.region.map((qubit, at) => [qubit, at]));
  const map = (qubit: number) => index.get(qubit) ?? -1;
  const operations = native.operations.map((operation): Operation => {
    if (operation.kind === "gate" || operation.kind === "delay")
      return { ...operation, qubits: operation.qubits.map(map) };
    return operation;
  });
  return { circuit: { ...native, qubits: compiled.region.length, operations }, map };
}

function expectSameUnitary(
  circuit: Circuit,
  compiled: CompiledCircuit,
  chip: ChipModel,
  random: Random,
  values: ReadonlyMap<string, number> = new Map(),
) {
  const what = circuit.operations
    .map((operation) => (operation.kind === "gate" ? operation.gate : operation.kind))
    .join(" ");
  const bound = bindCircuit(circuit, values);
  const { circuit: native, map } = compactNative(compiled, chip, values);
  const inputs = Array.from({ length: circuit.qubits }, (_, q): [number, number] => {
    const idle = (compiled.layout.initial[q] ?? -1) < 0;
    return idle ? [0, 0] : [random.nextUniform() * 3, random.nextUniform() * 6];
  });
  const expected = runOn(
    bound,
    inputs,
    bound.operations.length === 0 ? [] : inputs.map((_, q) => q),
  );
  const given = runOn(native, inputs, compiled.layout.initial.map(map));
  expect(1 - overlap(expected, given, compiled.layout.final.map(map)), what).toBeLessThan(1e-9);
}

function expectNative(compiled: CompiledCircuit, chip: ChipModel) {
  const couplers = new Set(newestSnapshot(chip).couplers.map(({ a, b }) => `${a}-${b}`));
  const native = nativeCircuit(compiled, chip.topology.qubits, () => 0.3);
  for (const operation of native.operations) {
    if (operation.kind !== "gate") continue;
    expect(["RPHI", "RZ", "CZ"]).toContain(operation.gate);
    if (operation.gate !== "CZ") continue;
    const [a = 0, b = 0] = operation.qubits;
    expect(couplers).toContain(`${Math.min(a, b)}-${Math.max(a, b)}`);
  }
}

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

describe.each(levels)("compileCircuit at level %i", (level) => {
  test("keeps the unitary up to phase and permutation, native and coupled only", () => {
    const random = createRandom(11, level);
    for (let k = 0; k < 24; k++) {
      const chip = chips[k % chips.length] ?? createChip("grid-3x3");
      const n = 1 + (k % 6);
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
