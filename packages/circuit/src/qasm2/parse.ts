/**
 * Reads OpenQASM 2.0 (Cross, Bishop, Smolin, Gambetta, arXiv 1707.03429) in one pass over the text, without a token
 * list, because files of a million gates are common.
 *
 * `include "qelib1.inc"` and `"stdgates.inc"` mean the built-in set: the 2017 file and what Qiskit's later file adds.
 * Angles of gate bodies stay affine; a body that needs more (sin, products of parameters) is kept once per set of
 * values with which it is called.
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
import type { Circuit, GateDefinition, Operation, Register } from "../circuit.ts";
import { findGate, gateTable } from "../gate-table.ts";
import {
  createSource,
  fail,
  listNames,
  type Problem,
  quote,
  report,
  type Source,
  StatementFault,
  throwIssues,
} from "../text/source.ts";
import { distinctName } from "../text/names.ts";
import { findOwnGate } from "../text/own-definitions.ts";
import { createQuickCalls, type QuickCalls } from "../text/quick-call.ts";

/** How {@link parseQasm2} reads. */
export interface Qasm2Options {
  /** Name for messages. */
  readonly fileName?: string | undefined;
  /** Grammar to the letter and only the gates of the 2017 file. Default false. */
  readonly strict?: boolean | undefined;
  /** Returns the text of an include that is not built in, or nothing. Default: no other includes. */
  readonly resolveInclude?: ((path: string) => string | undefined) | undefined;
  /** Default 10,000,000. */
  readonly maxOperations?: number | undefined;
}

const END = 0;
const NAME = 1;
const INTEGER = 2;
const REAL = 3;
const TEXT = 4;
const SYMBOL = 5;
type TokenKind =
  typeof END | typeof NAME | typeof INTEGER | typeof REAL | typeof TEXT | typeof SYMBOL;

/** A value that is not affine in the parameters of the gate being defined. */
interface LazyValue {
  /** How deep it nests; evaluating recurses. */
  readonly depth: number;
  readonly evaluate: (lookup: (parameter: string) => number) => number;
}
type Value = Angle | LazyValue;

interface Template {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly qubits: number;
  readonly body: readonly TemplateStep[];
  /** Some angle is not affine, here or in a gate that is used. */
  readonly lazy: boolean;
  readonly variants: Map<string, string>;
}
interface TemplateStep {
  readonly callee: Callee;
  readonly qubits: readonly number[];
  readonly values: readonly Value[];
}
type Callee =
  | {
      readonly kind: "table";
      readonly name: string;
      readonly qubits: number;
      readonly angles: number;
      readonly origin: "language" | "library" | "user";
    }
  | {
      readonly kind: "user";
      readonly name: string;
      readonly qubits: number;
      readonly angles: number;
      readonly template: Template;
      readonly origin: "user";
    }
  | {
      readonly kind: "opaque";
      readonly name: string;
      readonly qubits: number;
      readonly angles: number;
      readonly origin: "user";
    };

interface RegisterEntry {
  readonly kind: "qreg" | "creg";
  readonly start: number;
  readonly size: number;
  /** Its bits, made when a condition asks for them and shared by all conditions. */
  clbits?: readonly number[];
}

interface Reader {
  source: Source;
  text: string;
  position: number;
  kind: TokenKind;
  start: number;
  end: number;
  readonly strict: boolean;
  readonly maxOperations: number;
  readonly resolveInclude: (path: string) => string | undefined;
  readonly callees: Map<string, Callee>;
  /** Nothing when the letter of the grammar counts. */
  readonly quickCalls: QuickCalls | undefined;
  readonly registers: Map<string, RegisterEntry>;
  readonly quantum: Register[];
  readonly classical: Register[];
  readonly definitions: GateDefinition[];
  readonly definitionNames: Set<string>;
  /** For names that need a number to be distinct. */
  readonly nextNumbers: Map<string, number>;
  readonly operations: Operation[];
  qubits: number;
  clbits: number;
  includeDepth: number;
  libraryIncluded: boolean;
  depth: number;
  /** Names of the formal parameters while a gate body is read. */
  formals: ReadonlySet<string> | undefined;
}

const maxExpressionDepth = 200;
const maxLazyDepth = 1000;
const maxIncludeDepth = 16;
const maxRegisterSize = 1_000_000;
const noAngles: readonly Angle[] = [];

/**
 * Reads a program.
 *
 * Effect: pure, but for calls of `resolveInclude`.
 * Cost:   linear in the text; about 0.5 µs per gate.
 * Errors: invalid_argument with up to 20 issues (file, line, column, excerpt, expected, given, hint);
 *         resource_exhausted beyond `maxOperations`.
 *
 * @example
 * parseQasm2('OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0],q[1];');
 */
export function parseQasm2(text: string, options: Qasm2Options = {}): Circuit {
  const source = createSource(text, options.fileName);
  const registers = new Map<string, RegisterEntry>();
  const qubitOf = (name: string, index: number): number => {
    const register = registers.get(name);
    return register?.kind === "qreg" && index < register.size ? register.start + index : -1;
  };
  const reader: Reader = {
    source,
    text,
    position: 0,
    kind: END,
    start: 0,
    end: 0,
    strict: options.strict ?? false,
    maxOperations: options.maxOperations ?? 10_000_000,
    resolveInclude: options.resolveInclude ?? (() => undefined),
    callees: new Map(),
    quickCalls: options.strict === true ? undefined : createQuickCalls(qubitOf),
    registers,
    quantum: [],
    classical: [],
    definitions: [],
    definitionNames: new Set(),
    nextNumbers: new Map(),
    operations: [],
    qubits: 0,
    clbits: 0,
    includeDepth: 0,
    libraryIncluded: false,
    depth: 0,
    formals: undefined,
  };
  addLanguageGates(reader);
  readProgram(reader, true);
  throwIssues(source);
  return {
    qubits: reader.qubits,
    clbits: reader.clbits,
    ...(isDefaultRegister(reader.quantum, "q") ? {} : { quantumRegisters: reader.quantum }),
    ...(isDefaultRegister(reader.classical, "c") ? {} : { classicalRegisters: reader.classical }),
    parameters: [],
    ...(reader.definitions.length === 0 ? {} : { definitions: reader.definitions }),
    operations: reader.operations,
  };
}

