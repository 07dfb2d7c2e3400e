/**
 * Writes OriginIR, in the dialect of QPanda3 (`originir`) or QPanda2 (`originir2`). Gates that the dialect lacks are
 * defined in front as QGATE blocks; extra controls become CONTROL blocks, inverses DAGGER blocks. A phase is the own
 * gate GPHASE, defined as U4(α, 0, 0, 0).
 */
import { QtuneError } from "@qtune/base";
import { type Angle, parameterAngle } from "../angle.ts";
import type {
  Circuit,
  Condition,
  Control,
  GateDefinition,
  GateOperation,
  Operation,
} from "../circuit.ts";
import { expandCircuit } from "../expand.ts";
import { findGate } from "../gate-table.ts";
import { bodiesOf, gatesOf } from "../rewrite.ts";
import { inOrder } from "../text/definition-order.ts";
import { createNameMaker, type NameMaker } from "../text/names.ts";
import { originirNumbers, printAngle, qpanda3Numbers } from "../text/number-text.ts";
import { ownBody, ownGatesFor } from "../text/own-definitions.ts";
import { createPortions, type Portions } from "../text/portions.ts";
import { hasModifiers, withoutModifiers } from "../text/without-modifiers.ts";
import { originirKeywords, phaseGate } from "./keywords.ts";

/** A generation of OriginIR: `originir` is QPanda3, `originir2` is QPanda2. */
export type OriginirDialect = "originir" | "originir2";

/** How {@link printOriginir} writes. */
export interface OriginirPrintOptions {
  readonly dialect?: OriginirDialect;
  /**
   * Only gates that the dialect has, no QGATE blocks of ours and no global phases: for services that take nothing else.
   * Reading gives other gates with the same effect then. Default false.
   */
  readonly native?: boolean;
}

const wellFormed = /^[A-Za-z][A-Za-z0-9_]*$/;

interface Printer {
  readonly dialect: OriginirDialect;
  readonly native: boolean;
  readonly lines: string[];
  readonly gateNames: Map<string, string>;
  readonly names: NameMaker;
  /** How qubits are written: `q[0]`, or formal names inside a definition. */
  readonly qubit: (index: number) => string;
  readonly angle: (angle: Angle) => string;
  readonly width: number;
}

/**
 * Returns the circuit as OriginIR; reading it again gives the same circuit, but for what the language has no words
 * for: register names, controls on 0, fractional powers, dense unitaries and conditions of another shape become
 * equals.
 *
 * Cost:   linear; a condition that QPanda3 cannot say becomes up to 2^8 nested branches.
 * Errors: invalid_argument naming the statement that the dialect cannot say.
 */
export function printOriginir(circuit: Circuit, options: OriginirPrintOptions = {}): string {
  const { dialect = "originir", native = false } = options;
  if (circuit.parameters.length > 0) {
    throw unsayable(
      dialect,
      "circuit.parameters",
      `the parameter ${circuit.parameters[0]?.name ?? ""}`,
      "bind the circuit, or write qasm3",
    );
  }
  if (circuit.qubits === 0)
    throw unsayable(
      dialect,
      "circuit.qubits",
      "a circuit without qubits",
      "QINIT takes at least 1",
    );
  const simple = native ? nativeCircuit(circuit, dialect) : sayableCircuit(circuit, dialect);
  const qubits = Array.from({ length: simple.qubits }, (_, index) => `q[${index}]`);
  const printer: Printer = {
    dialect,
    native,
    lines: [`QINIT ${simple.qubits}`, `CREG ${simple.clbits}`],
    gateNames: new Map(),
    names: createNameMaker(
      (name) => wellFormed.test(name) && !originirKeywords.has(name.toUpperCase()),
      (name) => (wellFormed.test(name) ? `${name}_` : `G_${name.replace(/[^A-Za-z0-9_]/g, "_")}`),
    ),
    qubit: (index) => qubits[index] ?? "",
    angle: (angle) => printAngle(angle, originirNumbers, (name) => name),
    width: simple.qubits,
  };
  printDefinitions(printer, simple);
  const [first] = simple.operations;
  const phase = simple.globalPhase ?? 0;
  const leadsWithPhase = first?.kind === "phase" && (first.controls ?? []).length === 0;
  // the first GPHASE of a program is its global phase, so a leading phase operation needs an empty one before it
  if (!native && (phase !== 0 || leadsWithPhase))
    printer.lines.push(`${phaseGate} q[0],(${printer.angle(phase)})`);
  const portions = createPortions();
  printOperations(printer, simple.operations, "circuit.operations", portions);
  return portions.finish(printer.lines);
}

