/**
 * Values of OpenQASM 3 while a program is lowered: what is known now, affine angles of input parameters, and classical
 * bits whose value is known only when the circuit runs.
 */
import { addAngles, type Angle, isBoundAngle, scaleAngle } from "../angle.ts";
import type { Condition } from "../circuit.ts";

/** A bit: known, or a classical bit of the circuit. */
export type Bit = 0 | 1 | { readonly clbit: number; readonly inverted?: boolean };

export type Value =
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  /** Depends on parameters. */
  | { readonly kind: "angle"; readonly value: Angle }
  | { readonly kind: "complex"; readonly re: number; readonly im: number }
  | { readonly kind: "duration"; readonly ns: number }
  /** First bit least significant. */
  | { readonly kind: "bits"; readonly bits: readonly Bit[] }
  | { readonly kind: "condition"; readonly condition: Condition }
  | { readonly kind: "array"; readonly items: readonly Value[] }
  | { readonly kind: "qubits"; readonly qubits: readonly number[]; readonly single: boolean };

/** Why a value cannot be had. `notAffine` lets a gate body be tried again with numbers. */
export class ValueFault extends Error {
  override readonly name = "ValueFault";
  readonly notAffine: boolean;

  constructor(message: string, notAffine = false) {
    super(message);
    this.notAffine = notAffine;
  }
}

const notAffine = (what: string): ValueFault =>
  new ValueFault(`${what} of a parameter is not affine`, true);

export function intValue(value: bigint | number): Value {
  return { kind: "int", value: BigInt(value) };
}

export function floatValue(value: number): Value {
  return { kind: "float", value };
}

export function angleValue(value: Angle): Value {
  return isBoundAngle(value) ? { kind: "float", value } : { kind: "angle", value };
}

/** Returns known bits as a number, or nothing when one is not known. */
export function knownBits(bits: readonly Bit[]): bigint | undefined {
  let text = "0b0";
  for (let i = bits.length - 1; i >= 0; i--) {
    const bit = bits[i];
    if (typeof bit !== "number") return undefined;
    text += bit;
  }
  return BigInt(text);
}

/** Returns the low bits of a number, negative ones in two's complement. */
export function bitsOf(value: bigint, size: number): readonly Bit[] {
  const text = BigInt.asUintN(size, value).toString(2); // bit by bit would take the square of the size
  const last = text.length - 1;
  return Array.from({ length: size }, (_, i): Bit => (text[last - i] === "1" ? 1 : 0));
}

/** Returns an angle or number. */
export function toAngle(value: Value): Angle {
  switch (value.kind) {
    case "int":
      return Number(value.value);
    case "float":
      return value.value;
    case "bool":
      return value.value ? 1 : 0;
    case "angle":
      return value.value;
    case "bits": {
      const known = knownBits(value.bits);
      if (known !== undefined) return Number(known);
      throw new ValueFault("it depends on a measurement");
    }
    case "condition":
      throw new ValueFault("it depends on a measurement");
    default:
      throw new ValueFault(`a number is needed, not ${describeKind(value)}`);
  }
}

/** Returns a known number. */
export function toNumber(value: Value): number {
  const angle = toAngle(value);
  if (isBoundAngle(angle)) return angle;
  throw new ValueFault("it depends on a parameter", true);
}

/** Returns a known integer. */
export function toInteger(value: Value): bigint {
  if (value.kind === "int") return value.value;
  const number = toNumber(value);
  if (!Number.isFinite(number)) throw new ValueFault("it is not finite");
  return BigInt(Math.trunc(number));
}

/** Returns an index or size. */
export function toIndex(value: Value): number {
  if (value.kind === "float" && !Number.isInteger(value.value))
    throw new ValueFault("an integer is needed");
  const index = Number(toInteger(value));
  if (!Number.isSafeInteger(index)) throw new ValueFault("it is larger than 2^53");
  return index;
}

export function describeKind(value: Value): string {
  return {
    int: "an integer",
    float: "a number",
    bool: "a truth value",
    angle: "an angle",
    complex: "a complex number",
    duration: "a duration",
    bits: "bits",
    condition: "a condition",
    array: "an array",
    qubits: "qubits",
  }[value.kind];
}

