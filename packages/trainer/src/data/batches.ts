/** The order of the data: a pure function of seed and step, so that a resumed run sees what it would have seen. */
import { type Random, shuffleInPlace } from "@qtune/base";
import type { Sample } from "./example.ts";

/** How steps are filled: by a number of examples, or by a number of tokens. */
export interface BatchSize {
  readonly batchExamples: number;
  readonly batchTokens?: number | undefined;
}

/** The batches of a training: batch k is what optimiser step k learns from. */
export interface BatchOrder {
  /** Batches of one pass over the data, the same number in each pass. */
  readonly stepsPerEpoch: number;
  /** Returns the samples of a step, counted from 0. */
  batch(step: number): readonly Sample[];
}

/**
 * Creates the order: each epoch is its own shuffle; a batch takes the next examples and never crosses an epoch.
 *
 * Effect: a fork of `random` per epoch; asking for steps in another order gives the same batches.
 */
export function createBatchOrder(
  samples: readonly Sample[],
  size: BatchSize,
  random: Random,
): BatchOrder {
  // The number of batches must not depend on the shuffle, so token budgets are filled on the unshuffled data first.
  const stepsPerEpoch = Math.max(1, cut(samples, size).length);
  const epochs = new Map<number, readonly (readonly Sample[])[]>();
  const epochBatches = (epoch: number): readonly (readonly Sample[])[] => {
    const known = epochs.get(epoch);
    if (known !== undefined) return known;
    const shuffled = shuffleInPlace([...samples], random.fork("epoch", epoch));
    const batches =
      size.batchTokens === undefined ? cut(shuffled, size) : spread(shuffled, stepsPerEpoch);
    epochs.clear(); // one epoch at a time is enough
    epochs.set(epoch, batches);
    return batches;
  };
  return {
    stepsPerEpoch,
    batch: (step) => epochBatches(Math.floor(step / stepsPerEpoch))[step % stepsPerEpoch] ?? [],
  };
}

function cut(
  samples: readonly Sample[],
  { batchExamples, batchTokens }: BatchSize,
): readonly (readonly Sample[])[] {
  const batches: Sample[][] = [];
  let current: Sample[] = [];
  let tokens = 0;
  for (const sample of samples) {
    const full =
      batchTokens === undefined
        ? current.length === batchExamples
        : current.length > 0 && tokens + sample.ids.length > batchTokens;
    if (full) {
      batches.push(current);
      current = [];
      tokens = 0;
    }
    current.push(sample);
    tokens += sample.ids.length;
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/** Deals samples into a fixed number of batches, always to the one with the fewest tokens. */
function spread(samples: readonly Sample[], count: number): readonly (readonly Sample[])[] {
  const batches = Array.from({ length: count }, () => ({ samples: [] as Sample[], tokens: 0 }));
  for (const sample of samples) {
    const lightest = batches.reduce((best, batch) => (batch.tokens < best.tokens ? batch : best));
    lightest.samples.push(sample);
    lightest.tokens += sample.ids.length;
  }
  return batches.map((batch) => batch.samples);
}

/**
 * Cuts a batch into micro-batches of at most `maxTokens` tokens (or one longer sample), samples of similar length
 * together, since attention is padded to the longest.
 *
 * Effect: pure; loss and gradients are sums, so the cut changes nothing but rounding.
 */
export function microBatches(
  samples: readonly Sample[],
  maxTokens: number,
): readonly (readonly Sample[])[] {
  const sorted = [...samples].sort((a, b) => b.ids.length - a.ids.length);
  const total = sorted.reduce((sum, sample) => sum + sample.ids.length, 0);
  // As many as needed, filled evenly: three of 370 tokens run faster than two of 512 and a rest of 90.
  const target = Math.min(
    maxTokens,
    total / Math.max(1, Math.ceil(total / maxTokens)) + (sorted[0]?.ids.length ?? 0) / 2,
  );
  return cut(sorted, { batchExamples: 1, batchTokens: Math.max(1, Math.floor(target)) });
}

/** Padded attention of a batch of shared beginnings may be this many times its tokens. */
const paddedShare = 4;

/**
 * Cuts samples into micro-batches of at most `maxTokens` tokens (or one longer sample), where what samples have in common at their
 * beginning counts once: samples that begin alike come together. As {@link microBatches} where little is in common.
 *
 * Effect: pure. For scoring programs that share beginnings.
 */
export function sharedMicroBatches(
  samples: readonly Sample[],
  maxTokens: number,
): readonly (readonly Sample[])[] {
  const sorted = [...samples].sort(compareIds);
  const total = samples.reduce((sum, { ids }) => sum + ids.length, 0);
  let fresh = 0;
  for (const [k, sample] of sorted.entries()) fresh += countNew(sorted[k - 1], sample);
  if (fresh > 0.9 * total) return microBatches(samples, maxTokens);
  const batches: Sample[][] = [];
  let current: Sample[] = [];
  let tokens = 0;
  let longest = 0;
  for (const sample of sorted) {
    const more = countNew(current.at(-1), sample);
    const padded = (current.length + 1) * Math.max(longest, sample.ids.length);
    const isFull = tokens + more > maxTokens || padded > paddedShare * maxTokens;
    if (current.length > 0 && isFull) {
      batches.push(current);
      [current, tokens, longest] = [[], 0, 0];
    }
    tokens += current.length === 0 ? sample.ids.length : more;
    longest = Math.max(longest, sample.ids.length);
    current.push(sample);
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

function compareIds({ ids: a }: Sample, { ids: b }: Sample): number {
  const same = countCommon(a, b);
  return (a[same] ?? -1) - (b[same] ?? -1);
}

/** Tokens of a sample beyond what it has in common with the one before it in sorted order. */
function countNew(before: Sample | undefined, { ids }: Sample): number {
  return ids.length - (before === undefined ? 0 : countCommon(before.ids, ids));
}

function countCommon(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const end = Math.min(a.length, b.length);
  let t = 0;
  while (t < end && a[t] === b[t]) t++;
  return t;
}
