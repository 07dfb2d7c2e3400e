/**
 * Vocabularies as `tokenizer.json`. One with scores is turned into merges as Hugging Face's converter does: each way of
 * putting a piece together of two others is a merge, in the order of the pieces' scores.
 */
import { type Piece, pieceTypes } from "./score-tokenizer.ts";
import type { ScoredPieces, Vocabulary } from "./vocabulary.ts";

/** Returns the vocabulary as `tokenizer.json` and `tokenizer_config.json`. */
export function toHfFiles(vocabulary: Vocabulary): {
  readonly json: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
} {
  const json = vocabulary.kind === "merges" ? vocabulary.json : scoredJson(vocabulary);
  const config = vocabulary.kind === "merges" ? vocabulary.config : scoredConfig(vocabulary);
  const { chatTemplate } = vocabulary;
  const fixed = { clean_up_tokenization_spaces: false, tokenizer_class: "PreTrainedTokenizerFast" };
  return {
    json,
    config: {
      ...fixed,
      ...config,
      ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
    },
  };
}

function scoredConfig({ pieces, bosId, eosId, padId }: ScoredPieces): Record<string, string> {
  const config: Record<string, string> = {};
  const unkId = pieces.findIndex((piece) => piece.type === pieceTypes.unknown);
  for (const [name, id] of Object.entries({ bos: bosId, eos: eosId, pad: padId, unk: unkId })) {
    const text = pieces[id ?? -1]?.text;
    if (text !== undefined) config[`${name}_token`] = text;
  }
  return config;
}

function scoredJson(vocabulary: ScoredPieces): Record<string, unknown> {
  const { pieces, addPrefix, bosId } = vocabulary;
  const isWhole = (type: number): boolean => type !== pieceTypes.normal && type !== pieceTypes.byte;
  const added = pieces.flatMap(({ text, type }, id) => {
    if (!isWhole(type) || type === pieceTypes.unused) return [];
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content: text, special: type !== pieceTypes.userDefined, ...plain }];
  });
  const bos = pieces[bosId ?? -1]?.text;
  const spaces = { type: "Replace", pattern: { String: " " }, content: "▁" };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: addPrefix
      ? { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, spaces] }
      : spaces,
    pre_tokenizer: null,
    post_processor: bos === undefined || bosId === undefined ? null : startWith(bos, bosId),
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(addPrefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      type: "BPE",
      unk_token: pieces.find((piece) => piece.type === pieceTypes.unknown)?.text ?? null,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece.text, id])),
      merges: mergesOf(pieces),
    },
  };
}

/** A post-processor that puts BOS in front. */
export function startWith(token: string, id: number): object {
  const template = [
    { SpecialToken: { id: token, type_id: 0 } },
    { Sequence: { id: "A", type_id: 0 } },
  ];
  return {
    type: "TemplateProcessing",
    single: template,
    pair: [...template, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

/** Lists the merges that a vocabulary with scores stands for, best first. */
function mergesOf(pieces: readonly Piece[]): [string, string][] {
  const ids = new Map<string, number>();
  for (const [id, piece] of pieces.entries()) {
    if (piece.type === pieceTypes.normal || piece.type === pieceTypes.userDefined)
      ids.set(piece.text, id);
  }
  const merges: { left: string; right: string; score: number; order: number }[] = [];
  for (const { text, score, type } of pieces) {
    if (type !== pieceTypes.normal) continue;
    const characters = [...text];
    for (let cut = 1; cut < characters.length; cut++) {
      const left = characters.slice(0, cut).join("");
      const right = characters.slice(cut).join("");
      const order = ids.get(left);
      if (order !== undefined && ids.has(right)) merges.push({ left, right, score, order });
    }
  }
  merges.sort((a, b) => b.score - a.score || a.order - b.order);
  return merges.map(({ left, right }) => [left, right]);
}
