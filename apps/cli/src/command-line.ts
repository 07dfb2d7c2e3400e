import { Command, CommanderError } from "commander";
import { QtuneError } from "@qtune/base";
import { addBench } from "./commands/bench.ts";
import { addChip } from "./commands/chip.ts";
import { addCircuit } from "./commands/circuit.ts";
import { addData } from "./commands/data.ts";
import { addDevice } from "./commands/device.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEval } from "./commands/eval.ts";
import { addExport } from "./commands/export.ts";
import { addModel } from "./commands/model.ts";
import { addServeModel } from "./commands/serve-model.ts";
import { addQuickstart } from "./commands/quickstart.ts";
import { addTrain } from "./commands/train.ts";
import { addTrainer } from "./commands/trainer.ts";
import { reportFailure } from "./command.ts";

/** Adds a group of commands to the program. */
type AddCommands = (program: Command, signal: AbortSignal) => void;

/** Every group of commands, in the order of the help text. */
const groups: readonly AddCommands[] = [
  addQuickstart,
  addTrain,
  addData,
  addEval,
  addExport,
  addModel,
  addServeModel,
  addCircuit,
  addChip,
  addDevice,
  addTrainer,
  addBench,
  addDoctor,
];

/**
 * Runs one command line to its end and leaves the exit code in `process.exitCode`: 0 ok, 1 failure, 2 usage or bad
 * input, 130 interrupted.
 */
export async function runCommandLine(args: readonly string[], signal: AbortSignal): Promise<void> {
  const json = args.includes("--json");
  const program = createProgram(signal);
  program
    .exitOverride()
    .configureOutput({ writeErr: (text) => void (json ? undefined : process.stderr.write(text)) });
  overrideExits(program);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (caught) {
    if (!(caught instanceof CommanderError)) throw caught;
    if (caught.exitCode === 0 || caught.code === "commander.help") {
      process.exitCode = caught.exitCode === 0 ? 0 : 2;
      return;
    }
    process.exitCode = 2;
    if (json)
      reportFailure(
        new QtuneError("invalid_argument", caught.message.replace(/^error: /, "")),
        true,
      );
  }
}

/** Creates the whole command tree. */
export function createProgram(signal: AbortSignal): Command {
  const program = new Command("qtune")
    .description(
      "Fine-tune language models through quantum circuits, on an emulated 72-qubit chip, with honest controls.",
    )
    .version("0.1.0")
    .showHelpAfterError("(add --help for the options)")
    .addHelpText(
      "after",
      "\nEvery command takes --json. Files may be `-` for standard input. Exit codes: 0 ok, 1 failure, 2 usage or bad input, 130 interrupted.",
    );
  for (const add of groups) add(program, signal);
  return program;
}

/** Makes every subcommand throw instead of ending the process, and write where the program writes. */
function overrideExits(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    overrideExits(child);
  }
}
