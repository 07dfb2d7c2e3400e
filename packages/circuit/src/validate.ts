/**
 * Checks a circuit that came from outside. Everything is checked here once, so that code behind this door trusts its
 * circuits. Issues name places as paths: `circuit.operations[12].qubits[1]`.
 */
import { type Issue, QtuneError, suggest } from "@qtune/base";
import { type Angle, isAngleSize, isBoundAngle } from "./angle.ts";
import type { Circuit, Condition, Control, GateDefinition, Operation } from "./circuit.ts";
import { findGate, gateTable } from "./gate-table.ts";
import { matrixFrom, unitarityError } from "./matrix.ts";

/** What {@link validateCircuit} allows. */
export interface CircuitLimits {
  /** Default 100,000. */
  readonly maxQubits?: number;
  /** Default 1,000,000. */
  readonly maxClbits?: number;
  /** How deep control flow and definitions may nest. Default 256. */
  readonly maxDepth?: number;
  /** How many issues are collected before the check stops. Default 100. */
  readonly maxIssues?: number;
}

/** How far a dense unitary may be from unitary. */
const unitaryTolerance = 1e-8;

interface Scope {
  readonly qubits: number;
  readonly clbits: number;
  readonly parameters: ReadonlySet<string>;
  readonly unitaryOnly: boolean;
}

interface Checker {
  readonly definitions: ReadonlyMap<string, GateDefinition>;
  readonly maxDepth: number;
  report(where: string, expected: string, given: string, hint?: string): void;
  isFull(): boolean;
}

/**
 * Returns everything that is wrong with a circuit; an empty list means that it is sound.
 *
 * Effect: pure.
 * Cost:   one pass over the operations, plus 8^k per dense unitary of k qubits.
 */
export function validateCircuit(circuit: Circuit, limits: CircuitLimits = {}): readonly Issue[] {
  const { maxQubits = 100_000, maxClbits = 1_000_000, maxDepth = 256, maxIssues = 100 } = limits;
  const issues: Issue[] = [];
  const check: Checker = {
    definitions: new Map((circuit.definitions ?? []).map((one) => [one.name, one])),
    maxDepth,
    report: (where, expected, given, hint) => {
      if (issues.length < maxIssues)
        issues.push({ where, expected, given, ...(hint === undefined ? {} : { hint }) });
    },
    isFull: () => issues.length >= maxIssues,
  };
  checkCount(check, "circuit.qubits", circuit.qubits, maxQubits);
  checkCount(check, "circuit.clbits", circuit.clbits, maxClbits);
  checkRegisters(check, "circuit.quantumRegisters", circuit.quantumRegisters, circuit.qubits);
  checkRegisters(check, "circuit.classicalRegisters", circuit.classicalRegisters, circuit.clbits);
  const parameters = new Set<string>();
  circuit.parameters.forEach((parameter, i) => {
    const where = `circuit.parameters[${i}]`;
    if (parameter.name === "") check.report(`${where}.name`, "a name", "an empty string");
    if (parameters.has(parameter.name))
      check.report(`${where}.name`, "distinct names", `${parameter.name} twice`);
    if (parameter.role !== "shared" && parameter.role !== "row")
      check.report(`${where}.role`, "shared or row", JSON.stringify(parameter.role));
    parameters.add(parameter.name);
  });
  checkDefinitions(check, circuit.definitions ?? []);
  const scope: Scope = {
    qubits: circuit.qubits,
    clbits: circuit.clbits,
    parameters,
    unitaryOnly: false,
  };
  checkOperations(check, "circuit.operations", circuit.operations, scope, 0);
  if (circuit.globalPhase !== undefined)
    checkAngle(check, "circuit.globalPhase", circuit.globalPhase, scope);
  return issues;
}

/**
 * Throws the first problem of a circuit, with the number of the others.
 *
 * Errors: invalid_argument with all issues.
 */
export function assertCircuit(circuit: Circuit, limits: CircuitLimits = {}): void {
  const issues = validateCircuit(circuit, limits);
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
}

function checkCount(check: Checker, where: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max)
    check.report(where, `an integer from 0 to ${max}`, String(value));
}

function checkRegisters(
  check: Checker,
  where: string,
  registers: Circuit["quantumRegisters"],
  total: number,
): void {
  if (registers === undefined) return;
  const names = new Set<string>();
  let sum = 0;
  registers.forEach((register, i) => {
    if (register.name === "") check.report(`${where}[${i}].name`, "a name", "an empty string");
    if (names.has(register.name))
      check.report(`${where}[${i}].name`, "distinct names", `${register.name} twice`);
    if (!Number.isInteger(register.size) || register.size < 0)
      check.report(`${where}[${i}].size`, "a whole number", String(register.size));
    names.add(register.name);
    sum += register.size;
  });
  if (sum !== total) check.report(where, `registers of ${total} in all`, String(sum));
}

