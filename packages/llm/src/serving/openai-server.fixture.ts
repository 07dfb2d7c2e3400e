/** A tiny model behind a real server on a free port. */
import { createRandom } from "@qtune/base";
import { createGenerator, type Generator } from "../generation/generator.ts";
import { tinyConfig, tinyTensors } from "../model/tiny-model.fixture.ts";
import { createByteTokenizer } from "./byte-tokenizer.fixture.ts";
import { startHttpServer } from "./http-server.ts";
import { createOpenAiHandler } from "./openai-handler.ts";
import { createRowScheduler, type RowScheduler } from "./row-scheduler.ts";
import { serveOneModel } from "./served-model.ts";

export const servedConfig = tinyConfig({ vocab: 259, maxPositions: 128, eosIds: [2] });
export const servedTensors = tinyTensors(servedConfig);

/** An answer, whatever its form. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // The tests look into answers of every shape.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly json: any;
}

/** A server under test. */
export interface TestServer {
  readonly address: string;
  readonly generator: Generator;
  readonly scheduler: RowScheduler;
  readonly errors: unknown[];
  post(path: string, body: unknown, init?: RequestInit): Promise<Answer>;
  get(path: string, init?: RequestInit): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts the server. */
export async function startTestServer(
  options: {
    readonly maxRows?: number;
    readonly maxWaitingRows?: number;
    readonly maxBodyBytes?: number;
    readonly authorise?: () => void;
  } = {},
): Promise<TestServer> {
  const generator = await createGenerator({
    config: servedConfig,
    tensors: servedTensors,
    threads: 1,
  });
  const scheduler = createRowScheduler(generator, options);
  const errors: unknown[] = [];
  const handler = createOpenAiHandler({
    models: serveOneModel({ id: "tiny", tokenizer: createByteTokenizer(), scheduler }),
    random: createRandom(7),
    nowSeconds: () => 1_800_000_000,
    maxBodyBytes: options.maxBodyBytes ?? 100_000,
    authorise: options.authorise,
    onError: (error) => void errors.push(error),
  });
  const server = await startHttpServer({ listen: "127.0.0.1:0", handlers: [handler] });
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`${server.address}${path}`, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  };
  return {
    address: server.address,
    generator,
    scheduler,
    errors,
    get: (path, init = {}) => ask(path, init),
    post: (path, body, init = {}) =>
      ask(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
        ...init,
      }),
    close: async () => {
      await server.close();
      await scheduler.close();
      await generator.close();
    },
  };
}

/** Returns the events of a stream, the end mark left out. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function eventsOf(text: string): any[] {
  const lines = text.split("\n\n").filter((line) => line !== "");
  if (lines.at(-1) !== "data: [DONE]") throw new Error("expected an end mark");
  return lines.slice(0, -1).map((line) => JSON.parse(line.replace(/^data: /, "")) as unknown);
}
