/**
 * Reads OriginIR of both generations: QPanda2 (`QIF … ELSE … ENDQIF`, C-like conditions) and QPanda3 (`QIF … QELSE …
 * QENDIF`, bits that are 1). There is no published grammar; reference is the lexer and tests of QPanda-2 and the
 * documents of QPanda3. Comments start with `%`, `#` or `//`. One statement per line; a bad line is reported and
 * skipped.
 */
import { QtuneError, suggest } from "@qtune/base";
import { type Angle, isBoundAngle, isUsableAngle, scaleAngle } from "../angle.ts";
import { conditionClbits } from "../analysis.ts";
import { holds } from "../reference-run.ts";
import type { Circuit, Condition, Control, GateDefinition, Operation } from "../circuit.ts";
import type { Gate } from "../gate.ts";
import { findGate, gateTable } from "../gate-table.ts";
import { withControls } from "../rewrite.ts";
import { findOwnGate } from "../text/own-definitions.ts";
import {
  createQubitLists,
  type Cursor,
  maxQubits,
  type QubitLists,
  readIndex as readPlainIndex,
  readName,
  readPlainAngles,
} from "../text/quick-call.ts";
import {
  createSource,
  fail,
  listNames,
  quote,
  report,
  type Source,
  StatementFault,
  throwIssues,
} from "../text/source.ts";
import {
  type BinaryOperator,
  type Expression,
  levels,
  toAngle,
  toCondition,
} from "./expression.ts";
import { phaseGate, statementWords } from "./keywords.ts";

/** How {@link parseOriginir} reads. */
export interface OriginirOptions {
  /** Name for messages. */
  readonly fileName?: string | undefined;
  /** Default 10,000,000. */
  readonly maxOperations?: number | undefined;
  /** What a loop may do at most when it runs; the language has no bound. Default 1024. */
  readonly maxIterations?: number | undefined;
  /** Decides which SQISWAP is meant; blocks and names of both are read. Default: what the text looks like. */
  readonly dialect?: "originir" | "originir2" | undefined;
}

type Frame =
  | { readonly kind: "program"; readonly list: Operation[]; readonly offset: number }
  | {
      readonly kind: "control";
      readonly list: Operation[];
      readonly offset: number;
      readonly controls: readonly Control[];
    }
  | { readonly kind: "dagger"; readonly list: Operation[]; readonly offset: number }
  | {
      readonly kind: "if";
      list: Operation[];
      readonly offset: number;
      readonly condition: Condition;
      then: Operation[] | undefined;
      readonly chained: boolean;
    }
  | {
      readonly kind: "while";
      readonly list: Operation[];
      readonly offset: number;
      readonly condition: Condition;
    }
  | {
      readonly kind: "definition";
      readonly list: Operation[];
      readonly offset: number;
      readonly name: string;
      /** Number of each formal qubit and parameter. */
      readonly qubits: ReadonlyMap<string, number>;
      readonly parameters: ReadonlyMap<string, number>;
    };

interface Reader {
  readonly source: Source;
  readonly text: string;
  position: number;
  /** End of the line without its comment. */
  lineEnd: number;
  start: number;
  token: string;
  qubits: number;
  clbits: number;
  begun: boolean;
  operations: number;
  readonly maxOperations: number;
  readonly maxIterations: number;
  readonly frames: Frame[];
  readonly definitions: Map<string, Definition>;
  depth: number;
  readonly cursor: Cursor;
  readonly lists: QubitLists;
  readonly gates: GatesByKey;
}

interface Definition {
  readonly name: string;
  readonly qubits: number;
  readonly angles: number;
  /** A table gate that the definition spells out. */
  readonly gate?: Gate;
  readonly isPhase?: true;
  readonly definition?: GateDefinition;
}

const maxDepth = 256;
const maxExpressionDepth = 200;
const maxTerms = 1000;
const maxSize = 1_000_000;
const noAngles: readonly Angle[] = [];

type GatesByKey = ReadonlyMap<string, { readonly gate: Gate; readonly power: 1 | -1 }>;

/** Names of both dialects, the last one's meaning where they differ; own spellings need their definition. */
function mapGates(...formats: readonly ("originir" | "originir2")[]): GatesByKey {
  return new Map(
    formats.flatMap((format) =>
      gateTable.flatMap((gate) =>
        [gate.spellings[format], ...(gate.aliases[format] ?? [])]
          .filter((spelling) => spelling.origin !== "own")
          .map(({ name, inverse }) => [name, { gate, power: inverse === true ? -1 : 1 }] as const),
      ),
    ),
  );
}

const gatesOf = {
  originir: mapGates("originir2", "originir"),
  originir2: mapGates("originir", "originir2"),
};

