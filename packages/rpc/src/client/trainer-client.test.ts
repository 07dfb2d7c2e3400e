import { createHash } from "node:crypto";
import { QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { afterEach, describe, expect, test } from "vitest";
import { type ServiceHandlers, hostService } from "../server/handlers.ts";
import { createServer } from "../server/server.ts";
import { type TrainerClient, collectFiles, createTrainerClient } from "./trainer-client.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function connect(
  handlers: ServiceHandlers<typeof trainingV1.TrainerServiceService>,
): Promise<TrainerClient> {
  const server = await createServer({
    services: [hostService(trainingV1.TrainerServiceService, handlers)],
  });
  open.push({ close: () => server.close({ graceMs: 100 }) });
  const client = createTrainerClient({ target: server.address });
  open.push(client);
  return client;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("watching a run", () => {
  const state = (value: trainingV1.RunState, cursor: string) =>
    trainingV1.WatchRunResponse.fromPartial({
      cursor,
      event: { $case: "state", value: { state: value } },
    });
  const { RUN_STATE_RUNNING, RUN_STATE_SUCCEEDED } = trainingV1.RunState;

  test("goes on at the last cursor when the stream breaks, and ends with the final state", async () => {
    const asked: string[] = [];
    const client = await connect({
      watchRun: async function* ({ cursor }) {
        asked.push(cursor);
        if (cursor === "") {
          yield state(RUN_STATE_RUNNING, "1");
          throw new QtuneError("unavailable", "restarting");
        }
        yield state(RUN_STATE_SUCCEEDED, "2");
        yield state(RUN_STATE_SUCCEEDED, "3"); // never read: the state before was final
      },
    });
    const cursors: string[] = [];
    for await (const event of client.watch("runs/a")) cursors.push(event.cursor);
    expect(cursors).toEqual(["1", "2"]);
    expect(asked).toEqual(["", "1"]);
  });

  test("ends at once for an error that waiting does not mend", async () => {
    const client = await connect({
      watchRun: async function* () {
        yield state(RUN_STATE_RUNNING, "1");
        throw new QtuneError("not_found", "deleted");
      },
    });
    const events = client.watch("runs/a")[Symbol.asyncIterator]();
    await events.next();
    await expect(events.next()).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("uploading a file", () => {
  const bytes = new Uint8Array(700_000).map((_, i) => i % 251);

  test("sends what is missing after an upload that broke off", async () => {
    const had = 300_000;
    const parts: Buffer[] = [];
    let header: trainingV1.UploadHeader | undefined;
    const client = await connect({
      getFile: async () =>
        trainingV1.File.fromPartial({ receivedBytes: BigInt(had), complete: false }),
      uploadFile: async (requests) => {
        for await (const { part } of requests) {
          if (part?.$case === "header") header = part.value;
          else if (part?.$case === "data") parts.push(part.value);
        }
        return trainingV1.File.fromPartial({ complete: true, sha256: header?.sha256 ?? "" });
      },
    });
    const file = await client.upload(bytes, "data.jsonl");
    expect(header).toMatchObject({
      displayName: "data.jsonl",
      sizeBytes: 700_000n,
      offset: BigInt(had),
      sha256: sha256(bytes),
    });
    expect(Buffer.concat(parts).equals(bytes.subarray(had))).toBe(true);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(512 * 1024);
    expect(file.complete).toBe(true);
  });

  test("sends nothing when the service has the file", async () => {
    const client = await connect({
      getFile: async () => trainingV1.File.fromPartial({ name: "files/1", complete: true }),
    });
    expect((await client.upload(bytes, "data.jsonl")).name).toBe("files/1");
  });
});

describe("gathering downloaded files", () => {
  async function* chunksOf(
    files: Readonly<Record<string, Buffer>>,
    sha: (bytes: Buffer) => string,
  ) {
    for (const [path, bytes] of Object.entries(files)) {
      const half = Math.floor(bytes.length / 2);
      const entry = { path, sizeBytes: BigInt(bytes.length), sha256: sha(bytes) };
      yield { chunk: { entry, offset: 0n, data: bytes.subarray(0, half) } };
      yield { chunk: { entry: undefined, offset: BigInt(half), data: bytes.subarray(half) } };
    }
  }

  test("puts each one together and checks it", async () => {
    const files = { "a.txt": Buffer.from("alpha"), "b/c.bin": Buffer.from([0, 1, 2, 3]) };
    expect(Object.fromEntries(await collectFiles(chunksOf(files, sha256)))).toEqual(files);
  });

  test("refuses a file that is not what its entry says", async () => {
    const call = collectFiles(
      chunksOf({ "a.txt": Buffer.from("alpha") }, () => sha256(Buffer.from("beta"))),
    );
    await expect(call).rejects.toMatchObject({ code: "data_loss", where: "a.txt" });
  });
});
