/**
 * Training as a service: submit runs, watch them through broken connections, move files. Everything else of the two
 * training services is there as plain calls under `service` and `sessions`.
 */
import { createHash, randomUUID } from "node:crypto";
import { type Abortable, QtuneError, isQtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { type Channel, type ChannelOptions, createChannel } from "./channel.ts";
import { resumeStream } from "./resume-stream.ts";
import { type ServiceClient, createServiceClient } from "./service-client.ts";

/** A training service. */
export interface TrainerClient {
  /** Every method of TrainerService over messages. */
  readonly service: ServiceClient<typeof trainingV1.TrainerServiceService>;
  /** Every method of TrainingSessionService over messages. */
  readonly sessions: ServiceClient<typeof trainingV1.TrainingSessionServiceService>;
  readonly channel: Channel;
  /** Stores a run; a retry with the same `requestId` returns the first answer. `config` is a run configuration. */
  submit(config: unknown, options?: SubmitRunOptions): Promise<trainingV1.Run>;
  /** Yields the events of a run until it ends, going on by cursor when the connection breaks. */
  watch(name: string, options?: WatchRunOptions): AsyncIterable<trainingV1.WatchRunResponse>;
  /** Stores a file, going on where an earlier upload of the same bytes broke off. */
  upload(bytes: Uint8Array, displayName: string, options?: Abortable): Promise<trainingV1.File>;
  close(): void;
}

/** Options of {@link TrainerClient.submit}. */
export interface SubmitRunOptions extends Abortable {
  readonly requestId?: string;
  /** Version of the schema. Absent: the newest that the service knows. */
  readonly schema?: string;
  readonly labels?: ReadonlyMap<string, string>;
}

/** Options of {@link TrainerClient.watch}. */
export interface WatchRunOptions extends Abortable {
  readonly cursor?: string;
  /** Only these kinds. Absent: all. */
  readonly kinds?: readonly trainingV1.RunEventKind[];
}

/** Creates the client of a training service. Errors: invalid_argument for a bad target. */
export function createTrainerClient(options: ChannelOptions): TrainerClient {
  const channel = createChannel(options);
  const service = createServiceClient(trainingV1.TrainerServiceService, channel);
  return {
    service,
    sessions: createServiceClient(trainingV1.TrainingSessionServiceService, channel),
    channel,
    submit: async (config, { signal, requestId = randomUUID(), schema = "", labels } = {}) => {
      const run = {
        config: { schema, json: JSON.stringify(config) },
        labels: new Map(labels ?? []),
      };
      return service.createRun(trainingV1.CreateRunRequest.fromPartial({ run, requestId }), {
        signal,
      });
    },
    watch: (name, { signal, cursor, kinds = [] } = {}) =>
      resumeStream({
        name,
        signal,
        cursor,
        open: (from) =>
          service.watchRun(
            { name, cursor: from, kinds: [...kinds] },
            { signal, deadlineMs: Infinity },
          ),
        isFinal: ({ event }) => event?.$case === "state" && isFinalRunState(event.value.state),
      }),
    upload: (bytes, displayName, options = {}) => upload(service, bytes, displayName, options),
    close: () => channel.close(),
  };
}

/** Tells whether nothing follows a state. */
export function isFinalRunState(state: trainingV1.RunState): boolean {
  const { RUN_STATE_SUCCEEDED, RUN_STATE_FAILED, RUN_STATE_CANCELLED } = trainingV1.RunState;
  return (
    state === RUN_STATE_SUCCEEDED || state === RUN_STATE_FAILED || state === RUN_STATE_CANCELLED
  );
}

/** Size of the data in one upload message; the contract allows 512 KiB. */
const uploadChunkBytes = 256 * 1024;

async function upload(
  service: TrainerClient["service"],
  bytes: Uint8Array,
  displayName: string,
  { signal }: Abortable,
): Promise<trainingV1.File> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const known = await findFile(service, sha256, signal);
  if (known?.complete === true) return known;
  const offset = known?.receivedBytes ?? 0n;
  const header = { displayName, sizeBytes: BigInt(bytes.length), sha256, offset, requestId: "" };
  return service.uploadFile(
    function* () {
      yield { part: { $case: "header", value: header } };
      for (let at = Number(offset); at < bytes.length; at += uploadChunkBytes) {
        yield {
          part: { $case: "data", value: Buffer.from(bytes.subarray(at, at + uploadChunkBytes)) },
        };
      }
    },
    { signal, deadlineMs: Infinity },
  );
}

async function findFile(
  service: TrainerClient["service"],
  sha256: string,
  signal: AbortSignal | undefined,
): Promise<trainingV1.File | undefined> {
  try {
    return await service.getFile({ name: `files/sha256:${sha256}` }, { signal });
  } catch (error) {
    if (isQtuneError(error, "not_found")) return undefined;
    throw error;
  }
}

/** Gathers the files of a download stream. Errors: data_loss when a file is not what its entry says. */
export async function collectFiles(
  chunks: AsyncIterable<{ readonly chunk?: trainingV1.FileChunk | undefined }>,
): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer[]>();
  const entries = new Map<string, trainingV1.FileEntry>();
  let current: Buffer[] = [];
  for await (const { chunk } of chunks) {
    if (chunk === undefined) continue;
    if (chunk.entry !== undefined) {
      entries.set(chunk.entry.path, chunk.entry);
      files.set(chunk.entry.path, (current = []));
    }
    current.push(chunk.data);
  }
  return new Map(
    [...files].map(([path, parts]) => [path, checkFile(Buffer.concat(parts), entries.get(path))]),
  );
}

function checkFile(bytes: Buffer, entry: trainingV1.FileEntry | undefined): Buffer {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (entry === undefined || entry.sha256 === "" || entry.sha256 === sha256) return bytes;
  throw new QtuneError("data_loss", `expected sha256 ${entry.sha256} but was given ${sha256}`, {
    where: entry.path,
  });
}
