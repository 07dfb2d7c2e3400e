/**
 * Writes OpenQASM 2.0. Gates that qelib1.inc lacks are defined in front; extra controls, powers and dense unitaries are
 * written out with table gates. The language has no global phase: uncontrolled phases are left out.
 */
import { QtuneError } from "@qtune/base";
import { type Angle, parameterAngle } from "../angle.ts";
import type { Circuit, Condition, GateDefinition, GateOperation, Operation } from "../circuit.ts";
import { expandCircuit } from "../expand.ts";
import { findGate, gateTable } from "../gate-table.ts";
import { gatesOf } from "../rewrite.ts";
import { inOrder } from "../text/definition-order.ts";
import { createNameMaker, type NameMaker } from "../text/names.ts";
import { printAngle, qasm2Numbers } from "../text/number-text.ts";
import { ownBody, ownGatesFor } from "../text/own-definitions.ts";
import { createPortions } from "../text/portions.ts";
import { hasModifiers, withoutModifiers } from "../text/without-modifiers.ts";

const keywords: ReadonlySet<string> = new Set([
  "OPENQASM",
  "include",
  "qreg",
  "creg",
  "gate",
  "opaque",
  "barrier",
  "measure",
  "reset",
  "if",
  "pi",
  "sin",
  "cos",
  "tan",
  "exp",
  "ln",
  "sqrt",
  "U",
  "CX",
]);

/** Names of the built-in set that are written without a definition, and whether the 2017 file has them. */
const standardNames = gateTable.flatMap((gate) =>
  [gate.spellings.qasm2, ...(gate.aliases.qasm2 ?? [])]
    .filter(({ name, origin }) => {
      const { spellings } = gate;
      return (
        origin !== "own" && !(spellings.qasm2.origin === "own" && spellings.qasm2.name === name)
      );
    })
    .map((spelling) => [spelling.name, spelling.origin === "qelib1"] as const),
);

interface Printer {
  readonly lines: string[];
  readonly circuit: Circuit;
  readonly names: NameMaker;
  readonly qubit: readonly string[];
  readonly clbit: readonly string[];
  readonly gateNames: Map<string, string>;
}

/**
 * Returns the circuit as OpenQASM 2.0; reading it again gives the same circuit, but for what the language lacks
 * (global phases, extra controls and powers, `if` bodies of several operations are split).
 *
 * Cost:   linear.
 * Errors: invalid_argument naming the statement that OpenQASM 2 cannot say: parameters, loops, `else`, conditions other
 *         than `register == number`, delays, assignments.
 */
export function printQasm2(circuit: Circuit): string {
  const simple = withGatesOnly(circuit);
  if (simple.parameters.length > 0) {
    throw unsayable(
      "circuit.parameters",
      `the parameter ${simple.parameters[0]?.name ?? ""}`,
      "bind the circuit, or write qasm3",
    );
  }
  const names = createNameMaker(
    (name) => /^[a-z][A-Za-z0-9_]*$/.test(name) && !keywords.has(name),
    repairName,
  );
  const quantum =
    simple.quantumRegisters ?? (simple.qubits === 0 ? [] : [{ name: "q", size: simple.qubits }]);
  const classical =
    simple.classicalRegisters ?? (simple.clbits === 0 ? [] : [{ name: "c", size: simple.clbits }]);
  const bits = (kind: string, registers: typeof quantum): readonly string[] =>
    registers.flatMap(({ name, size }) =>
      Array.from({ length: size }, (_, i) => `${names.name(kind, name)}[${i}]`),
    );
  const printer: Printer = {
    lines: ["OPENQASM 2.0;", 'include "qelib1.inc";'],
    circuit: simple,
    names,
    gateNames: new Map(),
    qubit: bits("register", quantum),
    clbit: bits("register", classical),
  };
  printDefinitions(printer);
  for (const { name, size } of quantum)
    if (size > 0) printer.lines.push(`qreg ${names.name("register", name)}[${size}];`);
  for (const { name, size } of classical)
    if (size > 0) printer.lines.push(`creg ${names.name("register", name)}[${size}];`);
  const portions = createPortions();
  simple.operations.forEach((operation, i) => {
    if (operation.kind === "gate") printGate(printer, operation, "");
    else printOperation(printer, operation, `circuit.operations[${i}]`, "");
    portions.fold(printer.lines);
  });
  return portions.finish(printer.lines);
}

