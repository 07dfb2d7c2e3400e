/** Tokens as the API shows them. */
import type { TokenLikelihood } from "../generation/sampler.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A token with its likelihood, as it stood in a text. */
export interface ScoredToken {
  readonly id: number;
  /** Absent where nothing precedes the token. */
  readonly logProbability?: number | undefined;
  readonly top?: readonly TokenLikelihood[] | undefined;
}

/** Prints tokens. */
export interface TokenPrinter {
  /** The token's text; bytes that are no character alone as `bytes:\xe4`, special tokens by name. */
  text(id: number): string;
  bytes(id: number): Uint8Array;
}

/** Creates the printer of a tokenizer. */
export function createTokenPrinter(tokenizer: Tokenizer): TokenPrinter {
  const special = new Map([...tokenizer.specials.all].map(([text, id]) => [id, text]));
  const bytesOf = (id: number): Uint8Array => {
    const name = special.get(id);
    return name === undefined ? tokenizer.tokenBytes(id) : Buffer.from(name);
  };
  return {
    bytes: bytesOf,
    text(id) {
      const bytes = bytesOf(id);
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        // A part of a character has no text of its own.
        return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
      }
    },
  };
}

/** Log-probabilities in the form of `/v1/completions`. */
export interface CompletionLogprobs {
  readonly tokens: string[];
  readonly token_logprobs: (number | null)[];
  readonly top_logprobs: (Record<string, number> | null)[];
  readonly text_offset: number[];
}

/**
 * Converts tokens; `offset` is where the first stands, `end` where the last ends. The token itself is among the likeliest in
 * any case.
 */
export function toCompletionLogprobs(
  tokens: readonly ScoredToken[],
  printer: TokenPrinter,
  offset: number,
): CompletionLogprobs & { readonly end: number } {
  const texts = tokens.map(({ id }) => printer.text(id));
  let at = offset;
  return {
    end: texts.reduce((sum, text) => sum + text.length, offset),
    tokens: texts,
    token_logprobs: tokens.map(({ logProbability }) => logProbability ?? null),
    top_logprobs: tokens.map(({ logProbability, top = [] }, k) => {
      if (logProbability === undefined) return null;
      const row: Record<string, number> = {};
      // Two ids may share a text: the likelier one stays, as it comes first.
      for (const { id, logProbability: likelihood } of top) row[printer.text(id)] ??= likelihood;
      row[texts[k] ?? ""] ??= logProbability;
      return row;
    }),
    text_offset: texts.map((text) => {
      at += text.length;
      return at - text.length;
    }),
  };
}

/** Log-probabilities in the form of `/v1/chat/completions`. */
export function toChatLogprobs(tokens: readonly ScoredToken[], printer: TokenPrinter): unknown {
  const print = (id: number, logprob: number) => {
    return { token: printer.text(id), logprob, bytes: [...printer.bytes(id)] };
  };
  return {
    content: tokens.map(({ id, logProbability = 0, top = [] }) => ({
      ...print(id, logProbability),
      top_logprobs: top.map((other) => print(other.id, other.logProbability)),
    })),
    refusal: null,
  };
}
