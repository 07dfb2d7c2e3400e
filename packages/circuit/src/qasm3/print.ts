/**
 * Writes OpenQASM 3. Parameters are `input` variables, vectors `x[0] …` one array; the role `row`, loop bounds and names
 * that the language does not allow stand in annotations (`@qtune.row`, `@qtune.max_iterations`, `@qtune.name`). Gates
 * that stdgates.inc lacks are defined in front.
 */
import { QtuneError } from "@qtune/base";
import { addAngles, type Angle, equalAngles, parameterAngle, scaleAngle } from "../angle.ts";
import type {
  Circuit,
  Condition,
  Control,
  GateDefinition,
  Operation,
  Register,
} from "../circuit.ts";
import { operationQubits } from "../analysis.ts";
import { expandCircuit } from "../expand.ts";
import type { Gate } from "../gate.ts";
import { findGate, gateTable } from "../gate-table.ts";
import { gatesOf } from "../rewrite.ts";
import { inOrder } from "../text/definition-order.ts";
import { createNameMaker, type NameMaker } from "../text/names.ts";
import { printAngle, qasm3Numbers } from "../text/number-text.ts";
import { ownBody, ownGatesFor } from "../text/own-definitions.ts";
import { createPortions, type Portions } from "../text/portions.ts";
import { keywords } from "./tokens.ts";

interface Printer {
  readonly lines: string[];
  readonly names: NameMaker;
  readonly circuit: Circuit;
  readonly gateNames: Map<string, string>;
  readonly qubit: (index: number) => string;
  readonly angle: (angle: Angle) => string;
  /** The register of each classical bit. */
  readonly registerOf: readonly (Register & { readonly start: number })[];
  /** Names for bits of several registers, declared in front. */
  readonly aliases: Map<string, string>;
  readonly width: number;
}

const reserved: ReadonlySet<string> = new Set([
  ...keywords,
  "U",
  "pi",
  "π",
  "tau",
  "τ",
  "euler",
  "ℇ",
  "u2",
  "u3",
  "arccos",
  "arcsin",
  "arctan",
  "ceiling",
  "cos",
  "exp",
  "floor",
  "log",
  "ln",
  "mod",
  "popcount",
  "pow",
  "real",
  "imag",
  "rotl",
  "rotr",
  "sin",
  "sqrt",
  "tan",
  "sizeof",
]);

const standardNames = gateTable.flatMap((gate) =>
  [gate.spellings.qasm3, ...(gate.aliases.qasm3 ?? [])]
    .filter((spelling) => spelling.origin !== "own")
    .map((spelling) => spelling.name),
);

function isIdentifier(name: string): boolean {
  return /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\d_]*$/u.test(name) && !reserved.has(name);
}

function repairName(name: string): string {
  const clean = name.replace(/[^\p{L}\p{Nl}\d_]/gu, "_");
  return /^[\p{L}\p{Nl}_]/u.test(clean) ? clean : `v${clean}`;
}

/**
 * Returns the circuit as OpenQASM 3; reading it again gives the same circuit, but for dense unitaries, which are
 * written with table gates.
 *
 * Cost:   linear.
 * Errors: invalid_argument for an assignment that reads a bit which it has set and cannot be split.
 */
export function printQasm3(circuit: Circuit): string {
  const names = createNameMaker(isIdentifier, repairName);
  for (const name of standardNames) names.reserve(name);
  const quantum =
    circuit.quantumRegisters ?? (circuit.qubits === 0 ? [] : [{ name: "q", size: circuit.qubits }]);
  const classical = withStarts(
    circuit.classicalRegisters ??
      (circuit.clbits === 0 ? [] : [{ name: "c", size: circuit.clbits }]),
  );
  const inputs = printInputs(circuit, names);
  const qubits = quantum.flatMap((register) =>
    Array.from({ length: register.size }, (_, i) =>
      register.name === "$" ? `$${i}` : `${names.name("register", register.name)}[${i}]`,
    ),
  );
  const printer: Printer = {
    lines: [],
    names,
    circuit,
    gateNames: new Map(),
    registerOf: classical.flatMap((register) =>
      Array.from({ length: register.size }, () => register),
    ),
    aliases: new Map(),
    qubit: (index) => qubits[index] ?? "",
    angle: (angle) =>
      printAngle(angle, qasm3Numbers, (parameter) => inputs.names.get(parameter) ?? parameter),
    width: circuit.qubits,
  };
  const name = (circuit.name ?? "").replace(/\s+/g, " ").trim();
  const title = name === "" ? [] : [`pragma qtune.name ${name}`];
  const head = ["OPENQASM 3.0;", 'include "stdgates.inc";', ...title, ...inputs.lines];
  const phase = circuit.globalPhase ?? 0;
  if (phase !== 0) head.push(`gphase(${printer.angle(phase)});`);
  printDefinitions(printer);
  for (const register of quantum)
    if (register.name !== "$") declareRegister(printer, "qubit", register, "register");
  for (const register of classical) declareRegister(printer, "bit", register, "bits");
  printUnusedPhysical(printer, quantum);
  const declarations = printer.lines.splice(0);
  const portions = createPortions();
  printOperations(printer, circuit.operations, "", portions);
  const body = portions.finish(printer.lines);
  const aliases = [...printer.aliases].map(([text, name]) => `let ${name} = ${text};`);
  return `${[...head, ...declarations, ...aliases].join("\n")}\n${body}`;
}