/**
 * Reads a program of either dialect.
 *
 * Effect: pure.
 * Cost:   linear in the text.
 * Errors: invalid_argument with up to 20 issues (file, line, column, excerpt, expected, given, hint);
 *         resource_exhausted beyond `maxOperations`.
 *
 * @example
 * parseOriginir("QINIT 2\nCREG 1\nH q[0]\nCNOT q[0],q[1]\nMEASURE q[0],c[0]");
 */
export function parseOriginir(text: string, options: OriginirOptions = {}): Circuit {
  const source = createSource(text, options.fileName);
  const program: Frame = { kind: "program", list: [], offset: 0 };
  const reader: Reader = {
    source,
    text,
    position: 0,
    lineEnd: 0,
    start: 0,
    token: "",
    qubits: 0,
    clbits: 0,
    begun: false,
    operations: 0,
    maxOperations: options.maxOperations ?? 10_000_000,
    maxIterations: options.maxIterations ?? 1024,
    frames: [program],
    definitions: new Map(),
    depth: 0,
    cursor: { at: 0 },
    lists: createQubitLists(),
    gates: gatesOf[options.dialect ?? guessDialect(text)],
  };
  readLines(reader);
  if (!reader.begun && source.issues.length === 0) {
    report(source, {
      where: "program",
      offset: text.length,
      expected: "QINIT and the number of qubits in the first line",
      given: "the end of the file",
    });
  }
  for (const frame of reader.frames.slice(1)) {
    report(source, {
      where: frame.kind,
      offset: frame.offset,
      expected: `an end of the ${frame.kind} block`,
      given: "the end of the file",
    });
  }
  throwIssues(source);
  const operations = program.list;
  const [first] = operations;
  const leads = first?.kind === "phase" && first.controls === undefined;
  const definitions = [...reader.definitions.values()].flatMap((one) =>
    one.definition === undefined ? [] : [one.definition],
  );
  return {
    qubits: reader.qubits,
    clbits: reader.clbits,
    parameters: [],
    ...(definitions.length === 0 ? {} : { definitions }),
    operations: leads ? operations.slice(1) : operations,
    ...(leads && first.angle !== 0 ? { globalPhase: first.angle } : {}),
  };
}

/**
 * Returns the dialect that a text is written in, by its block keywords and gates; `originir` when it could be either.
 */
export function detectOriginirDialect(text: string): "originir" | "originir2" {
  return /^[ \t]*(?:ENDQIF|ENDQWHILE|ELSE|ENDIF|NOT\s|ISWAPTHETA\s|c\[[^\]]*\]\s*=)|^[ \t]*Q(?:IF|WHILE)[^\n]*[=<>!&|]/m.test(
    text,
  )
    ? "originir2"
    : "originir";
}

/** The dialect of a text in which it matters. */
function guessDialect(text: string): "originir" | "originir2" {
  return text.includes("SQISWAP") ? detectOriginirDialect(text) : "originir";
}

function readLines(reader: Reader): void {
  const { text, source } = reader;
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    const quick = readQuickLine(reader, at);
    if (quick !== undefined) {
      at = quick;
      continue;
    }
    const line = text.indexOf("\n", at);
    const end = line === -1 ? text.length : line;
    reader.position = at;
    reader.lineEnd = commentStart(text, at, end);
    try {
      next(reader);
      if (reader.token !== "") readStatement(reader);
    } catch (error) {
      if (!(error instanceof StatementFault)) throw error;
      reader.depth = 0;
      if (source.problems > 10 * source.maxIssues) return;
    }
    at = end + 1;
  }
}

/**
 * Reads a line that is a plain gate, `RZ q[3],(0.5)`, and returns where the next line starts; nothing, and no effect,
 * for any other line and for whatever is wrong with it.
 */
function readQuickLine(reader: Reader, offset: number): number | undefined {
  const { text, cursor, lists } = reader;
  cursor.at = offset;
  const word = readName(text, cursor);
  if (word === "" || !reader.begun || text.charCodeAt(cursor.at) !== 32) return undefined;
  const defined = reader.definitions.get(word);
  const known = defined?.gate === undefined ? reader.gates.get(word) : undefined;
  const gate = defined?.gate ?? (defined === undefined ? known?.gate : undefined);
  if (gate === undefined || formals(reader) !== undefined) return undefined;
  const qubits: number[] = [];
  let angles: readonly Angle[] | undefined = noAngles;
  do {
    cursor.at += 1;
    if (text.charCodeAt(cursor.at) === 40 && qubits.length > 0) {
      angles = readPlainAngles(text, cursor, "PI");
      break;
    }
    if (text.charCodeAt(cursor.at) !== 113) return undefined;
    cursor.at += 1;
    const qubit = readPlainIndex(text, cursor);
    if (qubit < 0 || qubit >= reader.qubits || qubits.length === maxQubits) return undefined;
    if (qubits.includes(qubit)) return undefined;
    qubits.push(qubit);
  } while (text.charCodeAt(cursor.at) === 44);
  if (qubits.length !== gate.qubits || angles?.length !== gate.angles.length) return undefined;
  if (text.charCodeAt(cursor.at) === 13) cursor.at += 1;
  if (cursor.at < text.length && text.charCodeAt(cursor.at) !== 10) return undefined;
  const operation: Operation = { kind: "gate", gate: gate.name, qubits: lists.of(qubits), angles };
  add(reader, known?.power === -1 ? { ...operation, power: -1 } : operation, offset, word);
  return cursor.at + 1;
}

