/**
 * Every kernel once: its arguments in order, what it costs and how far a fast version may stray from the reference.
 * The dispatcher of the WebAssembly build, the interpreter of the reference backend, the conformance suite and the
 * documentation are derived from this table.
 *
 * States are split planes with the batch innermost: real parts [amps, W], imaginary parts `plane` bytes behind. W rows
 * fill whole 16-byte vectors, `rowBytes` = W · size of T. Coefficients with `step` 0 are shared by the batch: each value
 * fills one vector; with another step each value is a row of W.
 */

/** `pointer`: byte offset of a 16-byte aligned place, relative to a register; `size`: a plain unsigned integer. */
export type ArgumentKind = "pointer" | "size";

/** What a kernel is. Flops and bytes are per amplitude and row, `amps · W` of them, unless it works on values only. */
export interface KernelRow {
  readonly file: string;
  readonly arguments: readonly (readonly [name: string, kind: ArgumentKind])[];
  /** Whether it exists for float32 and float64, or works on float64 values only. */
  readonly generic: boolean;
  readonly flops: number;
  readonly bytes: number;
  /** Largest distance to the reference relative to the largest value, in units of the type's epsilon, with its reason. */
  readonly toleranceUlps: number;
}

const state = [
  ["plane", "size"],
  ["amps", "size"],
  ["rowBytes", "size"],
] as const;
const inOut = [["src", "pointer"], ["dst", "pointer"], ...state] as const;
const rotation = (index: number) =>
  [
    [`qubit${index}`, "size"],
    [`coefficients${index}`, "pointer"],
    [`step${index}`, "size"],
  ] as const;
const both = [["psi", "pointer"], ["lambda", "pointer"], ...state] as const;
const output = (index: number) =>
  [
    [`qubit${index}`, "size"],
    [`out${index}`, "pointer"],
  ] as const;
const controlled = [
  ["k", "size"],
  ["qubits", "pointer"],
  ["controlMask", "size"],
  ["controlValue", "size"],
] as const;