/** Keeps a name that the language does not allow, unless it does not fit into the rest of a line. */
function nameAnnotation(name: string, original: string): readonly string[] {
  const fits = /^\S(?:.*\S)?$/.test(original) && !/[\r\n\0]/.test(original);
  return name === original || !fits ? [] : [`@qtune.name ${original}`];
}

function declareRegister(
  printer: Printer,
  type: "qubit" | "bit",
  register: Register,
  kind: "register" | "bits",
): void {
  if (register.size === 0) return;
  const name = printer.names.name(kind, register.name);
  printer.lines.push(...nameAnnotation(name, register.name));
  printer.lines.push(`${type}[${register.size}] ${name};`);
}

function withStarts(
  registers: readonly Register[],
): readonly (Register & { readonly start: number })[] {
  let start = 0;
  return registers.map((register) => {
    const placed = { ...register, start };
    start += register.size;
    return placed;
  });
}

/** Physical qubits are not declared: the last one is named where no operation does it. */
function printUnusedPhysical(printer: Printer, quantum: readonly Register[]): void {
  const register = withStarts(quantum).find((one) => one.name === "$");
  if (register === undefined) return;
  const last = register.start + register.size - 1;
  const isNamed = printer.circuit.operations.some((one) => operationQubits(one, 0).includes(last));
  if (!isNamed) printer.lines.push(`${printer.qubit(last)};`);
}

/** Declarations of the parameters, vectors together, and how each is written. */
function printInputs(
  circuit: Circuit,
  names: NameMaker,
): { readonly lines: readonly string[]; readonly names: ReadonlyMap<string, string> } {
  const lines: string[] = [];
  const texts = new Map<string, string>();
  const { parameters } = circuit;
  const seen = new Set<string>();
  for (let i = 0; i < parameters.length;) {
    const parameter = parameters[i];
    if (parameter === undefined) break;
    const vector = /^(.*)\[0\]$/.exec(parameter.name)?.[1];
    let size = 0;
    if (vector !== undefined && !seen.has(vector)) {
      while (
        parameters[i + size]?.name === `${vector}[${size}]` &&
        parameters[i + size]?.role === parameter.role
      )
        size += 1;
    }
    const original = size > 0 && vector !== undefined ? vector : parameter.name;
    seen.add(original);
    const name = names.name("input", original);
    if (parameter.role === "row") lines.push("@qtune.row");
    lines.push(...nameAnnotation(name, original));
    lines.push(size > 0 ? `input array[float[64], ${size}] ${name};` : `input float[64] ${name};`);
    if (size > 0) for (let k = 0; k < size; k++) texts.set(`${original}[${k}]`, `${name}[${k}]`);
    else texts.set(parameter.name, name);
    i += Math.max(1, size);
  }
  return { lines, names: texts };
}

function printDefinitions(printer: Printer): void {
  const definitions = printer.circuit.definitions ?? [];
  const bodies = definitions.flatMap(({ body }) => [...gatesOf(body, unitaryBasis)]);
  const used = [...gatesOf(printer.circuit.operations, unitaryBasis), ...bodies];
  for (const gate of ownGatesFor("qasm3", used)) {
    const { name } = gate.spellings.qasm3;
    printer.names.reserve(name);
    printer.gateNames.set(gate.name, name);
    const parameters = importableNames(gate);
    const parts = ownBody("qasm3", gate, parameters.map(parameterAngle));
    printDefinition(printer, name, {
      name,
      parameters,
      qubits: gate.qubits,
      globalPhase: parts.globalPhase,
      body: parts.steps.map((step): Operation => ({ kind: "gate", ...step })),
    });
  }
  for (const definition of inOrder(definitions)) {
    const name = printer.names.name("gate", definition.name);
    printer.gateNames.set(definition.name, name);
    printer.lines.push(...nameAnnotation(name, definition.name));
    printDefinition(printer, name, definition);
  }
}