/** QPanda3 (0.5.1) takes no DAGGER and CONTROL blocks inside of QGATE blocks: they are written out. */
function sayableCircuit(circuit: Circuit, dialect: OriginirDialect): Circuit {
  const { definitions } = circuit;
  if (definitions === undefined || dialect === "originir2") return circuit;
  const hasName = (gate: string): boolean => findGate(gate)?.spellings.originir.inverse !== true;
  const isSayable = ({ body }: GateDefinition): boolean =>
    !hasModifiers(body) && body.every((one) => one.kind !== "gate" || hasName(one.gate));
  return {
    ...circuit,
    definitions: definitions.map((one) =>
      isSayable(one) ? one : withoutModifiers(circuit, one, hasName),
    ),
  };
}

function unsayable(
  dialect: OriginirDialect,
  where: string,
  what: string,
  hint: string,
): QtuneError {
  const name = dialect === "originir" ? "OriginIR (QPanda3)" : "OriginIR (QPanda2)";
  return QtuneError.fromIssues([
    { where, expected: `something that ${name} can say`, given: what, hint },
  ]);
}

/** Everything written with the gates of the dialect, phases left out. */
function nativeCircuit(circuit: Circuit, dialect: OriginirDialect): Circuit {
  const hasName = (name: string): boolean =>
    findGate(name)?.spellings[dialect].origin === "language";
  const { globalPhase: _, ...rest } = expandCircuit(circuit, { keep: hasName });
  return rest;
}

function printDefinitions(printer: Printer, circuit: Circuit): void {
  const bodies = (circuit.definitions ?? []).flatMap(({ body }) => [...gatesOf(body)]);
  const used = [...gatesOf(circuit.operations), ...bodies];
  if (!printer.native && needsPhase(circuit)) {
    printer.lines.push(`QGATE ${phaseGate} a,(alpha)`, "U4 a,(alpha,0,0,0)", "ENDQGATE");
  }
  for (const gate of ownGatesFor(printer.dialect, used)) {
    const name = printer.names.name("own", gate.spellings[printer.dialect].name);
    printer.gateNames.set(gate.name, name);
    const parts = ownBody(printer.dialect, gate, gate.angles.map(parameterAngle));
    printDefinition(printer, name, {
      name,
      parameters: gate.angles,
      qubits: gate.qubits,
      body: parts.steps.map((step): Operation => ({ kind: "gate", ...step })),
    });
  }
  for (const definition of inOrder(circuit.definitions ?? [])) {
    const name = printer.names.name("gate", definition.name);
    printer.gateNames.set(definition.name, name);
    printDefinition(printer, name, definition);
  }
}

function needsPhase(circuit: Circuit): boolean {
  const inside = (operations: readonly Operation[]): boolean =>
    operations.some(
      (operation) =>
        operation.kind === "phase" ||
        operation.kind === "unitary" ||
        (operation.kind === "gate" && (operation.power ?? 1) !== 1) ||
        bodiesOf(operation).some(inside),
    );
  const phases = [
    circuit.globalPhase,
    ...(circuit.definitions ?? []).map((definition) => definition.globalPhase),
  ];
  return (
    phases.some((phase) => (phase ?? 0) !== 0) ||
    inside(circuit.operations) ||
    (circuit.definitions ?? []).some((definition) => inside(definition.body))
  );
}

function printDefinition(printer: Printer, name: string, definition: GateDefinition): void {
  const isFormal = (one: string): boolean =>
    wellFormed.test(one) && !originirKeywords.has(one.toUpperCase());
  const locals = createNameMaker(isFormal, (one) => `p_${one.replace(/[^A-Za-z0-9_]/g, "_")}`);
  const parameters = definition.parameters.map((parameter) => locals.name("parameter", parameter));
  const qubits = Array.from({ length: definition.qubits }, (_, i) => locals.name("qubit", `a${i}`));
  printer.lines.push(
    `QGATE ${name} ${qubits.join(",")}${parameters.length === 0 ? "" : `,(${parameters.join(",")})`}`,
  );
  const numbers = printer.dialect === "originir" ? qpanda3Numbers : originirNumbers;
  const inner: Printer = {
    ...printer,
    qubit: (index) => qubits[index] ?? "",
    angle: (angle) =>
      printAngle(angle, numbers, (parameter) => locals.name("parameter", parameter)),
    width: definition.qubits,
  };
  const phase = definition.globalPhase ?? 0;
  if (phase !== 0) inner.lines.push(`${phaseGate} ${inner.qubit(0)},(${inner.angle(phase)})`);
  printOperations(inner, definition.body, `circuit.definitions.${definition.name}`);
  printer.lines.push("ENDQGATE");
}

