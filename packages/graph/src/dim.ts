/**
 * Dimensions of tensors: a number, or a monomial in named symbols such as `"B"`, `"8*N"` or `"B*T"`.
 *
 * Monomials are all that reshapes between rows, heads and batches need. Sums of symbols are left out on purpose: a
 * concatenation along a symbolic axis gets a symbol of its own.
 */
import { QtuneError } from "@qtune/base";

/** A dimension: a positive integer, a symbol, or a product of an integer and symbols in canonical form. */
export type Dim = number | string;

/** A shape, slowest dimension first. */
export type Shape = readonly Dim[];

/** Values of symbols. */
export type DimBindings = Readonly<Record<string, number>>;

interface Monomial {
  readonly factor: number;
  readonly symbols: readonly string[];
}

function parseDim(dim: Dim): Monomial {
  if (typeof dim === "number") return { factor: dim, symbols: [] };
  let factor = 1;
  const symbols: string[] = [];
  for (const part of dim.split("*")) {
    if (/^\d+$/.test(part)) factor *= Number(part);
    else if (/^[A-Za-z][A-Za-z0-9_]*$/.test(part)) symbols.push(part);
    else
      throw new QtuneError("invalid_argument", `expected a symbol but was given "${part}"`, {
        where: `dimension "${dim}"`,
      });
  }
  return { factor, symbols: symbols.sort() };
}

function printMonomial({ factor, symbols }: Monomial): Dim {
  if (symbols.length === 0 || factor === 0) return factor;
  return factor === 1 ? symbols.join("*") : [factor, ...symbols].join("*");
}

/** Returns a dimension in canonical form: `"T*B"` becomes `"B*T"`. */
export function canonicalDim(dim: Dim): Dim {
  return printMonomial(parseDim(dim));
}

/** Multiplies dimensions. */
export function multiplyDims(dims: readonly Dim[]): Dim {
  const parts = dims.map(parseDim);
  return printMonomial({
    factor: parts.reduce((product, part) => product * part.factor, 1),
    symbols: parts.flatMap((part) => part.symbols).sort(),
  });
}

/** Divides one dimension by another, or returns nothing when it does not go evenly. */
export function divideDim(dividend: Dim, divisor: Dim): Dim | undefined {
  const above = parseDim(dividend);
  const below = parseDim(divisor);
  const symbols = [...above.symbols];
  for (const symbol of below.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return undefined;
    symbols.splice(at, 1);
  }
  const factor = above.factor / below.factor;
  return Number.isInteger(factor) ? printMonomial({ factor, symbols }) : undefined;
}

/** Returns the symbols of a dimension, each as often as it occurs. */
export function symbolsOf(dim: Dim): readonly string[] {
  return parseDim(dim).symbols;
}

/** Returns the integer factor of a dimension. */
export function factorOf(dim: Dim): number {
  return parseDim(dim).factor;
}

/** Tells whether two shapes are the same for every value of their symbols. */
export function isSameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/**
 * Computes a dimension from the values of its symbols.
 *
 * Errors: invalid_argument when a symbol has no value.
 */
export function evaluateDim(dim: Dim, bindings: DimBindings): number {
  const { factor, symbols } = parseDim(dim);
  return symbols.reduce((product, symbol) => {
    const value = bindings[symbol];
    if (value === undefined) {
      throw new QtuneError("invalid_argument", `expected a value for symbol ${symbol}`, {
        where: `dimension "${dim}"`,
      });
    }
    return product * value;
  }, factor);
}

/**
 * Returns the shape that two operands broadcast to, aligned at their last axes, or nothing when they do not.
 *
 * A symbol meets itself or 1, never a number: whether it equals that number is known only at run time.
 */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) result.push(left);
    else if (left === 1) result.push(right);
    else return undefined;
  }
  return result;
}