/**
 * Names of the angles in alphabetical order, in which qiskit_qasm3_import (0.6.0) takes the values of a call, and of this
 * gate alone, as it refuses a call whose values mention a name of the called gate.
 */
function importableNames({ name, angles }: Gate): readonly string[] {
  const isSorted = angles.every((angle, i) => i === 0 || (angles[i - 1] ?? "") < angle);
  return isSorted ? angles : angles.map((_, i) => `${name.toLowerCase()}_${i}`);
}

/** What dense unitaries are written with; all in stdgates.inc or built in. */
const unitaryBasis: ReadonlySet<string> = new Set([
  "U",
  "CX",
  "P",
  "CP",
  "X",
  "H",
  "RZ",
  "RY",
  "CCX",
]);

function printDefinition(printer: Printer, name: string, definition: GateDefinition): void {
  const locals = createNameMaker(isIdentifier, repairName);
  // a parameter or qubit that is called like a gate of the body would hide it
  for (const gate of gatesOf(definition.body, unitaryBasis)) {
    locals.reserve(gateName(printer, gate));
    locals.reserve(gate.toLowerCase());
  }
  const parameters = definition.parameters.map((parameter) => locals.name("parameter", parameter));
  const qubits = Array.from({ length: definition.qubits }, (_, i) => locals.name("qubit", `q${i}`));
  const inner: Printer = {
    ...printer,
    lines: [],
    qubit: (index) => qubits[index] ?? "",
    angle: (angle) =>
      printAngle(angle, qasm3Numbers, (parameter) => locals.name("parameter", parameter)),
    width: definition.qubits,
  };
  const [first] = definition.body;
  const phase = definition.globalPhase ?? 0;
  const leads = first?.kind === "phase" && (first.controls ?? []).length === 0;
  // the first gphase of a body is its global phase, so a leading phase operation needs an empty one before it
  if (phase !== 0 || leads) inner.lines.push(`gphase(${inner.angle(phase)});`);
  printOperations(inner, definition.body, "");
  const body = inner.lines.length === 0 ? "{ }" : `{ ${inner.lines.join(" ")} }`;
  printer.lines.push(
    `gate ${name}${parameters.length === 0 ? "" : `(${parameters.join(", ")})`} ${qubits.join(", ")} ${body}`,
  );
}

function printOperations(
  printer: Printer,
  operations: readonly Operation[],
  indent: string,
  portions?: Portions,
): void {
  for (let i = 0; i < operations.length; i++) {
    portions?.fold(printer.lines);
    const operation = operations[i];
    if (operation === undefined) continue;
    const next = operations[i + 1];
    const merged =
      operation.kind === "phase" && next?.kind === "gate"
        ? standardU3(printer, operation, next)
        : undefined;
    if (merged === undefined) printOperation(printer, operation, indent);
    else {
      printer.lines.push(indent + merged);
      i += 1;
    }
  }
}

/** stdgates' u2 and u3 are U2 and U3 with the phase −(φ + λ)/2: the pair is written as one. */
function standardU3(
  printer: Printer,
  phase: Operation & { kind: "phase" },
  gate: Operation & { kind: "gate" },
): string | undefined {
  if ((gate.gate !== "U2" && gate.gate !== "U3") || (gate.power ?? 1) !== 1) return undefined;
  const [phi = 0, lambda = 0] = gate.angles.slice(-2);
  if (!equalAngles(phase.angle, scaleAngle(addAngles(phi, lambda), -0.5))) return undefined;
  const controls = gate.controls ?? [];
  const same =
    (phase.controls ?? []).length === controls.length &&
    (phase.controls ?? []).every(
      (one, i) => one.qubit === controls[i]?.qubit && one.value === controls[i]?.value,
    );
  return same ? gateText(printer, gate, gate.gate.toLowerCase()) : undefined;
}

