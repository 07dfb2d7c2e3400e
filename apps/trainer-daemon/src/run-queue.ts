/**
 * Runs trainings one after the other, oldest first, and keeps what people asked for (pause, cancel) in the store, so
 * that a restart finds it. Narrow on purpose: beyond one machine this is the place of an existing queue.
 */
import path from "node:path";
import { QtuneError, abortError } from "@qtune/base";
import { circuitV1, trainingV1 } from "@qtune/contracts";
import type { RunEngine } from "./run-engine.ts";
import { type RunEvent, type RunStore, type Wish, isFinalState } from "./run-store.ts";

const { RunState } = trainingV1;

/** States in which a run holds, or waits for, the machine. */
const activeStates = [
  RunState.RUN_STATE_QUEUED,
  RunState.RUN_STATE_PREPARING,
  RunState.RUN_STATE_RUNNING,
  RunState.RUN_STATE_FINISHING,
];

/** The queue of a daemon. */
export interface RunQueue {
  /** Looks for work; called after a run was created or resumed. */
  wake(): void;
  pause(name: string): trainingV1.Run;
  resume(name: string): trainingV1.Run;
  cancel(name: string): trainingV1.Run;
  /** Folder of a run. */
  directoryOf(name: string): string;
  /** Stops the running training at the end of its step; it goes on when a daemon with the same store starts. */
  close(): Promise<void>;
}

/** Thrown into a training through its signal: why it has to stop. */
class StopRequest extends QtuneError {
  readonly wish: Wish | "shutdown";
  constructor(wish: Wish | "shutdown") {
    super("cancelled", `stopped: ${wish}`);
    this.wish = wish;
  }
}

