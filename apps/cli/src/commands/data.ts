import { styleText } from "node:util";
import type { Command } from "commander";
import { type Tokenizer, loadTokenizer, openModel } from "@qtune/llm";
import {
  type DataInspection,
  type Example,
  dataFormats,
  inspectData,
  parseRunConfig,
  readExamples,
} from "@qtune/trainer";
import { type CommandContext, defineAction } from "../command.ts";
import { readInput } from "../input.ts";
import { choiceOption, collectOption, integerOption } from "../number-option.ts";

interface InspectOptions {
  readonly set: string[];
  readonly count: number;
}

interface ShowOptions {
  readonly format: (typeof dataFormats)[number];
  readonly count: number;
}

/** Adds `qtune inspect` and `qtune data`. */
export function addData(program: Command, signal: AbortSignal): void {
  const inspect = program
    .command("inspect")
    .description("shows what a run would learn from, token by token, before it learns")
    .argument("<run.yaml>", "run configuration, - for stdin")
    .option("--set <a.b=c>", "a setting that wins over the file (repeatable)", collectOption, [])
    .option("--count <n>", "samples shown token by token", integerOption(0, 1000), 3);
  defineAction<InspectOptions>(inspect, signal, ([file = ""], options, context) =>
    inspectRun(file, options, context),
  );

  const data = program.command("data").description("data sets");
  const show = data
    .command("show")
    .description("reads a data file as a run would, and shows its first records")
    .argument("<file>", ".jsonl, .json or .txt")
    .option(
      "--format <name>",
      `shape of the records: ${dataFormats.join(", ")}`,
      choiceOption(dataFormats),
      "auto",
    )
    .option("--count <n>", "records shown", integerOption(0, 1000), 3);
  defineAction<ShowOptions>(show, signal, async ([file = ""], { format, count }, { output }) => {
    const examples = await readExamples(file, format);
    const kinds = Object.entries(Object.groupBy(examples, ({ kind }) => kind)).map(
      ([kind, list]) => `${list.length} ${kind}`,
    );
    output.result({ examples: examples.length, kinds, first: examples.slice(0, count) }, () =>
      [
        `${examples.length} examples: ${kinds.join(", ")}`,
        ...examples.slice(0, count).map(printExample),
      ].join("\n\n"),
    );
  });
}

async function inspectRun(
  file: string,
  { set, count }: InspectOptions,
  { output, signal }: CommandContext,
): Promise<void> {
  const { name, text } = await readInput(file);
  const config = parseRunConfig(text, { file: name, overrides: set });
  const model = await openModel(config.model, { signal, onProgress: output.progress });
  try {
    const tokenizer = await loadTokenizer(model.tokenizerFiles);
    const inspection = await inspectData({ config, model, tokenizer, count });
    output.result(inspection, () => printInspection(inspection, tokenizer));
  } finally {
    await model.close();
  }
}

function printInspection(inspection: DataInspection, tokenizer: Tokenizer): string {
  const { description, statistics, learntShare, lengths, samples, warnings } = inspection;
  const most = Math.max(1, ...lengths.map(({ count }) => count));
  const share = (100 * learntShare).toFixed(1);
  return [
    `${description}: ${statistics.examples} examples, ${statistics.tokens} tokens, ${share} % of them learnt`,
    ...warnings.map((warning) => `note: ${warning}`),
    "",
    "tokens per example",
    ...lengths.map(
      ({ upTo, count }) =>
        `${String(upTo).padStart(8)}  ${"█".repeat(Math.ceil((40 * count) / most))} ${count}`,
    ),
    ...samples.map(({ id, tokens, cut, endsTurn }) => {
      const notes = [
        `${tokens.length} tokens`,
        ...(cut > 0 ? [`${cut} cut off`] : []),
        endsTurn ? "ends its turn" : "does not end its turn",
      ];
      return `\n${id}: ${notes.join(", ")}; what is learnt stands in ⟦ ⟧\n${printMask(tokens, tokenizer)}`;
    }),
  ].join("\n");
}

/** Joins tokens to text; runs that are learnt stand in brackets, in green on a terminal. */
function printMask(
  tokens: DataInspection["samples"][number]["tokens"],
  tokenizer: Tokenizer,
): string {
  let text = "";
  for (let start = 0; start < tokens.length;) {
    const learnt = tokens[start]?.learnt === true;
    let end = start;
    while (end < tokens.length && tokens[end]?.learnt === learnt) end++;
    const ids = tokens.slice(start, end).map(({ id }) => id);
    const piece = tokenizer.decode(ids, { skipSpecial: false });
    text += learnt ? styleText("green", `⟦${piece}⟧`) : piece;
    start = end;
  }
  return text;
}

function printExample(example: Example): string {
  switch (example.kind) {
    case "chat":
      return [
        example.id,
        ...example.messages.map(({ role, content }) => `${role}: ${content}`),
      ].join("\n");
    case "prompt":
      return `${example.id}\nprompt: ${example.prompt}\ncompletion: ${example.completion}`;
    case "text":
      return `${example.id}\n${example.text.slice(0, 2000)}`;
    case "tokens":
      return `${example.id}\n${example.ids.join(" ")}`;
    default:
      return example satisfies never;
  }
}
