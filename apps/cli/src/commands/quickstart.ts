import type { Command } from "commander";
import { defineAction } from "../command.ts";
import { integerOption } from "../number-option.ts";
import { printQuickstart, quickstart } from "../quickstart/quickstart.ts";

/** Adds `qtune quickstart`: the first run of a newcomer. */
export function addQuickstart(program: Command, signal: AbortSignal): void {
  const command = program
    .command("quickstart")
    .description(
      "fine-tune a real model with LoRA and with the quantum adapter, run it on the emulated chip, write a report",
    )
    .option(
      "--model <source>",
      "a Hugging Face folder or any model source; default MiniMind2-Small",
    )
    .option(
      "--seed <seed>",
      "fixes data, initial values and shots",
      integerOption(0, 2 ** 31 - 1),
      1,
    )
    .option("--out <folder>", "where the report goes; default runs/quickstart-<time>");
  defineAction<{ model?: string; seed: number; out?: string }>(
    command,
    signal,
    async (_, { model, seed, out }, context) => {
      const { report, file } = await quickstart(
        {
          seed,
          ...(model === undefined ? {} : { model }),
          ...(out === undefined ? {} : { output: out }),
        },
        context,
      );
      context.output.result(report, () => printQuickstart(report, file));
    },
  );
}
