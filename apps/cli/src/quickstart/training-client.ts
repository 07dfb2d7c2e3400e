/**
 * What the quickstart and `qtune train` ask of a training daemon: the calls of the contract, with patience. A daemon that
 * is killed and started again is found again; a watcher goes on by cursor, an evaluation is asked for anew.
 */
import { QtuneError, isQtuneError, sleep } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import type { Channel } from "@qtune/rpc";

const { RunState, TrainerServiceService: service } = trainingV1;

/** How long a lost daemon is waited for. */
const patienceMs = 120_000;

/** What happens in a run while it is watched. */
export interface RunWatcher {
  readonly onMetrics?: (metrics: trainingV1.StepMetrics) => void;
  readonly onState?: (run: trainingV1.Run) => void;
  readonly onLog?: (line: trainingV1.LogLine) => void;
  readonly onProgress?: (progress: trainingV1.PhaseProgress) => void;
  readonly onEvaluation?: (evaluation: trainingV1.Evaluation) => void;
}

/** Watches a run to its end and returns it. Errors: those of a failed run, with its problems; cancelled when it was. */
export async function watchRun(
  channel: Channel,
  name: string,
  watcher: RunWatcher,
  signal: AbortSignal,
): Promise<trainingV1.Run> {
  let cursor = "";
  await withPatience(signal, async () => {
    for await (const response of channel.serverStream(
      service.watchRun,
      { name, cursor, kinds: [] },
      { signal, deadlineMs: Infinity },
    )) {
      cursor = response.cursor;
      dispatch(response.event, watcher);
    }
  });
  const run = await channel.unary(service.getRun, { name }, { signal });
  if (run.state === RunState.RUN_STATE_SUCCEEDED) return run;
  if (run.state === RunState.RUN_STATE_CANCELLED)
    throw new QtuneError("cancelled", `${name} was cancelled`);
  const failure = run.failure;
  throw new QtuneError(
    "aborted",
    failure?.message ?? `${name} ended as ${trainingV1.runStateToJSON(run.state)}`,
    { where: name },
  );
}

/** Asks for an evaluation and waits for its result. */
export async function evaluate(
  channel: Channel,
  request: trainingV1.EvaluateRequest,
  onProgress: (progress: trainingV1.PhaseProgress) => void,
  signal: AbortSignal,
): Promise<trainingV1.Evaluation> {
  return withPatience(signal, async () => {
    for await (const { event } of channel.serverStream(service.evaluate, request, {
      signal,
      deadlineMs: Infinity,
    })) {
      if (event?.$case === "evaluation") return event.value;
      if (event?.$case === "progress") onProgress(event.value);
    }
    throw new QtuneError("unavailable", "the daemon ended the evaluation without a result");
  });
}

/** Asks for the gradient of one adapter, measured on a device, over some steps. */
export async function probeGradient(
  channel: Channel,
  request: trainingV1.ProbeGradientRequest,
  onProgress: (progress: trainingV1.PhaseProgress) => void,
  signal: AbortSignal,
): Promise<trainingV1.GradientProbe[]> {
  return withPatience(signal, async () => {
    const probes: trainingV1.GradientProbe[] = [];
    for await (const { event } of channel.serverStream(service.probeGradient, request, {
      signal,
      deadlineMs: Infinity,
    })) {
      if (event?.$case === "probe") probes.push(event.value);
      if (event?.$case === "progress") onProgress(event.value);
    }
    return probes;
  });
}

/** Repeats a call while the daemon is away, up to two minutes. */
export async function withPatience<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  let lostSince: number | undefined;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isQtuneError(error, "unavailable") || signal.aborted) throw error;
      lostSince ??= Date.now();
      if (Date.now() - lostSince > patienceMs) throw error;
      await sleep(500, { signal });
    }
  }
}

function dispatch(event: trainingV1.WatchRunResponse["event"], watcher: RunWatcher): void {
  switch (event?.$case) {
    case "metrics":
      return watcher.onMetrics?.(event.value);
    case "state":
      return watcher.onState?.(event.value);
    case "log":
      return watcher.onLog?.(event.value);
    case "progress":
      return watcher.onProgress?.(event.value);
    case "evaluation":
      return watcher.onEvaluation?.(event.value);
    case "checkpoint":
    case "result":
    case undefined:
      return undefined;
    default:
      event satisfies never;
  }
}