function printOperations(
  printer: Printer,
  operations: readonly Operation[],
  where: string,
  portions?: Portions,
): void {
  for (let i = 0; i < operations.length; i++) {
    portions?.fold(printer.lines);
    const operation = operations[i];
    if (operation === undefined) continue;
    if (isPlainGate(operation) && !meansInverse(printer, operation)) {
      printPlainGate(printer, operation);
      continue;
    }
    const controls = controlsOf(operation);
    if (controls.length === 0 || operation.kind === "unitary" || hasFractionalPower(operation)) {
      printOperation(printer, operation, `${where}[${i}]`);
      continue;
    }
    // neighbours under the same controls share a block
    const block: Operation[] = [operation];
    for (
      let next = operations[i + 1];
      next !== undefined && sameControls(controls, next) && !hasFractionalPower(next);
      next = operations[i + 1]
    ) {
      block.push(next);
      i += 1;
    }
    printControlled(printer, controls, block, `${where}[${i}]`);
  }
}

/** A gate without controls and powers. */
function isPlainGate(operation: Operation): operation is GateOperation {
  return (
    operation.kind === "gate" &&
    (operation.controls === undefined || operation.controls.length === 0) &&
    (operation.power === undefined || operation.power === 1)
  );
}

/** The dialect's gate of this name is the inverse. */
function meansInverse(printer: Printer, { gate }: GateOperation): boolean {
  return findGate(gate)?.spellings[printer.dialect].inverse === true;
}

function controlsOf(operation: Operation): readonly Control[] {
  return operation.kind === "gate" || operation.kind === "unitary" || operation.kind === "phase"
    ? (operation.controls ?? [])
    : [];
}

function sameControls(controls: readonly Control[], operation: Operation): boolean {
  const other = controlsOf(operation);
  return (
    operation.kind !== "unitary" &&
    other.length === controls.length &&
    other.every(
      (control, i) => control.qubit === controls[i]?.qubit && control.value === controls[i]?.value,
    )
  );
}

function hasFractionalPower(operation: Operation): boolean {
  return (
    operation.kind === "gate" &&
    operation.power !== undefined &&
    operation.power !== 1 &&
    operation.power !== -1
  );
}

function printControlled(
  printer: Printer,
  controls: readonly Control[],
  block: readonly Operation[],
  where: string,
): void {
  const flipped = controls.filter((control) => control.value === 0);
  for (const control of flipped) printer.lines.push(`X ${printer.qubit(control.qubit)}`);
  printer.lines.push(
    `CONTROL ${controls.map((control) => printer.qubit(control.qubit)).join(",")}`,
  );
  for (const operation of block) {
    if (operation.kind === "phase")
      printPhase(
        printer,
        operation.angle,
        controls.map((control) => control.qubit),
        where,
      );
    else printOperation(printer, withoutControls(operation), where);
  }
  printer.lines.push("ENDCONTROL");
  for (const control of flipped) printer.lines.push(`X ${printer.qubit(control.qubit)}`);
}

function withoutControls(operation: Operation): Operation {
  if (operation.kind !== "gate") return operation;
  const { controls: _, ...rest } = operation;
  return rest;
}

/** A phase needs a qubit to stand on that is not among the controls. */
function printPhase(printer: Printer, angle: Angle, busy: readonly number[], where: string): void {
  const free = Array.from({ length: printer.width }, (_, qubit) => qubit).find(
    (qubit) => !busy.includes(qubit),
  );
  if (free === undefined) {
    throw unsayable(
      printer.dialect,
      where,
      "a phase that is controlled by all qubits",
      "write it as a P gate on one of them",
    );
  }
  printer.lines.push(`${phaseGate} ${printer.qubit(free)},(${printer.angle(angle)})`);
}

