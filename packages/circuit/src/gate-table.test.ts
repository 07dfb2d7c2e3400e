import { describe, expect, test } from "vitest";
import { createRandom } from "@qtune/base";
import { evaluateAngle, parameterAngle } from "./angle.ts";
import type { Circuit, GateOperation, Operation } from "./circuit.ts";
import { expandCircuit } from "./expand.ts";
import type { Gate } from "./gate.ts";
import { findGate, gateTable } from "./gate-table.ts";
import {
  adjointMatrix,
  controlledMatrix,
  identityMatrix,
  matrixDistance,
  type Matrix,
  multiplyMatrices,
  phaseMatrix,
  unitarityError,
} from "./matrix.ts";
import {
  applyMatrixReferenceInPlace,
  circuitUnitary,
  gateMatrix,
  type StateVector,
} from "./unitary.ts";

const tolerance = 1e-12;

function anglesFor(gate: Gate): readonly number[] {
  const random = createRandom(7, gate.name);
  return gate.angles.map(() => (random.nextUniform() - 0.5) * 6);
}

function circuitOf(qubits: number, operations: readonly Operation[], globalPhase = 0): Circuit {
  return { qubits, clbits: 0, parameters: [], operations, globalPhase };
}

function operationOf(gate: Gate, angles: readonly number[]): GateOperation {
  return {
    kind: "gate",
    gate: gate.name,
    qubits: Array.from({ length: gate.qubits }, (_, i) => i),
    angles,
  };
}

/** ⟨O⟩ after gate(angles) on a random product-free state, with a random Hermitian readout: enough to see any frequency. */
function expectation(gate: Gate, angles: readonly number[]): number {
  const random = createRandom(11, gate.name);
  const size = 2 ** gate.qubits;
  const state: StateVector = {
    n: gate.qubits,
    re: Float64Array.from({ length: size }, () => random.nextNormal()),
    im: Float64Array.from({ length: size }, () => random.nextNormal()),
  };
  applyMatrixReferenceInPlace(state, gate.matrix(angles), [...Array(gate.qubits).keys()]);
  const probe = {
    re: Float64Array.from({ length: size }, () => random.nextNormal()),
    im: Float64Array.from({ length: size }, () => random.nextNormal()),
  };
  let re = 0;
  let im = 0;
  for (let i = 0; i < size; i++) {
    re += probe.re[i]! * state.re[i]! + probe.im[i]! * state.im[i]!;
    im += probe.re[i]! * state.im[i]! - probe.im[i]! * state.re[i]!;
  }
  return (re * re + im * im) / size;
}

/** exp(−iθG) by its power series. */
function exponential(gate: Gate, theta: number): Matrix {
  const size = 2 ** gate.qubits;
  const generator = { size, re: new Float64Array(size * size), im: new Float64Array(size * size) };
  for (const term of gate.generator?.terms ?? []) {
    const word: Operation[] = term.paulis.map(({ qubit, pauli }) => ({
      kind: "gate",
      gate: pauli,
      qubits: [qubit],
      angles: [],
    }));
    const matrix = circuitUnitary(circuitOf(gate.qubits, word));
    for (let i = 0; i < size * size; i++) {
      // −iθ · coefficient · P
      generator.re[i]! += theta * term.coefficient * matrix.im[i]!;
      generator.im[i]! -= theta * term.coefficient * matrix.re[i]!;
    }
  }
  let sum = identityMatrix(size);
  let power = identityMatrix(size);
  for (let k = 1; k < 60; k++) {
    power = multiplyMatrices(power, generator);
    power = { size, re: power.re.map((x) => x / k), im: power.im.map((x) => x / k) };
    sum = {
      size,
      re: sum.re.map((x, i) => x + power.re[i]!),
      im: sum.im.map((x, i) => x + power.im[i]!),
    };
  }
  return sum;
}

