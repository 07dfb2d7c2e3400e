/**
 * Reads OpenQASM 3 into a syntax tree, by recursive descent over the complete grammar (reference grammar 3.1).
 *
 * Mapping to the reference grammar: a node's `rule` is the rule's name there and its children stand in the same order,
 * tokens included; a token of ours is a leaf with the same text. Calibration blocks, pragma and annotation contents are
 * kept verbatim as one leaf. Binary chains are left-associative nodes, `**` is right-associative, as there.
 */
import {
  createSource,
  fail,
  report,
  type Source,
  StatementFault,
  throwIssues,
} from "../text/source.ts";
import {
  annotationAt,
  calibrationAt,
  lineAt,
  stringAt,
  type Token,
  tokenAt,
  versionAt,
} from "./tokens.ts";

/** A node of the syntax tree. */
export interface SyntaxNode {
  /** Name of the rule in the reference grammar. */
  readonly rule: string;
  readonly children: readonly SyntaxItem[];
  readonly start: number;
  readonly end: number;
}

/** A node or a token. */
export type SyntaxItem = SyntaxNode | Token;

/** Tells whether an item is a node, of one rule if given. */
export function isNode(item: SyntaxItem | undefined, rule?: string): item is SyntaxNode {
  return item !== undefined && "rule" in item && (rule === undefined || item.rule === rule);
}

/** Tells whether an item is a token, of one text if given. */
export function isToken(item: SyntaxItem | undefined, text?: string): item is Token {
  return item !== undefined && "kind" in item && (text === undefined || item.text === text);
}

/** A text that is being read, with one token of look-ahead. */
export interface SyntaxReader {
  readonly source: Source;
  token: Token;
  depth: number;
}

const maxDepth = 256;
const maxTerms = 4000;

/** Creates a reader; its first token is read. */
export function createSyntaxReader(source: Source): SyntaxReader {
  const reader: SyntaxReader = {
    source,
    token: { kind: "end", text: "", start: 0, end: 0 },
    depth: 0,
  };
  if (!tryAdvance(reader, 0)) recover(reader, 0);
  return reader;
}

/**
 * Returns the syntax tree of a program, rule `program`.
 *
 * Cost:   linear.
 * Errors: invalid_argument with up to 20 issues.
 */
export function parseQasm3Syntax(
  text: string,
  options: { readonly fileName?: string | undefined } = {},
): SyntaxNode {
  const source = createSource(text, options.fileName);
  const reader = createSyntaxReader(source);
  const children: SyntaxItem[] = [];
  forEachStatement(reader, (node) => void children.push(node));
  throwIssues(source);
  children.push({ kind: "end", text: "<EOF>", start: text.length, end: text.length });
  return { rule: "program", children, start: 0, end: text.length };
}

/**
 * Reads statement by statement; one that is wrong is reported and skipped.
 *
 * @param quick may deal with a statement by itself: given its offset, it returns the offset behind it, or nothing.
 */
export function forEachStatement(
  reader: SyntaxReader,
  visit: (node: SyntaxNode) => void,
  quick: (offset: number) => number | undefined = () => undefined,
): void {
  const { source } = reader;
  let first = true;
  while (reader.token.kind !== "end") {
    const begin = reader.token.start;
    let isRead = false;
    try {
      let behind = reader.token.kind === "name" ? quick(begin) : undefined;
      if (behind !== undefined) {
        first = false;
        // as many in a row as there are, without a token for each
        for (let next: number | undefined = behind; next !== undefined;) {
          behind = next;
          next = quick(skipBlank(source.text, behind));
        }
        advance(reader, behind);
        continue;
      }
      const isVersion = first && isWord(reader, "OPENQASM");
      first = false;
      const statement = isVersion ? readVersion(reader) : readStatementOrScope(reader);
      isRead = true;
      visit(statement);
    } catch (error) {
      if (!(error instanceof StatementFault)) throw error;
      reader.depth = 0;
      if (source.problems > 10 * source.maxIssues) return;
      if (!isRead) recover(reader, begin); // else the fault is in what it means, and the next one stands ready
    }
  }
}

/** White space alone; a comment is left to the tokens. */
function skipBlank(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code === 32 || code === 10 || code === 13 || code === 9;)
    code = text.charCodeAt(++at);
  return at;
}

/** Skips to behind the next `;` or `}`, always forward. */
function recover(reader: SyntaxReader, begin: number): void {
  const { text } = reader.source;
  for (let at = Math.max(reader.token.start, begin + 1); at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 59 && code !== 125) continue;
    if (tryAdvance(reader, at + 1)) return;
  }
  reader.token = { kind: "end", text: "", start: text.length, end: text.length };
}

function tryAdvance(reader: SyntaxReader, from: number): boolean {
  try {
    advance(reader, from);
    return true;
  } catch (error) {
    if (error instanceof StatementFault) return false;
    throw error;
  }
}

