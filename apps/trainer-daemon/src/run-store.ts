/**
 * What the daemon must not lose: runs, their events and what clients have uploaded, in one SQLite file (WAL). Runs and
 * events are stored as the protobuf messages that clients get, so an old file is read by the rules of the contract.
 */
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";

/** An event as the contract has it, before it has a cursor and a time. */
export type RunEvent = NonNullable<trainingV1.WatchRunResponse["event"]>;

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** What a run is asked to do by people. */
export type Wish = "run" | "pause" | "cancel";

/** States from which nothing follows. */
export function isFinalState(state: trainingV1.RunState): boolean {
  return (
    state === trainingV1.RunState.RUN_STATE_SUCCEEDED ||
    state === trainingV1.RunState.RUN_STATE_FAILED ||
    state === trainingV1.RunState.RUN_STATE_CANCELLED
  );
}

/** A file of a client. */
export interface StoredFile {
  readonly id: string;
  readonly displayName: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly receivedBytes: number;
  readonly complete: boolean;
  readonly createTime: Date;
}

/** Runs, events and files of one daemon. */
export interface RunStore extends Disposable {
  /** Stores a run, or returns the stored one when the request id is known. Errors: already_exists for another body. */
  createRun(
    run: trainingV1.Run,
    request: { readonly id: string; readonly body: string },
  ): { readonly run: trainingV1.Run; readonly created: boolean };
  getRun(name: string): trainingV1.Run;
  listRuns(page: {
    readonly size: number;
    readonly token: string;
    readonly states: readonly trainingV1.RunState[];
  }): Page<trainingV1.Run>;
  /** Changes a run and returns it. The change and its events are one transaction. */
  updateRun(
    name: string,
    change: Partial<trainingV1.Run>,
    events?: readonly RunEvent[],
  ): trainingV1.Run;
  deleteRun(name: string): void;
  /** Names of the runs in some states, oldest first. */
  namesInStates(states: readonly trainingV1.RunState[]): readonly string[];
  getWish(name: string): Wish;
  setWish(name: string, wish: Wish): void;
  addEvents(name: string, events: readonly RunEvent[]): void;
  /** Events after a cursor, oldest first, at most `limit`. */
  eventsAfter(name: string, cursor: string, limit: number): readonly trainingV1.WatchRunResponse[];
  /** Waits until the run has an event after the cursor. */
  waitForEvent(name: string, cursor: string, signal: AbortSignal): Promise<void>;
  putFile(file: StoredFile): void;
  findFile(idOrSha256: string): StoredFile | undefined;
  listFiles(page: { readonly size: number; readonly token: string }): Page<StoredFile>;
  deleteFile(id: string): void;
}

const schema = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS runs (
    name TEXT PRIMARY KEY, request_id TEXT UNIQUE, request_hash TEXT, state INTEGER NOT NULL,
    sequence INTEGER NOT NULL, wish TEXT NOT NULL DEFAULT 'run', body BLOB NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS runs_by_sequence ON runs (sequence);
  CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, time_ms INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS events_by_run ON events (run, sequence);
  CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, display_name TEXT NOT NULL, size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
    received_bytes INTEGER NOT NULL, complete INTEGER NOT NULL, create_ms INTEGER NOT NULL) STRICT;
