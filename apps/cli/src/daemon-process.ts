import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { QtuneError } from "@qtune/base";

/** A daemon that runs as a child process. */
export interface DaemonProcess {
  readonly name: string;
  /** `127.0.0.1:port` as the daemon reported it. */
  readonly address: string;
  readonly pid: number;
  /** Settles when the process has ended, with what ended it. */
  readonly ended: Promise<string>;
  /** Asks it to stop, waits up to ten seconds, then kills it. */
  stop(): Promise<void>;
}

/**
 * Starts a daemon of this repository on a free port of the loopback interface and waits until it says that it listens.
 *
 * Effect: the child runs in a process group of its own, so Ctrl-C reaches this process alone and the order of stopping
 *         is ours; it ends by itself when this process dies, because its standard input closes.
 *         What it logs goes to `logFile`.
 * Errors: unavailable with the daemon's last lines when it ends or says nothing within a minute.
 */
export async function startDaemon(
  name: "device-emulator" | "trainer-daemon",
  args: readonly string[],
  options: { readonly signal: AbortSignal; readonly port?: number; readonly logFile: string },
): Promise<DaemonProcess> {
  const listen = `127.0.0.1:${options.port ?? 0}`;
  const child = spawn(
    process.execPath,
    [...daemonEntry(name), "--listen", listen, "--exit-with-stdin", ...args],
    {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    },
  );
  const errors: string[] = [];
  const log = createWriteStream(options.logFile, { flags: "a" });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log.write(text);
    errors.push(text);
    if (errors.length > 50) errors.shift();
  });
  const ended = new Promise<string>((resolve) => {
    child.on("exit", (code, signalName) =>
      resolve(signalName === null ? `exit code ${code}` : `signal ${signalName}`),
    );
    child.on("error", (error) => resolve(error.message));
  });
  const stop = async (): Promise<void> => stopChild(child, ended);
  try {
    const address = await firstAddress(child, ended, options.signal);
    return { name, address, pid: child.pid ?? 0, ended, stop };
  } catch (error) {
    await stop();
    if (error instanceof QtuneError && error.code === "cancelled") throw error;
    const tail = errors.join("").trim().split("\n").slice(-8).join("\n");
    throw new QtuneError(
      "unavailable",
      `the daemon did not start: ${QtuneError.from(error).message}${tail === "" ? "" : `\n${tail}`}`,
      { where: name },
    );
  }
}

/** How the daemon is run: its bundle beside ours, or its source when we run from source. */
export function daemonEntry(name: string): string[] {
  const here = fileURLToPath(import.meta.url);
  const apps = here.slice(0, here.lastIndexOf(`${path.sep}apps${path.sep}`) + 6);
  const bundle = path.join(apps, name, "dist", "main.js");
  const fromSource = here.includes(`${path.sep}src${path.sep}`);
  if (!fromSource && existsSync(bundle)) return [bundle];
  return [
    "--conditions=@qtune/source",
    "--disable-warning=ExperimentalWarning",
    path.join(apps, name, "src", "main.ts"),
  ];
}

function firstAddress(
  child: ChildProcess,
  ended: Promise<string>,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(new QtuneError("deadline_exceeded", "it did not say that it listens within 60 s")),
      60_000,
    );
    const onAbort = (): void => reject(new QtuneError("cancelled", "interrupted while starting"));
    signal.addEventListener("abort", onAbort, { once: true });
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const newline = text.indexOf("\n");
      if (newline < 0) return;
      try {
        const ready = JSON.parse(text.slice(0, newline)) as { address?: unknown };
        if (typeof ready.address === "string") resolve(ready.address);
        else
          reject(
            new QtuneError(
              "internal",
              `internal: the first line has no address: ${text.slice(0, newline)}`,
            ),
          );
      } catch {
        reject(
          new QtuneError(
            "internal",
            `internal: the first line is not JSON: ${text.slice(0, newline)}`,
          ),
        );
      }
    });
    void ended.then((reason) => reject(new QtuneError("unavailable", `it ended with ${reason}`)));
    void Promise.allSettled([ended]).then(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    });
    child.stdout?.once("data", () => clearTimeout(timer));
  });
}

async function stopChild(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(killer);
}