function advance(reader: SyntaxReader, from: number): void {
  // the current token stays where it is when the next one is bad, so that recovery goes on from there
  reader.token = { kind: "end", text: "", start: from, end: from };
  reader.token = tokenAt(reader.source, from);
}

function isWord(reader: SyntaxReader, text: string): boolean {
  const { kind } = reader.token;
  return reader.token.text === text && (kind === "keyword" || kind === "symbol");
}

function given(reader: SyntaxReader): string {
  const { kind, text } = reader.token;
  return kind === "end"
    ? "the end of the file"
    : JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}

function failHere(reader: SyntaxReader, where: string, expected: string, hint?: string): never {
  return fail(reader.source, {
    where,
    offset: reader.token.start,
    expected,
    given: given(reader),
    hint,
  });
}

/** Takes the current token. */
function take(reader: SyntaxReader): Token {
  const { token } = reader;
  advance(reader, token.end);
  return token;
}

function expectWord(reader: SyntaxReader, text: string, where: string): Token {
  if (!isWord(reader, text)) failHere(reader, where, `"${text}"`);
  return take(reader);
}

function takeName(reader: SyntaxReader, where: string): Token {
  if (reader.token.kind !== "name")
    failHere(
      reader,
      where,
      "a name",
      reader.token.kind === "keyword" ? `${reader.token.text} is a keyword` : undefined,
    );
  return take(reader);
}

function node(rule: string, children: readonly SyntaxItem[]): SyntaxNode {
  return { rule, children, start: children[0]?.start ?? 0, end: children.at(-1)?.end ?? 0 };
}

function enter(reader: SyntaxReader, where: string): void {
  reader.depth += 1;
  if (reader.depth > maxDepth) failHere(reader, where, `nesting at most ${maxDepth} deep`);
}

// ---- statements --------------------------------------------------------------------------------------------------

function readVersion(reader: SyntaxReader): SyntaxNode {
  const { token } = reader;
  const version = versionAt(reader.source, token.end);
  if (version === undefined) {
    advance(reader, token.end);
    return failHere(reader, "OPENQASM", "a version like 3.0");
  }
  advance(reader, version.end);
  return node("version", [token, version, expectWord(reader, ";", "OPENQASM")]);
}

function readStatementOrScope(reader: SyntaxReader): SyntaxNode {
  enter(reader, "statement");
  const inner = isWord(reader, "{") ? readScope(reader) : readStatement(reader);
  reader.depth -= 1;
  return node("statementOrScope", [inner]);
}

function readScope(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [expectWord(reader, "{", "block")];
  while (!isWord(reader, "}")) {
    if (reader.token.kind === "end") failHere(reader, "block", '"}"');
    children.push(readStatementOrScope(reader));
  }
  children.push(take(reader));
  return node("scope", children);
}

function readStatement(reader: SyntaxReader): SyntaxNode {
  if (isWord(reader, "pragma") || isWord(reader, "#pragma"))
    return node("statement", [readPragma(reader)]);
  const children: SyntaxItem[] = [];
  while (isWord(reader, "@")) children.push(readAnnotation(reader));
  children.push(readPlainStatement(reader));
  return node("statement", children);
}

function readPragma(reader: SyntaxReader): SyntaxNode {
  const { token } = reader;
  const content = lineAt(reader.source, token.end);
  if (content === undefined) {
    advance(reader, token.end);
    return failHere(reader, "pragma", "something in the same line");
  }
  advance(reader, content.end);
  return node("pragma", [token, content]);
}

function readAnnotation(reader: SyntaxReader): SyntaxNode {
  const keyword = annotationAt(reader.source, reader.token.start);
  if (keyword === undefined) return failHere(reader, "annotation", "a name directly behind @");
  const content = lineAt(reader.source, keyword.end);
  advance(reader, content?.end ?? keyword.end);
  return node("annotation", content === undefined ? [keyword] : [keyword, content]);
}

function readPlainStatement(reader: SyntaxReader): SyntaxNode {
  const { kind, text } = reader.token;
  if (kind === "keyword") {
    const read = Object.hasOwn(statementReaders, text) ? statementReaders[text] : undefined;
    if (read !== undefined) return read(reader);
    if (isTypeWord(text)) return readDeclarationOrCast(reader);
  }
  if (kind === "name") return readNameStatement(reader);
  return readExpressionStatement(reader);
}

type Read = (reader: SyntaxReader) => SyntaxNode;

/** Statements that are one keyword and a semicolon. */
const bare =
  (rule: string): Read =>
  (reader) => {
    const word = take(reader);
    return node(rule, [word, expectWord(reader, ";", word.text)]);
  };

