/**
 * What the daemon must not lose: accepted task batches, their placement, results, events and what everybody has used, in
 * one SQLite file (WAL, full sync). Batches and events are stored as the protobuf messages that clients get, so an old
 * file is read by the rules of the contract. One process owns the file.
 */
import type { DatabaseSync } from "node:sqlite";
import { type SQLInputValue } from "node:sqlite";
import { QtuneError } from "@qtune/base";
import { circuitV1, deviceV1 } from "@qtune/contracts";
import type { PlannedBatch } from "../compute/chip-work.ts";
import type { RowCarry } from "../compute/complete-rows.ts";
import { openDatabase, transactionOn } from "./database.ts";

/** A batch as it is stored: what clients see, and what only the daemon needs. */
export interface StoredBatch {
  readonly id: string;
  /** Owner: name of the principal that created it. */
  readonly principal: string;
  /** Without `batch`; names, state and counters are up to date. */
  readonly message: deviceV1.TaskBatch;
  /** Order of acceptance. */
  readonly sequence: number;
}

/** A batch that is about to be stored. */
export interface NewBatch {
  readonly id: string;
  readonly principal: string;
  readonly message: deviceV1.TaskBatch;
  /** The CircuitBatch message. */
  readonly payload: Uint8Array;
  /** Request id and hash of the body. Absent: not idempotent. */
  readonly request?: { readonly id: string; readonly hash: string };
}

/** Result of a finished chip job. */
export interface StoredJob {
  readonly job: number;
  readonly carry: RowCarry;
}

/** What a principal has used. */
export interface UsageRow {
  readonly circuits: number;
  readonly shots: number;
  readonly chipSeconds: number;
  readonly sinceMs: number;
}

/** An event of a batch: a message for clients, or rows that a job completed. */
export type StoredEvent = { readonly sequence: number; readonly timeMs: number } & (
  | { readonly kind: "batch"; readonly message: deviceV1.TaskBatch }
  | { readonly kind: "task"; readonly message: deviceV1.Task }
  | { readonly kind: "results"; readonly job: number }
);

/** An event before it is stored. */
export type NewEvent =
  | { readonly kind: "batch"; readonly message: deviceV1.TaskBatch }
  | { readonly kind: "task"; readonly message: deviceV1.Task }
  | { readonly kind: "results"; readonly job: number };

/** Everything that a finished chip job changes, in one transaction. */
export interface JobCommit {
  readonly id: string;
  readonly principal: string;
  readonly job: number;
  readonly results: Uint8Array | undefined;
  readonly firstRow: number;
  readonly rows: number;
  readonly carry: RowCarry;
  /** Tasks that ended without a result. */
  readonly endedTasks: readonly deviceV1.Task[];
  readonly message: deviceV1.TaskBatch;
  readonly events: readonly NewEvent[];
  readonly used: {
    readonly circuits: number;
    readonly shots: number;
    readonly chipSeconds: number;
  };
}

const schema = `
  CREATE TABLE IF NOT EXISTS batches (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, principal TEXT NOT NULL, state INTEGER NOT NULL,
    request_id TEXT, request_hash TEXT, expire_ms INTEGER NOT NULL, message BLOB NOT NULL, payload BLOB NOT NULL,
    plan TEXT, UNIQUE (principal, request_id)) STRICT;
  CREATE INDEX IF NOT EXISTS batches_by_state ON batches (state);
  CREATE TABLE IF NOT EXISTS jobs (
    batch TEXT NOT NULL, job INTEGER NOT NULL, first_row INTEGER NOT NULL, rows INTEGER NOT NULL, results BLOB,
    carry TEXT NOT NULL, PRIMARY KEY (batch, job)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ended_rows (
    batch TEXT NOT NULL, row INTEGER NOT NULL, message BLOB NOT NULL, PRIMARY KEY (batch, row)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT NOT NULL, time_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    job INTEGER, message BLOB) STRICT;
  CREATE INDEX IF NOT EXISTS events_by_batch ON events (batch, sequence);
  CREATE TABLE IF NOT EXISTS usage (
    principal TEXT PRIMARY KEY, circuits INTEGER NOT NULL, shots INTEGER NOT NULL, chip_seconds REAL NOT NULL,
    since_ms INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS calibrations (
    snapshot_id TEXT PRIMARY KEY, effective_ms INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS chip_clock (snapshot_id TEXT PRIMARY KEY, chip_seconds REAL NOT NULL) STRICT;
`;

