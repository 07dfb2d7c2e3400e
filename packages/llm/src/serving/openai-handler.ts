/**
 * The routes of the OpenAI API that a text model can answer, for node:http: `/v1/models`, `/v1/completions`,
 * `/v1/chat/completions`, and the `/tokenize` family that evaluation harnesses ask for.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Random } from "@qtune/base";
import { encodeChat } from "../template/encode-chat.ts";
import {
  chatForm,
  completionForm,
  joinPieces,
  toChatMessages,
  type AnswerForm,
} from "./answers.ts";
import { requestError, toApiError } from "./api-error.ts";
import { writeChoices, type ChoicePiece } from "./choices.ts";
import { openEventStream, readJson, sendJson } from "./json-http.ts";
import {
  chatSchema,
  completionSchema,
  detokenizeSchema,
  parseRequest,
  tokenizeSchema,
} from "./request-schema.ts";
import type { ServedModel, ServedModels } from "./served-model.ts";

/** Options of {@link createOpenAiHandler}. */
export interface OpenAiHandlerOptions {
  readonly models: ServedModels;
  /** Ids of answers, and what is drawn where a request gives no seed. */
  readonly random: Random;
  /** Returns the time in seconds since 1970. */
  readonly nowSeconds: () => number;
  /** Throws `unauthenticated` or `permission_denied` for a caller that may not ask. Default: everyone may. */
  readonly authorise?: ((request: IncomingMessage) => void) | undefined;
  /** Largest body in bytes. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Is told what failed on our side, for the log. */
  readonly onError?: ((error: unknown, path: string) => void) | undefined;
}

/** Answers a request, or returns false where the path is not of this API. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** One call. */
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly options: OpenAiHandlerOptions;
  /** Draws of this call alone. */
  readonly random: Random;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
}

interface Route {
  readonly method: "GET" | "POST";
  answer(call: Call, path: string): Promise<void>;
}

const routes: Readonly<Record<string, Route>> = {
  "/v1/models": { method: "GET", answer: listModels },
  "/v1/completions": { method: "POST", answer: (call) => complete(call, "text") },
  "/v1/chat/completions": { method: "POST", answer: (call) => complete(call, "chat") },
  "/tokenizer_info": { method: "GET", answer: describeTokenizer },
  "/tokenize": { method: "POST", answer: tokenize },
  "/detokenize": { method: "POST", answer: detokenize },
};
const modelPath = "/v1/models/";

/** Creates the handler of the API. Effect: an error becomes an answer in OpenAI's form; the handler never rejects. */
export function createOpenAiHandler(options: OpenAiHandlerOptions): HttpHandler {
  let calls = 0;
  return async (request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const route = Object.hasOwn(routes, path)
      ? routes[path]
      : path.startsWith(modelPath)
        ? { method: "GET" as const, answer: showModel }
        : undefined;
    if (route === undefined && !path.startsWith("/v1/")) return false;
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    try {
      options.authorise?.(request);
      if (route === undefined)
        throw requestError("not_found", `unknown path ${path}`, { apiCode: "unknown_url" });
      if (request.method !== route.method) {
        response.setHeader("allow", route.method);
        throw requestError("invalid_argument", `expected ${route.method} ${path}`, { status: 405 });
      }
      const random = options.random.fork(calls++);
      await route.answer({ request, response, options, random, signal: gone.signal }, path);
    } catch (error) {
      if (!gone.signal.aborted) answerError(response, error, path, options);
    }
    return true;
  };
}

function answerError(
  response: ServerResponse,
  caught: unknown,
  path: string,
  options: OpenAiHandlerOptions,
): void {
  const error = toApiError(caught);
  if (error.status >= 500) options.onError?.(caught, path);
  if (response.headersSent) {
    response.end(`data: ${JSON.stringify(error.body)}\n\n`);
    return;
  }
  if (error.status === 429 || error.status === 503) response.setHeader("retry-after", "1");
  if (error.status === 401) response.setHeader("www-authenticate", "Bearer");
  sendJson(response, error.status, error.body);
}

async function listModels({ response, options }: Call): Promise<void> {
  sendJson(response, 200, { object: "list", data: options.models.list().map(toModelObject) });
}

async function showModel({ response, options }: Call, path: string): Promise<void> {
  const id = decodeName(path.slice(modelPath.length));
  const known = options.models.list().find((name) => name === id);
  if (known === undefined) throw unknownModel(id);
  sendJson(response, 200, toModelObject(known));
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // no such model either way
  }
}

/** Models have no date of their own: 0. */
function toModelObject(id: string): unknown {
  return { id, object: "model", created: 0, owned_by: "qtune" };
}

function unknownModel(id: string): Error {
  return requestError(
    "not_found",
    `the model ${JSON.stringify(id)} does not exist; see /v1/models`,
    {
      param: "model",
      apiCode: "model_not_found",
    },
  );
}

