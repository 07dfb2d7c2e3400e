import type { Matrix } from "./matrix.ts";

/**
 * A one-qubit unitary as one microwave pulse and a frame change: U = e^{iα} · RZ(z) · RPhi(θ, φ), the pulse first.
 * RPhi(θ, φ) turns by θ about the axis (cos φ, sin φ, 0); RZ is free on the chip (chip.md 2.3).
 */
export interface Pulse {
  /** Rotation angle θ in [0, π], radian. 0: no pulse at all. */
  readonly thetaRad: number;
  /** Angle φ of the axis in the equator, radian. */
  readonly phiRad: number;
  /** Frame change z after the pulse, radian. */
  readonly zRad: number;
}

/** Pulses shorter than this are left out; far below what any chip can tell, far above rounding. */
export const pulseTolerance = 1e-12;

/**
 * Splits a one-qubit unitary into a pulse and a frame change.
 *
 * Maths: U = [[a, ·], [b, d]]; θ = 2 atan2(|b|, |a|), z = arg d − arg a, φ = arg b − arg a + π/2 − z.
 * Effect: pure.
 */
export function pulseOf(u: Matrix): Pulse {
  const aRe = u[0]!; // eight numbers: the type's own rule
  const aIm = u[1]!;
  const bRe = u[4]!;
  const bIm = u[5]!;
  const dRe = u[6]!;
  const dIm = u[7]!;
  const cos = Math.hypot(aRe, aIm);
  const sin = Math.hypot(bRe, bIm);
  const theta = 2 * Math.atan2(sin, cos);
  // RZ(z) RPhi(θ, φ) = [[e^{-iz/2} c, -i e^{-i(φ + z/2)} s], [-i e^{i(φ + z/2)} s, e^{iz/2} c]]
  if (theta < pulseTolerance) {
    return { thetaRad: 0, phiRad: 0, zRad: wrap(Math.atan2(dIm, dRe) - Math.atan2(aIm, aRe)) };
  }
  if (cos < pulseTolerance) {
    // Only the axis is left: the phase between the off-diagonal entries, half of it; no frame change is needed.
    const phi = (Math.atan2(bIm, bRe) - Math.atan2(u[3]!, u[2]!)) / 2;
    return { thetaRad: Math.PI, phiRad: wrap(phi), zRad: 0 };
  }
  const z = wrap(Math.atan2(dIm, dRe) - Math.atan2(aIm, aRe));
  const phi = Math.atan2(bIm, bRe) - Math.atan2(aIm, aRe) + Math.PI / 2 - z;
  return { thetaRad: theta, phiRad: wrap(phi), zRad: z };
}

/** Returns the angle in (−π, π] that is equal modulo 2π. */
export function wrap(angleRad: number): number {
  const turned = angleRad - 2 * Math.PI * Math.round(angleRad / (2 * Math.PI));
  return turned <= -Math.PI ? turned + 2 * Math.PI : turned;
}

/** Returns the matrix of a pulse with its frame change. */
export function pulseMatrix(pulse: Pulse): Matrix {
  const c = Math.cos(pulse.thetaRad / 2);
  const s = Math.sin(pulse.thetaRad / 2);
  const half = pulse.zRad / 2;
  const off = pulse.phiRad + half;
  return Float64Array.of(
    c * Math.cos(half),
    -c * Math.sin(half),
    -s * Math.sin(off),
    -s * Math.cos(off),
    s * Math.sin(off),
    -s * Math.cos(off),
    c * Math.cos(half),
    c * Math.sin(half),
  );
}