/** Returns a truth value: known, or a condition over classical bits. */
export function toCondition(value: Value): boolean | Condition {
  switch (value.kind) {
    case "bool":
      return value.value;
    case "condition":
      return value.condition;
    case "bits": {
      const known = knownBits(value.bits);
      if (known !== undefined) return known !== 0n;
      const [bit] = value.bits;
      if (value.bits.length === 1 && typeof bit === "object")
        return { kind: "equals", clbits: [bit.clbit], value: bit.inverted === true ? 0n : 1n };
      const zero = compareBits("==", value.bits, 0n);
      return typeof zero === "boolean" ? !zero : { kind: "not", of: zero };
    }
    default:
      return toNumber(value) !== 0;
  }
}

function wrapCondition(condition: boolean | Condition): Value {
  return typeof condition === "boolean"
    ? { kind: "bool", value: condition }
    : { kind: "condition", condition };
}

/** Compares bits, as an unsigned number, with a known one. */
export function compareBits(
  operator: "==" | "<" | ">",
  bits: readonly Bit[],
  value: bigint,
): boolean | Condition {
  const known = knownBits(bits);
  if (known !== undefined)
    return operator === "==" ? known === value : operator === "<" ? known < value : known > value;
  if (operator === "==") return equalBits(bits, value);
  const clbits = bits.map((bit) =>
    typeof bit === "object" && bit.inverted !== true ? bit.clbit : undefined,
  );
  if (clbits.some((clbit) => clbit === undefined)) return orderBits(operator, bits, value);
  return {
    kind: operator === "<" ? "less" : "greater",
    clbits: clbits.map((clbit) => clbit ?? 0),
    value,
  };
}

function equalBits(bits: readonly Bit[], value: bigint): boolean | Condition {
  const clbits: number[] = [];
  if (bits.every((bit) => typeof bit === "object" && bit.inverted !== true)) {
    return {
      kind: "equals",
      clbits: bits.flatMap((bit) => (typeof bit === "object" ? [bit.clbit] : [])),
      value,
    };
  }
  if (value < 0n || value >> BigInt(bits.length) !== 0n) return false;
  const digits = bitsOf(value, bits.length);
  let text = "";
  for (let i = 0; i < bits.length; i++) {
    const bit = bits[i] ?? 0;
    if (typeof bit === "number") {
      if (bit !== digits[i]) return false;
      continue;
    }
    text = ((digits[i] === 1) !== (bit.inverted === true) ? "1" : "0") + text;
    clbits.push(bit.clbit);
  }
  return { kind: "equals", clbits, value: BigInt(`0b0${text}`) };
}

/** The alternatives hold the square of that many bits in all. */
const maxOrderedBits = 1000;

/** Orders bits with inverted or known ones among them: from the highest bit down. */
function orderBits(operator: "<" | ">", bits: readonly Bit[], value: bigint): boolean | Condition {
  if (value < 0n) return operator === ">";
  if (value >> BigInt(bits.length) !== 0n) return operator === "<";
  if (bits.length > maxOrderedBits)
    throw new ValueFault(
      `it orders more than ${maxOrderedBits} bits, some of them known or inverted`,
    );
  const alternatives: Condition[] = [];
  for (let i = bits.length - 1; i >= 0; i--) {
    const want = (value >> BigInt(i)) & 1n;
    if ((operator === "<") !== (want === 1n)) continue;
    // equal above bit i, and on the right side of it there
    const prefix = equalBits(bits.slice(i), (value >> BigInt(i)) ^ 1n);
    if (prefix === true) return true;
    if (prefix !== false) alternatives.push(prefix);
  }
  return alternatives.length === 0 ? false : { kind: "or", of: alternatives };
}

// ---- operators ---------------------------------------------------------------------------------------------------

export function negate(value: Value): Value {
  if (value.kind === "int") return intValue(-value.value);
  if (value.kind === "complex") return { kind: "complex", re: -value.re, im: -value.im };
  if (value.kind === "duration") return { kind: "duration", ns: -value.ns };
  return angleValue(scaleAngle(toAngle(value), -1));
}

export function invert(value: Value): Value {
  if (value.kind === "bits") {
    return {
      kind: "bits",
      bits: value.bits.map((bit) =>
        typeof bit === "number"
          ? bit === 0
            ? 1
            : 0
          : bit.inverted === true
            ? { clbit: bit.clbit }
            : { clbit: bit.clbit, inverted: true },
      ),
    };
  }
  if (value.kind === "bool") return { kind: "bool", value: !value.value };
  if (value.kind === "condition")
    return { kind: "condition", condition: { kind: "not", of: value.condition } };
  return intValue(~toInteger(value));
}

