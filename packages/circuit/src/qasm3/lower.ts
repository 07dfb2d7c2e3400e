/**
 * Lowers OpenQASM 3 to a circuit: everything that is a finite circuit is written out (constants, loops with known
 * bounds, subroutines, arrays, aliases, modifiers), measured bits stay bits, and `input` variables become parameters.
 * What is no finite circuit is refused with the reason. Calibration blocks, pragmas and `extern` declarations have no
 * effect; calling an extern is refused.
 *
 * Program by program statement: the syntax tree of a statement is dropped once it has been lowered.
 */
import { QtuneError, suggest } from "@qtune/base";
import {
  addAngles,
  type Angle,
  describeAngle,
  isAngleSize,
  isBoundAngle,
  isUsableAngle,
  parameterAngle,
  scaleAngle,
} from "../angle.ts";
import type {
  Circuit,
  Control,
  GateDefinition,
  Operation,
  Parameter,
  Register,
} from "../circuit.ts";
import { findGate, gateTable } from "../gate-table.ts";
import { moveOperation, withControls } from "../rewrite.ts";
import { distinctName } from "../text/names.ts";
import { findOwnGate } from "../text/own-definitions.ts";
import { createQuickCalls, type QuickCalls } from "../text/quick-call.ts";
import { createSource, type Source, throwIssues } from "../text/source.ts";
import { callFunction, isFunction } from "./functions.ts";
import {
  createSyntaxReader,
  failNode,
  forEachStatement,
  isNode,
  isToken,
  type SyntaxItem,
  type SyntaxNode,
} from "./syntax.ts";
import {
  angleValue,
  arithmetic,
  type Bit,
  bitsOf,
  compare,
  describeKind,
  floatValue,
  intValue,
  invert,
  knownBits,
  logical,
  negate,
  not,
  toAngle,
  toCondition,
  toIndex,
  toInteger,
  toNumber,
  type Value,
  ValueFault,
} from "./values.ts";

/** How {@link parseQasm3} reads. */
export interface Qasm3Options {
  /** Name for messages. */
  readonly fileName?: string | undefined;
  /** Returns the text of an include that is not built in, or nothing. Default: no other includes. */
  readonly resolveInclude?: ((path: string) => string | undefined) | undefined;
  /** Values of `input` variables: numbers become constants instead of parameters. */
  readonly inputs?: Readonly<Record<string, number>> | undefined;
  /** Default 10,000,000, also for statements that are executed while lowering. */
  readonly maxOperations?: number | undefined;
  /** What a `while` over measured bits may do at most when it runs. Default 1024. */
  readonly maxIterations?: number | undefined;
}

type Type =
  | { readonly kind: "int" | "uint" | "bit"; readonly size: number | undefined }
  | { readonly kind: "float" | "angle" | "bool" | "complex" | "duration" | "stretch" }
  | { readonly kind: "array"; readonly of: Type; readonly sizes: readonly number[] };

interface GateEntity {
  readonly kind: "gate";
  /** Name in the circuit. */
  readonly name: string;
  readonly angles: number;
  readonly qubits: number;
  /** `table` gates may carry a phase of their own: stdgates' u2 and u3. */
  readonly phase?: (angles: readonly Angle[]) => Angle;
  /** A body that is not affine in its parameters: lowered anew for each set of values. */
  readonly template?: SyntaxNode;
  readonly variants: Map<string, string>;
}

type Entity =
  | { readonly kind: "qubits"; readonly qubits: readonly number[]; readonly single: boolean }
  | {
      readonly kind: "bits";
      bits: readonly Bit[];
      readonly single: boolean;
      readonly backed: boolean;
      readonly name: string;
      readonly runtime: number;
    }
  | {
      readonly kind: "variable";
      readonly type: Type;
      value: Value;
      readonly constant: boolean;
      readonly runtime: number;
    }
  | { readonly kind: "def"; readonly node: SyntaxNode }
  | { readonly kind: "extern" }
  | { readonly kind: "reference"; readonly target: Entity & { kind: "variable" } }
  | GateEntity;

interface Lowering {
  source: Source;
  readonly options: Qasm3Options & {
    readonly maxOperations: number;
    readonly maxIterations: number;
  };
  scopes: Map<string, Entity>[];
  out: Operation[];
  qubits: number;
  clbits: number;
  hardware: number;
  readonly quantum: Register[];
  readonly classical: { readonly name: string; readonly size: number; readonly local: boolean }[];
  readonly quantumNames: Set<string>;
  readonly classicalNames: Set<string>;
  readonly parameters: Parameter[];
  readonly parameterNames: Set<string>;
  readonly definitions: GateDefinition[];
  readonly definitionNames: Set<string>;
  /** For names that need a number to be distinct. */
  readonly nextNumbers: Map<string, number>;
  globalPhase: Angle;
  name: string | undefined;
  /** How many branches or loops over measured bits surround the statement. */
  runtime: number;
  callDepth: number;
  steps: number;
  includeDepth: number;
  /** Names of the qubits of the gate being defined; only gates are allowed then. */
  inGate: boolean;
}

/** How a statement ended. */
type Flow = "next" | "break" | "continue" | "end" | { readonly returned: Value | undefined };

const maxCallDepth = 64;
const maxIncludeDepth = 16;
const maxSize = 1_000_000;
/** Physical qubits stand behind all others until the end; then they get their places. */
const hardwareBase = 2 ** 40;

/**
 * Reads a program and lowers it to a circuit.
 *
 * Effect: pure, but for calls of `resolveInclude`.
 * Cost:   linear in the text plus the statements that loops and calls execute.
 * Errors: invalid_argument with up to 20 issues (file, line, column, excerpt, expected, given, hint); what is no finite
 *         circuit says "not a finite circuit because …". resource_exhausted beyond `maxOperations`.
 *
 * @example
 * parseQasm3('OPENQASM 3.0; include "stdgates.inc"; input float t; qubit[2] q; rx(2 * t) q[0]; cx q[0], q[1];');
 */
export function parseQasm3(text: string, options: Qasm3Options = {}): Circuit {
  const source = createSource(text, options.fileName);
  const state: Lowering = {
    source,
    options: {
      ...options,
      maxOperations: options.maxOperations ?? 10_000_000,
      maxIterations: options.maxIterations ?? 1024,
    },
    scopes: [new Map()],
    out: [],
    qubits: 0,
    clbits: 0,
    hardware: 0,
    quantum: [],
    classical: [],
    quantumNames: new Set(),
    classicalNames: new Set(),
    parameters: [],
    parameterNames: new Set(),
    definitions: [],
    definitionNames: new Set(),
    nextNumbers: new Map(),
    globalPhase: 0,
    name: undefined,
    runtime: 0,
    callDepth: 0,
    steps: 0,
    includeDepth: 0,
    inGate: false,
  };
  defineGate(state, "U", "U");
  lowerText(state);
  throwIssues(source);
  return finish(state);
}

/** Gives physical qubits and local bits their final places: behind the declared ones. */
function finish(state: Lowering): Circuit {
  const globals = state.classical.filter((register) => !register.local);
  const locals = state.classical.filter((register) => register.local);
  let operations: readonly Operation[] = state.out;
  const { globalPhase } = state;
  const quantum = [
    ...state.quantum,
    ...(state.hardware === 0 ? [] : [{ name: "$", size: state.hardware }]),
  ];
  if (locals.length > 0 || state.hardware > 0) {
    const places = new Map<number, number>();
    let next = 0;
    for (const local of [false, true]) {
      let start = 0;
      for (const register of state.classical) {
        if (register.local === local)
          for (let i = 0; i < register.size; i++) places.set(start + i, next++);
        start += register.size;
      }
    }
    const qubit = (index: number): number =>
      index >= hardwareBase ? state.qubits + index - hardwareBase : index;
    operations = operations.map((operation) =>
      moveOperation(operation, qubit, (clbit) => places.get(clbit) ?? clbit),
    );
  }
  const classical = [...globals, ...locals].map(({ name, size }) => ({ name, size }));
  const isDefault = (registers: readonly Register[], name: string): boolean =>
    registers.length === 0 || (registers.length === 1 && registers[0]?.name === name);
  return {
    ...(state.name === undefined ? {} : { name: state.name }),
    qubits: state.qubits + state.hardware,
    clbits: state.clbits,
    ...(isDefault(quantum, "q") ? {} : { quantumRegisters: quantum }),
    ...(isDefault(classical, "c") ? {} : { classicalRegisters: classical }),
    parameters: state.parameters,
    ...(state.definitions.length === 0 ? {} : { definitions: state.definitions }),
    operations,
    ...(globalPhase === 0 ? {} : { globalPhase }),
  };
}

function lowerText(state: Lowering): void {
  const { source } = state;
  const calls = createQuickCalls((register, index) => quickQubit(state, register, index));
  let ended = false;
  forEachStatement(
    createSyntaxReader(source),
    (item) => {
      if (ended) return;
      if (item.rule === "version") {
        checkVersion(state, item);
        return;
      }
      const flow = guarded(state, item, () => lowerStatementOrScope(state, item));
      if (flow === "end") ended = true;
      else if (flow !== "next") {
        failNode(source, item, {
          where: "statement",
          expected: "break, continue and return only inside of loops and subroutines",
        });
      }
    },
    (offset) => (ended ? undefined : quickGateCall(state, calls, offset)),
  );
}

/**
 * Lowers a plain gate call without a syntax tree and returns the offset behind it; nothing, and no effect, for any other
 * statement and for whatever is wrong with it.
 */
function quickGateCall(state: Lowering, calls: QuickCalls, offset: number): number | undefined {
  if (!calls.read(state.source.text, offset)) return undefined;
  const { gate, qubits, angles, end } = calls;
  const scope = state.scopes[0];
  const entity = scope?.get(gate);
  if (entity?.kind !== "gate" || entity.template !== undefined || entity.phase !== undefined)
    return undefined;
  if (qubits.length !== entity.qubits || angles.length !== entity.angles) return undefined;
  if (angles.length > 0 && scope?.has("pi") === true) return undefined;
  emit(state, { kind: "gate", gate: entity.name, qubits, angles });
  return end;
}

function quickQubit(state: Lowering, register: string, index: number): number {
  const entity = state.scopes[0]?.get(register);
  return entity?.kind === "qubits" && !entity.single ? (entity.qubits[index] ?? -1) : -1;
}

function checkVersion(state: Lowering, item: SyntaxNode): void {
  const version = item.children[1];
  if (isToken(version) && !version.text.startsWith("3")) {
    failNode(state.source, version, {
      where: "OPENQASM",
      expected: "version 3",
      hint: version.text.startsWith("2") ? "read it as qasm2" : undefined,
    });
  }
}

