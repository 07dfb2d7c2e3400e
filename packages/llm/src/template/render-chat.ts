/** Turns conversations into text by the chat template of a model (Jinja, run by @huggingface/jinja). */
import { Template } from "@huggingface/jinja";
import { QtuneError } from "@qtune/base";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { ChatMessage, RenderChatOptions } from "./chat-message.ts";

/** Templates are parsed once; a training set renders the same one many thousand times. */
const parsed = new Map<string, Template>();

function parseTemplate(text: string): Template {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  // The library's own strftime_now reads the clock and cannot be replaced, so the template calls ours by another name.
  const template = new Template(text.replaceAll("strftime_now", "pinned_strftime"));
  if (parsed.size >= 16) parsed.clear();
  parsed.set(text, template);
  return template;
}

/**
 * Renders a conversation as text.
 *
 * Effect: pure: dates are pinned, see `date`.
 * Errors: failed_precondition when the model has no chat template, invalid_argument with the template's own words when
 *         it refuses the conversation.
 *
 * @example
 * renderChat(tokenizer, [{ role: "user", content: "你好" }], { addGenerationPrompt: true });
 */
export function renderChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: RenderChatOptions = {},
): string {
  const text = options.template ?? tokenizer.chatTemplate;
  if (text === undefined) {
    throw new QtuneError(
      "failed_precondition",
      "the model has no chat template; give one, or use prompt and completion instead of messages",
      { where: "chat" },
    );
  }
  const date = options.date ?? "2024-07-26";
  try {
    return parseTemplate(text).render({
      ...tokenizer.templateVariables,
      messages,
      add_generation_prompt: options.addGenerationPrompt ?? false,
      ...(options.tools === undefined ? {} : { tools: options.tools }),
      pinned_strftime: (format: string) => formatDate(date, format),
      ...options.variables,
    });
  } catch (error) {
    if (error instanceof QtuneError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new QtuneError("invalid_argument", `the template refuses the conversation: ${reason}`, {
      where: "chat template",
      cause: error,
    });
  }
}

const months = ["January", "February", "March", "April", "May", "June", "July"].concat([
  "August",
  "September",
  "October",
  "November",
  "December",
]);
const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Prints a day by the codes of strftime that templates use; the time of day is midnight. */
function formatDate(date: string, format: string): string {
  const [year = 2024, month = 7, day = 26] = date.split("-").map(Number);
  const weekday = weekdays[new Date(Date.UTC(year, month - 1, day)).getUTCDay()] ?? "";
  const name = months[month - 1] ?? "";
  const two = (value: number): string => String(value).padStart(2, "0");
  const codes: Readonly<Record<string, string>> = {
    Y: String(year),
    m: two(month),
    d: two(day),
    B: name,
    b: name.slice(0, 3),
    A: weekday,
    a: weekday.slice(0, 3),
    H: "00",
    M: "00",
    S: "00",
    "%": "%",
  };
  return format.replace(/%(.)/g, (whole, code: string) => codes[code] ?? whole);
}
