/**
 * Overlap of a text with a reference: BLEU on characters and ROUGE on words, as the Chinese fine-tuning ecosystem counts
 * them (LLaMA-Factory `predict_with_generate`: nltk `sentence_bleu` with smoothing 3, rouge_chinese on segmented words).
 */

/** ROUGE F1 scores, 0 to 1. */
export interface RougeScores {
  readonly rouge1: number;
  readonly rouge2: number;
  readonly rougeL: number;
}

/**
 * Returns ROUGE-1, ROUGE-2 (over sets of n-grams) and ROUGE-L (longest common subsequence) of two lists of words.
 *
 * Effect: an empty list gives zeros. Who segments the text is up to the caller: scores of other segmenters differ.
 */
export function rouge(reference: readonly string[], hypothesis: readonly string[]): RougeScores {
  const overlap = (n: number): number => {
    const [expected, given] = [ngrams(reference, n), ngrams(hypothesis, n)].map(
      (list) => new Set(list),
    );
    if (expected === undefined || given === undefined) return 0;
    const common = [...given].filter((gram) => expected.has(gram)).length;
    return f1(common, given.size, expected.size);
  };
  const common = longestCommonSubsequence(reference, hypothesis);
  return {
    rouge1: overlap(1),
    rouge2: overlap(2),
    rougeL: f1(common, hypothesis.length, reference.length),
  };
}

function f1(common: number, given: number, expected: number): number {
  if (given === 0 || expected === 0) return 0;
  const [precision, recall] = [common / given, common / expected];
  return (2 * precision * recall) / (precision + recall + 1e-8);
}

function ngrams(items: readonly string[], n: number): readonly string[] {
  return Array.from({ length: Math.max(0, items.length - n + 1) }, (_, at) =>
    items.slice(at, at + n).join("\u0000"),
  );
}

function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const word of a) {
    const next = new Uint32Array(b.length + 1);
    b.forEach((other, j) => {
      next[j + 1] = word === other ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!); // j is below b.length
    });
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * Returns BLEU-4 on the characters of two texts.
 *
 * Maths: geometric mean of the clipped n-gram precisions, n = 1 … 4, times the brevity penalty; the k-th precision that is
 *        zero counts as 1 / (2^k · number of n-grams) (Chen and Cherry 2014, method 3).
 */
export function characterBleu(reference: string, hypothesis: string): number {
  const [expected, given] = [[...reference], [...hypothesis]];
  let logSum = 0;
  let zeros = 0;
  for (let n = 1; n <= 4; n++) {
    const grams = ngrams(given, n);
    const total = Math.max(1, grams.length);
    const matched = clippedMatches(ngrams(expected, n), grams);
    if (n === 1 && matched === 0) return 0;
    if (matched === 0) zeros += 1;
    logSum += Math.log(matched === 0 ? 1 / (2 ** zeros * total) : matched / total) / 4;
  }
  const brevity = given.length > expected.length ? 1 : Math.exp(1 - expected.length / given.length);
  return brevity * Math.exp(logSum);
}

function clippedMatches(expected: readonly string[], given: readonly string[]): number {
  const left = new Map<string, number>();
  for (const gram of expected) left.set(gram, (left.get(gram) ?? 0) + 1);
  let matched = 0;
  for (const gram of given) {
    const count = left.get(gram) ?? 0;
    if (count === 0) continue;
    left.set(gram, count - 1);
    matched += 1;
  }
  return matched;
}
