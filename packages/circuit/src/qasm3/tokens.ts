/**
 * Tokens of OpenQASM 3, after the lexer of the reference grammar (openqasm/openqasm, source/grammar, version 3.1).
 * The parser asks for one token at a time, because some statements change what the following text means: includes
 * take strings, annotations and pragmas the rest of a line, calibration blocks anything between balanced braces.
 */
import { fail, type Source } from "../text/source.ts";

export type TokenKind =
  | "end"
  | "name"
  | "keyword"
  | "integer"
  | "float"
  | "imaginary"
  | "timing"
  | "bitstring"
  | "string"
  | "hardwareQubit"
  | "annotation"
  | "line"
  | "calibration"
  | "version"
  | "symbol";

/** A piece of the text. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Words that are no names. */
export const keywords: ReadonlySet<string> = new Set([
  "OPENQASM",
  "include",
  "defcalgrammar",
  "def",
  "cal",
  "defcal",
  "gate",
  "extern",
  "box",
  "let",
  "break",
  "continue",
  "if",
  "else",
  "end",
  "return",
  "for",
  "while",
  "in",
  "switch",
  "case",
  "default",
  "nop",
  "pragma",
  "input",
  "output",
  "const",
  "readonly",
  "mutable",
  "qreg",
  "qubit",
  "creg",
  "bool",
  "bit",
  "int",
  "uint",
  "float",
  "angle",
  "complex",
  "array",
  "void",
  "duration",
  "stretch",
  "gphase",
  "inv",
  "pow",
  "ctrl",
  "negctrl",
  "durationof",
  "delay",
  "reset",
  "measure",
  "barrier",
  "true",
  "false",
]);

const number =
  /(?:(?:0[xX](?:[0-9a-fA-F]_?)*[0-9a-fA-F])|(?:0[oO](?:[0-7]_?)*[0-7])|(?:0[bB](?:[01]_?)*[01])|(?:(?:\d(?:_?\d)*\.(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?|\d(?:_?\d)*[eE][+-]?\d(?:_?\d)*)|\d(?:_?\d)*)/y;
const unit = /[ \t]*(?:(im)|(dt|ns|us|µs|μs|ms|s))(?![\p{L}\p{Nl}\d_])/uy;
const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\d_]*/uy;
const annotation = /@[\p{L}\p{Nl}_][\p{L}\p{Nl}\d_]*(?:\.[\p{L}\p{Nl}_][\p{L}\p{Nl}\d_]*)*/uy;
const bitstring = /"(?:[01]_?)*[01]"/y;
const anyString = /"[^"\r\t\n]+?"|'[^'\r\t\n]+?'/y;
const symbol =
  /\*\*=|<<=|>>=|\+\+|\*\*|->|<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\*=|\/=|&=|\|=|~=|\^=|%=|#dim|#pragma(?![\p{L}\d_])|[[\]{}():;.,=+\-*/%|&^~!@<>]/uy;

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Returns the offset behind white space and comments. Errors: a comment that does not end. */
export function skipSpace(source: Source, from: number): number {
  const { text } = source;
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === 32 || code === 10 || code === 13 || code === 9 || code === 0xfeff) {
      at += 1;
      continue;
    }
    if (code !== 47) return at;
    const next = text.charCodeAt(at + 1);
    if (next === 47) {
      while (at < text.length && text.charCodeAt(at) !== 10 && text.charCodeAt(at) !== 13) at += 1;
    } else if (next === 42) {
      const close = text.indexOf("*/", at + 2);
      if (close === -1) {
        fail(source, {
          where: "comment",
          offset: at,
          expected: "*/",
          given: "the end of the file",
        });
      }
      at = close + 2;
    } else return at;
  }
}

/** The most frequent tokens without regular expressions: plain names and integers, single symbols. */
function quickToken(text: string, start: number): Token | undefined {
  const code = text.charCodeAt(start);
  if (isPlainLetter(code)) {
    let at = start + 1;
    let next = text.charCodeAt(at);
    while (isPlainLetter(next) || isDigit(next)) next = text.charCodeAt(++at);
    if (next >= 128) return undefined;
    const word = text.slice(start, at);
    return { kind: keywords.has(word) ? "keyword" : "name", text: word, start, end: at };
  }
  if (isDigit(code)) {
    let at = start + 1;
    let next = text.charCodeAt(at);
    while (isDigit(next)) next = text.charCodeAt(++at);
    if (endsInteger.includes(next))
      return { kind: "integer", text: text.slice(start, at), start, end: at };
    return undefined;
  }
  const single = singles.get(code);
  return single === undefined ? undefined : { kind: "symbol", text: single, start, end: start + 1 };
}

function isPlainLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
}

