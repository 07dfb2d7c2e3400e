import { spawn } from "node:child_process";
import type { Command } from "commander";
import { daemonEntry } from "../daemon-process.ts";

/**
 * Adds a `serve` command that becomes a daemon: its options are the daemon's own, its output too, and it ends as the
 * daemon ends.
 */
export function addServe(
  parent: Command,
  daemon: "device-emulator" | "trainer-daemon",
  description: string,
  signal: AbortSignal,
): void {
  parent
    .command("serve")
    .description(description)
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .argument("[options...]", "see --help")
    .action(async (options: string[], _: unknown, command: Command) => {
      const args = [...new Set([...options, ...command.args])];
      const child = spawn(process.execPath, [...daemonEntry(daemon), ...args], {
        stdio: "inherit",
      });
      // The terminal sends Ctrl-C to the child as well; a signal to this process alone is handed on.
      signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
      process.exitCode = await new Promise<number>((resolve) => {
        child.on("error", () => resolve(1));
        child.on("exit", (code) => resolve(code ?? 130));
      });
    });
}
