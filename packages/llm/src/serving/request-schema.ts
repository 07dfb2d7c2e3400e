/**
 * The requests of the OpenAI API that a text model can answer, as schemas. A field that would change the answer and is not
 * supported is refused unless it says what happens anyway; a misspelt field is refused, never ignored.
 */
import { z } from "zod";
import { suggest, type Issue } from "@qtune/base";
import { requestError } from "./api-error.ts";

/** Fields that may be left out or null, as clients write it. */
const maybe = <T extends z.ZodType>(schema: T) =>
  schema.nullish().transform((value) => value ?? undefined);
const anything = z.unknown().optional();
/** A field that is accepted only with the value that changes nothing. */
const only = (neutral: readonly unknown[]) =>
  z
    .unknown()
    .refine((value) => value === null || neutral.some((allowed) => same(allowed, value)), {
      message: `is not supported; leave it out${neutral.length > 0 ? ` or send ${JSON.stringify(neutral[0])}` : ""}`,
    })
    .optional();

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Most texts of one request, and most likeliest tokens at a place. */
const maxChoices = 128;
const maxTop = 20;

/** Fields that both kinds of completion have. */
const common = {
  model: maybe(z.string()),
  n: maybe(z.int().min(1).max(maxChoices)),
  temperature: maybe(z.number().min(0).max(100)),
  top_p: maybe(z.number().gt(0).max(1)),
  seed: maybe(z.int()),
  stop: maybe(
    z.union([z.string(), z.array(z.string()).max(16)], {
      error: "expected a text or a list of up to 16",
    }),
  ),
  stream: maybe(z.boolean()),
  stream_options: maybe(
    z.object({ include_usage: maybe(z.boolean()), include_obfuscation: anything }),
  ),
  // Of other servers of open models.
  top_k: maybe(z.int().min(-1)),
  min_p: maybe(z.number().min(0).max(1)),
  repetition_penalty: maybe(z.number().min(0.01).max(100)),
  ignore_eos: maybe(z.boolean()),
  stop_token_ids: maybe(z.array(z.int().min(0)).max(64)),
  // They change nothing that is computed here.
  user: anything,
  metadata: anything,
  store: anything,
  service_tier: anything,
  safety_identifier: anything,
  prompt_cache_key: anything,
  prompt_cache_retention: anything,
  // They would.
  presence_penalty: only([0]),
  frequency_penalty: only([0]),
  logit_bias: only([{}]),
};

const ids = z.array(z.int().min(0)).min(1);

/** `POST /v1/completions`. */
export const completionSchema = z.strictObject({
  ...common,
  prompt: z.union([z.string(), ids, z.array(z.string()).min(1), z.array(ids).min(1)], {
    error: "expected a text, token ids, or a list of either",
  }),
  max_tokens: maybe(z.int().min(0)),
  echo: maybe(z.boolean()),
  logprobs: maybe(z.int().min(0).max(maxTop)),
  add_special_tokens: maybe(z.boolean()),
  best_of: only([1]),
  suffix: only([""]),
});

const part = z.object({ type: z.literal("text"), text: z.string() });
const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z
    .union([z.string(), z.array(part)], { error: "expected a text or a list of text parts" })
    .nullish(),
});

/** `POST /v1/chat/completions`. */
export const chatSchema = z.strictObject({
  ...common,
  messages: z.array(message).min(1),
  max_tokens: maybe(z.int().min(1)),
  max_completion_tokens: maybe(z.int().min(1)),
  logprobs: maybe(z.boolean()),
  top_logprobs: maybe(z.int().min(0).max(maxTop)),
  chat_template_kwargs: maybe(z.record(z.string(), z.unknown())),
  reasoning_effort: anything,
  verbosity: anything,
  parallel_tool_calls: anything,
  tools: only([[]]),
  tool_choice: only(["none", "auto"]),
  functions: only([[]]),
  function_call: only(["none"]),
  response_format: only([{ type: "text" }]),
  modalities: only([["text"]]),
  audio: only([]),
  prediction: only([]),
  web_search_options: only([]),
});

/** `POST /tokenize`, as other servers of open models have it. */
export const tokenizeSchema = z.strictObject({
  model: maybe(z.string()),
  prompt: maybe(z.string()),
  messages: maybe(z.array(message).min(1)),
  add_special_tokens: maybe(z.boolean()),
  add_generation_prompt: maybe(z.boolean()),
});

/** `POST /detokenize`. */
export const detokenizeSchema = z.strictObject({
  model: maybe(z.string()),
  tokens: z.array(z.int().min(0)),
});

/** A request for completions. */
export type CompletionRequest = z.infer<typeof completionSchema>;
/** A request for an answer in a conversation. */
export type ChatRequest = z.infer<typeof chatSchema>;
/** What both have. */
export type CommonRequest = Pick<CompletionRequest, keyof typeof common>;

/** Checks a body. Errors: invalid_argument naming the first field, with the count of the others. */
export function parseRequest<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => toIssue(issue, schema));
  const [first] = issues;
  const rest = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  const param = first?.where ?? "";
  throw requestError(
    "invalid_argument",
    `${first?.expected ?? "the request does not fit"}${rest}`,
    param === "" ? {} : { param },
  );
}

function toIssue(issue: z.core.$ZodIssue, schema: z.ZodType): Issue & { readonly where: string } {
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    const near = suggest(key, known);
    return {
      where: [...issue.path, key].join("."),
      expected: `unknown field${near === undefined ? "" : `; did you mean ${near}?`}`,
    };
  }
  return {
    where: issue.path.join("."),
    expected: issue.message
      .replace(/^Invalid input: expected/, "expected")
      .replace(/, received/, " but was given"),
  };
}
