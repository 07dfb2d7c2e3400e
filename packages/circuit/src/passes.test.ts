import { describe, expect, test } from "vitest";
import { createRandom } from "@qtune/base";
import { circuitStats } from "./analysis.ts";
import { parameterAngle, scaleAngle } from "./angle.ts";
import { randomCircuit } from "./ansatz/library.ts";
import { circuitBuilder } from "./builder.ts";
import type { Circuit } from "./circuit.ts";
import { matrixDistance } from "./matrix.ts";
import {
  cancelInverses,
  fuseOneQubitRuns,
  mergeRotations,
  optimizeCircuit,
  removeDeadOperations,
  removeIdentities,
  removeIdleQubits,
} from "./passes.ts";
import { referenceDistribution } from "./reference-run.ts";
import { circuitUnitary } from "./unitary.ts";

const names = (circuit: Circuit): readonly string[] =>
  circuit.operations.map((one) =>
    one.kind === "gate" ? `${one.gate} ${one.qubits.join()}` : one.kind,
  );

describe("cancelInverses", () => {
  test("removes pairs, also those that meet when others are gone", () => {
    expect(
      names(cancelInverses(circuitBuilder(2).h(0).cx(0, 1).s(1).sdg(1).cx(0, 1).h(0).x(1).build())),
    ).toEqual(["X 1"]);
    expect(
      names(cancelInverses(circuitBuilder(2).cz(0, 1).cz(1, 0).rx(0.3, 0).rx(-0.3, 0).build())),
    ).toEqual([]);
    const theta = parameterAngle("t");
    expect(
      names(cancelInverses(circuitBuilder(1).rx(theta, 0).rx(scaleAngle(theta, -1), 0).build())),
    ).toEqual([]);
  });

  test("keeps what a barrier, another qubit or the order keeps apart", () => {
    for (const circuit of [
      circuitBuilder(1).h(0).barrier().h(0).build(),
      circuitBuilder(2).cx(0, 1).x(1).cx(0, 1).build(),
      circuitBuilder(2).cx(0, 1).cx(1, 0).build(),
      circuitBuilder(1).x(0).measure(0).x(0).build(),
    ]) {
      expect(cancelInverses(circuit).operations).toEqual(circuit.operations);
    }
  });
});

describe("mergeRotations", () => {
  test("adds angles and keeps parameters", () => {
    const circuit = mergeRotations(
      circuitBuilder(2)
        .rz(0.25, 0)
        .rz(parameterAngle("t"), 0)
        .rzz(0.5, 0, 1)
        .rzz(0.25, 1, 0)
        .build(),
    );
    expect(circuit.operations).toEqual([
      {
        kind: "gate",
        gate: "RZ",
        qubits: [0],
        angles: [{ constant: 0.25, terms: [{ parameter: "t", coefficient: 1 }] }],
      },
      { kind: "gate", gate: "RZZ", qubits: [0, 1], angles: [0.75] },
    ]);
  });
});

describe("removeIdentities", () => {
  test("keeps the phase of full turns", () => {
    const circuit = removeIdentities(
      circuitBuilder(1)
        .i(0)
        .rx(2 * Math.PI, 0)
        .p(2 * Math.PI, 0)
        .echo(0)
        .x(0)
        .build(),
    );
    expect(names(circuit)).toEqual(["X 0"]);
    expect(Math.cos(Number(circuit.globalPhase))).toBeCloseTo(-1, 12);
  });

  test("keeps a controlled full turn, whose phase is seen", () => {
    expect(
      removeIdentities(
        circuitBuilder(2)
          .crx(2 * Math.PI, 0, 1)
          .build(),
      ).operations.length,
    ).toBe(1);
  });
});

describe("removeDeadOperations", () => {
  test("removes what no classical bit sees", () => {
    const circuit = circuitBuilder(3, { clbits: 1 })
      .h(0)
      .cx(0, 1)
      .x(2)
      .rz(0.3, 0)
      .cz(0, 1)
      .measure(0, 0)
      .h(0)
      .h(1)
      .build();
    expect(names(removeDeadOperations(circuit))).toEqual(["H 0", "CX 0,1", "measure"]);
  });

  test("keeps what a condition sees", () => {
    const circuit = circuitBuilder(2, { clbits: 2 })
      .h(0)
      .measure(0, 0)
      .if(0, (one) => one.x(1))
      .measure(1, 1)
      .build();
    expect(removeDeadOperations(circuit).operations.length).toBe(4);
  });

  test("leaves circuits without bits alone", () => {
    const circuit = circuitBuilder(1).h(0).build();
    expect(removeDeadOperations(circuit)).toBe(circuit);
  });
});

test("removeIdleQubits renumbers and says how", () => {
  const { circuit, kept } = removeIdleQubits(circuitBuilder(5).h(1).barrier(0, 1).cx(1, 4).build());
  expect(kept).toEqual([1, 4]);
  expect(names(circuit)).toEqual(["H 0", "barrier", "CX 0,1"]);
});

describe("on random circuits", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("all passes keep the unitary, seed %i", (seed) => {
    const random = createRandom(seed, "passes");
    const from = [
      "H",
      "X",
      "S",
      "SDG",
      "T",
      "TDG",
      "RX",
      "RZ",
      "P",
      "CX",
      "CZ",
      "SWAP",
      "CP",
      "RZZ",
      "I",
      "U3",
    ];
    const circuit = randomCircuit({ n: 3, gates: 60, random, from });
    for (const pass of [
      cancelInverses,
      mergeRotations,
      removeIdentities,
      fuseOneQubitRuns,
      (one: Circuit) => optimizeCircuit(one, { fuse: true }),
    ]) {
      const after = pass(circuit);
      expect(matrixDistance(circuitUnitary(after), circuitUnitary(circuit))).toBeLessThan(1e-11);
      expect(circuitStats(after).operations).toBeLessThanOrEqual(60);
    }
  });

  test.each([1, 2, 3, 4, 5, 6])("removing dead operations keeps the outcomes, seed %i", (seed) => {
    const random = createRandom(seed, "dead");
    const builder = circuitBuilder(4, { clbits: 3 });
    for (let block = 0; block < 4; block++) {
      builder.compose(
        randomCircuit({
          n: 4,
          gates: 8,
          random,
          from: ["H", "X", "T", "RX", "CX", "CZ", "SWAP", "CRZ"],
        }),
      );
      builder.measure(random.nextBelow(4), random.nextBelow(3));
      if (random.nextBelow(2) === 0) builder.reset(random.nextBelow(4));
      if (random.nextBelow(2) === 0)
        builder.if(random.nextBelow(3), (one) => one.x(random.nextBelow(4)));
    }
    const circuit = builder.build();
    const before = referenceDistribution(circuit);
    const after = referenceDistribution(removeDeadOperations(circuit));
    expect(after.size).toBe(before.size);
    for (const [key, p] of before) expect(after.get(key)).toBeCloseTo(p, 12);
  });
});
