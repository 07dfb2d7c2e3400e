import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import type { ServiceHandlers } from "@qtune/rpc";
import { isFinalState } from "../run-store.ts";
import type { TrainerPorts } from "./ports.ts";
import { pageSize, runName } from "./names.ts";
import { findEntry, listFiles, sendFile } from "./send-file.ts";

type Handlers = ServiceHandlers<typeof trainingV1.TrainerServiceService>;

const maxConfigBytes = 1 << 20;
const maxLabels = 64;

/** Which events a watcher may ask for, by kind. */
const caseOfKind: Readonly<Record<number, string>> = {
  [trainingV1.RunEventKind.RUN_EVENT_KIND_STATE]: "state",
  [trainingV1.RunEventKind.RUN_EVENT_KIND_METRICS]: "metrics",
  [trainingV1.RunEventKind.RUN_EVENT_KIND_LOG]: "log",
  [trainingV1.RunEventKind.RUN_EVENT_KIND_CHECKPOINT]: "checkpoint",
  [trainingV1.RunEventKind.RUN_EVENT_KIND_EVALUATION]: "evaluation",
  [trainingV1.RunEventKind.RUN_EVENT_KIND_RESULT]: "result",
  [trainingV1.RunEventKind.RUN_EVENT_KIND_PROGRESS]: "progress",
};

/** Creates the handlers that create, watch and steer runs. */
export function createRunHandlers({
  store,
  engine,
  queue,
}: TrainerPorts): Pick<
  Handlers,
  | "createRun"
  | "getRun"
  | "listRuns"
  | "watchRun"
  | "pauseRun"
  | "resumeRun"
  | "cancelRun"
  | "deleteRun"
  | "validateRun"
  | "listRunFiles"
  | "downloadRunFile"
> {
  return {
    createRun: async ({ run, requestId }) => {
      const config = requireConfig(run?.config);
      const labels = run?.labels ?? new Map<string, string>();
      requireLabels(labels);
      const resolved = engine.resolve(config);
      const fresh = trainingV1.Run.fromPartial({
        name: `runs/${randomUUID()}`,
        config,
        labels,
        state: trainingV1.RunState.RUN_STATE_QUEUED,
        totalSteps: resolved.totalSteps,
        createTime: new Date(),
        resolvedConfigJson: resolved.json,
      });
      const body = JSON.stringify([config.schema, config.json, [...labels].sort()]);
      const { run: stored, created } = store.createRun(fresh, { id: requestId, body });
      if (created) queue.wake();
      return stored;
    },
    getRun: async ({ name }) => store.getRun(runName(name)),
    listRuns: async ({ pageSize: size, pageToken, states }) => {
      const { items, nextPageToken } = store.listRuns({
        size: pageSize(size),
        token: pageToken,
        states,
      });
      return { runs: [...items], nextPageToken };
    },
    watchRun: async function* ({ name, cursor, kinds }, { signal }) {
      const run = runName(name);
      store.getRun(run);
      const wanted = new Set(kinds.map((kind) => caseOfKind[kind]));
      if (kinds.length > 0 && wanted.has(undefined))
        throw new QtuneError("invalid_argument", "expected known kinds of events", {
          where: "kinds",
        });
      let position = cursor;
      while (!signal.aborted) {
        const events = store.eventsAfter(run, position, 256);
        for (const event of events) {
          position = event.cursor;
          const isEnd = event.event?.$case === "state" && isFinalState(event.event.value.state);
          if (isEnd || wanted.size === 0 || wanted.has(event.event?.$case)) yield event;
          // A failed or paused run may be resumed later: only an end that still holds closes the stream.
          if (
            isEnd &&
            isFinalState(store.getRun(run).state) &&
            store.eventsAfter(run, position, 1).length === 0
          )
            return;
        }
        if (events.length === 0) {
          store.getRun(run); // a deleted run ends its watchers with not_found
          await store.waitForEvent(run, position, signal);
        }
      }
    },
    pauseRun: async ({ name }) => queue.pause(runName(name)),
    resumeRun: async ({ name }) => queue.resume(runName(name)),
    cancelRun: async ({ name }) => queue.cancel(runName(name)),
    deleteRun: async ({ name }) => {
      const run = store.getRun(runName(name));
      if (!isFinalState(run.state)) {
        throw new QtuneError(
          "failed_precondition",
          `the run has not ended (${trainingV1.runStateToJSON(run.state)}); cancel it first`,
          { where: name },
        );
      }
      await rm(queue.directoryOf(name), { recursive: true, force: true });
      store.deleteRun(name);
      return {};
    },
    validateRun: async ({ config }, { signal }) => {
      const resolved = engine.resolve(requireConfig(config));
      return { ...(await engine.plan(resolved, { signal })), resolvedConfigJson: resolved.json };
    },
    listRunFiles: async ({ parent, pageSize: size, pageToken }) => {
      store.getRun(runName(parent));
      const files = await listFiles(queue.directoryOf(parent), { hashed: false }).catch(
        whenMissing,
      );
      const start = pageToken === "" ? 0 : files.findIndex((file) => file.path > pageToken);
      const page = start < 0 ? [] : files.slice(start, start + pageSize(size));
      const isLast = start < 0 || start + page.length >= files.length;
      return { files: page, nextPageToken: isLast ? "" : (page.at(-1)?.path ?? "") };
    },
    downloadRunFile: async function* ({ name, path, offset }, { signal }) {
      store.getRun(runName(name));
      const folder = queue.directoryOf(name);
      const entry = findEntry(await listFiles(folder, { hashed: false }).catch(whenMissing), path);
      for await (const chunk of sendFile(folder, entry, Number(offset), signal)) yield { chunk };
    },
  };
}

function requireConfig(config: trainingV1.RunConfig | undefined): trainingV1.RunConfig {
  if (config === undefined || config.json === "") {
    throw new QtuneError(
      "invalid_argument",
      "expected a run configuration as JSON but none was given",
      { where: "run.config.json" },
    );
  }
  if (Buffer.byteLength(config.json) > maxConfigBytes) {
    throw new QtuneError(
      "out_of_range",
      `expected at most 1 MiB but was given ${Buffer.byteLength(config.json)} bytes; upload data with UploadFile`,
      { where: "run.config.json" },
    );
  }
  return config;
}

function requireLabels(labels: ReadonlyMap<string, string>): void {
  if (labels.size > maxLabels)
    throw new QtuneError(
      "out_of_range",
      `expected at most ${maxLabels} labels but was given ${labels.size}`,
      { where: "run.labels" },
    );
  for (const [key, value] of labels) {
    if (key.length > 256 || value.length > 256)
      throw new QtuneError("out_of_range", "expected at most 256 characters", {
        where: `run.labels[${JSON.stringify(key.slice(0, 40))}]`,
      });
  }
}

function whenMissing(error: NodeJS.ErrnoException): [] {
  if (error.code === "ENOENT") return []; // a queued run has no folder yet
  throw error;
}
