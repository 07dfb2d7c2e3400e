/** What the trajectory compiler needs to know of 2×2 matrices and of channels of one qubit. */
import type { Operator } from "./step-operator.ts";

/** U = phase · diag(1, e^{i after}) RX(turn) diag(1, e^{i before}). */
export interface Turn {
  readonly before: number;
  readonly after: number;
  readonly cos: number;
  readonly sin: number;
}

/** Splits a 2×2 unitary into a turn around X between two phases; the global phase is dropped. Effect: pure. */
export function splitTurn(u: Operator): Turn {
  const re = u.re;
  const im = u.im;
  const cos = Math.hypot(re[0]!, im[0]!); // four entries
  const sin = Math.hypot(re[2]!, im[2]!);
  const arg = (i: number): number => Math.atan2(im[i]!, re[i]!);
  if (sin < 1e-15) return { before: 0, after: arg(3) - arg(0), cos: 1, sin: 0 };
  const global = cos < 1e-15 ? 0 : arg(0);
  return { before: arg(1) + Math.PI / 2 - global, after: arg(2) + Math.PI / 2 - global, cos, sin };
}

/** A channel of one qubit as the trajectory engine takes it. */
export interface JumpChannel {
  /** The no-jump operator is ∝ diag(1, ratio). */
  readonly ratioRe: number;
  readonly ratioIm: number;
  /** 1 − smallest eigenvalue of K0† K0. */
  readonly largest: number;
  readonly jumps: readonly Operator[];
}

/** Finds the diagonal no-jump operator of Kraus operators; undefined when there is none that can be undone. */
export function splitJumps(operators: readonly Operator[]): JumpChannel | undefined {
  const weight = ({ re, im }: Operator): number =>
    Math.min(re[0]! ** 2 + im[0]! ** 2, re[3]! ** 2 + im[3]! ** 2); // four entries
  const isDiagonal = ({ re, im }: Operator): boolean =>
    [re[1], im[1], re[2], im[2]].every((x) => x === 0);
  let main: Operator | undefined;
  for (const operator of operators) {
    if (isDiagonal(operator) && (main === undefined || weight(operator) > weight(main)))
      main = operator;
  }
  if (main === undefined || weight(main) < 1e-6) return undefined;
  const { re, im } = main;
  const square = re[0]! ** 2 + im[0]! ** 2;
  return {
    ratioRe: (re[3]! * re[0]! + im[3]! * im[0]!) / square,
    ratioIm: (im[3]! * re[0]! - re[3]! * im[0]!) / square,
    largest: 1 - weight(main),
    jumps: operators.filter((operator) => operator !== main),
  };
}
