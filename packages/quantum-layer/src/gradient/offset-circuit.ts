import { type Circuit, type Operation, addAngles, isBoundAngle } from "@qtune/circuit";

function offsetName(parameter: string): string {
  return `offset__${parameter}`;
}

/**
 * Widens a circuit so that each row may move each shared parameter: `w` becomes `w + offset__w`, a row parameter.
 * What finite differences and SPSA evaluate. Row parameters need no offset: their rows are simply changed.
 */
export function createOffsetCircuit(circuit: Circuit): Circuit {
  const shared = circuit.parameters.filter((parameter) => parameter.role === "shared");
  const names = new Set(shared.map((parameter) => parameter.name));
  const operations = circuit.operations.map((operation): Operation => {
    if (operation.kind !== "gate") return operation;
    const angles = operation.angles.map((angle) => {
      if (isBoundAngle(angle)) return angle;
      return angle.terms
        .filter(({ parameter }) => names.has(parameter))
        .reduce(
          (sum, { parameter, coefficient }) =>
            addAngles(sum, {
              constant: 0,
              terms: [{ parameter: offsetName(parameter), coefficient }],
            }),
          addAngles(angle, 0),
        );
    });
    return { ...operation, angles };
  });
  const offsets = shared.map(({ name }) => ({ name: offsetName(name), role: "row" as const }));
  return { ...circuit, operations, parameters: [...circuit.parameters, ...offsets] };
}
