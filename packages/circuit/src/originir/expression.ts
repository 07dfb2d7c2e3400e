/** Expressions of OriginIR: angles, index expressions, and the C-like conditions of QPanda2. */
import { addAngles, type Angle, isBoundAngle, scaleAngle } from "../angle.ts";
import type { Condition } from "../circuit.ts";

/** What an expression says, before it is known whether an angle or a condition is wanted. */
export type Expression =
  | { readonly kind: "number"; readonly value: number; readonly text: string }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "bit"; readonly clbit: number }
  | { readonly kind: "unary"; readonly operator: "-" | "!"; readonly of: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "group"; readonly of: Expression };

export type BinaryOperator =
  "+" | "-" | "*" | "/" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "&&" | "||";

/** Precedence, loosest first. */
export const levels: readonly (readonly BinaryOperator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<", "<=", ">", ">="],
  ["+", "-"],
  ["*", "/"],
];

/** Returns the angle, or why it is none. */
export function toAngle(expression: Expression): Angle | string {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "parameter":
      return { constant: 0, terms: [{ parameter: expression.name, coefficient: 1 }] };
    case "bit":
      return "an angle cannot depend on a classical bit";
    case "group":
      return toAngle(expression.of);
    case "unary": {
      const inner = toAngle(expression.of);
      if (typeof inner === "string") return inner;
      return expression.operator === "-" ? scaleAngle(inner, -1) : "an angle has no !";
    }
    case "binary": {
      const left = toAngle(expression.left);
      const right = toAngle(expression.right);
      if (typeof left === "string") return left;
      if (typeof right === "string") return right;
      return combine(expression.operator, left, right);
    }
    default:
      return expression satisfies never;
  }
}

function combine(operator: BinaryOperator, left: Angle, right: Angle): Angle | string {
  switch (operator) {
    case "+":
      return addAngles(left, right);
    case "-":
      return addAngles(left, scaleAngle(right, -1));
    case "*":
      if (isBoundAngle(left)) return scaleAngle(right, left);
      if (isBoundAngle(right)) return scaleAngle(left, right);
      return "a product of two parameters is not affine";
    case "/":
      if (!isBoundAngle(right)) return "a parameter cannot be a divisor";
      if (right === 0) return "division by 0";
      return isBoundAngle(left)
        ? left / right
        : {
            constant: left.constant / right + 0,
            terms: left.terms.map((term) => ({ ...term, coefficient: term.coefficient / right })),
          };
    default:
      return `an angle has no ${operator}`;
  }
}

/** At most this many bits are enumerated where an expression has no closed form. */
const maxEnumeratedBits = 10;

/** Returns the condition that an expression states, or why it cannot be one. */
export function toCondition(expression: Expression): Condition | string {
  switch (expression.kind) {
    case "group":
      return toCondition(expression.of);
    case "bit":
      return { kind: "equals", clbits: [expression.clbit], value: 1n };
    case "unary": {
      if (expression.operator === "-") return enumerate(expression);
      const inner = toCondition(expression.of);
      return typeof inner === "string" ? inner : { kind: "not", of: inner };
    }
    case "binary":
      if (expression.operator === "&&" || expression.operator === "||")
        return connect(expression.operator, expression);
      return compare(expression) ?? enumerate(expression);
    default:
      return enumerate(expression);
  }
}

/** Operands on one level become one list; brackets start a new one. */
function connect(operator: "&&" | "||", expression: Expression): Condition | string {
  const parts: Condition[] = [];
  const open: Expression[] = [expression];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (one.kind === "binary" && one.operator === operator) {
      open.push(one.right, one.left);
      continue;
    }
    const part = toCondition(one);
    if (typeof part === "string") return part;
    parts.push(part);
  }
  return { kind: operator === "&&" ? "and" : "or", of: parts };
}

/** `c[0]+2*c[1] == 3`: bits as one number against a constant. */
function compare(expression: Expression & { kind: "binary" }): Condition | undefined {
  const left = toLinear(expression.left);
  const right = toLinear(expression.right);
  if (left === undefined || right === undefined) return undefined;
  const flipped = left.bits.size === 0;
  const [number, constant] = flipped ? [right, left] : [left, right];
  if (constant.bits.size !== 0) return undefined;
  const clbits = [...number.bits].sort(([, a], [, b]) => (a < b ? -1 : 1));
  if (clbits.length === 0 || clbits.some(([, weight], bit) => weight !== 1n << BigInt(bit)))
    return undefined;
  const list = clbits.map(([clbit]) => clbit);
  const value = constant.constant - number.constant;
  const operator = flipped ? mirrored[expression.operator] : expression.operator;
  switch (operator) {
    case "==":
      return { kind: "equals", clbits: list, value };
    case "!=":
      return { kind: "not", of: { kind: "equals", clbits: list, value } };
    case "<":
      return { kind: "less", clbits: list, value };
    case "<=":
      return { kind: "less", clbits: list, value: value + 1n };
    case ">":
      return { kind: "greater", clbits: list, value };
    case ">=":
      return { kind: "greater", clbits: list, value: value - 1n };
    default:
      return undefined;
  }
}

