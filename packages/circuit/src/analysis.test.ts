import { describe, expect, test } from "vitest";
import {
  activeQubits,
  areEquivalent,
  circuitDepth,
  circuitStats,
  connectedComponents,
  lightCone,
} from "./analysis.ts";
import { circuitBuilder } from "./builder.ts";

const sample = circuitBuilder(6, { clbits: 2 })
  .h(0)
  .cx(0, 1)
  .barrier(0, 1, 2)
  .rz(0.1, 2)
  .ccx(0, 1, 2)
  .x(4)
  .measure(1, 0)
  .if(0, (one) => one.x(4))
  .build();

test("circuitStats counts", () => {
  expect(circuitStats(sample)).toEqual({
    qubits: 6,
    clbits: 2,
    parameters: 0,
    operations: 9,
    gates: { CCX: 1, CX: 1, H: 1, RZ: 1, X: 2 },
    oneQubitGates: 4,
    twoQubitGates: 1,
    largerGates: 1,
    measurements: 1,
    resets: 0,
    barriers: 1,
    controlFlow: 1,
    depth: 6,
    twoQubitDepth: 2,
    activeQubits: 4,
    components: 1,
  });
});

test("depth follows chains, barriers order without counting", () => {
  expect(circuitDepth(circuitBuilder(2).h(0).h(1).build())).toBe(1);
  expect(circuitDepth(circuitBuilder(2).h(0).barrier().h(1).build())).toBe(2);
  expect(circuitDepth(circuitBuilder(3).cx(0, 1).h(1).cx(1, 2).build(), { minQubits: 2 })).toBe(2);
});

test("components are joined by gates and by classical bits", () => {
  expect(connectedComponents(circuitBuilder(5).cx(0, 3).h(1).barrier().build())).toEqual([
    [0, 3],
    [1],
  ]);
  expect(
    connectedComponents(
      circuitBuilder(2)
        .measure(0, 0)
        .if(0, (one) => one.x(1))
        .build(),
    ),
  ).toEqual([[0, 1]]);
  expect(activeQubits(circuitBuilder(3).barrier().delay(5, 2).build())).toEqual([2]);
});

test("the light cone goes backwards", () => {
  const circuit = circuitBuilder(4).h(0).cx(0, 1).cx(2, 3).h(2).cx(1, 2).x(0).build();
  expect(lightCone(circuit, [0])).toEqual({ qubits: [0, 1], operations: [0, 1, 5] });
  expect(lightCone(circuit, [2])).toEqual({ qubits: [0, 1, 2, 3], operations: [0, 1, 2, 3, 4] });
});

describe("areEquivalent", () => {
  test("up to phase, unless asked otherwise", () => {
    const [a, b] = [circuitBuilder(1).rz(0.4, 0).build(), circuitBuilder(1).p(0.4, 0).build()];
    expect(areEquivalent(a, b)).toBe(true);
    expect(areEquivalent(a, b, { upToPhase: false })).toBe(false);
    expect(areEquivalent(a, circuitBuilder(1).p(0.5, 0).build())).toBe(false);
  });

  test("up to a permutation of the outputs", () => {
    const a = circuitBuilder(3).h(0).cx(0, 1).build();
    const b = circuitBuilder(3).h(0).cx(0, 1).swap(1, 2).build();
    expect(areEquivalent(a, b)).toBe(false);
    expect(areEquivalent(a, b, { permutation: [0, 2, 1] })).toBe(true);
    expect(areEquivalent(a, b, { permutation: "any" })).toBe(true);
  });
});