/** Batches, results, events and usage of one daemon. Every change is one transaction. */
export interface TaskStore extends Disposable {
  /** Stores a batch with its first event, or returns the stored one when the request id is known. Errors: already_exists for another body. */
  create(
    batch: NewBatch,
    nowMs: number,
  ): { readonly batch: StoredBatch; readonly created: boolean };
  /** Returns the batch that a request id made, if the body is the same. Errors: already_exists for another body. */
  findRequest(
    principal: string,
    request: { readonly id: string; readonly hash: string },
  ): StoredBatch | undefined;
  find(id: string): StoredBatch | undefined;
  payload(id: string): Uint8Array;
  /** Batches that are not final, in order of acceptance. */
  unfinished(): readonly StoredBatch[];
  list(query: ListQuery): {
    readonly batches: readonly StoredBatch[];
    readonly nextPageToken: string;
  };
  /** Changes the message of a batch and stores events, in one transaction. */
  update(id: string, message: deviceV1.TaskBatch, events: readonly NewEvent[], nowMs: number): void;
  /** Moves a batch to LOADING together with its placement. */
  load(id: string, planned: PlannedBatch, message: deviceV1.TaskBatch, nowMs: number): void;
  plan(id: string): PlannedBatch | undefined;
  commitJob(commit: JobCommit, nowMs: number): void;
  jobs(id: string): readonly StoredJob[];
  jobResults(id: string, job: number): circuitV1.RowResults | undefined;
  /** The results that hold a row. */
  rowResults(id: string, row: number): circuitV1.RowResults | undefined;
  /** Stores tasks that ended without a result, with the batch as it then is. */
  endRows(
    id: string,
    tasks: readonly deviceV1.Task[],
    message: deviceV1.TaskBatch,
    nowMs: number,
  ): void;
  /** Tasks that ended without a result, by row. */
  endedRows(id: string): ReadonlyMap<number, deviceV1.Task>;
  eventsAfter(id: string, sequence: number, limit: number): readonly StoredEvent[];
  usage(principal: string): UsageRow;
  delete(id: string): void;
  /** Deletes final batches whose time is over. Returns how many. */
  expire(nowMs: number): number;
  putCalibration(snapshotId: string, document: string, effectiveMs: number): void;
  /** Chip seconds that everybody has used since a calibration came into use. */
  chipSecondsSince(snapshotId: string): number;
  calibrations(): readonly {
    readonly snapshotId: string;
    readonly document: string;
    readonly effectiveMs: number;
  }[];
}

/** What a list of batches asks for. */
export interface ListQuery {
  readonly principal: string;
  readonly pageSize: number;
  readonly pageToken: string;
  /** Empty: all. */
  readonly states: readonly deviceV1.TaskState[];
}

type Row = Record<string, SQLInputValue>;

/**
 * Opens the store in a file, creating it when missing; `:memory:` keeps nothing.
 *
 * Errors: failed_precondition when another process has it open, data_loss when the file is no database of ours.
 */
