/** Vocabularies as plain data, in the two kinds that all files hold: pieces with scores, tokens with merges. */
import type { HfTokenizerParts } from "./hf-tokenizer.ts";
import type { Piece } from "./score-tokenizer.ts";

/** A vocabulary with scores, whatever file it came from. */
export interface ScoredPieces {
  readonly kind: "scores";
  /** Spaces inside pieces are written `▁`. */
  readonly pieces: readonly Piece[];
  readonly addPrefix: boolean;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  readonly chatTemplate: string | undefined;
}

/** A byte-level vocabulary with merges. */
export interface MergedTokens extends HfTokenizerParts {
  readonly kind: "merges";
}

/** A vocabulary to be exported. */
export type Vocabulary = ScoredPieces | MergedTokens;