export function not(value: Value): Value {
  const [bit] = value.kind === "bits" ? value.bits : [];
  if (value.kind === "bits" && value.bits.length === 1 && typeof bit === "object")
    return invert(value);
  const condition = toCondition(value);
  return wrapCondition(
    typeof condition === "boolean" ? !condition : { kind: "not", of: condition },
  );
}

/** Joins conditions; known ones fold away. */
export function logical(operator: "&&" | "||", parts: readonly Value[]): Value {
  const absorbing = operator === "||";
  const open: Condition[] = [];
  for (const part of parts) {
    const condition = toCondition(part);
    if (condition === absorbing) return { kind: "bool", value: absorbing };
    if (typeof condition !== "boolean") open.push(condition);
  }
  const [only] = open;
  if (only === undefined) return { kind: "bool", value: !absorbing };
  return {
    kind: "condition",
    condition: open.length === 1 ? only : { kind: operator === "&&" ? "and" : "or", of: open },
  };
}

const isRuntime = (value: Value): boolean =>
  value.kind === "condition" || (value.kind === "bits" && knownBits(value.bits) === undefined);

/** `==`, `!=`, `<`, `<=`, `>`, `>=`. */
export function compare(operator: string, left: Value, right: Value): Value {
  if (left.kind === "complex" || right.kind === "complex")
    return compareComplex(operator, left, right);
  if (!isRuntime(left) && !isRuntime(right))
    return { kind: "bool", value: compareKnown(operator, left, right) };
  if (!isRuntime(left))
    return compare(
      { "<": ">", ">": "<", "<=": ">=", ">=": "<=" }[operator] ?? operator,
      right,
      left,
    );
  if (left.kind === "condition" || right.kind === "condition")
    return compareConditions(operator, left, right);
  if (left.kind !== "bits") throw new ValueFault("it depends on a measurement");
  if (isRuntime(right) && right.kind === "bits")
    return compareRegisters(operator, left.bits, right.bits);
  const value = toInteger(right);
  switch (operator) {
    case "==":
      return wrapCondition(compareBits("==", left.bits, value));
    case "!=":
      return not(wrapCondition(compareBits("==", left.bits, value)));
    case "<":
      return wrapCondition(compareBits("<", left.bits, value));
    case "<=":
      return wrapCondition(compareBits("<", left.bits, value + 1n));
    case ">":
      return wrapCondition(compareBits(">", left.bits, value));
    default:
      return wrapCondition(compareBits(">", left.bits, value - 1n));
  }
}

function compareKnown(operator: string, left: Value, right: Value): boolean {
  const exact = left.kind === "int" && right.kind === "int";
  const a = exact ? left.value : left.kind === "duration" ? left.ns : toNumber(left);
  const b = exact ? right.value : right.kind === "duration" ? right.ns : toNumber(right);
  switch (operator) {
    case "==":
      return a === b;
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    default:
      return a >= b;
  }
}

function compareComplex(operator: string, left: Value, right: Value): Value {
  const [a, b] = [toComplex(left), toComplex(right)];
  const equal = a.re === b.re && a.im === b.im;
  if (operator !== "==" && operator !== "!=") throw new ValueFault("complex numbers have no order");
  return { kind: "bool", value: (operator === "==") === equal };
}

function compareConditions(operator: string, left: Value, right: Value): Value {
  if (operator !== "==" && operator !== "!=") throw new ValueFault("truth values have no order");
  const [a, b] = [toCondition(left), toCondition(right)];
  if (typeof a === "boolean" || typeof b === "boolean") {
    const [known, open] = typeof a === "boolean" ? [a, b] : [b, a];
    const keep = known === (operator === "==");
    if (typeof open === "boolean") return { kind: "bool", value: open === keep };
    return { kind: "condition", condition: keep ? open : { kind: "not", of: open } };
  }
  const xor: Condition = { kind: "xor", of: [a, b] };
  return { kind: "condition", condition: operator === "!=" ? xor : { kind: "not", of: xor } };
}

function compareRegisters(operator: string, left: readonly Bit[], right: readonly Bit[]): Value {
  if (operator !== "==" && operator !== "!=")
    throw new ValueFault("two measured values can only be compared with == and !=");
  const size = Math.max(left.length, right.length);
  const pairs = Array.from({ length: size }, (_, i) =>
    compareConditions("==", bitCondition(left[i] ?? 0), bitCondition(right[i] ?? 0)),
  );
  const equal = logical("&&", pairs);
  return operator === "==" ? equal : not(equal);
}

