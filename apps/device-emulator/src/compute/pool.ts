/**
 * A few worker threads that compute for the daemon. Calls wait in a queue, short ones (plans, previews, simulations that a
 * caller waits for) before chip jobs; a call whose signal fires is given up at once and stopped in its worker.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type Abortable, QtuneError, abortError, internalError, throwIfAborted } from "@qtune/base";
import type { ChipModel } from "@qtune/chip";
import type { BufferQubits } from "./chip-work.ts";
import {
  type CallName,
  type FromWorker,
  type ToWorker,
  type WorkerCalls,
  type WorkerSetup,
  fromPlainError,
} from "./protocol.ts";

/** Worker threads that answer calls. */
export interface WorkerPool {
  readonly size: number;
  /** Calls a worker. Errors: what the worker throws; cancelled; internal when the worker dies. */
  call<N extends CallName>(
    name: N,
    given: WorkerCalls[N]["arguments"],
    options?: CallOptions,
  ): Promise<WorkerCalls[N]["answer"]>;
  /** Tells the workers of a chip with more calibrations. */
  setChip(chip: ChipModel): void;
  /** Stops all workers; calls that run reject with unavailable. */
  close(): Promise<void>;
}

/** Options of {@link WorkerPool.call}. */
export interface CallOptions extends Abortable {
  /** Chip jobs wait behind everything else. */
  readonly background?: boolean;
}

/** Options of {@link createWorkerPool}. */
export interface WorkerPoolOptions {
  readonly chip: ChipModel;
  readonly bufferQubits: BufferQubits;
  /** Default: one per processor, at most 8. */
  readonly threads?: number | undefined;
}

interface PendingCall {
  readonly id: number;
  readonly name: CallName;
  readonly given: unknown;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Slot {
  worker: Worker;
  current: PendingCall | undefined;
}

/** How long a worker may go on with a call that was cancelled. */
const stubbornMs = 3000;

/** Creates a pool; workers start at once. */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { bufferQubits } = options;
  const size = options.threads ?? Math.min(8, availableParallelism());
  const foreground: PendingCall[] = [];
  const background: PendingCall[] = [];
  let { chip } = options;
  let closed = false;
  let nextId = 0;
  const slots = Array.from({ length: size }, startSlot);

  function startSlot(): Slot {
    const slot: Slot = { worker: startWorker({ chip, bufferQubits }), current: undefined };
    listen(slot);
    return slot;
  }

  function listen(slot: Slot): void {
    const { worker } = slot;
    worker.on("message", (message: FromWorker) => {
      if (slot.worker === worker) finish(slot, message);
    });
    worker.on("error", (error) => {
      if (slot.worker === worker) replace(slot, error);
    });
  }

  function finish(slot: Slot, message: FromWorker): void {
    const call = slot.current;
    slot.current = undefined;
    if (call?.id === message.id) {
      if (message.kind === "answer") call.resolve(message.value);
      else call.reject(fromPlainError(message.error));
    }
    dispatch();
  }

  /** A worker that died takes its call with it; the others go on beside a fresh one. */
  function replace(slot: Slot, error: unknown): void {
    const call = slot.current;
    slot.current = undefined;
    call?.reject(internalError("a worker thread died", { cause: error }));
    if (closed) return;
    slot.worker = startWorker({ chip, bufferQubits });
    listen(slot);
    dispatch();
  }

  function dispatch(): void {
    for (const slot of slots) {
      if (slot.current !== undefined) continue;
      const call = foreground.shift() ?? background.shift();
      if (call === undefined) return;
      slot.current = call;
      const message: ToWorker = {
        kind: "call",
        id: call.id,
        name: call.name,
        arguments: call.given,
      };
      slot.worker.postMessage(message);
    }
  }

  /**
   * The caller is told at once; the worker is free again when it has noticed. One that does not notice in time, because it
   * is inside one long computation, is ended and replaced.
   */
  function cancel(call: PendingCall, error: unknown): void {
    call.reject(error);
    for (const queue of [foreground, background]) {
      const at = queue.indexOf(call);
      if (at >= 0) queue.splice(at, 1);
    }
    const slot = slots.find(({ current }) => current === call);
    if (slot === undefined) return;
    slot.worker.postMessage({ kind: "cancel", id: call.id } satisfies ToWorker);
    const timer = setTimeout(() => {
      if (slot.current !== call) return;
      const { worker } = slot;
      replace(slot, error);
      void worker.terminate();
    }, stubbornMs);
    timer.unref();
  }

  return {
    size,
    call: async <N extends CallName>(
      name: N,
      given: WorkerCalls[N]["arguments"],
      { signal, background: isBackground = false }: CallOptions = {},
    ) => {
      throwIfAborted(signal);
      if (closed) throw new QtuneError("unavailable", "the daemon is stopping");
      let onAbort: (() => void) | undefined;
      try {
        return await new Promise<WorkerCalls[N]["answer"]>((resolve, reject) => {
          const call: PendingCall = {
            id: nextId++,
            name,
            given,
            signal,
            resolve: resolve as (value: unknown) => void,
            reject,
          };
          onAbort = () => cancel(call, signal === undefined ? undefined : abortError(signal));
          signal?.addEventListener("abort", onAbort, { once: true });
          (isBackground ? background : foreground).push(call);
          dispatch();
        });
      } finally {
        if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
      }
    },
    setChip: (next) => {
      chip = next;
      for (const { worker } of slots) worker.postMessage({ kind: "chip", chip } satisfies ToWorker);
    },
    close: async () => {
      closed = true;
      const stopping = new QtuneError("unavailable", "the daemon is stopping");
      for (const call of [...foreground.splice(0), ...background.splice(0)]) call.reject(stopping);
      for (const { current } of slots) current?.reject(stopping);
      await Promise.all(slots.map(({ worker }) => worker.terminate()));
    },
  };
}

/** Starts a worker from the bundle beside this module, or from its source when we run from source. */
function startWorker(setup: WorkerSetup): Worker {
  const bundle = new URL("./worker.js", import.meta.url);
  const fromSource = !existsSync(bundle);
  const execArgv = [
    "--disable-warning=ExperimentalWarning",
    ...(fromSource ? ["--conditions=@qtune/source"] : []),
  ];
  const worker = new Worker(fromSource ? new URL("./worker.ts", import.meta.url) : bundle, {
    workerData: setup,
    execArgv,
  });
  worker.unref();
  return worker;
}
