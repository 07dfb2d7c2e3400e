/**
 * Turns examples into token sequences with their loss mask. The mask goes by position, never by token id, and holds the
 * end-of-turn token, so that a model learns to stop.
 */
import { type Issue, QtuneError } from "@qtune/base";
import { type Tokenizer, encodeChat } from "@qtune/llm";
import type { Example, Sample } from "./example.ts";

/** Label of a position that is not learnt. */
export const ignoredLabel = -100;

/** How examples become tokens. */
export interface TokeniseOptions {
  /** `chat` puts prompts and completions into the model's chat template. */
  readonly template: "chat" | "plain";
  /** System message in front of conversations that have none. */
  readonly system?: string | undefined;
  /** Longer sequences lose their end. */
  readonly maxTokens: number;
  /** Ends texts and completions that have no template. */
  readonly endId: number | undefined;
}

/** Tokenises one example. Errors: invalid_argument when a label count does not fit or the template refuses it. */
export function tokeniseExample(
  tokenizer: Tokenizer,
  example: Example,
  options: TokeniseOptions,
): Sample {
  const { ids, mask, labels } = encode(tokenizer, example, options);
  const kept = Math.min(ids.length, options.maxTokens);
  const sample = {
    id: example.id,
    ids: Int32Array.from(ids.slice(0, kept)),
    labels: Int32Array.from({ length: kept }, (_, t) =>
      mask[t] === 1 ? (labels ?? ids)[t]! : ignoredLabel,
    ), // t < kept
    cut: ids.length - kept,
  };
  const labelled = sample.labels.reduce(
    (count, label, t) => count + (t > 0 && label !== ignoredLabel ? 1 : 0),
    0,
  );
  return { ...sample, labelled };
}

interface Encoded {
  readonly ids: readonly number[];
  readonly mask: ArrayLike<number>;
  readonly labels?: readonly number[];
}

function encode(tokenizer: Tokenizer, example: Example, options: TokeniseOptions): Encoded {
  switch (example.kind) {
    case "tokens": {
      if (example.ids.length !== example.labels.length) {
        throw new QtuneError(
          "invalid_argument",
          `expected as many labels as ids but was given ${example.labels.length} and ${example.ids.length}`,
          { where: example.id },
        );
      }
      const mask = example.labels.map((label) => (label === ignoredLabel ? 0 : 1));
      return { ids: example.ids, mask, labels: example.labels };
    }
    case "text": {
      const ids = [...tokenizer.encode(example.text), ...endOf(options)];
      return { ids, mask: new Uint8Array(ids.length).fill(1) };
    }
    case "prompt": {
      if (options.template === "chat")
        return encodeConversation(tokenizer, toMessages(example), options);
      const prompt = tokenizer.encode(example.prompt);
      const completion = [
        ...tokenizer.encode(example.completion, { addSpecial: false }),
        ...endOf(options),
      ];
      const mask = new Uint8Array(prompt.length + completion.length).fill(1, prompt.length);
      return { ids: [...prompt, ...completion], mask };
    }
    case "chat":
      return encodeConversation(tokenizer, example.messages, options);
  }
}

function endOf({ endId }: TokeniseOptions): number[] {
  return endId === undefined ? [] : [endId];
}

function toMessages(example: { readonly prompt: string; readonly completion: string }) {
  return [
    { role: "user", content: example.prompt },
    { role: "assistant", content: example.completion },
  ];
}

function encodeConversation(
  tokenizer: Tokenizer,
  messages: Extract<Example, { kind: "chat" }>["messages"],
  { system }: TokeniseOptions,
): Encoded {
  const given = messages[0]?.role === "system" || system === undefined;
  const all = given ? messages : [{ role: "system", content: system }, ...messages];
  const { ids, assistantMask } = encodeChat(tokenizer, all);
  return { ids, mask: assistantMask };
}

/** Tokenised examples, and what happened to them. */
export interface TokenisedData {
  readonly samples: readonly Sample[];
  readonly statistics: {
    readonly examples: number;
    readonly tokens: number;
    readonly labelled: number;
    /** Examples that lost tokens to `maxTokens`, and how many tokens. */
    readonly cutExamples: number;
    readonly cutTokens: number;
    readonly longest: number;
  };
}

/**
 * Tokenises examples.
 *
 * Errors: invalid_argument listing the examples (ten at most) that have nothing to learn, or when there is no example.
 */
export function tokeniseAll(
  tokenizer: Tokenizer,
  examples: readonly Example[],
  options: TokeniseOptions,
): TokenisedData {
  const samples = examples.map((example) => tokeniseExample(tokenizer, example, options));
  const barren = samples.filter((sample) => sample.labelled === 0);
  if (samples.length === 0 || barren.length > 0) {
    const expected = "at least one token to learn";
    const issues: Issue[] = barren.slice(0, 10).map((sample) => ({
      where: sample.id,
      expected,
      given: sample.cut > 0 ? `none: the answer lies beyond ${options.maxTokens} tokens` : "none",
      hint: sample.cut > 0 ? "raise data.maxTokens" : "an answer must not be empty",
    }));
    throw QtuneError.fromIssues(
      issues.length > 0
        ? issues
        : [{ where: "data", expected: "at least one example", given: "none" }],
    );
  }
  const sum = (value: (sample: Sample) => number): number =>
    samples.reduce((total, sample) => total + value(sample), 0);
  return {
    samples,
    statistics: {
      examples: samples.length,
      tokens: sum(({ ids }) => ids.length),
      labelled: sum(({ labelled }) => labelled),
      cutExamples: sum(({ cut }) => (cut > 0 ? 1 : 0)),
      cutTokens: sum(({ cut }) => cut),
      longest: Math.max(...samples.map(({ ids }) => ids.length)),
    },
  };
}