`;

/**
 * Opens the store in a file, creating it when missing; `:memory:` keeps nothing.
 *
 * Errors: data_loss when the file is no database of ours.
 */
export function openRunStore(file: string): RunStore {
  const database = openDatabase(file);
  const waiters = new Map<string, Set<() => void>>();

  const wake = (name: string): void => {
    const waiting = waiters.get(name);
    waiters.delete(name);
    for (const resolve of waiting ?? []) resolve();
  };
  const transaction = <T>(work: () => T): T => {
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  };
  const find = (name: string): trainingV1.Run | undefined => {
    const row = database.prepare("SELECT body FROM runs WHERE name = ?").get(name);
    return row === undefined ? undefined : trainingV1.Run.decode(row["body"] as Uint8Array); // BLOB column
  };
  const getRun = (name: string): trainingV1.Run => {
    const run = find(name);
    if (run === undefined)
      throw new QtuneError("not_found", `no run of this name: ${JSON.stringify(name)}`, {
        where: "name",
      });
    return run;
  };
  const insertEvents = (name: string, events: readonly RunEvent[]): void => {
    const statement = database.prepare("INSERT INTO events (run, time_ms, body) VALUES (?, ?, ?)");
    const now = Date.now();
    for (const event of events) {
      const body = trainingV1.WatchRunResponse.encode({
        cursor: "",
        eventTime: new Date(now),
        event,
      }).finish();
      statement.run(name, now, body);
    }
  };

  return {
    createRun: (run, request) => {
      const hash = createHash("sha256").update(request.body).digest("hex");
      const outcome = transaction(() => {
        if (request.id !== "") {
          const known = database
            .prepare("SELECT name, request_hash FROM runs WHERE request_id = ?")
            .get(request.id);
          if (known !== undefined) {
            if (known["request_hash"] !== hash) {
              throw new QtuneError(
                "already_exists",
                `this request id belongs to another request: stored ${String(known["request_hash"]).slice(0, 16)}, given ${hash.slice(0, 16)}; use a new id for a new request`,
                {
                  where: "request_id",
                  details: { stored: known["request_hash"], given: hash },
                },
              );
            }
            return { run: getRun(String(known["name"])), created: false };
          }
        }
        const last = database.prepare("SELECT COALESCE(MAX(sequence), 0) AS last FROM runs").get();
        const sequence = Number(last?.["last"] ?? 0) + 1;
        database
          .prepare(
            "INSERT INTO runs (name, request_id, request_hash, state, sequence, body) VALUES (?, ?, ?, ?, ?, ?)",
          )
          .run(
            run.name,
            request.id === "" ? null : request.id,
            hash,
            run.state,
            sequence,
            trainingV1.Run.encode(run).finish(),
          );
        insertEvents(run.name, [{ $case: "state", value: run }]);
        return { run, created: true };
      });
      wake(run.name);
      return outcome;
    },
    getRun,
    listRuns: ({ size, token, states }) => {
      const before = token === "" ? Number.MAX_SAFE_INTEGER : parseToken(token);
      const filter = states.length === 0 ? "" : `AND state IN (${states.map(Number).join(",")})`;
      const rows = database
        .prepare(
          `SELECT sequence, body FROM runs WHERE sequence < ? ${filter} ORDER BY sequence DESC LIMIT ?`,
        )
        .all(before, size + 1);
      const items = rows
        .slice(0, size)
        .map((row) => trainingV1.Run.decode(row["body"] as Uint8Array));
      const last = rows[size - 1];
      return {
        items,
        nextPageToken: rows.length > size && last !== undefined ? String(last["sequence"]) : "",
      };
    },
    updateRun: (name, change, events = []) => {
      const updated = transaction(() => {
        const run = { ...getRun(name), ...change };
        database
          .prepare("UPDATE runs SET state = ?, body = ? WHERE name = ?")
          .run(run.state, trainingV1.Run.encode(run).finish(), name);
        insertEvents(name, events);
        return run;
      });
      if (events.length > 0) wake(name);
      return updated;
    },
    deleteRun: (name) => {
      transaction(() => {
        getRun(name);
        database.prepare("DELETE FROM events WHERE run = ?").run(name);
        database.prepare("DELETE FROM runs WHERE name = ?").run(name);
      });
      wake(name);
    },
    namesInStates: (states) =>
      database
        .prepare(
          `SELECT name FROM runs WHERE state IN (${states.map(Number).join(",")}) ORDER BY sequence`,
        )
        .all()
        .map((row) => String(row["name"])),
    getWish: (name) =>
      (database.prepare("SELECT wish FROM runs WHERE name = ?").get(name)?.["wish"] as
        Wish | undefined) ?? "cancel",
    setWish: (name, wish) =>
      void database.prepare("UPDATE runs SET wish = ? WHERE name = ?").run(wish, name),
    addEvents: (name, events) => {
      transaction(() => insertEvents(name, events));
      wake(name);
    },
    eventsAfter: (name, cursor, limit) => {
      const after = cursor === "" ? 0 : parseToken(cursor);
      const rows = database
        .prepare(
          "SELECT sequence, body FROM events WHERE run = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        )
        .all(name, after, limit);
      return rows.map((row) => ({
        ...trainingV1.WatchRunResponse.decode(row["body"] as Uint8Array),
        cursor: String(row["sequence"]),
      }));
    },
    waitForEvent: (name, cursor, signal) =>
      new Promise((resolve) => {
        const after = cursor === "" ? 0 : parseToken(cursor);
        const newer = database
          .prepare("SELECT 1 FROM events WHERE run = ? AND sequence > ? LIMIT 1")
          .get(name, after);
        if (newer !== undefined || signal.aborted || find(name) === undefined) {
          resolve();
          return;
        }
        const waiting = waiters.get(name) ?? new Set();
        const done = (): void => {
          waiting.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        signal.addEventListener("abort", done, { once: true });
        waiting.add(done);
        waiters.set(name, waiting);
      }),
    putFile: (file) =>
      void database
        .prepare(
          "INSERT INTO files (id, display_name, size_bytes, sha256, received_bytes, complete, create_ms) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET received_bytes = excluded.received_bytes, complete = excluded.complete",
        )
        .run(
          file.id,
          file.displayName,
          file.sizeBytes,
          file.sha256,
          file.receivedBytes,
          file.complete ? 1 : 0,
          file.createTime.getTime(),
        ),
    findFile: (idOrSha256) => {
      const row = database
        .prepare("SELECT * FROM files WHERE id = ? OR sha256 = ? ORDER BY complete DESC LIMIT 1")
        .get(idOrSha256, idOrSha256);
      return row === undefined ? undefined : toFile(row);
    },
    listFiles: ({ size, token }) => {
      const offset = token === "" ? 0 : parseToken(token);
      const rows = database
        .prepare("SELECT * FROM files ORDER BY create_ms DESC, id LIMIT ? OFFSET ?")
        .all(size + 1, offset);
      return {
        items: rows.slice(0, size).map(toFile),
        nextPageToken: rows.length > size ? String(offset + size) : "",
      };
    },
    deleteFile: (id) => void database.prepare("DELETE FROM files WHERE id = ?").run(id),
    [Symbol.dispose]: () => {
      for (const name of [...waiters.keys()]) wake(name);
      database.close();
    },
  };
}

function openDatabase(file: string): DatabaseSync {
  try {
    const database = new DatabaseSync(file);
    database.exec(schema);
    return database;
  } catch (error) {
    if (/locked/.test((error as Error).message)) {
      throw new QtuneError(
        "failed_precondition",
        "another daemon uses this folder; stop it, or give --data-dir another folder",
        { where: file, cause: error },
      );
    }
    throw new QtuneError(
      "data_loss",
      `not a database of this daemon (${(error as Error).message}); move it away and start again`,
      { where: file, cause: error },
    );
  }
}

function parseToken(token: string): number {
  const value = Number(token);
  if (!/^\d{1,15}$/.test(token)) {
    throw new QtuneError(
      "invalid_argument",
      `expected a token of an earlier answer but was given ${JSON.stringify(token.slice(0, 40))}; leave it empty to start from the beginning`,
      { where: "cursor or page_token" },
    );
  }
  return value;
}

function toFile(row: Record<string, unknown>): StoredFile {
  return {
    id: String(row["id"]),
    displayName: String(row["display_name"]),
    sizeBytes: Number(row["size_bytes"]),
    sha256: String(row["sha256"]),
    receivedBytes: Number(row["received_bytes"]),
    complete: row["complete"] === 1,
    createTime: new Date(Number(row["create_ms"])),
  };
}
