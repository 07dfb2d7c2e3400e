/**
 * Circuits and observables to messages and back. From the wire, every union must be set and every number in range, so
 * that what comes out has the types of circuit; whether gates exist and qubits fit is for `validateCircuit` to say.
 */
import {
  type Angle,
  type Circuit,
  type Condition,
  type Control,
  type GateDefinition,
  type Observable,
  type Operation,
  type Parameter,
  type Register,
} from "@qtune/circuit";
import { QtuneError } from "@qtune/base";
import { circuitV1 } from "@qtune/contracts";

type WireOperation = NonNullable<circuitV1.Operation["kind"]>;
type WireCondition = NonNullable<circuitV1.Condition["kind"]>;

/** Returns the message of a circuit. */
export function circuitToWire(circuit: Circuit): circuitV1.Circuit {
  return {
    name: circuit.name ?? "",
    qubits: circuit.qubits,
    clbits: circuit.clbits,
    quantumRegisters: (circuit.quantumRegisters ?? []).map(copyRegister),
    classicalRegisters: (circuit.classicalRegisters ?? []).map(copyRegister),
    parameters: circuit.parameters.map(parameterToWire),
    definitions: (circuit.definitions ?? []).map(definitionToWire),
    operations: circuit.operations.map(operationToWire),
    globalPhase: circuit.globalPhase === undefined ? undefined : angleToWire(circuit.globalPhase),
  };
}

/** Returns the circuit of a message. Errors: invalid_argument for an unset union or a malformed value. */
export function circuitFromWire(message: circuitV1.Circuit, where = "circuit"): Circuit {
  return {
    ...(message.name === "" ? {} : { name: message.name }),
    qubits: message.qubits,
    clbits: message.clbits,
    ...(message.quantumRegisters.length === 0
      ? {}
      : { quantumRegisters: message.quantumRegisters.map(copyRegister) }),
    ...(message.classicalRegisters.length === 0
      ? {}
      : { classicalRegisters: message.classicalRegisters.map(copyRegister) }),
    parameters: message.parameters.map((each, i) =>
      parameterFromWire(each, `${where}.parameters[${i}]`),
    ),
    ...(message.definitions.length === 0
      ? {}
      : {
          definitions: message.definitions.map((each, i) =>
            definitionFromWire(each, `${where}.definitions[${i}]`),
          ),
        }),
    operations: operationsFromWire(message.operations, `${where}.operations`),
    ...(message.globalPhase === undefined
      ? {}
      : { globalPhase: angleFromWire(message.globalPhase, `${where}.global_phase`) }),
  };
}

/** Returns the message of an observable. */
export function observableToWire(observable: Observable): circuitV1.Observable {
  return {
    terms: observable.terms.map(({ coefficient, paulis }) => ({
      coefficient,
      paulis: paulis.map(({ qubit, pauli }) => ({ qubit, pauli: pauliToWire[pauli] })),
    })),
  };
}

/** Returns the observable of a message. Errors: invalid_argument. */
export function observableFromWire(
  message: circuitV1.Observable,
  where = "observable",
): Observable {
  return {
    terms: message.terms.map(({ coefficient, paulis }, i) => ({
      coefficient: finite(coefficient, `${where}.terms[${i}].coefficient`),
      paulis: paulis.map(({ qubit, pauli }, k) => {
        const known = pauliFromWire.get(pauli);
        if (known === undefined)
          throw refuse(`${where}.terms[${i}].paulis[${k}].pauli`, "X, Y or Z", String(pauli));
        return { qubit, pauli: known };
      }),
    })),
  };
}

const pauliToWire = {
  X: circuitV1.Pauli.PAULI_X,
  Y: circuitV1.Pauli.PAULI_Y,
  Z: circuitV1.Pauli.PAULI_Z,
} as const;
const pauliFromWire = new Map<number, "X" | "Y" | "Z">([
  [circuitV1.Pauli.PAULI_X, "X"],
  [circuitV1.Pauli.PAULI_Y, "Y"],
  [circuitV1.Pauli.PAULI_Z, "Z"],
]);