function printOperation(printer: Printer, operation: Operation, where: string): void {
  const { lines, qubit } = printer;
  switch (operation.kind) {
    case "gate":
      return printGate(printer, operation, where);
    case "unitary":
      return printExpanded(printer, operation, where);
    case "phase":
      if (!printer.native) printPhase(printer, operation.angle, [], where);
      return;
    case "measure":
      lines.push(`MEASURE ${qubit(operation.qubit)},c[${operation.clbit}]`);
      return;
    case "reset":
      lines.push(`RESET ${qubit(operation.qubit)}`);
      return;
    case "barrier":
      lines.push(
        operation.qubits.length === 0
          ? "BARRIER q"
          : `BARRIER ${operation.qubits.map(qubit).join(",")}`,
      );
      return;
    case "delay": {
      if (printer.dialect === "originir2")
        throw unsayable("originir2", where, "a delay", "IDLE is of QPanda3");
      if (!Number.isInteger(operation.durationNs)) {
        throw unsayable(
          "originir",
          where,
          `a delay of ${operation.durationNs} ns`,
          "IDLE takes whole nanoseconds",
        );
      }
      const qubits =
        operation.qubits.length === 0
          ? Array.from({ length: printer.width }, (_, i) => i)
          : operation.qubits;
      for (const one of qubits) lines.push(`IDLE ${qubit(one)},(${operation.durationNs})`);
      return;
    }
    case "assign":
      return printAssign(printer, operation, where);
    case "if":
      return printIf(printer, operation, where);
    case "while":
      return printWhile(printer, operation, where);
    case "switch":
      if (operation.cases.length > maxCases)
        throw unsayable(
          printer.dialect,
          where,
          `a switch of ${operation.cases.length} cases`,
          `they become blocks inside of each other; at most ${maxCases} are written`,
        );
      return printOperation(printer, switchAsIf(operation), where);
    default:
      operation satisfies never;
  }
}

function printGate(printer: Printer, operation: GateOperation, where: string): void {
  const power = (operation.power ?? 1) * (meansInverse(printer, operation) ? -1 : 1);
  if (power !== 1 && power !== -1) return printExpanded(printer, operation, where);
  if (power === -1) printer.lines.push("DAGGER");
  printPlainGate(printer, operation);
  if (power === -1) printer.lines.push("ENDDAGGER");
}

function printPlainGate(printer: Printer, operation: GateOperation): void {
  const { gate, qubits, angles } = operation;
  const spelling = findGate(gate)?.spellings[printer.dialect];
  let line = `${printer.gateNames.get(gate) ?? spelling?.name ?? gate} `;
  for (let i = 0; i < qubits.length; i++)
    line += (i === 0 ? "" : ",") + printer.qubit(qubits[i] ?? 0);
  for (let i = 0; i < angles.length; i++)
    line += (i === 0 ? ",(" : ",") + printer.angle(angles[i] ?? 0);
  printer.lines.push(angles.length === 0 ? line : `${line})`);
}

/** Dense unitaries and other powers, written with table gates. */
function printExpanded(printer: Printer, operation: Operation, where: string): void {
  const basis = new Set(["U3", "CX", "P", "RX", "RY", "RZ", "X", "CCX", "H", "S", "T"]);
  const expanded = expandCircuit(
    { qubits: printer.width, clbits: 0, parameters: [], operations: [operation] },
    { keep: (name) => basis.has(name) },
  );
  if (!printer.native && expanded.globalPhase !== undefined)
    printPhase(printer, expanded.globalPhase, [], where);
  printOperations(printer, expanded.operations, where);
}

function printAssign(
  printer: Printer,
  operation: Operation & { kind: "assign" },
  where: string,
): void {
  if (printer.dialect === "originir")
    throw unsayable(
      "originir",
      where,
      "an assignment to classical bits",
      "QPanda2 has them: write originir2",
    );
  if (
    operation.clbits.some((clbit, i) =>
      operation.value.slice(i + 1).some((bit) => typeof bit !== "number" && bit.clbit === clbit),
    )
  ) {
    throw unsayable(
      "originir2",
      where,
      "an assignment that reads a bit it has set",
      "set one bit per statement",
    );
  }
  operation.clbits.forEach((clbit, i) => {
    const value = operation.value[i] ?? 0;
    const text =
      typeof value === "number"
        ? String(value)
        : value.inverted === true
          ? `!c[${value.clbit}]`
          : `c[${value.clbit}]`;
    printer.lines.push(`c[${clbit}]=${text}`);
  });
}

