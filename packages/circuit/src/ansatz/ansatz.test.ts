import { describe, expect, test } from "vitest";
import { createRandom } from "@qtune/base";
import { bindCircuit } from "../bind.ts";
import type { Circuit } from "../circuit.ts";
import { parameterNames } from "../circuit.ts";
import { applyUnitaryReferenceInPlace, circuitUnitary, createReferenceState } from "../unitary.ts";
import { validateCircuit } from "../validate.ts";
import {
  amplitudeEncoding,
  angleEncoding,
  ghz,
  hardwareEfficientAnsatz,
  qaoaAnsatz,
  qft,
  randomCircuit,
  stronglyEntanglingAnsatz,
} from "./library.ts";
import { ringAnsatz, ringWeightCount } from "./ring.ts";

describe("ringAnsatz", () => {
  test("has 4nL weights in the order layer, group, qubit", () => {
    const circuit = ringAnsatz({ n: 4, layers: 2 });
    expect(parameterNames(circuit, "row")).toEqual(["x[0]", "x[1]", "x[2]", "x[3]"]);
    expect(parameterNames(circuit, "shared").length).toBe(32);
    expect(ringWeightCount({ n: 4, layers: 2 })).toBe(32);
    // layer 1, group c, qubit 0: CRZ from 0 to 3
    const weight = `w[${(1 * 4 + 2) * 4 + 0}]`;
    expect(
      circuit.operations.find(
        (one) => one.kind === "gate" && JSON.stringify(one.angles).includes(`"${weight}"`),
      ),
    ).toMatchObject({ gate: "CRZ", qubits: [0, 3] });
  });

  test("a path leaves the closing edge and its weights out", () => {
    const circuit = ringAnsatz({ n: 4, layers: 3, ansatz: "path" });
    expect(parameterNames(circuit, "shared").length).toBe(14 * 3);
    expect(ringWeightCount({ n: 4, layers: 3, ansatz: "path" })).toBe(42);
    for (const one of circuit.operations) {
      if (one.kind === "gate" && one.gate === "CRZ")
        expect(Math.abs((one.qubits[0] ?? 0) - (one.qubits[1] ?? 0))).toBe(1);
    }
    expect(validateCircuit(circuit)).toEqual([]);
  });

  test("computes what its equations say", () => {
    const n = 3;
    const random = createRandom(5);
    const values = new Map(
      ringAnsatz({ n, layers: 1 }).parameters.map((one) => [one.name, random.nextNormal()]),
    );
    const bound = bindCircuit(ringAnsatz({ n, layers: 1 }), values);
    const at = (group: number, i: number): number => values.get(`w[${group * n + i}]`) ?? 0;
    const op = (gate: string, qubits: readonly number[], angle: number) =>
      ({ kind: "gate", gate, qubits, angles: [angle] }) as const;
    const byHand = [
      ...[0, 1, 2].map((i) => op("RY", [i], values.get(`x[${i}]`) ?? 0)),
      ...[2, 1, 0].map((i) => op("CRZ", [i, (i + 1) % n], at(0, i))),
      ...[0, 1, 2].map((i) => op("RY", [i], at(1, i))),
      ...[2, 0, 1].map((i) => op("CRZ", [i, (i + 2) % n], at(2, i))),
      ...[0, 1, 2].map((i) => op("RY", [i], at(3, i))),
    ];
    const [a, b] = [
      circuitUnitary(bound),
      circuitUnitary({ qubits: n, clbits: 0, parameters: [], operations: byHand }),
    ];
    a.re.forEach((re, i) => expect(re).toBeCloseTo(b.re[i] ?? 0, 13));
    a.im.forEach((im, i) => expect(im).toBeCloseTo(b.im[i] ?? 0, 13));
  });
});

function amplitudesOf(circuit: Circuit): { readonly re: Float64Array; readonly im: Float64Array } {
  const state = createReferenceState(circuit.qubits);
  for (const operation of [
    { kind: "phase", angle: circuit.globalPhase ?? 0 } as const,
    ...circuit.operations,
  ])
    applyUnitaryReferenceInPlace(state, operation, circuit);
  return state;
}