function commentStart(text: string, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 37 || code === 35 || (code === 47 && text.charCodeAt(at + 1) === 47)) return at;
  }
  return end;
}

// ---- tokens ------------------------------------------------------------------------------------------------------

const tokenPattern =
  /[A-Za-z_][A-Za-z0-9_]*|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|==|!=|<=|>=|&&|\|\||[\s\S]/y;

/** Reads the next token of the line; an empty token is its end. */
function next(reader: Reader): void {
  const { text } = reader;
  let at = reader.position;
  while (at < reader.lineEnd && isSpace(text.charCodeAt(at))) at += 1;
  reader.start = at;
  if (at >= reader.lineEnd) {
    reader.token = "";
    reader.position = at;
    return;
  }
  tokenPattern.lastIndex = at;
  reader.token = tokenPattern.exec(text)?.[0] ?? "";
  reader.position = at + reader.token.length;
}

/** Compares the current token; a call, because reading on changes it behind the back of type narrowing. */
function isToken(reader: Reader, token: string): boolean {
  return reader.token === token;
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || code === 0xfeff || code === 0xa0;
}

function failHere(reader: Reader, where: string, expected: string, hint?: string): never {
  const given = reader.token === "" ? "the end of the line" : quote(reader.token);
  return fail(reader.source, { where, offset: reader.start, expected, given, hint });
}

function expectToken(reader: Reader, token: string, where: string): void {
  if (reader.token !== token) failHere(reader, where, `"${token}"`);
  next(reader);
}

function endLine(reader: Reader, where: string): void {
  if (reader.token !== "") failHere(reader, where, "the end of the line");
}

function isName(token: string): boolean {
  return /^[A-Za-z_]/.test(token);
}

// ---- statements --------------------------------------------------------------------------------------------------

function readStatement(reader: Reader): void {
  const offset = reader.start;
  const word = reader.token;
  if (!isName(word)) failHere(reader, "statement", "a statement");
  next(reader);
  if (!reader.begun && word !== "QINIT") {
    fail(reader.source, {
      where: word,
      offset,
      expected: "QINIT and the number of qubits in the first line",
      given: quote(word),
    });
  }
  switch (word) {
    case "QINIT":
      return readInit(reader, offset);
    case "CREG":
      reader.clbits = readCount(reader, "CREG", 0);
      return endLine(reader, "CREG");
    case "MEASURE":
      return readMeasure(reader, offset);
    case "RESET":
      for (const qubit of readQubit(reader, "RESET"))
        add(reader, { kind: "reset", qubit }, offset, "RESET");
      return endLine(reader, "RESET");
    case "BARRIER":
      return readBarrier(reader, offset);
    case "IDLE":
      return readIdle(reader, offset);
    case "c":
      return readAssignment(reader, offset);
    default:
      if (readBlockWord(reader, word, offset)) return;
      readGate(reader, word, offset);
  }
}

function readInit(reader: Reader, offset: number): void {
  if (reader.begun)
    fail(reader.source, {
      where: "QINIT",
      offset,
      expected: "QINIT only once",
      given: "a second one",
    });
  reader.begun = true;
  reader.qubits = readCount(reader, "QINIT", 1);
  endLine(reader, "QINIT");
}

function readCount(reader: Reader, where: string, least: number): number {
  const count = Number(reader.token);
  if (!/^\d+$/.test(reader.token) || count < least || count > maxSize)
    failHere(reader, where, `a number from ${least} to ${maxSize}`);
  next(reader);
  return count;
}

/** Appends to the innermost block. */
function add(reader: Reader, operation: Operation, offset: number, where: string): void {
  const frame = reader.frames.at(-1);
  if (frame === undefined) return;
  const unitary =
    operation.kind === "gate" ||
    operation.kind === "phase" ||
    operation.kind === "barrier" ||
    operation.kind === "delay";
  if (!unitary) {
    const block = reader.frames.find(
      (one) => one.kind === "control" || one.kind === "dagger" || one.kind === "definition",
    );
    if (block !== undefined) {
      fail(reader.source, {
        where,
        offset,
        expected: `only gates in a ${blockWord(block.kind)} block`,
        given: quote(where),
      });
    }
  }
  reader.operations += 1;
  if (reader.operations > reader.maxOperations) {
    throw new QtuneError(
      "resource_exhausted",
      `the program has more than ${reader.maxOperations} operations`,
      { where: reader.source.file ?? "originir" },
    );
  }
  frame.list.push(operation);
}