/** One register with the default name needs no register list. */
function isDefaultRegister(registers: readonly Register[], name: string): boolean {
  return registers.length === 0 || (registers.length === 1 && registers[0]?.name === name);
}

function addLanguageGates(reader: Reader): void {
  reader.callees.set("U", { kind: "table", name: "U3", qubits: 1, angles: 3, origin: "language" });
  reader.callees.set("CX", { kind: "table", name: "CX", qubits: 2, angles: 0, origin: "language" });
}

/** Adds the built-in standard set; names that the program has defined itself stay its own. */
function addLibrary(reader: Reader): void {
  reader.libraryIncluded = true;
  for (const gate of gateTable) {
    for (const spelling of [gate.spellings.qasm2, ...(gate.aliases.qasm2 ?? [])]) {
      if (spelling.origin === "own" || spelling.origin === "language") continue;
      if (reader.strict && spelling.origin !== "qelib1") continue;
      if (reader.callees.get(spelling.name)?.origin === "user") continue;
      reader.callees.set(spelling.name, {
        kind: "table",
        name: gate.name,
        qubits: gate.qubits,
        angles: gate.angles.length,
        origin: "library",
      });
    }
  }
}

// ---- tokens ------------------------------------------------------------------------------------------------------

function next(reader: Reader): void {
  const { text } = reader;
  let at = reader.position;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 32 || (code >= 9 && code <= 13) || code === 0xfeff) at += 1;
    else if (code === 47 && text.charCodeAt(at + 1) === 47) {
      const line = text.indexOf("\n", at);
      at = line === -1 ? text.length : line + 1;
    } else break;
  }
  reader.start = at;
  const code = text.charCodeAt(at);
  if (Number.isNaN(code)) {
    reader.kind = END;
    reader.end = at;
  } else if (isLetter(code)) {
    at += 1;
    while (isLetter(text.charCodeAt(at)) || isDigit(text.charCodeAt(at))) at += 1;
    reader.kind = NAME;
  } else if (isDigit(code) || (code === 46 && isDigit(text.charCodeAt(at + 1)))) {
    at = readNumber(reader, at);
  } else if (code === 34) {
    const close = text.indexOf('"', at + 1);
    const line = text.indexOf("\n", at + 1);
    if (close === -1 || (line !== -1 && line < close)) {
      reader.position = line === -1 ? text.length : line;
      reader.end = reader.position;
      reader.kind = TEXT;
      fail(reader.source, {
        where: "string",
        offset: at,
        expected: 'a closing "',
        given: "the end of the line",
      });
    }
    at = close + 1;
    reader.kind = TEXT;
  } else {
    const two =
      (code === 45 && text.charCodeAt(at + 1) === 62) ||
      (code === 61 && text.charCodeAt(at + 1) === 61);
    at += two ? 2 : code >= 0xd800 && code <= 0xdbff ? 2 : 1;
    reader.kind = SYMBOL;
  }
  reader.end = at;
  reader.position = at;
}

function readNumber(reader: Reader, start: number): number {
  const { text } = reader;
  let at = start;
  let real = false;
  while (isDigit(text.charCodeAt(at))) at += 1;
  if (text.charCodeAt(at) === 46) {
    real = true;
    at += 1;
    while (isDigit(text.charCodeAt(at))) at += 1;
  }
  const mark = text.charCodeAt(at);
  if (mark === 101 || mark === 69) {
    const sign = text.charCodeAt(at + 1);
    const digits = sign === 43 || sign === 45 ? at + 2 : at + 1;
    if (isDigit(text.charCodeAt(digits))) {
      if (reader.strict && !real) {
        report(reader.source, {
          where: "number",
          offset: start,
          expected: "a decimal point before the exponent",
          given: quote(text.slice(start, digits + 1)),
          hint: "leave strict out to read it",
        });
      }
      real = true;
      at = digits;
      while (isDigit(text.charCodeAt(at))) at += 1;
    }
  }
  reader.kind = real ? REAL : INTEGER;
  return at;
}