/** Blocks are read up to 256 deep. */
const maxCases = 200;

/** The cases as a chain; the bits may change inside a body, but only one body runs. */
function switchAsIf(operation: Operation & { kind: "switch" }): Operation {
  return operation.cases.reduceRight<Operation>(
    (rest, one) => ({
      kind: "if",
      condition: {
        kind: "or",
        of: one.values.map((value): Condition => ({
          kind: "equals",
          clbits: operation.clbits,
          value,
        })),
      },
      then: one.body,
      else: rest.kind === "if" && rest.then.length === 0 && rest.else === undefined ? [] : [rest],
    }),
    {
      kind: "if",
      condition: { kind: "equals", clbits: [], value: 0n },
      then: operation.default ?? [],
    },
  );
}

function printIf(printer: Printer, operation: Operation & { kind: "if" }, where: string): void {
  const { condition } = operation;
  // always true: what is left of an exhausted switch
  if (condition.kind === "equals" && condition.clbits.length === 0) {
    return printOperations(
      printer,
      condition.value === 0n ? operation.then : (operation.else ?? []),
      `${where}.then`,
    );
  }
  if (printer.dialect === "originir2") {
    printer.lines.push(`QIF ${conditionText(condition, where)}`);
    printOperations(printer, operation.then, `${where}.then`);
    if (operation.else !== undefined) {
      printer.lines.push("ELSE");
      printOperations(printer, operation.else, `${where}.else`);
    }
    printer.lines.push("ENDQIF");
    return;
  }
  const bits = allOnes(condition);
  if (bits === undefined) return printDecision(printer, operation, new Map(), where);
  printer.lines.push(`QIF ${bits.map((clbit) => `c[${clbit}]`).join(",")}`);
  printOperations(printer, operation.then, `${where}.then`);
  if (operation.else !== undefined) {
    printer.lines.push("QELSE");
    printOperations(printer, operation.else, `${where}.else`);
  }
  printer.lines.push("QENDIF");
}

/** The bits of a condition that asks for ones only. */
function allOnes(condition: Condition): readonly number[] | undefined {
  if (condition.kind !== "equals" || condition.clbits.length === 0) return undefined;
  return condition.value === (1n << BigInt(condition.clbits.length)) - 1n
    ? condition.clbits
    : undefined;
}

/** QPanda3 tests single bits for 1: any other condition is asked bit by bit. */
function printDecision(
  printer: Printer,
  operation: Operation & { kind: "if" },
  known: ReadonlyMap<number, boolean>,
  where: string,
): void {
  const settled = settle(operation.condition, known);
  if (typeof settled === "boolean") {
    printOperations(printer, settled ? operation.then : (operation.else ?? []), where);
    return;
  }
  if (known.size >= 8)
    throw unsayable(
      "originir",
      where,
      "a condition over more than 8 bits",
      "QPanda3 tests bits for 1 only",
    );
  const one = new Map([...known, [settled, true] as const]);
  const zero = new Map([...known, [settled, false] as const]);
  const before = printer.lines.length;
  printer.lines.push(`QIF c[${settled}]`);
  printDecision(printer, operation, one, where);
  const filled = printer.lines.length;
  printer.lines.push("QELSE");
  printDecision(printer, operation, zero, where);
  if (printer.lines.length === filled + 1) printer.lines.pop();
  if (printer.lines.length === before + 1) printer.lines.pop();
  else printer.lines.push("QENDIF");
}

/** The truth value under what is known, or a bit that has to be asked next. */
function settle(condition: Condition, known: ReadonlyMap<number, boolean>): boolean | number {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater":
      return settleComparison(condition, known);
    case "not": {
      const inner = settle(condition.of, known);
      return typeof inner === "boolean" ? !inner : inner;
    }
    case "and":
    case "or":
    case "xor": {
      const parts = condition.of.map((one) => settle(one, known));
      if (condition.kind === "and" && parts.includes(false)) return false;
      if (condition.kind === "or" && parts.includes(true)) return true;
      const open = parts.find((part) => typeof part === "number");
      if (open !== undefined) return open;
      const trues = parts.filter((part) => part === true).length;
      return condition.kind === "and" ? true : condition.kind === "or" ? false : trues % 2 === 1;
    }
    default:
      return condition satisfies never;
  }
}

