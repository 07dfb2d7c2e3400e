/** One message of a conversation; fields beyond these reach the template as they are. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool" | (string & {});
  readonly content: string;
  /** Thoughts that a template may print apart from the answer (Qwen3). */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly unknown[];
  readonly [key: string]: unknown;
}

/** Options of rendering a conversation. */
export interface RenderChatOptions {
  /** Ends with the beginning of an assistant message, for generation. Default: false. */
  readonly addGenerationPrompt?: boolean;
  /** Tools in JSON schema form, where the template knows them. */
  readonly tools?: readonly unknown[];
  /** Template to use instead of the tokenizer's own. */
  readonly template?: string;
  /** More variables of the template, e.g. `{ enable_thinking: false }`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /**
   * The day that templates print as today (Llama 3.2), as `YYYY-MM-DD`. Default: 2024-07-26, the date such a template
   * falls back to itself; a real date would make the same data different tomorrow.
   */
  readonly date?: string;
}
