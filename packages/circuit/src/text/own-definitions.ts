/**
 * Table gates that a format does not know travel as definitions in front of the circuit. Readers recognise such a
 * definition by name and body, so that reading what was printed gives the table gate back; a gate of the user's own
 * with the same name and another body stays what it is.
 */
import { addAngles, type Angle, equalAngles, parameterAngle, scaleAngle } from "../angle.ts";
import type { GateDefinition, Operation } from "../circuit.ts";
import type { Decomposition, Gate, GateFormat } from "../gate.ts";
import { gateTable } from "../gate-table.ts";

/** Returns the body that stands for a gate in a format that lacks it; its gates may be own ones again. */
export function ownBody(format: GateFormat, gate: Gate, angles: readonly Angle[]): Decomposition {
  if (format === "qasm3" && gate.name === "U3") {
    // without U, whose phase readers disagree about
    const [theta = 0, phi = 0, lambda = 0] = angles;
    return {
      steps: [
        { gate: "RZ", qubits: [0], angles: [lambda] },
        { gate: "RY", qubits: [0], angles: [theta] },
        { gate: "RZ", qubits: [0], angles: [phi] },
      ],
      globalPhase: scaleAngle(addAngles(phi, lambda), 0.5),
    };
  }
  const parts = gate.decomposition?.(angles) ?? { steps: [], globalPhase: 0 };
  if (format === "qasm2") return { steps: parts.steps, globalPhase: 0 };
  if (format === "qasm3" || parts.globalPhase === 0) return parts;
  // OriginIR says a phase by U4(α, 0, 0, 0)
  return {
    steps: [...parts.steps, { gate: "U4", qubits: [0], angles: [parts.globalPhase, 0, 0, 0] }],
    globalPhase: 0,
  };
}

/** Returns the table gate that a definition read from a text stands for, or nothing. */
export function findOwnGate(
  format: GateFormat,
  name: string,
  definition: GateDefinition,
): Gate | undefined {
  return gateTable.find((gate) => {
    const { name: spelling, origin } = gate.spellings[format];
    if (origin !== "own" || !name.startsWith(spelling) || !/^_*$/.test(name.slice(spelling.length)))
      return false;
    if (gate.qubits !== definition.qubits || gate.angles.length !== definition.parameters.length)
      return false;
    const parts = ownBody(format, gate, definition.parameters.map(parameterAngle));
    return (
      equalAngles(parts.globalPhase, definition.globalPhase ?? 0) &&
      parts.steps.length === definition.body.length &&
      parts.steps.every((step, i) => isStep(definition.body[i], step))
    );
  });
}

function isStep(operation: Operation | undefined, step: Decomposition["steps"][number]): boolean {
  return (
    operation?.kind === "gate" &&
    operation.gate === step.gate &&
    operation.controls === undefined &&
    operation.power === undefined &&
    operation.qubits.join() === step.qubits.join() &&
    operation.angles.length === step.angles.length &&
    operation.angles.every((angle, i) => equalAngles(angle, step.angles[i] ?? Number.NaN))
  );
}

/** Returns the own gates that a set of gates needs in a format, those used by others first. */
export function ownGatesFor(format: GateFormat, used: Iterable<string>): readonly Gate[] {
  const order: Gate[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const gate = gateTable.find((one) => one.name === name);
    if (gate === undefined || gate.spellings[format].origin !== "own") return;
    for (const step of ownBody(format, gate, gate.angles.map(parameterAngle)).steps)
      visit(step.gate);
    order.push(gate);
  };
  for (const name of used) visit(name);
  return order;
}
