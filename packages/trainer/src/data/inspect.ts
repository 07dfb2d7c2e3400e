/** Shows what a run learns from, token by token, before it learns: the mask, the cuts, the lengths, the end of turn. */
import type { Tokenizer } from "@qtune/llm";
import type { RunConfig } from "../config/run-config.ts";
import { loadTrainingData } from "../loop/training-data.ts";
import type { TrainerModel } from "../model.ts";
import type { Sample } from "./example.ts";
import type { TokenisedData } from "./tokenise.ts";

/** One token of a sample. */
export interface InspectedToken {
  readonly id: number;
  readonly text: string;
  /** Whether its prediction is learnt. */
  readonly learnt: boolean;
}

/** One sample as the model sees it. */
export interface InspectedSample {
  readonly id: string;
  readonly tokens: readonly InspectedToken[];
  /** What is learnt, decoded, special tokens included. */
  readonly target: string;
  readonly cut: number;
  /** Whether the last learnt token ends the turn, so that the model learns to stop. */
  readonly endsTurn: boolean;
}

/** What a run learns from. */
export interface DataInspection {
  readonly description: string;
  readonly statistics: TokenisedData["statistics"];
  /** Share of tokens that are learnt, 0 to 1. */
  readonly learntShare: number;
  /** Samples by length: upper end of each bin in tokens, and how many samples are in it. */
  readonly lengths: readonly { readonly upTo: number; readonly count: number }[];
  readonly samples: readonly InspectedSample[];
  /** What a user should look at before training. */
  readonly warnings: readonly string[];
}

/**
 * Inspects the data of a run; `count` samples token by token.
 *
 * Errors: what reading, splitting and tokenising throw.
 */
export async function inspectData(options: {
  readonly config: RunConfig;
  readonly model: TrainerModel;
  readonly tokenizer: Tokenizer;
  /** Default: 3. */
  readonly count?: number;
}): Promise<DataInspection> {
  const { config, model, tokenizer, count = 3 } = options;
  const { train, description } = await loadTrainingData(config, model, tokenizer);
  const { statistics } = train;
  const endIds = new Set(model.config.eosIds);
  const all = train.samples.map((sample) => lastLearnt(sample));
  const endless = all.filter((id) => id === undefined || !endIds.has(id)).length;
  const warnings: string[] = [];
  if (endless > 0) {
    warnings.push(
      `${endless} of ${all.length} samples do not end in a learnt end of turn: the model may not learn to stop`,
    );
  }
  if (statistics.cutExamples > 0) {
    warnings.push(
      `${statistics.cutExamples} samples lose ${statistics.cutTokens} tokens to data.maxTokens`,
    );
  }
  return {
    description,
    statistics,
    learntShare: statistics.labelled / statistics.tokens,
    lengths: histogram(train.samples.map(({ ids }) => ids.length)),
    samples: train.samples
      .slice(0, count)
      .map((sample) => inspectSample(tokenizer, sample, endIds)),
    warnings,
  };
}

function lastLearnt({ labels }: Sample): number | undefined {
  return [...labels].findLast((label) => label >= 0);
}

function inspectSample(
  tokenizer: Tokenizer,
  sample: Sample,
  endIds: ReadonlySet<number>,
): InspectedSample {
  const learnt = [...sample.labels].filter((label) => label >= 0);
  const last = learnt.at(-1);
  return {
    id: sample.id,
    tokens: [...sample.ids].map((id, t) => ({
      id,
      text: tokenizer.decode([id], { skipSpecial: false }),
      learnt: t > 0 && (sample.labels[t] ?? -1) >= 0,
    })),
    target: tokenizer.decode(learnt, { skipSpecial: false }),
    cut: sample.cut,
    endsTurn: last !== undefined && endIds.has(last),
  };
}

/** Counts lengths in bins whose upper ends double. */
function histogram(lengths: readonly number[]): DataInspection["lengths"] {
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1);
  const bins: { upTo: number; count: number }[] = [];
  for (let upTo = 16; ; upTo *= 2) {
    bins.push({
      upTo,
      count: lengths.filter((length) => length <= upTo && length > (bins.at(-1)?.upTo ?? 0)).length,
    });
    if (upTo >= longest) return bins;
  }
}
