import type { GateDefinition } from "../circuit.ts";

/** Returns definitions so that each stands after those it uses, as all text formats want it. */
export function inOrder(definitions: readonly GateDefinition[]): readonly GateDefinition[] {
  const byName = new Map(definitions.map((definition) => [definition.name, definition]));
  const done = new Set<string>();
  const order: GateDefinition[] = [];
  const visit = (definition: GateDefinition): void => {
    if (done.has(definition.name)) return;
    done.add(definition.name);
    for (const operation of definition.body) {
      const inner = operation.kind === "gate" ? byName.get(operation.gate) : undefined;
      if (inner !== undefined) visit(inner);
    }
    order.push(definition);
  };
  definitions.forEach(visit);
  return order;
}