/** Turns a reason into an issue at a node. */
function guarded<T>(state: Lowering, item: SyntaxItem, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ValueFault) || (error.notAffine && state.inGate)) throw error;
    return failNode(state.source, item, {
      where: "statement",
      expected: "a finite circuit",
      hint: `not a finite circuit because ${error.message}`,
    });
  }
}

function notFinite(state: Lowering, item: SyntaxItem, reason: string): never {
  return failNode(state.source, item, {
    where: "statement",
    expected: "a finite circuit",
    hint: `not a finite circuit because ${reason}`,
  });
}

function emit(state: Lowering, operation: Operation): void {
  step(state);
  state.out.push(operation);
}

function step(state: Lowering): void {
  state.steps += 1;
  if (state.steps > state.options.maxOperations) {
    throw new QtuneError(
      "resource_exhausted",
      `the program has more than ${state.options.maxOperations} steps`,
      { where: state.source.file ?? "qasm3" },
    );
  }
}

// ---- names -------------------------------------------------------------------------------------------------------

function lookUp(state: Lowering, name: string): Entity | undefined {
  for (let i = state.scopes.length - 1; i >= 0; i--) {
    const entity = state.scopes[i]?.get(name);
    if (entity !== undefined) return entity.kind === "reference" ? entity.target : entity;
  }
  return undefined;
}

function declare(state: Lowering, item: SyntaxItem, name: string, entity: Entity): void {
  const scope = state.scopes.at(-1);
  const existing = scope?.get(name);
  const shadowsLibrary =
    existing?.kind === "gate" && existing.template === undefined && entity.kind !== "gate";
  // an alias may be renewed, which programs of the field do
  const renewsAlias =
    existing?.kind === "qubits" && entity.kind === "qubits" && state.scopes.length > 1;
  if (existing !== undefined && !shadowsLibrary && !renewsAlias) {
    failNode(state.source, item, {
      where: "declaration",
      expected: "a name that is not in use",
      given: JSON.stringify(name),
    });
  }
  scope?.set(name, entity);
}

function textOf(item: SyntaxItem | undefined): string {
  return isToken(item) ? item.text : "";
}

function failName(state: Lowering, item: SyntaxItem, name: string, what: string): never {
  const names = state.scopes.flatMap((scope) => [...scope.keys()]);
  const near = suggest(name, names);
  const known = what === "a gate" && findStandardGate(name);
  const hint = known
    ? 'add include "stdgates.inc";'
    : near === undefined
      ? undefined
      : `did you mean ${near}?`;
  return failNode(state.source, item, {
    where: what === "a gate" ? "gate" : "name",
    expected: `${what} that is declared`,
    given: JSON.stringify(name),
    hint,
  });
}

function findStandardGate(name: string): boolean {
  return gateTable.some((gate) =>
    [gate.spellings.qasm3, ...(gate.aliases.qasm3 ?? [])].some(
      (spelling) => spelling.origin !== "own" && spelling.name === name,
    ),
  );
}

// ---- includes and gates ------------------------------------------------------------------------------------------

function defineGate(
  state: Lowering,
  name: string,
  row: string,
  phase?: (angles: readonly Angle[]) => Angle,
): void {
  const gate = findGate(row);
  if (gate === undefined) return;
  state.scopes[0]?.set(name, {
    kind: "gate",
    name: row,
    angles: gate.angles.length,
    qubits: gate.qubits,
    variants: new Map(),
    ...(phase === undefined ? {} : { phase }),
  });
}

function includeStandard(state: Lowering, format: "qasm2" | "qasm3"): void {
  for (const gate of gateTable) {
    for (const spelling of [gate.spellings[format], ...(gate.aliases[format] ?? [])]) {
      if (spelling.origin === "own" || spelling.name === "U") continue;
      if (state.scopes[0]?.has(spelling.name) !== true) defineGate(state, spelling.name, gate.name);
    }
  }
  if (format === "qasm2") return;
  // stdgates: u2 and u3 have determinant 1
  const halfSum =
    (first: number) =>
    (angles: readonly Angle[]): Angle =>
      scaleAngle(addAngles(angles[first] ?? 0, angles[first + 1] ?? 0), -0.5);
  defineGate(state, "u2", "U2", halfSum(0));
  defineGate(state, "u3", "U3", halfSum(1));
}

function lowerInclude(state: Lowering, item: SyntaxNode): void {
  const path = textOf(item.children[1]).slice(1, -1);
  if (path === "stdgates.inc") return includeStandard(state, "qasm3");
  if (path === "qelib1.inc") return includeStandard(state, "qasm2");
  if (state.scopes.length > 1)
    failNode(state.source, item, { where: "include", expected: "includes outside of blocks" });
  if (state.includeDepth >= maxIncludeDepth)
    failNode(state.source, item, {
      where: "include",
      expected: `includes nested at most ${maxIncludeDepth} deep`,
      hint: "does the file include itself?",
    });
  const text = state.options.resolveInclude?.(path);
  if (text === undefined) {
    failNode(state.source, item, {
      where: "include",
      expected: 'one of the built-in files "stdgates.inc" and "qelib1.inc"',
      given: JSON.stringify(path),
      hint: "no such file is known here",
    });
  }
  const outer = state.source;
  const inner = createSource(text, path);
  state.source = inner;
  state.includeDepth += 1;
  lowerText(state);
  state.includeDepth -= 1;
  state.source = outer;
  outer.problems += inner.problems;
  outer.issues.push(...inner.issues);
}

/** The parts of a node between tokens of its grammar. */
function namesOf(list: SyntaxItem | undefined): readonly string[] {
  return isNode(list)
    ? list.children.filter((child) => isToken(child) && child.text !== ",").map(textOf)
    : [];
}

function gateHeader(item: SyntaxNode): {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly qubits: readonly string[];
  readonly scope: SyntaxNode;
} {
  const lists = item.children.filter((child) => isNode(child, "identifierList"));
  const scope = item.children.find((child) => isNode(child, "scope"));
  const parameters = lists.length === 2 ? namesOf(lists[0]) : [];
  return {
    name: textOf(item.children[1]),
    parameters,
    qubits: namesOf(lists.at(-1)),
    scope: isNode(scope) ? scope : item,
  };
}

function lowerGateDefinition(state: Lowering, item: SyntaxNode, label: string | undefined): void {
  const { name, parameters, qubits } = gateHeader(item);
  for (const list of [parameters, qubits, [...parameters, ...qubits]]) {
    if (new Set(list).size !== list.length)
      failNode(state.source, item.children[1] ?? item, {
        where: "gate",
        expected: "distinct names",
        given: list.join(", "),
      });
  }
  if (state.scopes.length > 1)
    failNode(state.source, item, { where: "gate", expected: "gates outside of blocks" });
  const counts = { angles: parameters.length, qubits: qubits.length };
  const existing = state.scopes[0]?.get(name);
  const isLibrary =
    existing?.kind === "gate" &&
    existing.template === undefined &&
    findGate(existing.name) !== undefined;
  if (existing !== undefined && !isLibrary)
    failNode(state.source, item.children[1] ?? item, {
      where: "gate",
      expected: "a name that is not in use",
      given: JSON.stringify(name),
    });
  const inner = definitionName(state, name, label);
  let definition: GateDefinition;
  try {
    checkCalledGates(state, item, name);
    definition = lowerGateBody(state, item, inner, parameters.map(parameterAngle));
  } catch (error) {
    if (!(error instanceof ValueFault)) {
      // known even when its body is wrong, so that its calls are not reported as well
      state.scopes[0]?.set(name, { kind: "gate", name: inner, ...counts, variants: new Map() });
      throw error;
    }
    state.scopes[0]?.set(name, {
      kind: "gate",
      name: inner,
      ...counts,
      template: item,
      variants: new Map(),
    });
    return;
  }
  // a printed definition of a table gate carries no name of its own
  const own = label === undefined ? findOwnGate("qasm3", name, definition) : undefined;
  if (own === undefined) addDefinition(state, definition);
  state.scopes[0]?.set(name, {
    kind: "gate",
    name: own?.name ?? inner,
    ...counts,
    variants: new Map(),
  });
}

/** A body calls only gates that stand before it, so that no gate ever contains itself, not even where it waits for numbers. */
function checkCalledGates(state: Lowering, item: SyntaxNode, name: string): void {
  for (const child of item.children) {
    if (!isNode(child)) continue;
    checkCalledGates(state, child, name);
    if (child.rule !== "gateCallStatement") continue;
    const nameItem = child.children.find((part) => !isNode(part, "gateModifier")) ?? child;
    const called = textOf(nameItem);
    if (called === "gphase" || state.scopes[0]?.get(called) !== undefined) continue;
    if (called !== name) failName(state, nameItem, called, "a gate");
    failNode(state.source, nameItem, {
      where: "gate",
      expected: "a gate that is declared before this one",
      given: JSON.stringify(called),
      hint: "a gate cannot contain itself",
    });
  }
}

/** The name in the circuit: what the annotation says where it can be had, else the gate's own, never one of the table. */
function definitionName(state: Lowering, name: string, label: string | undefined): string {
  const isFree = (one: string): boolean =>
    findGate(one) === undefined && !state.definitionNames.has(one);
  if (label !== undefined && label.trim() !== "" && isFree(label.trim())) return label.trim();
  return isFree(name) ? name : freshName(state, `${name}_`);
}

/** Lowers the body with given angles for its parameters. */
function lowerGateBody(
  state: Lowering,
  item: SyntaxNode,
  name: string,
  angles: readonly Angle[],
): GateDefinition {
  const header = gateHeader(item);
  const scope = new Map<string, Entity>();
  header.parameters.forEach((parameter, i) =>
    scope.set(parameter, {
      kind: "variable",
      type: { kind: "angle" },
      value: angleValue(angles[i] ?? 0),
      constant: true,
      runtime: 0,
    }),
  );
  header.qubits.forEach((qubit, i) =>
    scope.set(qubit, { kind: "qubits", qubits: [i], single: true }),
  );
  const outer = { scopes: state.scopes, out: state.out, inGate: state.inGate };
  state.scopes = [state.scopes[0] ?? new Map(), scope];
  state.out = [];
  state.inGate = true;
  try {
    for (const child of header.scope.children)
      if (isNode(child)) lowerStatementOrScope(state, child);
    const [first] = state.out;
    const leads = first?.kind === "phase" && first.controls === undefined;
    const symbolic = angles.every((angle) => !isBoundAngle(angle));
    return {
      name,
      parameters: symbolic ? header.parameters : [],
      qubits: header.qubits.length,
      body: leads ? state.out.slice(1) : state.out,
      ...(leads && first.angle !== 0 ? { globalPhase: first.angle } : {}),
    };
  } finally {
    Object.assign(state, outer);
  }
}