function copyRegister({ name, size }: Register): { name: string; size: number } {
  return { name, size };
}

function parameterToWire({ name, role }: Parameter): circuitV1.Parameter {
  const { PARAMETER_ROLE_SHARED, PARAMETER_ROLE_ROW } = circuitV1.ParameterRole;
  return { name, role: role === "shared" ? PARAMETER_ROLE_SHARED : PARAMETER_ROLE_ROW };
}

function parameterFromWire({ name, role }: circuitV1.Parameter, where: string): Parameter {
  if (role === circuitV1.ParameterRole.PARAMETER_ROLE_SHARED) return { name, role: "shared" };
  if (role === circuitV1.ParameterRole.PARAMETER_ROLE_ROW) return { name, role: "row" };
  throw refuse(`${where}.role`, "SHARED or ROW", String(role));
}

function definitionToWire(definition: GateDefinition): circuitV1.GateDefinition {
  return {
    name: definition.name,
    parameters: [...definition.parameters],
    qubits: definition.qubits,
    body: definition.body.map(operationToWire),
    globalPhase:
      definition.globalPhase === undefined ? undefined : angleToWire(definition.globalPhase),
  };
}

function definitionFromWire(message: circuitV1.GateDefinition, where: string): GateDefinition {
  return {
    name: message.name,
    parameters: message.parameters,
    qubits: message.qubits,
    body: operationsFromWire(message.body, `${where}.body`),
    ...(message.globalPhase === undefined
      ? {}
      : { globalPhase: angleFromWire(message.globalPhase, `${where}.global_phase`) }),
  };
}

function angleToWire(angle: Angle): circuitV1.Angle {
  if (typeof angle === "number") return { constant: angle, terms: [] };
  return {
    constant: angle.constant,
    terms: angle.terms.map(({ parameter, coefficient }) => ({ parameter, coefficient })),
  };
}

function angleFromWire(message: circuitV1.Angle, where: string): Angle {
  const constant = finite(message.constant, `${where}.constant`);
  if (message.terms.length === 0) return constant;
  const terms = message.terms.map(({ parameter, coefficient }, i) => ({
    parameter,
    coefficient: finite(coefficient, `${where}.terms[${i}].coefficient`),
  }));
  return { constant, terms: terms.sort((a, b) => (a.parameter < b.parameter ? -1 : 1)) };
}

function controlToWire({ qubit, value }: Control): circuitV1.Control {
  return { qubit, value };
}

function controlsFromWire(
  messages: readonly circuitV1.Control[],
  where: string,
): { controls?: readonly Control[] } {
  if (messages.length === 0) return {};
  const controls = messages.map(({ qubit, value }, i) => {
    if (value !== 0 && value !== 1) throw refuse(`${where}[${i}].value`, "0 or 1", String(value));
    return { qubit, value } as const;
  });
  return { controls };
}

function listToWire(operations: readonly Operation[]): circuitV1.OperationList {
  return { operations: operations.map(operationToWire) };
}

function operationToWire(operation: Operation): circuitV1.Operation {
  return { kind: operationKindToWire(operation) };
}