const statementReaders: Readonly<Record<string, Read>> = {
  OPENQASM: (reader) =>
    failHere(reader, "OPENQASM", "the version line only once, before everything else"),
  break: bare("breakStatement"),
  continue: bare("continueStatement"),
  end: bare("endStatement"),
  include: readInclude,
  defcalgrammar: readCalibrationGrammar,
  if: readIf,
  while: readWhile,
  for: readFor,
  switch: readSwitch,
  return: readReturn,
  barrier: (reader) => readOperands(reader, "barrierStatement"),
  nop: (reader) => readOperands(reader, "nopStatement"),
  reset: readReset,
  delay: readDelay,
  box: readBox,
  let: readAlias,
  const: readConst,
  input: readIo,
  output: readIo,
  qreg: readOldStyle,
  creg: readOldStyle,
  qubit: readQubit,
  array: (reader) => readDeclarationOrCast(reader),
  def: readDef,
  extern: readExtern,
  gate: readGate,
  cal: readCal,
  defcal: readDefcal,
  measure: readMeasure,
  gphase: (reader) => readGateCall(reader, []),
  inv: (reader) => readGateCall(reader, []),
  pow: (reader) => readGateCall(reader, []),
  ctrl: (reader) => readGateCall(reader, []),
  negctrl: (reader) => readGateCall(reader, []),
};

function readString(reader: SyntaxReader, rule: string): SyntaxNode {
  const word = reader.token;
  const text = stringAt(reader.source, word.end);
  if (text === undefined) {
    advance(reader, word.end);
    return failHere(reader, word.text, "a text in quotes");
  }
  advance(reader, text.end);
  return node(rule, [word, text, expectWord(reader, ";", word.text)]);
}

function readInclude(reader: SyntaxReader): SyntaxNode {
  return readString(reader, "includeStatement");
}

function readCalibrationGrammar(reader: SyntaxReader): SyntaxNode {
  return readString(reader, "calibrationGrammarStatement");
}

function readIf(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [
    take(reader),
    expectWord(reader, "(", "if"),
    readExpression(reader),
    expectWord(reader, ")", "if"),
    readStatementOrScope(reader),
  ];
  if (isWord(reader, "else")) children.push(take(reader), readStatementOrScope(reader));
  return node("ifStatement", children);
}

function readWhile(reader: SyntaxReader): SyntaxNode {
  return node("whileStatement", [
    take(reader),
    expectWord(reader, "(", "while"),
    readExpression(reader),
    expectWord(reader, ")", "while"),
    readStatementOrScope(reader),
  ]);
}

function readFor(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [
    take(reader),
    readScalarType(reader, "for"),
    takeName(reader, "for"),
    expectWord(reader, "in", "for"),
  ];
  if (isWord(reader, "{")) children.push(readSet(reader));
  else if (isWord(reader, "["))
    children.push(take(reader), readRange(reader), expectWord(reader, "]", "for"));
  else children.push(readExpression(reader));
  children.push(readStatementOrScope(reader));
  return node("forStatement", children);
}

function readSwitch(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [
    take(reader),
    expectWord(reader, "(", "switch"),
    readExpression(reader),
    expectWord(reader, ")", "switch"),
    expectWord(reader, "{", "switch"),
  ];
  while (!isWord(reader, "}")) {
    if (isWord(reader, "case"))
      children.push(
        node("switchCaseItem", [take(reader), readExpressionList(reader), readScope(reader)]),
      );
    else if (isWord(reader, "default"))
      children.push(node("switchCaseItem", [take(reader), readScope(reader)]));
    else failHere(reader, "switch", '"case", "default" or "}"');
  }
  children.push(take(reader));
  return node("switchStatement", children);
}

function readReturn(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [take(reader)];
  if (!isWord(reader, ";"))
    children.push(
      isWord(reader, "measure") ? readMeasureExpression(reader) : readExpression(reader),
    );
  children.push(expectWord(reader, ";", "return"));
  return node("returnStatement", children);
}

/** `barrier` and `nop`: operands are optional. */
function readOperands(reader: SyntaxReader, rule: string): SyntaxNode {
  const word = take(reader);
  const children: SyntaxItem[] = [word];
  if (!isWord(reader, ";")) children.push(readOperandList(reader));
  children.push(expectWord(reader, ";", word.text));
  return node(rule, children);
}

function readReset(reader: SyntaxReader): SyntaxNode {
  return node("resetStatement", [
    take(reader),
    readOperand(reader, "reset"),
    expectWord(reader, ";", "reset"),
  ]);
}

function readDelay(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [take(reader), readDesignator(reader, "delay")];
  if (!isWord(reader, ";")) children.push(readOperandList(reader));
  children.push(expectWord(reader, ";", "delay"));
  return node("delayStatement", children);
}

function readBox(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [take(reader)];
  if (isWord(reader, "[")) children.push(readDesignator(reader, "box"));
  children.push(readScope(reader));
  return node("boxStatement", children);
}

function readAlias(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [
    take(reader),
    takeName(reader, "let"),
    expectWord(reader, "=", "let"),
  ];
  const parts: SyntaxItem[] = [readExpression(reader)];
  while (isWord(reader, "++")) parts.push(take(reader), readExpression(reader));
  children.push(node("aliasExpression", parts), expectWord(reader, ";", "let"));
  return node("aliasDeclarationStatement", children);
}