export function openTaskStore(file: string): TaskStore {
  const database = openDatabase(file, schema);
  const transaction = transactionOn(database);
  const statements = prepareStatements(database);

  const find = (id: string): StoredBatch | undefined => toBatch(statements.find.get(id));
  const addEvents = (id: string, events: readonly NewEvent[], nowMs: number): void => {
    for (const event of events) {
      const blob =
        event.kind === "batch"
          ? deviceV1.TaskBatch.encode(event.message).finish()
          : event.kind === "task"
            ? deviceV1.Task.encode(event.message).finish()
            : null;
      statements.addEvent.run(
        id,
        nowMs,
        event.kind,
        event.kind === "results" ? event.job : null,
        blob,
      );
    }
  };
  const setMessage = (id: string, message: deviceV1.TaskBatch): void => {
    statements.setMessage.run(message.state, deviceV1.TaskBatch.encode(message).finish(), id);
  };
  const findRequest: TaskStore["findRequest"] = (principal, request) => {
    const row = statements.findRequest.get(principal, request.id);
    if (row === undefined) return undefined;
    if (row["request_hash"] === request.hash) return toBatch(row);
    throw new QtuneError(
      "already_exists",
      `the request id ${request.id} was used for another body`,
      {
        where: "request_id",
        details: { storedSha256: row["request_hash"], givenSha256: request.hash },
      },
    );
  };

  return {
    findRequest,
    create: (batch, nowMs) =>
      transaction(() => {
        const known =
          batch.request === undefined ? undefined : findRequest(batch.principal, batch.request);
        if (known !== undefined) return { batch: known, created: false };
        const { id, principal, message, payload, request } = batch;
        const expireMs = message.expireTime?.getTime() ?? Number.MAX_SAFE_INTEGER;
        const bytes = deviceV1.TaskBatch.encode(message).finish();
        statements.create.run(
          id,
          principal,
          message.state,
          request?.id ?? null,
          request?.hash ?? null,
          expireMs,
          bytes,
          payload,
        );
        addEvents(id, [{ kind: "batch", message }], nowMs);
        const stored = find(id);
        if (stored === undefined)
          throw new QtuneError("internal", "internal: a stored batch is not there");
        return { batch: stored, created: true };
      }),
    find,
    payload: (id) => blobOf(statements.payload.get(id)?.["payload"]),
    unfinished: () => statements.unfinished.all().flatMap((row) => toBatch(row) ?? []),
    list: ({ principal, pageSize, pageToken, states }) => {
      const before = pageToken === "" ? Number.MAX_SAFE_INTEGER : Number(pageToken);
      const wanted = states.length === 0 ? "[]" : JSON.stringify(states);
      const rows = statements.list.all(principal, before, wanted, wanted, pageSize + 1);
      const batches = rows.slice(0, pageSize).flatMap((row) => toBatch(row) ?? []);
      return {
        batches,
        nextPageToken: rows.length > pageSize ? String(batches.at(-1)?.sequence ?? "") : "",
      };
    },
    update: (id, message, events, nowMs) =>
      transaction(() => {
        setMessage(id, message);
        addEvents(id, events, nowMs);
      }),
    load: (id, planned, message, nowMs) =>
      transaction(() => {
        statements.setPlan.run(printPlan(planned), id);
        setMessage(id, message);
        addEvents(id, [{ kind: "batch", message }], nowMs);
      }),
    plan: (id) => {
      const text = statements.plan.get(id)?.["plan"];
      return typeof text === "string" ? parsePlan(text) : undefined;
    },
    commitJob: (commit, nowMs) =>
      transaction(() => {
        const { id, job, firstRow, rows, results, carry, used } = commit;
        statements.addJob.run(id, job, firstRow, rows, results ?? null, JSON.stringify(carry));
        for (const task of commit.endedTasks)
          statements.endRow.run(id, task.row, deviceV1.Task.encode(task).finish());
        setMessage(id, commit.message);
        addEvents(id, commit.events, nowMs);
        statements.addUsage.run(
          commit.principal,
          used.circuits,
          used.shots,
          used.chipSeconds,
          nowMs,
        );
      }),
    jobs: (id) =>
      statements.jobs.all(id).map((row) => ({
        job: Number(row["job"]),
        carry: JSON.parse(String(row["carry"])) as RowCarry,
      })), // written by addJob
    jobResults: (id, job) => toResults(statements.jobResults.get(id, job)),
    rowResults: (id, row) => toResults(statements.rowResults.get(id, row, row)),
    endRows: (id, tasks, message, nowMs) =>
      transaction(() => {
        for (const task of tasks)
          statements.endRow.run(id, task.row, deviceV1.Task.encode(task).finish());
        setMessage(id, message);
        const events = tasks.map((task): NewEvent => ({ kind: "task", message: task }));
        addEvents(id, [...events, { kind: "batch", message }], nowMs);
      }),
    endedRows: (id) => {
      const tasks = statements.endedRows
        .all(id)
        .map((row) => deviceV1.Task.decode(blobOf(row["message"])));
      return new Map(tasks.map((task) => [task.row, task]));
    },
    eventsAfter: (id, sequence, limit) =>
      statements.eventsAfter.all(id, sequence, limit).map(toEvent),
    usage: (principal) => toUsage(statements.usage.get(principal)),
    delete: (id) => transaction(() => deleteBatch(statements, id)),
    expire: (nowMs) =>
      transaction(() => {
        const ids = statements.expired.all(nowMs).map((row) => String(row["id"]));
        for (const id of ids) deleteBatch(statements, id);
        return ids.length;
      }),
    putCalibration: (snapshotId, document, effectiveMs) =>
      transaction(() => {
        statements.putCalibration.run(snapshotId, effectiveMs, document);
        statements.startClock.run(snapshotId);
      }),
    chipSecondsSince: (snapshotId) => Number(statements.clock.get(snapshotId)?.["seconds"] ?? 0),
    calibrations: () =>
      statements.calibrations.all().map((row) => ({
        snapshotId: String(row["snapshot_id"]),
        document: String(row["document"]),
        effectiveMs: Number(row["effective_ms"]),
      })),
    [Symbol.dispose]: () => database.close(),
  };
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(database: DatabaseSync) {
  const final = `(${deviceV1.TaskState.TASK_STATE_SUCCEEDED}, ${deviceV1.TaskState.TASK_STATE_FAILED}, ${deviceV1.TaskState.TASK_STATE_CANCELLED})`;
  const columns = "sequence, id, principal, message, request_hash";
  return {
    find: database.prepare(`SELECT ${columns} FROM batches WHERE id = ?`),
    findRequest: database.prepare(
      `SELECT ${columns} FROM batches WHERE principal = ? AND request_id = ?`,
    ),
    create: database.prepare(
      "INSERT INTO batches (id, principal, state, request_id, request_hash, expire_ms, message, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ),
    payload: database.prepare("SELECT payload FROM batches WHERE id = ?"),
    unfinished: database.prepare(
      `SELECT ${columns} FROM batches WHERE state NOT IN ${final} ORDER BY sequence`,
    ),
    list: database.prepare(
      `SELECT ${columns} FROM batches WHERE principal = ? AND sequence < ?
       AND (? = '[]' OR state IN (SELECT value FROM json_each(?))) ORDER BY sequence DESC LIMIT ?`,
    ),
    setMessage: database.prepare("UPDATE batches SET state = ?, message = ? WHERE id = ?"),
    setPlan: database.prepare("UPDATE batches SET plan = ? WHERE id = ?"),
    plan: database.prepare("SELECT plan FROM batches WHERE id = ?"),
    addJob: database.prepare(
      "INSERT INTO jobs (batch, job, first_row, rows, results, carry) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    jobs: database.prepare("SELECT job, carry FROM jobs WHERE batch = ? ORDER BY job"),
    jobResults: database.prepare("SELECT results FROM jobs WHERE batch = ? AND job = ?"),
    rowResults: database.prepare(
      "SELECT results FROM jobs WHERE batch = ? AND first_row <= ? AND first_row + rows > ?",
    ),
    endRow: database.prepare(
      "INSERT OR IGNORE INTO ended_rows (batch, row, message) VALUES (?, ?, ?)",
    ),
    endedRows: database.prepare("SELECT message FROM ended_rows WHERE batch = ?"),
    addEvent: database.prepare(
      "INSERT INTO events (batch, time_ms, kind, job, message) VALUES (?, ?, ?, ?, ?)",
    ),
    eventsAfter: database.prepare(
      "SELECT * FROM events WHERE batch = ? AND sequence > ? ORDER BY sequence LIMIT ?",
    ),
    usage: database.prepare("SELECT * FROM usage WHERE principal = ?"),
    addUsage: database.prepare(
      `INSERT INTO usage (principal, circuits, shots, chip_seconds, since_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (principal) DO UPDATE SET circuits = circuits + excluded.circuits, shots = shots + excluded.shots,
       chip_seconds = chip_seconds + excluded.chip_seconds`,
    ),
    expired: database.prepare(`SELECT id FROM batches WHERE expire_ms <= ? AND state IN ${final}`),
    deleteBatch: database.prepare("DELETE FROM batches WHERE id = ?"),
    deleteJobs: database.prepare("DELETE FROM jobs WHERE batch = ?"),
    deleteRows: database.prepare("DELETE FROM ended_rows WHERE batch = ?"),
    deleteEvents: database.prepare("DELETE FROM events WHERE batch = ?"),
    putCalibration: database.prepare(
      "INSERT OR IGNORE INTO calibrations (snapshot_id, effective_ms, document) VALUES (?, ?, ?)",
    ),
    startClock: database.prepare(
      `INSERT OR IGNORE INTO chip_clock (snapshot_id, chip_seconds)
        SELECT ?, COALESCE(SUM(chip_seconds), 0) FROM usage`,
    ),
    clock: database.prepare(
      `SELECT (SELECT COALESCE(SUM(chip_seconds), 0) FROM usage)
        - COALESCE((SELECT chip_seconds FROM chip_clock WHERE snapshot_id = ?), 0) AS seconds`,
    ),
    calibrations: database.prepare("SELECT * FROM calibrations ORDER BY effective_ms, rowid"),
  };
}

function deleteBatch(statements: Statements, id: string): void {
  for (const each of [
    statements.deleteBatch,
    statements.deleteJobs,
    statements.deleteRows,
    statements.deleteEvents,
  ])
    each.run(id);
}

function blobOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new QtuneError("data_loss", "a stored batch has lost its circuits", { where: "data-dir" });
}

function toBatch(row: Row | undefined): StoredBatch | undefined {
  if (row === undefined) return undefined;
  return {
    id: String(row["id"]),
    principal: String(row["principal"]),
    sequence: Number(row["sequence"]),
    message: deviceV1.TaskBatch.decode(blobOf(row["message"])),
  };
}

function toResults(row: Row | undefined): circuitV1.RowResults | undefined {
  const blob = row?.["results"];
  return blob instanceof Uint8Array
    ? circuitV1.RowResults.decode(Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength))
    : undefined;
}

function toEvent(row: Row): StoredEvent {
  const base = { sequence: Number(row["sequence"]), timeMs: Number(row["time_ms"]) };
  switch (row["kind"]) {
    case "batch":
      return { ...base, kind: "batch", message: deviceV1.TaskBatch.decode(blobOf(row["message"])) };
    case "task":
      return { ...base, kind: "task", message: deviceV1.Task.decode(blobOf(row["message"])) };
    default:
      return { ...base, kind: "results", job: Number(row["job"]) };
  }
}

function toUsage(row: Row | undefined): UsageRow {
  return {
    circuits: Number(row?.["circuits"] ?? 0),
    shots: Number(row?.["shots"] ?? 0),
    chipSeconds: Number(row?.["chip_seconds"] ?? 0),
    sinceMs: Number(row?.["since_ms"] ?? 0),
  };
}

/** A plan as JSON; 64-bit seeds as decimal text. */
function printPlan(planned: PlannedBatch): string {
  return JSON.stringify(planned, (key, value: unknown) =>
    typeof value === "bigint" ? { [bigKey]: value.toString() } : value,
  );
}

const bigKey = "$big";

function parsePlan(text: string): PlannedBatch {
  // Written by printPlan of this or an older version of ours.
  return JSON.parse(text, (_, value: unknown) => {
    const digits =
      typeof value === "object" && value !== null
        ? (value as Readonly<Record<string, unknown>>)[bigKey]
        : undefined;
    return typeof digits === "string" ? BigInt(digits) : value;
  }) as PlannedBatch;
}
