import type { Command } from "commander";
import { QtuneError } from "@qtune/base";
import { type Output, createOutput, errorDocument, exitCodeOf, printError } from "./output.ts";

/** What every command gets beside its arguments. */
export interface CommandContext {
  readonly output: Output;
  /** Fires on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Thrown by a command that has already said everything and only wants an exit code. */
export class ExitCode extends Error {
  readonly exitCode: number;
  constructor(exitCode: number) {
    super(`exit ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/**
 * Turns a function into a commander action: adds `--json`, makes the output, catches errors, sets the exit code.
 *
 * The function gets the positional arguments, the options, and the context.
 */
export function defineAction<Options extends object>(
  command: Command,
  signal: AbortSignal,
  run: (positionals: readonly string[], options: Options, context: CommandContext) => Promise<void>,
): Command {
  return command
    .option("--json", "one JSON document on stdout, progress on stderr")
    .action(async (...all: unknown[]) => {
      // commander calls with the positionals (a variadic one is an array), then the options, then the command.
      const positionals = all
        .slice(0, -2)
        .flat()
        .filter((value): value is string => typeof value === "string");
      const options = all.at(-2) as Options & { json?: boolean }; // commander's own contract
      const output = createOutput({ json: options.json === true });
      try {
        await run(positionals, options, { output, signal });
      } catch (caught) {
        if (caught instanceof ExitCode) {
          process.exitCode = caught.exitCode;
          return;
        }
        reportFailure(QtuneError.from(caught), output.json);
      }
    });
}

/** Prints a failure where it belongs and sets the exit code. */
export function reportFailure(error: QtuneError, json: boolean): void {
  process.exitCode = exitCodeOf(error);
  if (json) process.stdout.write(`${JSON.stringify(errorDocument(error))}\n`);
  else
    process.stderr.write(
      `${error.code === "cancelled" ? "interrupted" : `error: ${printError(error)}`}\n`,
    );
  const isBug = error.code === "internal" || error.code === "unknown";
  if (isBug && process.env["QTUNE_DEBUG"] === "1")
    process.stderr.write(`${String((error.cause as Error | undefined)?.stack ?? error.stack)}\n`);
  else if (isBug) process.stderr.write("set QTUNE_DEBUG=1 to see where this comes from\n");
}
