import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { createRandom } from "@qtune/base";
import { type BaseWeights, createTextStream, encodeChat } from "@qtune/llm";
import { createTargetGenerator, evaluateModel, parseEvalConfig } from "@qtune/trainer";
import { defineAction } from "../command.ts";
import { adapterFolderOf, openTarget } from "../local-target.ts";
import {
  baseWeightsOption,
  choiceOption,
  integerOption,
  numberOption,
  seedOption,
} from "../number-option.ts";

/** Adds `qtune eval` and `generate`. */
export function addEval(program: Command, signal: AbortSignal): void {
  addEvaluate(program, signal);
  addGenerate(program, signal);
}

interface EvalOptions {
  readonly adapter?: string;
  readonly task: string;
  readonly data: string;
  readonly part?: string;
  readonly limit?: number;
  readonly fewShot?: number;
  readonly chat?: boolean;
  readonly seed?: number;
  readonly samples?: string;
  readonly baseWeights?: BaseWeights;
  readonly target?: string;
  readonly chip?: string;
  readonly shots?: number;
}

function addEvaluate(program: Command, signal: AbortSignal): void {
  const command = program
    .command("eval")
    .description("scores a model, or an adapter on its model")
    .argument("<dir|model>", "model source, or folder of an adapter or a run")
    .option("--adapter <folder>", "adapter on the model")
    .requiredOption(
      "--task <task>",
      "nll, arithmetic, gsm8k or choice",
      choiceOption(["nll", "arithmetic", "gsm8k", "choice"]),
    )
    .requiredOption("--data <file>", "file, or builtin:NAME")
    .option(
      "--part <part>",
      "part of a built-in set",
      choiceOption(["train", "validation", "newNumbers", "newFrames"]),
    )
    .option("--limit <count>", "first items only", integerOption(1, 1_000_000))
    .option("--few-shot <count>", "worked examples before each question", integerOption(0, 64))
    .option("--chat", "questions in the model's chat template")
    .option("--seed <seed>", "seed of a built-in set", integerOption(0, 2 ** 31 - 1))
    .option("--samples <file>", "writes every item with its output as JSON lines")
    .option(...baseWeightsOption())
    .option("--target <address>", "circuits run at a device service")
    .option("--chip <name>", "device of the service")
    .option("--shots <count>", "shots per circuit", integerOption(1, 1_000_000));
  defineAction<EvalOptions>(command, signal, async ([named = ""], options, context) => {
    const isAdapter =
      options.adapter === undefined &&
      (await adapterFolderOf(named).then(
        () => true,
        () => false,
      )); // else it is a model
    await using opened = await openTarget(
      {
        ...(isAdapter ? { adapter: named } : { model: named, adapter: options.adapter }),
        baseWeights: options.baseWeights,
        executor:
          options.target === undefined
            ? { kind: "exact" }
            : { kind: "device", target: options.target, chip: options.chip },
      },
      context,
    );
    const { task, data, part, limit, fewShot, chat, seed } = options;
    const config = parseEvalConfig(
      // JSON leaves out what was not given.
      JSON.parse(
        JSON.stringify({ task, data, part, limit, fewShot, chat: chat ?? task !== "gsm8k", seed }),
      ),
    );
    const circuits =
      options.shots === undefined ? {} : { circuits: { shots: options.shots, seed: 0 } };
    const result = await evaluateModel({ ...opened.target, ...circuits }, config, {
      signal,
      onProgress: context.output.progress,
    });
    if (options.samples !== undefined)
      await writeFile(
        options.samples,
        result.samples.map((sample) => `${JSON.stringify(sample)}\n`).join(""),
      );
    const { metrics } = result;
    const document = {
      task: result.task,
      version: result.version,
      n: result.items,
      strict: metrics["strict"] ?? null,
      flexible: metrics["flexible"] ?? null,
      strictStderr: metrics["strict.stderr"] ?? null,
      nll: metrics["loss"] ?? null,
      nllStderr: metrics["loss.stderr"] ?? null,
      perplexity: metrics["perplexity"] ?? null,
      template: config.chat ? "chat" : "plain",
      samplesFile: options.samples ?? null,
      metrics,
      settings: result.settings,
      usage: result.usage,
    };
    context.output.result(document, () =>
      [
        `${result.task} ${result.version} on ${result.data}: ${result.items} items, template ${document.template}`,
        ...Object.entries(metrics)
          .filter(([name]) => !name.includes("."))
          .map(
            ([name, value]) =>
              `${name.padEnd(14)} ${value.toFixed(4)}${metrics[`${name}.low`] === undefined ? "" : `  [${metrics[`${name}.low`]?.toFixed(4)}, ${metrics[`${name}.high`]?.toFixed(4)}]`}`,
          ),
      ].join("\n"),
    );
  });
}