describe("amplitudeEncoding", () => {
  test.each([1, 2, 3, 4, 5])(
    "prepares random complex amplitudes of %i qubits, phase included",
    (n) => {
      const random = createRandom(n, "amplitudes");
      const re = Array.from({ length: 2 ** n }, () => random.nextNormal());
      const im = Array.from({ length: 2 ** n }, () => random.nextNormal());
      const norm = Math.hypot(...re, ...im);
      const state = amplitudesOf(amplitudeEncoding({ re, im }));
      re.forEach((value, i) => expect(state.re[i]).toBeCloseTo(value / norm, 12));
      im.forEach((value, i) => expect(state.im[i]).toBeCloseTo(value / norm, 12));
    },
  );

  test("takes zeros and signs", () => {
    const state = amplitudesOf(amplitudeEncoding({ re: [0, -3, 0, 4] }));
    [0, -0.6, 0, 0.8].forEach((value, i) => expect(state.re[i]).toBeCloseTo(value, 14));
    expect(() => amplitudeEncoding({ re: [1, 2, 3] })).toThrow(/2, 4, 8/);
    expect(() => amplitudeEncoding({ re: [0, 0] })).toThrow(/not all 0/);
  });
});

test.each([1, 2, 3, 4])(
  "qft of %i qubits is the Fourier matrix, and its inverse undoes it",
  (n) => {
    const N = 2 ** n;
    const matrix = circuitUnitary(qft({ n }));
    for (let row = 0; row < N; row++) {
      for (let col = 0; col < N; col++) {
        expect(matrix.re[row * N + col]).toBeCloseTo(
          Math.cos((2 * Math.PI * row * col) / N) / Math.sqrt(N),
          12,
        );
        expect(matrix.im[row * N + col]).toBeCloseTo(
          Math.sin((2 * Math.PI * row * col) / N) / Math.sqrt(N),
          12,
        );
      }
    }
    const back = qft({ n, inverse: true, swaps: false });
    const forth = qft({ n, swaps: false });
    const both = circuitUnitary({
      ...forth,
      operations: [...forth.operations, ...back.operations],
    });
    for (let i = 0; i < N; i++) expect(both.re[i * N + i]).toBeCloseTo(1, 12);
  },
);

test("ghz is half 0…0 and half 1…1", () => {
  const state = amplitudesOf(ghz({ n: 4 }));
  expect(state.re[0]).toBeCloseTo(Math.SQRT1_2, 14);
  expect(state.re[15]).toBeCloseTo(Math.SQRT1_2, 14);
});

test("the variational forms are sound and have the parameters they say", () => {
  const cases: readonly (readonly [Circuit, number])[] = [
    [hardwareEfficientAnsatz({ n: 4, layers: 3 }), 4 * 2 * 4],
    [
      hardwareEfficientAnsatz({
        n: 3,
        layers: 1,
        rotations: ["RX"],
        entangler: "CX",
        entanglement: "full",
      }),
      6,
    ],
    [stronglyEntanglingAnsatz({ n: 4, layers: 3 }), 36],
    [stronglyEntanglingAnsatz({ n: 1, layers: 2 }), 6],
    [angleEncoding({ n: 3 }), 3],
    [
      qaoaAnsatz(
        {
          n: 3,
          couplings: [
            [0, 1, 1],
            [1, 2, -0.5],
          ],
          fields: [0, 1, 0],
        },
        { layers: 2 },
      ),
      4,
    ],
  ];
  for (const [circuit, count] of cases) {
    expect(validateCircuit(circuit)).toEqual([]);
    expect(circuit.parameters.length).toBe(count);
  }
  expect(
    hardwareEfficientAnsatz({ n: 4, layers: 1, entanglement: "circular" }).operations.filter(
      (one) => one.kind === "gate" && one.gate === "CZ",
    ).length,
  ).toBe(4);
});

test("random circuits are sound and reproducible", () => {
  const draw = (): Circuit => randomCircuit({ n: 4, gates: 50, random: createRandom(3) });
  expect(validateCircuit(draw())).toEqual([]);
  expect(draw()).toEqual(draw());
});
