import { createHash, randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import type { ServiceHandlers } from "@qtune/rpc";
import { type StoredFile, isFinalState } from "../run-store.ts";
import { fileKey, pageSize } from "./names.ts";
import type { TrainerPorts } from "./ports.ts";

type Handlers = ServiceHandlers<typeof trainingV1.TrainerServiceService>;

const maxFileBytes = 4 * 2 ** 30;
const keptDays = 7;

/** Creates the handlers that take, list and delete the files of clients. */
export function createFileHandlers(
  ports: TrainerPorts,
): Pick<Handlers, "uploadFile" | "getFile" | "listFiles" | "deleteFile"> {
  const { store } = ports;
  const find = (name: string): StoredFile => {
    const file = store.findFile(fileKey(name));
    if (file === undefined) throw new QtuneError("not_found", "no such file", { where: name });
    return file;
  };
  return {
    uploadFile: async (requests) => {
      const iterator = requests[Symbol.asyncIterator]();
      const first = await iterator.next();
      const header =
        first.done === true || first.value.part?.$case !== "header"
          ? undefined
          : first.value.part.value;
      if (header === undefined)
        throw new QtuneError("invalid_argument", "expected the header as the first message", {
          where: "part",
        });
      checkHeader(header);
      const known = store.findFile(header.sha256);
      if (known?.complete === true) return toMessage(known);
      const file = known ?? startFile(header);
      if (known === undefined) store.putFile(file);
      const received = await receive(ports, file, header, {
        [Symbol.asyncIterator]: () => iterator,
      });
      return toMessage(received);
    },
    getFile: async ({ name }) => toMessage(find(name)),
    listFiles: async ({ pageSize: size, pageToken }) => {
      const { items, nextPageToken } = store.listFiles({ size: pageSize(size), token: pageToken });
      return { files: items.map(toMessage), nextPageToken };
    },
    deleteFile: async ({ name }) => {
      const file = find(name);
      const user = activeRunUsing(ports, file.id);
      if (user !== undefined)
        throw new QtuneError(
          "failed_precondition",
          `${user} needs this file; cancel the run first`,
          { where: name },
        );
      await rm(path.join(ports.filesDirectory, file.id), { force: true });
      await rm(path.join(ports.filesDirectory, `${file.id}.part`), { force: true });
      store.deleteFile(file.id);
      return {};
    },
  };
}

function checkHeader(header: trainingV1.UploadHeader): void {
  if (!/^[0-9a-f]{64}$/.test(header.sha256))
    throw new QtuneError("invalid_argument", "expected 64 lower-case hexadecimal digits", {
      where: "header.sha256",
    });
  if (header.sizeBytes > BigInt(maxFileBytes))
    throw new QtuneError(
      "out_of_range",
      `expected at most ${maxFileBytes} bytes but was given ${header.sizeBytes}`,
      { where: "header.size_bytes" },
    );
  if (header.displayName.length > 256)
    throw new QtuneError("out_of_range", "expected at most 256 characters", {
      where: "header.display_name",
    });
}

function startFile(header: trainingV1.UploadHeader): StoredFile {
  return {
    id: randomUUID().replaceAll("-", ""),
    displayName: header.displayName,
    sizeBytes: Number(header.sizeBytes),
    sha256: header.sha256,
    receivedBytes: 0,
    complete: false,
    createTime: new Date(),
  };
}

/** Appends what arrives to the partial file; complete and right, it gets its name. What arrived stays when the stream breaks. */
async function receive(
  ports: TrainerPorts,
  file: StoredFile,
  header: trainingV1.UploadHeader,
  requests: AsyncIterable<trainingV1.UploadFileRequest>,
): Promise<StoredFile> {
  const partial = path.join(ports.filesDirectory, `${file.id}.part`);
  const handle = await open(partial, "a+");
  let received = (await handle.stat()).size;
  try {
    if (Number(header.offset) !== received) {
      throw new QtuneError(
        "out_of_range",
        `expected ${received}, which is what has arrived, but was given ${header.offset}; GetFile tells received_bytes`,
        { where: "header.offset", details: { receivedBytes: received } },
      );
    }
    for await (const request of requests) {
      if (request.part?.$case !== "data")
        throw new QtuneError("invalid_argument", "expected data after the header", {
          where: "part",
        });
      received += request.part.value.length;
      if (received > file.sizeBytes)
        throw new QtuneError("out_of_range", `expected ${file.sizeBytes} bytes but more arrived`, {
          where: "data",
        });
      await handle.write(request.part.value);
    }
    await handle.sync();
  } finally {
    await handle.close();
    ports.store.putFile({ ...file, receivedBytes: Math.min(received, file.sizeBytes) });
  }
  if (received < file.sizeBytes) return { ...file, receivedBytes: received };
  return finish(ports, { ...file, receivedBytes: received }, partial);
}

async function finish(ports: TrainerPorts, file: StoredFile, partial: string): Promise<StoredFile> {
  const hash = createHash("sha256");
  const handle = await open(partial, "r");
  try {
    for await (const chunk of handle.createReadStream({ autoClose: false }))
      hash.update(chunk as Buffer);
  } finally {
    await handle.close();
  }
  const digest = hash.digest("hex");
  if (digest !== file.sha256) {
    await rm(partial, { force: true });
    ports.store.deleteFile(file.id);
    throw new QtuneError(
      "data_loss",
      `what arrived has the sha256 ${digest}, expected was ${file.sha256}; send the file again`,
      { where: "data" },
    );
  }
  await rename(partial, path.join(ports.filesDirectory, file.id));
  const complete = { ...file, complete: true };
  ports.store.putFile(complete);
  return complete;
}

function activeRunUsing(ports: TrainerPorts, fileId: string): string | undefined {
  let token = "";
  do {
    const page = ports.store.listRuns({ size: 1000, token, states: [] });
    const user = page.items.find(
      (run) => !isFinalState(run.state) && run.resolvedConfigJson.includes(`files/${fileId}`),
    );
    if (user !== undefined) return user.name;
    token = page.nextPageToken;
  } while (token !== "");
  return undefined;
}

function toMessage(file: StoredFile): trainingV1.File {
  return trainingV1.File.fromPartial({
    name: `files/${file.id}`,
    displayName: file.displayName,
    sizeBytes: BigInt(file.sizeBytes),
    sha256: file.sha256,
    receivedBytes: BigInt(file.receivedBytes),
    complete: file.complete,
    createTime: file.createTime,
    expireTime: new Date(file.createTime.getTime() + keptDays * 86_400_000),
  });
}
