/**
 * Finds what the assistant says in a rendered conversation.
 *
 * "Render the prefix, take its length" is wrong where a template prints earlier turns differently once more follow (Qwen3
 * drops their thoughts). So each assistant message is found by exchange: the whole conversation is rendered again with
 * that one content replaced by a mark; what lies between the common beginning and the common end is the message. The
 * span then grows to what the model generates: from the end of the generation prompt to the end-of-turn token, both of
 * which are found by probing the template.
 */
import { QtuneError } from "@qtune/base";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { ChatMessage, RenderChatOptions } from "./chat-message.ts";
import { renderChat } from "./render-chat.ts";

/** A stretch of a text in UTF-16 code units. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/** What a template puts around an assistant's turn. */
export interface TurnMarks {
  /** What `addGenerationPrompt` adds; undefined where a template adds nothing of its own. */
  readonly generationPrompt: string | undefined;
  /** Text of the special token that ends a turn; undefined where a template writes none. */
  readonly endOfTurn: string | undefined;
}

/** A private-use character: no template and no honest text holds it. */
const mark = "\u{F8F1}";

/** Finds what a template puts around an assistant's turn, by rendering small conversations. */
export function probeTurnMarks(tokenizer: Tokenizer, options: RenderChatOptions): TurnMarks {
  const user: ChatMessage = { role: "user", content: "x" };
  const before = renderChat(tokenizer, [user], { ...options, addGenerationPrompt: false });
  const prompted = renderChat(tokenizer, [user], { ...options, addGenerationPrompt: true });
  const generationPrompt =
    prompted.length > before.length && prompted.startsWith(before)
      ? prompted.slice(before.length)
      : undefined;
  const whole = renderChat(tokenizer, [user, { role: "assistant", content: mark }], {
    ...options,
    addGenerationPrompt: false,
  });
  const after = whole.slice(whole.indexOf(mark) + mark.length).trimStart();
  const endOfTurn = [...tokenizer.specials.all.keys()]
    .filter((token) => token !== "" && after.startsWith(token))
    .sort((a, b) => b.length - a.length)[0];
  return { generationPrompt, endOfTurn };
}

/**
 * Finds the assistant's turns in `text`, which is the rendered conversation.
 *
 * Cost:   one more rendering per assistant message.
 * Errors: invalid_argument when the template leaves an assistant message out.
 */
export function findAssistantSpans(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  text: string,
  options: RenderChatOptions,
): TextSpan[] {
  const marks = probeTurnMarks(tokenizer, options);
  const spans: TextSpan[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role !== "assistant") continue;
    const content = findMessage(tokenizer, messages, index, { ...options, text });
    if (content === undefined) {
      throw new QtuneError("invalid_argument", "the template leaves this message out", {
        where: `messages[${index}]`,
      });
    }
    spans.push(growToTurn(text, content, marks, spans.at(-1)?.end ?? 0));
  }
  return spans;
}

/** Finds a message by exchanging its content or, where a template prints only the call of a tool, the tool's name. */
function findMessage(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  index: number,
  { text, ...options }: RenderChatOptions & { readonly text: string },
): TextSpan | undefined {
  const render = (exchanged: Partial<ChatMessage>): TextSpan | undefined => {
    const others = messages.map((one, i) => (i === index ? { ...one, ...exchanged } : one));
    return findExchanged(text, renderChat(tokenizer, others, options));
  };
  const found = render({ content: mark });
  const calls = messages[index]?.tool_calls;
  if (found !== undefined || calls === undefined) return found;
  return render({ tool_calls: calls.map(markName) });
}

/** Returns a tool call whose tool is named by the mark; the function may stand inside or be the call itself. */
function markName(call: unknown): unknown {
  if (typeof call !== "object" || call === null) return call;
  const inner = "function" in call && typeof call.function === "object" ? call.function : undefined;
  return inner === undefined
    ? { ...call, name: mark }
    : { ...call, function: { ...inner, name: mark } };
}

/** Finds the stretch of `text` in whose place `other` has the mark. */
function findExchanged(text: string, other: string): TextSpan | undefined {
  const place = other.indexOf(mark);
  if (place < 0) return undefined;
  let start = 0;
  while (start < place && text[start] === other[start]) start += 1;
  const longest = Math.min(other.length - place - mark.length, text.length - start);
  let tail = 0;
  while (tail < longest && text[text.length - 1 - tail] === other[other.length - 1 - tail])
    tail += 1;
  return { start, end: text.length - tail };
}

function growToTurn(text: string, content: TextSpan, marks: TurnMarks, floor: number): TextSpan {
  const { generationPrompt, endOfTurn } = marks;
  let { start, end } = content;
  if (generationPrompt !== undefined) {
    const at = text.lastIndexOf(generationPrompt, start - generationPrompt.length);
    const turnStart = at + generationPrompt.length;
    // Between the prompt and the content only the template's own words may stand, e.g. an empty <think> block.
    const isSameTurn =
      at >= floor && (endOfTurn === undefined || !text.slice(turnStart, start).includes(endOfTurn));
    if (isSameTurn) start = turnStart;
  }
  if (endOfTurn !== undefined) {
    const at = text.indexOf(endOfTurn, end);
    if (at >= 0) end = at + endOfTurn.length;
  }
  return { start, end };
}
