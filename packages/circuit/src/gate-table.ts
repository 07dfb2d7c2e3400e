/**
 * The gate table: one row per gate, the only place that knows what a gate is. Parsers, printers, the reference unitary,
 * simulators, the transpiler, the docs and the tests read it; a new row is tested without a new test.
 *
 * Conventions: RX(θ) = exp(−iθX/2); U3 has a real first entry (QPanda, Qiskit), U is that of OpenQASM 3, e^{iθ/2} U3.
 * ISWAP has +i, ISWAPTHETA(θ) = exp(−iθ(XX + YY)/2) has −i sin θ (QPanda2), so SQISWAP² is the inverse of ISWAP; the
 * SQISWAP of QPanda3 has +i sin.
 * RZX has Z on its first qubit (Qiskit); OriginIR lists its qubits the other way round.
 * Long because it is a table.
 */
import { addAngles, type Angle, scaleAngle } from "./angle.ts";
import type {
  Decomposition,
  Gate,
  GateFormat,
  GateStep,
  GateUse,
  ShiftRule,
  Spelling,
} from "./gate.ts";
import { controlledMatrix, type Matrix, matrixFrom, multiplyMatrices } from "./matrix.ts";
import type { Observable, Pauli } from "./observable.ts";

const PI = Math.PI;

// ---- shift rules -------------------------------------------------------------------------------------------------

/** f has the frequencies 0 and 1: Schuld et al., arXiv 1811.11184. */
const twoTerm: ShiftRule = {
  kind: "two-term",
  terms: [
    { coefficient: 0.5, shiftRad: PI / 2 },
    { coefficient: -0.5, shiftRad: -PI / 2 },
  ],
};

/** f has the frequencies 0, scale/2 and scale: Anselmetti et al., arXiv 2104.05695. */
function fourTerm(scale: number): ShiftRule {
  const near = ((Math.SQRT2 + 1) / (4 * Math.SQRT2)) * scale;
  const far = ((Math.SQRT2 - 1) / (4 * Math.SQRT2)) * scale;
  return {
    kind: "four-term",
    terms: [
      { coefficient: near, shiftRad: PI / 2 / scale },
      { coefficient: -near, shiftRad: -PI / 2 / scale },
      { coefficient: -far, shiftRad: (3 * PI) / 2 / scale },
      { coefficient: far, shiftRad: (-3 * PI) / 2 / scale },
    ],
  };
}

/** The angle has no effect. */
const noShift: ShiftRule = { kind: "none", terms: [] };

// ---- small builders ----------------------------------------------------------------------------------------------

/** A factor ⊗ Paulis of a generator, written like `"ZX"`: first letter on qubit 0, `I` for none. */
function pauliSum(...terms: readonly (readonly [number, string])[]): Observable {
  return {
    terms: terms.map(([coefficient, word]) => ({
      coefficient,
      paulis: [...word].flatMap((pauli, qubit) =>
        pauli === "I" ? [] : [{ qubit, pauli: pauli as Pauli }],
      ),
    })),
  };
}

function step(gate: string, qubits: readonly number[], ...angles: readonly Angle[]): GateStep {
  return { gate, qubits, angles };
}

function steps(list: readonly GateStep[], globalPhase: Angle = 0): Decomposition {
  return { steps: list, globalPhase };
}

function diagonalMatrix(...phases: readonly number[]): Matrix {
  const size = phases.length;
  const re = new Float64Array(size * size);
  const im = new Float64Array(size * size);
  phases.forEach((phase, i) => {
    re[i * size + i] = Math.cos(phase);
    im[i * size + i] = Math.sin(phase);
  });
  return { size, re, im };
}

/** Sums of larger angles are rounded so much that a matrix with them would not be unitary. */
const largeAngle = 100;

/** The same angle in [−π, π], by its sine and cosine. */
function reduceAngle(angle: number): number {
  return Math.atan2(Math.sin(angle), Math.cos(angle));
}

function u3Matrix(theta: number, phi: number, lambda: number, phase = 0): Matrix {
  const c = Math.cos(theta / 2);
  const s = Math.sin(theta / 2);
  const at = (amplitude: number, angle: number): readonly [number, number] => [
    amplitude * Math.cos(angle),
    amplitude * Math.sin(angle),
  ];
  if (Math.abs(phase) + Math.abs(phi) + Math.abs(lambda) > largeAngle)
    return u3Matrix(theta, reduceAngle(phi), reduceAngle(lambda), reduceAngle(phase));
  const entries = [
    at(c, phase),
    at(-s, phase + lambda),
    at(s, phase + phi),
    at(c, phase + phi + lambda),
  ];
  return matrixFrom(
    entries.map(([re]) => re),
    entries.map(([, im]) => im),
  );
}

const pauliMatrices: Readonly<Record<string, Matrix>> = {
  I: matrixFrom([1, 0, 0, 1]),
  X: matrixFrom([0, 1, 1, 0]),
  Y: matrixFrom([0, 0, 0, 0], [0, -1, 1, 0]),
  Z: matrixFrom([1, 0, 0, -1]),
};

