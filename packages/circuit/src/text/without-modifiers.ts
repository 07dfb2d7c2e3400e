/** Formats whose definitions hold gates only: controls, powers and dense unitaries inside of them are written out. */
import type { Circuit, GateDefinition, Operation } from "../circuit.ts";
import { expandCircuit } from "../expand.ts";
import { bodiesOf } from "../rewrite.ts";

/** Whether some operation is more than a gate of a name: a control, a power other than 1, a dense unitary. */
export function hasModifiers(operations: readonly Operation[]): boolean {
  return operations.some((operation) => {
    switch (operation.kind) {
      case "gate":
        return (operation.power ?? 1) !== 1 || (operation.controls ?? []).length > 0;
      case "unitary":
        return true;
      case "phase":
        return (operation.controls ?? []).length > 0;
      default:
        return bodiesOf(operation).some(hasModifiers);
    }
  });
}

/** Returns an equal definition that holds only gates for which `keep` holds and gates that the circuit defines. */
export function withoutModifiers(
  circuit: Circuit,
  definition: GateDefinition,
  keep?: (gate: string) => boolean,
): GateDefinition {
  const { globalPhase: _, ...rest } = circuit;
  const { globalPhase, ...same } = definition;
  const body: Circuit = {
    ...rest,
    clbits: 0,
    qubits: definition.qubits,
    operations: definition.body,
    ...(globalPhase === undefined ? {} : { globalPhase }),
  };
  const expanded = expandCircuit(body, { keepDefinitions: true, ...(keep && { keep }) });
  const phase = expanded.globalPhase;
  return {
    ...same,
    body: expanded.operations,
    ...(phase === undefined ? {} : { globalPhase: phase }),
  };
}
