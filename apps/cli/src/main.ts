#!/usr/bin/env node
import { runCommandLine } from "./command-line.ts";

// In a checkout pnpm runs scripts in the workspace root; paths that a user types are relative to where the user stands.
const startedIn = process.env["INIT_CWD"];
if (startedIn !== undefined) {
  try {
    process.chdir(startedIn);
  } catch {
    // The folder is gone: stay where we are; a path that does not exist is reported by the command that opens it.
  }
}

const controller = new AbortController();
let interrupts = 0;
const interrupt = (): void => {
  interrupts += 1;
  // The first Ctrl-C lets the command finish cleanly, the second one does not wait.
  if (interrupts === 1) controller.abort();
  else process.exit(130);
};
process.on("SIGINT", interrupt);
process.on("SIGTERM", interrupt);
// A closed pipe (`qtune ... | head`) is an end, not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
});

await runCommandLine(process.argv.slice(2), controller.signal);
// Native runtimes may keep threads alive after the work is done; the command is over when its work is.
process.exit(process.exitCode ?? 0);