/** exp(−iθ/2 · P) for a Pauli word P, first letter on qubit 0: cos(θ/2) − i sin(θ/2) P. */
function pauliRotation(theta: number, word: string): Matrix {
  let product = matrixFrom([1]);
  for (const letter of word) {
    const factor = pauliMatrices[letter] ?? matrixFrom([1]); // words hold only I, X, Y, Z
    const size = product.size * 2;
    const next = { size, re: new Float64Array(size * size), im: new Float64Array(size * size) };
    for (let row = 0; row < size; row++) {
      for (let col = 0; col < size; col++) {
        // the letter read last is the most significant bit
        const i = Math.floor(row / product.size) * 2 + Math.floor(col / product.size);
        const j = (row % product.size) * product.size + (col % product.size);
        const [fr, fi, pr, pi] = [
          factor.re[i] ?? 0,
          factor.im[i] ?? 0,
          product.re[j] ?? 0,
          product.im[j] ?? 0,
        ];
        next.re[row * size + col] = fr * pr - fi * pi;
        next.im[row * size + col] = fr * pi + fi * pr;
      }
    }
    product = next;
  }
  const c = Math.cos(theta / 2);
  const s = Math.sin(theta / 2);
  return {
    size: product.size,
    re: product.re.map((_, i) => (i % (product.size + 1) === 0 ? c : 0) + s * (product.im[i] ?? 0)),
    im: product.re.map((re) => -s * re),
  };
}

/** A matrix with one entry per row, given as `row: [column, re, im]` where it differs from the identity. */
function nearIdentity(
  size: number,
  entries: Readonly<Record<number, readonly [number, number, number]>>,
): Matrix {
  const re = new Float64Array(size * size);
  const im = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    const [column, x, y] = entries[row] ?? [row, 1, 0];
    re[row * size + column] = x;
    im[row * size + column] = y;
  }
  return { size, re, im };
}

// ---- rows --------------------------------------------------------------------------------------------------------

/**
 * A spelling in short: `x` from qelib1 unless a prefix says otherwise: `+x` extended, `!x` language, `?x` own. A gate that
 * Qiskit's qelib1.inc lacks is written as own and read as extended.
 */
function qasm2(text: string): Spelling {
  const prefix = text[0];
  if (prefix === "+") return { name: text.slice(1), origin: "extended" };
  if (prefix === "!") return { name: text.slice(1), origin: "language" };
  if (prefix === "?") return { name: text.slice(1), origin: "own" };
  return { name: text, origin: "qelib1" };
}

/** As {@link qasm2}, without a prefix from stdgates. */
function qasm3(text: string): Spelling {
  const spelling = qasm2(text);
  return spelling.origin === "qelib1" ? { name: text, origin: "stdgates" } : spelling;
}

/** A name of the dialect, `?NAME` own, `~NAME` with the inverse as its meaning. */
function originir(text: string): Spelling {
  if (text.startsWith("?")) return { name: text.slice(1), origin: "own" };
  if (text.startsWith("~")) return { name: text.slice(1), origin: "language", inverse: true };
  return { name: text, origin: "language" };
}

/** What a row says; the rest follows from it. */
interface Row {
  readonly help: string;
  readonly qubits: number;
  readonly angles?: string;
  /** Without controls; a row with `base` takes that of its base. */
  readonly target?: (...angles: number[]) => Matrix;
  readonly base?: string;
  /** Absent: as many as the row has qubits more than its base. */
  readonly controls?: number;
  readonly controlled?: string;
  readonly generator?: Observable;
  readonly shifts?: readonly ShiftRule[];
  /** Absent: the gate is its own inverse. */
  readonly inverse?: (...angles: Angle[]) => GateUse;
  readonly decomposition?: (...angles: Angle[]) => Decomposition;
  readonly flags?: string;
  /** `qasm2 qasm3 originir originir2`. */
  readonly spelling: string;
  readonly aliases?: Readonly<Partial<Record<GateFormat, string>>>;
}

const neg = (angle: Angle): Angle => scaleAngle(angle, -1);
const half = (angle: Angle): Angle => scaleAngle(angle, 0.5);
const use = (gate: string, ...angles: readonly Angle[]): GateUse => ({ gate, angles });
/** The inverse of a gate with one angle: the angle negated. */
const negated =
  (gate: string) =>
  (angle: Angle): GateUse =>
    use(gate, neg(angle));
/** Conjugates the steps by gates on local qubits that undo themselves. */
const between = (
  outer: readonly GateStep[],
  inner: readonly GateStep[],
  after = outer,
): Decomposition => steps([...outer, ...inner, ...after]);

const SQRT1_2 = Math.SQRT1_2;