/** The kind of the current token; a call, because reading on changes it behind the back of type narrowing. */
function kindNow(reader: Reader): TokenKind {
  return reader.kind;
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function tokenText(reader: Reader): string {
  return reader.text.slice(reader.start, reader.end);
}

function tokenName(reader: Reader): string {
  return reader.kind === END ? "the end of the file" : quote(tokenText(reader));
}

function isSymbol(reader: Reader, symbol: string): boolean {
  return (
    reader.kind === SYMBOL &&
    reader.end - reader.start === symbol.length &&
    reader.text.startsWith(symbol, reader.start)
  );
}

function isWord(reader: Reader, word: string): boolean {
  return (
    reader.kind === NAME &&
    reader.end - reader.start === word.length &&
    reader.text.startsWith(word, reader.start)
  );
}

function failHere(reader: Reader, where: string, expected: string, hint?: string): never {
  return fail(reader.source, {
    where,
    offset: reader.start,
    expected,
    given: tokenName(reader),
    hint,
  });
}

function failAt(reader: Reader, problem: Problem): never {
  return fail(reader.source, problem);
}

function expectSymbol(reader: Reader, symbol: string, where: string): void {
  if (!isSymbol(reader, symbol)) failHere(reader, where, `"${symbol}"`);
  next(reader);
}

/** The `;` at the end of a statement; the next token is read, which may be in the next line. */
function endStatement(reader: Reader, where: string): void {
  if (!isSymbol(reader, ";")) failHere(reader, where, '";"');
  next(reader);
}

function takeName(reader: Reader, where: string, what: string): string {
  if (reader.kind !== NAME) failHere(reader, where, what);
  const name = tokenText(reader);
  next(reader);
  return name;
}

/** A new name. By the letter of the specification it starts with a small letter. */
function takeNewName(reader: Reader, where: string, what: string): string {
  const offset = reader.start;
  const name = takeName(reader, where, what);
  if (reader.strict && !/^[a-z]/.test(name)) {
    failAt(reader, {
      where,
      offset,
      expected: "a name that starts with a small letter",
      given: quote(name),
    });
  }
  if (reservedWords.has(name))
    failAt(reader, { where, offset, expected: what, given: `the keyword ${quote(name)}` });
  return name;
}

const reservedWords: ReadonlySet<string> = new Set([
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

function takeInteger(reader: Reader, where: string, what: string): number {
  if (reader.kind !== INTEGER) failHere(reader, where, what);
  const text = tokenText(reader);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) failHere(reader, where, `${what} below 2^53`);
  if (reader.strict && text.length > 1 && text.startsWith("0"))
    failHere(reader, where, "an integer without leading zeros");
  next(reader);
  return value;
}

// ---- program -----------------------------------------------------------------------------------------------------

function readProgram(reader: Reader, isMain: boolean): void {
  let first = true;
  advanceTo(reader);
  while (reader.kind !== END) {
    const begin = reader.start;
    try {
      readStatement(reader, first && isMain);
    } catch (error) {
      if (!(error instanceof StatementFault)) throw error;
      if (reader.source.problems > 10 * reader.source.maxIssues) return;
      recover(reader, begin);
    }
    first = false;
  }
  if (first && isMain) failSoft(reader, "a program");
}

/** Reads the first token; a fault in it is a statement of its own. */
function advanceTo(reader: Reader): void {
  try {
    next(reader);
  } catch (error) {
    if (!(error instanceof StatementFault)) throw error;
    advanceTo(reader);
  }
}

function failSoft(reader: Reader, expected: string): void {
  report(reader.source, {
    where: "program",
    offset: reader.start,
    expected,
    given: tokenName(reader),
  });
}

/** Skips to behind the next `;`, or `}` of a body, always forward. */
function recover(reader: Reader, begin: number): void {
  if (reader.position <= begin) reader.position = begin + 1;
  for (;;) {
    if (reader.kind === END) return;
    const stop = isSymbol(reader, ";") || isSymbol(reader, "}");
    advanceTo(reader);
    if (stop) return;
  }
}

function readStatement(reader: Reader, isFirst: boolean): void {
  if (reader.kind !== NAME) {
    if (!reader.strict && isSymbol(reader, ";")) return next(reader);
    failHere(reader, "statement", "a statement");
  }
  if (readQuickCall(reader)) return;
  const word = tokenText(reader);
  if (isFirst && reader.strict && word !== "OPENQASM")
    failHere(reader, "program", '"OPENQASM 2.0;" in the first line');
  switch (word) {
    case "OPENQASM":
      return readVersion(reader, isFirst);
    case "include":
      return readInclude(reader);
    case "qreg":
    case "creg":
      return readRegister(reader, word);
    case "gate":
      return readGate(reader);
    case "opaque":
      return readOpaque(reader);
    case "if":
      return readIf(reader);
    default:
      readOperation(reader, word, (operation) => addOperation(reader, operation));
  }
}

/** Reads a plain gate call at the current token, or nothing at all. */
function readQuickCall(reader: Reader): boolean {
  const { quickCalls } = reader;
  if (quickCalls === undefined || !quickCalls.read(reader.text, reader.start)) return false;
  const { qubits, angles } = quickCalls;
  const callee = reader.callees.get(quickCalls.gate);
  if (callee === undefined || callee.kind === "opaque") return false;
  if (callee.qubits !== qubits.length || callee.angles !== angles.length) return false;
  if (callee.kind === "user" && callee.template.lazy) return false;
  addOperation(reader, { kind: "gate", gate: callee.name, qubits, angles });
  reader.position = quickCalls.end;
  next(reader);
  return true;
}

function addOperation(reader: Reader, operation: Operation): void {
  if (reader.operations.length >= reader.maxOperations) {
    throw new QtuneError(
      "resource_exhausted",
      `the program has more than ${reader.maxOperations} operations`,
      { where: reader.source.file ?? "qasm2" },
    );
  }
  reader.operations.push(operation);
}

function readVersion(reader: Reader, isFirst: boolean): void {
  if (!isFirst) failHere(reader, "OPENQASM", "the version line only once, before everything else");
  next(reader);
  const version = tokenText(reader);
  if (version !== "2.0" && (reader.strict || version !== "2")) {
    failHere(
      reader,
      "OPENQASM",
      "version 2.0",
      version.startsWith("3") ? "read it as qasm3" : undefined,
    );
  }
  next(reader);
  endStatement(reader, "OPENQASM");
}

function readInclude(reader: Reader): void {
  next(reader);
  if (reader.kind !== TEXT) failHere(reader, "include", "a file name in double quotes");
  const offset = reader.start;
  const path = tokenText(reader).slice(1, -1);
  next(reader);
  // The token behind `;` belongs to the including text, so the jump happens before it is read.
  if (!isSymbol(reader, ";")) failHere(reader, "include", '";"');
  const name = path.split("/").at(-1);
  if (path === name && (name === "qelib1.inc" || name === "stdgates.inc")) {
    addLibrary(reader);
    return next(reader);
  }
  if (reader.includeDepth >= maxIncludeDepth) {
    failAt(reader, {
      where: "include",
      offset,
      expected: `includes nested at most ${maxIncludeDepth} deep`,
      given: quote(path),
      hint: "does the file include itself?",
    });
  }
  const text = reader.resolveInclude(path);
  if (text === undefined) {
    failAt(reader, {
      where: "include",
      offset,
      expected: 'one of the built-in files "qelib1.inc" and "stdgates.inc"',
      given: quote(path),
      hint: "no such file is known here",
    });
  }
  const outer = { source: reader.source, text: reader.text, position: reader.position };
  const inner = createSource(text, path);
  Object.assign(reader, { source: inner, text, position: 0 });
  reader.includeDepth += 1;
  readProgram(reader, false);
  reader.includeDepth -= 1;
  Object.assign(reader, outer);
  reader.source.problems += inner.problems;
  reader.source.issues.push(...inner.issues);
  next(reader);
}

function readRegister(reader: Reader, kind: "qreg" | "creg"): void {
  next(reader);
  const offset = reader.start;
  const name = takeNewName(reader, kind, "a register name");
  expectSymbol(reader, "[", kind);
  const sizeOffset = reader.start;
  const size = takeInteger(reader, kind, "the size of the register");
  expectSymbol(reader, "]", kind);
  if (size < 1 || size > maxRegisterSize) {
    failAt(reader, {
      where: kind,
      offset: sizeOffset,
      expected: `a size from 1 to ${maxRegisterSize}`,
      given: String(size),
    });
  }
  if (reader.registers.has(name)) {
    failAt(reader, {
      where: kind,
      offset,
      expected: "a name that is not in use",
      given: quote(name),
      hint: "registers have distinct names",
    });
  }
  if (!isSymbol(reader, ";")) failHere(reader, kind, '";"');
  if (kind === "qreg") {
    reader.registers.set(name, { kind, start: reader.qubits, size });
    reader.quantum.push({ name, size });
    reader.qubits += size;
  } else {
    reader.registers.set(name, { kind, start: reader.clbits, size });
    reader.classical.push({ name, size });
    reader.clbits += size;
  }
  next(reader);
}

function readIf(reader: Reader): void {
  next(reader);
  expectSymbol(reader, "(", "if");
  const offset = reader.start;
  const name = takeName(reader, "if", "a classical register");
  const register = findRegister(reader, name, offset, "if", "creg");
  expectSymbol(reader, "==", "if");
  if (kindNow(reader) !== INTEGER) failHere(reader, "if", "a whole number");
  const digits = tokenText(reader);
  if (digits.length > 4096) failHere(reader, "if", "a number of at most 4096 digits");
  const value = BigInt(digits);
  next(reader);
  expectSymbol(reader, ")", "if");
  const word = reader.kind === NAME ? tokenText(reader) : "";
  if (word === "" || (reservedWords.has(word) && !["measure", "reset", "U", "CX"].includes(word))) {
    failHere(reader, "if", "a gate, measure or reset");
  }
  const clbits = (register.clbits ??= Array.from(
    { length: register.size },
    (_, i) => register.start + i,
  ));
  const isRead = (clbit: number): boolean =>
    clbit >= register.start && clbit < register.start + register.size;
  const then: Operation[] = [];
  readOperation(reader, word, (operation) => void then.push(operation));
  // A broadcast splits into one `if` per operation unless it changes what the condition reads.
  const writes = then.some((one) => one.kind === "measure" && isRead(one.clbit));
  for (const part of writes ? [then] : then.map((one) => [one])) {
    addOperation(reader, { kind: "if", condition: { kind: "equals", clbits, value }, then: part });
  }
}

// ---- operations --------------------------------------------------------------------------------------------------

type Emit = (operation: Operation) => void;

function readOperation(reader: Reader, word: string, emit: Emit): void {
  if (word === "measure") return readMeasure(reader, emit);
  if (word === "reset") {
    next(reader);
    const target = readArgument(reader, "reset", "qreg");
    endStatementBefore(reader, "reset");
    for (let i = 0; i < target.count; i++) emit({ kind: "reset", qubit: target.start + i });
    return next(reader);
  }
  if (word === "barrier") return readBarrier(reader, emit);
  readGateCall(reader, word, emit);
}

/** Checks for `;` without reading on, so that the statement counts only when it is complete. */
function endStatementBefore(reader: Reader, where: string): void {
  if (!isSymbol(reader, ";")) failHere(reader, where, '";"');
}

interface Argument {
  readonly start: number;
  readonly count: number;
  /** A whole register, so that the statement is repeated. */
  readonly whole: boolean;
}

function findRegister(
  reader: Reader,
  name: string,
  offset: number,
  where: string,
  kind: "qreg" | "creg",
): RegisterEntry {
  const register = reader.registers.get(name);
  if (register !== undefined && register.kind === kind) return register;
  const what = kind === "qreg" ? "quantum" : "classical";
  if (register !== undefined) {
    failAt(reader, {
      where,
      offset,
      expected: `a ${what} register`,
      given: `the ${kind === "qreg" ? "classical" : "quantum"} register ${quote(name)}`,
    });
  }
  const names = [...reader.registers]
    .filter(([, entry]) => entry.kind === kind)
    .map(([other]) => other);
  const near = suggest(name, names);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : names.length === 0
        ? `declare it first: ${kind} ${name}[1];`
        : `declared are ${listNames(names)}`;
  return failAt(reader, {
    where,
    offset,
    expected: `a declared ${what} register`,
    given: quote(name),
    hint,
  });
}

function readArgument(reader: Reader, where: string, kind: "qreg" | "creg"): Argument {
  const offset = reader.start;
  if (reader.kind !== NAME)
    failHere(
      reader,
      where,
      kind === "qreg" ? "a qubit or a quantum register" : "a bit or a classical register",
    );
  const name = tokenText(reader);
  next(reader);
  const register = findRegister(reader, name, offset, where, kind);
  if (!isSymbol(reader, "[")) return { start: register.start, count: register.size, whole: true };
  next(reader);
  const indexOffset = reader.start;
  const index = takeInteger(reader, where, "an index");
  if (index >= register.size) {
    failAt(reader, {
      where,
      offset: indexOffset,
      expected: `an index from 0 to ${register.size - 1} of ${name}`,
      given: String(index),
    });
  }
  expectSymbol(reader, "]", where);
  return { start: register.start + index, count: 1, whole: false };
}

function readMeasure(reader: Reader, emit: Emit): void {
  next(reader);
  const offset = reader.start;
  const from = readArgument(reader, "measure", "qreg");
  expectSymbol(reader, "->", "measure");
  const to = readArgument(reader, "measure", "creg");
  if (from.count !== to.count || from.whole !== to.whole) {
    const fits = from.count === to.count && from.count === 1 && !reader.strict;
    if (!fits)
      failAt(reader, {
        where: "measure",
        offset,
        expected: "as many qubits as bits",
        given: `${from.count} and ${to.count}`,
      });
  }
  endStatementBefore(reader, "measure");
  for (let i = 0; i < from.count; i++)
    emit({ kind: "measure", qubit: from.start + i, clbit: to.start + i });
  next(reader);
}

function readBarrier(reader: Reader, emit: Emit): void {
  next(reader);
  const qubits = new Set<number>();
  for (;;) {
    const offset = reader.start;
    const argument = readArgument(reader, "barrier", "qreg");
    for (let i = 0; i < argument.count; i++) {
      if (qubits.has(argument.start + i))
        failAt(reader, {
          where: "barrier",
          offset,
          expected: "different qubits",
          given: "one of them twice",
        });
      qubits.add(argument.start + i);
    }
    if (!isSymbol(reader, ",")) break;
    next(reader);
  }
  endStatementBefore(reader, "barrier");
  emit({ kind: "barrier", qubits: [...qubits] });
  next(reader);
}

function findCallee(reader: Reader, name: string, offset: number): Callee {
  const callee = reader.callees.get(name);
  if (callee !== undefined) return callee;
  const known = findGateOfFormat(name);
  const near = suggest(name, [...reader.callees.keys()]);
  const hint =
    known !== undefined && reader.libraryIncluded
      ? `${name} is not in the 2017 file qelib1.inc; leave strict out to use it`
      : known !== undefined
        ? 'add include "qelib1.inc";'
        : near !== undefined
          ? `did you mean ${near}?`
          : "define it with gate";
  return failAt(reader, {
    where: "gate",
    offset,
    expected: "a gate that is defined",
    given: quote(name),
    hint,
  });
}

/** Whether the built-in set has this name. */
function findGateOfFormat(name: string): string | undefined {
  return gateTable.find((gate) =>
    [gate.spellings.qasm2, ...(gate.aliases.qasm2 ?? [])].some(
      (one) => one.origin !== "own" && one.name === name,
    ),
  )?.name;
}

function readGateCall(reader: Reader, word: string, emit: Emit): void {
  const offset = reader.start;
  if (reservedWords.has(word) && word !== "U" && word !== "CX")
    failHere(reader, "statement", "a statement");
  const callee = findCallee(reader, word, offset);
  next(reader);
  const values = readAngles(reader, word, callee, offset);
  const angles: readonly Angle[] =
    values.length === 0 ? noAngles : values.map((value) => numberOf(reader, value, offset));
  const first = readArgument(reader, word, "qreg");
  let repeats = first.whole ? first.count : 0;
  const starts: Argument[] = [first];
  while (isSymbol(reader, ",")) {
    next(reader);
    const at = reader.start;
    const argument = readArgument(reader, word, "qreg");
    if (argument.whole && repeats !== 0 && argument.count !== repeats) {
      failAt(reader, {
        where: word,
        offset: at,
        expected: `registers of equal size, ${repeats}`,
        given: String(argument.count),
      });
    }
    if (argument.whole) repeats = argument.count;
    starts.push(argument);
  }
  if (starts.length !== callee.qubits) {
    failAt(reader, {
      where: word,
      offset,
      expected: `${callee.qubits} ${callee.qubits === 1 ? "qubit" : "qubits"}`,
      given: String(starts.length),
    });
  }
  endStatementBefore(reader, word);
  const gate = instanceOf(reader, callee, angles, offset);
  const bound = gate === callee.name ? angles : noAngles;
  const count = repeats === 0 ? 1 : repeats;
  for (let i = 0; i < count; i++) {
    const qubits = starts.map((argument) => (argument.whole ? argument.start + i : argument.start));
    if (hasRepeats(qubits))
      failAt(reader, {
        where: word,
        offset,
        expected: "different qubits",
        given: repeats === 0 ? "one of them twice" : `one of them twice in repetition ${i}`,
      });
    emit({ kind: "gate", gate, qubits, angles: bound });
  }
  next(reader);
}

function hasRepeats(qubits: readonly number[]): boolean {
  if (qubits.length < 2) return false;
  if (qubits.length === 2) return qubits[0] === qubits[1];
  return new Set(qubits).size !== qubits.length;
}

function readAngles(
  reader: Reader,
  word: string,
  callee: Callee,
  offset: number,
): readonly Value[] {
  const values: Value[] = [];
  if (isSymbol(reader, "(")) {
    next(reader);
    if (!isSymbol(reader, ")")) {
      values.push(readAngle(reader));
      while (isSymbol(reader, ",")) {
        next(reader);
        values.push(readAngle(reader));
      }
    }
    expectSymbol(reader, ")", word);
  }
  if (values.length !== callee.angles) {
    failAt(reader, {
      where: word,
      offset,
      expected: `${callee.angles} ${callee.angles === 1 ? "angle" : "angles"}`,
      given: String(values.length),
    });
  }
  return values;
}

function readAngle(reader: Reader): Value {
  const offset = reader.start;
  const value = readExpression(reader);
  if (!isLazy(value) && !isUsableAngle(value)) failAngle(reader, value, offset);
  return value;
}

function failAngle(reader: Reader, angle: Angle, offset: number): never {
  return failAt(reader, {
    where: "angle",
    offset,
    expected: "an angle of at most 2^53 radian",
    given: describeAngle(angle),
  });
}

function numberOf(reader: Reader, value: Value, offset: number): number {
  const number = evaluate(value, () => Number.NaN);
  if (!isAngleSize(number)) failAngle(reader, number, offset);
  return number + 0; // −0 becomes 0
}

/** The name to write for a call: the gate itself, or the variant of a body that depends on its values in no affine way. */
function instanceOf(
  reader: Reader,
  callee: Callee,
  angles: readonly Angle[],
  offset: number,
): string {
  if (callee.kind === "table") return callee.name;
  if (callee.kind === "opaque") {
    return failAt(reader, {
      where: callee.name,
      offset,
      expected: "a gate with a body",
      given: "an opaque gate",
      hint: "what it does is not known, so nothing can run it",
    });
  }
  if (!callee.template.lazy) return callee.name;
  return variantOf(
    reader,
    callee.template,
    angles.map((angle) => (isBoundAngle(angle) ? angle : Number.NaN)),
    offset,
  );
}

function variantOf(
  reader: Reader,
  template: Template,
  values: readonly number[],
  offset: number,
): string {
  const key = values.join(",");
  const known = template.variants.get(key);
  if (known !== undefined) return known;
  const name = freshName(reader, `${template.name}_${template.variants.size + 1}`);
  template.variants.set(key, name);
  const byName = new Map(template.parameters.map((parameter, i) => [parameter, values[i]]));
  const lookup = (parameter: string): number => byName.get(parameter) ?? Number.NaN;
  const body = template.body.map((step): Operation => {
    const angles = step.values.map((value) => {
      const number = evaluate(value, lookup);
      if (!isAngleSize(number))
        failAt(reader, {
          where: template.name,
          offset,
          expected: "values that give its body angles of at most 2^53 radian",
          given: key,
        });
      return number;
    });
    const { callee } = step;
    const inner =
      callee.kind === "user" && callee.template.lazy
        ? variantOf(reader, callee.template, angles, offset)
        : callee.name;
    return {
      kind: "gate",
      gate: inner,
      qubits: step.qubits,
      angles: inner === callee.name ? angles : noAngles,
    };
  });
  addDefinition(reader, { name, parameters: [], qubits: template.qubits, body });
  return name;
}

function freshName(reader: Reader, wish: string): string {
  const taken = (one: string): boolean =>
    reader.definitionNames.has(one) || reader.callees.has(one);
  return distinctName(wish, taken, reader.nextNumbers);
}

function addDefinition(reader: Reader, definition: GateDefinition): void {
  reader.definitions.push(definition);
  reader.definitionNames.add(definition.name);
}

// ---- gate definitions --------------------------------------------------------------------------------------------

interface Header {
  readonly name: string;
  readonly offset: number;
  readonly parameters: readonly string[];
  /** Number of each formal qubit. */
  readonly qubits: ReadonlyMap<string, number>;
}

function readHeader(reader: Reader, where: string): Header {
  next(reader);
  const offset = reader.start;
  const name = takeNewName(reader, where, "a name for the gate");
  const existing = reader.callees.get(name);
  if (existing !== undefined && !(existing.origin === "library" && !isOf2017(name))) {
    failAt(reader, {
      where,
      offset,
      expected: "a name that is not in use",
      given: quote(name),
      hint:
        existing.origin === "user"
          ? "this gate is defined above"
          : `${name} is in qelib1.inc already`,
    });
  }
  const parameters = new Map<string, number>();
  if (isSymbol(reader, "(")) {
    next(reader);
    if (!isSymbol(reader, ")")) readNames(reader, where, "a parameter", parameters);
    expectSymbol(reader, ")", where);
  }
  const qubits = new Map<string, number>();
  readNames(reader, where, "a qubit", qubits, parameters);
  return { name, offset, parameters: [...parameters.keys()], qubits };
}

function isOf2017(name: string): boolean {
  return gateTable.some(
    (gate) => gate.spellings.qasm2.origin === "qelib1" && gate.spellings.qasm2.name === name,
  );
}

function readNames(
  reader: Reader,
  where: string,
  what: string,
  into: Map<string, number>,
  others: ReadonlyMap<string, number> = new Map(),
): void {
  for (;;) {
    const offset = reader.start;
    const name = takeNewName(reader, where, what);
    if (into.has(name) || others.has(name))
      failAt(reader, { where, offset, expected: "distinct names", given: `${quote(name)} twice` });
    into.set(name, into.size);
    if (!isSymbol(reader, ",")) return;
    next(reader);
  }
}

function readOpaque(reader: Reader): void {
  const header = readHeader(reader, "opaque");
  endStatementBefore(reader, "opaque");
  reader.callees.set(header.name, {
    kind: "opaque",
    name: header.name,
    qubits: header.qubits.size,
    angles: header.parameters.length,
    origin: "user",
  });
  next(reader);
}

function readGate(reader: Reader): void {
  const header = readHeader(reader, "gate");
  if (!isSymbol(reader, "{")) failHere(reader, "gate", '"{"');
  reader.formals = new Set(header.parameters);
  const body: TemplateStep[] = [];
  const barriers: { readonly at: number; readonly qubits: readonly number[] }[] = [];
  let broken = false;
  try {
    next(reader);
    while (!isSymbol(reader, "}")) {
      if (reader.kind === END) failHere(reader, "gate", `"}" after the body of ${header.name}`);
      const begin = reader.start;
      try {
        readBodyStep(reader, header, body, barriers);
      } catch (error) {
        if (!(error instanceof StatementFault) || kindNow(reader) === END) throw error;
        broken = true;
        recoverInBody(reader, begin);
      }
    }
  } finally {
    reader.formals = undefined;
  }
  // Known even when its body is wrong, so that its calls are not reported as well.
  addTemplate(reader, header, body, barriers, broken);
  next(reader);
}

/** Skips to behind the next `;`, or to `}`. */
function recoverInBody(reader: Reader, begin: number): void {
  if (reader.position <= begin) reader.position = begin + 1;
  while (reader.kind !== END && !isSymbol(reader, "}")) {
    const stop = isSymbol(reader, ";");
    advanceTo(reader);
    if (stop) return;
  }
}

function readBodyStep(
  reader: Reader,
  header: Header,
  body: TemplateStep[],
  barriers: { at: number; qubits: readonly number[] }[],
): void {
  const offset = reader.start;
  const word = takeName(reader, "gate", "a gate or barrier");
  if (word === "barrier") {
    const qubits = readFormalQubits(reader, header, "barrier");
    endStatementBefore(reader, "barrier");
    barriers.push({ at: body.length, qubits });
    return next(reader);
  }
  if (reservedWords.has(word) && word !== "U" && word !== "CX") {
    failAt(reader, {
      where: "gate",
      offset,
      expected: "only gates and barriers in the body of a gate",
      given: quote(word),
    });
  }
  if (word === header.name) {
    failAt(reader, {
      where: "gate",
      offset,
      expected: "gates that are defined above",
      given: quote(word),
      hint: "a gate cannot use itself",
    });
  }
  const callee = findCallee(reader, word, offset);
  const values = readAngles(reader, word, callee, offset);
  const qubits = readFormalQubits(reader, header, word);
  if (qubits.length !== callee.qubits) {
    failAt(reader, {
      where: word,
      offset,
      expected: `${callee.qubits} ${callee.qubits === 1 ? "qubit" : "qubits"}`,
      given: String(qubits.length),
    });
  }
  endStatementBefore(reader, word);
  if (callee.kind === "opaque") instanceOf(reader, callee, noAngles, offset);
  body.push({ callee, qubits, values });
  next(reader);
}

function readFormalQubits(reader: Reader, header: Header, where: string): readonly number[] {
  const qubits = new Set<number>();
  for (;;) {
    const offset = reader.start;
    const name = takeName(reader, where, "a qubit of the gate");
    const index = header.qubits.get(name);
    if (index === undefined) {
      const near = suggest(name, [...header.qubits.keys()]);
      failAt(reader, {
        where,
        offset,
        expected: `one of the qubits ${listNames([...header.qubits.keys()])} of ${header.name}`,
        given: quote(name),
        hint: near === undefined ? undefined : `did you mean ${near}?`,
      });
    }
    if (qubits.has(index))
      failAt(reader, { where, offset, expected: "different qubits", given: `${name} twice` });
    qubits.add(index);
    if (isSymbol(reader, "["))
      failHere(reader, where, "a qubit without index", "the qubits of a gate are single qubits");
    if (!isSymbol(reader, ",")) return [...qubits];
    next(reader);
  }
}

function addTemplate(
  reader: Reader,
  header: Header,
  steps: readonly TemplateStep[],
  barriers: readonly { readonly at: number; readonly qubits: readonly number[] }[],
  broken: boolean,
): void {
  const lazy = steps.some(
    (step) =>
      step.values.some(isLazy) || (step.callee.kind === "user" && step.callee.template.lazy),
  );
  const name =
    findGate(header.name) === undefined ? header.name : freshName(reader, `${header.name}_`);
  const template: Template = {
    name,
    parameters: header.parameters,
    qubits: header.qubits.size,
    body: steps,
    lazy,
    variants: new Map(),
  };
  const counts = { qubits: header.qubits.size, angles: header.parameters.length };
  if (!lazy && !broken) {
    const body: Operation[] = [];
    steps.forEach((step, i) => {
      for (const barrier of barriers)
        if (barrier.at === i) body.push({ kind: "barrier", qubits: barrier.qubits });
      body.push({
        kind: "gate",
        gate: step.callee.name,
        qubits: step.qubits,
        angles: step.values as readonly Angle[],
      }); // none is lazy
    });
    for (const barrier of barriers)
      if (barrier.at === steps.length) body.push({ kind: "barrier", qubits: barrier.qubits });
    const definition: GateDefinition = {
      name,
      parameters: header.parameters,
      qubits: header.qubits.size,
      body,
    };
    const own = findOwnGate("qasm2", header.name, definition);
    if (own !== undefined) {
      reader.callees.set(header.name, { kind: "table", name: own.name, ...counts, origin: "user" });
      return;
    }
    addDefinition(reader, definition);
  }
  reader.callees.set(header.name, { kind: "user", name, ...counts, template, origin: "user" });
}

// ---- expressions -------------------------------------------------------------------------------------------------

function isLazy(value: Value): value is LazyValue {
  return typeof value === "object" && "evaluate" in value;
}

function evaluate(value: Value, lookup: (parameter: string) => number): number {
  if (typeof value === "number") return value;
  if (isLazy(value)) return value.evaluate(lookup);
  return value.terms.reduce(
    (sum, term) => sum + term.coefficient * lookup(term.parameter),
    value.constant,
  );
}

/** sum := product (("+" | "-") product)* */
function readExpression(reader: Reader): Value {
  reader.depth += 1;
  if (reader.depth > maxExpressionDepth) {
    reader.depth = 0;
    failHere(reader, "angle", `an expression nested at most ${maxExpressionDepth} deep`);
  }
  let value = readProduct(reader);
  while (isSymbol(reader, "+") || isSymbol(reader, "-")) {
    const negative = isSymbol(reader, "-");
    next(reader);
    const right = readProduct(reader);
    value = addValues(value, negative ? negate(right) : right);
    checkDepth(reader, value);
  }
  reader.depth = Math.max(0, reader.depth - 1);
  return value;
}

function checkDepth(reader: Reader, value: Value): void {
  if (isLazy(value) && value.depth > maxLazyDepth)
    failHere(
      reader,
      "angle",
      `at most ${maxLazyDepth} operations in an expression that is not affine`,
    );
}

/** product := unary (("*" | "/") unary)* */
function readProduct(reader: Reader): Value {
  let value = readUnary(reader);
  while (isSymbol(reader, "*") || isSymbol(reader, "/")) {
    const divides = isSymbol(reader, "/");
    const offset = reader.start;
    next(reader);
    const right = readUnary(reader);
    if (divides && right === 0)
      failAt(reader, { where: "angle", offset, expected: "a divisor other than 0", given: "0" });
    value = divides ? divideValues(value, right) : multiplyValues(value, right);
    checkDepth(reader, value);
  }
  return value;
}

/** unary := ("-" | "+")* power; minus binds less than a power. */
function readUnary(reader: Reader): Value {
  let negative = false;
  while (isSymbol(reader, "-") || isSymbol(reader, "+")) {
    if (isSymbol(reader, "-")) negative = !negative;
    next(reader);
  }
  const value = readPower(reader);
  return negative ? negate(value) : value;
}

/** power := atom ("^" unary)?, from the right. */
function readPower(reader: Reader): Value {
  const base = readAtom(reader);
  if (!isSymbol(reader, "^")) return base;
  reader.depth += 1;
  if (reader.depth > maxExpressionDepth) {
    reader.depth = 0;
    failHere(reader, "angle", `an expression nested at most ${maxExpressionDepth} deep`);
  }
  next(reader);
  const exponent = readUnary(reader);
  reader.depth = Math.max(0, reader.depth - 1);
  return combine(base, exponent, (a, b) => a ** b);
}

function readAtom(reader: Reader): Value {
  if (reader.kind === INTEGER || reader.kind === REAL) {
    const value = Number(tokenText(reader));
    if (!Number.isFinite(value)) failHere(reader, "angle", "a number below 1.8e308");
    next(reader);
    return value;
  }
  if (isSymbol(reader, "(")) {
    next(reader);
    const value = readExpression(reader);
    expectSymbol(reader, ")", "angle");
    return value;
  }
  if (reader.kind !== NAME) failHere(reader, "angle", "a number, pi, a parameter or (");
  if (isWord(reader, "pi")) {
    next(reader);
    return Math.PI;
  }
  const offset = reader.start;
  const name = tokenText(reader);
  const apply = functions.get(name);
  if (apply !== undefined) {
    next(reader);
    expectSymbol(reader, "(", name);
    const argument = readExpression(reader);
    expectSymbol(reader, ")", name);
    return combine(argument, 0, (a) => apply(a));
  }
  next(reader);
  if (reader.formals?.has(name) === true) return parameterAngle(name);
  const near = suggest(name, [...(reader.formals ?? []), ...functions.keys(), "pi"]);
  return failAt(reader, {
    where: "angle",
    offset,
    expected:
      reader.formals === undefined
        ? "a number: OpenQASM 2 has no parameters outside of gates"
        : "a parameter of the gate",
    given: quote(name),
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}

const functions: ReadonlyMap<string, (value: number) => number> = new Map([
  ["sin", Math.sin],
  ["cos", Math.cos],
  ["tan", Math.tan],
  ["exp", Math.exp],
  ["ln", Math.log],
  ["sqrt", Math.sqrt],
]);

function negate(value: Value): Value {
  return isLazy(value) ? combine(value, 0, (a) => -a) : scaleAngle(value, -1);
}

function addValues(a: Value, b: Value): Value {
  return isLazy(a) || isLazy(b) ? combine(a, b, (x, y) => x + y) : addAngles(a, b);
}

function multiplyValues(a: Value, b: Value): Value {
  if (typeof a === "number" && !isLazy(b)) return scaleAngle(b, a);
  if (typeof b === "number" && !isLazy(a)) return scaleAngle(a, b);
  return combine(a, b, (x, y) => x * y);
}

function divideValues(a: Value, b: Value): Value {
  if (typeof a === "number" && typeof b === "number") return a / b;
  if (typeof b === "number" && !isLazy(a) && typeof a !== "number") {
    return {
      constant: a.constant / b + 0,
      terms: a.terms.map((term) => ({ ...term, coefficient: term.coefficient / b })),
    };
  }
  return combine(a, b, (x, y) => x / y);
}

function combine(a: Value, b: Value, apply: (a: number, b: number) => number): Value {
  if (typeof a === "number" && typeof b === "number") return apply(a, b);
  const depth = 1 + Math.max(isLazy(a) ? a.depth : 0, isLazy(b) ? b.depth : 0);
  return { depth, evaluate: (lookup) => apply(evaluate(a, lookup), evaluate(b, lookup)) };
}