function blockWord(kind: Frame["kind"]): string {
  return {
    program: "program",
    control: "CONTROL",
    dagger: "DAGGER",
    if: "QIF",
    while: "QWHILE",
    definition: "QGATE",
  }[kind];
}

/** One qubit, all of them for a bare register, or a formal qubit of the definition being read. */
function readQubit(reader: Reader, where: string): readonly number[] {
  const formal = formals(reader);
  if (formal !== undefined) {
    const index = formal.qubits.get(reader.token);
    if (index === undefined) {
      const names = [...formal.qubits.keys()];
      const near = suggest(reader.token, names);
      failHere(
        reader,
        where,
        `one of the qubits ${listNames(names)} of ${formal.name}`,
        near === undefined ? undefined : `did you mean ${near}?`,
      );
    }
    next(reader);
    return [index];
  }
  if (reader.token !== "q") failHere(reader, where, "a qubit, q[i]");
  next(reader);
  if (!isToken(reader, "[")) return Array.from({ length: reader.qubits }, (_, qubit) => qubit);
  return [readIndex(reader, where, reader.qubits, "qubit")];
}

function readClbit(reader: Reader, where: string): readonly number[] {
  if (reader.token !== "c") failHere(reader, where, "a classical bit, c[i]");
  next(reader);
  if (!isToken(reader, "[")) return Array.from({ length: reader.clbits }, (_, clbit) => clbit);
  return [readIndex(reader, where, reader.clbits, "bit")];
}

function readIndex(reader: Reader, where: string, size: number, what: string): number {
  expectToken(reader, "[", where);
  const offset = reader.start;
  const expression = readExpression(reader, where);
  const value = toAngle(expression);
  if (typeof value === "string" || !isBoundAngle(value)) {
    const hint =
      typeof value === "string" && value.includes("classical bit")
        ? "an index that depends on a measurement is not a finite circuit"
        : undefined;
    return fail(reader.source, {
      where,
      offset,
      expected: "a fixed index",
      given: quote(reader.text.slice(offset, reader.start)),
      hint,
    });
  }
  if (!Number.isInteger(value) || value < 0 || value >= size) {
    const hint =
      size === 0 ? (what === "qubit" ? undefined : "CREG says how many there are") : undefined;
    fail(reader.source, {
      where,
      offset,
      expected: size === 0 ? `no ${what}, there is none` : `an index from 0 to ${size - 1}`,
      given: String(value),
      hint,
    });
  }
  expectToken(reader, "]", where);
  return value;
}

function readMeasure(reader: Reader, offset: number): void {
  const qubits = readQubit(reader, "MEASURE");
  expectToken(reader, ",", "MEASURE");
  const clbits = readClbit(reader, "MEASURE");
  endLine(reader, "MEASURE");
  if (qubits.length !== clbits.length) {
    fail(reader.source, {
      where: "MEASURE",
      offset,
      expected: "as many qubits as bits",
      given: `${qubits.length} and ${clbits.length}`,
    });
  }
  qubits.forEach((qubit, i) =>
    add(reader, { kind: "measure", qubit, clbit: clbits[i] ?? 0 }, offset, "MEASURE"),
  );
}

function readBarrier(reader: Reader, offset: number): void {
  const whole = reader.token === "q" && formals(reader) === undefined;
  const qubits = [...readQubit(reader, "BARRIER")];
  if (
    whole &&
    reader.token === "" &&
    qubits.length === reader.qubits &&
    !reader.text.slice(offset, reader.start).includes("[")
  ) {
    return add(reader, { kind: "barrier", qubits: [] }, offset, "BARRIER");
  }
  while (reader.token === ",") {
    next(reader);
    qubits.push(...readQubit(reader, "BARRIER"));
  }
  endLine(reader, "BARRIER");
  if (new Set(qubits).size !== qubits.length)
    fail(reader.source, {
      where: "BARRIER",
      offset,
      expected: "different qubits",
      given: "one of them twice",
    });
  add(reader, { kind: "barrier", qubits }, offset, "BARRIER");
}

function readIdle(reader: Reader, offset: number): void {
  const qubits = readQubit(reader, "IDLE");
  expectToken(reader, ",", "IDLE");
  const [durationNs] = readAngles(reader, "IDLE");
  endLine(reader, "IDLE");
  if (durationNs === undefined || !isBoundAngle(durationNs) || durationNs < 0) {
    fail(reader.source, {
      where: "IDLE",
      offset,
      expected: "one duration in ns",
      given: quote(reader.text.slice(offset, reader.lineEnd)),
    });
  }
  for (const qubit of qubits)
    add(reader, { kind: "delay", qubits: [qubit], durationNs }, offset, "IDLE");
}

