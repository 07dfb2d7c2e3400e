import { spawn } from "node:child_process";
import { abortError } from "@qtune/base";

/** How a program runs. */
export interface ProgramOptions {
  readonly signal: AbortSignal;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Gets each line while the program runs. */
  readonly note?: ((line: string) => void) | undefined;
}

/** What a program left. */
export interface ProgramResult {
  /** 127 when it cannot be started. */
  readonly code: number;
  /** Both streams. */
  readonly output: string;
  /** The lines of standard output. */
  readonly lines: readonly string[];
}

/** Runs a program to its end. Errors: cancelled, after it was told to stop. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { signal, env = {}, note }: ProgramOptions,
): Promise<ProgramResult> {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [printed, output] = ["", ""];
  child.stdout.on("data", (data) => {
    printed += String(data);
    output += String(data);
    if (note !== undefined) for (const line of String(data).trimEnd().split("\n")) note(line);
  });
  child.stderr.on("data", (data) => (output += String(data)));
  const stop = (): boolean => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const code = await new Promise<number>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("close", (ended) => resolve(ended ?? 130));
  });
  signal.removeEventListener("abort", stop);
  if (signal.aborted) throw abortError(signal);
  return { code, output, lines: printed.split("\n") };
}