const rows = {
  I: {
    help: "Does nothing.",
    qubits: 1,
    target: () => matrixFrom([1, 0, 0, 1]),
    decomposition: () => steps([]),
    flags: "clifford diagonal",
    spelling: "id id I I",
  },
  X: {
    help: "Flips the qubit (Pauli X, NOT).",
    qubits: 1,
    target: () => matrixFrom([0, 1, 1, 0]),
    controlled: "CX",
    decomposition: () => steps([step("U3", [0], PI, 0, PI)]),
    flags: "clifford",
    spelling: "x x X X",
    aliases: { originir2: "NOT" },
  },
  Y: {
    help: "Flips the qubit and its phase (Pauli Y).",
    qubits: 1,
    target: () => matrixFrom([0, 0, 0, 0], [0, -1, 1, 0]),
    controlled: "CY",
    decomposition: () => steps([step("U3", [0], PI, PI / 2, PI / 2)]),
    flags: "clifford",
    spelling: "y y Y Y",
  },
  Z: {
    help: "Flips the phase of |1⟩ (Pauli Z).",
    qubits: 1,
    target: () => matrixFrom([1, 0, 0, -1]),
    controlled: "CZ",
    decomposition: () => steps([step("P", [0], PI)]),
    flags: "clifford diagonal",
    spelling: "z z Z Z",
  },
  H: {
    help: "Exchanges the X and Z axes (Hadamard).",
    qubits: 1,
    target: () => matrixFrom([SQRT1_2, SQRT1_2, SQRT1_2, -SQRT1_2]),
    controlled: "CH",
    decomposition: () => steps([step("U3", [0], PI / 2, 0, PI)]),
    flags: "clifford",
    spelling: "h h H H",
  },
  S: {
    help: "Square root of Z: phase i on |1⟩.",
    qubits: 1,
    target: () => matrixFrom([1, 0, 0, 0], [0, 0, 0, 1]),
    controlled: "CS",
    inverse: () => use("SDG"),
    decomposition: () => steps([step("P", [0], PI / 2)]),
    flags: "clifford diagonal",
    spelling: "s s S S",
  },
  SDG: {
    help: "Inverse of S.",
    qubits: 1,
    target: () => matrixFrom([1, 0, 0, 0], [0, 0, 0, -1]),
    controlled: "CSDG",
    inverse: () => use("S"),
    decomposition: () => steps([step("P", [0], -PI / 2)]),
    flags: "clifford diagonal",
    spelling: "sdg sdg ?SDG ?SDG",
  },
  T: {
    help: "Square root of S: phase e^{iπ/4} on |1⟩.",
    qubits: 1,
    target: () => diagonalMatrix(0, PI / 4),
    inverse: () => use("TDG"),
    decomposition: () => steps([step("P", [0], PI / 4)]),
    flags: "diagonal",
    spelling: "t t T T",
  },
  TDG: {
    help: "Inverse of T.",
    qubits: 1,
    target: () => diagonalMatrix(0, -PI / 4),
    inverse: () => use("T"),
    decomposition: () => steps([step("P", [0], -PI / 4)]),
    flags: "diagonal",
    spelling: "tdg tdg ?TDG ?TDG",
  },
  SQRT_X: {
    help: "Square root of X.",
    qubits: 1,
    target: () => matrixFrom([0.5, 0.5, 0.5, 0.5], [0.5, -0.5, -0.5, 0.5]),
    controlled: "CSQRT_X",
    inverse: () => use("SQRT_XDG"),
    decomposition: () => steps([step("RX", [0], PI / 2)], PI / 4),
    flags: "clifford",
    spelling: "+sx sx ?SX ?SX",
    aliases: { originir: "SX" },
  },
  SQRT_XDG: {
    help: "Inverse of the square root of X.",
    qubits: 1,
    target: () => matrixFrom([0.5, 0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, -0.5]),
    inverse: () => use("SQRT_X"),
    decomposition: () => steps([step("RX", [0], -PI / 2)], -PI / 4),
    flags: "clifford",
    spelling: "+sxdg ?sxdg ?SXDG ?SXDG",
  },
  X1: {
    help: "Quarter turn around X: RX(π/2).",
    qubits: 1,
    target: () => pauliRotation(PI / 2, "X"),
    inverse: () => use("RX", -PI / 2),
    decomposition: () => steps([step("RX", [0], PI / 2)]),
    flags: "clifford",
    spelling: "?x1 ?x1 X1 X1",
  },
  Y1: {
    help: "Quarter turn around Y: RY(π/2).",
    qubits: 1,
    target: () => pauliRotation(PI / 2, "Y"),
    inverse: () => use("RY", -PI / 2),
    decomposition: () => steps([step("RY", [0], PI / 2)]),
    flags: "clifford",
    spelling: "?y1 ?y1 Y1 Y1",
  },
  Z1: {
    help: "Quarter turn around Z: RZ(π/2).",
    qubits: 1,
    target: () => pauliRotation(PI / 2, "Z"),
    inverse: () => use("RZ", -PI / 2),
    decomposition: () => steps([step("RZ", [0], PI / 2)]),
    flags: "clifford diagonal",
    spelling: "?z1 ?z1 Z1 Z1",
  },
  ECHO: {
    help: "A pause with refocusing; ideally the identity.",
    qubits: 1,
    target: () => matrixFrom([1, 0, 0, 1]),
    decomposition: () => steps([]),
    flags: "clifford diagonal",
    spelling: "?echo ?echo ECHO ECHO",
  },
  U0: {
    help: "A pause of `gamma` gate lengths; ideally the identity.",
    qubits: 1,
    angles: "gamma",
    target: () => matrixFrom([1, 0, 0, 1]),
    shifts: [noShift],
    inverse: (gamma) => use("U0", gamma),
    decomposition: () => steps([]),
    flags: "diagonal",
    spelling: "+u0 ?u0 ?U0 ?U0",
  },
  RX: {
    help: "Rotates around X: exp(−iθX/2).",
    qubits: 1,
    angles: "theta",
    target: (theta = 0) => pauliRotation(theta, "X"),
    controlled: "CRX",
    generator: pauliSum([0.5, "X"]),
    inverse: negated("RX"),
    decomposition: (theta = 0) => steps([step("U3", [0], theta, -PI / 2, PI / 2)]),
    spelling: "rx rx RX RX",
  },
  RY: {
    help: "Rotates around Y: exp(−iθY/2).",
    qubits: 1,
    angles: "theta",
    target: (theta = 0) => pauliRotation(theta, "Y"),
    controlled: "CRY",
    generator: pauliSum([0.5, "Y"]),
    inverse: negated("RY"),
    decomposition: (theta = 0) => steps([step("U3", [0], theta, 0, 0)]),
    spelling: "ry ry RY RY",
  },
  RZ: {
    help: "Rotates around Z: exp(−iλZ/2).",
    qubits: 1,
    angles: "lambda",
    target: (lambda = 0) => diagonalMatrix(-lambda / 2, lambda / 2),
    controlled: "CRZ",
    generator: pauliSum([0.5, "Z"]),
    inverse: negated("RZ"),
    decomposition: (lambda = 0) => steps([step("P", [0], lambda)], scaleAngle(lambda, -0.5)),
    flags: "diagonal",
    spelling: "rz rz RZ RZ",
  },
  P: {
    help: "Phase e^{iλ} on |1⟩.",
    qubits: 1,
    angles: "lambda",
    target: (lambda = 0) => diagonalMatrix(0, lambda),
    controlled: "CP",
    generator: pauliSum([-0.5, "I"], [0.5, "Z"]),
    inverse: negated("P"),
    decomposition: (lambda = 0) => steps([step("U3", [0], 0, 0, lambda)]),
    flags: "diagonal",
    spelling: "u1 p P U1",
    aliases: { qasm2: "+p", qasm3: "u1 phase", originir: "U1", originir2: "P" },
  },
  U2: {
    help: "U3 with θ = π/2.",
    qubits: 1,
    angles: "phi lambda",
    target: (phi = 0, lambda = 0) => u3Matrix(PI / 2, phi, lambda),
    shifts: [twoTerm, twoTerm],
    inverse: (phi = 0, lambda = 0) =>
      use("U2", addAngles(neg(lambda), -PI), addAngles(neg(phi), PI)),
    decomposition: (phi = 0, lambda = 0) => steps([step("U3", [0], PI / 2, phi, lambda)]),
    spelling: "u2 ?u2_ U2 U2",
  },
  U3: {
    help: "Any one-qubit gate, first entry real: e^{i(φ+λ)/2} RZ(φ) RY(θ) RZ(λ).",
    qubits: 1,
    angles: "theta phi lambda",
    target: (theta = 0, phi = 0, lambda = 0) => u3Matrix(theta, phi, lambda),
    controlled: "CU3",
    shifts: [twoTerm, twoTerm, twoTerm],
    inverse: (theta = 0, phi = 0, lambda = 0) => use("U3", neg(theta), neg(lambda), neg(phi)),
    spelling: "u3 ?u3_ U3 U3",
    aliases: { qasm2: "+u !U" },
  },
  U: {
    help: "The built-in gate of OpenQASM 3: e^{iθ/2} U3.",
    qubits: 1,
    angles: "theta phi lambda",
    target: (theta = 0, phi = 0, lambda = 0) => u3Matrix(theta, phi, lambda, theta / 2),
    shifts: [twoTerm, twoTerm, twoTerm],
    inverse: (theta = 0, phi = 0, lambda = 0) => use("U", neg(theta), neg(lambda), neg(phi)),
    decomposition: (theta = 0, phi = 0, lambda = 0) =>
      steps([step("U3", [0], theta, phi, lambda)], half(theta)),
    spelling: "?u_ !U ?U ?U",
  },
  U4: {
    help: "Any one-qubit gate with its phase: e^{iα} RZ(β) RY(γ) RZ(δ).",
    qubits: 1,
    angles: "alpha beta gamma delta",
    target: (alpha = 0, beta = 0, gamma = 0, delta = 0) =>
      u3Matrix(gamma, beta, delta, alpha - (beta + delta) / 2),
    controlled: "CU4",
    shifts: [twoTerm, twoTerm, twoTerm, twoTerm],
    inverse: (alpha = 0, beta = 0, gamma = 0, delta = 0) =>
      use("U4", neg(alpha), neg(delta), neg(gamma), neg(beta)),
    decomposition: (alpha = 0, beta = 0, gamma = 0, delta = 0) =>
      steps(
        [step("U3", [0], gamma, beta, delta)],
        addAngles(alpha, scaleAngle(addAngles(beta, delta), -0.5)),
      ),
    spelling: "?u4 ?u4 U4 U4",
  },
  RPHI: {
    help: "Rotates by θ around an axis in the XY plane at angle φ.",
    qubits: 1,
    angles: "theta phi",
    target: (theta = 0, phi = 0) => u3Matrix(theta, phi - PI / 2, PI / 2 - phi),
    shifts: [twoTerm, fourTerm(2)],
    inverse: (theta = 0, phi = 0) => use("RPHI", neg(theta), phi),
    decomposition: (theta = 0, phi = 0) =>
      steps([step("U3", [0], theta, addAngles(phi, -PI / 2), addAngles(neg(phi), PI / 2))]),
    spelling: "?rphi ?rphi RPhi RPhi",
    aliases: { originir: "RPHI", originir2: "RPHI" },
  },

  CX: {
    help: "Flips the target when the control is 1 (CNOT).",
    qubits: 2,
    base: "X",
    controlled: "CCX",
    flags: "clifford",
    spelling: "cx cx CNOT CNOT",
    aliases: { qasm2: "!CX", qasm3: "CX", originir: "CX", originir2: "CX" },
  },
  CY: {
    help: "Controlled Y.",
    qubits: 2,
    base: "Y",
    flags: "clifford",
    decomposition: () => steps([step("SDG", [1]), step("CX", [0, 1]), step("S", [1])]),
    spelling: "cy cy ?CY ?CY",
  },
  CZ: {
    help: "Flips the phase of |11⟩; the native two-qubit gate of the chip.",
    qubits: 2,
    base: "Z",
    controlled: "CCZ",
    decomposition: () => between([step("H", [1])], [step("CX", [0, 1])]),
    flags: "clifford diagonal symmetric",
    spelling: "cz cz CZ CZ",
  },
  CH: {
    help: "Controlled Hadamard.",
    qubits: 2,
    base: "H",
    decomposition: () =>
      steps([
        step("S", [1]),
        step("H", [1]),
        step("T", [1]),
        step("CX", [0, 1]),
        step("TDG", [1]),
        step("H", [1]),
        step("SDG", [1]),
      ]),
    spelling: "ch ch ?CH ?CH",
  },
  CS: {
    help: "Controlled S.",
    qubits: 2,
    base: "S",
    inverse: () => use("CSDG"),
    decomposition: () => steps([step("CP", [0, 1], PI / 2)]),
    flags: "diagonal symmetric",
    spelling: "?cs ?cs ?CS ?CS",
    aliases: { qasm2: "+cs" },
  },
  CSDG: {
    help: "Controlled inverse of S.",
    qubits: 2,
    base: "SDG",
    inverse: () => use("CS"),
    decomposition: () => steps([step("CP", [0, 1], -PI / 2)]),
    flags: "diagonal symmetric",
    spelling: "?csdg ?csdg ?CSDG ?CSDG",
    aliases: { qasm2: "+csdg" },
  },
  CSQRT_X: {
    help: "Controlled square root of X.",
    qubits: 2,
    base: "SQRT_X",
    inverse: () => ({ gate: "CSQRT_X", angles: [], power: -1 }),
    decomposition: () => between([step("H", [1])], [step("CP", [0, 1], PI / 2)]),
    spelling: "+csx ?csx ?CSX ?CSX",
  },
  CP: {
    help: "Phase e^{iλ} on |11⟩.",
    qubits: 2,
    angles: "lambda",
    base: "P",
    generator: pauliSum([-0.25, "II"], [0.25, "ZI"], [0.25, "IZ"], [-0.25, "ZZ"]),
    inverse: negated("CP"),
    decomposition: (lambda = 0) =>
      steps([
        step("P", [0], half(lambda)),
        step("P", [1], half(lambda)),
        step("CX", [0, 1]),
        step("P", [1], scaleAngle(lambda, -0.5)),
        step("CX", [0, 1]),
      ]),
    flags: "diagonal symmetric",
    spelling: "cu1 cp CP CR",
    aliases: { qasm2: "+cp", qasm3: "cphase", originir: "CR", originir2: "CP" },
  },
  CRX: {
    help: "Controlled rotation around X.",
    qubits: 2,
    angles: "theta",
    base: "RX",
    generator: pauliSum([0.25, "IX"], [-0.25, "ZX"]),
    shifts: [fourTerm(1)],
    inverse: negated("CRX"),
    decomposition: (theta = 0) => between([step("H", [1])], [step("CRZ", [0, 1], theta)]),
    spelling: "+crx crx CRX ?CRX",
  },
  CRY: {
    help: "Controlled rotation around Y.",
    qubits: 2,
    angles: "theta",
    base: "RY",
    generator: pauliSum([0.25, "IY"], [-0.25, "ZY"]),
    shifts: [fourTerm(1)],
    inverse: negated("CRY"),
    decomposition: (theta = 0) =>
      steps([
        step("RY", [1], half(theta)),
        step("CX", [0, 1]),
        step("RY", [1], scaleAngle(theta, -0.5)),
        step("CX", [0, 1]),
      ]),
    spelling: "+cry cry CRY ?CRY",
  },
  CRZ: {
    help: "Controlled rotation around Z: diag(1, 1, e^{−iλ/2}, e^{iλ/2}) in (control, target) order.",
    qubits: 2,
    angles: "lambda",
    base: "RZ",
    generator: pauliSum([0.25, "IZ"], [-0.25, "ZZ"]),
    shifts: [fourTerm(1)],
    inverse: negated("CRZ"),
    decomposition: (lambda = 0) =>
      steps([
        step("RZ", [1], half(lambda)),
        step("CX", [0, 1]),
        step("RZ", [1], scaleAngle(lambda, -0.5)),
        step("CX", [0, 1]),
      ]),
    flags: "diagonal",
    spelling: "crz crz CRZ ?CRZ",
  },
  CU3: {
    help: "Controlled U3.",
    qubits: 2,
    angles: "theta phi lambda",
    base: "U3",
    shifts: [fourTerm(1), twoTerm, twoTerm],
    inverse: (theta = 0, phi = 0, lambda = 0) => use("CU3", neg(theta), neg(lambda), neg(phi)),
    decomposition: (theta = 0, phi = 0, lambda = 0) =>
      steps([
        step("P", [0], half(addAngles(lambda, phi))),
        step("P", [1], half(addAngles(lambda, neg(phi)))),
        step("CX", [0, 1]),
        step("U3", [1], scaleAngle(theta, -0.5), 0, scaleAngle(addAngles(phi, lambda), -0.5)),
        step("CX", [0, 1]),
        step("U3", [1], half(theta), phi, 0),
      ]),
    spelling: "cu3 ?cu3 ?CU3 ?CU3",
  },
  CU: {
    help: "Controlled e^{iγ} U3(θ, φ, λ).",
    qubits: 2,
    angles: "theta phi lambda gamma",
    controls: 1,
    target: (theta = 0, phi = 0, lambda = 0, gamma = 0) => u3Matrix(theta, phi, lambda, gamma),
    shifts: [fourTerm(1), twoTerm, twoTerm, twoTerm],
    inverse: (theta = 0, phi = 0, lambda = 0, gamma = 0) =>
      use("CU", neg(theta), neg(lambda), neg(phi), neg(gamma)),
    decomposition: (theta = 0, phi = 0, lambda = 0, gamma = 0) =>
      steps([step("P", [0], gamma), step("CU3", [0, 1], theta, phi, lambda)]),
    spelling: "+cu cu ?CU_ ?CU_",
  },
  CU4: {
    help: "Controlled U4 (CU of OriginIR).",
    qubits: 2,
    angles: "alpha beta gamma delta",
    base: "U4",
    shifts: [twoTerm, fourTerm(1), fourTerm(1), fourTerm(1)],
    inverse: (alpha = 0, beta = 0, gamma = 0, delta = 0) =>
      use("CU4", neg(alpha), neg(delta), neg(gamma), neg(beta)),
    decomposition: (alpha = 0, beta = 0, gamma = 0, delta = 0) =>
      steps([
        step("P", [0], addAngles(alpha, scaleAngle(addAngles(beta, delta), -0.5))),
        step("CU3", [0, 1], gamma, beta, delta),
      ]),
    spelling: "?cu4 ?cu4 CU CU",
  },
  SWAP: {
    help: "Exchanges two qubits.",
    qubits: 2,
    target: () => nearIdentity(4, { 1: [2, 1, 0], 2: [1, 1, 0] }),
    controlled: "CSWAP",
    decomposition: () => steps([step("CX", [0, 1]), step("CX", [1, 0]), step("CX", [0, 1])]),
    flags: "clifford symmetric",
    spelling: "+swap swap SWAP SWAP",
  },
  ISWAP: {
    help: "Exchanges two qubits with phase i.",
    qubits: 2,
    target: () => nearIdentity(4, { 1: [2, 0, 1], 2: [1, 0, 1] }),
    inverse: () => use("ISWAPTHETA", PI / 2),
    decomposition: () =>
      steps([
        step("S", [0]),
        step("S", [1]),
        step("H", [0]),
        step("CX", [0, 1]),
        step("CX", [1, 0]),
        step("H", [1]),
      ]),
    flags: "clifford symmetric",
    spelling: "?iswap ?iswap ISWAP ISWAP",
  },
  SQISWAP: {
    help: "ISWAPTHETA(π/4); its square is the inverse of ISWAP.",
    qubits: 2,
    target: () => isSwapTheta(PI / 4),
    inverse: () => use("ISWAPTHETA", -PI / 4),
    decomposition: () => steps([step("ISWAPTHETA", [0, 1], PI / 4)]),
    flags: "symmetric",
    spelling: "?sqiswap ?sqiswap ~SQISWAP SQISWAP",
  },
  ISWAPTHETA: {
    help: "exp(−iθ(XX + YY)/2).",
    qubits: 2,
    angles: "theta",
    target: (theta = 0) => isSwapTheta(theta),
    generator: pauliSum([0.5, "XX"], [0.5, "YY"]),
    shifts: [fourTerm(2)],
    inverse: negated("ISWAPTHETA"),
    decomposition: (theta = 0) => steps([step("RXX", [0, 1], theta), step("RYY", [0, 1], theta)]),
    flags: "symmetric",
    spelling: "?iswaptheta ?iswaptheta ?ISWAPTHETA ISWAPTHETA",
  },
  RXX: {
    help: "exp(−iθ XX/2).",
    qubits: 2,
    angles: "theta",
    target: (theta = 0) => pauliRotation(theta, "XX"),
    generator: pauliSum([0.5, "XX"]),
    inverse: negated("RXX"),
    decomposition: (theta = 0) =>
      between([step("H", [0]), step("H", [1])], [step("RZZ", [0, 1], theta)]),
    flags: "symmetric",
    spelling: "+rxx ?rxx RXX RXX",
  },
  RYY: {
    help: "exp(−iθ YY/2).",
    qubits: 2,
    angles: "theta",
    target: (theta = 0) => pauliRotation(theta, "YY"),
    generator: pauliSum([0.5, "YY"]),
    inverse: negated("RYY"),
    decomposition: (theta = 0) =>
      between(
        [step("RX", [0], PI / 2), step("RX", [1], PI / 2)],
        [step("RZZ", [0, 1], theta)],
        [step("RX", [0], -PI / 2), step("RX", [1], -PI / 2)],
      ),
    flags: "symmetric",
    spelling: "?ryy ?ryy RYY RYY",
    aliases: { qasm2: "+ryy" },
  },
  RZZ: {
    help: "exp(−iθ ZZ/2).",
    qubits: 2,
    angles: "theta",
    target: (theta = 0) => pauliRotation(theta, "ZZ"),
    generator: pauliSum([0.5, "ZZ"]),
    inverse: negated("RZZ"),
    decomposition: (theta = 0) => between([step("CX", [0, 1])], [step("RZ", [1], theta)]),
    flags: "diagonal symmetric",
    spelling: "+rzz ?rzz RZZ RZZ",
  },
  RZX: {
    help: "exp(−iθ ZX/2) with Z on the first qubit.",
    qubits: 2,
    angles: "theta",
    target: (theta = 0) => pauliRotation(theta, "ZX"),
    generator: pauliSum([0.5, "ZX"]),
    inverse: negated("RZX"),
    decomposition: (theta = 0) => between([step("H", [1])], [step("RZZ", [0, 1], theta)]),
    spelling: "?rzx ?rzx RZX RZX",
    aliases: { qasm2: "+rzx" },
  },
  MS: {
    help: "Mølmer–Sørensen gate RXX(π/2).",
    qubits: 2,
    target: () => pauliRotation(PI / 2, "XX"),
    inverse: () => use("RXX", -PI / 2),
    decomposition: () => steps([step("RXX", [0, 1], PI / 2)]),
    flags: "clifford symmetric",
    spelling: "?ms ?ms ?MS ?MS",
    aliases: { originir: "MS", originir2: "MS" },
  },
  DCX: {
    help: "CX both ways, first qubit controlling first.",
    qubits: 2,
    target: () => nearIdentity(4, { 1: [3, 1, 0], 2: [1, 1, 0], 3: [2, 1, 0] }),
    inverse: () => ({ gate: "DCX", angles: [], power: -1 }),
    decomposition: () => steps([step("CX", [0, 1]), step("CX", [1, 0])]),
    flags: "clifford",
    spelling: "?dcx ?dcx ?DCX ?DCX",
  },
  ECR: {
    help: "Echoed cross resonance: (IX − XY)/√2.",
    qubits: 2,
    target: () =>
      matrixFrom(
        [0, SQRT1_2, 0, 0, SQRT1_2, 0, 0, 0, 0, 0, 0, SQRT1_2, 0, 0, SQRT1_2, 0],
        [0, 0, 0, SQRT1_2, 0, 0, -SQRT1_2, 0, 0, SQRT1_2, 0, 0, -SQRT1_2, 0, 0, 0],
      ),
    decomposition: () =>
      steps([step("RZX", [0, 1], PI / 4), step("X", [0]), step("RZX", [0, 1], -PI / 4)]),
    flags: "clifford",
    spelling: "?ecr ?ecr ?ECR ?ECR",
  },

  CCX: {
    help: "Flips the target when both controls are 1 (Toffoli).",
    qubits: 3,
    base: "X",
    controlled: "C3X",
    decomposition: () =>
      steps([
        step("H", [2]),
        step("CX", [1, 2]),
        step("TDG", [2]),
        step("CX", [0, 2]),
        step("T", [2]),
        step("CX", [1, 2]),
        step("TDG", [2]),
        step("CX", [0, 2]),
        step("T", [1]),
        step("T", [2]),
        step("H", [2]),
        step("CX", [0, 1]),
        step("T", [0]),
        step("TDG", [1]),
        step("CX", [0, 1]),
      ]),
    spelling: "ccx ccx TOFFOLI TOFFOLI",
    aliases: { originir: "CCX", originir2: "CCX" },
  },
  CCZ: {
    help: "Flips the phase of |111⟩.",
    qubits: 3,
    base: "Z",
    decomposition: () => between([step("H", [2])], [step("CCX", [0, 1, 2])]),
    flags: "diagonal symmetric",
    spelling: "?ccz ?ccz ?CCZ ?CCZ",
    aliases: { qasm2: "+ccz" },
  },
  CSWAP: {
    help: "Exchanges two qubits when the control is 1 (Fredkin).",
    qubits: 3,
    base: "SWAP",
    decomposition: () => between([step("CX", [2, 1])], [step("CCX", [0, 1, 2])]),
    spelling: "+cswap cswap ?CSWAP ?CSWAP",
    aliases: { originir: "CSWAP" },
  },
  RCCX: {
    help: "CCX up to phases of the basis states (Margolus).",
    qubits: 3,
    target: () => nearIdentity(8, { 3: [7, 0, -1], 5: [5, -1, 0], 7: [3, 0, 1] }),
    decomposition: () =>
      steps([
        step("H", [2]),
        step("T", [2]),
        step("CX", [1, 2]),
        step("TDG", [2]),
        step("CX", [0, 2]),
        step("T", [2]),
        step("CX", [1, 2]),
        step("TDG", [2]),
        step("H", [2]),
      ]),
    spelling: "+rccx ?rccx ?RCCX ?RCCX",
  },
  C3X: {
    help: "X under three controls.",
    qubits: 4,
    base: "X",
    controlled: "C4X",
    decomposition: () => between([step("H", [3])], cccPhase(PI / 4)),
    spelling: "+c3x ?c3x ?C3X ?C3X",
  },
  C3SQRT_X: {
    help: "Square root of X under three controls.",
    qubits: 4,
    base: "SQRT_X",
    inverse: () => ({ gate: "C3SQRT_X", angles: [], power: -1 }),
    decomposition: () => between([step("H", [3])], cccPhase(PI / 8)),
    spelling: "+c3sqrtx ?c3sqrtx ?C3SQRTX ?C3SQRTX",
  },
  RC3X: {
    help: "C3X up to phases of the basis states.",
    qubits: 4,
    target: () =>
      nearIdentity(16, { 3: [3, 0, 1], 7: [15, 1, 0], 11: [11, 0, -1], 15: [7, -1, 0] }),
    inverse: () => ({ gate: "RC3X", angles: [], power: -1 }),
    decomposition: () => {
      const left = [
        step("H", [3]),
        step("T", [3]),
        step("CX", [2, 3]),
        step("TDG", [3]),
        step("H", [3]),
      ];
      const middle = [
        step("CX", [0, 3]),
        step("T", [3]),
        step("CX", [1, 3]),
        step("TDG", [3]),
        step("CX", [0, 3]),
        step("T", [3]),
        step("CX", [1, 3]),
        step("TDG", [3]),
      ];
      return steps([...left, ...middle, ...left]);
    },
    spelling: "+rc3x ?rc3x ?RC3X ?RC3X",
    aliases: { qasm2: "+rcccx" },
  },
  C4X: {
    help: "X under four controls.",
    qubits: 5,
    base: "X",
    decomposition: () =>
      steps([
        step("CSQRT_X", [3, 4]),
        step("C3X", [0, 1, 2, 3]),
        step("H", [4]),
        step("CP", [3, 4], -PI / 2),
        step("H", [4]),
        step("C3X", [0, 1, 2, 3]),
        step("C3SQRT_X", [0, 1, 2, 4]),
      ]),
    spelling: "+c4x ?c4x ?C4X ?C4X",
  },
} as const satisfies Readonly<Record<string, Row>>;