function freshName(state: Lowering, wish: string): string {
  const isTaken = (name: string): boolean =>
    state.definitionNames.has(name) || state.scopes[0]?.has(name) === true;
  return distinctName(wish, isTaken, state.nextNumbers);
}

function addDefinition(state: Lowering, definition: GateDefinition): void {
  state.definitions.push(definition);
  state.definitionNames.add(definition.name);
}

/** The name to write for a call, and the angles that it takes then. */
function gateInstance(
  state: Lowering,
  item: SyntaxItem,
  entity: GateEntity,
  angles: readonly Angle[],
): { readonly name: string; readonly angles: readonly Angle[] } {
  if (entity.template === undefined) return { name: entity.name, angles };
  if (!angles.every(isBoundAngle))
    throw new ValueFault(`${entity.name} is not affine in its parameters and needs numbers`, true);
  const key = angles.join(",");
  let name = entity.variants.get(key);
  if (name === undefined) {
    name = freshName(state, `${entity.name}_${entity.variants.size + 1}`);
    entity.variants.set(key, name);
    const { template } = entity;
    const definition = lowerGateBody(state, template, name, angles);
    addDefinition(state, definition);
  }
  return { name, angles: [] };
}

interface Modifiers {
  readonly controls: readonly (0 | 1)[];
  readonly power: number;
}

function readModifiers(state: Lowering, items: readonly SyntaxNode[]): Modifiers {
  const controls: (0 | 1)[] = [];
  let power = 1;
  for (const item of items) {
    const word = textOf(item.children[0]);
    const argument = item.children.find((child) => isNode(child, "expression"));
    if (word === "ctrl" || word === "negctrl") {
      const count = isNode(argument) ? toIndex(evaluate(state, argument)) : 1;
      if (count < 1 || count > maxSize)
        failNode(state.source, item, {
          where: word,
          expected: "a number of controls of at least 1",
          given: String(count),
        });
      for (let i = 0; i < count; i++) controls.push(word === "ctrl" ? 1 : 0);
    }
  }
  // powers apply from the gate outwards
  for (const item of [...items].reverse()) {
    const word = textOf(item.children[0]);
    const argument = item.children.find((child) => isNode(child, "expression"));
    if (word === "inv") power = -power;
    if (word !== "pow" || !isNode(argument)) continue;
    const exponent = toNumber(evaluate(state, argument));
    if (power !== 1 && !Number.isInteger(exponent))
      failNode(state.source, item, {
        where: "pow",
        expected: "a fractional power directly at the gate",
        hint: "define a gate for the inner power",
      });
    power *= exponent;
    if (!isAngleSize(power))
      failNode(state.source, item, {
        where: "pow",
        expected: "an exponent of at most 2^53",
        given: String(power),
      });
  }
  return { controls, power };
}

function lowerGateCall(state: Lowering, item: SyntaxNode): void {
  const modifiers = item.children.filter((child): child is SyntaxNode =>
    isNode(child, "gateModifier"),
  );
  const nameItem = item.children[modifiers.length] ?? item;
  const name = textOf(nameItem);
  const list = item.children.find((child) => isNode(child, "expressionList"));
  const operandList = item.children.find((child) => isNode(child, "gateOperandList"));
  const operands = operandsOf(operandList).map((operand) => ({
    item: operand,
    value: readOperand(state, operand),
  }));
  const entity = name === "gphase" ? undefined : lookUp(state, name);
  if (entity?.kind === "def") {
    if (modifiers.length > 0)
      failNode(state.source, item, {
        where: name,
        expected: "modifiers only in front of gates",
        given: "a subroutine",
      });
    const values = [
      ...expressionsOf(list).map((one) => evaluate(state, one)),
      ...operands.map(({ value }): Value => ({
        kind: "qubits",
        qubits: value.qubits,
        single: value.single,
      })),
    ];
    callSubroutine(state, item, name, entity.node, values);
    return;
  }
  if (entity?.kind === "extern") notFinite(state, item, `it calls the extern ${name}`);
  const angles = expressionsOf(list).map((one) => {
    const angle = checkAngle(
      state,
      one,
      guarded(state, one, () => toAngle(evaluate(state, one))),
    );
    return isBoundAngle(angle) ? angle + 0 : angle; // −0 becomes 0
  });
  const { controls, power } = readModifiers(state, modifiers);
  if (name === "gphase")
    return lowerPhase(
      state,
      item,
      angles,
      controls,
      power,
      operands.map(({ value }) => value),
    );
  if (entity === undefined || entity.kind !== "gate")
    return failName(state, nameItem, name, "a gate");
  if (angles.length !== entity.angles)
    failNode(state.source, item, {
      where: name,
      expected: `${entity.angles} ${entity.angles === 1 ? "angle" : "angles"}`,
      given: String(angles.length),
    });
  const total = entity.qubits + controls.length;
  if (operands.length !== total)
    failNode(state.source, item, {
      where: name,
      expected: `${total} ${total === 1 ? "qubit" : "qubits"}`,
      given: String(operands.length),
    });
  const instance = gateInstance(state, item, entity, angles);
  broadcast(
    state,
    item,
    operands.map(({ value }) => value),
    (qubits) => {
      const extra = controls.map((value, i): Control => ({ qubit: qubits[i] ?? 0, value }));
      if (entity.phase !== undefined) {
        const angle = checkAngle(state, item, scaleAngle(entity.phase(angles), power));
        emit(state, withControls({ kind: "phase", angle }, extra));
      }
      emit(state, {
        kind: "gate",
        gate: instance.name,
        qubits: qubits.slice(controls.length),
        angles: instance.angles,
        ...(extra.length === 0 ? {} : { controls: extra }),
        ...(power === 1 ? {} : { power }),
      });
    },
  );
}

function checkAngle(state: Lowering, item: SyntaxItem, angle: Angle): Angle {
  if (!isUsableAngle(angle))
    failNode(state.source, item, {
      where: "angle",
      expected: "an angle of at most 2^53 radian",
      given: describeAngle(angle),
    });
  return angle;
}

function lowerPhase(
  state: Lowering,
  item: SyntaxNode,
  angles: readonly Angle[],
  controls: readonly (0 | 1)[],
  power: number,
  operands: readonly Operand[],
): void {
  if (angles.length !== 1)
    failNode(state.source, item, {
      where: "gphase",
      expected: "1 angle",
      given: String(angles.length),
    });
  if (operands.length !== controls.length)
    failNode(state.source, item, {
      where: "gphase",
      expected: `${controls.length} qubits`,
      given: String(operands.length),
    });
  const angle = checkAngle(state, item, scaleAngle(angles[0] ?? 0, power));
  if (controls.length === 0) {
    const atStart =
      !state.inGate &&
      state.scopes.length === 1 &&
      state.qubits === 0 &&
      state.clbits === 0 &&
      state.out.length === 0;
    if (atStart) state.globalPhase = checkAngle(state, item, addAngles(state.globalPhase, angle));
    else emit(state, { kind: "phase", angle });
    return;
  }
  broadcast(state, item, operands, (qubits) =>
    emit(state, {
      kind: "phase",
      angle,
      controls: controls.map((value, i): Control => ({ qubit: qubits[i] ?? 0, value })),
    }),
  );
}

interface Operand {
  readonly qubits: readonly number[];
  readonly single: boolean;
}

/** Repeats for registers; single qubits serve every repetition. */
function broadcast(
  state: Lowering,
  item: SyntaxNode,
  operands: readonly Operand[],
  visit: (qubits: readonly number[]) => void,
): void {
  let repeats: number | undefined;
  for (const operand of operands) {
    if (operand.single) continue;
    if (repeats !== undefined && repeats !== operand.qubits.length) {
      failNode(state.source, item, {
        where: "gate",
        expected: `registers of equal size, ${repeats}`,
        given: String(operand.qubits.length),
      });
    }
    repeats = operand.qubits.length;
  }
  for (let i = 0; i < (repeats ?? 1); i++) {
    const qubits = operands.map((operand) => operand.qubits[operand.single ? 0 : i] ?? 0);
    if (hasRepeats(qubits))
      failNode(state.source, item, {
        where: "gate",
        expected: "different qubits",
        given: "one of them twice",
      });
    visit(qubits);
  }
}

function hasRepeats(qubits: readonly number[]): boolean {
  if (qubits.length < 2) return false;
  if (qubits.length === 2) return qubits[0] === qubits[1];
  return new Set(qubits).size !== qubits.length;
}

function operandsOf(list: SyntaxItem | undefined): readonly SyntaxNode[] {
  return isNode(list)
    ? list.children.filter((child): child is SyntaxNode => isNode(child, "gateOperand"))
    : [];
}

function expressionsOf(list: SyntaxItem | undefined): readonly SyntaxNode[] {
  return isNode(list)
    ? list.children.filter((child): child is SyntaxNode => isNode(child, "expression"))
    : [];
}

function readOperand(state: Lowering, item: SyntaxNode): Operand {
  const [inner] = item.children;
  if (isToken(inner)) return hardwareQubit(state, inner);
  if (!isNode(inner))
    return failNode(state.source, item, { where: "operand", expected: "a qubit" });
  const nameItem = inner.children[0] ?? inner;
  const entity = lookUp(state, textOf(nameItem));
  if (entity === undefined) return failName(state, nameItem, textOf(nameItem), "a qubit");
  if (entity.kind !== "qubits")
    return failNode(state.source, inner, { where: "operand", expected: "a qubit" });
  let value: Value = { kind: "qubits", qubits: entity.qubits, single: entity.single };
  for (const index of inner.children.slice(1))
    if (isNode(index)) value = readIndex(state, value, index);
  return value.kind === "qubits"
    ? value
    : failNode(state.source, inner, { where: "operand", expected: "a qubit" });
}

function hardwareQubit(state: Lowering, token: SyntaxItem): Operand {
  const index = Number(textOf(token).slice(1));
  if (!(index < maxSize))
    failNode(state.source, token, {
      where: "operand",
      expected: `a physical qubit below ${maxSize}`,
    });
  state.hardware = Math.max(state.hardware, index + 1);
  return { qubits: [hardwareBase + index], single: true };
}

// ---- statements --------------------------------------------------------------------------------------------------

