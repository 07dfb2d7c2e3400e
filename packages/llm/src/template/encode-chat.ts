/** Turns conversations into token ids and says which of them the assistant wrote. */
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { alignTokens } from "./align-tokens.ts";
import { findAssistantSpans } from "./assistant-spans.ts";
import type { ChatMessage, RenderChatOptions } from "./chat-message.ts";
import { renderChat } from "./render-chat.ts";

/** An encoded conversation. */
export interface EncodedChat {
  readonly ids: number[];
  /**
   * 1 where the assistant speaks, its end-of-turn token included: what a model learns to write.
   * Shapes: [T], as `ids`.
   */
  readonly assistantMask: Uint8Array;
  /** The rendered text. */
  readonly text: string;
}

/**
 * Encodes a conversation by the chat template.
 *
 * Effect: pure. The template writes BOS where the model wants one; none is added, so it never stands twice.
 * Errors: as renderChat; invalid_argument when the template leaves an assistant message out.
 *
 * @example
 * const { ids, assistantMask } = encodeChat(tokenizer, [
 *   { role: "user", content: "What is the capital of France?" },
 *   { role: "assistant", content: "The capital of France is Paris." },
 * ]);
 */
export function encodeChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: RenderChatOptions = {},
): EncodedChat {
  // Byte offsets refer to the text as the tokenizer sees it, so it is brought into that form first.
  const text = tokenizer.normalize(renderChat(tokenizer, messages, options));
  const ids = tokenizer.encode(text, { addSpecial: false });
  const assistantMask = new Uint8Array(ids.length);
  const hasAssistant = messages.some((message) => message.role === "assistant");
  if (hasAssistant) {
    const normalized = messages.map((message) => ({
      ...message,
      content: tokenizer.normalize(message.content),
    }));
    const spans = findAssistantSpans(tokenizer, normalized, text, options).map(
      ({ start, end }) => ({
        start: Buffer.byteLength(text.slice(0, start)),
        end: Buffer.byteLength(text.slice(0, end)),
      }),
    );
    const tokens = alignTokens(tokenizer, text, ids);
    for (const [index, token] of tokens.entries()) {
      const isInside = spans.some((span) => token.start < span.end && token.end > span.start);
      if (isInside) assistantMask[index] = 1;
    }
  }
  return { ids, assistantMask, text };
}