const mirrored: Readonly<Partial<Record<BinaryOperator, BinaryOperator>>> = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

interface Linear {
  readonly constant: bigint;
  readonly bits: ReadonlyMap<number, bigint>;
}

function toLinear(expression: Expression): Linear | undefined {
  switch (expression.kind) {
    case "number":
      return /^\d+$/.test(expression.text)
        ? { constant: BigInt(expression.text), bits: new Map() }
        : undefined;
    case "bit":
      return { constant: 0n, bits: new Map([[expression.clbit, 1n]]) };
    case "group":
      return toLinear(expression.of);
    case "unary": {
      const inner = expression.operator === "-" ? toLinear(expression.of) : undefined;
      return inner === undefined ? undefined : scaleLinear(inner, -1n);
    }
    case "binary": {
      const left = toLinear(expression.left);
      const right = toLinear(expression.right);
      if (left === undefined || right === undefined) return undefined;
      if (expression.operator === "+") return addLinear(left, right);
      if (expression.operator === "-") return addLinear(left, scaleLinear(right, -1n));
      if (expression.operator !== "*") return undefined;
      if (left.bits.size === 0) return scaleLinear(right, left.constant);
      return right.bits.size === 0 ? scaleLinear(left, right.constant) : undefined;
    }
    default:
      return undefined;
  }
}

function addLinear(a: Linear, b: Linear): Linear {
  const bits = new Map(a.bits);
  for (const [clbit, weight] of b.bits) bits.set(clbit, (bits.get(clbit) ?? 0n) + weight);
  return { constant: a.constant + b.constant, bits };
}

function scaleLinear(a: Linear, factor: bigint): Linear {
  return {
    constant: a.constant * factor,
    bits: new Map([...a.bits].map(([clbit, weight]) => [clbit, weight * factor])),
  };
}

/** Any other expression over few bits: the list of values for which it is not 0. */
function enumerate(expression: Expression): Condition | string {
  const bits = new Set<number>();
  const unknown = collectBits(expression, bits);
  if (unknown !== undefined) return unknown;
  const clbits = [...bits].sort((a, b) => a - b);
  if (clbits.length > maxEnumeratedBits)
    return `a condition of this form can have at most ${maxEnumeratedBits} bits`;
  const of: Condition[] = [];
  for (let value = 0; value < 2 ** clbits.length; value++) {
    const lookup = (clbit: number): number => (value >> clbits.indexOf(clbit)) & 1;
    const result = evaluate(expression, lookup);
    if (Number.isNaN(result)) return "the condition divides by 0";
    if (result !== 0) of.push({ kind: "equals", clbits, value: BigInt(value) });
  }
  // Without bits it is a constant: all of nothing is true, any of nothing false.
  if (clbits.length === 0) return { kind: of.length === 0 ? "or" : "and", of: [] };
  const [only] = of;
  return only !== undefined && of.length === 1 ? only : { kind: "or", of };
}

function collectBits(expression: Expression, bits: Set<number>): string | undefined {
  switch (expression.kind) {
    case "number":
      return undefined;
    case "parameter":
      return `a condition cannot depend on ${expression.name}`;
    case "bit":
      bits.add(expression.clbit);
      return undefined;
    case "unary":
    case "group":
      return collectBits(expression.of, bits);
    case "binary":
      return collectBits(expression.left, bits) ?? collectBits(expression.right, bits);
    default:
      return expression satisfies never;
  }
}

function evaluate(expression: Expression, bit: (clbit: number) => number): number {
  switch (expression.kind) {
    case "number":
      return expression.value;
    case "bit":
      return bit(expression.clbit);
    case "group":
      return evaluate(expression.of, bit);
    case "unary":
      return expression.operator === "-"
        ? -evaluate(expression.of, bit)
        : Number(evaluate(expression.of, bit) === 0);
    case "binary": {
      const left = evaluate(expression.left, bit);
      const right = evaluate(expression.right, bit);
      return apply(expression.operator, left, right);
    }
    default:
      return Number.NaN;
  }
}

function apply(operator: BinaryOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return b === 0 ? Number.NaN : Math.trunc(a / b); // integers, as in C
    case "==":
      return Number(a === b);
    case "!=":
      return Number(a !== b);
    case "<":
      return Number(a < b);
    case "<=":
      return Number(a <= b);
    case ">":
      return Number(a > b);
    case ">=":
      return Number(a >= b);
    case "&&":
      return Number(a !== 0 && b !== 0);
    case "||":
      return Number(a !== 0 || b !== 0);
    default:
      return operator satisfies never;
  }
}