function repairName(name: string): string {
  const ascii = name.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[a-z]/.test(ascii)
    ? ascii
    : /^[A-Z]/.test(ascii)
      ? `${(ascii[0] ?? "x").toLowerCase()}${ascii.slice(1)}`
      : `g${ascii}`;
}

function unsayable(where: string, what: string, hint: string): QtuneError {
  const issue = { where, expected: "something that OpenQASM 2 can say", given: what, hint };
  return QtuneError.fromIssues([issue]);
}

/** Writes out controls, powers and dense unitaries; keeps definitions where they need no such thing. */
function withGatesOnly(circuit: Circuit): Circuit {
  const definitions = (circuit.definitions ?? []).map((definition) =>
    hasModifiers(definition.body) ? withoutModifiers(circuit, definition) : definition,
  );
  if (!hasModifiers(circuit.operations)) return { ...circuit, definitions };
  return {
    ...circuit,
    operations: expandCircuit(circuit, { keepDefinitions: true }).operations,
    definitions,
  };
}

function printDefinitions(printer: Printer): void {
  const definitions = printer.circuit.definitions ?? [];
  const bodies = definitions.flatMap(({ body }) => [...gatesOf(body)]);
  const used = [...gatesOf(printer.circuit.operations), ...bodies];
  reserveStandardNames(printer, definitions);
  for (const gate of ownGatesFor("qasm2", used)) {
    const name = printer.names.name("gate", gate.spellings.qasm2.name);
    printer.gateNames.set(gate.name, name);
    const parts = ownBody("qasm2", gate, gate.angles.map(parameterAngle));
    printDefinition(printer, name, {
      name,
      parameters: gate.angles,
      qubits: gate.qubits,
      body: parts.steps.map((step): Operation => ({ kind: "gate", ...step })),
    });
  }
  for (const definition of inOrder(definitions)) {
    const name = printer.names.name("gate", definition.name);
    printer.gateNames.set(definition.name, name);
    printDefinition(printer, name, definition);
  }
}

/** Names of the standard set are taken, but for those that the circuit defines itself and the 2017 file lacks. */
function reserveStandardNames(printer: Printer, definitions: readonly GateDefinition[]): void {
  const own = new Set(definitions.map((definition) => definition.name));
  for (const [name, isOld] of standardNames)
    if (isOld || !own.has(name)) printer.names.reserve(name);
}

function printDefinition(printer: Printer, name: string, definition: GateDefinition): void {
  const locals = createNameMaker(
    (one) => /^[a-z][A-Za-z0-9_]*$/.test(one) && !keywords.has(one),
    repairName,
  );
  const parameters = definition.parameters.map((parameter) => locals.name("parameter", parameter));
  const qubits = Array.from({ length: definition.qubits }, (_, i) => locals.name("qubit", `q${i}`));
  const head = `gate ${name}${parameters.length === 0 ? "" : `(${parameters.join(",")})`} ${qubits.join(",")}`;
  const body = definition.body.flatMap((operation) => {
    if (operation.kind === "phase") return [];
    if (operation.kind === "barrier") {
      const targets =
        operation.qubits.length === 0
          ? qubits
          : operation.qubits.map((qubit) => qubits[qubit] ?? "");
      return [`barrier ${targets.join(",")};`];
    }
    if (operation.kind !== "gate")
      throw unsayable(
        `circuit.definitions.${definition.name}`,
        operation.kind,
        "a gate body holds gates and barriers",
      );
    const angles = operation.angles.map((angle) =>
      printAngle(angle, qasm2Numbers, (parameter) => locals.name("parameter", parameter)),
    );
    return [
      `${gateName(printer, operation.gate)}${angles.length === 0 ? "" : `(${angles.join(",")})`} ${operation.qubits.map((qubit) => qubits[qubit] ?? "").join(",")};`,
    ];
  });
  printer.lines.push(`${head} { ${body.join(" ")}${body.length === 0 ? "" : " "}}`);
}