function readConst(reader: SyntaxReader): SyntaxNode {
  return node("constDeclarationStatement", [
    take(reader),
    readScalarType(reader, "const"),
    takeName(reader, "const"),
    expectWord(reader, "=", "const"),
    readDeclarationExpression(reader),
    expectWord(reader, ";", "const"),
  ]);
}

function readIo(reader: SyntaxReader): SyntaxNode {
  const word = take(reader);
  const type = isWord(reader, "array") ? readArrayType(reader) : readScalarType(reader, word.text);
  return node("ioDeclarationStatement", [
    word,
    type,
    takeName(reader, word.text),
    expectWord(reader, ";", word.text),
  ]);
}

function readOldStyle(reader: SyntaxReader): SyntaxNode {
  const word = take(reader);
  const children: SyntaxItem[] = [word, takeName(reader, word.text)];
  if (isWord(reader, "[")) children.push(readDesignator(reader, word.text));
  children.push(expectWord(reader, ";", word.text));
  return node("oldStyleDeclarationStatement", children);
}

function readQubit(reader: SyntaxReader): SyntaxNode {
  return node("quantumDeclarationStatement", [
    readQubitType(reader),
    takeName(reader, "qubit"),
    expectWord(reader, ";", "qubit"),
  ]);
}

function readQubitType(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [take(reader)];
  if (isWord(reader, "[")) children.push(readDesignator(reader, "qubit"));
  return node("qubitType", children);
}

/** A type word starts a declaration, or a cast in an expression statement. */
function readDeclarationOrCast(reader: SyntaxReader): SyntaxNode {
  const type = isWord(reader, "array")
    ? readArrayType(reader)
    : readScalarType(reader, "declaration");
  if (isWord(reader, "("))
    return finishExpressionStatement(reader, readExpressionFrom(reader, finishCast(reader, type)));
  const children: SyntaxItem[] = [type, takeName(reader, "declaration")];
  if (isWord(reader, "=")) children.push(take(reader), readDeclarationExpression(reader));
  children.push(expectWord(reader, ";", "declaration"));
  return node("classicalDeclarationStatement", children);
}

function readDeclarationExpression(reader: SyntaxReader): SyntaxNode {
  if (isWord(reader, "{")) return node("declarationExpression", [readArrayLiteral(reader)]);
  return node("declarationExpression", [
    isWord(reader, "measure") ? readMeasureExpression(reader) : readExpression(reader),
  ]);
}

function readArrayLiteral(reader: SyntaxReader): SyntaxNode {
  enter(reader, "array");
  const children: SyntaxItem[] = [take(reader)];
  while (!isWord(reader, "}")) {
    children.push(isWord(reader, "{") ? readArrayLiteral(reader) : readExpression(reader));
    if (!isWord(reader, ",")) break;
    children.push(take(reader));
  }
  children.push(expectWord(reader, "}", "array"));
  reader.depth -= 1;
  return node("arrayLiteral", children);
}

function readMeasureExpression(reader: SyntaxReader): SyntaxNode {
  return node("measureExpression", [take(reader), readOperand(reader, "measure")]);
}

function readMeasure(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [readMeasureExpression(reader)];
  if (isWord(reader, "->")) children.push(take(reader), readIndexedIdentifier(reader, "measure"));
  children.push(expectWord(reader, ";", "measure"));
  return node("measureArrowAssignmentStatement", children);
}

function readDef(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [
    take(reader),
    takeName(reader, "def"),
    expectWord(reader, "(", "def"),
  ];
  if (!isWord(reader, ")"))
    children.push(
      readList(reader, "argumentDefinitionList", () => readArgumentDefinition(reader), ")"),
    );
  children.push(expectWord(reader, ")", "def"));
  if (isWord(reader, "->")) children.push(readReturnSignature(reader));
  children.push(readScope(reader));
  return node("defStatement", children);
}

function readReturnSignature(reader: SyntaxReader): SyntaxNode {
  return node("returnSignature", [take(reader), readScalarType(reader, "->")]);
}

function readExtern(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [
    take(reader),
    takeName(reader, "extern"),
    expectWord(reader, "(", "extern"),
  ];
  if (!isWord(reader, ")"))
    children.push(readList(reader, "externArgumentList", () => readExternArgument(reader), ")"));
  children.push(expectWord(reader, ")", "extern"));
  if (isWord(reader, "->")) children.push(readReturnSignature(reader));
  children.push(expectWord(reader, ";", "extern"));
  return node("externStatement", children);
}

function readExternArgument(reader: SyntaxReader): SyntaxNode {
  if (isWord(reader, "readonly") || isWord(reader, "mutable"))
    return node("externArgument", [readArrayReferenceType(reader)]);
  if (isWord(reader, "creg")) {
    const children: SyntaxItem[] = [take(reader)];
    if (isWord(reader, "[")) children.push(readDesignator(reader, "extern"));
    return node("externArgument", children);
  }
  return node("externArgument", [readScalarType(reader, "extern")]);
}

