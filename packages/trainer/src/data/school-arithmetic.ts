/**
 * `builtin:school-arithmetic`: a seeded generator of word problems of one to three steps, Chinese and English.
 *
 * Generalisation is what the set measures, so items are split by the canonical expression of their steps (operator,
 * operands sorted where the operator commutes, result), never by text: a sum that is tested was never trained, in no
 * wording and in neither order. A problem of several steps belongs to a split only if each of its steps does.
 */
import { QtuneError, type Random, assertInteger, createRandom } from "@qtune/base";
import {
  type ArithmeticFrame,
  type ArithmeticLanguage,
  type ArithmeticOperator,
  arithmeticFrames,
  arithmeticWords,
} from "./arithmetic-frames.ts";

/** Changes whenever the same options would give other items; printed with every score. */
export const schoolArithmeticVersion = "1.0";

/** One calculation. */
export interface ArithmeticStep {
  readonly operator: ArithmeticOperator;
  readonly left: number;
  readonly right: number;
  readonly result: number;
}

/** One word problem and its worked answer. */
export interface ArithmeticItem {
  readonly id: string;
  readonly question: string;
  /** One line per step, then `#### result`. */
  readonly answer: string;
  readonly result: number;
  readonly steps: readonly ArithmeticStep[];
  /** Canonical keys of the steps, joined by `;`: what the split goes by. */
  readonly key: string;
  readonly frame: string;
  readonly language: ArithmeticLanguage;
}

/** The parts of the set. No key of one part occurs in another, except that both tests share the test keys. */
export interface ArithmeticSet {
  readonly version: string;
  readonly train: readonly ArithmeticItem[];
  readonly validation: readonly ArithmeticItem[];
  /** Test: new numbers in known frames. The headline. */
  readonly newNumbers: readonly ArithmeticItem[];
  /** Test: new numbers in frames that were never trained. Reported apart. */
  readonly newFrames: readonly ArithmeticItem[];
}

/** What to generate. */
export interface SchoolArithmeticOptions {
  readonly seed: number;
  /** Steps per problem, 1 to 3. Default: 1. */
  readonly level?: 1 | 2 | 3;
  /** Default: Chinese only, as in the quickstart. */
  readonly languages?: readonly ArithmeticLanguage[];
  /** Default: add and subtract. */
  readonly operators?: readonly ArithmeticOperator[];
  /** Largest operand that a problem states; results may be larger. Default: 20. */
  readonly maxOperand?: number;
  /** Items per part. Defaults: 1200, 100, 200, 200. */
  readonly train?: number;
  readonly validation?: number;
  readonly newNumbers?: number;
  readonly newFrames?: number;
}

/** Largest factor of a multiplication: tables as taught first. */
const maxFactor = 5;
/** Draws in a row without a new problem after which the operands count as used up. */
const maxMissesInARow = 20_000;
/** Shares of the canonical expressions; the rest trains. */
const testShare = 0.25;
const validationShare = 0.1;

type Split = "train" | "validation" | "test";

const symbols: Readonly<Record<ArithmeticOperator, string>> = {
  add: "+",
  subtract: "-",
  multiply: "*",
};

/** Returns the canonical key of a step, e.g. `add(3,5)=8` for 5 + 3. */
export function canonicalKey(step: ArithmeticStep): string {
  const commutes = step.operator !== "subtract";
  const operands = [step.left, step.right];
  if (commutes) operands.sort((a, b) => a - b);
  return `${step.operator}(${operands.join(",")})=${step.result}`;
}

/**
 * Generates the set; the same options give the same items on every machine.
 *
 * Cost:   microseconds per item.
 * Errors: out_of_range for a size or operand outside its range; resource_exhausted when the operands do not allow as
 *         many different problems as were asked for.
 */
export function generateSchoolArithmetic(options: SchoolArithmeticOptions): ArithmeticSet {
  const settings = {
    level: options.level ?? 1,
    languages: options.languages ?? ["zh"],
    operators: options.operators ?? ["add", "subtract"],
    maxOperand: options.maxOperand ?? 20,
  };
  assertInteger(settings.level, { min: 1, max: 3 }, "data.level");
  assertInteger(settings.maxOperand, { min: 2, max: 10_000 }, "data.maxOperand");
  const root = createRandom(options.seed, "school-arithmetic", schoolArithmeticVersion);
  const taken = new Set<string>();
  const splitOf = createSplit(root);
  const part = (name: string, split: Split, unseen: boolean, count: number): ArithmeticItem[] =>
    generatePart({ ...settings, root, splitOf, name, split, unseen, count, taken });
  return {
    version: schoolArithmeticVersion,
    newNumbers: part("new-numbers", "test", false, options.newNumbers ?? 200),
    newFrames: part("new-frames", "test", true, options.newFrames ?? 200),
    validation: part("validation", "validation", false, options.validation ?? 100),
    train: part("train", "train", false, options.train ?? 1200),
  };
}

