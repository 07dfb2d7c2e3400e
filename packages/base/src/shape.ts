import { QtuneError } from "./error.ts";

/** Returns the number of elements of a shape. */
export function shapeSize(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Returns a shape as people write it: `[8, 64]`. */
export function printShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(", ")}]`;
}

/** Throws `invalid_argument` unless `length` elements fill `shape`. */
export function assertLength(length: number, shape: readonly number[], where: string): void {
  const expected = shapeSize(shape);
  if (length !== expected) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${expected} values for shape ${printShape(shape)} but was given ${length}`,
      { where },
    );
  }
}

/** Throws `out_of_range` unless `value` is an integer in [min, max]. */
export function assertInteger(
  value: number,
  range: { readonly min: number; readonly max: number },
  where: string,
): void {
  if (!Number.isInteger(value) || value < range.min || value > range.max) {
    throw new QtuneError(
      "out_of_range",
      `expected an integer from ${range.min} to ${range.max} but was given ${value}`,
      { where },
    );
  }
}

/** Throws `invalid_argument` naming the first element that is NaN or infinite. */
export function assertFinite(values: ArrayLike<number>, where: string): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) {
      throw new QtuneError("invalid_argument", `expected finite numbers but was given ${value}`, {
        where: `${where}[${i}]`,
      });
    }
  }
}