function readAssignment(reader: Reader, offset: number): void {
  const clbit = readIndex(reader, "assignment", reader.clbits, "bit");
  expectToken(reader, "=", "assignment");
  const begin = reader.start;
  const expression = readExpression(reader, "assignment");
  endLine(reader, "assignment");
  const value = bitValue(expression);
  if (value === undefined) {
    fail(reader.source, {
      where: "assignment",
      offset: begin,
      expected: "0, 1, a bit or its negation",
      given: quote(reader.text.slice(begin, reader.lineEnd)),
      hint: "classical values are single bits here",
    });
  }
  add(reader, { kind: "assign", clbits: [clbit], value: [value] }, offset, "assignment");
}

function bitValue(
  expression: Expression,
): 0 | 1 | { readonly clbit: number; readonly inverted?: boolean } | undefined {
  if (expression.kind === "group") return bitValue(expression.of);
  if (expression.kind === "number")
    return expression.value === 0 ? 0 : expression.value === 1 ? 1 : undefined;
  if (expression.kind === "bit") return { clbit: expression.clbit };
  if (expression.kind !== "unary" || expression.operator !== "!") return undefined;
  const inner = bitValue(expression.of);
  if (inner === undefined) return undefined;
  if (typeof inner === "number") return inner === 0 ? 1 : 0;
  return inner.inverted === true ? { clbit: inner.clbit } : { clbit: inner.clbit, inverted: true };
}

// ---- blocks ------------------------------------------------------------------------------------------------------

function push(reader: Reader, frame: Frame): void {
  if (reader.frames.length > maxDepth) {
    fail(reader.source, {
      where: blockWord(frame.kind),
      offset: frame.offset,
      expected: `blocks nested at most ${maxDepth} deep`,
      given: "one more",
    });
  }
  reader.frames.push(frame);
}

/** Handles a word that opens or closes a block; tells whether it was one. */
function readBlockWord(reader: Reader, word: string, offset: number): boolean {
  switch (word) {
    case "DAGGER":
      push(reader, { kind: "dagger", list: [], offset });
      endLine(reader, word);
      return true;
    case "CONTROL": {
      const controls = readControls(reader);
      push(reader, { kind: "control", list: [], offset, controls });
      return true;
    }
    case "ENDDAGGER":
      closeDagger(reader, offset);
      return true;
    case "ENDCONTROL":
      closeControl(reader, offset);
      return true;
    case "QGATE":
      openDefinition(reader, offset);
      return true;
    case "ENDQGATE":
      closeDefinition(reader, offset);
      return true;
    case "QIF":
    case "QWHILE": {
      let condition: Condition = { kind: "or", of: [] };
      try {
        condition = readCondition(reader, word);
      } finally {
        // open even when its condition is wrong, so that its end is not reported as well
        push(
          reader,
          word === "QIF"
            ? { kind: "if", list: [], offset, condition, then: undefined, chained: false }
            : { kind: "while", list: [], offset, condition },
        );
      }
      return true;
    }
    case "ELSE":
    case "QELSE":
    case "QELSEIF":
      readElse(reader, word, offset);
      return true;
    case "ENDQIF":
    case "QENDIF":
    case "ENDIF":
      closeIf(reader, word, offset);
      return true;
    case "ENDQWHILE":
    case "QENDWHILE": {
      const frame = pop(reader, "while", word, offset);
      const fixed = constantOf(frame.condition);
      if (fixed === false) return true;
      if (fixed === true) {
        fail(reader.source, {
          where: "QWHILE",
          offset: frame.offset,
          expected: "a condition that reads a classical bit",
          given: "one that always holds",
          hint: "the loop would never end",
        });
      }
      add(
        reader,
        {
          kind: "while",
          condition: frame.condition,
          body: frame.list,
          maxIterations: reader.maxIterations,
        },
        offset,
        "QWHILE",
      );
      return true;
    }
    default:
      return false;
  }
}

function pop<Kind extends Frame["kind"]>(
  reader: Reader,
  kind: Kind,
  word: string,
  offset: number,
): Frame & { kind: Kind } {
  const frame = reader.frames.at(-1);
  if (frame === undefined || frame.kind !== kind || reader.frames.length === 1) {
    const open =
      frame === undefined || frame.kind === "program"
        ? "no open block"
        : `an open ${blockWord(frame.kind)} block`;
    return fail(reader.source, {
      where: word,
      offset,
      expected: `an open ${blockWord(kind)} block`,
      given: open,
    });
  }
  endLine(reader, word);
  reader.frames.pop();
  return frame as Frame & { kind: Kind }; // its kind was just compared
}