function readArgumentDefinition(reader: SyntaxReader): SyntaxNode {
  if (isWord(reader, "readonly") || isWord(reader, "mutable")) {
    return node("argumentDefinition", [readArrayReferenceType(reader), takeName(reader, "def")]);
  }
  if (isWord(reader, "creg") || isWord(reader, "qreg")) {
    const children: SyntaxItem[] = [take(reader), takeName(reader, "def")];
    if (isWord(reader, "[")) children.push(readDesignator(reader, "def"));
    return node("argumentDefinition", children);
  }
  const type = isWord(reader, "qubit") ? readQubitType(reader) : readScalarType(reader, "def");
  return node("argumentDefinition", [type, takeName(reader, "def")]);
}

function readGate(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [take(reader), takeName(reader, "gate")];
  if (isWord(reader, "(")) {
    children.push(take(reader));
    if (!isWord(reader, ")"))
      children.push(readList(reader, "identifierList", () => takeName(reader, "gate"), ")"));
    children.push(expectWord(reader, ")", "gate"));
  }
  children.push(
    readList(reader, "identifierList", () => takeName(reader, "gate"), "{"),
    readScope(reader),
  );
  return node("gateStatement", children);
}

function readCal(reader: SyntaxReader): SyntaxNode {
  return node("calStatement", [take(reader), ...readCalibrationBlock(reader, "cal")]);
}

/** `{`, the text between, `}`; only then goes reading on. */
function readCalibrationBlock(reader: SyntaxReader, where: string): readonly SyntaxItem[] {
  if (!isWord(reader, "{")) failHere(reader, where, '"{"');
  const open = reader.token;
  const { token, end } = calibrationAt(reader.source, open.end);
  const close: Token = { kind: "symbol", text: "}", start: end, end: end + 1 };
  advance(reader, end + 1);
  return token === undefined ? [open, close] : [open, token, close];
}

function readDefcal(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [take(reader)];
  const isTarget =
    reader.token.kind === "name" ||
    isWord(reader, "measure") ||
    isWord(reader, "reset") ||
    isWord(reader, "delay");
  if (!isTarget) failHere(reader, "defcal", "a gate, measure, reset or delay");
  children.push(node("defcalTarget", [take(reader)]));
  if (isWord(reader, "(")) {
    children.push(take(reader));
    if (!isWord(reader, ")"))
      children.push(
        readList(reader, "defcalArgumentDefinitionList", () => readDefcalArgument(reader), ")"),
      );
    children.push(expectWord(reader, ")", "defcal"));
  }
  children.push(readList(reader, "defcalOperandList", () => readDefcalOperand(reader), "{"));
  if (isWord(reader, "->")) children.push(readReturnSignature(reader));
  children.push(...readCalibrationBlock(reader, "defcal"));
  return node("defcalStatement", children);
}

function readDefcalOperand(reader: SyntaxReader): SyntaxNode {
  if (reader.token.kind !== "name" && reader.token.kind !== "hardwareQubit")
    failHere(reader, "defcal", "a qubit");
  return node("defcalOperand", [take(reader)]);
}

function readDefcalArgument(reader: SyntaxReader): SyntaxNode {
  const { kind, text } = reader.token;
  const declares =
    kind === "keyword" &&
    (isTypeWord(text) || ["qubit", "creg", "qreg", "readonly", "mutable"].includes(text));
  return node("defcalArgumentDefinition", [
    declares ? readArgumentDefinition(reader) : readExpression(reader),
  ]);
}

/** `x (, x)* ,?` up to a closing symbol. */
function readList(
  reader: SyntaxReader,
  rule: string,
  read: () => SyntaxItem,
  close: string,
): SyntaxNode {
  const children: SyntaxItem[] = [read()];
  while (isWord(reader, ",")) {
    children.push(take(reader));
    if (isWord(reader, close)) break;
    children.push(read());
  }
  return node(rule, children);
}

// ---- statements that start with a name ---------------------------------------------------------------------------

const assignmentOperators: ReadonlySet<string> = new Set([
  "=",
  "+=",
  "-=",
  "*=",
  "/=",
  "&=",
  "|=",
  "~=",
  "^=",
  "<<=",
  ">>=",
  "%=",
  "**=",
]);

