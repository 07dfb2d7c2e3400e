import type { Angle } from "./angle.ts";

/**
 * The circuit IR: plain immutable data. Qubits and classical bits are numbered through all registers in declaration
 * order; qubit 0 is the least significant bit. What a gate name means stands in the gate table.
 */
export interface Circuit {
  readonly name?: string;
  /** Number of qubits, n. */
  readonly qubits: number;
  /** Number of classical bits. */
  readonly clbits: number;
  /** Names for slices of the qubits, in order, covering all of them. Absent: one register `q`. */
  readonly quantumRegisters?: readonly Register[];
  /** Names for slices of the classical bits, in order, covering all of them. Absent: one register `c`. */
  readonly classicalRegisters?: readonly Register[];
  /** Declared parameters; their order is the order of values in a batch. */
  readonly parameters: readonly Parameter[];
  /** Gates that the circuit defines itself. */
  readonly definitions?: readonly GateDefinition[];
  readonly operations: readonly Operation[];
  /** The unitary is multiplied by e^{i globalPhase}; kept so that controlled forms stay right. Absent: 0. */
  readonly globalPhase?: Angle;
}

/** A named run of qubits or classical bits. */
export interface Register {
  readonly name: string;
  readonly size: number;
}

/**
 * A named value that is bound when the circuit runs. `shared` values are the same for all rows of a batch (weights),
 * `row` values are given per row (inputs).
 */
export interface Parameter {
  readonly name: string;
  readonly role: "shared" | "row";
}

/** A gate defined in a circuit by other gates: a body over its own formal parameters and qubits 0 … qubits − 1. */
export interface GateDefinition {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly qubits: number;
  /** Only unitary operations. */
  readonly body: readonly Operation[];
  /** e^{i globalPhase} of the body. Absent: 0. */
  readonly globalPhase?: Angle;
}

/** A control qubit and the value that lets the gate act. */
export interface Control {
  readonly qubit: number;
  readonly value: 0 | 1;
}

/**
 * A gate on qubits. `gate` is a name of the gate table (upper case: `RX`, `CZ`, `SQRT_X`) or of a definition of this
 * circuit. The operator is `(gate^power)` controlled by `controls`; controls of the gate itself (`CX`) come first in
 * `qubits`.
 */
export interface GateOperation {
  readonly kind: "gate";
  readonly gate: string;
  readonly qubits: readonly number[];
  readonly angles: readonly Angle[];
  /** Further controls, distinct from `qubits`. Absent: none. */
  readonly controls?: readonly Control[];
  /** Real exponent; −1 is the inverse. Absent: 1. */
  readonly power?: number;
}

/** A dense unitary, row-major [2^k, 2^k]; the first of `qubits` is the least significant bit of its index. */
export interface UnitaryOperation {
  readonly kind: "unitary";
  readonly qubits: readonly number[];
  readonly re: readonly number[];
  readonly im: readonly number[];
  readonly controls?: readonly Control[];
  readonly label?: string;
}

export interface MeasureOperation {
  readonly kind: "measure";
  readonly qubit: number;
  readonly clbit: number;
}

export interface ResetOperation {
  readonly kind: "reset";
  readonly qubit: number;
}

/** Keeps passes from moving operations across. Empty `qubits`: all of them. */
export interface BarrierOperation {
  readonly kind: "barrier";
  readonly qubits: readonly number[];
}

export interface DelayOperation {
  readonly kind: "delay";
  readonly qubits: readonly number[];
  readonly durationNs: number;
}

/** Multiplies everything by e^{i angle}, under `controls` where given. */
export interface PhaseOperation {
  readonly kind: "phase";
  readonly angle: Angle;
  readonly controls?: readonly Control[];
}

/** A condition over classical bits. Bits listed first are least significant. */
export type Condition =
  | { readonly kind: "equals"; readonly clbits: readonly number[]; readonly value: bigint }
  | { readonly kind: "less"; readonly clbits: readonly number[]; readonly value: bigint }
  | { readonly kind: "greater"; readonly clbits: readonly number[]; readonly value: bigint }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "and" | "or" | "xor"; readonly of: readonly Condition[] };

export interface IfOperation {
  readonly kind: "if";
  readonly condition: Condition;
  readonly then: readonly Operation[];
  readonly else?: readonly Operation[];
}

/** Repeats the body while the condition holds, at most `maxIterations` times; more is an error when the circuit runs. */
export interface WhileOperation {
  readonly kind: "while";
  readonly condition: Condition;
  readonly body: readonly Operation[];
  readonly maxIterations: number;
}

/** Takes the first case that lists the value of the bits, else the default. */
export interface SwitchOperation {
  readonly kind: "switch";
  readonly clbits: readonly number[];
  readonly cases: readonly {
    readonly values: readonly bigint[];
    readonly body: readonly Operation[];
  }[];
  readonly default?: readonly Operation[];
}

/** Sets classical bits to a constant or to other bits (each source bit, optionally inverted). */
export interface AssignOperation {
  readonly kind: "assign";
  readonly clbits: readonly number[];
  readonly value: readonly (0 | 1 | { readonly clbit: number; readonly inverted?: boolean })[];
}

/** Anything that a circuit can do. */
export type Operation =
  | GateOperation
  | UnitaryOperation
  | PhaseOperation
  | MeasureOperation
  | ResetOperation
  | BarrierOperation
  | DelayOperation
  | AssignOperation
  | IfOperation
  | WhileOperation
  | SwitchOperation;

/** Returns the names of the parameters of a role, in the order in which a batch holds their values. */
export function parameterNames(circuit: Circuit, role: Parameter["role"]): readonly string[] {
  return circuit.parameters
    .filter((parameter) => parameter.role === role)
    .map((parameter) => parameter.name);
}
