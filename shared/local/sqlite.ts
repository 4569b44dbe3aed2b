import { DatabaseSync } from 'node:sqlite';

/** How a database file is opened, and what it must hold. */
export interface DatabaseOptions {
  /** Statements that make the tables; run once per file, in one transaction. */
  schema: string;
  /** Number of the schema. A file with a higher one was written by a newer version of the program and is refused. */
  version: number;
  /** Statements that make a file of version n one of version n + 1. */
  upgrades?: Record<number, string>;
  /**
   * NORMAL: a commit survives the death of the process (kill -9), and may be lost with the machine's power.
   * FULL: a commit also survives a power cut, at the price of one fsync.
   */
  synchronous: 'NORMAL' | 'FULL';
  /** Milliseconds that a statement blocks the thread while another connection writes; for writers that wait by themselves 0. */
  blockMs?: number;
}

/** The file is no database, or a damaged one. */
export class DatabaseDamaged extends Error {
  readonly code = 'DatabaseDamaged';
  constructor(file: string, cause: Error) {
    super(
      `${file} is damaged (${cause.message}); stop sluice, move the file and those beside it (-wal, -shm) away, and start again: queues and index begin anew and are filled from the clusters, of which those added by \`sluice cluster add\` have to be added again if it is the index`,
      { cause },
    );
    this.name = 'DatabaseDamaged';
  }
}

/** How long a writer waits for the others before it gives up. Writes here last microseconds; a minute means a hang. */
const busyMs = 60_000;

/** Opens (and makes, when absent) a database in WAL mode that many threads and processes share. */
export function openDatabase(file: string, options: DatabaseOptions): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: busyMs });
  try {
    return prepare(db, file, options);
  } catch (error) {
    db.close();
    if (isDamage(error)) throw new DatabaseDamaged(file, error);
    throw error;
  }
}

function prepare(db: DatabaseSync, file: string, options: DatabaseOptions): DatabaseSync {
  // The switch to WAL needs the file for itself for a moment; SQLite answers "busy" there without waiting.
  retryBusy(() => db.exec('PRAGMA journal_mode = WAL'));
  db.exec(`PRAGMA synchronous = ${options.synchronous}; PRAGMA wal_autocheckpoint = 2000; PRAGMA temp_store = MEMORY`);
  if (schemaVersion(db) !== options.version)
    transaction(db, () => {
      let found = schemaVersion(db);
      if (found === 0) db.exec(options.schema);
      else
        for (let upgrade = options.upgrades?.[found]; upgrade; upgrade = options.upgrades?.[++found]) db.exec(upgrade);
      if (found !== 0 && found !== options.version)
        throw new Error(
          `${file} has schema ${found}, this version of sluice writes ${options.version}; use the version that wrote it, or move the file away`,
        );
      db.exec(`PRAGMA user_version = ${options.version}`);
    });
  if (options.blockMs !== undefined) db.exec(`PRAGMA busy_timeout = ${options.blockMs}`);
  return db;
}

/**
 * As transaction, on a database that is opened with `blockMs: 0`: while another connection writes, the thread goes on with
 * other things. (SQLite's own waiting would stop it, for up to a second when many write at once.)
 */
export async function patientTransaction<T>(db: DatabaseSync, act: () => T): Promise<T> {
  const end = Date.now() + busyMs;
  for (;;) {
    try {
      return transaction(db, act);
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
      await new Promise(resolve => setTimeout(resolve, Math.random() * 2));
    }
  }
}

/** Runs `act` in a write transaction: all of it happens, or nothing. */
export function transaction<T>(db: DatabaseSync, act: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  let result: T;
  try {
    result = act();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
  return result;
}

function schemaVersion(db: DatabaseSync): number {
  return (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
}

function retryBusy(act: () => void): void {
  const end = Date.now() + busyMs;
  for (;;) {
    try {
      act();
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** SQLITE_CORRUPT, SQLITE_NOTADB. */
function isDamage(error: unknown): error is Error {
  return error instanceof Error && 'errcode' in error && [11, 26].includes(Number(error.errcode) & 0xff);
}

/** Whether SQLite refused because another connection holds the lock (SQLITE_BUSY). */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}
