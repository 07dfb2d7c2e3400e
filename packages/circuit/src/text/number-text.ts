/** How printers write numbers and angles: exactly, so that reading gives the same double, and with π where it is exact. */
import { type Angle, isBoundAngle } from "../angle.ts";

/** What differs between the formats. */
export interface NumberStyle {
  readonly pi: string;
  /** `point`: an exponent needs a decimal point (OpenQASM 2); `plain`: no exponents (OriginIR); `free`: as JavaScript. */
  readonly exponent: "point" | "plain" | "free";
  /** Write multiples of π as such. */
  readonly usePi: boolean;
  /** Write `a+-b` for `a-b`. */
  readonly addsNegatives?: true;
}

export const qasm2Numbers: NumberStyle = { pi: "pi", exponent: "point", usePi: true };
export const qasm3Numbers: NumberStyle = { pi: "pi", exponent: "free", usePi: true };
export const originirNumbers: NumberStyle = { pi: "PI", exponent: "plain", usePi: false };
/** QPanda3 (0.5.1) leaves out in definitions what stands behind a binary minus. */
export const qpanda3Numbers: NumberStyle = { ...originirNumbers, addsNegatives: true };

const denominators = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64, 128, 256, 512, 1024] as const;

/** Returns the text of a number. Range: finite. */
export function printNumber(value: number, style: NumberStyle): string {
  if (style.usePi && value !== 0) {
    const text = piMultiple(value, style.pi);
    if (text !== undefined) return text;
  }
  const text = String(value);
  if (style.exponent === "free" || !text.includes("e")) return text;
  return style.exponent === "plain" ? withoutExponent(text) : withPoint(text);
}

function withPoint(text: string): string {
  const [mantissa = "", exponent = ""] = text.split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}e${exponent}`;
}

/** Moves the decimal point instead of writing an exponent. */
function withoutExponent(text: string): string {
  const negative = text.startsWith("-");
  const [mantissa = "", exponentText = "0"] = text.replace(/^-/, "").split("e");
  const exponent = Number(exponentText);
  const [whole = "", fraction = ""] = mantissa.split(".");
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const plain =
    point <= 0
      ? `0.${"0".repeat(-point)}${digits}`
      : point >= digits.length
        ? digits.padEnd(point, "0")
        : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return negative ? `-${plain}` : plain;
}

/** The least common multiple of the denominators. */
const commonDenominator = 15_360;

/** `3*pi/4` where that expression has exactly this value. */
function piMultiple(value: number, pi: string): string | undefined {
  // most numbers are none: far from any of the multiples, whatever the rounding
  const scaled = value * (commonDenominator / Math.PI);
  if (Math.abs(scaled - Math.round(scaled)) > 1e-5) return undefined;
  for (const denominator of denominators) {
    const numerator = Math.round((value * denominator) / Math.PI);
    if (numerator === 0 || Math.abs(numerator) > 4096) continue;
    if ((numerator * Math.PI) / denominator !== value) continue;
    const head = numerator === 1 ? pi : numerator === -1 ? `-${pi}` : `${numerator}*${pi}`;
    return denominator === 1 ? head : `${head}/${denominator}`;
  }
  return undefined;
}

/**
 * Returns the text of an angle. Terms come first, each with its exact coefficient, then the constant.
 *
 * @param name how a parameter is written in this format.
 */
export function printAngle(
  angle: Angle,
  style: NumberStyle,
  name: (parameter: string) => string,
): string {
  if (isBoundAngle(angle)) return printNumber(angle, style);
  let text = "";
  for (const { parameter, coefficient } of angle.terms) {
    const size = Math.abs(coefficient);
    const minus = style.addsNegatives === true && text !== "" ? "+-" : "-";
    const sign = coefficient < 0 ? minus : text === "" ? "" : "+";
    text += `${sign}${size === 1 ? "" : `${printNumber(size, style)}*`}${name(parameter)}`;
  }
  if (angle.constant !== 0 || text === "") {
    const constant = printNumber(angle.constant, style);
    const joins = text !== "" && (style.addsNegatives === true || !constant.startsWith("-"));
    text += joins ? `+${constant}` : constant;
  }
  return text;
}
