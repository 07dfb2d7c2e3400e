import { spawn } from "node:child_process";
import path from "node:path";

/** The repository's root folder. */
export const root = path.resolve(import.meta.dirname, "..");

const binaries = path.join(root, "node_modules", ".bin");

/** The environment of child processes: tools of this repository first on the PATH, no daemon left behind. */
export function toolEnvironment(extra = {}) {
  return {
    ...process.env,
    PATH: `${binaries}${path.delimiter}${process.env.PATH ?? ""}`,
    NX_DAEMON: "false",
    NX_TUI: "false",
    ...extra,
  };
}

/**
 * Runs a command to its end and returns its exit code (or 130 when a signal ended it). `stdio` as in node:child_process;
 * with `capture` the output is returned and not shown.
 */
export function run(command, args, { env, cwd = root, stdio = "inherit", capture = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: toolEnvironment(env),
      stdio: capture ? ["ignore", "pipe", "pipe"] : stdio,
      shell: process.platform === "win32",
    });
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    const forward = (signal) => child.kill(signal);
    process.on("SIGINT", forward);
    process.on("SIGTERM", forward);
    const settle = (code) => {
      process.off("SIGINT", forward);
      process.off("SIGTERM", forward);
      resolve({ code, output });
    };
    child.on("error", (error) => {
      output += `${command}: ${error.message}\n`;
      if (!capture) process.stderr.write(output);
      settle(1);
    });
    child.on("close", (code, signal) => settle(code ?? (signal === null ? 1 : 130)));
  });
}

/** Bundles the apps, without type declarations. Quick when nothing changed (nx cache). Output goes to stderr. */
export async function buildApps() {
  const { code, output } = await run(
    "nx",
    [
      "run-many",
      "-t",
      "build",
      "-p",
      "qtune",
      "@qtune/device-emulator",
      "@qtune/trainer-daemon",
      "--output-style=stream",
    ],
    { env: { QTUNE_FAST_BUILD: "1" }, capture: true },
  );
  if (code !== 0) process.stderr.write(output);
  return code;
}
