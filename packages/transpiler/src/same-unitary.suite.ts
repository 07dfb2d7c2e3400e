/** Judges compiled circuits by the slow reference of the circuit package. For tests only. */
import type { Random } from "@qtune/base";
import { type ChipModel, newestSnapshot } from "@qtune/chip";
import {
  type Circuit,
  type Operation,
  type StateVector,
  applyUnitaryReferenceInPlace,
  bindCircuit,
  createReferenceState,
} from "@qtune/circuit";
import { expect } from "vitest";
import type { CompiledCircuit } from "./compile.ts";
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

/** Fails unless a compiled circuit equals its source up to phase and the permutation of its layouts, on a random product state. */
export function expectSameUnitary(
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

/** Fails unless a compiled circuit holds native gates on working couplers only. */
export function expectNative(compiled: CompiledCircuit, chip: ChipModel) {
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