function checkDefinitions(check: Checker, definitions: readonly GateDefinition[]): void {
  const seen = new Set<string>();
  definitions.forEach((definition, i) => {
    const where = `circuit.definitions[${i}]`;
    if (definition.name === "") check.report(`${where}.name`, "a name", "an empty string");
    if (findGate(definition.name) !== undefined)
      check.report(`${where}.name`, "a name that the gate table does not use", definition.name);
    if (seen.has(definition.name))
      check.report(`${where}.name`, "distinct names", `${definition.name} twice`);
    seen.add(definition.name);
    checkCount(check, `${where}.qubits`, definition.qubits, 100_000);
    const parameters = new Set(definition.parameters);
    if (parameters.size !== definition.parameters.length)
      check.report(`${where}.parameters`, "distinct names", definition.parameters.join(", "));
    const scope: Scope = { qubits: definition.qubits, clbits: 0, parameters, unitaryOnly: true };
    checkOperations(check, `${where}.body`, definition.body, scope, 0);
    if (definition.globalPhase !== undefined)
      checkAngle(check, `${where}.globalPhase`, definition.globalPhase, scope);
  });
  checkRecursion(check, definitions);
}

/** A definition may use others, in any order, but never itself, nor chains deeper than the limit. */
function checkRecursion(check: Checker, definitions: readonly GateDefinition[]): void {
  const depth = new Map<string, number>();
  const index = new Map(definitions.map((definition, i) => [definition, i]));
  const visit = (definition: GateDefinition, path: readonly string[]): number => {
    const known = depth.get(definition.name);
    if (known !== undefined) return known;
    const where = `circuit.definitions[${index.get(definition) ?? -1}]`;
    if (path.includes(definition.name)) {
      check.report(
        where,
        "gates that do not contain themselves",
        [...path.slice(path.indexOf(definition.name)), definition.name].join(" → "),
      );
      return 0;
    }
    if (path.length > check.maxDepth) {
      check.report(where, `definitions nested at most ${check.maxDepth} deep`, "a longer chain");
      return 0;
    }
    let deepest = 0;
    for (const operation of definition.body) {
      const inner = operation.kind === "gate" ? check.definitions.get(operation.gate) : undefined;
      if (inner !== undefined)
        deepest = Math.max(deepest, visit(inner, [...path, definition.name]));
    }
    depth.set(definition.name, deepest + 1);
    return deepest + 1;
  };
  for (const definition of definitions) visit(definition, []);
}

function checkOperations(
  check: Checker,
  where: string,
  operations: readonly Operation[],
  scope: Scope,
  depth: number,
): void {
  if (depth > check.maxDepth) {
    check.report(where, `control flow nested at most ${check.maxDepth} deep`, "deeper nesting");
    return;
  }
  for (let i = 0; i < operations.length && !check.isFull(); i++) {
    const operation = operations[i];
    if (operation !== undefined) checkOperation(check, where, i, operation, scope, depth);
  }
}

