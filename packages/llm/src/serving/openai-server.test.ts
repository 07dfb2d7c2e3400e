import { request } from "node:http";
import { createRandom, QtuneError } from "@qtune/base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createScoringProgram } from "../model/decoder-program.ts";
import { createByteTokenizer } from "./byte-tokenizer.fixture.ts";
import {
  eventsOf,
  servedConfig,
  servedTensors,
  startTestServer,
  type TestServer,
} from "./openai-server.fixture.ts";

const completions = "/v1/completions";
const chat = "/v1/chat/completions";
const tokenizer = createByteTokenizer();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ maxRows: 4, maxWaitingRows: 8 });
});
afterAll(() => server.close());

test("models are listed and shown", async () => {
  const model = { id: "tiny", object: "model", created: 0, owned_by: "qtune" };
  expect((await server.get("/v1/models")).json).toEqual({ object: "list", data: [model] });
  expect((await server.get("/v1/models/tiny")).json).toEqual(model);
  expect((await server.get("/v1/models/other")).json.error).toMatchObject({
    param: "model",
    code: "model_not_found",
  });
});

describe("text completion", () => {
  test("continues texts and ids greedily as the generator does, with usage", async () => {
    const promptIds = tokenizer.encode("Once");
    const [expected] = await server.generator.generate({ promptIds: [promptIds], maxNewTokens: 6 });
    for (const prompt of ["Once", promptIds, ["Once"], [promptIds]]) {
      const { status, json } = await server.post(completions, {
        model: "tiny",
        prompt,
        max_tokens: 6,
        temperature: 0,
      });
      expect(status).toBe(200);
      expect(json).toMatchObject({
        object: "text_completion",
        created: 1_800_000_000,
        model: "tiny",
        choices: [
          { index: 0, text: tokenizer.decode(expected?.ids ?? []), finish_reason: "length" },
        ],
        usage: { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 },
      });
    }
  });

  test.each([0, 1])(
    "scores prompts as an evaluation harness asks: echo, log-probabilities, max_tokens %i",
    async (max_tokens) => {
      const program = await createScoringProgram({ config: servedConfig, tensors: servedTensors });
      const prompts = ["To be, or", "not to be"].map((text) => tokenizer.encode(text));
      const { json } = await server.post(completions, {
        prompt: prompts,
        temperature: 0,
        max_tokens,
        logprobs: 1,
        seed: 1234,
        echo: true,
      });
      for (const [row, ids] of prompts.entries()) {
        const { nll } = await program.run([{ ids, labels: ids }]);
        const { text, logprobs } = json.choices[row];
        expect(text.startsWith(tokenizer.decode(ids))).toBe(true);
        expect(logprobs.tokens).toHaveLength(ids.length + max_tokens);
        expect(logprobs.token_logprobs[0]).toBeNull();
        expect(logprobs.top_logprobs[0]).toBeNull();
        nll.forEach((value, t) => {
          const own = logprobs.token_logprobs[t + 1];
          expect(own).toBeCloseTo(-value, 4);
          const top = Object.values(logprobs.top_logprobs[t + 1]) as number[];
          expect(Math.max(...top)).toBeGreaterThanOrEqual(own);
        });
        expect(logprobs.text_offset[3]).toBe(3);
      }
      await program.close();
    },
  );

  test("streams the same text in pieces, with scores and usage where asked for", async () => {
    const body = { prompt: ["Once", "Two"], max_tokens: 12, temperature: 0, logprobs: 2 };
    const whole = (await server.post(completions, body)).json;
    const { text, headers } = await server.post(completions, {
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(headers.get("content-type")).toContain("text/event-stream");
    const events = eventsOf(text);
    expect(events.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    for (const choice of whole.choices) {
      const own = events.flatMap(({ choices }) => choices).filter((c) => c.index === choice.index);
      expect(own.map((c) => c.text).join("")).toBe(choice.text);
      expect(own.flatMap((c) => c.logprobs.tokens)).toEqual(choice.logprobs.tokens);
      expect(own.flatMap((c) => c.logprobs.text_offset)).toEqual(choice.logprobs.text_offset);
      expect(own.map((c) => c.finish_reason).filter(Boolean)).toEqual(["length"]);
    }
  });

  test("ends before a stop string, wherever the pieces lie, and says so", async () => {
    const body = { prompt: "Once", max_tokens: 30, temperature: 0, logprobs: 0 };
    const free = (await server.post(completions, body)).json.choices[0].text as string;
    const stop = free.slice(7, 10);
    const cut = free.slice(0, free.indexOf(stop));
    const { json } = await server.post(completions, { ...body, stop: ["nowhere", stop] });
    expect(json.choices[0]).toMatchObject({ text: cut, finish_reason: "stop" });
    const { tokens } = json.choices[0].logprobs;
    expect(tokens.length).toBeGreaterThan(0);
    expect(tokens.length).toBeLessThanOrEqual(Buffer.byteLength(cut));
    const streamed = await server.post(completions, { ...body, stop, stream: true });
    expect(
      eventsOf(streamed.text)
        .map(({ choices }) => choices[0].text)
        .join(""),
    ).toBe(cut);
  });

  test("draws n texts that differ, and the same ones from the same seed", async () => {
    const body = { prompt: "Once", max_tokens: 12, n: 3, seed: 5 };
    const texts = async (changes = {}) =>
      (await server.post(completions, { ...body, ...changes })).json.choices.map(
        ({ text }: { text: string }) => text,
      );
    const first = await texts();
    expect(new Set(first).size).toBe(3);
    expect(await texts()).toEqual(first);
    expect(await texts({ seed: 6 })).not.toEqual(first);
    expect(await texts({ seed: -1 })).toHaveLength(3);
  });
});

describe("chat", () => {
  test("answers in the model's template; parts and the developer's word are understood", async () => {
    const answer = async (messages: unknown) =>
      (await server.post(chat, { messages, max_completion_tokens: 8, temperature: 0 })).json;
    const plain = await answer([
      { role: "system", content: "Be kind." },
      { role: "user", content: "Hi" },
    ]);
    const parts = await answer([
      { role: "developer", content: [{ type: "text", text: "Be kind." }] },
      { role: "user", content: [{ type: "text", text: "Hi" }] },
    ]);
    expect(parts.choices).toEqual(plain.choices);
    const rendered = await server.post(completions, {
      prompt: "<s>system\nBe kind.</s><s>user\nHi</s><s>assistant\n",
      max_tokens: 8,
      temperature: 0,
    });
    expect(plain).toMatchObject({ object: "chat.completion", usage: rendered.json.usage });
    expect(plain.choices[0].message).toEqual({
      role: "assistant",
      content: rendered.json.choices[0].text,
      refusal: null,
    });
  });

  test("scores tokens with their bytes", async () => {
    const { json } = await server.post(chat, {
      messages: [{ role: "user", content: "Hi" }],
      max_tokens: 4,
      temperature: 0,
      logprobs: true,
      top_logprobs: 3,
    });
    for (const { logprob, bytes, top_logprobs } of json.choices[0].logprobs.content) {
      expect(top_logprobs).toHaveLength(3);
      expect(top_logprobs[0]).toMatchObject({ logprob, bytes });
      expect(bytes.length).toBeGreaterThan(0);
    }
  });

  test("streams deltas after the role", async () => {
    const body = { messages: [{ role: "user", content: "Hi" }], max_tokens: 6, temperature: 0 };
    const whole = (await server.post(chat, body)).json;
    const events = eventsOf((await server.post(chat, { ...body, stream: true })).text);
    expect(events[0]).toMatchObject({
      object: "chat.completion.chunk",
      choices: [{ delta: { role: "assistant" }, finish_reason: null }],
    });
    const text = events.map(({ choices }) => choices[0].delta.content ?? "").join("");
    expect(text).toBe(whole.choices[0].message.content);
    expect(events.at(-1).choices[0].finish_reason).toBe("length");
  });
});

test("the tokenizer answers for clients that have none", async () => {
  expect((await server.get("/tokenizer_info")).json).toMatchObject({
    bos_token: "<s>",
    eos_token: "</s>",
    chat_template: expect.stringContaining("messages"),
  });
  const { json } = await server.post("/tokenize", { prompt: "Hi</s>" });
  expect(json).toEqual({ count: 3, max_model_len: 128, tokens: [75, 108, 2] });
  expect((await server.post("/detokenize", { tokens: json.tokens })).json).toEqual({
    prompt: "Hi</s>",
  });
});

describe("refusals", () => {
  const say = { prompt: "a" };
  test.each([
    ["an unknown model", completions, { ...say, model: "gpt-4" }, 404, "model", "model_not_found"],
    ["a misspelt field", completions, { ...say, max_token: 3 }, 400, "max_token", null],
    ["an unsupported field", completions, { ...say, suffix: "x" }, 400, "suffix", null],
    ["a wrong type", completions, { ...say, n: "two" }, 400, "n", null],
    ["a number out of range", completions, { ...say, top_p: 0 }, 400, "top_p", null],
    ["no prompt", completions, {}, 400, "prompt", null],
    ["an empty prompt", completions, { prompt: "" }, 400, null, null],
    ["an id outside the vocabulary", completions, { prompt: [9999] }, 400, null, null],
    ["a list that mixes", completions, { prompt: ["a", 3] }, 400, "prompt", null],
    ["nothing to do", completions, { ...say, max_tokens: 0 }, 400, "max_tokens", null],
    [
      "a prompt beyond the context",
      completions,
      { prompt: "a".repeat(120), max_tokens: 20 },
      400,
      null,
      "context_length_exceeded",
    ],
    [
      "a prompt that no tokens could hold",
      completions,
      { prompt: "a".repeat(600), max_tokens: 1 },
      400,
      null,
      "context_length_exceeded",
    ],
    [
      "a conversation that no tokens could hold",
      chat,
      {
        messages: ["user", "assistant", "user"].map((role) => ({ role, content: "a".repeat(200) })),
      },
      400,
      null,
      "context_length_exceeded",
    ],
    [
      "a penalty that leaves no finite numbers",
      completions,
      { ...say, repetition_penalty: 1e-300 },
      400,
      "repetition_penalty",
      null,
    ],
    [
      "tools",
      chat,
      { messages: [{ role: "user", content: "a" }], tools: [{}] },
      400,
      "tools",
      null,
    ],
    [
      "an image",
      chat,
      { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
      400,
      "messages.0.content",
      null,
    ],
    ["no messages", chat, { messages: [] }, 400, "messages", null],
    ["a list instead of an object", chat, [], 400, null, null],
    ["an unknown path", "/v1/embeddings", {}, 404, null, "unknown_url"],
  ] as const)("%s", async (_, path, body, status, param, code) => {
    const answer = await server.post(path, body);
    expect(answer.status).toBe(status);
    expect(answer.json.error).toEqual({
      message: expect.any(String),
      type: "invalid_request_error",
      param,
      code,
    });
    expect(answer.json.error.message.length).toBeGreaterThan(10);
  });

  test("a misspelt field gets a suggestion", async () => {
    const { json } = await server.post(completions, { prompt: "a", max_token: 3 });
    expect(json.error.message).toContain("did you mean max_tokens?");
  });

  test.each([
    ["a body that is not JSON", "{", {}, 400],
    ["half a character", "\ud800", {}, 400],
    ["another content type", "{}", { headers: { "content-type": "text/plain" } }, 415],
    ["a body that is too large", " ".repeat(200_000), {}, 413],
    ["a method", undefined, { method: "GET", body: null }, 405],
  ] as const)("%s", async (_, body, init, status) => {
    const answer = await server.post(completions, body ?? "", init);
    expect(answer.status).toBe(status);
    expect(answer.json.error.type).toBe("invalid_request_error");
  });

  test("another host's name, as a web page would send it", async () => {
    const port = Number(new URL(server.address).port);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request({ port, host: "127.0.0.1", path: "/v1/models", headers: { host: "evil.example" } })
        .on("response", (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(421);
  });

  test("bodies of random JSON and bytes leave the server alive", async () => {
    const random = createRandom(11);
    const values = [null, -1, 1e308, "x", [], {}, [[]], true, "\u0000", [1.5], { a: 1 }];
    const fields = ["prompt", "messages", "n", "stop", "seed", "logprobs", "stream", "temperature"];
    for (let round = 0; round < 120; round++) {
      const path = round % 2 === 0 ? completions : chat;
      const body: Record<string, unknown> = { prompt: "a", max_tokens: 1 };
      if (path === chat) body["messages"] = [{ role: "user", content: "a" }];
      for (let k = 0; k < 2; k++)
        body[fields[random.nextBelow(fields.length)] ?? ""] =
          values[random.nextBelow(values.length)];
      const { status } = await server.post(path, body);
      expect([200, 400]).toContain(status);
    }
    const bytes = Buffer.from(Array.from({ length: 64 }, () => random.nextBelow(256)));
    expect((await server.post(chat, bytes.toString("latin1"))).status).toBe(400);
    expect((await server.get("/v1/models")).status).toBe(200);
    expect(server.errors).toEqual([]);
  });
});

describe("many callers", () => {
  const long = { prompt: "Once", max_tokens: 100, ignore_eos: true };

  test("get what each would get alone", async () => {
    const bodies = Array.from({ length: 7 }, (_, k) => ({
      prompt: "abcdefg".slice(0, k + 1),
      max_tokens: 5 + k,
      temperature: 0,
    }));
    const texts = (answers: Awaited<ReturnType<TestServer["post"]>>[]) =>
      answers.map(({ json }) => json.choices[0].text as string);
    const together = await Promise.all(bodies.map((body) => server.post(completions, body)));
    const alone = [];
    for (const body of bodies) alone.push(await server.post(completions, body));
    expect(texts(together)).toEqual(texts(alone));
  });

  test("are told to come back when the queue is full", async () => {
    const busy = Promise.all(
      Array.from({ length: 3 }, () => server.post(completions, { ...long, n: 4 })),
    );
    const refused = await new Promise<Awaited<ReturnType<TestServer["post"]>>>((resolve) => {
      const ask = async (): Promise<void> => {
        const answer = await server.post(completions, { ...long, n: 8, max_tokens: 1 });
        if (answer.status === 429) resolve(answer);
        else setTimeout(() => void ask(), 1);
      };
      void ask();
    });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(refused.json.error).toMatchObject({
      type: "rate_limit_error",
      code: "rate_limit_exceeded",
    });
    expect((await busy).map(({ status }) => status)).toEqual([200, 200, 200]);
    const tooMany = await server.post(completions, { prompt: "a", n: 9 });
    expect(tooMany.json.error.message).toContain("expected at most 8 texts");
  });

  test("free their places when they leave", async () => {
    const leaving = new AbortController();
    const asked = server.post(
      completions,
      { ...long, n: 8, stream: true },
      { signal: leaving.signal },
    );
    while (server.scheduler.load.activeRows === 0) await new Promise((done) => setTimeout(done, 1));
    leaving.abort();
    await expect(asked).rejects.toThrow("aborted");
    await expect
      .poll(() => server.scheduler.load, { timeout: 2000 })
      .toEqual({ waitingRows: 0, activeRows: 0 });
    expect((await server.post(completions, { prompt: "a", max_tokens: 1 })).status).toBe(200);
  });
});

test("a caller that may not ask gets 401 in the form of the API", async () => {
  const closed = await startTestServer({
    authorise: () => {
      throw new QtuneError("unauthenticated", "expected a token");
    },
  });
  const { status, json, headers } = await closed.get("/v1/models");
  expect(status).toBe(401);
  expect(headers.get("www-authenticate")).toBe("Bearer");
  expect(json.error.code).toBe("invalid_api_key");
  await closed.close();
});