function lowerStatementOrScope(state: Lowering, item: SyntaxNode): Flow {
  const [inner] = item.children;
  if (!isNode(inner)) return "next";
  if (inner.rule === "scope") return lowerScope(state, inner);
  const statement = inner.children.at(-1);
  if (!isNode(statement)) return "next";
  if (statement.rule === "pragma") {
    const name = /^qtune\.name\s+(.*)$/.exec(textOf(statement.children[1]))?.[1];
    if (name !== undefined) state.name = name.trim();
    return "next";
  }
  const annotations = inner.children.filter((child): child is SyntaxNode =>
    isNode(child, "annotation"),
  );
  step(state);
  return guarded(state, statement, () => lowerStatement(state, statement, annotations));
}

function lowerScope(state: Lowering, scope: SyntaxNode): Flow {
  state.scopes.push(new Map());
  try {
    for (const child of scope.children) {
      if (!isNode(child)) continue;
      const flow = lowerStatementOrScope(state, child);
      if (flow !== "next") return flow;
    }
    return "next";
  } finally {
    state.scopes.pop();
  }
}

/** A body of its own scope, whether it has braces or not. */
function lowerBody(state: Lowering, body: SyntaxNode): Flow {
  state.scopes.push(new Map());
  try {
    return lowerStatementOrScope(state, body);
  } finally {
    state.scopes.pop();
  }
}

/** Returns what an annotation `@name content` says, or nothing. */
function annotationOf(annotations: readonly SyntaxNode[], name: string): string | undefined {
  const found = annotations.find((one) => textOf(one.children[0]) === `@${name}`);
  return found === undefined ? undefined : textOf(found.children[1]);
}

const allowedInGates: ReadonlySet<string> = new Set([
  "gateCallStatement",
  "barrierStatement",
  "delayStatement",
  "nopStatement",
  "forStatement",
  "ifStatement",
  "constDeclarationStatement",
  "boxStatement",
]);

function lowerStatement(
  state: Lowering,
  item: SyntaxNode,
  annotations: readonly SyntaxNode[],
): Flow {
  if (state.inGate && !allowedInGates.has(item.rule)) {
    return failNode(state.source, item, {
      where: "gate",
      expected: "only gates in the body of a gate",
    });
  }
  switch (item.rule) {
    case "gateCallStatement":
      lowerGateCall(state, item);
      return "next";
    case "includeStatement":
      lowerInclude(state, item);
      return "next";
    case "gateStatement":
      lowerGateDefinition(state, item, annotationOf(annotations, "qtune.name"));
      return "next";
    case "quantumDeclarationStatement":
    case "oldStyleDeclarationStatement":
    case "classicalDeclarationStatement":
    case "constDeclarationStatement": {
      const before = state.quantum.length + state.classical.length;
      if (
        item.rule === "quantumDeclarationStatement" ||
        item.rule === "oldStyleDeclarationStatement"
      )
        lowerRegister(state, item);
      else lowerDeclaration(state, item);
      const label = annotationOf(annotations, "qtune.name");
      if (label !== undefined && state.quantum.length + state.classical.length > before)
        renameRegister(state, item, label);
      return "next";
    }
    case "ioDeclarationStatement":
      lowerIo(state, item, annotations);
      return "next";
    case "assignmentStatement":
      lowerAssignment(state, item);
      return "next";
    case "measureArrowAssignmentStatement":
      lowerMeasure(state, item);
      return "next";
    case "resetStatement":
      for (const operand of item.children) {
        if (isNode(operand, "gateOperand"))
          for (const qubit of readOperand(state, operand).qubits)
            emit(state, { kind: "reset", qubit });
      }
      return "next";
    case "barrierStatement":
      lowerBarrier(state, item);
      return "next";
    case "delayStatement":
      lowerDelay(state, item);
      return "next";
    case "aliasDeclarationStatement":
      lowerAlias(state, item);
      return "next";
    case "ifStatement":
      return lowerIf(state, item);
    case "forStatement":
      return lowerFor(state, item);
    case "whileStatement":
      return lowerWhile(state, item, annotations);
    case "switchStatement":
      return lowerSwitch(state, item);
    case "boxStatement": {
      const scope = item.children.find((child) => isNode(child, "scope"));
      return isNode(scope) ? lowerScope(state, scope) : "next";
    }
    case "defStatement":
      declare(state, item, textOf(item.children[1]), { kind: "def", node: item });
      return "next";
    case "externStatement":
      declare(state, item, textOf(item.children[1]), { kind: "extern" });
      return "next";
    case "expressionStatement": {
      const [expression] = item.children;
      if (isNode(expression)) evaluateCall(state, expression);
      return "next";
    }
    case "returnStatement":
      return lowerReturn(state, item);
    case "breakStatement":
    case "continueStatement":
    case "endStatement":
      if (state.runtime > 0)
        notFinite(state, item, `${textOf(item.children[0])} depends on a measurement`);
      return item.rule === "breakStatement"
        ? "break"
        : item.rule === "continueStatement"
          ? "continue"
          : "end";
    default:
      // calibration, pragma, nop
      return "next";
  }
}

/** An expression statement is there for the call in it. */
function evaluateCall(state: Lowering, expression: SyntaxNode): void {
  const [name, open] = expression.children;
  if (isToken(name) && isToken(open, "(")) {
    const entity = lookUp(state, name.text);
    if (entity?.kind === "def") {
      callSubroutine(
        state,
        expression,
        name.text,
        entity.node,
        expressionsOf(expression.children[2]).map((one) => evaluate(state, one)),
      );
      return;
    }
  }
  evaluate(state, expression);
}

function lowerRegister(state: Lowering, item: SyntaxNode): void {
  const [first, nameItem] = item.children;
  const isOld = item.rule === "oldStyleDeclarationStatement";
  const name = textOf(nameItem);
  const designator = (isOld ? item : isNode(first) ? first : item).children.find((child) =>
    isNode(child, "designator"),
  );
  const size = isNode(designator) ? readSize(state, designator) : undefined;
  if (isOld && textOf(first) === "creg") return declareBits(state, item, name, size, undefined);
  if (state.scopes.length > 1)
    failNode(state.source, item, { where: "qubit", expected: "qubits declared outside of blocks" });
  const qubits = Array.from({ length: size ?? 1 }, (_, i) => state.qubits + i);
  declare(state, nameItem ?? item, name, { kind: "qubits", qubits, single: size === undefined });
  const unique = distinctName(name, (one) => state.quantumNames.has(one), state.nextNumbers);
  state.quantumNames.add(unique);
  state.quantum.push({ name: unique, size: size ?? 1 });
  state.qubits += size ?? 1;
}

/** Gives the register that a statement has declared the name of its annotation, which need not be an identifier. */
function renameRegister(state: Lowering, item: SyntaxNode, label: string): void {
  const isQuantum =
    item.rule === "quantumDeclarationStatement" || textOf(item.children[0]) === "qreg";
  const names = isQuantum ? state.quantumNames : state.classicalNames;
  const list: { name: string }[] = isQuantum ? state.quantum : state.classical;
  const last = list.at(-1);
  if (label === "" || names.has(label) || last === undefined) return;
  names.delete(last.name);
  names.add(label);
  list[list.length - 1] = { ...last, name: label };
}

function readSize(state: Lowering, designator: SyntaxNode): number {
  const [, expression] = designator.children;
  if (!isNode(expression))
    return failNode(state.source, designator, { where: "size", expected: "a size" });
  const size = guarded(state, expression, () => toIndex(evaluate(state, expression)));
  if (size < 1 || size > maxSize)
    failNode(state.source, expression, {
      where: "size",
      expected: `a size from 1 to ${maxSize}`,
      given: String(size),
    });
  return size;
}

/**
 * Declares a bit register. At the outermost level it is a register of the circuit; inside of blocks it stays a value
 * until something is measured into it.
 */
function declareBits(
  state: Lowering,
  item: SyntaxItem,
  name: string,
  size: number | undefined,
  initial: readonly Bit[] | undefined,
): void {
  const single = size === undefined;
  const count = size ?? 1;
  if (state.scopes.length > 1) {
    declare(state, item, name, {
      kind: "bits",
      bits: initial ?? bitsOf(0n, count),
      single,
      backed: false,
      name,
      runtime: state.runtime,
    });
    return;
  }
  const bits = allocateBits(state, name, count, false);
  declare(state, item, name, {
    kind: "bits",
    bits,
    single,
    backed: true,
    name,
    runtime: state.runtime,
  });
  if (initial !== undefined) assignBits(state, bits, initial);
}

function allocateBits(
  state: Lowering,
  name: string,
  size: number,
  local: boolean,
): readonly (Bit & object)[] {
  const unique = distinctName(name, (one) => state.classicalNames.has(one), state.nextNumbers);
  state.classicalNames.add(unique);
  const bits = Array.from({ length: size }, (_, i) => ({ clbit: state.clbits + i }));
  state.classical.push({ name: unique, size, local });
  state.clbits += size;
  return bits;
}

/** Gives a local register its classical bits, because something runtime goes into it. */
function backBits(
  state: Lowering,
  item: SyntaxItem,
  entity: Entity & { kind: "bits" },
): Entity & { kind: "bits" } {
  if (entity.backed) return entity;
  const bits: readonly Bit[] = allocateBits(state, entity.name, entity.bits.length, true);
  const initial = knownBits(entity.bits);
  if (initial !== 0n) {
    if (state.runtime > entity.runtime)
      notFinite(
        state,
        item,
        `${entity.name} is first changed where it depends on a measurement; declare it outside of blocks`,
      );
    assignBits(state, bits, entity.bits);
  }
  const backed: Entity & { kind: "bits" } = { ...entity, bits, backed: true };
  for (let i = state.scopes.length - 1; i >= 0; i--) {
    const scope = state.scopes[i];
    if (scope?.get(entity.name) === entity) {
      scope.set(entity.name, backed);
      break;
    }
  }
  return backed;
}

function assignBits(state: Lowering, targets: readonly Bit[], values: readonly Bit[]): void {
  const clbits = targets.flatMap((bit) => (typeof bit === "object" ? [bit.clbit] : []));
  emit(state, { kind: "assign", clbits, value: clbits.map((_, i) => values[i] ?? 0) });
}