/** A gate call, an assignment or an expression: what follows the name decides. */
function readNameStatement(reader: SyntaxReader): SyntaxNode {
  const name = take(reader);
  if (startsOperand(reader)) return finishGateCall(reader, [name]);
  if (isWord(reader, "(")) {
    const open = take(reader);
    const inner = isWord(reader, ")")
      ? [open, take(reader)]
      : [open, readExpressionList(reader, ")"), expectWord(reader, ")", name.text)];
    if (startsOperand(reader)) return finishGateCall(reader, [name, ...inner]);
    if (isWord(reader, "[")) {
      // `g(1)[100ns] q;` is a gate with a duration, `f(1)[0];` an expression
      const designator = readIndexOperator(reader);
      if (startsOperand(reader))
        return finishGateCall(reader, [name, ...inner, asDesignator(reader, designator)]);
      const call = node("expression", [node("expression", [name, ...inner]), designator]);
      return finishExpressionStatement(
        reader,
        readExpressionFrom(reader, readIndexes(reader, call)),
      );
    }
    return finishExpressionStatement(
      reader,
      readExpressionFrom(reader, node("expression", [name, ...inner])),
    );
  }
  const indexes: SyntaxNode[] = [];
  while (isWord(reader, "[")) indexes.push(readIndexOperator(reader));
  const [only] = indexes;
  if (indexes.length === 1 && only !== undefined && startsOperand(reader))
    return finishGateCall(reader, [name, asDesignator(reader, only)]);
  if (assignmentOperators.has(reader.token.text) && reader.token.kind === "symbol") {
    const target = node("indexedIdentifier", [name, ...indexes]);
    const operator = take(reader);
    const value = isWord(reader, "measure")
      ? readMeasureExpression(reader)
      : readExpression(reader);
    return node("assignmentStatement", [
      target,
      operator,
      value,
      expectWord(reader, ";", "assignment"),
    ]);
  }
  const left = indexes.reduce(
    (inner, index) => node("expression", [inner, index]),
    node("expression", [name]),
  );
  return finishExpressionStatement(reader, readExpressionFrom(reader, left));
}

/** Reads an index operator as the designator that it is after a gate's name. */
function asDesignator(reader: SyntaxReader, index: SyntaxNode): SyntaxNode {
  const [open, value, close, more] = index.children;
  if (
    more !== undefined ||
    !isNode(value, "expression") ||
    open === undefined ||
    close === undefined
  ) {
    return fail(reader.source, {
      where: "gate",
      offset: index.start,
      expected: "one duration",
      given: JSON.stringify(reader.source.text.slice(index.start, index.end)),
    });
  }
  return node("designator", index.children);
}

function startsOperand(reader: SyntaxReader): boolean {
  return reader.token.kind === "name" || reader.token.kind === "hardwareQubit";
}

function readGateCall(reader: SyntaxReader, before: readonly SyntaxItem[]): SyntaxNode {
  const children: SyntaxItem[] = [...before];
  while (
    isWord(reader, "inv") ||
    isWord(reader, "pow") ||
    isWord(reader, "ctrl") ||
    isWord(reader, "negctrl")
  ) {
    children.push(readModifier(reader));
  }
  if (!isWord(reader, "gphase") && reader.token.kind !== "name") failHere(reader, "gate", "a gate");
  const isPhase = isWord(reader, "gphase");
  children.push(take(reader));
  if (isWord(reader, "(")) {
    children.push(take(reader));
    if (!isWord(reader, ")")) children.push(readExpressionList(reader, ")"));
    children.push(expectWord(reader, ")", "gate"));
  }
  if (isWord(reader, "[")) children.push(readDesignator(reader, "gate"));
  if (isPhase && isWord(reader, ";")) return node("gateCallStatement", [...children, take(reader)]);
  return finishGateCall(reader, children);
}

function finishGateCall(reader: SyntaxReader, children: readonly SyntaxItem[]): SyntaxNode {
  return node("gateCallStatement", [
    ...children,
    readOperandList(reader),
    expectWord(reader, ";", "gate"),
  ]);
}

function readModifier(reader: SyntaxReader): SyntaxNode {
  const word = take(reader);
  const children: SyntaxItem[] = [word];
  if (word.text === "pow" || (word.text !== "inv" && isWord(reader, "("))) {
    children.push(
      expectWord(reader, "(", word.text),
      readExpression(reader),
      expectWord(reader, ")", word.text),
    );
  }
  children.push(expectWord(reader, "@", word.text));
  return node("gateModifier", children);
}

function readOperandList(reader: SyntaxReader): SyntaxNode {
  return readList(reader, "gateOperandList", () => readOperand(reader, "operand"), ";");
}

function readOperand(reader: SyntaxReader, where: string): SyntaxNode {
  if (reader.token.kind === "hardwareQubit") return node("gateOperand", [take(reader)]);
  if (reader.token.kind !== "name") failHere(reader, where, "a qubit");
  return node("gateOperand", [readIndexedIdentifier(reader, where)]);
}

function readIndexedIdentifier(reader: SyntaxReader, where: string): SyntaxNode {
  const children: SyntaxItem[] = [takeName(reader, where)];
  while (isWord(reader, "[")) children.push(readIndexOperator(reader));
  return node("indexedIdentifier", children);
}

function readExpressionStatement(reader: SyntaxReader): SyntaxNode {
  return finishExpressionStatement(reader, readExpression(reader));
}

function finishExpressionStatement(reader: SyntaxReader, expression: SyntaxNode): SyntaxNode {
  return node("expressionStatement", [expression, expectWord(reader, ";", "statement")]);
}

