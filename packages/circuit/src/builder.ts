import type { Angle } from "./angle.ts";
import { isBoundAngle, parameterAngle } from "./angle.ts";
import type {
  Circuit,
  Condition,
  Control,
  GateDefinition,
  Operation,
  Parameter,
} from "./circuit.ts";
import { type GateAngles, type GateName, type GateQubits, gateTable } from "./gate-table.ts";
import type { Matrix } from "./matrix.ts";
import { moveOperation, withControls } from "./rewrite.ts";
import { assertCircuit } from "./validate.ts";

/**
 * One method per row of the gate table, named in lower case: first the angles, then the qubits, e.g.
 * `rx(theta, qubit)`, `crz(lambda, control, target)`. A wrong number of arguments does not compile.
 */
export type GateMethods<Self> = {
  readonly [Name in GateName as Lowercase<Name>]: (
    ...operands: [...GateAngles<Name>, ...GateQubits<Name>]
  ) => Self;
};

/** Builds a circuit step by step. Every method but `parameter` and `build` returns the builder itself. */
export interface CircuitBuilder extends GateMethods<CircuitBuilder> {
  /** Declares a parameter and returns it as an angle. Parameters that gates use undeclared become shared ones. */
  parameter(name: string, role?: Parameter["role"]): Angle;
  /** Declares `name[0]` … `name[size − 1]` and returns them as angles. */
  parameters(name: string, size: number, role?: Parameter["role"]): readonly Angle[];
  /** Appends operations as they are. */
  append(...operations: readonly Operation[]): CircuitBuilder;
  /** Appends the operations of another circuit, its qubit i on `qubits[i]`, its clbit i on `clbits[i]`. Default: the same. */
  compose(circuit: Circuit, qubits?: readonly number[], clbits?: readonly number[]): CircuitBuilder;
  /** Defines a gate by a circuit over its own parameters. */
  define(name: string, body: Circuit): CircuitBuilder;
  /** Applies a gate of the table or of this circuit by name. */
  gate(
    name: string,
    qubits: readonly number[],
    angles?: readonly Angle[],
    options?: { readonly controls?: readonly Control[]; readonly power?: number },
  ): CircuitBuilder;
  /** Applies what `body` builds under controls; a plain number is a control on 1. */
  control(
    controls: readonly (number | Control)[],
    body: (inner: CircuitBuilder) => unknown,
  ): CircuitBuilder;
  /** Applies a dense unitary; the first qubit is the least significant bit. */
  unitary(matrix: Matrix, qubits: readonly number[], label?: string): CircuitBuilder;
  phase(angle: Angle): CircuitBuilder;
  /** Measures a qubit into a classical bit; bits are created as needed. Default: the bit with the qubit's number. */
  measure(qubit: number, clbit?: number): CircuitBuilder;
  measureAll(): CircuitBuilder;
  reset(qubit: number): CircuitBuilder;
  barrier(...qubits: readonly number[]): CircuitBuilder;
  delay(durationNs: number, ...qubits: readonly number[]): CircuitBuilder;
  /** Runs what `then` builds if the bits hold the value (a number means: clbit is 1), else what `otherwise` builds. */
  if(
    condition: number | Condition,
    then: (inner: CircuitBuilder) => unknown,
    otherwise?: (inner: CircuitBuilder) => unknown,
  ): CircuitBuilder;
  while(
    condition: number | Condition,
    maxIterations: number,
    body: (inner: CircuitBuilder) => unknown,
  ): CircuitBuilder;
  /**
   * Returns the circuit.
   *
   * Errors: invalid_argument with all issues when it is not sound.
   */
  build(): Circuit;
}

interface Draft {
  name: string | undefined;
  qubits: number;
  clbits: number;
  readonly parameters: Map<string, Parameter>;
  readonly definitions: Map<string, GateDefinition>;
}

/**
 * Creates a builder for a circuit of n qubits.
 *
 * @example
 * const bell = circuitBuilder(2).h(0).cx(0, 1).measureAll().build();
 * const builder = circuitBuilder(1);
 * const ansatz = builder.rx(builder.parameter("theta"), 0).build();
 */
export function circuitBuilder(
  n: number,
  options: { readonly clbits?: number; readonly name?: string } = {},
): CircuitBuilder {
  const draft: Draft = {
    name: options.name,
    qubits: n,
    clbits: options.clbits ?? 0,
    parameters: new Map(),
    definitions: new Map(),
  };
  return createBuilder(draft, []);
}

