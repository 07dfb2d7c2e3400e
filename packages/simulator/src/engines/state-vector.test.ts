import { createRandom } from "@qtune/base";
import {
  type Circuit,
  type Observable,
  applyUnitaryReferenceInPlace,
  circuitBuilder,
  createReferenceState,
} from "@qtune/circuit";
import { describe, expect, test } from "vitest";
import { randomCircuit } from "../testing/random-circuit.ts";
import { createStateVector } from "./state-vector.ts";

/** Processor time of this process in ms: what an abort costs does not depend on what else the machine does. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function referenceState(circuit: Circuit) {
  const state = createReferenceState(circuit.qubits);
  for (const operation of circuit.operations)
    applyUnitaryReferenceInPlace(state, operation, circuit);
  return state;
}

/** 1 − |⟨a|b⟩|: states are equal up to a global phase when it vanishes. */
function infidelity(
  a: { re: Float64Array; im: Float64Array },
  b: { re: Float64Array; im: Float64Array },
): number {
  const re = a.re.reduce((sum, x, i) => sum + x * b.re[i]! + a.im[i]! * b.im[i]!, 0);
  const im = a.re.reduce((sum, x, i) => sum + x * b.im[i]! - a.im[i]! * b.re[i]!, 0);
  return Math.abs(1 - Math.hypot(re, im));
}

describe.each([
  ["float64", 1e-12],
  ["float32", 1e-5],
] as const)("a state vector in %s", (precision, tolerance) => {
  test.each(Array.from({ length: 8 }, (_, i) => `whole ${i}`))(
    "agrees with the reference on random circuit %s",
    async (seed) => {
      const circuit = randomCircuit({
        n: 2 + (seed.length % 5),
        gates: 40,
        random: createRandom(seed),
      });
      await using state = createStateVector(circuit.qubits, { precision });
      await state.applyOperations(circuit.operations, circuit);
      expect(infidelity(state.amplitudes(), referenceState(circuit))).toBeLessThan(tolerance);
    },
  );

  test.each([2, 3, 4])(
    "agrees with the reference in tiles, with gates fused to %s qubits, on two threads",
    async (fuseQubits) => {
      const circuit = randomCircuit({
        n: 10,
        gates: 80,
        random: createRandom("tiles", fuseQubits),
      });
      await using state = createStateVector(10, {
        precision,
        threads: 2,
        tileQubits: 7,
        fuseQubits,
      });
      await state.applyOperations(circuit.operations, circuit);
      expect(infidelity(state.amplitudes(), referenceState(circuit))).toBeLessThan(tolerance);
    },
  );

  test("gives the same bits for any number of threads", async () => {
    const circuit = randomCircuit({ n: 15, gates: 60, random: createRandom("bits") });
    const results: Float64Array[] = [];
    for (const threads of [1, 2]) {
      await using state = createStateVector(15, { precision, threads });
      await state.applyOperations(circuit.operations, circuit);
      results.push(state.amplitudes().re);
    }
    expect(results[0]!.every((value, i) => value === results[1]![i])).toBe(true);
  });
});

test("expectations agree with their definition", async () => {
  const circuit = randomCircuit({ n: 4, gates: 30, random: createRandom("expectation") });
  const observable: Observable = {
    terms: [
      {
        coefficient: 0.5,
        paulis: [
          { qubit: 0, pauli: "X" },
          { qubit: 2, pauli: "Y" },
        ],
      },
      {
        coefficient: -2,
        paulis: [
          { qubit: 1, pauli: "Y" },
          { qubit: 3, pauli: "Z" },
        ],
      },
      { coefficient: 3, paulis: [] },
    ],
  };
  const psi = referenceState(circuit);
  let wanted = 3;
  for (const term of observable.terms.slice(0, 2)) {
    const moved = { n: 4, re: psi.re.slice(), im: psi.im.slice() };
    for (const { qubit, pauli } of term.paulis)
      applyUnitaryReferenceInPlace(
        moved,
        { kind: "gate", gate: pauli, qubits: [qubit], angles: [] },
        circuit,
      );
    wanted +=
      term.coefficient *
      psi.re.reduce((sum, re, i) => sum + re * moved.re[i]! + psi.im[i]! * moved.im[i]!, 0);
  }
  await using state = createStateVector(4);
  await state.applyOperations(circuit.operations, circuit);
  expect(state.expectation(observable)).toBeCloseTo(wanted, 12);
});

describe("sampling", () => {
  test("follows the populations", async () => {
    const circuit = randomCircuit({ n: 4, gates: 30, random: createRandom("sampling") });
    await using state = createStateVector(4);
    await state.applyOperations(circuit.operations, circuit);
    const shots = 100_000;
    const drawn = await state.sample(shots, createRandom(1));
    const counts = new Float64Array(16);
    for (const index of drawn) counts[index]! += 1;
    const chi = state
      .populations()
      .reduce(
        (sum, p, x) => sum + (p < 1e-9 ? counts[x]! : (counts[x]! - shots * p) ** 2 / (shots * p)),
        0,
      );
    // 15 degrees of freedom: 44.3 is exceeded with probability 1e-4.
    expect(chi).toBeLessThan(44.3);
  });

  test("keeps the order of the draws in a large state", async () => {
    const circuit = circuitBuilder(16).h(15).h(3).build();
    await using state = createStateVector(16, { precision: "float32" });
    await state.applyOperations(circuit.operations, circuit);
    const drawn = await state.sample(1000, createRandom(3));
    const random = createRandom(3);
    const wanted = Array.from(
      { length: 1000 },
      () => [0, 8, 32768, 32776][Math.floor(4 * random.nextUniform())],
    );
    expect([...drawn]).toEqual(wanted);
  });
});

test("projection keeps one value of a qubit and can flip it", async () => {
  const circuit = circuitBuilder(2).h(0).cx(0, 1).build();
  await using state = createStateVector(2);
  await state.applyOperations(circuit.operations, circuit);
  expect(state.weights(1)).toEqual({
    one: expect.closeTo(0.5, 12) as number,
    total: expect.closeTo(1, 12) as number,
  });
  state.projectInPlace(1, 1, Math.SQRT2, true);
  expect([...state.populations()].map((p) => Math.round(p * 1e9) / 1e9)).toEqual([0, 1, 0, 0]);
});

describe("refusals", () => {
  test("too many qubits are refused with the figure before anything is allocated", () => {
    expect(() => createStateVector(40, { precision: "float32" })).toThrow(
      /at most 3,072 MiB but 40 qubits in float32 need 8,388,608 MiB/,
    );
  });

  test("an aborted run stops within 100 ms", async () => {
    const circuit = randomCircuit({ n: 20, gates: 400, random: createRandom("abort") });
    await using state = createStateVector(20, { precision: "float64", threads: 2 });
    const controller = new AbortController();
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = cpuMs();
      controller.abort();
    }, 50);
    await expect(
      state.applyOperations(circuit.operations, circuit, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: "cancelled" });
    expect(cpuMs() - abortedAt).toBeLessThan(100);
  });
});
