import { DatabaseSync } from "node:sqlite";
import { QtuneError } from "@qtune/base";

/**
 * Opens a SQLite file that this process alone uses, creating it and its tables when missing.
 *
 * Errors: failed_precondition when another process has it open, data_loss when it is no database.
 */
export function openDatabase(file: string, schema: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 200 });
    // Exclusive: a second daemon on the same folder is refused at once. Full sync: what was accepted survives a power cut.
    database.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
    );
    database.exec(schema);
    return database;
  } catch (error) {
    database?.close();
    if (/locked|busy/i.test(String(error))) {
      throw new QtuneError(
        "failed_precondition",
        `another process uses ${file}; give each daemon a folder of its own`,
        {
          where: "data-dir",
          cause: error,
        },
      );
    }
    throw new QtuneError(
      "data_loss",
      `${file} is not a database of this daemon; move it away or take another folder`,
      {
        where: "data-dir",
        cause: error,
      },
    );
  }
}

/** Returns a function that runs work in a transaction: all of it or nothing. */
export function transactionOn(database: DatabaseSync): <T>(work: () => T) => T {
  return (work) => {
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
}