function printOperation(printer: Printer, operation: Operation, indent: string): void {
  const { lines } = printer;
  switch (operation.kind) {
    case "gate":
      lines.push(indent + gateText(printer, operation, gateName(printer, operation.gate)));
      return;
    case "unitary": {
      const expanded = expandCircuit(
        { qubits: printer.width, clbits: 0, parameters: [], operations: [operation] },
        { keep: (name) => unitaryBasis.has(name) || name === "U3" },
      );
      if (expanded.globalPhase !== undefined)
        lines.push(`${indent}gphase(${printer.angle(expanded.globalPhase)});`);
      for (const inner of expanded.operations) printUnitaryPart(printer, inner, indent);
      return;
    }
    case "phase": {
      const qubits = (operation.controls ?? []).map((control) => printer.qubit(control.qubit));
      lines.push(
        `${indent}${controlText(operation.controls ?? [])}gphase(${printer.angle(operation.angle)})${qubits.length === 0 ? "" : ` ${qubits.join(", ")}`};`,
      );
      return;
    }
    case "measure":
      lines.push(
        `${indent}${bitText(printer, operation.clbit)} = measure ${printer.qubit(operation.qubit)};`,
      );
      return;
    case "reset":
      lines.push(`${indent}reset ${printer.qubit(operation.qubit)};`);
      return;
    case "barrier":
      lines.push(
        operation.qubits.length === 0
          ? `${indent}barrier;`
          : `${indent}barrier ${operation.qubits.map(printer.qubit).join(", ")};`,
      );
      return;
    case "delay":
      lines.push(
        `${indent}delay[${operation.durationNs}ns]${operation.qubits.length === 0 ? "" : ` ${operation.qubits.map(printer.qubit).join(", ")}`};`,
      );
      return;
    case "assign":
      return printAssign(printer, operation, indent);
    case "if":
      lines.push(`${indent}if (${conditionText(printer, operation.condition)}) {`);
      printOperations(printer, operation.then, `${indent}  `);
      if (operation.else !== undefined) {
        lines.push(`${indent}} else {`);
        printOperations(printer, operation.else, `${indent}  `);
      }
      lines.push(`${indent}}`);
      return;
    case "while":
      if (operation.maxIterations !== 1024)
        lines.push(`${indent}@qtune.max_iterations ${operation.maxIterations}`);
      lines.push(`${indent}while (${conditionText(printer, operation.condition)}) {`);
      printOperations(printer, operation.body, `${indent}  `);
      lines.push(`${indent}}`);
      return;
    case "switch":
      lines.push(
        `${indent}switch (uint[${operation.clbits.length}](${bitsText(printer, operation.clbits)})) {`,
      );
      for (const one of operation.cases) {
        lines.push(`${indent}  case ${one.values.join(", ")} {`);
        printOperations(printer, one.body, `${indent}    `);
        lines.push(`${indent}  }`);
      }
      if (operation.default !== undefined) {
        lines.push(`${indent}  default {`);
        printOperations(printer, operation.default, `${indent}    `);
        lines.push(`${indent}  }`);
      }
      lines.push(`${indent}}`);
      return;
    default:
      operation satisfies never;
  }
}

/** U3 as U: e^{−iθ/2} U. */
function printUnitaryPart(printer: Printer, operation: Operation, indent: string): void {
  if (operation.kind !== "gate" || operation.gate !== "U3")
    return printOperation(printer, operation, indent);
  printOperation(
    printer,
    { kind: "phase", angle: scaleAngle(operation.angles[0] ?? 0, -0.5) },
    indent,
  );
  printOperation(printer, { ...operation, gate: "U" }, indent);
}

function gateName(printer: Printer, gate: string): string {
  const known = printer.gateNames.get(gate);
  if (known !== undefined) return known;
  const name = findGate(gate)?.spellings.qasm3.name ?? gate;
  printer.gateNames.set(gate, name);
  return name;
}

function gateText(printer: Printer, operation: Operation & { kind: "gate" }, name: string): string {
  const { controls, power = 1 } = operation;
  const modifiers =
    controls === undefined && power === 1 ? "" : controlText(controls ?? []) + powerText(power);
  let angles = "";
  for (let i = 0; i < operation.angles.length; i++)
    angles += `${i === 0 ? "(" : ", "}${printer.angle(operation.angles[i] ?? 0)}`;
  if (angles !== "") angles += ")";
  let qubits = "";
  if (controls !== undefined)
    for (const control of controls)
      qubits += `${qubits === "" ? "" : ", "}${printer.qubit(control.qubit)}`;
  for (const qubit of operation.qubits)
    qubits += `${qubits === "" ? "" : ", "}${printer.qubit(qubit)}`;
  return `${modifiers}${name}${angles} ${qubits};`;
}

