/** The data of a run: where it comes from, how it is split, and its tokens. */
import { QtuneError, createRandom, shuffleInPlace } from "@qtune/base";
import type { Tokenizer } from "@qtune/llm";
import type { RunConfig } from "../config/run-config.ts";
import type { Example } from "../data/example.ts";
import { readExamples } from "../data/read-examples.ts";
import {
  type ArithmeticItem,
  type ArithmeticSet,
  generateSchoolArithmetic,
} from "../data/school-arithmetic.ts";
import { type TokenisedData, tokeniseAll } from "../data/tokenise.ts";
import type { TrainerModel } from "../model.ts";

/** Tokens to learn from and tokens to hold out. */
export interface TrainingData {
  readonly train: TokenisedData;
  readonly validation: TokenisedData | undefined;
  readonly description: string;
}

/** Turns a generated problem into an example. */
export function arithmeticExample(item: ArithmeticItem): Example {
  return { id: item.id, kind: "prompt", prompt: item.question, completion: item.answer };
}

/** Generates the built-in set of a configuration; `train` problems for training. */
export function builtinSet(data: RunConfig["data"], runSeed: number, train: number): ArithmeticSet {
  return generateSchoolArithmetic({
    seed: data.seed ?? runSeed,
    level: data.level,
    languages: data.languages,
    operators: data.operators,
    maxOperand: data.maxOperand,
    train,
    ...(data.validation >= 1 ? { validation: data.validation } : {}),
  });
}

/**
 * Loads, splits and tokenises the data of a run.
 *
 * Errors: not_found for an unknown built-in set or file; what reading and tokenising throw.
 */
export async function loadTrainingData(
  config: RunConfig,
  model: TrainerModel,
  tokenizer: Tokenizer,
): Promise<TrainingData> {
  const { data, train } = config;
  const options = {
    template: data.template,
    system: data.system,
    maxTokens: Math.min(data.maxTokens, model.config.maxPositions),
    endId: model.config.eosIds[0],
  };
  const parts = await loadExamples(config, (train.steps ?? 75) * train.batchExamples);
  return {
    train: tokeniseAll(tokenizer, parts.train, options),
    validation:
      parts.validation.length === 0 ? undefined : tokeniseAll(tokenizer, parts.validation, options),
    description: parts.description,
  };
}

async function loadExamples(
  { data, train }: RunConfig,
  generated: number,
): Promise<{
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  readonly description: string;
}> {
  if (data.source.startsWith("builtin:")) {
    if (data.source !== "builtin:school-arithmetic") {
      throw new QtuneError(
        "not_found",
        `expected builtin:school-arithmetic but was given ${data.source}`,
        {
          where: "data.source",
        },
      );
    }
    const set = builtinSet(data, train.seed, data.limit ?? generated);
    return {
      train: set.train.map(arithmeticExample),
      validation: set.validation.map(arithmeticExample),
      description: `school arithmetic ${set.version}, ${data.level} step${data.level === 1 ? "" : "s"}, ${data.languages.join(" and ")}`,
    };
  }
  const all = await readExamples(data.source, data.format);
  const limited = data.limit === undefined ? all : all.slice(0, data.limit);
  const random = createRandom(data.seed ?? train.seed, "split");
  const shuffled = shuffleInPlace([...limited], random);
  const held =
    data.validation < 1 ? Math.round(data.validation * shuffled.length) : data.validation;
  const heldOut = Math.min(held, Math.floor(shuffled.length / 2));
  return {
    train: shuffled.slice(heldOut),
    validation: shuffled.slice(0, heldOut),
    description: `${data.source}: ${shuffled.length - heldOut} examples, ${heldOut} held out`,
  };
}
