/** The two forms of an answer: text completion and chat, each whole or piece by piece. */
import { requestError } from "./api-error.ts";
import { assertTextsFit } from "./assert-text-fits.ts";
import type { ChoicePiece, ChoicesEnd, ChoicesRequest } from "./choices.ts";
import type { ChatRequest, CommonRequest, CompletionRequest } from "./request-schema.ts";
import type { ServedModel } from "./served-model.ts";
import type { ChatMessage } from "../template/chat-message.ts";
import { encodeChat } from "../template/encode-chat.ts";
import {
  createTokenPrinter,
  toChatLogprobs,
  toCompletionLogprobs,
  type ScoredToken,
} from "./token-text.ts";

/** One text as it grows: what came with its last piece, or all of it. */
export interface ChoiceState {
  readonly index: number;
  readonly text: string;
  readonly tokens: readonly ScoredToken[];
  readonly finishReason: "stop" | "length" | null;
}

/** How a kind of request is read and answered. */
export interface AnswerForm {
  readonly request: ChoicesRequest;
  readonly common: CommonRequest;
  readonly idPrefix: string;
  readonly objects: { readonly whole: string; readonly chunk: string };
  /** Events before the first token. */
  opening(count: number): readonly unknown[];
  whole(choice: ChoiceState): unknown;
  chunk(choice: ChoiceState): unknown;
  /** Text and scores of the prompt that stand before an answer, by index; empty without `echo`. */
  echo(
    index: number,
    end: ChoicesEnd,
  ): { readonly text: string; readonly tokens: readonly ScoredToken[] };
}

/** Reads a request for text completion. */
export function completionForm(model: ServedModel, request: CompletionRequest): AnswerForm {
  const { tokenizer } = model;
  const { prompt, echo = false, logprobs, max_tokens = 16, n = 1 } = request;
  const given = promptsOf(prompt);
  for (const one of given) if (typeof one === "string") assertTextsFit(model, [one]);
  const encode = (text: string): number[] =>
    tokenizer.encode(text, { addSpecial: request.add_special_tokens ?? true });
  const promptIds = given.map((one) => (typeof one === "string" ? encode(one) : one));
  if (max_tokens === 0 && !(echo && logprobs !== undefined)) {
    throw requestError("invalid_argument", "expected at least 1, or echo with logprobs", {
      param: "max_tokens",
    });
  }
  if (request.stream === true && echo && logprobs !== undefined) {
    throw requestError("unimplemented", "echo with logprobs is not streamed; leave stream out", {
      param: "stream",
    });
  }
  const echoed = (index: number): string => {
    const one = given[Math.floor(index / n)] ?? "";
    if (!echo) return "";
    return typeof one === "string" ? one : tokenizer.decode(one, { skipSpecial: false });
  };
  const printer = createTokenPrinter(tokenizer);
  const offsets = new Map<number, number>();
  const scores = ({ index, tokens }: ChoiceState): unknown => {
    if (logprobs === undefined) return null;
    const { end, ...printed } = toCompletionLogprobs(tokens, printer, offsets.get(index) ?? 0);
    offsets.set(index, end);
    return printed;
  };
  const print = (choice: ChoiceState): unknown => ({
    index: choice.index,
    text: choice.text,
    logprobs: scores(choice),
    finish_reason: choice.finishReason,
  });
  return {
    request: {
      common: request,
      promptIds,
      maxNewTokens: max_tokens,
      top: logprobs,
      scorePrompt: echo && logprobs !== undefined,
    },
    common: request,
    idPrefix: "cmpl",
    objects: { whole: "text_completion", chunk: "text_completion" },
    opening: (count) =>
      Array.from({ length: echo ? count : 0 }, (_, index) => ({
        index,
        text: echoed(index),
        logprobs: null,
        finish_reason: null,
      })),
    whole: print,
    chunk: print,
    echo: (index, end) => ({ text: echoed(index), tokens: end.prompts[index] ?? [] }),
  };
}

/** A prompt is one text, ids, or a list of either. */
function promptsOf(prompt: CompletionRequest["prompt"]): readonly (string | readonly number[])[] {
  if (typeof prompt === "string") return [prompt];
  const isIds = (value: typeof prompt): value is number[] => typeof value[0] === "number";
  return isIds(prompt) ? [prompt] : prompt;
}

/** Reads a request for an answer in a conversation. */
export function chatForm(model: ServedModel, request: ChatRequest): AnswerForm {
  const { tokenizer } = model;
  const { logprobs = false, top_logprobs: top = 0 } = request;
  if (top > 0 && !logprobs) {
    throw requestError("invalid_argument", "needs logprobs: true", { param: "top_logprobs" });
  }
  const messages = toChatMessages(request.messages);
  assertTextsFit(
    model,
    messages.map(({ content }) => content),
  );
  const { ids } = encodeChat(tokenizer, messages, {
    addGenerationPrompt: true,
    ...(request.chat_template_kwargs && { variables: request.chat_template_kwargs }),
  });
  const printer = createTokenPrinter(tokenizer);
  const scores = ({ tokens }: ChoiceState): unknown =>
    logprobs ? toChatLogprobs(tokens, printer) : null;
  const print = (choice: ChoiceState, message: object): unknown => ({
    index: choice.index,
    ...message,
    logprobs: scores(choice),
    finish_reason: choice.finishReason,
  });
  return {
    request: {
      common: request,
      promptIds: [ids],
      maxNewTokens: request.max_completion_tokens ?? request.max_tokens,
      top: logprobs ? top : undefined,
      scorePrompt: false,
    },
    common: request,
    idPrefix: "chatcmpl",
    objects: { whole: "chat.completion", chunk: "chat.completion.chunk" },
    opening: (count) =>
      Array.from({ length: count }, (_, index) => ({
        index,
        delta: { role: "assistant", content: "" },
        logprobs: null,
        finish_reason: null,
      })),
    whole: (choice) =>
      print(choice, { message: { role: "assistant", content: choice.text, refusal: null } }),
    chunk: (choice) => print(choice, { delta: choice.text === "" ? {} : { content: choice.text } }),
    echo: () => ({ text: "", tokens: [] }),
  };
}

/** Brings messages into the form that templates know: text alone, the developer's word as the system's. */
export function toChatMessages(messages: ChatRequest["messages"]): readonly ChatMessage[] {
  return messages.map(({ role, content, ...rest }) => ({
    ...rest,
    role: role === "developer" ? "system" : role,
    content:
      typeof content === "string" ? content : (content ?? []).map(({ text }) => text).join("\n"),
  }));
}

/** Joins the pieces of each text, behind its echoed prompt. */
export function joinPieces(
  form: AnswerForm,
  count: number,
  pieces: readonly ChoicePiece[],
  end: ChoicesEnd,
): readonly ChoiceState[] {
  return Array.from({ length: count }, (_, index): ChoiceState => {
    const own = pieces.filter((piece) => piece.index === index);
    const echo = form.echo(index, end);
    return {
      index,
      text: echo.text + own.map(({ text }) => text).join(""),
      tokens: echo.tokens.concat(own.flatMap(({ tokens }) => tokens)),
      finishReason: own.at(-1)?.finishReason ?? null,
    };
  });
}
