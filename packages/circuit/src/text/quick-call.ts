/**
 * The statement that long programs consist of, read without tokens and trees: a gate on indexed qubits with plain
 * angles, `rz(-3*pi/4) q[5];`. Whatever looks otherwise, or is wrong, is left to the reader of the format, which knows
 * the whole grammar and says what is the matter; so this one has no errors.
 */

import { isAngleSize } from "../angle.ts";

/** Reads plain gate calls; the result stands in its fields until the next call. */
export interface QuickCalls {
  /** Name of the gate. */
  gate: string;
  qubits: readonly number[];
  angles: readonly number[];
  /** Offset behind the `;`. */
  end: number;
  /** Tells whether such a call stands at an offset; `qubits` are distinct then. */
  read(text: string, offset: number): boolean;
}

const noAngles: readonly number[] = [];

/** Lists with more qubits are left to the reader of the format. */
export const maxQubits = 8;

/**
 * Creates a reader.
 *
 * @param qubitOf the number of a qubit, or −1 where there is none.
 */
export function createQuickCalls(qubitOf: (register: string, index: number) => number): QuickCalls {
  const cursor: Cursor = { at: 0 };
  const lists = createQubitLists();
  const qubits: number[] = [];
  const calls: QuickCalls = {
    gate: "",
    qubits,
    angles: noAngles,
    end: 0,
    read: (text, offset) => {
      cursor.at = offset;
      calls.gate = readName(text, cursor);
      if (calls.gate === "") return false;
      calls.angles = noAngles;
      if (text.charCodeAt(cursor.at) === 40) {
        const angles = readPlainAngles(text, cursor, "pi");
        if (angles === undefined) return false;
        calls.angles = angles;
      }
      qubits.length = 0;
      for (;;) {
        skipBlanks(text, cursor);
        const register = readName(text, cursor);
        const index = register === "" ? -1 : readIndex(text, cursor);
        const qubit = index < 0 ? -1 : qubitOf(register, index);
        if (qubit < 0 || qubits.length === maxQubits || qubits.includes(qubit)) return false;
        qubits.push(qubit);
        const mark = text.charCodeAt(cursor.at);
        cursor.at += 1;
        if (mark === 59) break;
        if (mark !== 44) return false;
      }
      calls.qubits = lists.of(qubits);
      calls.end = cursor.at;
      return true;
    },
  };
  return calls;
}

/** Where the reading stands. */
export interface Cursor {
  at: number;
}

function skipBlanks(text: string, cursor: Cursor): void {
  while (text.charCodeAt(cursor.at) === 32) cursor.at += 1;
}

/** An ASCII name, or an empty text. */
export function readName(text: string, cursor: Cursor): string {
  const start = cursor.at;
  let at = start;
  let code = text.charCodeAt(at);
  if (isDigit(code)) return "";
  while (isLetter(code) || isDigit(code)) code = text.charCodeAt(++at);
  cursor.at = at;
  return at === start ? "" : text.slice(start, at);
}

/** `[12]` of up to seven digits, or −1. */
export function readIndex(text: string, cursor: Cursor): number {
  let { at } = cursor;
  if (text.charCodeAt(at) !== 91) return -1;
  let value = 0;
  const first = ++at;
  for (let code = text.charCodeAt(at); isDigit(code); code = text.charCodeAt(++at))
    value = value * 10 + code - 48;
  if (at === first || at - first > 7 || text.charCodeAt(at) !== 93) return -1;
  cursor.at = at + 1;
  return value;
}

/** `(a, b)` of plain angles, or nothing. */
export function readPlainAngles(
  text: string,
  cursor: Cursor,
  pi: string,
): readonly number[] | undefined {
  cursor.at += 1;
  const first = readPlainAngle(text, cursor, pi);
  if (Number.isNaN(first)) return undefined;
  const angles = [first];
  while (text.charCodeAt(cursor.at) === 44) {
    cursor.at += 1;
    const angle = readPlainAngle(text, cursor, pi);
    if (Number.isNaN(angle)) return undefined;
    angles.push(angle);
  }
  if (text.charCodeAt(cursor.at) !== 41) return undefined;
  cursor.at += 1;
  return angles;
}

/** A finite number, or a multiple of π as printers write it, `-3*pi/4`; NaN for anything else. */
function readPlainAngle(text: string, cursor: Cursor, pi: string): number {
  skipBlanks(text, cursor);
  const negative = text.charCodeAt(cursor.at) === 45;
  if (negative) cursor.at += 1;
  let size = 1;
  if (!text.startsWith(pi, cursor.at)) {
    size = readPlainNumber(text, cursor);
    if (text.charCodeAt(cursor.at) !== 42) return finish(text, cursor, negative ? -size : size);
    cursor.at += 1;
    if (!text.startsWith(pi, cursor.at)) return Number.NaN;
  }
  cursor.at += pi.length;
  size *= Math.PI;
  if (text.charCodeAt(cursor.at) === 47) {
    cursor.at += 1;
    size /= readPlainNumber(text, cursor);
  }
  return finish(text, cursor, negative ? -size : size);
}

function finish(text: string, cursor: Cursor, value: number): number {
  skipBlanks(text, cursor);
  return isAngleSize(value) ? value + 0 : Number.NaN; // −0 becomes 0
}

/** Digits with an optional fraction and exponent, or NaN. */
function readPlainNumber(text: string, cursor: Cursor): number {
  const start = cursor.at;
  let at = start;
  let code = text.charCodeAt(at);
  if (!isDigit(code)) return Number.NaN;
  while (isDigit(code)) code = text.charCodeAt(++at);
  if (code === 46) {
    code = text.charCodeAt(++at);
    while (isDigit(code)) code = text.charCodeAt(++at);
  }
  if (code === 101 || code === 69) {
    code = text.charCodeAt(++at);
    if (code === 43 || code === 45) code = text.charCodeAt(++at);
    if (!isDigit(code)) return Number.NaN;
    while (isDigit(code)) code = text.charCodeAt(++at);
  }
  cursor.at = at;
  return Number(text.slice(start, at));
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Gives equal lists of one or two qubits the same array: a third of the memory that a long program takes. */
export interface QubitLists {
  /** A list that nobody else writes to. */
  of(qubits: readonly number[]): readonly number[];
}

/** Creates an empty table of lists. */
export function createQubitLists(): QubitLists {
  const ones: (readonly number[])[] = [];
  const pairs: (readonly number[])[][] = [];
  return {
    of: (qubits) => {
      const [a, b] = qubits;
      if (a === undefined || qubits.length > 2 || a >= 1024 || (b ?? 0) >= 1024) return [...qubits];
      if (b === undefined) return (ones[a] ??= [a]);
      const row = (pairs[a] ??= []);
      return (row[b] ??= [a, b]);
    },
  };
}