function checkOperation(
  check: Checker,
  list: string,
  index: number,
  operation: Operation,
  scope: Scope,
  depth: number,
): void {
  const place = (suffix = ""): string => `${list}[${index}]${suffix}`;
  if (scope.unitaryOnly && !isUnitaryKind(operation.kind)) {
    check.report(place(), "only unitary operations in a definition", operation.kind);
    return;
  }
  switch (operation.kind) {
    case "gate":
      checkGate(check, place, operation, scope);
      return;
    case "unitary":
      checkUnitary(check, place, operation, scope);
      return;
    case "phase":
      checkAngle(check, place(".angle"), operation.angle, scope);
      checkControls(check, place, operation.controls, [], scope);
      return;
    case "measure":
      checkQubits(check, place, [operation.qubit], scope);
      checkClbits(check, place(".clbit"), [operation.clbit], scope);
      return;
    case "reset":
      checkQubits(check, place, [operation.qubit], scope);
      return;
    case "barrier":
      checkQubits(check, place, operation.qubits, scope);
      return;
    case "delay":
      checkQubits(check, place, operation.qubits, scope);
      if (!(operation.durationNs >= 0 && Number.isFinite(operation.durationNs))) {
        check.report(
          place(".durationNs"),
          "a finite duration of at least 0",
          String(operation.durationNs),
        );
      }
      return;
    case "assign":
      checkClbits(check, place(".clbits"), operation.clbits, scope);
      if (operation.value.length !== operation.clbits.length) {
        check.report(
          place(".value"),
          `${operation.clbits.length} bits`,
          String(operation.value.length),
        );
      }
      checkClbits(
        check,
        place(".value"),
        operation.value.flatMap((bit) => (typeof bit === "number" ? [] : [bit.clbit])),
        scope,
        true,
      );
      return;
    case "if":
      checkCondition(check, place(".condition"), operation.condition, scope, 0);
      checkOperations(check, place(".then"), operation.then, scope, depth + 1);
      checkOperations(check, place(".else"), operation.else ?? [], scope, depth + 1);
      return;
    case "while":
      checkCondition(check, place(".condition"), operation.condition, scope, 0);
      if (!readsBits(operation.condition))
        check.report(place(".condition"), "a condition over classical bits", "a constant one");
      if (!Number.isInteger(operation.maxIterations) || operation.maxIterations < 0) {
        check.report(place(".maxIterations"), "a whole number", String(operation.maxIterations));
      }
      checkOperations(check, place(".body"), operation.body, scope, depth + 1);
      return;
    case "switch":
      if (operation.clbits.length === 0)
        check.report(place(".clbits"), "at least one classical bit", "none");
      checkClbits(check, place(".clbits"), operation.clbits, scope);
      operation.cases.forEach((one, i) => {
        if (one.values.length === 0)
          check.report(place(`.cases[${i}].values`), "at least one value", "none");
        checkOperations(check, place(`.cases[${i}].body`), one.body, scope, depth + 1);
      });
      checkOperations(check, place(".default"), operation.default ?? [], scope, depth + 1);
      return;
    default: {
      const unknown: never = operation;
      check.report(
        place(".kind"),
        "a kind of operation",
        JSON.stringify((unknown as { kind?: unknown }).kind),
      );
    }
  }
}

function isUnitaryKind(kind: Operation["kind"]): boolean {
  return (
    kind === "gate" ||
    kind === "unitary" ||
    kind === "phase" ||
    kind === "barrier" ||
    kind === "delay"
  );
}

type Place = (suffix?: string) => string;

function checkGate(
  check: Checker,
  place: Place,
  operation: Operation & { kind: "gate" },
  scope: Scope,
): void {
  const gate = findGate(operation.gate);
  const definition = gate === undefined ? check.definitions.get(operation.gate) : undefined;
  const qubits = gate?.qubits ?? definition?.qubits;
  const angles = gate?.angles ?? definition?.parameters;
  if (qubits === undefined || angles === undefined) {
    const names = [...gateTable.map((row) => row.name), ...check.definitions.keys()];
    const near = suggest(operation.gate, names);
    check.report(
      place(".gate"),
      "a gate of the table or of the circuit",
      operation.gate,
      near === undefined ? undefined : `did you mean ${near}?`,
    );
    return;
  }
  if (operation.qubits.length !== qubits) {
    check.report(
      place(".qubits"),
      `${operation.gate} on ${qubits} ${qubits === 1 ? "qubit" : "qubits"}`,
      String(operation.qubits.length),
    );
  }
  if (operation.angles.length !== angles.length) {
    check.report(
      place(".angles"),
      `${operation.gate} with ${angles.length} ${angles.length === 1 ? "angle" : "angles"}`,
      String(operation.angles.length),
    );
  }
  checkQubits(check, place, operation.qubits, scope);
  for (let i = 0; i < operation.angles.length; i++) {
    const angle = operation.angles[i] ?? 0;
    if (!isBoundAngle(angle) || !isAngleSize(angle))
      checkAngle(check, place(`.angles[${i}]`), angle, scope);
  }
  if (operation.power !== undefined && !isAngleSize(operation.power)) {
    check.report(place(".power"), "an exponent of at most 2^53", String(operation.power));
  }
  checkControls(check, place, operation.controls, operation.qubits, scope);
}

function checkUnitary(
  check: Checker,
  place: Place,
  operation: Operation & { kind: "unitary" },
  scope: Scope,
): void {
  checkQubits(check, place, operation.qubits, scope);
  checkControls(check, place, operation.controls, operation.qubits, scope);
  if (operation.qubits.length > 10) {
    check.report(
      place(".qubits"),
      "a dense unitary on at most 10 qubits",
      String(operation.qubits.length),
    );
    return;
  }
  const entries = 4 ** operation.qubits.length;
  if (operation.re.length !== entries || operation.im.length !== entries) {
    check.report(
      place(".re"),
      `${entries} real and ${entries} imaginary parts`,
      `${operation.re.length} and ${operation.im.length}`,
    );
    return;
  }
  const error = unitarityError(matrixFrom(operation.re, operation.im));
  if (!(error <= unitaryTolerance))
    check.report(place(".re"), "a unitary matrix", `one that is off by ${error.toExponential(1)}`);
}