function operationKindToWire(operation: Operation): WireOperation {
  switch (operation.kind) {
    case "gate":
      return {
        $case: "gate",
        value: {
          gate: operation.gate,
          qubits: [...operation.qubits],
          angles: operation.angles.map(angleToWire),
          controls: (operation.controls ?? []).map(controlToWire),
          power: operation.power,
        },
      };
    case "unitary":
      return {
        $case: "unitary",
        value: {
          qubits: [...operation.qubits],
          re: [...operation.re],
          im: [...operation.im],
          controls: (operation.controls ?? []).map(controlToWire),
          label: operation.label ?? "",
        },
      };
    case "phase":
      return {
        $case: "phase",
        value: {
          angle: angleToWire(operation.angle),
          controls: (operation.controls ?? []).map(controlToWire),
        },
      };
    case "measure":
      return { $case: "measure", value: { qubit: operation.qubit, clbit: operation.clbit } };
    case "reset":
      return { $case: "reset", value: { qubit: operation.qubit } };
    case "barrier":
      return { $case: "barrier", value: { qubits: [...operation.qubits] } };
    case "delay":
      return {
        $case: "delay",
        value: { qubits: [...operation.qubits], durationNs: operation.durationNs },
      };
    case "assign":
      return {
        $case: "assign",
        value: { clbits: [...operation.clbits], sources: operation.value.map(sourceToWire) },
      };
    case "if":
      return {
        $case: "ifElse",
        value: {
          condition: conditionToWire(operation.condition),
          thenBranch: listToWire(operation.then),
          elseBranch: operation.else === undefined ? undefined : listToWire(operation.else),
        },
      };
    case "while":
      return {
        $case: "whileLoop",
        value: {
          condition: conditionToWire(operation.condition),
          body: listToWire(operation.body),
          maxIterations: operation.maxIterations,
        },
      };
    case "switch":
      return {
        $case: "switchCase",
        value: {
          clbits: [...operation.clbits],
          cases: operation.cases.map(({ values, body }) => ({
            values: values.map(String),
            body: listToWire(body),
          })),
          defaultBranch:
            operation.default === undefined ? undefined : listToWire(operation.default),
        },
      };
    default:
      return operation satisfies never;
  }
}

function sourceToWire(
  source: 0 | 1 | { readonly clbit: number; readonly inverted?: boolean },
): circuitV1.BitSource {
  if (typeof source === "number")
    return { source: { $case: "constant", value: source === 1 }, inverted: false };
  return { source: { $case: "clbit", value: source.clbit }, inverted: source.inverted ?? false };
}

function operationsFromWire(messages: readonly circuitV1.Operation[], where: string): Operation[] {
  return messages.map((message, i) => operationFromWire(message, `${where}[${i}]`));
}

function branchFromWire(list: circuitV1.OperationList | undefined, where: string): Operation[] {
  return operationsFromWire(list?.operations ?? [], where);
}

function operationFromWire({ kind }: circuitV1.Operation, where: string): Operation {
  if (kind === undefined) throw refuse(where, "an operation of some kind", "none");
  switch (kind.$case) {
    case "gate": {
      const { gate, qubits, angles, controls, power } = kind.value;
      return {
        kind: "gate",
        gate,
        qubits,
        angles: angles.map((angle, i) => angleFromWire(angle, `${where}.angles[${i}]`)),
        ...controlsFromWire(controls, `${where}.controls`),
        ...(power === undefined ? {} : { power: finite(power, `${where}.power`) }),
      };
    }
    case "unitary": {
      const { qubits, re, im, controls, label } = kind.value;
      return {
        kind: "unitary",
        qubits,
        re: re.map((value, i) => finite(value, `${where}.re[${i}]`)),
        im: im.map((value, i) => finite(value, `${where}.im[${i}]`)),
        ...controlsFromWire(controls, `${where}.controls`),
        ...(label === "" ? {} : { label }),
      };
    }
    case "phase":
      return {
        kind: "phase",
        angle:
          kind.value.angle === undefined ? 0 : angleFromWire(kind.value.angle, `${where}.angle`),
        ...controlsFromWire(kind.value.controls, `${where}.controls`),
      };
    case "measure":
      return { kind: "measure", qubit: kind.value.qubit, clbit: kind.value.clbit };
    case "reset":
      return { kind: "reset", qubit: kind.value.qubit };
    case "barrier":
      return { kind: "barrier", qubits: kind.value.qubits };
    case "delay":
      return {
        kind: "delay",
        qubits: kind.value.qubits,
        durationNs: finite(kind.value.durationNs, `${where}.duration_ns`),
      };
    case "assign":
      return {
        kind: "assign",
        clbits: kind.value.clbits,
        value: kind.value.sources.map((source, i) =>
          sourceFromWire(source, `${where}.sources[${i}]`),
        ),
      };
    case "ifElse":
      return {
        kind: "if",
        condition: conditionFromWire(kind.value.condition, `${where}.condition`),
        then: branchFromWire(kind.value.thenBranch, `${where}.then`),
        ...(kind.value.elseBranch === undefined
          ? {}
          : { else: branchFromWire(kind.value.elseBranch, `${where}.else`) }),
      };
    case "whileLoop":
      return {
        kind: "while",
        condition: conditionFromWire(kind.value.condition, `${where}.condition`),
        body: branchFromWire(kind.value.body, `${where}.body`),
        maxIterations: kind.value.maxIterations,
      };
    case "switchCase":
      return {
        kind: "switch",
        clbits: kind.value.clbits,
        cases: kind.value.cases.map(({ values, body }, i) => ({
          values: values.map((value, k) =>
            naturalNumber(value, `${where}.cases[${i}].values[${k}]`),
          ),
          body: branchFromWire(body, `${where}.cases[${i}]`),
        })),
        ...(kind.value.defaultBranch === undefined
          ? {}
          : { default: branchFromWire(kind.value.defaultBranch, `${where}.default`) }),
      };
    default:
      return kind satisfies never;
  }
}

