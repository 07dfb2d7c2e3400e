/** What every tokenizer offers, whatever file its vocabulary came from. */

/** Options of {@link Tokenizer.encode}. */
export interface EncodeOptions {
  /** Adds the tokens that the vocabulary puts around a text, such as BOS. Default: true. */
  readonly addSpecial?: boolean;
}

/** Options of {@link Tokenizer.decode}. */
export interface DecodeOptions {
  /** Leaves out special tokens such as BOS and end of turn. Default: true. */
  readonly skipSpecial?: boolean;
}

/** Tokens with a role, as far as the files name them. */
export interface SpecialTokens {
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly padId: number | undefined;
  readonly unkId: number | undefined;
  /** Every special token: its text and its id. */
  readonly all: ReadonlyMap<string, number>;
}

/**
 * Turns text into token ids and back.
 *
 * Effect: pure; calls share nothing.
 * Range:  ids from `encode` are below `vocabSize`; `decode` gives nothing for an id that is no token, as in a padded
 *         vocabulary.
 */
export interface Tokenizer {
  /** One more than the highest id; the model's vocabulary may be larger (padding). */
  readonly vocabSize: number;
  readonly specials: SpecialTokens;
  /** Jinja template of the chat format, where the files hold one. */
  readonly chatTemplate: string | undefined;
  /** Variables that templates expect besides the messages, e.g. `bos_token`. */
  readonly templateVariables: Readonly<Record<string, string>>;
  encode(text: string, options?: EncodeOptions): number[];
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** The text that `encode` sees, e.g. in Unicode form NFC; token bytes add up to this. */
  normalize(text: string): string;
  /** Returns the bytes that a token stands for: UTF-8, possibly a part of a character. */
  tokenBytes(id: number): Uint8Array;
}