function controlText(controls: readonly Control[]): string {
  let text = "";
  for (let i = 0; i < controls.length;) {
    let count = 1;
    while (controls[i + count]?.value === controls[i]?.value) count += 1;
    text += `${controls[i]?.value === 1 ? "ctrl" : "negctrl"}${count === 1 ? "" : `(${count})`} @ `;
    i += count;
  }
  return text;
}

function powerText(power: number): string {
  if (power === 1) return "";
  return power === -1 ? "inv @ " : `pow(${power}) @ `;
}

function bitText(printer: Printer, clbit: number): string {
  const register = printer.registerOf[clbit];
  return register === undefined
    ? ""
    : `${printer.names.name("bits", register.name)}[${clbit - register.start}]`;
}

/** Bits as one value: a register, one bit, a selection of a register, or a name for a selection from several. */
function bitsText(printer: Printer, clbits: readonly number[]): string {
  const [first = 0] = clbits;
  if (clbits.length === 1) return bitText(printer, first);
  const register = printer.registerOf[first];
  if (register !== undefined && clbits.every((clbit) => printer.registerOf[clbit] === register)) {
    const name = printer.names.name("bits", register.name);
    const whole =
      clbits.length === register.size && clbits.every((clbit, i) => clbit === register.start + i);
    return whole ? name : `${name}[{${clbits.map((clbit) => clbit - register.start).join(", ")}}]`;
  }
  const text = clbits
    .map((clbit) => bitText(printer, clbit).replace(/\[(\d+)\]$/, "[{$1}]"))
    .join(" ++ ");
  let alias = printer.aliases.get(text);
  if (alias === undefined) {
    alias = printer.names.name("alias", `bits_${printer.aliases.size}`);
    printer.aliases.set(text, alias);
  }
  return alias;
}

function printAssign(
  printer: Printer,
  operation: Operation & { kind: "assign" },
  indent: string,
): void {
  const { clbits, value } = operation;
  if (clbits.length === 0) return;
  const target = bitsText(printer, clbits);
  const sources = value.map((bit) => (typeof bit === "number" ? undefined : bit));
  if (sources.every((source) => source === undefined)) {
    const bits = [...value].reverse().join("");
    printer.lines.push(`${indent}${target} = ${clbits.length === 1 ? bits : `"${bits}"`};`);
    return;
  }
  if (sources.every((source) => source !== undefined)) {
    const inverted = sources.map((source) => source?.inverted === true);
    if (inverted.every((one) => one === inverted[0])) {
      const text = bitsText(
        printer,
        sources.map((source) => source?.clbit ?? 0),
      );
      printer.lines.push(`${indent}${target} = ${inverted[0] === true ? "~" : ""}${text};`);
      return;
    }
  }
  const order = clbits.map((clbit, i) => ({ clbit, bit: value[i] ?? 0, read: sources[i]?.clbit }));
  const overwritten = order.some((one, i) =>
    order.slice(i + 1).some((later) => later.read === one.clbit),
  );
  if (overwritten) {
    throw QtuneError.fromIssues([
      {
        where: "circuit.operations",
        expected: "something that OpenQASM 3 can say",
        given: "an assignment that reads a bit which it has set",
        hint: "set the bits in an order that reads first",
      },
    ]);
  }
  for (const one of order)
    printAssign(printer, { kind: "assign", clbits: [one.clbit], value: [one.bit] }, indent);
}

function conditionText(printer: Printer, condition: Condition): string {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater": {
      const sign = condition.kind === "equals" ? "==" : condition.kind === "less" ? "<" : ">";
      if (condition.clbits.length === 0) return `0 ${sign} ${condition.value}`;
      return `${bitsText(printer, condition.clbits)} ${sign} ${condition.value}`;
    }
    case "not":
      return `!(${conditionText(printer, condition.of)})`;
    case "and":
    case "or":
    case "xor": {
      if (condition.of.length === 0) return condition.kind === "and" ? "true" : "false";
      const sign = condition.kind === "and" ? " && " : condition.kind === "or" ? " || " : " != ";
      return condition.of
        .map((one) =>
          isSimple(one) && condition.kind !== "xor"
            ? conditionText(printer, one)
            : `(${conditionText(printer, one)})`,
        )
        .join(sign);
    }
    default:
      return condition satisfies never;
  }
}

function isSimple(condition: Condition): boolean {
  return condition.kind !== "and" && condition.kind !== "or" && condition.kind !== "xor";
}
