import { QtuneError } from "@qtune/base";
import type { Circuit, GateDefinition, Operation } from "@qtune/circuit";

/**
 * Returns how many operations a circuit has once its own gates are written out, without writing them out: a text of a few
 * lines can stand for 2^40 of them.
 *
 * Cost:   linear in the circuit as it stands.
 * Errors: invalid_argument for a gate that is defined by itself.
 */
export function countOperations(circuit: Circuit): number {
  const definitions = new Map((circuit.definitions ?? []).map((each) => [each.name, each]));
  const known = new Map<string, number>();
  const open = new Set<string>();

  const ofDefinition = (definition: GateDefinition): number => {
    const counted = known.get(definition.name);
    if (counted !== undefined) return counted;
    if (open.has(definition.name)) {
      throw new QtuneError("invalid_argument", `the gate ${definition.name} is defined by itself`, {
        where: "circuit.definitions",
      });
    }
    open.add(definition.name);
    const count = ofList(definition.body);
    open.delete(definition.name);
    known.set(definition.name, count);
    return count;
  };
  const ofOperation = (operation: Operation): number => {
    switch (operation.kind) {
      case "gate": {
        const definition = definitions.get(operation.gate);
        return definition === undefined ? 1 : ofDefinition(definition);
      }
      case "if":
        return 1 + ofList(operation.then) + ofList(operation.else ?? []);
      case "while":
        return 1 + ofList(operation.body);
      case "switch":
        return (
          1 +
          operation.cases.reduce(
            (sum, { body }) => sum + ofList(body),
            ofList(operation.default ?? []),
          )
        );
      default:
        return 1;
    }
  };
  const ofList = (operations: readonly Operation[]): number =>
    operations.reduce((sum, operation) => sum + ofOperation(operation), 0);
  return ofList(circuit.operations);
}

/** Throws out_of_range for a circuit with more operations than a service describes. */
export function assertOperationCount(circuit: Circuit, max: number): void {
  const count = countOperations(circuit);
  if (count <= max) return;
  throw new QtuneError(
    "out_of_range",
    `expected at most ${max} operations but was given ${count}`,
    { where: "circuit.operations" },
  );
}