/** The same rows without their literal types. */
const table: Readonly<Record<string, Row>> = rows;

/** A name of the gate table, as a type. */
export type GateName = keyof typeof rows;

type AngleTuple<Text> = Text extends `${string} ${infer Tail}`
  ? [angle: Angle, ...AngleTuple<Tail>]
  : Text extends string
    ? [angle: Angle]
    : [];
interface QubitTuples {
  1: [qubit: number];
  2: [first: number, second: number];
  3: [first: number, second: number, third: number];
  4: [first: number, second: number, third: number, fourth: number];
  5: [first: number, second: number, third: number, fourth: number, fifth: number];
}

/** The angles that a gate takes, as a tuple type. */
export type GateAngles<Name extends GateName> = AngleTuple<
  (typeof rows)[Name] extends { readonly angles: infer Text } ? Text : undefined
>;

/** The qubits that a gate takes, as a tuple type. */
export type GateQubits<Name extends GateName> = QubitTuples[(typeof rows)[Name]["qubits"]];

/** exp(−iθ(XX + YY)/2): cos θ on the diagonal of the middle block, −i sin θ beside it. */
function isSwapTheta(theta: number): Matrix {
  return multiplyMatrices(pauliRotation(theta, "XX"), pauliRotation(theta, "YY"));
}