function readType(state: Lowering, item: SyntaxNode): Type {
  if (item.rule === "arrayType") {
    const scalar = item.children.find((child) => isNode(child, "scalarType"));
    const of: Type = isNode(scalar) ? readType(state, scalar) : { kind: "float" };
    const sizes = expressionsOf(item.children.find((child) => isNode(child, "expressionList"))).map(
      (one) => toIndex(evaluate(state, one)),
    );
    if (
      sizes.some((size) => size < 0) ||
      sizes.reduce((product, size) => product * size, 1) > maxSize
    )
      failNode(state.source, item, { where: "array", expected: `at most ${maxSize} elements` });
    return { kind: "array", of, sizes };
  }
  const word = textOf(item.children[0]);
  const designator = item.children.find((child) => isNode(child, "designator"));
  const size = isNode(designator) ? readSize(state, designator) : undefined;
  switch (word) {
    case "int":
    case "uint":
    case "bit":
      return { kind: word, size };
    case "float":
    case "angle":
    case "bool":
    case "complex":
    case "duration":
    case "stretch":
      return { kind: word };
    default:
      return failNode(state.source, item, { where: "type", expected: "a type" });
  }
}

function lowerDeclaration(state: Lowering, item: SyntaxNode): void {
  const constant = item.rule === "constDeclarationStatement";
  const [typeItem, nameItem, , initializer] = constant ? item.children.slice(1) : item.children;
  if (!isNode(typeItem)) return;
  const type = readType(state, typeItem);
  const name = textOf(nameItem);
  const place = nameItem ?? item;
  const isMeasure = isNode(initializer) && isNode(initializer.children[0], "measureExpression");
  if (type.kind === "bit" && !constant) {
    if (isMeasure || !isNode(initializer)) {
      declareBits(state, place, name, type.size, undefined);
      if (isMeasure) assignTo(state, item, name, [], initializer.children[0] as SyntaxNode); // its rule was just compared
      return;
    }
    const value = convert(state, initializer, readInitializer(state, initializer), type);
    if (value.kind === "condition") {
      declareBits(state, place, name, type.size, undefined);
      const entity = lookUp(state, name);
      if (entity?.kind === "bits")
        storeBits(state, item, backBits(state, item, entity).bits, value);
      return;
    }
    declareBits(state, place, name, type.size, value.kind === "bits" ? value.bits : []);
    return;
  }
  const value = isNode(initializer)
    ? convert(state, initializer, readInitializer(state, initializer), type)
    : defaultValue(type);
  if (type.kind === "stretch")
    notFinite(state, item, "a stretch has no length until it is scheduled");
  declare(state, place, name, { kind: "variable", type, value, constant, runtime: state.runtime });
}

function readInitializer(state: Lowering, item: SyntaxNode): Value {
  const [inner] = item.children;
  if (isNode(inner, "arrayLiteral")) return readArrayLiteral(state, inner);
  if (isNode(inner, "measureExpression")) return measureValue(state, inner);
  return isNode(inner) ? evaluate(state, inner) : intValue(0);
}

function readArrayLiteral(state: Lowering, item: SyntaxNode): Value {
  const items = item.children
    .filter((child): child is SyntaxNode => isNode(child))
    .map((child) =>
      child.rule === "arrayLiteral" ? readArrayLiteral(state, child) : evaluate(state, child),
    );
  return { kind: "array", items };
}

function defaultValue(type: Type): Value {
  switch (type.kind) {
    case "int":
    case "uint":
      return intValue(0);
    case "bit":
      return { kind: "bits", bits: bitsOf(0n, type.size ?? 1) };
    case "bool":
      return { kind: "bool", value: false };
    case "complex":
      return { kind: "complex", re: 0, im: 0 };
    case "duration":
    case "stretch":
      return { kind: "duration", ns: 0 };
    case "array": {
      const [size = 0, ...rest] = type.sizes;
      const inner: Type = rest.length === 0 ? type.of : { ...type, sizes: rest };
      return { kind: "array", items: Array.from({ length: size }, () => defaultValue(inner)) };
    }
    default:
      return floatValue(0);
  }
}

/** Brings a value to a type, integers into their width. */
function convert(state: Lowering, item: SyntaxItem, value: Value, type: Type): Value {
  switch (type.kind) {
    case "int":
    case "uint": {
      if (value.kind === "bits" && knownBits(value.bits) === undefined)
        return type.size === undefined
          ? value
          : { kind: "bits", bits: Array.from({ length: type.size }, (_, i) => value.bits[i] ?? 0) };
      const number = toInteger(value);
      if (type.size === undefined) return intValue(number);
      const low = BigInt.asUintN(type.size, number);
      return intValue(type.kind === "uint" ? low : BigInt.asIntN(type.size, number));
    }
    case "float":
    case "angle": {
      const angle = toAngle(value);
      return angleValue(angle);
    }
    case "bool": {
      const condition = toCondition(value);
      return typeof condition === "boolean"
        ? { kind: "bool", value: condition }
        : { kind: "condition", condition };
    }
    case "bit": {
      const size = type.size ?? 1;
      if (value.kind === "condition" && size === 1) return value;
      if (value.kind === "bits") {
        if (value.bits.length !== size && knownBits(value.bits) === undefined)
          failNode(state.source, item, {
            where: "bit",
            expected: `${size} bits`,
            given: String(value.bits.length),
          });
        return { kind: "bits", bits: Array.from({ length: size }, (_, i) => value.bits[i] ?? 0) };
      }
      return { kind: "bits", bits: bitsOf(toInteger(value), size) };
    }
    case "complex":
      return value.kind === "complex" ? value : { kind: "complex", re: toNumber(value), im: 0 };
    case "duration":
    case "stretch":
      if (value.kind === "duration") return value;
      throw new ValueFault(`a duration is needed, not ${describeKind(value)}`);
    case "array": {
      const [size = 0, ...rest] = type.sizes;
      if (value.kind !== "array" || value.items.length !== size)
        failNode(state.source, item, {
          where: "array",
          expected: `${size} elements`,
          given: value.kind === "array" ? String(value.items.length) : describeKind(value),
        });
      const inner: Type = rest.length === 0 ? type.of : { ...type, sizes: rest };
      return { kind: "array", items: value.items.map((one) => convert(state, item, one, inner)) };
    }
    default:
      return type satisfies never;
  }
}

function lowerIo(state: Lowering, item: SyntaxNode, annotations: readonly SyntaxNode[]): void {
  const [word, typeItem, nameItem] = item.children;
  if (!isNode(typeItem)) return;
  const type = readType(state, typeItem);
  const name = textOf(nameItem);
  if (state.scopes.length > 1)
    failNode(state.source, item, {
      where: textOf(word),
      expected: "inputs and outputs outside of blocks",
    });
  if (textOf(word) === "output") {
    if (type.kind === "bit") declareBits(state, nameItem ?? item, name, type.size, undefined);
    else
      declare(state, nameItem ?? item, name, {
        kind: "variable",
        type,
        value: defaultValue(type),
        constant: false,
        runtime: 0,
      });
    return;
  }
  const role = annotationOf(annotations, "qtune.row") === undefined ? "shared" : "row";
  const label = annotationOf(annotations, "qtune.name");
  const parameterName = label === undefined || label === "" ? name : label;
  const value = readInput(state, item, type, parameterName, role);
  declare(state, nameItem ?? item, name, {
    kind: "variable",
    type,
    value,
    constant: true,
    runtime: 0,
  });
}

function readInput(
  state: Lowering,
  item: SyntaxNode,
  type: Type,
  name: string,
  role: Parameter["role"],
): Value {
  const given =
    state.options.inputs !== undefined && Object.hasOwn(state.options.inputs, name)
      ? state.options.inputs[name]
      : undefined;
  if (given !== undefined)
    return convert(
      state,
      item,
      Number.isInteger(given) ? intValue(given) : floatValue(given),
      type,
    );
  if (type.kind === "array") {
    const [size = 0, ...rest] = type.sizes;
    const inner: Type = rest.length === 0 ? type.of : { ...type, sizes: rest };
    return {
      kind: "array",
      items: Array.from({ length: size }, (_, i) =>
        readInput(state, item, inner, `${name}[${i}]`, role),
      ),
    };
  }
  if (type.kind !== "float" && type.kind !== "angle")
    notFinite(state, item, `the input ${name} of type ${type.kind} has no value; give one`);
  if (state.parameterNames.has(name))
    failNode(state.source, item, {
      where: "input",
      expected: "a name that no other input has",
      given: JSON.stringify(name),
      hint: "an input is named by its annotation @qtune.name, else by its declaration",
    });
  state.parameterNames.add(name);
  state.parameters.push({ name, role });
  return angleValue(parameterAngle(name));
}

// ---- measurement and assignment ----------------------------------------------------------------------------------

function lowerMeasure(state: Lowering, item: SyntaxNode): void {
  const [measure, arrow, target] = item.children;
  if (!isNode(measure)) return;
  if (!isToken(arrow, "->") || !isNode(target)) {
    // the outcome is dropped, the effect on the qubit stays
    measureValue(state, measure);
    return;
  }
  assignTo(
    state,
    item,
    textOf(target.children[0]),
    target.children.slice(1).filter((child): child is SyntaxNode => isNode(child)),
    measure,
  );
}

function measuredQubits(state: Lowering, measure: SyntaxNode): Operand {
  const [, operand] = measure.children;
  return isNode(operand)
    ? readOperand(state, operand)
    : failNode(state.source, measure, { where: "measure", expected: "a qubit" });
}

/** Measures into bits of its own. */
function measureValue(state: Lowering, measure: SyntaxNode): Value {
  const { qubits } = measuredQubits(state, measure);
  const bits = allocateBits(state, "m", qubits.length, true);
  qubits.forEach((qubit, i) => emit(state, { kind: "measure", qubit, clbit: bits[i]?.clbit ?? 0 }));
  return { kind: "bits", bits };
}

function lowerAssignment(state: Lowering, item: SyntaxNode): void {
  const [target, operator, value] = item.children;
  if (!isNode(target) || !isNode(value)) return;
  const name = textOf(target.children[0]);
  const indexes = target.children.slice(1).filter((child): child is SyntaxNode => isNode(child));
  const symbol = textOf(operator);
  assignTo(state, item, name, indexes, value, symbol === "=" ? undefined : symbol.slice(0, -1));
}