// ---- types -------------------------------------------------------------------------------------------------------

const scalarWords: ReadonlySet<string> = new Set([
  "bit",
  "int",
  "uint",
  "float",
  "angle",
  "bool",
  "duration",
  "stretch",
  "complex",
]);
const sizedWords: ReadonlySet<string> = new Set(["bit", "int", "uint", "float", "angle"]);

function isTypeWord(text: string): boolean {
  return scalarWords.has(text) || text === "array";
}

function readScalarType(reader: SyntaxReader, where: string): SyntaxNode {
  if (reader.token.kind !== "keyword" || !scalarWords.has(reader.token.text))
    failHere(reader, where, "a type");
  const word = take(reader);
  const children: SyntaxItem[] = [word];
  if (isWord(reader, "[")) {
    if (sizedWords.has(word.text)) children.push(readDesignator(reader, word.text));
    else if (word.text === "complex")
      children.push(
        take(reader),
        readScalarType(reader, "complex"),
        expectWord(reader, "]", "complex"),
      );
    else failHere(reader, where, `no size behind ${word.text}`);
  }
  return node("scalarType", children);
}

function readDesignator(reader: SyntaxReader, where: string): SyntaxNode {
  return node("designator", [
    expectWord(reader, "[", where),
    readExpression(reader),
    expectWord(reader, "]", where),
  ]);
}

function readArrayType(reader: SyntaxReader): SyntaxNode {
  return node("arrayType", [
    take(reader),
    expectWord(reader, "[", "array"),
    readScalarType(reader, "array"),
    expectWord(reader, ",", "array"),
    readExpressionList(reader, "]"),
    expectWord(reader, "]", "array"),
  ]);
}

function readArrayReferenceType(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [
    take(reader),
    expectWord(reader, "array", "array"),
    expectWord(reader, "[", "array"),
    readScalarType(reader, "array"),
    expectWord(reader, ",", "array"),
  ];
  if (isWord(reader, "#dim"))
    children.push(take(reader), expectWord(reader, "=", "array"), readExpression(reader));
  else children.push(readExpressionList(reader, "]"));
  children.push(expectWord(reader, "]", "array"));
  return node("arrayReferenceType", children);
}

// ---- expressions -------------------------------------------------------------------------------------------------

/** Binary operators, loosest first. */
const binaryLevels: readonly ReadonlySet<string>[] = [
  new Set(["||"]),
  new Set(["&&"]),
  new Set(["|"]),
  new Set(["^"]),
  new Set(["&"]),
  new Set(["==", "!="]),
  new Set([">", "<", ">=", "<="]),
  new Set(["<<", ">>"]),
  new Set(["+", "-"]),
  new Set(["*", "/", "%"]),
];
const levelOf: ReadonlyMap<string, number> = new Map(
  binaryLevels.flatMap((set, level) => [...set].map((operator) => [operator, level] as const)),
);

function readExpression(reader: SyntaxReader): SyntaxNode {
  return readExpressionFrom(reader, undefined);
}

/** Reads an expression whose first operand may have been read already. */
function readExpressionFrom(reader: SyntaxReader, first: SyntaxNode | undefined): SyntaxNode {
  enter(reader, "expression");
  const result = climb(
    reader,
    first === undefined ? readUnary(reader) : readPowerFrom(reader, first),
    0,
  );
  reader.depth -= 1;
  return result;
}

/** Precedence climbing: joins operators of at least `level` to what stands on the left. */
function climb(reader: SyntaxReader, start: SyntaxNode, level: number): SyntaxNode {
  let left = start;
  for (let terms = 0; ; terms++) {
    const operatorLevel =
      reader.token.kind === "symbol" ? levelOf.get(reader.token.text) : undefined;
    if (operatorLevel === undefined || operatorLevel < level) return left;
    if (terms === maxTerms)
      failHere(reader, "expression", `at most ${maxTerms} operators in a row`);
    const operator = take(reader);
    let right = readUnary(reader);
    for (;;) {
      const nextLevel = reader.token.kind === "symbol" ? levelOf.get(reader.token.text) : undefined;
      if (nextLevel === undefined || nextLevel <= operatorLevel) break;
      right = climb(reader, right, nextLevel);
    }
    left = node("expression", [left, operator, right]);
  }
}

function readUnary(reader: SyntaxReader): SyntaxNode {
  if (isWord(reader, "~") || isWord(reader, "!") || isWord(reader, "-")) {
    enter(reader, "expression");
    const operator = take(reader);
    const result = node("expression", [operator, readUnary(reader)]);
    reader.depth -= 1;
    return result;
  }
  return readPowerFrom(reader, readPrimary(reader));
}

/** `base ** exponent`, from the right; binds tighter than a sign in front, and takes one in its exponent. */
function readPowerFrom(reader: SyntaxReader, base: SyntaxNode): SyntaxNode {
  if (!isWord(reader, "**")) return base;
  enter(reader, "expression");
  const operator = take(reader);
  const result = node("expression", [base, operator, readUnary(reader)]);
  reader.depth -= 1;
  return result;
}