/** The phase 4·angle on |1111⟩: parities of one to four qubits, each with its phase (Barenco et al., quant-ph/9503016). */
function cccPhase(angle: number): readonly GateStep[] {
  const plus = (control: number): GateStep => step("CP", [control, 3], angle);
  const minus = (control: number): GateStep => step("CP", [control, 3], -angle);
  const cx = (control: number, target: number): GateStep => step("CX", [control, target]);
  return [
    plus(0),
    cx(0, 1),
    minus(1),
    cx(0, 1),
    plus(1),
    cx(1, 2),
    minus(2),
    cx(0, 2),
    plus(2),
    cx(1, 2),
    minus(2),
    cx(0, 2),
    plus(2),
  ];
}

function createGate(name: string, row: Row): Gate {
  const base = row.base === undefined ? undefined : table[row.base];
  const angles = row.angles === undefined ? [] : row.angles.split(" ");
  const target = row.target ?? base?.target ?? (() => matrixFrom([1]));
  const controls = row.controls ?? (base === undefined ? 0 : row.qubits - base.qubits);
  const [q2 = "", q3 = "", o3 = "", o2 = ""] = row.spelling.split(" ");
  const list = (text: string | undefined, read: (word: string) => Spelling): readonly Spelling[] =>
    text === undefined ? [] : text.split(" ").map(read);
  const { decomposition } = row;
  return {
    name,
    help: row.help,
    qubits: row.qubits,
    controls,
    ...(row.base === undefined ? {} : { base: row.base }),
    ...(row.controlled === undefined ? {} : { controlled: row.controlled }),
    angles,
    matrix: (values) => controlledMatrix(target(...values), controls),
    ...(row.generator === undefined ? {} : { generator: row.generator }),
    shifts: row.shifts ?? angles.map(() => twoTerm),
    inverse: (values) =>
      row.inverse === undefined ? { gate: name, angles: values } : row.inverse(...values),
    ...(decomposition === undefined
      ? {}
      : { decomposition: (values: readonly Angle[]) => decomposition(...values) }),
    clifford: row.flags?.includes("clifford") ?? false,
    diagonal: row.flags?.includes("diagonal") ?? false,
    symmetric: row.flags?.includes("symmetric") ?? false,
    spellings: {
      qasm2: qasm2(q2),
      qasm3: qasm3(q3),
      originir: originir(o3),
      originir2: originir(o2),
    },
    aliases: {
      qasm2: list(row.aliases?.qasm2, qasm2),
      qasm3: list(row.aliases?.qasm3, qasm3),
      originir: list(row.aliases?.originir, originir),
      originir2: list(row.aliases?.originir2, originir),
    },
  };
}

/** All gates, simplest first. */
export const gateTable: readonly Gate[] = Object.entries(table).map(([name, row]) =>
  createGate(name, row),
);

const byName: ReadonlyMap<string, Gate> = new Map(gateTable.map((gate) => [gate.name, gate]));

/** Returns the row of a gate name (upper case), or nothing. */
export function findGate(name: string): Gate | undefined {
  return byName.get(name);
}

const bySpelling = new Map<
  GateFormat,
  ReadonlyMap<string, { readonly gate: Gate; readonly spelling: Spelling }>
>();
for (const format of ["qasm2", "qasm3", "originir", "originir2"] as const) {
  const names = new Map<string, { readonly gate: Gate; readonly spelling: Spelling }>();
  for (const gate of gateTable) {
    for (const spelling of [gate.spellings[format], ...(gate.aliases[format] ?? [])]) {
      if (!names.has(spelling.name)) names.set(spelling.name, { gate, spelling });
    }
  }
  bySpelling.set(format, names);
}

/** Returns the gate that a format writes with this name (own spellings included), or nothing. */
export function findSpelling(
  format: GateFormat,
  name: string,
): { readonly gate: Gate; readonly spelling: Spelling } | undefined {
  return bySpelling.get(format)?.get(name);
}