function readControls(reader: Reader): readonly Control[] {
  const qubits = new Set<number>();
  for (;;) {
    const offset = reader.start;
    const [qubit = 0, ...more] = readQubit(reader, "CONTROL");
    if (more.length > 0)
      fail(reader.source, {
        where: "CONTROL",
        offset,
        expected: "single qubits",
        given: "a register",
      });
    if (qubits.has(qubit))
      fail(reader.source, {
        where: "CONTROL",
        offset,
        expected: "different qubits",
        given: "one of them twice",
      });
    qubits.add(qubit);
    if (reader.token !== ",") break;
    next(reader);
  }
  endLine(reader, "CONTROL");
  return Array.from(qubits, (qubit) => ({ qubit, value: 1 }));
}

function closeControl(reader: Reader, offset: number): void {
  const frame = pop(reader, "control", "ENDCONTROL", offset);
  const busy = new Set(frame.controls.map((control) => control.qubit));
  for (const operation of frame.list) {
    const qubits =
      operation.kind === "gate"
        ? [...operation.qubits, ...(operation.controls ?? []).map((one) => one.qubit)]
        : operation.kind === "phase"
          ? (operation.controls ?? []).map((one) => one.qubit)
          : [];
    if (qubits.some((qubit) => busy.has(qubit))) {
      fail(reader.source, {
        where: "CONTROL",
        offset: frame.offset,
        expected: "controls that the block does not act on",
        given: quote(reader.text.slice(frame.offset, lineEndAt(reader.text, frame.offset))),
      });
    }
    add(reader, withControls(operation, frame.controls), offset, "CONTROL");
  }
}

function lineEndAt(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end;
}

function closeDagger(reader: Reader, offset: number): void {
  const frame = pop(reader, "dagger", "ENDDAGGER", offset);
  for (const operation of [...frame.list].reverse())
    add(reader, daggered(operation), offset, "DAGGER");
}

function daggered(operation: Operation): Operation {
  if (operation.kind === "phase") return { ...operation, angle: scaleAngle(operation.angle, -1) };
  if (operation.kind !== "gate") return operation;
  const { power = 1, ...rest } = operation;
  return power === -1 ? rest : { ...rest, power: -power };
}

function readElse(reader: Reader, word: string, offset: number): void {
  const frame = reader.frames.at(-1);
  if (frame?.kind !== "if" || frame.then !== undefined) {
    fail(reader.source, {
      where: word,
      offset,
      expected: "an open QIF block without else",
      given: frame?.kind === "if" ? "a second else" : "none",
    });
  }
  if (word === "QELSEIF") {
    const condition = readCondition(reader, word);
    frame.then = frame.list;
    frame.list = [];
    push(reader, { kind: "if", list: [], offset, condition, then: undefined, chained: true });
    return;
  }
  endLine(reader, word);
  frame.then = frame.list;
  frame.list = [];
}

function closeIf(reader: Reader, word: string, offset: number): void {
  let chained = true;
  while (chained) {
    const frame = pop(reader, "if", word, offset);
    chained = frame.chained;
    const then = frame.then ?? frame.list;
    const fixed = constantOf(frame.condition);
    if (fixed !== undefined) {
      const otherwise = frame.then === undefined ? [] : frame.list;
      for (const operation of fixed ? then : otherwise) add(reader, operation, offset, "QIF");
      continue;
    }
    add(
      reader,
      {
        kind: "if",
        condition: frame.condition,
        then,
        ...(frame.then === undefined ? {} : { else: frame.list }),
      },
      offset,
      "QIF",
    );
  }
}

/** Returns what a condition is whatever the bits are, or nothing where it depends on them. */
function constantOf(condition: Condition): boolean | undefined {
  return conditionClbits(condition).length === 0 ? holds(condition, []) : undefined;
}

/** A list of bits means that all are 1; anything else is an expression. */
function readCondition(reader: Reader, where: string): Condition {
  const begin = reader.start;
  const bits: number[] = [];
  const expression = readExpression(reader, where);
  if (reader.token === ",") {
    const seen = new Set<number>();
    let one: Expression = expression;
    for (;;) {
      if (one.kind !== "bit")
        fail(reader.source, {
          where,
          offset: begin,
          expected: "a list of bits",
          given: quote(reader.text.slice(begin, reader.lineEnd)),
        });
      if (seen.has(one.clbit))
        fail(reader.source, {
          where,
          offset: begin,
          expected: "different bits",
          given: "one of them twice",
        });
      seen.add(one.clbit);
      bits.push(one.clbit);
      if (reader.token !== ",") break;
      next(reader);
      one = readExpression(reader, where);
    }
    endLine(reader, where);
    return { kind: "equals", clbits: bits, value: (1n << BigInt(bits.length)) - 1n };
  }
  endLine(reader, where);
  const condition = toCondition(expression);
  if (typeof condition === "string") {
    return fail(reader.source, {
      where,
      offset: begin,
      expected: "a condition over classical bits",
      given: quote(reader.text.slice(begin, reader.lineEnd)),
      hint: condition,
    });
  }
  return condition;
}