function readPrimary(reader: SyntaxReader): SyntaxNode {
  return readIndexes(reader, readAtom(reader));
}

function readIndexes(reader: SyntaxReader, start: SyntaxNode): SyntaxNode {
  let inner = start;
  for (let count = 0; isWord(reader, "["); count++) {
    if (count === maxDepth) failHere(reader, "expression", `at most ${maxDepth} indices in a row`);
    inner = node("expression", [inner, readIndexOperator(reader)]);
  }
  return inner;
}

function readAtom(reader: SyntaxReader): SyntaxNode {
  const { kind, text } = reader.token;
  switch (kind) {
    case "integer":
    case "float":
    case "imaginary":
    case "timing":
    case "bitstring":
    case "hardwareQubit":
      return node("expression", [take(reader)]);
    case "name": {
      const name = take(reader);
      if (!isWord(reader, "(")) return node("expression", [name]);
      const open = take(reader);
      if (isWord(reader, ")")) return node("expression", [name, open, take(reader)]);
      return node("expression", [
        name,
        open,
        readExpressionList(reader, ")"),
        expectWord(reader, ")", name.text),
      ]);
    }
    default:
      break;
  }
  if (text === "true" || text === "false") return node("expression", [take(reader)]);
  if (isWord(reader, "("))
    return node("expression", [
      take(reader),
      readExpression(reader),
      expectWord(reader, ")", "expression"),
    ]);
  if (isWord(reader, "durationof")) {
    return node("expression", [
      node("durationofExpression", [
        take(reader),
        expectWord(reader, "(", "durationof"),
        readScope(reader),
        expectWord(reader, ")", "durationof"),
      ]),
    ]);
  }
  if (kind === "keyword" && isTypeWord(text))
    return finishCast(
      reader,
      text === "array" ? readArrayType(reader) : readScalarType(reader, "cast"),
    );
  return failHere(reader, "expression", "an expression");
}

function finishCast(reader: SyntaxReader, type: SyntaxNode): SyntaxNode {
  return node("expression", [
    type,
    expectWord(reader, "(", "cast"),
    readExpression(reader),
    expectWord(reader, ")", "cast"),
  ]);
}

function readExpressionList(reader: SyntaxReader, close = "{"): SyntaxNode {
  return readList(reader, "expressionList", () => readExpression(reader), close);
}

function readSet(reader: SyntaxReader): SyntaxNode {
  const children: SyntaxItem[] = [expectWord(reader, "{", "set"), readExpression(reader)];
  while (isWord(reader, ",")) {
    children.push(take(reader));
    if (isWord(reader, "}")) break;
    children.push(readExpression(reader));
  }
  children.push(expectWord(reader, "}", "set"));
  return node("setExpression", children);
}

function readRange(reader: SyntaxReader): SyntaxNode {
  const first = isWord(reader, ":") ? undefined : readExpression(reader);
  return finishRange(reader, first);
}

function finishRange(reader: SyntaxReader, first: SyntaxNode | undefined): SyntaxNode {
  const children: SyntaxItem[] = first === undefined ? [] : [first];
  children.push(expectWord(reader, ":", "range"));
  const ends = (): boolean => isWord(reader, ":") || isWord(reader, "]") || isWord(reader, ",");
  if (!ends()) children.push(readExpression(reader));
  if (isWord(reader, ":")) children.push(take(reader), readExpression(reader));
  return node("rangeExpression", children);
}

function readIndexOperator(reader: SyntaxReader): SyntaxNode {
  enter(reader, "index");
  const children: SyntaxItem[] = [take(reader)];
  if (isWord(reader, "{")) {
    children.push(readSet(reader));
  } else {
    for (;;) {
      const first = isWord(reader, ":") ? undefined : readExpression(reader);
      children.push(
        isWord(reader, ":") || first === undefined ? finishRange(reader, first) : first,
      );
      if (!isWord(reader, ",")) break;
      children.push(take(reader));
      if (isWord(reader, "]")) break;
    }
  }
  children.push(expectWord(reader, "]", "index"));
  reader.depth -= 1;
  return node("indexOperator", children);
}

/** Records a problem of a node and leaves the statement. */
export function failNode(
  source: Source,
  item: SyntaxItem,
  problem: {
    readonly where: string;
    readonly expected: string;
    readonly given?: string;
    readonly hint?: string | undefined;
  },
): never {
  const text = source.text.slice(item.start, item.end);
  return fail(source, {
    ...problem,
    offset: item.start,
    given: problem.given ?? JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text),
  });
}

/** Records a problem of a node and goes on. */
export function reportNode(
  source: Source,
  item: SyntaxItem,
  where: string,
  expected: string,
  givenText: string,
): void {
  report(source, { where, offset: item.start, expected, given: givenText });
}