function bitCondition(bit: Bit): Value {
  return wrapCondition(toCondition({ kind: "bits", bits: [bit] }));
}

function toComplex(value: Value): { readonly re: number; readonly im: number } {
  return value.kind === "complex" ? value : { re: toNumber(value), im: 0 };
}

/** `+ - * / % ** << >> & | ^` of known values and affine angles. */
export function arithmetic(operator: string, left: Value, right: Value): Value {
  if (left.kind === "complex" || right.kind === "complex")
    return complexArithmetic(operator, left, right);
  if (left.kind === "duration" || right.kind === "duration")
    return durationArithmetic(operator, left, right);
  if (
    left.kind === "bits" ||
    right.kind === "bits" ||
    left.kind === "condition" ||
    right.kind === "condition"
  ) {
    return bitArithmetic(operator, left, right);
  }
  const isInt = (value: Value): value is Value & { kind: "int" | "bool" } =>
    value.kind === "int" || value.kind === "bool";
  if (isInt(left) && isInt(right))
    return integerArithmetic(operator, toInteger(left), toInteger(right));
  const [a, b] = [toAngle(left), toAngle(right)];
  if (isBoundAngle(a) && isBoundAngle(b)) return floatValue(floatArithmetic(operator, a, b));
  switch (operator) {
    case "+":
      return angleValue(addAngles(a, b));
    case "-":
      return angleValue(addAngles(a, scaleAngle(b, -1)));
    case "*":
      if (isBoundAngle(a)) return angleValue(scaleAngle(b, a));
      if (isBoundAngle(b)) return angleValue(scaleAngle(a, b));
      throw notAffine("a product");
    case "/":
      if (!isBoundAngle(b)) throw notAffine("a quotient");
      if (b === 0) throw new ValueFault("it divides by 0");
      if (isBoundAngle(a)) return floatValue(a / b);
      return angleValue({
        constant: a.constant / b + 0,
        terms: a.terms.map((term) => ({ ...term, coefficient: term.coefficient / b })),
      });
    default:
      throw notAffine(`the operator ${operator}`);
  }
}

function floatArithmetic(operator: string, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      if (b === 0) throw new ValueFault("it divides by 0");
      return a / b;
    case "%":
      return a % b;
    case "**":
      return a ** b;
    default:
      throw new ValueFault(`numbers have no ${operator}`);
  }
}

/** Longest result of a power or shift, in bits. */
const maxBits = 4096n;

function integerArithmetic(operator: string, a: bigint, b: bigint): Value {
  switch (operator) {
    case "+":
      return intValue(a + b);
    case "-":
      return intValue(a - b);
    case "*":
      if (BigInt(a.toString(2).length + b.toString(2).length) > maxBits)
        throw new ValueFault("the integer is too large");
      return intValue(a * b);
    case "/":
      if (b === 0n) throw new ValueFault("it divides by 0");
      // 3 / 5 is 0.6, as programs of the field mean it; storing into an integer truncates
      return a % b === 0n ? intValue(a / b) : floatValue(Number(a) / Number(b));
    case "%":
      if (b === 0n) throw new ValueFault("it divides by 0");
      return intValue(a % b);
    case "**":
      if (b < 0n) return floatValue(Number(a) ** Number(b));
      if (b * BigInt(a.toString(2).length) > maxBits)
        throw new ValueFault("the integer is too large");
      return intValue(a ** b);
    case "<<":
    case ">>":
      if (b < 0n || b > maxBits) throw new ValueFault(`a shift goes by 0 to ${maxBits} bits`);
      return intValue(operator === "<<" ? a << b : a >> b);
    case "&":
      return intValue(a & b);
    case "|":
      return intValue(a | b);
    case "^":
      return intValue(a ^ b);
    default:
      throw new ValueFault(`integers have no ${operator}`);
  }
}