// ---- gates -------------------------------------------------------------------------------------------------------

function formals(reader: Reader): (Frame & { kind: "definition" }) | undefined {
  const frame = reader.frames[1]; // definitions stand outside of other blocks
  return frame?.kind === "definition" ? frame : undefined;
}

function readAngles(reader: Reader, where: string): readonly Angle[] {
  expectToken(reader, "(", where);
  const angles: Angle[] = [];
  for (;;) {
    const begin = reader.start;
    const angle = toAngle(readExpression(reader, where));
    if (typeof angle === "string" || !isUsableAngle(angle)) {
      fail(reader.source, {
        where,
        offset: begin,
        expected: typeof angle === "string" ? "an angle" : "an angle of at most 2^53 radian",
        given: quote(reader.text.slice(begin, reader.start)),
        hint: typeof angle === "string" ? angle : undefined,
      });
    }
    angles.push(isBoundAngle(angle) ? angle + 0 : angle); // −0 becomes 0
    if (reader.token !== ",") break;
    next(reader);
  }
  expectToken(reader, ")", where);
  return angles;
}

function readGate(reader: Reader, word: string, offset: number): void {
  const defined = reader.definitions.get(word);
  const known = defined?.gate === undefined ? reader.gates.get(word) : undefined;
  const gate = defined?.gate ?? known?.gate;
  if (defined === undefined && gate === undefined) {
    const near = suggest(word, [
      ...reader.gates.keys(),
      ...reader.definitions.keys(),
      ...statementWords,
    ]);
    fail(reader.source, {
      where: "gate",
      offset,
      expected: "a statement or a gate",
      given: quote(word),
      hint: near === undefined ? undefined : `did you mean ${near}?`,
    });
  }
  const operands: (readonly number[])[] = [readQubit(reader, word)];
  let angles = noAngles;
  while (reader.token === ",") {
    next(reader);
    if (isToken(reader, "(")) {
      angles = readAngles(reader, word);
      break;
    }
    operands.push(readQubit(reader, word));
  }
  endLine(reader, word);
  const qubits = defined?.qubits ?? gate?.qubits ?? 0;
  const wanted = defined?.angles ?? gate?.angles.length ?? 0;
  if (operands.length !== qubits)
    fail(reader.source, {
      where: word,
      offset,
      expected: `${qubits} ${qubits === 1 ? "qubit" : "qubits"}`,
      given: String(operands.length),
    });
  if (angles.length !== wanted)
    fail(reader.source, {
      where: word,
      offset,
      expected: `${wanted} ${wanted === 1 ? "angle" : "angles"}`,
      given: String(angles.length),
    });
  if (defined?.isPhase === true)
    return add(reader, { kind: "phase", angle: angles[0] ?? 0 }, offset, word);
  if (qubits === 1) {
    for (const qubit of operands[0] ?? [])
      add(
        reader,
        { kind: "gate", gate: gate?.name ?? defined?.name ?? word, qubits: [qubit], angles },
        offset,
        word,
      );
    return;
  }
  const list = operands.map((operand) => {
    if (operand.length !== 1 && reader.qubits !== 1)
      fail(reader.source, { where: word, offset, expected: "single qubits", given: "a register" });
    return operand[0] ?? 0;
  });
  if (new Set(list).size !== list.length)
    fail(reader.source, {
      where: word,
      offset,
      expected: "different qubits",
      given: "one of them twice",
    });
  const name = gate?.name ?? defined?.name ?? word;
  const operation: Operation = { kind: "gate", gate: name, qubits: list, angles };
  add(reader, known?.power === -1 ? { ...operation, power: -1 } : operation, offset, word);
}

function openDefinition(reader: Reader, offset: number): void {
  const name = reader.token;
  if (!isName(name)) failHere(reader, "QGATE", "a name for the gate");
  if (reader.frames.length > 1)
    fail(reader.source, {
      where: "QGATE",
      offset,
      expected: "QGATE outside of other blocks",
      given: "one inside",
    });
  const spellings = reader.gates.get(name)?.gate.spellings;
  const isOfBoth =
    spellings?.originir.origin === "language" && spellings.originir2.origin === "language";
  if (
    reader.definitions.has(name) ||
    isOfBoth ||
    (statementWords as readonly string[]).includes(name)
  ) {
    failHere(reader, "QGATE", "a name that is not in use");
  }
  next(reader);
  const qubits = new Map<string, number>();
  const parameters = new Map<string, number>();
  readFormals(reader, qubits, parameters, "a qubit");
  if (reader.token === "(") {
    next(reader);
    readFormals(reader, parameters, qubits, "a parameter");
    expectToken(reader, ")", "QGATE");
  }
  endLine(reader, "QGATE");
  push(reader, { kind: "definition", list: [], offset, name, qubits, parameters });
}