interface GenerateOptions {
  readonly model?: string;
  readonly adapter?: string;
  readonly prompt: string;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: bigint;
  readonly chat?: boolean;
  readonly system?: string;
  readonly ignoreEos?: boolean;
  readonly baseWeights?: BaseWeights;
}

function addGenerate(program: Command, signal: AbortSignal): void {
  const command = program
    .command("generate")
    .description("continues a prompt")
    .option("--model <source>", "model; default: the adapter's")
    .option("--adapter <folder>", "adapter on the model, or a run's folder")
    .requiredOption("--prompt <text>", "continued as it stands; special tokens are recognised")
    .option("--max-new-tokens <count>", "most new tokens", integerOption(1, 1_000_000), 128)
    .option("--temperature <t>", "0 takes the likeliest token", numberOption(0, 100), 0)
    .option("--top-p <p>", "smallest set of tokens with this probability", numberOption(0, 1))
    .option("--top-k <count>", "only the likeliest tokens", integerOption(1, 1_000_000))
    .option("--seed <seed>", "fixes what is random", seedOption)
    .option("--chat", "the prompt is a user's message in the model's chat template")
    .option("--system <text>", "system message, with --chat")
    .option("--ignore-eos", "goes on after end tokens")
    .option(...baseWeightsOption());
  defineAction<GenerateOptions>(command, signal, async (_, options, context) => {
    await using opened = await openTarget(
      { model: options.model, adapter: options.adapter, baseWeights: options.baseWeights },
      context,
    );
    const { tokenizer, model, target } = opened;
    const messages = [
      ...(options.system === undefined ? [] : [{ role: "system", content: options.system }]),
      { role: "user", content: options.prompt },
    ];
    const promptIds =
      options.chat === true
        ? encodeChat(tokenizer, messages, { addGenerationPrompt: true }).ids
        : tokenizer.encode(options.prompt);
    const promptTokens = promptIds.length;
    const expected = { rows: 1, promptTokens, longest: promptTokens + options.maxNewTokens };
    const generator = await createTargetGenerator(target, { signal, expected });
    const stream = createTextStream(tokenizer);
    let text = "";
    const add = (piece: string): void => {
      text += piece;
      if (!context.output.json) process.stdout.write(piece);
    };
    try {
      const [generation] = await generator.generate({
        promptIds: [promptIds],
        maxNewTokens: options.maxNewTokens,
        temperature: options.temperature,
        stopIds: options.ignoreEos === true ? [] : model.config.eosIds,
        ...(options.topP === undefined ? {} : { topP: options.topP }),
        ...(options.topK === undefined ? {} : { topK: options.topK }),
        ...(options.temperature > 0
          ? { random: createRandom(options.seed ?? 0n, "generate") }
          : {}),
        signal,
        onToken: ({ id }) => add(stream.push(id)),
      });
      add(stream.end());
      context.output.result(
        { promptIds, ids: generation?.ids ?? [], text, finishReason: generation?.finishReason },
        () => "",
      );
    } finally {
      await generator.close();
    }
  });
}