function complexArithmetic(operator: string, left: Value, right: Value): Value {
  const [a, b] = [toComplex(left), toComplex(right)];
  switch (operator) {
    case "+":
      return { kind: "complex", re: a.re + b.re, im: a.im + b.im };
    case "-":
      return { kind: "complex", re: a.re - b.re, im: a.im - b.im };
    case "*":
      return { kind: "complex", re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re };
    case "/": {
      const size = b.re * b.re + b.im * b.im;
      if (size === 0) throw new ValueFault("it divides by 0");
      return {
        kind: "complex",
        re: (a.re * b.re + a.im * b.im) / size,
        im: (a.im * b.re - a.re * b.im) / size,
      };
    }
    case "**": {
      const logSize = Math.log(Math.hypot(a.re, a.im));
      const phase = Math.atan2(a.im, a.re);
      const size = Math.exp(b.re * logSize - b.im * phase);
      const angle = b.im * logSize + b.re * phase;
      return { kind: "complex", re: size * Math.cos(angle), im: size * Math.sin(angle) };
    }
    default:
      throw new ValueFault(`complex numbers have no ${operator}`);
  }
}

function durationArithmetic(operator: string, left: Value, right: Value): Value {
  if (left.kind === "duration" && right.kind === "duration") {
    if (operator === "+") return { kind: "duration", ns: left.ns + right.ns };
    if (operator === "-") return { kind: "duration", ns: left.ns - right.ns };
    if (operator === "/") return floatValue(left.ns / right.ns);
  }
  if (operator === "*" && left.kind !== "duration" && right.kind === "duration")
    return { kind: "duration", ns: toNumber(left) * right.ns };
  if (operator === "*" && left.kind === "duration")
    return { kind: "duration", ns: left.ns * toNumber(right) };
  if (operator === "/" && left.kind === "duration")
    return { kind: "duration", ns: left.ns / toNumber(right) };
  throw new ValueFault(`durations have no ${operator} here`);
}

/** Bit registers: known ones are numbers of their size; shifts move measured bits as well. */
function bitArithmetic(operator: string, left: Value, right: Value): Value {
  if ((operator === "<<" || operator === ">>") && left.kind === "bits") {
    const by = toIndex(right);
    const size = left.bits.length;
    const bits = Array.from(
      { length: size },
      (_, i): Bit => left.bits[operator === "<<" ? i - by : i + by] ?? 0,
    );
    return { kind: "bits", bits };
  }
  if (operator === "&" || operator === "|" || operator === "^")
    return bitwise(operator, left, right);
  const runtime = isRuntime(left) || isRuntime(right);
  if (runtime) throw new ValueFault("it does arithmetic on a measured value");
  return integerArithmetic(operator, toInteger(left), toInteger(right));
}

function bitwise(operator: "&" | "|" | "^", left: Value, right: Value): Value {
  if (
    left.kind === "condition" ||
    right.kind === "condition" ||
    left.kind === "bool" ||
    right.kind === "bool"
  ) {
    if (operator !== "^") return logical(operator === "&" ? "&&" : "||", [left, right]);
    return compare("!=", wrapCondition(toCondition(left)), wrapCondition(toCondition(right)));
  }
  const size = Math.max(
    left.kind === "bits" ? left.bits.length : 0,
    right.kind === "bits" ? right.bits.length : 0,
  );
  const bitsOfValue = (value: Value): readonly Bit[] =>
    value.kind === "bits" ? value.bits : bitsOf(toInteger(value), size);
  const [a, b] = [bitsOfValue(left), bitsOfValue(right)];
  const bits = Array.from({ length: size }, (_, i) => combineBits(operator, a[i] ?? 0, b[i] ?? 0));
  const [only] = bits;
  if (size === 1 && only === undefined) {
    const join =
      operator === "^"
        ? compareConditions("!=", bitCondition(a[0] ?? 0), bitCondition(b[0] ?? 0))
        : logical(operator === "&" ? "&&" : "||", [
            bitCondition(a[0] ?? 0),
            bitCondition(b[0] ?? 0),
          ]);
    return join;
  }
  if (bits.includes(undefined))
    throw new ValueFault(`it combines two measured registers with ${operator}`);
  return { kind: "bits", bits: bits.map((bit) => bit ?? 0) };
}

/** One bit, or nothing when both have to be measured first. */
function combineBits(operator: "&" | "|" | "^", a: Bit, b: Bit): Bit | undefined {
  if (typeof a !== "number" && typeof b !== "number") return undefined;
  const [known, open] = typeof a === "number" ? [a, b] : [b as 0 | 1, a]; // one of them is a number
  if (operator === "&") return known === 1 ? open : 0;
  if (operator === "|") return known === 0 ? open : 1;
  if (known === 0) return open;
  return typeof open === "number"
    ? open === 0
      ? 1
      : 0
    : open.inverted === true
      ? { clbit: open.clbit }
      : { clbit: open.clbit, inverted: true };
}