function settleComparison(
  condition: Condition & { kind: "equals" | "less" | "greater" },
  known: ReadonlyMap<number, boolean>,
): boolean | number {
  let least = 0n;
  let most = 0n;
  condition.clbits.forEach((clbit, bit) => {
    const value = known.get(clbit);
    if (value !== false) most += 1n << BigInt(bit);
    if (value === true) least += 1n << BigInt(bit);
  });
  const { value } = condition;
  const agrees = condition.clbits.every(
    (clbit, bit) =>
      !known.has(clbit) || known.get(clbit) === (((value >> BigInt(bit)) & 1n) === 1n),
  );
  if (condition.kind === "equals" && (!agrees || value < least || value > most)) return false;
  if (condition.kind === "less" && (most < value || least >= value)) return most < value;
  if (condition.kind === "greater" && (least > value || most <= value)) return least > value;
  return [...condition.clbits].reverse().find((clbit) => !known.has(clbit)) ?? least === value;
}

function printWhile(
  printer: Printer,
  operation: Operation & { kind: "while" },
  where: string,
): void {
  if (printer.dialect === "originir2") {
    printer.lines.push(`QWHILE ${conditionText(operation.condition, where)}`);
    printOperations(printer, operation.body, `${where}.body`);
    printer.lines.push("ENDQWHILE");
    return;
  }
  const bits = allOnes(operation.condition);
  if (bits === undefined)
    throw unsayable(
      "originir",
      where,
      "a loop whose condition is not that bits are 1",
      "QPanda2 has expressions: write originir2",
    );
  printer.lines.push(`QWHILE ${bits.map((clbit) => `c[${clbit}]`).join(",")}`);
  printOperations(printer, operation.body, `${where}.body`);
  printer.lines.push("QENDWHILE");
}

/** As many terms as the reader takes; each is as long as its weight. */
const maxConditionBits = 1000;
const maxXors = 7;

/** A condition as an expression of QPanda2: bits as a number are `c[0]+2*c[1]`. */
function conditionText(condition: Condition, where: string): string {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater": {
      if (condition.clbits.length === 0)
        throw unsayable("originir2", where, "a condition over no bits", "leave it out");
      if (condition.clbits.length > maxConditionBits) {
        const what = `a condition over ${condition.clbits.length} bits`;
        throw unsayable("originir2", where, what, `at most ${maxConditionBits} are read`);
      }
      const number = condition.clbits
        .map((clbit, bit) => `${bit === 0 ? "" : `${1n << BigInt(bit)}*`}c[${clbit}]`)
        .join("+");
      const sign = condition.kind === "equals" ? "==" : condition.kind === "less" ? "<" : ">";
      return `${number}${sign}${condition.value}`;
    }
    case "not":
      return `!(${conditionText(condition.of, where)})`;
    case "and":
    case "or": {
      if (condition.of.length === 0)
        throw unsayable("originir2", where, `an empty ${condition.kind}`, "leave it out");
      const parts = condition.of.map((one) =>
        one.kind === "and" || one.kind === "or"
          ? `(${conditionText(one, where)})`
          : conditionText(one, where),
      );

      return parts.length === 1
        ? (parts[0] ?? "")
        : parts.join(condition.kind === "and" ? " && " : " || ");
    }
    case "xor":
      if (countXors(condition) > maxXors)
        throw unsayable(
          "originir2",
          where,
          `an exclusive or of ${countXors(condition) + 1} conditions`,
          `each doubles the text; at most ${maxXors + 1} are written`,
        );
      return conditionText(xorAsOr(condition.of), where);
    default:
      return condition satisfies never;
  }
}

/** Exclusive ors in a condition, inside of each other or side by side. */
function countXors(condition: Condition): number {
  if (condition.kind === "not") return countXors(condition.of);
  if (condition.kind !== "and" && condition.kind !== "or" && condition.kind !== "xor") return 0;
  const own = condition.kind === "xor" ? condition.of.length - 1 : 0;
  return condition.of.reduce((sum, one) => sum + countXors(one), own);
}

function xorAsOr(parts: readonly Condition[]): Condition {
  return parts.slice(1).reduce<Condition>(
    (left, right) => ({
      kind: "or",
      of: [
        { kind: "and", of: [left, { kind: "not", of: right }] },
        { kind: "and", of: [{ kind: "not", of: left }, right] },
      ],
    }),
    parts[0] ?? { kind: "not", of: { kind: "equals", clbits: [], value: 0n } },
  );
}
