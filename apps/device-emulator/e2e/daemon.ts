/** Starts the daemon as a real process, from its sources. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

/** A daemon process of a test. */
export interface TestDaemon {
  readonly address: string;
  /** The first line that it printed. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly process: ChildProcess;
  /** What it has written to stderr so far. */
  errors(): string;
  /** Kills it as a power cut would. */
  kill(): Promise<void>;
  /** Asks it to stop and returns its exit code. */
  stop(): Promise<number | null>;
}

const main = path.resolve(import.meta.dirname, "../src/main.ts");

/** Starts the daemon and waits for its first line. Errors: what it says when it does not start. */
export async function startDaemon(args: readonly string[]): Promise<TestDaemon> {
  const flags = ["--conditions=@qtune/source", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const exited = once(child, "exit") as Promise<[number | null]>;
  const line = await Promise.race([
    firstLine(child),
    exited.then(([code]) => `exit ${code}: ${errors}`),
  ]);
  if (!line.startsWith("{")) throw new Error(line);
  const ready = JSON.parse(line) as Record<string, unknown>;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return (await exited)[0];
  };
  return {
    address: String(ready["address"]),
    ready,
    process: child,
    errors: () => errors,
    kill: async () => void (await end("SIGKILL")),
    stop: () => end("SIGTERM"),
  };
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  return new Promise((resolve) => {
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
  });
}
