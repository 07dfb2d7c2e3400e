import { describe, expect, test } from "vitest";
import { createRandom, isQtuneError, type Random } from "@qtune/base";
import { parameterAngle, scaleAngle } from "./angle.ts";
import { bindCircuit } from "./bind.ts";
import { circuitBuilder } from "./builder.ts";
import type { Circuit } from "./circuit.ts";
import { expandCircuit } from "./expand.ts";
import { gateTable } from "./gate-table.ts";
import { matrixDistance } from "./matrix.ts";
import { circuitUnitary } from "./unitary.ts";

function expectEqualExpansion(circuit: Circuit, tolerance = 1e-11): Circuit {
  const expanded = expandCircuit(circuit);
  expect(expanded.definitions).toBeUndefined();
  for (const operation of expanded.operations) {
    expect(operation.kind).toBe("gate");
    expect(operation).not.toHaveProperty("controls");
    expect(operation).not.toHaveProperty("power");
  }
  expect(matrixDistance(circuitUnitary(expanded), circuitUnitary(circuit))).toBeLessThan(tolerance);
  return expanded;
}

/** A Haar-like random unitary: products of random rotations. */
function randomUnitary(qubits: number, random: Random): Circuit {
  const builder = circuitBuilder(qubits);
  for (let layer = 0; layer < 4; layer++) {
    for (let q = 0; q < qubits; q++)
      builder.u3(random.nextNormal(), random.nextNormal(), random.nextNormal(), q);
    for (let q = 0; q + 1 < qubits; q++) builder.crx(random.nextNormal(), q, q + 1);
  }
  return builder.phase(random.nextNormal()).build();
}

describe("expandCircuit keeps the unitary", () => {
  test.each(gateTable.map((gate) => [gate.name, gate] as const))(
    "%s under one, two and negative controls",
    (name, gate) => {
      const angles = gate.angles.map((_, i) => 0.3 + 0.7 * i);
      const qubits = [...Array(gate.qubits).keys()];
      const n = gate.qubits;
      for (const controls of [
        [{ qubit: n, value: 1 }],
        [
          { qubit: n, value: 0 },
          { qubit: n + 1, value: 1 },
        ],
      ] as const) {
        expectEqualExpansion(
          circuitBuilder(n + controls.length)
            .gate(name, qubits, angles, { controls })
            .build(),
        );
      }
    },
  );

  test.each(gateTable.map((gate) => [gate.name, gate] as const))("%s to powers", (name, gate) => {
    const angles = gate.angles.map((_, i) => 0.3 + 0.7 * i);
    const qubits = [...Array(gate.qubits).keys()];
    for (const power of [-1, 0, 2, -3, ...(gate.qubits <= 3 ? [0.5, -0.25] : [])]) {
      expectEqualExpansion(
        circuitBuilder(gate.qubits).gate(name, qubits, angles, { power }).build(),
        1e-9,
      );
    }
  });

  test.each([3, 4, 5, 6])("X under %i controls, without and with qubits to borrow", (controls) => {
    for (const spare of [0, 1, 2]) {
      const all = [...Array(controls).keys()];
      expectEqualExpansion(
        circuitBuilder(controls + 1 + spare)
          .control(all, (inner) => inner.x(controls))
          .build(),
      );
    }
  });

  test("U3 with parameters under three controls stays affine", () => {
    const theta = parameterAngle("theta");
    const circuit = circuitBuilder(4)
      .gate("U3", [3], [theta, scaleAngle(theta, 2), 0.4], {
        controls: [0, 1, 2].map((qubit) => ({ qubit, value: 1 })),
      })
      .build();
    const expanded = expandCircuit(circuit);
    const values = { theta: 0.77 };
    expect(
      matrixDistance(
        circuitUnitary(bindCircuit(expanded, values)),
        circuitUnitary(bindCircuit(circuit, values)),
      ),
    ).toBeLessThan(1e-12);
  });

  test.each([1, 2, 3])("dense unitaries of %i qubits, with and without control", (qubits) => {
    const matrix = circuitUnitary(randomUnitary(qubits, createRandom(3, qubits)));
    const order = [...Array(qubits).keys()].reverse();
    expectEqualExpansion(circuitBuilder(qubits).unitary(matrix, order).build());
    expectEqualExpansion(
      circuitBuilder(qubits + 1)
        .control([qubits], (inner) => inner.unitary(matrix, order))
        .build(),
    );
  });

  test("definitions with parameters and phases, nested, controlled and to a power", () => {
    const inner = circuitBuilder(2);
    inner
      .rx(inner.parameter("a"), 0)
      .cx(0, 1)
      .phase(scaleAngle(inner.parameter("a"), 0.5));
    const outer = circuitBuilder(2);
    outer
      .define("inner", inner.build())
      .gate("inner", [1, 0], [parameterAngle("b")])
      .t(0);
    const circuit = circuitBuilder(3)
      .define("inner", inner.build())
      .define("outer", outer.build())
      .gate("outer", [2, 0], [0.9], { controls: [{ qubit: 1, value: 0 }], power: -2 })
      .build();
    expectEqualExpansion(circuit);
  });
});

test("a definition that doubles at each level is refused instead of filling the memory", () => {
  const builder = circuitBuilder(1);
  builder.define("g0", circuitBuilder(1).x(0).build());
  for (let level = 1; level < 60; level++) {
    builder.append().define(`g${level}`, {
      qubits: 1,
      clbits: 0,
      parameters: [],
      operations: [0, 1].map(() => ({
        kind: "gate",
        gate: `g${level - 1}`,
        qubits: [0],
        angles: [],
      })),
    });
  }
  const bomb = builder.gate("g59", [0]).build();
  try {
    expandCircuit(bomb, { maxOperations: 10_000 });
    expect.unreachable();
  } catch (error) {
    expect(isQtuneError(error, "resource_exhausted")).toBe(true);
  }
});