/** `]`, `,`, `)`, `;`, `:`, `}`: behind them no unit or fraction can follow. */
const endsInteger: readonly number[] = [93, 44, 41, 59, 58, 125];

/** Symbols that start no longer one. */
const singles: ReadonlyMap<number, string> = new Map(
  [...";,[](){}:@"].map((symbol) => [symbol.charCodeAt(0), symbol]),
);

/** Returns the token at an offset, white space skipped. Errors: a character that starts no token. */
export function tokenAt(source: Source, from: number): Token {
  const { text } = source;
  const start = skipSpace(source, from);
  const quick = quickToken(text, start);
  if (quick !== undefined) return quick;
  const token = (kind: TokenKind, piece: string): Token => ({
    kind,
    text: piece,
    start,
    end: start + piece.length,
  });
  if (start >= text.length) return token("end", "");
  const code = text.charCodeAt(start);
  if ((code >= 48 && code <= 57) || (code === 46 && isDigit(text.charCodeAt(start + 1))))
    return numberToken(source, start);
  const word = match(name, text, start);
  if (word !== undefined) return token(keywords.has(word) ? "keyword" : "name", word);
  if (code === 34) {
    const bits = match(bitstring, text, start);
    if (bits !== undefined) return token("bitstring", bits);
    fail(source, {
      where: "string",
      offset: start,
      expected: 'a bit string like "0110"',
      given: snippet(text, start),
    });
  }
  if (code === 36) {
    const qubit = /\$\d+/y;
    const piece = match(qubit, text, start);
    if (piece !== undefined) return token("hardwareQubit", piece);
  }
  const piece = match(symbol, text, start);
  if (piece !== undefined) return token(piece === "#pragma" ? "keyword" : "symbol", piece);
  return fail(source, {
    where: "text",
    offset: start,
    expected: "a statement or expression",
    given: snippet(text, start),
  });
}

function snippet(text: string, start: number): string {
  return JSON.stringify(text.slice(start, start + 1));
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Returns the annotation keyword at an offset, `@name` or `@name.part`, or nothing. */
export function annotationAt(source: Source, start: number): Token | undefined {
  const piece = match(annotation, source.text, start);
  return piece === undefined
    ? undefined
    : { kind: "annotation", text: piece, start, end: start + piece.length };
}

function numberToken(source: Source, start: number): Token {
  const { text } = source;
  const digits = match(number, text, start) ?? "";
  const isDecimal = !/^0[xXoObB]/.test(digits);
  const isFloat = isDecimal && /[.eE]/.test(digits);
  unit.lastIndex = start + digits.length;
  const suffix = isDecimal ? unit.exec(text) : null;
  if (suffix !== null) {
    const piece = digits + suffix[0];
    return {
      kind: suffix[1] === undefined ? "timing" : "imaginary",
      text: piece,
      start,
      end: start + piece.length,
    };
  }
  return { kind: isFloat ? "float" : "integer", text: digits, start, end: start + digits.length };
}

/** Returns a string in either kind of quotes, as includes and calibration grammars take it. */
export function stringAt(source: Source, from: number): Token | undefined {
  const start = skipSpace(source, from);
  const piece = match(anyString, source.text, start);
  return piece === undefined
    ? undefined
    : { kind: "string", text: piece, start, end: start + piece.length };
}

/** Returns the rest of the line as annotations and pragmas take it, or nothing when it is empty. */
export function lineAt(source: Source, from: number): Token | undefined {
  const { text } = source;
  let end = from;
  while (end < text.length && text.charCodeAt(end) !== 10 && text.charCodeAt(end) !== 13) end += 1;
  let start = from;
  while (start < end && (text.charCodeAt(start) === 32 || text.charCodeAt(start) === 9)) start += 1;
  return start === end ? undefined : { kind: "line", text: text.slice(start, end), start, end };
}

/** Returns the version number behind OPENQASM. */
export function versionAt(source: Source, from: number): Token | undefined {
  const start = skipSpace(source, from);
  const piece = match(/\d+(?:\.\d+)?(?![\w.])/y, source.text, start);
  return piece === undefined
    ? undefined
    : { kind: "version", text: piece, start, end: start + piece.length };
}

/** Returns the text between the braces of a calibration block, braces balanced, or nothing when it is empty. */
export function calibrationAt(
  source: Source,
  from: number,
): { readonly token: Token | undefined; readonly end: number } {
  const { text } = source;
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 123) depth += 1;
    else if (code === 125) {
      if (depth === 0) break;
      depth -= 1;
    }
  }
  if (at >= text.length)
    fail(source, {
      where: "cal",
      offset: from,
      expected: '"}" after the calibration block',
      given: "the end of the file",
    });
  const piece = text.slice(from, at);
  return {
    token: piece === "" ? undefined : { kind: "calibration", text: piece, start: from, end: at },
    end: at,
  };
}
