/** The built-in functions of OpenQASM 3. */
import {
  type Bit,
  bitsOf,
  floatValue,
  intValue,
  knownBits,
  toIndex,
  toInteger,
  toNumber,
  type Value,
  ValueFault,
} from "./values.ts";

const numeric: Readonly<Record<string, (a: number, b: number) => number>> = {
  arccos: Math.acos,
  arcsin: Math.asin,
  arctan: Math.atan,
  cos: Math.cos,
  sin: Math.sin,
  tan: Math.tan,
  exp: Math.exp,
  log: Math.log,
  ln: Math.log,
  sqrt: Math.sqrt,
  pow: (a, b) => a ** b,
};

const integral: Readonly<Record<string, (a: number) => number>> = {
  ceiling: Math.ceil,
  floor: Math.floor,
};

const others = ["mod", "popcount", "rotl", "rotr", "real", "imag", "sizeof"];

/** Tells whether a name is a built-in function. */
export function isFunction(name: string): boolean {
  return Object.hasOwn(numeric, name) || Object.hasOwn(integral, name) || others.includes(name);
}

/** Returns the value of a built-in function. Errors: ValueFault with the reason. */
export function callFunction(name: string, values: readonly Value[]): Value {
  const [first, second] = values;
  if (first === undefined) throw new ValueFault(`${name} needs an argument`);
  const wanted = ["pow", "mod", "rotl", "rotr"].includes(name) ? 2 : 1;
  if (name !== "sizeof" && values.length !== wanted)
    throw new ValueFault(
      `${name} takes ${wanted} ${wanted === 1 ? "argument" : "arguments"}, not ${values.length}`,
    );
  const apply = Object.hasOwn(numeric, name) ? numeric[name] : undefined;
  if (apply !== undefined)
    return floatValue(apply(toNumber(first), second === undefined ? 0 : toNumber(second)));
  const round = Object.hasOwn(integral, name) ? integral[name] : undefined;
  if (round !== undefined) return intValue(integerOf(round(toNumber(first)), name));
  switch (name) {
    case "mod":
      return modulo(first, second ?? intValue(1));
    case "popcount":
      return intValue(
        first.kind === "bits"
          ? countOnes(first.bits)
          : [...toInteger(first).toString(2)].filter((bit) => bit === "1").length,
      );
    case "rotl":
    case "rotr":
      return rotate(first, toIndex(second ?? intValue(0)) * (name === "rotl" ? 1 : -1));
    case "real":
      return floatValue(first.kind === "complex" ? first.re : toNumber(first));
    case "imag":
      return floatValue(first.kind === "complex" ? first.im : 0);
    default:
      return sizeOf(first, second === undefined ? 0 : toIndex(second));
  }
}

function integerOf(value: number, name: string): bigint {
  if (!Number.isFinite(value)) throw new ValueFault(`${name} gives ${value}`);
  return BigInt(value);
}

function modulo(a: Value, b: Value): Value {
  if (a.kind !== "int" || b.kind !== "int") {
    const divisor = toNumber(b);
    if (divisor === 0) throw new ValueFault("it divides by 0");
    return floatValue(((toNumber(a) % divisor) + divisor) % divisor);
  }
  if (b.value === 0n) throw new ValueFault("it divides by 0");
  return intValue(((a.value % b.value) + b.value) % b.value);
}

function countOnes(bits: readonly Bit[]): number {
  if (knownBits(bits) === undefined) throw new ValueFault("popcount depends on a measurement");
  return bits.filter((bit) => bit === 1).length;
}

function rotate(value: Value, by: number): Value {
  if (value.kind !== "bits") throw new ValueFault("only bit registers have a width to rotate in");
  const n = value.bits.length;
  return {
    kind: "bits",
    bits: bitsOf(0n, n).map((_, i) => value.bits[(((i - by) % n) + n) % n] ?? 0),
  };
}

function sizeOf(value: Value, dimension: number): Value {
  let inner: Value | undefined = value;
  for (let i = 0; i < dimension && inner?.kind === "array"; i++) inner = inner.items[0];
  if (inner?.kind === "array") return intValue(inner.items.length);
  if (inner?.kind === "bits") return intValue(inner.bits.length);
  if (inner?.kind === "qubits") return intValue(inner.qubits.length);
  throw new ValueFault("sizeof needs an array, bits or qubits of that many dimensions");
}
