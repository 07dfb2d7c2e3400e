/** Runs commands inside of a test and keeps what they print. */
import { afterEach, beforeEach, expect, vi } from "vitest";
import { runCommandLine } from "./command-line.ts";

/** What commands of a test file can be asked. */
export interface CommandTester {
  /** Runs a command; returns what it prints on stdout. */
  run(...args: string[]): Promise<string>;
  /** Runs a command that has to fail; returns its error document and the exit code. */
  failureOf(...args: string[]): Promise<CommandFailure>;
}

/** The form of every failure with `--json`. */
export interface CommandFailure {
  readonly exit: unknown;
  readonly code: string;
  readonly message: string;
  readonly issues: readonly {
    readonly where?: string;
    readonly expected?: string;
    readonly given?: string;
    readonly hint?: string;
  }[];
}

/** Silences both streams for every test of the file, and forgets mocks, variables and the exit code behind each. */
export function useCommands(): CommandTester {
  let printed = "";
  beforeEach(() => {
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed += String(text);
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    process.exitCode = 0;
  });
  const run = async (...args: string[]): Promise<string> => {
    printed = "";
    process.exitCode = 0;
    await runCommandLine(args, new AbortController().signal);
    return printed;
  };
  return {
    run,
    failureOf: async (...args) => {
      const { error } = JSON.parse(await run(...args, "--json")) as { error: CommandFailure }; // the form of every failure
      expect(process.exitCode).not.toBe(0);
      return { ...error, exit: process.exitCode };
    },
  };
}
