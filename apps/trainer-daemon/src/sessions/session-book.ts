/**
 * The training sessions of a daemon: who owns them, what was applied, when they end. Sessions live in memory and end with the
 * daemon; saved states lie in a folder and outlive it.
 */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Abortable, QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { listFiles } from "../handlers/send-file.ts";
import type { OpenSession, RunEngine } from "../run-engine.ts";
import { type SequencedCalls, createSequencedCalls } from "./sequenced-calls.ts";

const defaultTtlSeconds = 600;
const longestTtlSeconds = 86_400;
const stateTtlSeconds = 7 * 86_400;
const maxSessions = 8;
const maxMetadataBytes = 64 * 1024;

/** A session that takes calls. */
export interface HostedSession {
  readonly name: string;
  readonly owner: string;
  readonly given: trainingV1.Session;
  readonly seed: bigint;
  readonly open: OpenSession;
  readonly calls: SequencedCalls;
  readonly createTime: Date;
  readonly ttlSeconds: number;
  expireTime: Date;
}

/** What is written beside a saved state. */
interface StateRecord {
  readonly owner: string;
  readonly model: string;
  readonly adapterJson: string;
  readonly checkpoint: string;
  readonly step: number;
  readonly hasOptimizer: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly createTime: string;
  readonly expireTime: string;
}

/** Sessions and saved states, each seen by its owner alone. */
export interface SessionBook {
  create(
    request: trainingV1.CreateSessionRequest,
    owner: string,
    options: Abortable,
  ): Promise<HostedSession>;
  /** Finds a session and keeps it from expiring. Errors: not_found. */
  find(name: string, owner: string): HostedSession;
  list(owner: string): readonly HostedSession[];
  remove(name: string, owner: string): Promise<void>;
  /** Saves values and optimiser in a folder of their own. */
  save(
    session: HostedSession,
    request: trainingV1.SaveStateRequest,
  ): Promise<trainingV1.SavedState>;
  load(session: HostedSession, request: trainingV1.LoadStateRequest): Promise<void>;
  /** Returns the folder of a state and the files that may be sent. Errors: not_found. */
  openState(
    name: string,
    owner: string,
  ): Promise<{ readonly folder: string; readonly files: readonly trainingV1.FileEntry[] }>;
  close(): Promise<void>;
}

