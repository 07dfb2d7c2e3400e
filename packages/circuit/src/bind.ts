import { QtuneError, suggest } from "@qtune/base";
import {
  type Angle,
  describeAngle,
  isBoundAngle,
  isUsableAngle,
  substituteAngle,
} from "./angle.ts";
import type { Circuit, GateDefinition, Operation } from "./circuit.ts";
import { mapAngles, moveOperation } from "./rewrite.ts";

/** Values by parameter name: numbers, or angles of other parameters. */
export type ParameterValues = ReadonlyMap<string, Angle> | Readonly<Record<string, Angle>>;

/**
 * Returns the circuit with the given parameters replaced; parameters that are not named stay. A value may be an angle
 * of other parameters, which are then declared with the role of the parameter they replace.
 *
 * Effect: pure.
 * Cost:   one pass over the operations.
 * Errors: not_found for a name that the circuit does not declare, invalid_argument for a value that is no angle of at most 2^53 radian or makes one.
 *
 * @example
 * bindCircuit(circuit, { theta: Math.PI / 3 });
 */
export function bindCircuit(circuit: Circuit, values: ParameterValues): Circuit {
  const given: ReadonlyMap<string, Angle> =
    values instanceof Map ? values : new Map(Object.entries(values));
  const names = circuit.parameters.map((parameter) => parameter.name);
  for (const [name, value] of given) {
    if (!names.includes(name)) {
      const near = suggest(name, names);
      throw new QtuneError(
        "not_found",
        `the circuit has no parameter ${JSON.stringify(name)}${near === undefined ? "" : `; did you mean ${near}?`}`,
        { where: "circuit.parameters" },
      );
    }
    if (!isUsableAngle(value)) {
      throw new QtuneError(
        "invalid_argument",
        `expected an angle of at most 2^53 radian but was given ${describeAngle(value)}`,
        { where: `values.${name}` },
      );
    }
  }
  const change = (angle: Angle): Angle => {
    const changed = substituteAngle(angle, (name) => given.get(name));
    if (isUsableAngle(changed)) return changed;
    throw new QtuneError(
      "invalid_argument",
      `the values make an angle larger than 2^53 radian: ${describeAngle(changed)}`,
      { where: "values" },
    );
  };
  const parameters = circuit.parameters.flatMap((parameter) => {
    const value = given.get(parameter.name);
    if (value === undefined) return [parameter];
    if (isBoundAngle(value)) return [];
    return value.terms.map((term) => ({ name: term.parameter, role: parameter.role }));
  });
  const unique = parameters.filter(
    (one, i) => parameters.findIndex((other) => other.name === one.name) === i,
  );
  return {
    ...circuit,
    parameters: unique,
    operations: circuit.operations.map((operation) => mapAngles(operation, change)),
    ...(circuit.globalPhase === undefined ? {} : { globalPhase: change(circuit.globalPhase) }),
  };
}

/**
 * Returns the body of a definition on given qubits with given angles, its phase first.
 *
 * Effect: pure. The caller has checked that the numbers of qubits and angles match.
 */
export function instantiate(
  definition: GateDefinition,
  qubits: readonly number[],
  angles: readonly Angle[],
): readonly Operation[] {
  const values = new Map(definition.parameters.map((name, i) => [name, angles[i] ?? 0]));
  const change = (angle: Angle): Angle => substituteAngle(angle, (name) => values.get(name));
  const body = definition.body.map((operation) =>
    moveOperation(mapAngles(operation, change), (qubit) => qubits[qubit] ?? qubit),
  );
  const phase = definition.globalPhase;
  return phase === undefined || phase === 0
    ? body
    : [{ kind: "phase", angle: change(phase) }, ...body];
}
