/**
 * Multiple choice by likelihood: each option is scored as the continuation of its question; the likeliest wins, once by
 * the sum of log-probabilities and once per character, as lm-evaluation-harness counts `acc` and `acc_norm`.
 */
import { QtuneError } from "@qtune/base";
import type { Tokenizer } from "@qtune/llm";
import type { Example, Sample } from "../data/example.ts";
import { tokeniseExample } from "../data/tokenise.ts";
import type { EvalConfig } from "./eval-config.ts";

/** A question with its options. */
interface Choice {
  readonly id: string;
  readonly question: string;
  readonly options: readonly string[];
  /** Index of the right one. */
  readonly right: number;
}

interface ChoiceResult {
  readonly metrics: Record<string, number>;
  readonly samples: readonly {
    id: string;
    question: string;
    output: string;
    reference: string;
    strict: boolean;
  }[];
}

function prepare(
  tokenizer: Tokenizer,
  items: readonly Example[],
  config: EvalConfig,
): { readonly samples: readonly Sample[]; readonly choices: readonly Choice[] } {
  const choices = items.map(choiceOf);
  const samples = choices.flatMap(({ id, question, options }) =>
    options.map((option, k) =>
      tokeniseExample(
        tokenizer,
        { id: `${id}#${k}`, kind: "prompt", prompt: question, completion: option },
        { template: config.chat ? "chat" : "plain", maxTokens: config.maxTokens, endId: undefined },
      ),
    ),
  );
  return { samples, choices };
}

/** A prompt whose completion lists the options, one a line, the right one first. */
function choiceOf(example: Example): Choice {
  if (example.kind !== "prompt") {
    throw new QtuneError(
      "invalid_argument",
      `expected a question with options but was given a ${example.kind} record`,
      {
        where: example.id,
      },
    );
  }
  const options = example.completion.split("\n").filter((line) => line.trim() !== "");
  return { id: example.id, question: example.prompt, options, right: 0 };
}

function judge(
  choices: readonly Choice[],
  losses: readonly number[],
  _samples: readonly Sample[],
  share: (name: string, successes: number, trials: number) => Record<string, number>,
): ChoiceResult {
  let at = 0;
  const judged = choices.map(({ id, question, options, right }) => {
    const own = losses.slice(at, at + options.length);
    at += options.length;
    const plain = own.indexOf(Math.min(...own));
    const perCharacter = own.map((loss, k) => loss / Math.max(1, options[k]?.length ?? 1));
    const normalised = perCharacter.indexOf(Math.min(...perCharacter));
    return {
      id,
      question,
      output: options[plain] ?? "",
      reference: options[right] ?? "",
      strict: plain === right,
      normalised: normalised === right,
    };
  });
  const right = judged.filter(({ strict }) => strict).length;
  const normalised = judged.filter((item) => item.normalised).length;
  return {
    metrics: {
      ...share("accuracy", right, judged.length),
      ...share("accuracyNormalised", normalised, judged.length),
    },
    samples: judged.map(({ normalised: _, ...sample }) => sample),
  };
}

/** The two halves of the task: what to score, and what the scores mean. */
export const scoreChoices = { prepare, judge };