function assignTo(
  state: Lowering,
  item: SyntaxNode,
  name: string,
  indexes: readonly SyntaxNode[],
  valueItem: SyntaxNode,
  operator?: string,
): void {
  const entity = lookUp(state, name);
  if (entity === undefined) return failName(state, item, name, "a variable");
  if (entity.kind === "bits")
    return assignToBits(state, item, entity, indexes, valueItem, operator);
  if (entity.kind !== "variable" || entity.constant) {
    return failNode(state.source, item, {
      where: "assignment",
      expected: "a variable that can change",
      given: JSON.stringify(name),
    });
  }
  if (state.runtime > entity.runtime || valueItem.rule === "measureExpression") {
    notFinite(state, item, `the value of ${name} would depend on a measurement`);
  }
  const current = indexes.reduce((value, index) => readIndex(state, value, index), entity.value);
  const right = evaluate(state, valueItem);
  const value =
    operator === undefined
      ? right
      : operator === "~"
        ? invert(right)
        : arithmetic(operator, current, right);
  if (indexes.length === 0) {
    entity.value = convert(state, item, value, entity.type);
    return;
  }
  entity.value = storeInto(
    state,
    item,
    entity.value,
    indexes.flatMap((index) => selectorsOf(state, index)),
    value,
    entity.type,
  );
}

function assignToBits(
  state: Lowering,
  item: SyntaxNode,
  entity: Entity & { kind: "bits" },
  indexes: readonly SyntaxNode[],
  valueItem: SyntaxNode,
  operator?: string,
): void {
  const select = (bits: readonly Bit[]): Value =>
    indexes.reduce((value, index) => readIndex(state, value, index), {
      kind: "bits",
      bits,
    } as Value);
  if (valueItem.rule === "measureExpression") {
    const targets = select(backBits(state, item, entity).bits);
    const { qubits } = measuredQubits(state, valueItem);
    if (targets.kind !== "bits" || targets.bits.length !== qubits.length) {
      return failNode(state.source, item, {
        where: "measure",
        expected: "as many qubits as bits",
        given: `${qubits.length} and ${targets.kind === "bits" ? targets.bits.length : 0}`,
      });
    }
    targets.bits.forEach((bit, i) => {
      if (typeof bit === "object")
        emit(state, { kind: "measure", qubit: qubits[i] ?? 0, clbit: bit.clbit });
    });
    return;
  }
  const right = evaluate(state, valueItem);
  // evaluating may have given the register its bits
  const now = lookUp(state, entity.name);
  const target = now?.kind === "bits" ? now : entity;
  const current = select(target.bits);
  const value =
    operator === undefined
      ? right
      : operator === "~"
        ? invert(right)
        : arithmetic(operator, current, right);
  const size = current.kind === "bits" ? current.bits.length : 0;
  const converted = convert(state, item, value, {
    kind: "bit",
    size: size === 1 ? undefined : size,
  });
  const isKnown = converted.kind === "bits" && knownBits(converted.bits) !== undefined;
  if (!target.backed && isKnown && state.runtime === target.runtime) {
    // still a value of this moment: replace the selected places
    const places = select(
      Array.from({ length: target.bits.length }, (_, i): Bit => ({ clbit: i })),
    );
    const bits = [...target.bits];
    if (places.kind === "bits" && converted.kind === "bits") {
      places.bits.forEach((place, i) => {
        if (typeof place === "object") bits[place.clbit] = converted.bits[i] ?? 0;
      });
    }
    target.bits = bits;
    return;
  }
  const targets = select(backBits(state, item, target).bits);
  if (targets.kind === "bits") storeBits(state, item, targets.bits, converted);
}

function storeBits(state: Lowering, item: SyntaxItem, targets: readonly Bit[], value: Value): void {
  if (value.kind === "condition") {
    const clbits = targets.flatMap((bit) => (typeof bit === "object" ? [bit.clbit] : []));
    emit(state, {
      kind: "if",
      condition: value.condition,
      then: [{ kind: "assign", clbits, value: [1] }],
      else: [{ kind: "assign", clbits, value: [0] }],
    });
    return;
  }
  if (value.kind !== "bits")
    failNode(state.source, item, {
      where: "assignment",
      expected: "bits",
      given: describeKind(value),
    });
  assignBits(state, targets, value.bits);
}

/** Returns an array with the selected elements replaced. */
function storeInto(
  state: Lowering,
  item: SyntaxNode,
  value: Value,
  selectors: readonly Selector[],
  replacement: Value,
  type: Type,
): Value {
  const [selector, ...rest] = selectors;
  if (selector === undefined) return replacement;
  if (value.kind === "int" || value.kind === "float") {
    if (selector.kind !== "one" || value.kind !== "int" || rest.length > 0)
      return failNode(state.source, item, {
        where: "assignment",
        expected: "an element that can change",
      });
    const bit = toInteger(replacement) & 1n;
    const mask = 1n << BigInt(selector.index);
    return convert(
      state,
      item,
      intValue(bit === 1n ? value.value | mask : value.value & ~mask),
      type,
    );
  }
  if (value.kind !== "array")
    return failNode(state.source, item, {
      where: "assignment",
      expected: "an array",
      given: describeKind(value),
    });
  const positions = positionsOf(state, item, selector, value.items.length);
  const items = [...value.items];
  const inner: Type =
    type.kind === "array"
      ? type.sizes.length > 1
        ? { ...type, sizes: type.sizes.slice(1) }
        : type.of
      : type;
  if (
    selector.kind === "many" &&
    (replacement.kind !== "array" || replacement.items.length !== positions.length)
  ) {
    return failNode(state.source, item, {
      where: "assignment",
      expected: `${positions.length} elements`,
      given:
        replacement.kind === "array" ? String(replacement.items.length) : describeKind(replacement),
    });
  }
  positions.forEach((position, i) => {
    const part =
      selector.kind === "many" && replacement.kind === "array"
        ? (replacement.items[i] ?? replacement)
        : replacement;
    const stored = storeInto(state, item, items[position] ?? intValue(0), rest, part, inner);
    items[position] = rest.length === 0 ? convert(state, item, stored, inner) : stored;
  });
  return { kind: "array", items };
}

// ---- other quantum statements ------------------------------------------------------------------------------------

function lowerBarrier(state: Lowering, item: SyntaxNode): void {
  const list = item.children.find((child) => isNode(child, "gateOperandList"));
  if (list === undefined) return emit(state, { kind: "barrier", qubits: [] });
  const qubits = operandsOf(list).flatMap((operand) => readOperand(state, operand).qubits);
  if (hasRepeats(qubits))
    failNode(state.source, item, {
      where: "barrier",
      expected: "different qubits",
      given: "one of them twice",
    });
  emit(state, { kind: "barrier", qubits });
}

function lowerDelay(state: Lowering, item: SyntaxNode): void {
  const [, designator, list] = item.children;
  const expression = isNode(designator) ? designator.children[1] : undefined;
  if (!isNode(expression)) return;
  const value = evaluate(state, expression);
  if (value.kind !== "duration")
    failNode(state.source, expression, {
      where: "delay",
      expected: "a duration",
      given: describeKind(value),
    });
  if (!(value.ns >= 0 && Number.isFinite(value.ns)))
    failNode(state.source, expression, {
      where: "delay",
      expected: "a duration of at least 0",
      given: `${value.ns} ns`,
    });
  const qubits = isNode(list, "gateOperandList")
    ? operandsOf(list).flatMap((operand) => readOperand(state, operand).qubits)
    : [];
  if (hasRepeats(qubits))
    failNode(state.source, item, {
      where: "delay",
      expected: "different qubits",
      given: "one of them twice",
    });
  emit(state, { kind: "delay", qubits, durationNs: value.ns });
}

function lowerAlias(state: Lowering, item: SyntaxNode): void {
  const [, nameItem, , expression] = item.children;
  const parts = isNode(expression)
    ? expression.children
        .filter((child): child is SyntaxNode => isNode(child))
        .map((child) => evaluate(state, child))
    : [];
  const name = textOf(nameItem);
  const place = nameItem ?? item;
  const qubits = parts.flatMap((part) => (part.kind === "qubits" ? [part] : []));
  const bits = parts.flatMap((part) => (part.kind === "bits" ? part.bits : []));
  const size = qubits.reduce((sum, part) => sum + part.qubits.length, bits.length);
  if (size > maxSize)
    failNode(state.source, item, {
      where: "let",
      expected: `an alias of at most ${maxSize} qubits or bits`,
      given: String(size),
    });
  if (qubits.length === parts.length) {
    const single = parts.length === 1 && qubits[0]?.single === true;
    return declare(state, place, name, {
      kind: "qubits",
      qubits: qubits.flatMap((part) => part.qubits),
      single,
    });
  }
  if (parts.every((part) => part.kind === "bits") && bits.every((bit) => typeof bit === "object")) {
    return declare(state, place, name, {
      kind: "bits",
      bits,
      single: false,
      backed: true,
      name,
      runtime: state.runtime,
    });
  }
  const items = parts.flatMap((part) => (part.kind === "array" ? part.items : []));
  if (!parts.every((part) => part.kind === "array"))
    failNode(state.source, item, { where: "let", expected: "qubits, bits or arrays, of one kind" });
  declare(state, place, name, {
    kind: "variable",
    type: { kind: "array", of: { kind: "float" }, sizes: [items.length] },
    value: { kind: "array", items },
    constant: true,
    runtime: state.runtime,
  });
}

// ---- control flow ------------------------------------------------------------------------------------------------

/** Lowers a body that runs or not depending on measured bits. */
function lowerRuntime(
  state: Lowering,
  item: SyntaxNode,
  body: (() => Flow) | undefined,
): readonly Operation[] {
  if (body === undefined) return [];
  const outer = state.out;
  state.out = [];
  state.runtime += 1;
  try {
    const flow = body();
    if (typeof flow === "object") notFinite(state, item, "a return depends on a measurement");
    return state.out;
  } finally {
    state.out = outer;
    state.runtime -= 1;
  }
}

function bodiesOf(item: SyntaxNode): readonly SyntaxNode[] {
  return item.children.filter((child): child is SyntaxNode => isNode(child, "statementOrScope"));
}

function lowerIf(state: Lowering, item: SyntaxNode): Flow {
  const [, , test] = item.children;
  const [then, otherwise] = bodiesOf(item);
  if (!isNode(test) || then === undefined) return "next";
  const condition = guarded(state, test, () => toCondition(evaluate(state, test)));
  if (typeof condition === "boolean") {
    const taken = condition ? then : otherwise;
    return taken === undefined ? "next" : lowerBody(state, taken);
  }
  if (state.inGate) notFinite(state, item, "a gate depends on a measurement");
  const operations = lowerRuntime(state, item, () => lowerBody(state, then));
  const alternative =
    otherwise === undefined
      ? undefined
      : lowerRuntime(state, item, () => lowerBody(state, otherwise));
  emit(state, {
    kind: "if",
    condition,
    then: operations,
    ...(alternative === undefined ? {} : { else: alternative }),
  });
  return "next";
}

