import { mkdir } from "node:fs/promises";
import type { Command } from "commander";
import { QtuneError } from "@qtune/base";
import { type AdapterExportFormat, exportAdapter } from "@qtune/trainer";
import { type CommandContext, defineAction } from "../command.ts";
import { openTarget } from "../local-target.ts";
import { choiceOption } from "../number-option.ts";

const formats = ["peft", "safetensors", "gguf", "gguf-lora"] as const;
const dtypes = ["F32", "F16", "BF16"] as const;

/** Adds `qtune export` and `qtune merge`. */
export function addExport(program: Command, signal: AbortSignal): void {
  const command = program
    .command("export")
    .description("writes an adapter in a published format (gguf: merged into its model)")
    .argument("<dir>", "folder of an adapter or a run")
    .requiredOption("--format <format>", formats.join(", "), choiceOption(formats))
    .requiredOption("--out <folder>", "folder to write")
    .option("--model <source>", "model; default: the adapter's");
  defineAction<{ format: (typeof formats)[number]; out: string; model?: string }>(
    command,
    signal,
    ([folder = ""], options, context) => write(folder, options.format, options, context),
  );
  const merge = program
    .command("merge")
    .description("adds an adapter to the weights of its model and writes a Hugging Face folder")
    .argument("<dir>", "folder of an adapter or a run")
    .requiredOption("--out <folder>", "folder to write")
    .option(
      "--dtype <type>",
      `${dtypes.join(", ")}; default: as the model is published`,
      choiceOption(dtypes),
    )
    .option("--model <source>", "model; default: the adapter's");
  defineAction<{ out: string; model?: string; dtype?: (typeof dtypes)[number] }>(
    merge,
    signal,
    ([folder = ""], options, context) => write(folder, "merged", options, context),
  );
}

async function write(
  folder: string,
  format: AdapterExportFormat,
  options: {
    readonly out: string;
    readonly model?: string;
    readonly dtype?: (typeof dtypes)[number];
  },
  context: CommandContext,
): Promise<void> {
  await using opened = await openTarget({ adapter: folder, model: options.model }, context);
  const { adapter } = opened.target;
  if (adapter === undefined)
    throw new QtuneError("internal", "internal: a folder of an adapter without one");
  await mkdir(options.out, { recursive: true });
  await exportAdapter({
    model: opened.model,
    adapter,
    format,
    directory: options.out,
    signal: context.signal,
    onProgress: context.output.progress,
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
  });
  context.output.result(
    { format, directory: options.out },
    () => `wrote ${options.out} (${format})`,
  );
}
