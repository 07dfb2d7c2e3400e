import { describe, expect, test } from "vitest";
import { type Decay, depolarisingProbabilities, shareGateError } from "./gate-budget.ts";

const calm: Decay = { t1Ns: Infinity, markovianT2Ns: Infinity };
const qubit: Decay = { t1Ns: 20_000, markovianT2Ns: 15_000 };

/**
 * Average gate fidelity of depolarising λ after decays over a time, straight from the definition.
 */
function fidelityOf(lambda: number, timeNs: number, decays: readonly Decay[]): number {
  const size = 2 ** decays.length;
  const trace = decays.reduce(
    (product, { t1Ns, markovianT2Ns }) =>
      product * (1 + 2 * Math.exp(-timeNs / markovianT2Ns) + Math.exp(-timeNs / t1Ns)),
    1,
  );
  const process = (1 + lambda * (trace - 1)) / (size * size);
  return (size * process + 1) / (size + 1);
}

describe("the error of a gate", () => {
  test("without decay is total Pauli probability 3/2 (1 − F) on one qubit and 5/4 (1 − F) on two", () => {
    const pauli = (lambda: number, qubits: 1 | 2): number =>
      1 - (depolarisingProbabilities(lambda, qubits)[0] ?? 0);
    expect(pauli(shareGateError(0.002, 30, [calm]).depolarising, 1)).toBeCloseTo(1.5 * 0.002, 14);
    expect(pauli(shareGateError(0.03, 40, [calm, calm]).depolarising, 2)).toBeCloseTo(
      1.25 * 0.03,
      14,
    );
  });

  test.each([
    ["one qubit", 0.002, 30, [qubit]],
    ["two qubits", 0.03, 40, [qubit, { t1Ns: 9000, markovianT2Ns: 3000 }]],
  ] as const)("with decay on %s it is the calibrated one", (_, infidelity, durationNs, decays) => {
    const { decayNs, depolarising } = shareGateError(infidelity, durationNs, decays);
    expect(decayNs).toBe(durationNs);
    expect(1 - fidelityOf(depolarising, decayNs, decays)).toBeCloseTo(infidelity, 14);
  });

  test("is kept by shortening the decay where that alone exceeds it", () => {
    const fast: Decay = { t1Ns: 2000, markovianT2Ns: 600 };
    const { decayNs, depolarising } = shareGateError(0.001, 30, [fast]);
    expect(depolarising).toBe(1);
    expect(decayNs).toBeLessThan(30);
    expect(1 - fidelityOf(1, decayNs, [fast])).toBeCloseTo(0.001, 12);
  });

  test("of zero leaves nothing, and one beyond complete depolarising saturates", () => {
    expect(shareGateError(0, 30, [qubit])).toEqual({ decayNs: 0, depolarising: 1 });
    expect(shareGateError(0.9, 30, [qubit])).toEqual({ decayNs: 0, depolarising: 0 });
  });
});
