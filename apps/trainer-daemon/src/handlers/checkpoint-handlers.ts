import { mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import type { ServiceHandlers } from "@qtune/rpc";
import type { Target } from "../run-engine.ts";
import { isFinalState } from "../run-store.ts";
import { checkpointName, pageSize, runName } from "./names.ts";
import type { TrainerPorts } from "./ports.ts";
import { streamWithProgress } from "./progress-stream.ts";
import { findEntry, listFiles, sendFile } from "./send-file.ts";

type Handlers = ServiceHandlers<typeof trainingV1.TrainerServiceService>;
type FoundCheckpoint = trainingV1.Checkpoint & { readonly directory: string };

/** Lists a run's checkpoints under their names, newest first. */
async function checkpointsOf(ports: TrainerPorts, run: string): Promise<FoundCheckpoint[]> {
  ports.store.getRun(run);
  const found = await ports.engine.listCheckpoints(ports.queue.directoryOf(run));
  return found.map(({ id, ...rest }) => ({ ...rest, name: `${run}/checkpoints/${id}` }));
}

/** Finds one checkpoint; `last` is the newest, `best` the best by the run's own criterion. */
export async function findCheckpoint(ports: TrainerPorts, name: string): Promise<FoundCheckpoint> {
  const { run, checkpoint } = checkpointName(name);
  const all = await checkpointsOf(ports, run);
  const wanted =
    checkpoint === "last"
      ? all[0]
      : checkpoint === "best"
        ? all.find((candidate) => candidate.best)
        : all.find((candidate) => candidate.name === name);
  if (wanted === undefined) {
    const names = all.map((candidate) => candidate.name.split("/").at(-1)).join(", ");
    throw new QtuneError(
      "not_found",
      `no such checkpoint; there ${all.length === 0 ? "is none yet" : `are ${names}`}`,
      { where: name },
    );
  }
  return wanted;
}

/** Turns the name of a checkpoint into what the engine loads. */
export async function checkpointTarget(ports: TrainerPorts, name: string): Promise<Target> {
  const found = await findCheckpoint(ports, name);
  const run = checkpointName(found.name).run;
  return {
    kind: "checkpoint",
    runDirectory: ports.queue.directoryOf(run),
    checkpoint: found.name.split("/").at(-1) ?? "",
    configJson: ports.store.getRun(run).resolvedConfigJson,
  };
}

/** Creates the handlers that list, send, delete and export checkpoints. */
export function createCheckpointHandlers(
  ports: TrainerPorts,
): Pick<Handlers, "listCheckpoints" | "downloadCheckpoint" | "deleteCheckpoint" | "exportAdapter"> {
  return {
    listCheckpoints: async ({ parent, pageSize: size, pageToken }) => {
      const all = await checkpointsOf(ports, runName(parent));
      const start =
        pageToken === "" ? 0 : all.findIndex((checkpoint) => checkpoint.name === pageToken) + 1;
      const page = all.slice(start, start + pageSize(size));
      const isLast = start + page.length >= all.length;
      return { checkpoints: page, nextPageToken: isLast ? "" : (page.at(-1)?.name ?? "") };
    },
    downloadCheckpoint: async function* ({ name, path: wanted, offset }, { signal }) {
      const { directory } = await findCheckpoint(ports, name);
      const entries = await listFiles(directory, { hashed: true });
      if (wanted === "" && offset > 0n)
        throw new QtuneError("invalid_argument", "an offset needs the path of one file", {
          where: "offset",
        });
      const chosen = wanted === "" ? entries : [findEntry(entries, wanted)];
      for (const entry of chosen) {
        for await (const chunk of sendFile(directory, entry, Number(offset), signal))
          yield { chunk };
      }
    },
    deleteCheckpoint: async ({ name }) => {
      const { run } = checkpointName(name);
      const found = await findCheckpoint(ports, name);
      const [newest] = await checkpointsOf(ports, run);
      if (newest?.name === found.name && !isFinalState(ports.store.getRun(run).state)) {
        throw new QtuneError(
          "failed_precondition",
          "the run would resume from this checkpoint; delete older ones, or end the run first",
          { where: name },
        );
      }
      await rm(found.directory, { recursive: true, force: true });
      ports.store.addEvents(run, [
        {
          $case: "log",
          value: trainingV1.LogLine.fromPartial({
            message: `checkpoint ${found.name.split("/").at(-1)} was deleted`,
          }),
        },
      ]);
      return {};
    },
    exportAdapter: async function* ({ name, format, merge }, { signal }) {
      const target = await checkpointTarget(ports, name);
      const folder = await mkdtemp(path.join(ports.scratchDirectory, "export-"));
      try {
        const exported = streamWithProgress((onProgress) =>
          ports.engine.exportAdapter(
            target,
            { format, merge, directory: folder },
            { signal, onProgress },
          ),
        );
        for await (const step of exported) {
          if (step.kind === "progress") yield { part: { $case: "progress", value: step.progress } };
        }
        for (const entry of await listFiles(folder, { hashed: true })) {
          for await (const chunk of sendFile(folder, entry, 0, signal))
            yield { part: { $case: "chunk", value: chunk } };
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