describe.each(gateTable.map((gate) => [gate.name, gate] as const))("%s", (_, gate) => {
  const angles = anglesFor(gate);
  const matrix = gate.matrix(angles);

  test("is unitary and has the size of its qubits", () => {
    expect(matrix.size).toBe(2 ** gate.qubits);
    expect(unitarityError(matrix)).toBeLessThan(tolerance);
  });

  test("its decomposition has its unitary, phase included", () => {
    if (gate.decomposition === undefined) {
      expect(["U3", "CX"]).toContain(gate.name);
      return;
    }
    const { steps, globalPhase } = gate.decomposition(angles);
    const operations = steps.map((step): Operation => ({ kind: "gate", ...step }));
    const phase = evaluateAngle(globalPhase, () => 0);
    expect(
      matrixDistance(circuitUnitary(circuitOf(gate.qubits, operations, phase)), matrix),
    ).toBeLessThan(tolerance);
  });

  test("its decomposition ends at U3 and CX", () => {
    const basis = expandCircuit(circuitOf(gate.qubits, [operationOf(gate, angles)]), {
      keep: (name) => name === "U3" || name === "CX",
    });
    for (const operation of basis.operations)
      expect(operation.kind === "gate" && ["U3", "CX"].includes(operation.gate)).toBe(true);
    expect(matrixDistance(circuitUnitary(basis), matrix)).toBeLessThan(tolerance * 10);
  });

  test("its decomposition works with parameters", () => {
    const names = gate.angles.map((_name, i) => `p${i}`);
    const parts = gate.decomposition?.(names.map(parameterAngle)) ?? { steps: [], globalPhase: 0 };
    const bound = gate.decomposition?.(angles) ?? { steps: [], globalPhase: 0 };
    const lookup = (name: string): number => angles[Number(name.slice(1))] ?? 0;
    parts.steps.forEach((step, i) => {
      expect(step.gate).toBe(bound.steps[i]?.gate);
      step.angles.forEach((angle, j) =>
        expect(evaluateAngle(angle, lookup)).toBeCloseTo(
          evaluateAngle(bound.steps[i]?.angles[j] ?? 0, lookup),
          12,
        ),
      );
    });
  });

  test("its inverse undoes it", () => {
    const inverse = gate.inverse(angles);
    const other = gateMatrix(
      {
        ...operationOf(gate, []),
        gate: inverse.gate,
        angles: inverse.angles,
        power: inverse.power ?? 1,
      },
      {},
    );
    expect(
      matrixDistance(multiplyMatrices(other, matrix), identityMatrix(matrix.size)),
    ).toBeLessThan(tolerance);
  });

  test("its controls and its controlled form agree with the table", () => {
    if (gate.base !== undefined) {
      const base = findGate(gate.base);
      expect(base?.angles).toEqual(gate.angles);
      expect(matrixDistance(controlledMatrix(base!.matrix(angles), gate.controls), matrix)).toBe(0);
    }
    if (gate.controlled !== undefined) {
      const more = findGate(gate.controlled);
      expect(matrixDistance(more!.matrix(angles), controlledMatrix(matrix, 1))).toBe(0);
    }
  });

  test("its generator generates it", () => {
    if (gate.generator === undefined) return;
    expect(gate.angles.length).toBe(1);
    expect(matrixDistance(exponential(gate, angles[0]!), matrix)).toBeLessThan(tolerance);
  });

  test("its shift rules agree with central differences", () => {
    expect(gate.shifts.length).toBe(gate.angles.length);
    gate.shifts.forEach((rule, i) => {
      const at = (delta: number): number =>
        expectation(
          gate,
          angles.map((angle, j) => (i === j ? angle + delta : angle)),
        );
      const exact = rule.terms.reduce((sum, term) => sum + term.coefficient * at(term.shiftRad), 0);
      // fourth-order central difference, error about h⁴
      const h = 1e-3;
      const difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      expect(Math.abs(exact - difference)).toBeLessThan(1e-8);
    });
  });

  test("its flags are true", () => {
    const size = matrix.size;
    const offDiagonal = [...matrix.re.keys()].some(
      (i) => i % (size + 1) !== 0 && Math.hypot(matrix.re[i]!, matrix.im[i]!) > tolerance,
    );
    expect(gate.diagonal).toBe(!offDiagonal);
    if (gate.qubits === 2) {
      const swap = findGate("SWAP")!.matrix([]);
      const exchanged = multiplyMatrices(swap, multiplyMatrices(matrix, swap));
      expect(gate.symmetric).toBe(matrixDistance(exchanged, matrix) < tolerance);
    }
    expect(gate.clifford).toBe(gate.angles.length === 0 && isClifford(gate, matrix));
  });

  test("has a spelling in every format and a sentence of help", () => {
    expect(gate.help).toMatch(/\.$/);
    for (const spelling of Object.values(gate.spellings)) expect(spelling.name).not.toBe("");
  });
});

/** U P U† has one entry of modulus 1 per row and is a Pauli word up to sign: its square is 1 and it is sparse. */
function isClifford(gate: Gate, matrix: Matrix): boolean {
  return Array.from({ length: gate.qubits }, (_, qubit) => qubit).every((qubit) =>
    (["X", "Z"] as const).every((pauli) => {
      const word = circuitUnitary(
        circuitOf(gate.qubits, [{ kind: "gate", gate: pauli, qubits: [qubit], angles: [] }]),
      );
      return isPauliWord(
        multiplyMatrices(matrix, multiplyMatrices(word, adjointMatrix(matrix))),
        gate.qubits,
      );
    }),
  );
}

function isPauliWord(matrix: Matrix, qubits: number): boolean {
  return Array.from({ length: 4 ** qubits }, (_, index) => index).some((index) => {
    const word = Array.from({ length: qubits }, (_, qubit): Operation => ({
      kind: "gate",
      gate: "IXYZ"[Math.floor(index / 4 ** qubit) % 4] ?? "I",
      qubits: [qubit],
      angles: [],
    }));
    const pauli = circuitUnitary(circuitOf(qubits, word));
    return (
      matrixDistance(pauli, matrix) < 1e-9 ||
      matrixDistance(phaseMatrix(pauli, Math.PI), matrix) < 1e-9
    );
  });
}

test("gate names are upper case and distinct", () => {
  expect(new Set(gateTable.map((gate) => gate.name)).size).toBe(gateTable.length);
  for (const gate of gateTable) expect(gate.name).toMatch(/^[A-Z][A-Z0-9_]*$/);
});

test("gates of huge angles are unitary, and have powers", () => {
  for (const gate of gateTable.filter((one) => one.angles.length > 0)) {
    const angles = gate.angles.map((_, i) => [0.3, 1, 1e21, -3e15][i] ?? 0);
    expect(unitarityError(gate.matrix(angles)), gate.name).toBeLessThan(tolerance);
    const half = { ...operationOf(gate, angles), power: 0.5 };
    expect(unitarityError(circuitUnitary(circuitOf(gate.qubits, [half]))), gate.name).toBeLessThan(
      1e-9,
    );
  }
});