/** Creates the queue, puts interrupted runs back into it, and starts working. */
export function createRunQueue(options: {
  readonly store: RunStore;
  readonly engine: RunEngine;
  readonly runsDirectory: string;
  readonly log: (message: string, fields?: object) => void;
}): RunQueue {
  const { store, engine, log } = options;
  let current: { readonly name: string; readonly controller: AbortController } | undefined;
  let closed = false;
  let working: Promise<void> = Promise.resolve();
  let looping = false;

  const directoryOf = (name: string): string =>
    path.join(options.runsDirectory, name.replace(/^runs\//, ""));
  const setState = (name: string, change: Partial<trainingV1.Run>): trainingV1.Run => {
    const updated = store.updateRun(name, change);
    const { config: _, resolvedConfigJson: __, ...slim } = updated;
    store.addEvents(name, [{ $case: "state", value: trainingV1.Run.fromPartial(slim) }]);
    return updated;
  };

  for (const name of store.namesInStates(activeStates)) {
    if (store.getRun(name).state === RunState.RUN_STATE_QUEUED) continue;
    setState(name, {
      state: RunState.RUN_STATE_QUEUED,
      stateReason: "the daemon was restarted; the run goes on from its last checkpoint",
    });
  }

  const runOne = async (name: string): Promise<void> => {
    const controller = new AbortController();
    current = { name, controller };
    try {
      setState(name, { state: RunState.RUN_STATE_PREPARING, stateReason: "", failure: undefined });
      const stored = store.getRun(name);
      const resolved = { json: stored.resolvedConfigJson, totalSteps: stored.totalSteps };
      const result = await engine.train(resolved, {
        directory: directoryOf(name),
        signal: controller.signal,
        onEvent: (event) => record(name, event),
        onWaiting: (reason) =>
          setState(name, {
            state: reason === "" ? RunState.RUN_STATE_RUNNING : RunState.RUN_STATE_PAUSED,
            stateReason: reason,
          }),
      });
      const { checkpointId, ...rest } = result;
      const full = { ...rest, checkpoint: `${name}/checkpoints/${checkpointId}` };
      store.updateRun(name, { result: full }, [{ $case: "result", value: full }]);
      setState(name, {
        state: RunState.RUN_STATE_SUCCEEDED,
        stateReason: "",
        endTime: new Date(),
        remainingSeconds: undefined,
      });
    } catch (caught) {
      settle(name, caught);
    } finally {
      current = undefined;
    }
  };

  const settle = (name: string, caught: unknown): void => {
    const error = QtuneError.from(caught);
    const wish =
      current?.controller.signal.aborted === true ? stopWish(current.controller.signal) : undefined;
    if (wish === "shutdown") return; // the state stays: the next daemon goes on
    if (wish === "pause") {
      setState(name, { state: RunState.RUN_STATE_PAUSED, stateReason: "paused on request" });
    } else if (wish === "cancel") {
      setState(name, {
        state: RunState.RUN_STATE_CANCELLED,
        stateReason: "cancelled on request",
        endTime: new Date(),
        remainingSeconds: undefined,
      });
    } else {
      log("run failed", { run: name, error });
      setState(name, {
        state: RunState.RUN_STATE_FAILED,
        stateReason: error.message,
        failure: circuitV1.Failure.fromPartial({
          code: error.code,
          message: error.message,
          problems: [...error.issues],
        }),
        endTime: new Date(),
        remainingSeconds: undefined,
      });
    }
  };

  const record = (name: string, event: RunEvent): void => {
    if (event.$case === "checkpoint") {
      const value = { ...event.value, name: `${name}/checkpoints/${event.value.name}` };
      store.addEvents(name, [{ $case: "checkpoint", value }]);
      return;
    }
    if (event.$case !== "metrics") {
      store.addEvents(name, [event]);
      return;
    }
    const { step, totalSteps, remainingSeconds } = event.value;
    const run = store.getRun(name);
    const metrics = new Map([
      ["train.loss", event.value.loss],
      ["train.learning_rate", event.value.learningRate],
      ["train.tokens_per_second", event.value.tokensPerSecond],
    ]);
    store.updateRun(
      name,
      {
        step,
        totalSteps,
        remainingSeconds,
        metrics,
        state: RunState.RUN_STATE_RUNNING,
        stateReason: "",
        startTime: run.startTime ?? new Date(),
      },
      [event],
    );
  };

  const loop = async (): Promise<void> => {
    if (looping) return;
    looping = true;
    try {
      while (!closed) {
        const next = store
          .namesInStates([RunState.RUN_STATE_QUEUED])
          .find((name) => store.getWish(name) === "run");
        if (next === undefined) return;
        await runOne(next);
      }
    } finally {
      looping = false;
    }
  };
  const wake = (): void => {
    working = working.then(loop).catch((error: unknown) => log("the queue stopped", { error }));
  };

  const ask = (name: string, wish: Wish): trainingV1.Run => {
    const run = store.getRun(name);
    if (isFinalState(run.state) && wish !== "run") {
      throw new QtuneError(
        "failed_precondition",
        `the run has ended (${trainingV1.runStateToJSON(run.state)}); nothing is left to ${wish}`,
        { where: name },
      );
    }
    store.setWish(name, wish);
    if (current?.name === name && wish !== "run") {
      current.controller.abort(new StopRequest(wish));
      return run;
    }
    if (wish === "cancel")
      return setState(name, {
        state: RunState.RUN_STATE_CANCELLED,
        stateReason: "cancelled on request",
        endTime: new Date(),
      });
    if (wish === "pause")
      return setState(name, { state: RunState.RUN_STATE_PAUSED, stateReason: "paused on request" });
    return run;
  };

  wake();
  return {
    wake,
    directoryOf,
    pause: (name) => ask(name, "pause"),
    cancel: (name) => ask(name, "cancel"),
    resume: (name) => {
      const run = store.getRun(name);
      const resumable =
        run.state === RunState.RUN_STATE_PAUSED || run.state === RunState.RUN_STATE_FAILED;
      if (!resumable || current?.name === name) {
        throw new QtuneError(
          "failed_precondition",
          `only a paused or failed run can be resumed, this one is ${trainingV1.runStateToJSON(run.state)}`,
          { where: name },
        );
      }
      store.setWish(name, "run");
      const queued = setState(name, {
        state: RunState.RUN_STATE_QUEUED,
        stateReason: "resumed on request",
        endTime: undefined,
      });
      wake();
      return queued;
    },
    close: async () => {
      closed = true;
      current?.controller.abort(new StopRequest("shutdown"));
      await working;
    },
  };
}

function stopWish(signal: AbortSignal): Wish | "shutdown" {
  const reason = abortError(signal);
  return reason instanceof StopRequest ? reason.wish : "cancel";
}
