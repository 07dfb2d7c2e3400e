import { type Abortable, QtuneError, sleep } from "@qtune/base";
import { type DaemonProcess, startDaemon } from "./daemon-process.ts";

/** A daemon that is started again when it dies without being asked to. */
export interface SupervisedDaemon {
  /** `127.0.0.1:port`; the same after a restart. */
  readonly address: string;
  /** Process id of the present process. */
  readonly pid: number;
  readonly restarts: number;
  stop(): Promise<void>;
}

const maxRestarts = 50;

/**
 * Starts a daemon and keeps it alive: when it ends by itself (a crash, `kill -9`) it is started again on the same port
 * with the same folders, from which it goes on.
 *
 * Effect: `onRestart` gets one line for people per restart. After 50 restarts it gives up; calls then fail as unavailable.
 */
export async function superviseDaemon(
  name: "device-emulator" | "trainer-daemon",
  args: readonly string[],
  options: {
    readonly signal: AbortSignal;
    readonly onRestart: (line: string) => void;
    readonly logFile: string;
  },
): Promise<SupervisedDaemon> {
  let stopped = false;
  let restarts = 0;
  let present = await startDaemon(name, args, options);
  const { address } = present;
  const port = Number(address.slice(address.lastIndexOf(":") + 1));

  const watch = async (process: DaemonProcess): Promise<void> => {
    const reason = await process.ended;
    if (stopped || options.signal.aborted || restarts >= maxRestarts) return;
    restarts += 1;
    options.onRestart(`the ${name} ended unasked (${reason}); starting it again`);
    present = await restart(name, args, { ...options, port });
    void watch(present).catch(() => {});
  };
  // A failed restart shows up where it matters: as unavailable in the call that needs the daemon.
  void watch(present).catch((error: unknown) => options.onRestart(QtuneError.from(error).message));

  return {
    address,
    get pid() {
      return present.pid;
    },
    get restarts() {
      return restarts;
    },
    stop: async () => {
      stopped = true;
      await present.stop();
    },
  };
}

/** Starts again, waiting a little when the port is not free yet. */
async function restart(
  name: "device-emulator" | "trainer-daemon",
  args: readonly string[],
  options: Abortable & {
    readonly signal: AbortSignal;
    readonly port: number;
    readonly logFile: string;
  },
): Promise<DaemonProcess> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startDaemon(name, args, options);
    } catch (error) {
      if (attempt === 5 || options.signal.aborted) throw error;
      await sleep(200 * attempt, { signal: options.signal });
    }
  }
}