/** `a,b,c`, up to the bracket of the parameters or the end. */
function readFormals(
  reader: Reader,
  into: Map<string, number>,
  others: ReadonlyMap<string, number>,
  what: string,
): void {
  for (;;) {
    if (!isName(reader.token)) failHere(reader, "QGATE", what);
    if (into.has(reader.token) || others.has(reader.token))
      failHere(reader, "QGATE", "distinct names");
    into.set(reader.token, into.size);
    next(reader);
    if (reader.token !== ",") return;
    next(reader);
    if (isToken(reader, "(")) return;
  }
}

function closeDefinition(reader: Reader, offset: number): void {
  const frame = pop(reader, "definition", "ENDQGATE", offset);
  const [first] = frame.list;
  const leads = first?.kind === "phase" && first.controls === undefined;
  const tableName = findGate(frame.name) !== undefined;
  const definition: GateDefinition = {
    name: tableName ? `${frame.name}_` : frame.name,
    parameters: [...frame.parameters.keys()],
    qubits: frame.qubits.size,
    body: leads ? frame.list.slice(1) : frame.list,
    ...(leads && first.angle !== 0 ? { globalPhase: first.angle } : {}),
  };
  const counts = { qubits: frame.qubits.size, angles: frame.parameters.size };
  const own =
    findOwnGate("originir", frame.name, definition) ??
    findOwnGate("originir2", frame.name, definition);
  if (own !== undefined) {
    reader.definitions.set(frame.name, { name: own.name, ...counts, gate: own });
    return;
  }
  const [only] = definition.body;
  const isPhase =
    frame.name === phaseGate &&
    definition.body.length === 1 &&
    only?.kind === "gate" &&
    only.gate === "U4" &&
    counts.qubits === 1 &&
    counts.angles === 1;
  reader.definitions.set(
    frame.name,
    isPhase
      ? { name: frame.name, ...counts, isPhase: true }
      : { name: definition.name, ...counts, definition },
  );
}

// ---- expressions -------------------------------------------------------------------------------------------------

function readExpression(reader: Reader, where: string, level = 0): Expression {
  const operators = levels[level];
  if (operators === undefined) return readUnary(reader, where);
  let left = readExpression(reader, where, level + 1);
  for (let terms = 0; operators.includes(reader.token as BinaryOperator); terms++) {
    if (terms === maxTerms) failHere(reader, where, `at most ${maxTerms} terms in an expression`);
    const operator = reader.token as BinaryOperator; // it is in the list
    next(reader);
    left = { kind: "binary", operator, left, right: readExpression(reader, where, level + 1) };
  }
  return left;
}

function deeper(reader: Reader, where: string): void {
  reader.depth += 1;
  if (reader.depth > maxExpressionDepth)
    failHere(reader, where, `an expression nested at most ${maxExpressionDepth} deep`);
}

function formalNames(formal: Frame & { kind: "definition" }): string {
  return formal.parameters.size === 0
    ? "a number or PI"
    : `a number, PI or one of ${listNames([...formal.parameters.keys()])}`;
}

function readUnary(reader: Reader, where: string): Expression {
  const { token } = reader;
  if (token === "-" || token === "!" || token === "+") {
    deeper(reader, where);
    next(reader);
    const of = readUnary(reader, where);
    reader.depth -= 1;
    return token === "+" ? of : { kind: "unary", operator: token, of };
  }
  if (token === "(") {
    deeper(reader, where);
    next(reader);
    const of = readExpression(reader, where);
    expectToken(reader, ")", where);
    reader.depth -= 1;
    return { kind: "group", of };
  }
  if (/^[\d.]/.test(token)) {
    const value = Number(token);
    if (!Number.isFinite(value)) failHere(reader, where, "a number below 1.8e308");
    next(reader);
    return { kind: "number", value, text: token };
  }
  if (token === "PI" || token === "pi") {
    next(reader);
    return { kind: "number", value: Math.PI, text: token };
  }
  const formal = formals(reader);
  if (formal?.parameters.has(token) === true) {
    next(reader);
    return { kind: "parameter", name: token };
  }
  if (token !== "c")
    failHere(
      reader,
      where,
      formal === undefined ? "a number, PI or a classical bit" : formalNames(formal),
    );
  next(reader);
  return { kind: "bit", clbit: readIndex(reader, where, reader.clbits, "bit") };
}