function sourceFromWire(
  message: circuitV1.BitSource,
  where: string,
): 0 | 1 | { clbit: number; inverted?: boolean } {
  if (message.source === undefined) throw refuse(where, "a constant or a bit", "neither");
  if (message.source.$case === "constant") return message.source.value ? 1 : 0;
  return { clbit: message.source.value, ...(message.inverted ? { inverted: true } : {}) };
}

function conditionToWire(condition: Condition): circuitV1.Condition {
  return { kind: conditionKindToWire(condition) };
}

const listCases = { and: "allOf", or: "anyOf", xor: "oddOf" } as const;
const listKinds = { allOf: "and", anyOf: "or", oddOf: "xor" } as const;

function conditionKindToWire(condition: Condition): WireCondition {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater":
      return {
        $case: condition.kind,
        value: { clbits: [...condition.clbits], value: condition.value.toString() },
      };
    case "not":
      return { $case: "negation", value: conditionToWire(condition.of) };
    case "and":
    case "or":
    case "xor":
      return {
        $case: listCases[condition.kind],
        value: { conditions: condition.of.map(conditionToWire) },
      };
    default:
      return condition satisfies never;
  }
}

function conditionFromWire(message: circuitV1.Condition | undefined, where: string): Condition {
  const kind = message?.kind;
  if (kind === undefined) throw refuse(where, "a condition", "none");
  switch (kind.$case) {
    case "equals":
    case "less":
    case "greater":
      return {
        kind: kind.$case,
        clbits: kind.value.clbits,
        value: naturalNumber(kind.value.value, `${where}.value`),
      };
    case "negation":
      return { kind: "not", of: conditionFromWire(kind.value, `${where}.not`) };
    case "allOf":
    case "anyOf":
    case "oddOf": {
      const of = kind.value.conditions.map((each, i) =>
        conditionFromWire(each, `${where}.of[${i}]`),
      );
      return { kind: listKinds[kind.$case], of };
    }
    default:
      return kind satisfies never;
  }
}

/** Classical registers wider than this cannot be compared as numbers. */
const maxDigits = 1024;

function naturalNumber(text: string, where: string): bigint {
  if (!/^(0|[1-9]\d*)$/.test(text) || text.length > maxDigits) {
    throw refuse(where, "decimal digits without sign or leading zeros", text.slice(0, 40));
  }
  return BigInt(text);
}

function finite(value: number, where: string): number {
  if (!Number.isFinite(value)) throw refuse(where, "a finite number", String(value));
  return value;
}

function refuse(where: string, expected: string, given: string): QtuneError {
  return QtuneError.fromIssues([{ where, expected, given }]);
}