/** The table. The order of the rows is the numbering of the operation codes, so new rows go to the end. */
export const kernelTable = {
  rotate1: {
    file: "rotate",
    generic: true,
    flops: 6,
    bytes: 16,
    toleranceUlps: 4,
    arguments: [...inOut, ["inverse", "size"], ...rotation(0)],
  },
  rotate2: {
    file: "rotate",
    generic: true,
    flops: 12,
    bytes: 16,
    toleranceUlps: 8,
    arguments: [...inOut, ["inverse", "size"], ...rotation(0), ...rotation(1)],
  },
  rotate3: {
    file: "rotate",
    generic: true,
    flops: 18,
    bytes: 16,
    toleranceUlps: 12,
    arguments: [...inOut, ["inverse", "size"], ...rotation(0), ...rotation(1), ...rotation(2)],
  },
  rotationGradient1: {
    file: "rotate",
    generic: true,
    flops: 4,
    bytes: 16,
    toleranceUlps: 64,
    arguments: [...both, ["parts", "size"], ...output(0)],
  },
  rotationGradient3: {
    file: "rotate",
    generic: true,
    flops: 12,
    bytes: 16,
    toleranceUlps: 64,
    arguments: [...both, ["parts", "size"], ...output(0), ...output(1), ...output(2)],
  },
  prepareZero: {
    file: "prepare",
    generic: true,
    flops: 0,
    bytes: 8,
    toleranceUlps: 0,
    arguments: [["dst", "pointer"], ...state],
  },
  doubleProduct: {
    file: "prepare",
    generic: true,
    flops: 1,
    bytes: 8,
    toleranceUlps: 1,
    arguments: [
      ["dst", "pointer"],
      ["half", "size"],
      ["rowBytes", "size"],
      ["coefficients", "pointer"],
      ["step", "size"],
    ],
  },
  multiplyDiagonal: {
    file: "diagonal",
    generic: true,
    flops: 6,
    bytes: 16,
    toleranceUlps: 4,
    arguments: [...inOut, ["phases", "pointer"], ["conjugate", "size"]],
  },
  multiplyDiagonalReal: {
    file: "diagonal",
    generic: true,
    flops: 2,
    bytes: 12,
    toleranceUlps: 1,
    arguments: [...inOut, ["phases", "pointer"]],
  },
  imaginaryProduct: {
    file: "diagonal",
    generic: true,
    flops: 3,
    bytes: 20,
    toleranceUlps: 4,
    arguments: [
      ["psi", "pointer"],
      ["lambda", "pointer"],
      ["dst", "pointer"],
      ...state,
      ["parts", "size"],
    ],
  },
  absoluteSquare: {
    file: "diagonal",
    generic: true,
    flops: 3,
    bytes: 12,
    toleranceUlps: 4,
    arguments: [["psi", "pointer"], ["dst", "pointer"], ...state],
  },
  project: {
    file: "diagonal",
    generic: true,
    flops: 2,
    bytes: 4,
    toleranceUlps: 64,
    arguments: [
      ["w", "pointer"],
      ["coefficients", "pointer"],
      ["count", "size"],
      ["amps", "size"],
      ["rowBytes", "size"],
      ["out", "pointer"],
    ],
  },
  foldDiagonal: {
    file: "diagonal",
    generic: true,
    flops: 4,
    bytes: 16,
    toleranceUlps: 64,
    arguments: [...both, ["g", "pointer"], ["coefficients", "pointer"], ["count", "size"]],
  },
  applyMatrix: {
    file: "matrix",
    generic: true,
    flops: 14,
    bytes: 16,
    toleranceUlps: 64,
    arguments: [
      ...inOut,
      ...controlled,
      ["coefficients", "pointer"],
      ["step", "size"],
      ["scratch", "pointer"],
    ],
  },
  applyMatrix1: {
    file: "matrix",
    generic: true,
    flops: 14,
    bytes: 16,
    toleranceUlps: 8,
    arguments: [...inOut, ["qubit", "size"], ["coefficients", "pointer"], ["step", "size"]],
  },
  crossMatrix: {
    file: "matrix",
    generic: true,
    flops: 8,
    bytes: 16,
    toleranceUlps: 64,
    arguments: [...both, ...controlled, ["out", "pointer"]],
  },
  contract: {
    file: "matrix",
    generic: true,
    flops: 4,
    bytes: 8,
    toleranceUlps: 64,
    arguments: [
      ["m", "pointer"],
      ["d", "pointer"],
      ["step", "size"],
      ["count", "size"],
      ["rowBytes", "size"],
      ["out", "pointer"],
    ],
  },
  permute: {
    file: "matrix",
    generic: true,
    flops: 0,
    bytes: 16,
    toleranceUlps: 0,
    arguments: [...inOut, ["table", "pointer"]],
  },
  addPauliExpectation: {
    file: "pauli",
    generic: true,
    flops: 4,
    bytes: 16,
    toleranceUlps: 64,
    arguments: [
      ["psi", "pointer"],
      ...state,
      ["xMask", "size"],
      ["zMask", "size"],
      ["phase", "size"],
      ["coefficient", "pointer"],
      ["out", "pointer"],
    ],
  },
  addPauliFold: {
    file: "pauli",
    generic: true,
    flops: 4,
    bytes: 24,
    toleranceUlps: 8,
    arguments: [
      ...both,
      ["xMask", "size"],
      ["zMask", "size"],
      ["phase", "size"],
      ["coefficient", "pointer"],
      ["g", "pointer"],
    ],
  },
  evaluateAngles: {
    file: "values",
    generic: false,
    flops: 2,
    bytes: 16,
    toleranceUlps: 4,
    arguments: [
      ["rows", "pointer"],
      ["width", "size"],
      ["W", "size"],
      ["table", "pointer"],
      ["count", "size"],
      ["out", "pointer"],
    ],
  },
  cosSin: {
    file: "values",
    generic: true,
    flops: 30,
    bytes: 16,
    toleranceUlps: 4,
    arguments: [
      ["angles", "pointer"],
      ["blocks", "size"],
      ["W", "size"],
      ["out", "pointer"],
    ],
  },
  writeRows: {
    file: "values",
    generic: true,
    flops: 0,
    bytes: 12,
    toleranceUlps: 0,
    arguments: [
      ["values", "pointer"],
      ["count", "size"],
      ["W", "size"],
      ["out", "pointer"],
    ],
  },
  readRows: {
    file: "values",
    generic: true,
    flops: 0,
    bytes: 12,
    toleranceUlps: 0,
    arguments: [
      ["values", "pointer"],
      ["count", "size"],
      ["W", "size"],
      ["out", "pointer"],
    ],
  },
  combineGradients: {
    file: "values",
    generic: true,
    flops: 2,
    bytes: 12,
    toleranceUlps: 4,
    arguments: [
      ["gradients", "pointer"],
      ["W", "size"],
      ["table", "pointer"],
      ["count", "size"],
      ["out", "pointer"],
    ],
  },
  sumRows: {
    file: "values",
    generic: false,
    flops: 1,
    bytes: 16,
    toleranceUlps: 0,
    arguments: [
      ["rows", "pointer"],
      ["W", "size"],
      ["width", "size"],
      ["out", "pointer"],
    ],
  },
  zeroBytes: {
    file: "values",
    generic: false,
    flops: 0,
    bytes: 1,
    toleranceUlps: 0,
    arguments: [
      ["dst", "pointer"],
      ["byteCount", "size"],
    ],
  },
  copyBytes: {
    file: "values",
    generic: false,
    flops: 0,
    bytes: 2,
    toleranceUlps: 0,
    arguments: [
      ["src", "pointer"],
      ["dst", "pointer"],
      ["byteCount", "size"],
    ],
  },
  multiplyRowPhase: {
    file: "diagonal",
    generic: true,
    flops: 6,
    bytes: 16,
    toleranceUlps: 4,
    arguments: [...inOut, ["signs", "pointer"], ["coefficients", "pointer"], ["inverse", "size"]],
  },
  drawDetunings: {
    file: "trajectory",
    generic: true,
    flops: 40,
    bytes: 8,
    toleranceUlps: 2 ** 10,
    arguments: [
      ["delta", "pointer"],
      ["sigmas", "pointer"],
      ["n", "size"],
      ["W", "size"],
      ["key", "pointer"],
      ["tile", "pointer"],
      ["scratch", "pointer"],
    ],
  },
  pulse: {
    file: "trajectory",
    generic: true,
    flops: 11,
    bytes: 16,
    toleranceUlps: 64,
    arguments: [
      ["psi", "pointer"],
      ...state,
      ["qubit", "size"],
      ["delta", "pointer"],
      ["pending", "pointer"],
      ["turn", "pointer"],
      ["scratch", "pointer"],
    ],
  },
  applyPending: {
    file: "trajectory",
    generic: true,
    flops: 3,
    bytes: 8,
    toleranceUlps: 64,
    arguments: [
      ["psi", "pointer"],
      ...state,
      ["qubit", "size"],
      ["delta", "pointer"],
      ["pending", "pointer"],
      ["scratch", "pointer"],
    ],
  },
  phaseOnes: {
    file: "trajectory",
    generic: true,
    flops: 2,
    bytes: 4,
    toleranceUlps: 4,
    arguments: [["psi", "pointer"], ...state, ["mask", "size"], ["factor", "pointer"]],
  },
  pauliSite: {
    file: "trajectory",
    generic: true,
    flops: 0,
    bytes: 0,
    toleranceUlps: 64,
    arguments: [
      ["psi", "pointer"],
      ...state,
      ["qubit0", "size"],
      ["qubit1", "size"],
      ["delta", "pointer"],
      ["pending", "pointer"],
      ["site", "pointer"],
      ["number", "size"],
      ["key", "pointer"],
      ["tile", "pointer"],
      ["scratch", "pointer"],
    ],
  },
  jumpSite: {
    file: "trajectory",
    generic: true,
    flops: 0,
    bytes: 0,
    toleranceUlps: 256,
    arguments: [
      ["psi", "pointer"],
      ...state,
      ["n", "size"],
      ["qubit", "size"],
      ["delta", "pointer"],
      ["pending", "pointer"],
      ["site", "pointer"],
      ["number", "size"],
      ["key", "pointer"],
      ["tile", "pointer"],
      ["scratch", "pointer"],
    ],
  },
  measureRows: {
    file: "trajectory",
    generic: true,
    flops: 5,
    bytes: 12,
    toleranceUlps: 0,
    arguments: [
      ["psi", "pointer"],
      ...state,
      ["weights", "pointer"],
      ["readout", "pointer"],
      ["key", "pointer"],
      ["tile", "pointer"],
      ["out", "pointer"],
      ["scratch", "pointer"],
    ],
  },
} as const satisfies Record<string, KernelRow>;

/** A kernel's name. */
export type KernelName = keyof typeof kernelTable;

/** The operation codes: position in the table, from 1. */
export const kernelNames = Object.keys(kernelTable) as readonly KernelName[]; // keys of the table are the names
