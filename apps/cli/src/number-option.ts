import { InvalidArgumentError } from "commander";

/** Returns a parser of a whole-number option within a range, for commander. */
export function integerOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Returns a parser of a number option within a range, for commander. */
export function numberOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < min || value > max) {
      throw new InvalidArgumentError(`expected a number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Collects the values of an option that may be repeated. */
export function collectOption(value: string, all: string[]): string[] {
  return [...all, value];
}

/** Parses a seed: a whole number of up to 64 bits. */
export function seedOption(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) >= 1n << 64n) {
    throw new InvalidArgumentError("expected a whole number from 0 to 2^64 - 1.");
  }
  return BigInt(text);
}

/** Returns a parser of an option that takes one of some words, for commander. */
export function choiceOption<const T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined)
      throw new InvalidArgumentError(`expected one of ${choices.join(", ")}.`);
    return found;
  };
}

const baseWeightsChoices = ["float32", "float16", "int8", "int4"] as const;

/** Returns flags, description and parser of the option that says how the frozen matrices of a model are kept. */
export function baseWeightsOption(): [
  string,
  string,
  (text: string) => (typeof baseWeightsChoices)[number],
] {
  return [
    "--base-weights <kind>",
    `how the model's matrices are kept: ${baseWeightsChoices.join(", ")}; default float32`,
    choiceOption(baseWeightsChoices),
  ];
}