function lowerFor(state: Lowering, item: SyntaxNode): Flow {
  const [, typeItem, nameItem] = item.children;
  const [body] = bodiesOf(item);
  const source = item.children.find(
    (child) =>
      isNode(child, "setExpression") ||
      isNode(child, "rangeExpression") ||
      isNode(child, "expression"),
  );
  if (!isNode(typeItem) || !isNode(source) || body === undefined) return "next";
  const type = readType(state, typeItem);
  for (const value of loopValues(state, source)) {
    step(state);
    const variable: Entity = {
      kind: "variable",
      type,
      value: convert(state, source, value, type),
      constant: true,
      runtime: state.runtime,
    };
    state.scopes.push(new Map([[textOf(nameItem), variable]]));
    let flow: Flow;
    try {
      flow = lowerStatementOrScope(state, body);
    } finally {
      state.scopes.pop();
    }
    if (flow === "break") return "next";
    if (flow !== "next" && flow !== "continue") return flow;
  }
  return "next";
}

function loopValues(state: Lowering, source: SyntaxNode): Iterable<Value> {
  if (source.rule === "setExpression")
    return source.children
      .filter((child): child is SyntaxNode => isNode(child))
      .map((child) => evaluate(state, child));
  if (source.rule === "rangeExpression") return rangeValues(state, source);
  const value = evaluate(state, source);
  if (value.kind === "array") return value.items;
  if (value.kind === "bits") return value.bits.map((bit): Value => ({ kind: "bits", bits: [bit] }));
  throw new ValueFault(`it loops over ${describeKind(value)}`);
}

function* rangeValues(state: Lowering, range: SyntaxNode): Iterable<Value> {
  const { start, step: by, stop } = rangeParts(state, range);
  if (start === undefined || stop === undefined)
    throw new ValueFault("a loop needs both ends of its range");
  for (let i = start; by > 0n ? i <= stop : i >= stop; i += by) yield intValue(i);
}

function rangeParts(
  state: Lowering,
  range: SyntaxNode,
): {
  readonly start: bigint | undefined;
  readonly step: bigint;
  readonly stop: bigint | undefined;
} {
  const parts: (bigint | undefined)[] = [undefined];
  for (const child of range.children) {
    if (isToken(child, ":")) parts.push(undefined);
    else if (isNode(child))
      parts[parts.length - 1] = guarded(state, child, () => toInteger(evaluate(state, child)));
  }
  const [start, second, third] = parts;
  const by = parts.length === 3 ? (second ?? 1n) : 1n;
  if (by === 0n) failNode(state.source, range, { where: "range", expected: "a step other than 0" });
  return { start, step: by, stop: parts.length === 3 ? third : second };
}

function lowerWhile(state: Lowering, item: SyntaxNode, annotations: readonly SyntaxNode[]): Flow {
  const [, , test] = item.children;
  const [body] = bodiesOf(item);
  if (!isNode(test) || body === undefined) return "next";
  for (;;) {
    const condition = guarded(state, test, () => toCondition(evaluate(state, test)));
    if (condition === false) return "next";
    if (condition !== true) {
      const bound = Number(
        annotationOf(annotations, "qtune.max_iterations") ?? state.options.maxIterations,
      );
      const operations = lowerRuntime(state, item, () => lowerBody(state, body));
      emit(state, {
        kind: "while",
        condition,
        body: operations,
        maxIterations: Number.isInteger(bound) && bound >= 0 ? bound : state.options.maxIterations,
      });
      return "next";
    }
    step(state);
    const flow = lowerBody(state, body);
    if (flow === "break") return "next";
    if (flow !== "next" && flow !== "continue") return flow;
  }
}

function lowerSwitch(state: Lowering, item: SyntaxNode): Flow {
  const [, , test] = item.children;
  if (!isNode(test)) return "next";
  const value = evaluate(state, test);
  const cases = item.children.filter((child): child is SyntaxNode =>
    isNode(child, "switchCaseItem"),
  );
  const read = cases.map((one) => ({
    values: expressionsOf(one.children.find((child) => isNode(child, "expressionList"))).map(
      (expression) => toInteger(evaluate(state, expression)),
    ),
    isDefault: isToken(one.children[0], "default"),
    scope: one.children.find((child) => isNode(child, "scope")) as SyntaxNode, // the grammar says so
  }));
  if (read.filter((one) => one.isDefault).length > 1)
    failNode(state.source, item, { where: "switch", expected: "one default" });
  const bits =
    value.kind === "bits" && knownBits(value.bits) === undefined ? value.bits : undefined;
  if (bits === undefined) {
    const known = toInteger(value);
    const hit = read.find((one) => one.values.includes(known)) ?? read.find((one) => one.isDefault);
    return hit === undefined ? "next" : lowerScope(state, hit.scope);
  }
  const clbits = bits.map((bit) =>
    typeof bit === "object" && bit.inverted !== true ? bit.clbit : undefined,
  );
  if (clbits.includes(undefined))
    notFinite(state, test, "a switch takes bits as they were measured");
  const lowered = read.map((one) => ({
    ...one,
    body: lowerRuntime(state, item, () => lowerScope(state, one.scope)),
  }));
  const otherwise = lowered.find((one) => one.isDefault);
  emit(state, {
    kind: "switch",
    clbits: clbits.map((clbit) => clbit ?? 0),
    cases: lowered.filter((one) => !one.isDefault).map(({ values, body }) => ({ values, body })),
    ...(otherwise === undefined ? {} : { default: otherwise.body }),
  });
  return "next";
}

// ---- subroutines -------------------------------------------------------------------------------------------------

function lowerReturn(state: Lowering, item: SyntaxNode): Flow {
  if (state.callDepth === 0)
    return failNode(state.source, item, {
      where: "return",
      expected: "return only in subroutines",
    });
  if (state.runtime > 0) notFinite(state, item, "a return depends on a measurement");
  const [, inner] = item.children;
  if (!isNode(inner)) return { returned: undefined };
  return {
    returned:
      inner.rule === "measureExpression" ? measureValue(state, inner) : evaluate(state, inner),
  };
}

function callSubroutine(
  state: Lowering,
  item: SyntaxNode,
  name: string,
  definition: SyntaxNode,
  values: readonly Value[],
): Value | undefined {
  if (state.inGate)
    failNode(state.source, item, {
      where: "gate",
      expected: "only gates in the body of a gate",
      given: `the subroutine ${name}`,
    });
  if (state.callDepth >= maxCallDepth)
    failNode(state.source, item, {
      where: name,
      expected: `calls nested at most ${maxCallDepth} deep`,
      given: "one more",
      hint: "does it call itself?",
    });
  const list = definition.children.find((child) => isNode(child, "argumentDefinitionList"));
  const formals = isNode(list)
    ? list.children.filter((child): child is SyntaxNode => isNode(child))
    : [];
  if (formals.length !== values.length)
    failNode(state.source, item, {
      where: name,
      expected: `${formals.length} arguments`,
      given: String(values.length),
    });
  const scope = new Map<string, Entity>();
  const outer = { scopes: state.scopes, runtime: state.runtime };
  state.scopes = [state.scopes[0] ?? new Map(), scope];
  formals.forEach((formal, i) =>
    bindArgument(state, item, formal, values[i] ?? intValue(0), scope),
  );
  const body = definition.children.find((child) => isNode(child, "scope"));
  const signature = definition.children.find((child) => isNode(child, "returnSignature"));
  const type =
    isNode(signature) && isNode(signature.children[1])
      ? readType(state, signature.children[1])
      : undefined;
  state.callDepth += 1;
  state.runtime = 0;
  try {
    const flow = isNode(body) ? lowerScope(state, body) : "next";
    if (typeof flow !== "object" || flow.returned === undefined) return undefined;
    return type === undefined ? flow.returned : convert(state, item, flow.returned, type);
  } finally {
    state.callDepth -= 1;
    Object.assign(state, outer);
  }
}

function bindArgument(
  state: Lowering,
  item: SyntaxNode,
  formal: SyntaxNode,
  value: Value,
  scope: Map<string, Entity>,
): void {
  const [typeItem, nameItem] = formal.children;
  const name = textOf(nameItem);
  const word = isToken(typeItem)
    ? typeItem.text
    : isNode(typeItem)
      ? textOf(typeItem.children[0])
      : "";
  const designator = (isNode(typeItem) ? typeItem : formal).children.find((child) =>
    isNode(child, "designator"),
  );
  if (word === "qubit" || word === "qreg") {
    const size = isNode(designator) ? readSize(state, designator) : undefined;
    if (value.kind !== "qubits" || value.qubits.length !== (size ?? 1)) {
      failNode(state.source, item, {
        where: "call",
        expected: `${size ?? 1} ${size === undefined || size === 1 ? "qubit" : "qubits"} for ${name}`,
        given: value.kind === "qubits" ? String(value.qubits.length) : describeKind(value),
      });
    }
    scope.set(name, { kind: "qubits", qubits: value.qubits, single: size === undefined });
    return;
  }
  if (word === "readonly" || word === "mutable") {
    if (value.kind !== "array")
      failNode(state.source, item, {
        where: "call",
        expected: `an array for ${name}`,
        given: describeKind(value),
      });
    const actual = word === "mutable" ? arrayArgument(state, item, value) : undefined;
    scope.set(
      name,
      actual === undefined
        ? { kind: "variable", type: typeOfArray(value), value, constant: true, runtime: 0 }
        : { kind: "reference", target: actual },
    );
    return;
  }
  const type: Type =
    word === "creg"
      ? { kind: "bit", size: isNode(designator) ? readSize(state, designator) : undefined }
      : isNode(typeItem)
        ? readType(state, typeItem)
        : { kind: "float" };
  const converted = convert(state, item, value, type);
  if (converted.kind === "bits" && type.kind === "bit") {
    scope.set(name, {
      kind: "bits",
      bits: converted.bits,
      single: type.size === undefined,
      backed: false,
      name,
      runtime: 0,
    });
    return;
  }
  scope.set(name, { kind: "variable", type, value: converted, constant: false, runtime: 0 });
}

/** The variable whose value is passed, so that the subroutine changes it. */
function arrayArgument(
  state: Lowering,
  item: SyntaxNode,
  value: Value,
): Entity & { kind: "variable" } {
  for (const scope of state.scopes)
    for (const entity of scope.values())
      if (entity.kind === "variable" && entity.value === value && !entity.constant) return entity;
  return failNode(state.source, item, { where: "call", expected: "a whole array that can change" });
}

