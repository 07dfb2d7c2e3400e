import type { Gate, Spelling } from "./gate.ts";
import { gateTable } from "./gate-table.ts";

/** Returns the gate table as a page of Markdown, one line per gate. */
export function printGateReference(): string {
  const head = [
    "# Gates",
    "",
    "Made from the gate table of `@qtune/circuit`. Names in brackets are ours: printers define such a gate in front.",
    "",
  ];
  return `${[...head, ...gateTable.map(line)].join("\n")}\n`;
}

function line(gate: Gate): string {
  const angles = gate.angles.length === 0 ? "" : `(${gate.angles.join(", ")})`;
  const width = `${gate.qubits} ${gate.qubits === 1 ? "qubit" : "qubits"}`;
  const name = ({ name: text, origin }: Spelling): string =>
    origin === "own" ? `[\`${text}\`]` : `\`${text}\``;
  const { qasm2, qasm3, originir, originir2 } = gate.spellings;
  const flags = [
    ...(gate.clifford ? ["Clifford"] : []),
    ...(gate.diagonal ? ["diagonal"] : []),
    ...gate.shifts.map((rule, i) => `${gate.angles[i] ?? ""}: ${rule.kind} rule`),
  ];
  const more = flags.length === 0 ? "" : ` ${flags.join(", ")}.`;
  const spelled = `OpenQASM 2 ${name(qasm2)}, 3 ${name(qasm3)}, OriginIR ${name(originir)}, QPanda2 ${name(originir2)}`;
  return `- \`${gate.name}${angles}\`, ${width}: ${gate.help}${more} ${spelled}.`;
}
