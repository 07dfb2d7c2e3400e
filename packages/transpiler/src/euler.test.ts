import { createRandom } from "@qtune/base";
import { expect, test } from "vitest";
import { pulseMatrix, pulseOf, wrap } from "./euler.ts";
import { multiply, phaseDistance, rotation } from "./matrix.ts";

test("a one-qubit gate is one pulse and one frame change", () => {
  const random = createRandom(1);
  const angles = [0, Math.PI / 2, Math.PI, -Math.PI / 2, 2 * Math.PI];
  for (let k = 0; k < 500; k++) {
    const angle = () => (k < 250 ? (angles[random.nextBelow(5)] ?? 0) : 7 * random.nextUniform());
    const u = multiply(
      rotation("Z", angle()),
      multiply(rotation("Y", angle()), rotation("X", angle())),
    );
    const pulse = pulseOf(u);
    expect(phaseDistance(u, pulseMatrix(pulse))).toBeLessThan(1e-12);
    expect(pulse.thetaRad).toBeGreaterThanOrEqual(0);
    expect(pulse.thetaRad).toBeLessThanOrEqual(Math.PI);
  }
});

test("a Z rotation needs no pulse", () => {
  expect(pulseOf(rotation("Z", 0.7))).toEqual({
    thetaRad: 0,
    phiRad: 0,
    zRad: expect.closeTo(0.7, 12),
  });
});

test("a flip is one pulse without frame change", () => {
  const pulse = pulseOf(rotation("X", Math.PI));
  expect(pulse).toEqual({ thetaRad: Math.PI, phiRad: expect.closeTo(0, 12), zRad: 0 });
});

test("wrap keeps angles in (−π, π]", () => {
  expect(wrap(3 * Math.PI)).toBeCloseTo(Math.PI, 12);
  expect(wrap(-Math.PI)).toBeCloseTo(Math.PI, 12);
  expect(wrap(0.5 - 4 * Math.PI)).toBeCloseTo(0.5, 12);
});