function typeOfArray(value: Value): Type {
  const sizes: number[] = [];
  let inner: Value = value;
  while (inner.kind === "array") {
    sizes.push(inner.items.length);
    inner = inner.items[0] ?? floatValue(0);
  }
  const of: Type =
    inner.kind === "int"
      ? { kind: "int", size: undefined }
      : inner.kind === "bool"
        ? { kind: "bool" }
        : inner.kind === "complex"
          ? { kind: "complex" }
          : { kind: "float" };
  return { kind: "array", of, sizes };
}

// ---- expressions -------------------------------------------------------------------------------------------------

function evaluate(state: Lowering, item: SyntaxNode): Value {
  const { children } = item;
  const [first, second, third] = children;
  if (children.length === 1) return readSingle(state, item, first);
  if (isToken(first)) {
    if (first.text === "(" && isNode(second)) return evaluate(state, second);
    if (isToken(second, "("))
      return evaluateFunction(state, item, first.text, expressionsOf(third));
    if (isNode(second)) return evaluateUnary(first.text, evaluate(state, second));
  }
  if (isNode(first) && isNode(second, "indexOperator"))
    return readIndex(state, evaluate(state, first), second);
  if (
    isNode(first) &&
    (first.rule === "scalarType" || first.rule === "arrayType") &&
    isNode(third)
  ) {
    return convert(state, item, evaluate(state, third), readType(state, first));
  }
  if (isNode(first) && isToken(second) && isNode(third))
    return evaluateBinary(state, item, first, second.text, third);
  return failNode(state.source, item, { where: "expression", expected: "an expression" });
}

function readSingle(state: Lowering, item: SyntaxNode, only: SyntaxItem | undefined): Value {
  if (isToken(only)) return readLiteral(state, only);
  if (isNode(only, "durationofExpression"))
    return notFinite(state, item, "durationof is known only to a device");
  return isNode(only) ? evaluate(state, only) : intValue(0);
}

function evaluateUnary(operator: string, value: Value): Value {
  return operator === "-" ? negate(value) : operator === "!" ? not(value) : invert(value);
}

function evaluateBinary(
  state: Lowering,
  item: SyntaxNode,
  first: SyntaxNode,
  operator: string,
  third: SyntaxNode,
): Value {
  if (operator === "&&" || operator === "||") {
    // operands on one level become one list; a known one decides before the rest is looked at
    const parts: Value[] = [];
    for (const part of chainOf(item, operator)) {
      const value = evaluate(state, part);
      parts.push(value);
      if (toCondition(value) === (operator === "||")) break;
    }
    return logical(operator, parts);
  }
  const left = evaluate(state, first);
  const right = evaluate(state, third);
  if (
    operator === "!=" &&
    left.kind === "condition" &&
    right.kind === "condition" &&
    left.condition.kind === "xor" &&
    isComparison(first, "!=")
  ) {
    return {
      kind: "condition",
      condition: { kind: "xor", of: [...left.condition.of, right.condition] },
    };
  }
  switch (operator) {
    case "==":
    case "!=":
    case "<":
    case ">":
    case "<=":
    case ">=":
      return compare(operator, left, right);
    default:
      return arithmetic(operator, left, right);
  }
}

function isComparison(item: SyntaxNode, operator: string): boolean {
  return isToken(item.children[1], operator);
}

function chainOf(item: SyntaxNode, operator: string): readonly SyntaxNode[] {
  const parts: SyntaxNode[] = [];
  let rest: SyntaxNode = item;
  for (;;) {
    const [left, sign, right] = rest.children;
    if (!isToken(sign, operator) || !isNode(left) || !isNode(right)) break;
    parts.push(right);
    rest = left;
  }
  parts.push(rest);
  return parts.reverse();
}

const constants: ReadonlyMap<string, number> = new Map([
  ["pi", Math.PI],
  ["π", Math.PI],
  ["tau", 2 * Math.PI],
  ["τ", 2 * Math.PI],
  ["euler", Math.E],
  ["ℇ", Math.E],
]);

const unitsNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
};

function readLiteral(state: Lowering, token: SyntaxItem): Value {
  if (!isToken(token)) return intValue(0);
  const text = token.text.replaceAll("_", "");
  switch (token.kind) {
    case "integer":
      if (text.length > 4096)
        failNode(state.source, token, { where: "number", expected: "at most 4096 digits" });
      return intValue(BigInt(text.toLowerCase()));
    case "float":
      return floatValue(Number(text));
    case "imaginary":
      return { kind: "complex", re: 0, im: Number(text.replace(/\s*im$/, "")) };
    case "timing": {
      const [, digits = "", unit = ""] = /^(.*?)\s*(dt|ns|us|µs|μs|ms|s)$/.exec(text) ?? [];
      const scale = unitsNs[unit];
      if (scale === undefined) notFinite(state, token, "dt is known only to a device");
      return { kind: "duration", ns: Number(digits) * scale };
    }
    case "bitstring":
      return {
        kind: "bits",
        bits: [...text.slice(1, -1)].reverse().map((bit): Bit => (bit === "1" ? 1 : 0)),
      };
    case "hardwareQubit": {
      const { qubits, single } = hardwareQubit(state, token);
      return { kind: "qubits", qubits, single };
    }
    case "keyword":
      return { kind: "bool", value: text === "true" };
    default:
      return readName(state, token, token.text);
  }
}

function readName(state: Lowering, item: SyntaxItem, name: string): Value {
  const entity = lookUp(state, name);
  switch (entity?.kind) {
    case "variable":
      return entity.value;
    case "bits":
      return { kind: "bits", bits: entity.bits };
    case "qubits":
      return { kind: "qubits", qubits: entity.qubits, single: entity.single };
    case undefined: {
      const constant = constants.get(name);
      return constant === undefined
        ? failName(state, item, name, "a variable")
        : floatValue(constant);
    }
    default:
      return failNode(state.source, item, {
        where: "expression",
        expected: "a value",
        given: `the ${entity?.kind === "gate" ? "gate" : "subroutine"} ${name}`,
      });
  }
}

function evaluateFunction(
  state: Lowering,
  item: SyntaxNode,
  name: string,
  argumentItems: readonly SyntaxNode[],
): Value {
  const entity = lookUp(state, name);
  const values = argumentItems.map((one) => evaluate(state, one));
  if (entity?.kind === "def") {
    const value = callSubroutine(state, item, name, entity.node, values);
    return (
      value ??
      failNode(state.source, item, { where: name, expected: "a subroutine that returns a value" })
    );
  }
  if (entity?.kind === "extern") notFinite(state, item, `it calls the extern ${name}`);
  if (!isFunction(name)) return failName(state, item, name, "a function");
  return callFunction(name, values);
}

// ---- indices -----------------------------------------------------------------------------------------------------

type Selector =
  | { readonly kind: "one"; readonly index: number }
  | { readonly kind: "many"; readonly positions: (length: number) => readonly number[] };

function selectorsOf(state: Lowering, index: SyntaxNode): readonly Selector[] {
  return index.children.flatMap((child): readonly Selector[] => {
    if (isNode(child, "setExpression")) {
      const list = child.children
        .filter((one): one is SyntaxNode => isNode(one))
        .map((one) => guarded(state, one, () => toIndex(evaluate(state, one))));
      return [
        {
          kind: "many",
          positions: (length) =>
            list.map((position) => (position < 0 ? position + length : position)),
        },
      ];
    }
    if (isNode(child, "rangeExpression")) return [rangeSelector(state, child)];
    if (isNode(child, "expression"))
      return [{ kind: "one", index: guarded(state, child, () => toIndex(evaluate(state, child))) }];
    return [];
  });
}

function rangeSelector(state: Lowering, range: SyntaxNode): Selector {
  const { start, step: by, stop } = rangeParts(state, range);
  return {
    kind: "many",
    positions: (length) => {
      const wrap = (value: bigint): bigint => (value < 0n ? value + BigInt(length) : value);
      const from = start === undefined ? (by > 0n ? 0n : BigInt(length - 1)) : wrap(start);
      const to = stop === undefined ? (by > 0n ? BigInt(length - 1) : 0n) : wrap(stop);
      const list: number[] = [];
      for (let i = from; (by > 0n ? i <= to : i >= to) && list.length <= length; i += by)
        list.push(Number(i));
      return list;
    },
  };
}

function positionsOf(
  state: Lowering,
  item: SyntaxItem,
  selector: Selector,
  length: number,
): readonly number[] {
  const list =
    selector.kind === "one"
      ? [selector.index < 0 ? selector.index + length : selector.index]
      : selector.positions(length);
  const bad = list.find((position) => position < 0 || position >= length);
  if (bad !== undefined)
    failNode(state.source, item, {
      where: "index",
      expected: length === 0 ? "no index, there is nothing" : `an index from 0 to ${length - 1}`,
      given: String(bad),
    });
  return list;
}

function readIndex(state: Lowering, start: Value, index: SyntaxNode): Value {
  return selectFrom(state, index, start, selectorsOf(state, index));
}

function selectFrom(
  state: Lowering,
  index: SyntaxNode,
  value: Value,
  selectors: readonly Selector[],
): Value {
  const [selector, ...rest] = selectors;
  if (selector === undefined) return value;
  switch (value.kind) {
    case "qubits": {
      if (value.single)
        failNode(state.source, index, {
          where: "index",
          expected: "a register to index",
          given: "a single qubit",
        });
      const positions = positionsOf(state, index, selector, value.qubits.length);
      return selectFrom(
        state,
        index,
        {
          kind: "qubits",
          qubits: positions.map((position) => value.qubits[position] ?? 0),
          single: selector.kind === "one",
        },
        rest,
      );
    }
    case "bits": {
      const positions = positionsOf(state, index, selector, value.bits.length);
      return selectFrom(
        state,
        index,
        { kind: "bits", bits: positions.map((position) => value.bits[position] ?? 0) },
        rest,
      );
    }
    case "array": {
      const positions = positionsOf(state, index, selector, value.items.length);
      const items = positions.map((position) =>
        selectFrom(state, index, value.items[position] ?? intValue(0), rest),
      );
      return selector.kind === "one" ? (items[0] ?? intValue(0)) : { kind: "array", items };
    }
    case "int": {
      if (selector.kind !== "one")
        failNode(state.source, index, { where: "index", expected: "one bit of the integer" });
      if (selector.index < 0 || selector.index > 4096)
        failNode(state.source, index, {
          where: "index",
          expected: "a bit from 0 to 4096",
          given: String(selector.index),
        });
      return { kind: "bits", bits: bitsOf(value.value >> BigInt(selector.index), 1) };
    }
    default:
      return failNode(state.source, index, {
        where: "index",
        expected: "something to index",
        given: describeKind(value),
      });
  }
}