/** Opens the model that a request names, or the only one, for the time of some work. */
async function withModel<T>(
  { options, signal }: Call,
  named: string | undefined,
  work: (model: ServedModel) => Promise<T>,
): Promise<T> {
  const ids = options.models.list();
  const id = named ?? (ids.length === 1 ? ids[0] : undefined);
  if (id === undefined)
    throw requestError("invalid_argument", "expected the id of a model; see /v1/models", {
      param: "model",
    });
  if (!ids.includes(id)) throw unknownModel(id);
  const { model, release } = await options.models.acquire(id, { signal });
  try {
    return await work(model);
  } finally {
    release();
  }
}

async function complete(call: Call, kind: "text" | "chat"): Promise<void> {
  const body = await readJson(call.request, call.options);
  if (kind === "text") {
    const request = parseRequest(completionSchema, body);
    await withModel(call, request.model, (model) =>
      answer(call, model, completionForm(model, request)),
    );
  } else {
    const request = parseRequest(chatSchema, body);
    await withModel(call, request.model, (model) => answer(call, model, chatForm(model, request)));
  }
}

async function answer(call: Call, model: ServedModel, form: AnswerForm): Promise<void> {
  const { response, random, signal, options } = call;
  const { stream = false, stream_options: streaming, n = 1 } = form.common;
  const count = form.request.promptIds.length * n;
  const head = {
    id: `${form.idPrefix}-${random.fork("id").nextUint32().toString(16).padStart(8, "0")}`,
    object: stream ? form.objects.chunk : form.objects.whole,
    created: options.nowSeconds(),
    model: model.id,
  };
  const draws = random.fork("text");
  if (!stream) {
    const pieces: ChoicePiece[] = [];
    const onPiece = (piece: ChoicePiece): void => void pieces.push(piece);
    const end = await writeChoices(model, form.request, { signal, random: draws, onPiece });
    const choices = joinPieces(form, count, pieces, end).map((choice) => form.whole(choice));
    sendJson(response, 200, { ...head, choices, usage: usageOf(end) });
    return;
  }
  const events = openEventStream(response);
  const usage = streaming?.include_usage === true ? { usage: null } : {};
  const send = (choice: unknown): void => events.send({ ...head, choices: [choice], ...usage });
  // Headers leave with the first event: until then a request that cannot be answered gets its status code.
  const opening = form.opening(count);
  let isOpen = false;
  const end = await writeChoices(model, form.request, {
    signal,
    random: draws,
    onPiece({ index, text, tokens, finishReason = null }) {
      if (!isOpen) opening.forEach(send);
      isOpen = true;
      send(form.chunk({ index, text, tokens, finishReason }));
    },
  });
  if (streaming?.include_usage === true) events.send({ ...head, choices: [], usage: usageOf(end) });
  events.end();
}

function usageOf({
  promptTokens,
  completionTokens,
}: {
  promptTokens: number;
  completionTokens: number;
}) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

async function describeTokenizer(call: Call): Promise<void> {
  await withModel(call, undefined, async ({ tokenizer }) => {
    const { specials, chatTemplate } = tokenizer;
    const names = new Map([...specials.all].map(([text, id]) => [id, text]));
    const nameOf = (id: number | undefined) => (id === undefined ? null : (names.get(id) ?? null));
    sendJson(call.response, 200, {
      bos_token: nameOf(specials.bosId),
      eos_token: nameOf(specials.eosId),
      pad_token: nameOf(specials.padId),
      unk_token: nameOf(specials.unkId),
      chat_template: chatTemplate ?? null,
    });
  });
}

async function tokenize(call: Call): Promise<void> {
  const request = parseRequest(tokenizeSchema, await readJson(call.request, call.options));
  const { prompt, messages } = request;
  if ((prompt === undefined) === (messages === undefined))
    throw requestError("invalid_argument", "expected either prompt or messages");
  await withModel(call, request.model, async ({ tokenizer, scheduler }) => {
    const tokens =
      messages === undefined
        ? tokenizer.encode(prompt ?? "", { addSpecial: request.add_special_tokens ?? true })
        : encodeChat(tokenizer, toChatMessages(messages), {
            addGenerationPrompt: request.add_generation_prompt ?? true,
          }).ids;
    const { maxPositions } = scheduler.config;
    sendJson(call.response, 200, { count: tokens.length, max_model_len: maxPositions, tokens });
  });
}

async function detokenize(call: Call): Promise<void> {
  const request = parseRequest(detokenizeSchema, await readJson(call.request, call.options));
  await withModel(call, request.model, async ({ tokenizer }) =>
    sendJson(call.response, 200, {
      prompt: tokenizer.decode(request.tokens, { skipSpecial: false }),
    }),
  );
}