/** Creates a book that keeps states below a folder. */
export function createSessionBook(options: {
  readonly engine: Pick<RunEngine, "openSession">;
  readonly statesDirectory: string;
  readonly clock?: () => number;
}): SessionBook {
  const { engine, statesDirectory, clock = Date.now } = options;
  const sessions = new Map<string, HostedSession>();
  const byRequest = new Map<
    string,
    { readonly body: string; readonly session: Promise<HostedSession>; name?: string }
  >();
  let opening = 0;

  const drop = async (session: HostedSession, reason: string): Promise<void> => {
    sessions.delete(session.name);
    for (const [key, { name }] of byRequest) if (name === session.name) byRequest.delete(key);
    session.calls.close(new QtuneError("not_found", reason, { where: session.name }));
    await session.open.training.close();
  };
  const expire = (): void => {
    for (const session of sessions.values()) {
      if (session.expireTime.getTime() < clock())
        void drop(session, "the session expired: no call or heartbeat came in time");
    }
  };
  const timer = setInterval(expire, 5_000);
  timer.unref();

  const openNew = async (
    { session: given, ttlSeconds = defaultTtlSeconds }: trainingV1.CreateSessionRequest,
    owner: string,
    { signal }: Abortable,
  ): Promise<HostedSession> => {
    if (given === undefined || given.model === "" || given.adapterJson === "") {
      throw new QtuneError("invalid_argument", "expected a session with model and adapter_json", {
        where: "session",
      });
    }
    if (ttlSeconds < 1 || ttlSeconds > longestTtlSeconds) {
      throw new QtuneError(
        "out_of_range",
        `expected 1 to ${longestTtlSeconds} seconds but was given ${ttlSeconds}`,
        { where: "ttl_seconds" },
      );
    }
    if (sessions.size + opening >= maxSessions) {
      throw new QtuneError(
        "resource_exhausted",
        `the daemon holds ${maxSessions} sessions; delete one or wait until one expires`,
        { where: "session" },
      );
    }
    if (given.seed !== undefined && given.seed > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new QtuneError(
        "out_of_range",
        `expected a seed below 2^53 but was given ${given.seed}`,
        { where: "session.seed" },
      );
    }
    const seed = given.seed ?? BigInt(randomBytes(4).readUInt32LE());
    const { model, adapterJson, executorJson } = given;
    opening += 1;
    try {
      const open = await engine.openSession({ model, adapterJson, executorJson, seed }, { signal });
      const session: HostedSession = {
        name: `sessions/${randomUUID()}`,
        owner,
        given,
        seed,
        open,
        calls: createSequencedCalls(),
        createTime: new Date(clock()),
        ttlSeconds,
        expireTime: new Date(clock() + 1000 * ttlSeconds),
      };
      sessions.set(session.name, session);
      return session;
    } finally {
      opening -= 1;
    }
  };

  const find = (name: string, owner: string): HostedSession => {
    expire();
    const session = sessions.get(name);
    if (session === undefined || session.owner !== owner) {
      throw new QtuneError(
        "not_found",
        "no such session; it may have expired or the daemon was restarted: create one and load a saved state",
        { where: name.slice(0, 80) },
      );
    }
    session.expireTime = new Date(clock() + 1000 * session.ttlSeconds);
    return session;
  };

  const readState = async (
    name: string,
    owner: string,
  ): Promise<StateRecord & { readonly folder: string }> => {
    const id = /^states\/([0-9a-f-]{36})$/.exec(name)?.[1];
    const folder = path.join(statesDirectory, id ?? "none");
    const text =
      id === undefined
        ? undefined
        : await readFile(path.join(folder, "state.json"), "utf8").catch(() => undefined); // unknown
    const record = text === undefined ? undefined : (JSON.parse(text) as StateRecord); // of our own writing
    if (record?.owner !== owner || Date.parse(record.expireTime) < clock()) {
      throw new QtuneError("not_found", "no such state; it may have expired", {
        where: name.slice(0, 80),
      });
    }
    return { ...record, folder };
  };

  return {
    create: async (request, owner, { signal }) => {
      expire();
      if (request.requestId === "") return openNew(request, owner, { signal });
      const key = `${owner}/${request.requestId}`;
      const body = hashOf("create", trainingV1.CreateSessionRequest.encode(request).finish());
      const known = byRequest.get(key);
      if (known !== undefined && known.body !== body) {
        throw new QtuneError(
          "already_exists",
          "this request id belongs to another session; use a new id",
          { where: "request_id" },
        );
      }
      if (known !== undefined) return known.session;
      // Others may wait for the same answer, so the first caller's leaving does not end it.
      const session = openNew(request, owner, {});
      const entry: { body: string; session: Promise<HostedSession>; name?: string } = {
        body,
        session,
      };
      byRequest.set(key, entry);
      session.then(
        ({ name }) => (entry.name = name),
        () => byRequest.delete(key),
      );
      return session;
    },
    find,
    list: (owner) => {
      expire();
      return [...sessions.values()].filter((session) => session.owner === owner).reverse();
    },
    remove: (name, owner) => drop(find(name, owner), "the session was deleted"),

    save: async (session, { weightsOnly, metadata, ttlSeconds = stateTtlSeconds }) => {
      const size = Buffer.byteLength(JSON.stringify([...metadata]));
      if (size > maxMetadataBytes) {
        throw new QtuneError(
          "out_of_range",
          `expected at most ${maxMetadataBytes} bytes of metadata but was given ${size}`,
          { where: "metadata" },
        );
      }
      await forgetExpired(statesDirectory, clock());
      const id = randomUUID();
      const unfinished = path.join(statesDirectory, `unfinished-${id}`);
      await mkdir(unfinished, { recursive: true });
      const checkpoint = path.basename(await session.open.training.saveState(unfinished));
      const record: StateRecord = {
        owner: session.owner,
        model: session.given.model,
        adapterJson: session.given.adapterJson,
        checkpoint,
        step: session.open.training.step,
        hasOptimizer: !weightsOnly,
        metadata: Object.fromEntries(metadata),
        createTime: new Date(clock()).toISOString(),
        expireTime: new Date(clock() + 1000 * ttlSeconds).toISOString(),
      };
      await writeFile(path.join(unfinished, "state.json"), JSON.stringify(record));
      await rename(unfinished, path.join(statesDirectory, id));
      const files = await stateFiles(path.join(statesDirectory, id, checkpoint), record);
      return {
        name: `states/${id}`,
        step: record.step,
        hasOptimizer: record.hasOptimizer,
        metadata,
        createTime: new Date(record.createTime),
        expireTime: new Date(record.expireTime),
        files,
      };
    },

    load: async (session, { state, weightsOnly }) => {
      const record = await readState(state, session.owner);
      const { model, adapterJson } = session.given;
      if (record.model !== model || record.adapterJson !== adapterJson) {
        throw new QtuneError(
          "failed_precondition",
          `expected a state of ${model} with the session's adapter but it is one of ${record.model} with ${record.adapterJson.slice(0, 200)}`,
          { where: "state" },
        );
      }
      await session.open.training.loadState(path.join(record.folder, record.checkpoint), {
        weightsOnly: weightsOnly || !record.hasOptimizer,
      });
    },

    openState: async (name, owner) => {
      const record = await readState(name, owner);
      const folder = path.join(record.folder, record.checkpoint);
      return { folder, files: await stateFiles(folder, record) };
    },

    close: async () => {
      clearInterval(timer);
      for (const session of sessions.values()) await drop(session, "the daemon ends");
    },
  };
}

/** Lists what a client may have of a state: everything but an optimiser that was to be left out. */
async function stateFiles(
  folder: string,
  { hasOptimizer }: StateRecord,
): Promise<trainingV1.FileEntry[]> {
  const files = await listFiles(folder, { hashed: true });
  return files.filter((file) => hasOptimizer || !file.path.startsWith("optimizer"));
}

async function forgetExpired(statesDirectory: string, nowMs: number): Promise<void> {
  for (const id of await readdir(statesDirectory)) {
    const folder = path.join(statesDirectory, id);
    const text = await readFile(path.join(folder, "state.json"), "utf8").catch(() => undefined); // being written
    if (text === undefined) continue;
    const { expireTime } = JSON.parse(text) as StateRecord; // of our own writing
    if (Date.parse(expireTime) < nowMs) await rm(folder, { recursive: true, force: true });
  }
}

/** Identifies a call by its method and the bytes of its message: requests of two methods may encode alike. */
export function hashOf(method: string, bytes: Uint8Array): string {
  return createHash("sha256").update(`${method}\n`).update(bytes).digest("base64");
}

/** Removes what a daemon that was killed had not finished saving. Called before a book is created. */
export async function removeUnfinishedStates(statesDirectory: string): Promise<void> {
  for (const name of await readdir(statesDirectory))
    if (name.startsWith("unfinished-"))
      await rm(path.join(statesDirectory, name), { recursive: true, force: true });
}