function checkQubits(check: Checker, place: Place, qubits: readonly number[], scope: Scope): void {
  for (let i = 0; i < qubits.length; i++) {
    const qubit = qubits[i] ?? -1;
    if (!Number.isInteger(qubit) || qubit < 0 || qubit >= scope.qubits) {
      check.report(
        place(`.qubits[${i}]`),
        scope.qubits === 0
          ? "no qubit, the circuit has none"
          : `a qubit from 0 to ${scope.qubits - 1}`,
        String(qubit),
      );
    }
  }
  if (hasRepeats(qubits))
    check.report(place(".qubits"), "different qubits", `(${qubits.join(", ")})`);
}

function hasRepeats(qubits: readonly number[]): boolean {
  if (qubits.length < 2) return false;
  if (qubits.length === 2) return qubits[0] === qubits[1];
  return new Set(qubits).size !== qubits.length;
}

function checkControls(
  check: Checker,
  place: Place,
  controls: readonly Control[] | undefined,
  qubits: readonly number[],
  scope: Scope,
): void {
  if (controls === undefined) return;
  controls.forEach((control, i) => {
    if (!Number.isInteger(control.qubit) || control.qubit < 0 || control.qubit >= scope.qubits) {
      check.report(
        place(`.controls[${i}].qubit`),
        `a qubit from 0 to ${scope.qubits - 1}`,
        String(control.qubit),
      );
    }
    if (control.value !== 0 && control.value !== 1)
      check.report(place(`.controls[${i}].value`), "0 or 1", String(control.value));
  });
  const all = [...controls.map((control) => control.qubit), ...qubits];
  if (new Set(all).size !== all.length)
    check.report(
      place(".controls"),
      "controls that differ from each other and from the qubits",
      `(${all.join(", ")})`,
    );
}

function checkClbits(
  check: Checker,
  where: string,
  clbits: readonly number[],
  scope: Scope,
  repeats = false,
): void {
  for (const clbit of clbits) {
    if (!Number.isInteger(clbit) || clbit < 0 || clbit >= scope.clbits) {
      check.report(
        where,
        scope.clbits === 0
          ? "no classical bit, the circuit has none"
          : `classical bits from 0 to ${scope.clbits - 1}`,
        String(clbit),
      );
    }
  }
  if (!repeats && hasRepeats(clbits))
    check.report(where, "different classical bits", `(${clbits.join(", ")})`);
}

function checkAngle(check: Checker, where: string, angle: Angle, scope: Scope): void {
  if (isBoundAngle(angle)) {
    if (!isAngleSize(angle)) check.report(where, "an angle of at most 2^53 radian", String(angle));
    return;
  }
  if (!isAngleSize(angle.constant))
    check.report(where, "a constant of at most 2^53 radian", String(angle.constant));
  for (const term of angle.terms) {
    if (!isAngleSize(term.coefficient))
      check.report(where, "coefficients of at most 2^53", String(term.coefficient));
    if (scope.parameters.has(term.parameter)) continue;
    const near = suggest(term.parameter, [...scope.parameters]);
    check.report(
      where,
      "declared parameters",
      term.parameter,
      near === undefined ? "declare it" : `did you mean ${near}?`,
    );
  }
}

/** A loop over a condition that reads no bit never ends or never starts. */
function readsBits(condition: Condition): boolean {
  switch (condition.kind) {
    case "not":
      return readsBits(condition.of);
    case "and":
    case "or":
    case "xor":
      return condition.of.some(readsBits);
    default:
      return true; // that it has a bit is checked where it stands
  }
}

function checkCondition(
  check: Checker,
  where: string,
  condition: Condition,
  scope: Scope,
  depth: number,
): void {
  if (depth > check.maxDepth) {
    check.report(where, `conditions nested at most ${check.maxDepth} deep`, "deeper nesting");
    return;
  }
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater":
      if (condition.clbits.length === 0)
        check.report(`${where}.clbits`, "at least one classical bit", "none");
      checkClbits(check, where, condition.clbits, scope);
      return;
    case "not":
      checkCondition(check, where, condition.of, scope, depth + 1);
      return;
    case "and":
    case "or":
    case "xor":
      condition.of.forEach((one) => checkCondition(check, where, one, scope, depth + 1));
      return;
    default: {
      const unknown: never = condition;
      check.report(
        where,
        "a kind of condition",
        JSON.stringify((unknown as { kind?: unknown }).kind),
      );
    }
  }
}
