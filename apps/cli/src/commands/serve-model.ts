import path from "node:path";
import type { Command } from "commander";
import { createRandom, QtuneError } from "@qtune/base";
import {
  type BaseWeights,
  type ModelConfig,
  createOpenAiHandler,
  createRowScheduler,
  defaultPieceTokens,
  serveOneModel,
  startHttpServer,
} from "@qtune/llm";
import { authenticate, parseTokenFile } from "@qtune/rpc";
import { createTargetGenerator } from "@qtune/trainer";
import { defineAction } from "../command.ts";
import { readInput } from "../input.ts";
import { openTarget } from "../local-target.ts";
import { baseWeightsOption, integerOption } from "../number-option.ts";

interface ServeOptions {
  readonly adapter?: string;
  readonly host: string;
  readonly port: number;
  readonly name?: string;
  readonly tokenFile?: string;
  readonly maxRows: number;
  readonly maxWaiting: number;
  readonly baseWeights?: BaseWeights;
  readonly context?: number;
}

/** Longest text of a server that does not say: beyond, keys and values take more memory than most expect. */
const defaultContext = 8192;

/** Adds `qtune serve`: a model behind the OpenAI API. */
export function addServeModel(program: Command, signal: AbortSignal): void {
  const command = program
    .command("serve")
    .description("serves a model over HTTP as OpenAI's API: /v1/completions, /v1/chat/completions")
    .argument("<model>", "model source")
    .option("--adapter <folder>", "adapter on the model, or a run's folder; it stays unmerged")
    .option("--host <host>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "0 takes a free one", integerOption(0, 65_535), 8080)
    .option("--name <id>", "id of the model in requests; default: its source")
    .option(
      "--token-file <file>",
      "JSON list of tokens; without it everyone who reaches it may ask",
    )
    .option("--max-rows <count>", "texts that advance together", integerOption(1, 256), 16)
    .option(...baseWeightsOption())
    .option(
      "--context <tokens>",
      `longest text, prompt and answer; default: the model's context, at most ${defaultContext}`,
      integerOption(1, 100_000_000),
    )
    .option("--max-waiting <count>", "texts that may wait", integerOption(1, 100_000), 256);
  defineAction<ServeOptions>(command, signal, async ([model = ""], options, context) => {
    const tokens =
      options.tokenFile === undefined
        ? undefined
        : parseTokenFile((await readInput(options.tokenFile)).text);
    const { adapter, baseWeights } = options;
    await using opened = await openTarget({ model, adapter, baseWeights }, context);
    const longest = contextOf(opened.model.config, options.context);
    // What callers will ask for is not known: as many texts of the greatest length as are let in must fit.
    const expected = {
      rows: options.maxRows,
      promptTokens: longest,
      longest,
      pieceTokens: defaultPieceTokens,
    };
    const generator = await createTargetGenerator(opened.target, { signal, expected });
    const scheduler = createRowScheduler(generator, {
      maxRows: options.maxRows,
      maxWaitingRows: options.maxWaiting,
      longest,
    });
    try {
      const id = options.name ?? nameOf(model, options.adapter);
      const handler = createOpenAiHandler({
        models: serveOneModel({ id, tokenizer: opened.tokenizer, scheduler }),
        random: createRandom(BigInt(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0), "serve"),
        nowSeconds: () => Math.floor(Date.now() / 1000),
        ...(tokens === undefined
          ? {}
          : {
              authorise: (request) => void authenticate(request.headers.authorization, tokens),
            }),
        onError: (error, at) => context.output.note(`${at}: ${String(error)}`),
      });
      const host = options.host.includes(":") ? `[${options.host}]` : options.host;
      const server = await startHttpServer({
        listen: `${host}:${options.port}`,
        handlers: [handler],
      });
      context.output.result(
        { address: `${server.address}/v1`, model: id, pid: process.pid },
        () => `${id} at ${server.address}/v1 (Ctrl-C ends)`,
      );
      await aborted(signal);
      await server.close();
    } finally {
      await scheduler.close();
      await generator.close();
    }
  });
}

/** Returns the longest text to serve. Errors: out_of_range beyond the model's context. */
function contextOf({ maxPositions }: ModelConfig, asked: number | undefined): number {
  const longest = asked ?? Math.min(maxPositions, defaultContext);
  if (longest <= maxPositions) return longest;
  throw new QtuneError(
    "out_of_range",
    `expected at most ${maxPositions} tokens, the model's context, but was given ${longest}`,
    { where: "--context" },
  );
}

function nameOf(model: string, adapter: string | undefined): string {
  return adapter === undefined ? model : `${model}+${path.basename(path.resolve(adapter))}`;
}

/** Waits until a signal fires. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