interface PartOptions {
  readonly level: number;
  readonly languages: readonly ArithmeticLanguage[];
  readonly operators: readonly ArithmeticOperator[];
  readonly maxOperand: number;
  readonly root: Random;
  readonly splitOf: (key: string) => Split;
  readonly name: string;
  readonly split: Split;
  readonly unseen: boolean;
  readonly count: number;
  readonly taken: Set<string>;
}

function generatePart(options: PartOptions): ArithmeticItem[] {
  assertInteger(options.count, { min: 0, max: 10_000_000 }, `data.${options.name}`);
  const random = options.root.fork(options.name);
  const frames = arithmeticFrames.filter(
    (frame) => frame.unseen === options.unseen && options.languages.includes(frame.language),
  );
  const items: ArithmeticItem[] = [];
  let misses = 0;
  while (items.length < options.count) {
    const steps = drawSteps(options, random);
    const fits = steps.every((step) => options.splitOf(canonicalKey(step)) === options.split);
    const item = fits
      ? tell(steps, pick(frames, random), random, `${options.name}-${items.length}`)
      : undefined;
    if (item === undefined || options.taken.has(item.question)) {
      misses += 1;
      if (misses > maxMissesInARow) {
        throw new QtuneError(
          "resource_exhausted",
          `expected ${options.count} different problems but these operands give about ${items.length}; raise maxOperand or ask for fewer`,
          { where: `data.${options.name}` },
        );
      }
      continue;
    }
    misses = 0;
    options.taken.add(item.question);
    items.push(item);
  }
  return items;
}

/** Returns the split of a canonical expression: a pure function of seed and key, the same at every level. */
function createSplit(root: Random): (key: string) => Split {
  const known = new Map<string, Split>();
  return (key) => {
    let split = known.get(key);
    if (split === undefined) {
      const draw = root.fork("split", key).nextUniform();
      if (draw < testShare) split = "test";
      else split = draw < testShare + validationShare ? "validation" : "train";
      known.set(key, split);
    }
    return split;
  };
}

function drawSteps(options: PartOptions, random: Random): readonly ArithmeticStep[] {
  const steps: ArithmeticStep[] = [];
  let left = 1 + random.nextBelow(options.maxOperand);
  for (let step = 0; step < options.level; step++) {
    const operator = pick(options.operators, random);
    const next = drawStep(operator, left, options.maxOperand, random);
    steps.push(next);
    left = next.result;
  }
  return steps;
}

/** Draws the second operand so that no result is zero or negative. */
function drawStep(
  operator: ArithmeticOperator,
  left: number,
  maxOperand: number,
  random: Random,
): ArithmeticStep {
  switch (operator) {
    case "add": {
      const right = 1 + random.nextBelow(maxOperand);
      return { operator, left, right, result: left + right };
    }
    case "subtract": {
      if (left < 2) return drawStep("add", left, maxOperand, random);
      const right = 1 + random.nextBelow(Math.min(left - 1, maxOperand));
      return { operator, left, right, result: left - right };
    }
    case "multiply": {
      const right = 2 + random.nextBelow(maxFactor - 1);
      return { operator, left, right, result: left * right };
    }
  }
}

function tell(
  steps: readonly ArithmeticStep[],
  frame: ArithmeticFrame,
  random: Random,
  id: string,
): ArithmeticItem {
  const words = arithmeticWords[frame.language];
  const name = pick(words.names, random);
  const other = pick(
    words.names.filter((candidate) => candidate !== name),
    random,
  );
  const thing = pick(words.things, random);
  const fill = (text: string, a: number, b: number): string =>
    text
      .replaceAll("{a}", String(a))
      .replaceAll("{b}", String(b))
      .replaceAll("{name}", name)
      .replaceAll("{other}", other)
      .replaceAll("{m}", thing.measure)
      .replaceAll("{thing}", thing.noun);
  const start = fill(frame.start, steps[0]?.left ?? 0, 0);
  const events = steps.map((step) => fill(frame.events[step.operator], 0, step.right));
  const question = fill(frame.question, 0, 0);
  const result = steps.at(-1)?.result ?? 0;
  const lines = steps.map(
    (step) => `${step.left}${symbols[step.operator]}${step.right}=${step.result}`,
  );
  return {
    id,
    question:
      frame.language === "zh"
        ? `${[start, ...events].join("，")}，${question}`
        : `${[start, ...events].join(", ")}. ${question}`,
    answer: [...lines, `#### ${result}`].join("\n"),
    result,
    steps,
    key: steps.map(canonicalKey).join(";"),
    frame: frame.id,
    language: frame.language,
  };
}

function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random.nextBelow(items.length)];
  if (item === undefined)
    throw new QtuneError("invalid_argument", "expected at least one choice but was given none", {
      where: "data",
    });
  return item;
}
