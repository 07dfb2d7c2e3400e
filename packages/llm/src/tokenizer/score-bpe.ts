/**
 * Byte-pair encoding by score, as SentencePiece does it (Kudo, Richardson, 2018, https://arxiv.org/abs/1808.06226): of
 * all adjacent pairs whose joined piece is in the vocabulary the one with the highest score is merged, the leftmost
 * first among equals, until none is left. Used for SentencePiece models of type BPE, GGUF vocabularies with scores and
 * llama2.c files.
 */

/** A vocabulary with scores. */
export interface ScoredVocabulary {
  /** Id of a piece that may come out of text; control and byte tokens are not in here. */
  readonly ids: ReadonlyMap<string, number>;
  /** Score of each id. */
  readonly scores: ArrayLike<number>;
  /** Ids of the 256 byte tokens, for characters without a piece; absent: `unkId` takes their place. */
  readonly byteIds: readonly number[] | undefined;
  readonly unkId: number;
}

/** One adjacent pair that could be merged. */
interface Candidate {
  readonly left: number;
  readonly right: number;
  readonly score: number;
  /** Length of the joined piece: a pair that has changed since is recognised by it. */
  readonly length: number;
}

/**
 * Splits a text into pieces of the vocabulary, as ids.
 *
 * Effect: pure.
 * Cost:   n·log n for n characters.
 */
export function encodeByScore(text: string, vocabulary: ScoredVocabulary): number[] {
  const pieces = [...text];
  const previous = pieces.map((_, i) => i - 1);
  const next = pieces.map((_, i) => (i + 1 < pieces.length ? i + 1 : -1));
  const heap: Candidate[] = [];
  const consider = (left: number, right: number): void => {
    if (left < 0 || right < 0) return;
    const joined = pieces[left]! + pieces[right]!; // both are positions in the text
    const id = vocabulary.ids.get(joined);
    if (id === undefined) return;
    push(heap, { left, right, score: vocabulary.scores[id] ?? 0, length: joined.length });
  };
  for (let i = 0; i + 1 < pieces.length; i++) consider(i, i + 1);
  for (let best = pop(heap); best !== undefined; best = pop(heap)) {
    const { left, right, length } = best;
    const isStale = pieces[left] === "" || pieces[right] === "" || next[left] !== right;
    if (isStale || pieces[left]!.length + pieces[right]!.length !== length) continue;
    pieces[left] += pieces[right]!; // positions of a candidate exist
    pieces[right] = "";
    const after = next[right]!;
    next[left] = after;
    if (after >= 0) previous[after] = left;
    consider(previous[left]!, left);
    consider(left, after);
  }
  return pieces.filter((piece) => piece !== "").flatMap((piece) => idsOf(piece, vocabulary));
}

function idsOf(piece: string, vocabulary: ScoredVocabulary): number[] {
  const id = vocabulary.ids.get(piece);
  if (id !== undefined) return [id];
  const { byteIds, unkId } = vocabulary;
  if (byteIds === undefined) return [unkId];
  return Array.from(new TextEncoder().encode(piece), (byte) => byteIds[byte] ?? unkId);
}

/** Whether `a` is merged before `b`. */
const isBefore = (a: Candidate, b: Candidate): boolean =>
  a.score > b.score || (a.score === b.score && a.left < b.left);

function push(heap: Candidate[], item: Candidate): void {
  let at = heap.length;
  heap.push(item);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(item, heap[parent]!)) break; // parent < at
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = item;
}

function pop(heap: Candidate[]): Candidate | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1; // in range
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return top;
}