function createBuilder(draft: Draft, operations: Operation[]): CircuitBuilder {
  const declare = (angle: Angle): void => {
    if (isBoundAngle(angle)) return;
    for (const { parameter } of angle.terms) {
      if (!draft.parameters.has(parameter))
        draft.parameters.set(parameter, { name: parameter, role: "shared" });
    }
  };
  const nested = (body: (inner: CircuitBuilder) => unknown): readonly Operation[] => {
    const list: Operation[] = [];
    body(createBuilder(draft, list));
    return list;
  };
  const bitIsOne = (condition: number | Condition): Condition =>
    typeof condition === "number" ? { kind: "equals", clbits: [condition], value: 1n } : condition;
  const push = (...list: readonly Operation[]): CircuitBuilder => {
    for (const operation of list) operations.push(operation);
    return builder;
  };
  const core: Omit<CircuitBuilder, keyof GateMethods<CircuitBuilder>> = {
    parameter: (name, role = "shared") => {
      draft.parameters.set(name, { name, role });
      return parameterAngle(name);
    },
    parameters: (name, size, role = "shared") =>
      Array.from({ length: size }, (_, i) => core.parameter(`${name}[${i}]`, role)),
    append: (...list) => {
      for (const operation of list) {
        if (operation.kind === "gate") operation.angles.forEach(declare);
        if (operation.kind === "phase") declare(operation.angle);
      }
      return push(...list);
    },
    compose: (circuit, qubits, clbits) => {
      for (const parameter of circuit.parameters)
        if (!draft.parameters.has(parameter.name)) draft.parameters.set(parameter.name, parameter);
      for (const definition of circuit.definitions ?? [])
        draft.definitions.set(definition.name, definition);
      const phase = circuit.globalPhase ?? 0;
      if (phase !== 0) push({ kind: "phase", angle: phase });
      draft.clbits = Math.max(
        draft.clbits,
        ...Array.from({ length: circuit.clbits }, (_, i) => (clbits?.[i] ?? i) + 1),
      );
      for (const operation of circuit.operations) {
        push(
          moveOperation(
            operation,
            (qubit) => qubits?.[qubit] ?? qubit,
            (clbit) => clbits?.[clbit] ?? clbit,
          ),
        );
      }
      return builder;
    },
    define: (name, body) => {
      draft.definitions.set(name, {
        name,
        parameters: body.parameters.map((parameter) => parameter.name),
        qubits: body.qubits,
        body: body.operations,
        ...(body.globalPhase === undefined ? {} : { globalPhase: body.globalPhase }),
      });
      for (const definition of body.definitions ?? [])
        draft.definitions.set(definition.name, definition);
      return builder;
    },
    gate: (name, qubits, angles = [], { controls, power } = {}) => {
      angles.forEach(declare);
      return push({
        kind: "gate",
        gate: name,
        qubits,
        angles,
        ...(controls === undefined || controls.length === 0 ? {} : { controls }),
        ...(power === undefined || power === 1 ? {} : { power }),
      });
    },
    control: (controls, body) => {
      const list = controls.map((control): Control =>
        typeof control === "number" ? { qubit: control, value: 1 } : control,
      );
      return push(...nested(body).map((operation) => withControls(operation, list)));
    },
    unitary: (matrix, qubits, label) =>
      push({
        kind: "unitary",
        qubits,
        re: [...matrix.re],
        im: [...matrix.im],
        ...(label === undefined ? {} : { label }),
      }),
    phase: (angle) => {
      declare(angle);
      return push({ kind: "phase", angle });
    },
    measure: (qubit, clbit = qubit) => {
      draft.clbits = Math.max(draft.clbits, clbit + 1);
      return push({ kind: "measure", qubit, clbit });
    },
    measureAll: () => {
      draft.clbits = Math.max(draft.clbits, draft.qubits);
      return push(
        ...Array.from({ length: draft.qubits }, (_, qubit): Operation => ({
          kind: "measure",
          qubit,
          clbit: qubit,
        })),
      );
    },
    reset: (qubit) => push({ kind: "reset", qubit }),
    barrier: (...qubits) => push({ kind: "barrier", qubits }),
    delay: (durationNs, ...qubits) => push({ kind: "delay", qubits, durationNs }),
    if: (condition, then, otherwise) =>
      push({
        kind: "if",
        condition: bitIsOne(condition),
        then: nested(then),
        ...(otherwise === undefined ? {} : { else: nested(otherwise) }),
      }),
    while: (condition, maxIterations, body) =>
      push({ kind: "while", condition: bitIsOne(condition), maxIterations, body: nested(body) }),
    build: () => {
      const circuit: Circuit = {
        ...(draft.name === undefined ? {} : { name: draft.name }),
        qubits: draft.qubits,
        clbits: draft.clbits,
        parameters: [...draft.parameters.values()],
        ...(draft.definitions.size === 0 ? {} : { definitions: [...draft.definitions.values()] }),
        operations: [...operations],
      };
      assertCircuit(circuit);
      return circuit;
    },
  };
  const methods = Object.fromEntries(
    gateTable.map((gate) => [
      gate.name.toLowerCase(),
      (...operands: readonly (Angle | number)[]) => {
        const count = gate.angles.length;
        return core.gate(
          gate.name,
          operands.slice(count) as readonly number[],
          operands.slice(0, count),
        ); // the mapped type says so
      },
    ]),
  );
  const builder = { ...methods, ...core } as CircuitBuilder; // one method per row: that is what GateMethods is mapped from
  return builder;
}