function gateName(printer: Printer, gate: string): string {
  const known = printer.gateNames.get(gate);
  if (known !== undefined) return known;
  const name = findGate(gate)?.spellings.qasm2.name ?? gate;
  printer.gateNames.set(gate, name);
  return name;
}

function printOperation(
  printer: Printer,
  operation: Operation,
  where: string,
  prefix: string,
): void {
  switch (operation.kind) {
    case "gate":
      printGate(printer, operation, prefix);
      return;
    case "measure":
      printer.lines.push(
        `${prefix}measure ${printer.qubit[operation.qubit] ?? ""} -> ${printer.clbit[operation.clbit] ?? ""};`,
      );
      return;
    case "reset":
      printer.lines.push(`${prefix}reset ${printer.qubit[operation.qubit] ?? ""};`);
      return;
    case "barrier": {
      const qubits =
        operation.qubits.length === 0
          ? printer.qubit
          : operation.qubits.map((qubit) => printer.qubit[qubit] ?? "");
      if (qubits.length > 0) printer.lines.push(`barrier ${qubits.join(",")};`);
      return;
    }
    case "phase":
      return;
    case "if":
      printIf(printer, operation, where, prefix);
      return;
    default:
      throw unsayable(where, `a ${operation.kind}`, "write qasm3");
  }
}

function printGate(printer: Printer, operation: GateOperation, prefix: string): void {
  const name = gateName(printer, operation.gate);
  const angles = anglesText(operation.angles);
  printer.lines.push(`${prefix}${name}${angles} ${qubitsText(printer, operation.qubits)};`);
}

function anglesText(angles: readonly Angle[]): string {
  if (angles.length === 0) return "";
  let text = "(";
  for (let i = 0; i < angles.length; i++)
    text += (i === 0 ? "" : ",") + printAngle(angles[i] ?? 0, qasm2Numbers, (name) => name);
  return `${text})`;
}

function qubitsText(printer: Printer, qubits: readonly number[]): string {
  let text = printer.qubit[qubits[0] ?? 0] ?? "";
  for (let i = 1; i < qubits.length; i++) text += `,${printer.qubit[qubits[i] ?? 0] ?? ""}`;
  return text;
}

function printIf(
  printer: Printer,
  operation: Operation & { kind: "if" },
  where: string,
  prefix: string,
): void {
  if (prefix !== "") throw unsayable(where, "an if inside an if", "write qasm3");
  if (operation.else !== undefined && operation.else.length > 0)
    throw unsayable(where, "an else", "write qasm3");
  const head = conditionText(printer, operation.condition);
  if (head === undefined)
    throw unsayable(where, "a condition other than register == number", "write qasm3");
  const read = operation.condition.kind === "equals" ? operation.condition.clbits : [];
  const writes = operation.then.some((one) => one.kind === "measure" && read.includes(one.clbit));
  if (writes && operation.then.length > 1)
    throw unsayable(where, "an if whose body changes what it tests before it ends", "write qasm3");
  operation.then.forEach((inner, i) => {
    if (inner.kind === "barrier") return printOperation(printer, inner, `${where}.then[${i}]`, "");
    printOperation(printer, inner, `${where}.then[${i}]`, `if(${head}) `);
  });
}

/** `register==value` when the condition is that. */
function conditionText(printer: Printer, condition: Condition): string | undefined {
  if (condition.kind !== "equals" || condition.clbits.length === 0) return undefined;
  let start = 0;
  for (const { name, size } of printer.circuit.classicalRegisters ?? [
    { name: "c", size: printer.circuit.clbits },
  ]) {
    const matches =
      size === condition.clbits.length && condition.clbits.every((clbit, i) => clbit === start + i);
    if (matches)
      return condition.value < 0n
        ? undefined
        : `${printer.names.name("register", name)}==${condition.value}`;
    start += size;
  }
  return undefined;
}
